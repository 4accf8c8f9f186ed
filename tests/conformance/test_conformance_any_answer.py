"""Whatever a server answers in place of what the official SDK's types say, no call ends in a traceback of ours.

The answers are built from the SDK's own types, so that a field that it gains is tried as soon as it is installed; then
some of what they hold is replaced by what no server should send.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kagglesdk.benchmarks.types import benchmark_tasks_api_service as tasks
from kagglesdk.benchmarks.types import benchmarks_api_service as boards
from kagglesdk.discussions.types import discussions_api_service as discussions
from kagglesdk.kaggle_object import FieldMetadata, KaggleObject, ListSerializer
from kagglesdk.models.types import model_proxy_api_service as proxies
from kagglesdk.security.types.oauth_service import IntrospectTokenResponse

from kbench_jupyter.actions.leaderboard import leaderboard
from kbench_jupyter.actions.list_tasks import list_tasks
from kbench_jupyter.actions.models import list_models
from kbench_jupyter.actions.quota import quota
from kbench_jupyter.actions.status import status
from kbench_jupyter.actions.topics import list_topics, show_topic
from kbench_jupyter.api import Client, Credentials, Limits, Request, Response
from kbench_jupyter.display.view import forms
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.session.session import Session

QUICK = Limits(
    deadline=1.0, attempts=2, backoff=0.0, backoff_cap=0.0, poll=0.0, poll_cap=0.0, looks=1, outage=0.0
)
#: How many answers of each call `make faults` tries.
LONG = int(os.environ.get("ANSWERS", "2000"))

# -- Answers ------------------------------------------------------------------------------------------------

nonsense = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**70), 10**400, 1e308, -0.0, float("inf"), float("nan")]),
    st.text(max_size=8),
    st.sampled_from(
        ["\ud800", "\udfff x", "\x00", "\x1b]0;x\x07", "\x9b31m", "\u202e", "NaN", "9" * 5000, "y" * 9000]
    ),
    st.sampled_from(
        ["_" * 30, "BENCHMARK_TASK_RUN_STATE_", "MODALITY_SMELL", "0001-01-01T00:00:00+14:00", "9999-12-31"]
    ),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3),
)
#: Bodies that are no JSON object at all, or none that can be read.
bodies = st.sampled_from(
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{" + b'"a":' * 9,
        b"1" * 5000,
        b'{"a":' * 50_000,
        b'{"runs": [' + b"9" * 5000 + b"]}",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"id": 1e999}',
        b"{}{}",
    ]
)


def right(field: FieldMetadata) -> st.SearchStrategy[Any]:
    """Return what the SDK's types say a field holds."""
    kind: Any = field.field_type
    if issubclass(kind, KaggleObject):
        item = objects(kind)
    elif issubclass(kind, Enum):
        item = st.sampled_from([member.name for member in kind])
    elif issubclass(kind, datetime):
        item = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    else:
        item = {
            bool: st.booleans(),
            int: st.integers(0, 2**63),
            float: st.floats(width=32),
            str: st.text(max_size=8),
        }.get(kind, st.none())
    return st.lists(item, max_size=3) if isinstance(field.serializer, ListSerializer) else item


def objects(kind: type[KaggleObject]) -> st.SearchStrategy[dict[str, Any]]:
    """Return JSON objects of a type: any of its fields missing, and one in five not what it should be."""

    def fields() -> st.SearchStrategy[dict[str, Any]]:
        each = {field.json_name: st.one_of(*[right(field)] * 4, nonsense) for field in kind._fields}
        return st.fixed_dictionaries({}, optional=each)

    return st.deferred(fields)


ANSWERS: dict[str, type[KaggleObject]] = {
    "CreateBenchmarkTask": tasks.ApiBenchmarkTask,
    "GetBenchmarkTask": tasks.ApiBenchmarkTask,
    "PublishBenchmarkTask": tasks.ApiBenchmarkTask,
    "ListBenchmarkTasks": tasks.ApiListBenchmarkTasksResponse,
    "ListBenchmarkTaskRuns": tasks.ApiListBenchmarkTaskRunsResponse,
    "BatchScheduleBenchmarkTaskRuns": tasks.ApiBatchScheduleBenchmarkTaskRunsResponse,
    "GetBenchmarkTaskQuota": tasks.ApiGetBenchmarkTaskQuotaResponse,
    "ListBenchmarkModels": boards.ApiListBenchmarkModelsResponse,
    "GetBenchmarkLeaderboard": boards.ApiBenchmarkLeaderboard,
    "CreateDefaultModelProxyToken": proxies.ApiCreateDefaultModelProxyTokenResponse,
    "GetModelProxyQuotas": proxies.ApiGetModelProxyQuotasResponse,
    "IntrospectToken": IntrospectTokenResponse,
    "ListBenchmarkTopics": discussions.ApiListTopicsResponse,
    "GetTopic": discussions.ApiGetTopicResponse,
    "ListComments": discussions.ApiListCommentsResponse,
}


def encoded(answer: Any) -> bytes:
    """Return an answer's bytes; lone surrogates come as escapes, as JSON allows."""
    return json.dumps(answer).encode()


class AnySession(Session):
    """Speaks to whatever answers."""

    def __init__(self, client: Client) -> None:
        super().__init__(None, None, {"KBENCH_API_URL": "http://127.0.0.1:1", "KAGGLE_API_TOKEN": "t"})
        self._any = client

    def client(self, target: Any = None) -> Client:
        return self._any


def drawn(result: Any) -> None:
    forms(result.view())


CALLS: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "create_task": (
        "CreateBenchmarkTask",
        lambda client: client.create_task("t", "{}", datasets=["a/b"], known_version=1),
    ),
    "publish_task": (
        "PublishBenchmarkTask",
        lambda client: client.publish("t", notebook=True),
    ),
    "schedule_runs": (
        "BatchScheduleBenchmarkTaskRuns",
        lambda client: client.schedule("t", ["m"], known_runs=()),
    ),
    "get_task": ("GetBenchmarkTask", lambda client: client.get_task("t")),
    "create_model_proxy_token": (
        "CreateDefaultModelProxyToken",
        lambda client: client.create_model_proxy_token("auth"),
    ),
    "introspect_token": ("IntrospectToken", lambda client: client.introspect_token()),
    "list, as it is shown": ("ListBenchmarkTasks", lambda client: drawn(list_tasks(AnySession(client)))),
    "status, as it is shown": (
        "ListBenchmarkTaskRuns",
        lambda client: drawn(status(AnySession(client), "t")),
    ),
    "models, as they are shown": (
        "ListBenchmarkModels",
        lambda client: drawn(list_models(AnySession(client))),
    ),
    "leaderboard, as it is shown": (
        "GetBenchmarkLeaderboard",
        lambda client: drawn(leaderboard(AnySession(client), "o/b", None)),
    ),
    "topics, as they are shown": (
        "ListBenchmarkTopics",
        lambda client: drawn(list_topics(AnySession(client), "o/b")),
    ),
    "a topic, as it is shown": ("GetTopic", lambda client: drawn(show_topic(AnySession(client), "7"))),
    "comments, as they are shown": (
        "ListComments",
        lambda client: drawn(show_topic(AnySession(client), "7")),
    ),
    "quota, of tasks, as it is shown": (
        "GetBenchmarkTaskQuota",
        lambda client: drawn(quota(AnySession(client))),
    ),
    "quota, of the model proxy, as it is shown": (
        "GetModelProxyQuotas",
        lambda client: drawn(quota(AnySession(client))),
    ),
    "run_logs": ("GetBenchmarkTaskRunLogs", lambda client: client.run_logs(1, quiet=0.0)),
    "stream_logs": (
        "GetBenchmarkTaskRunLogs",
        lambda client: list(client.stream_logs(1, start_timeout=0.0, ended=lambda: True)),
    ),
}
#: What a log is made of is in no type of the SDK.
entries = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("stream_name", "time", "data"), nonsense)) | nonsense,
    max_size=4,
)
#: What the other calls that one asks on its way are answered with.
SENSIBLE: dict[str, Any] = {
    "GetBenchmarkTask": {"slug": {"taskSlug": "t", "versionNumber": 1}},
    "GetBenchmarkTaskQuota": {"dailyQuotaUsed": 1},
    "GetModelProxyQuotas": {},
    "ListBenchmarkTaskRuns": {},
    "GetTopic": {"topic": {"id": 7}},
}


def answer_all(name: str, examples: int) -> None:
    method, do = CALLS[name]
    kind = ANSWERS.get(method)
    answers = (objects(kind) if kind else entries).map(encoded) | bodies

    # What a failed example was is printed by hypothesis, with a seed; nothing is kept beside the tests.
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(answers, st.sampled_from([200, 200, 200, 200, 404, 500]))
    def ends_well(body: bytes, code: int) -> None:
        def answer(request: Request) -> Response:
            asked = request.url.rpartition("/")[2]
            if asked != method:
                return Response(200, {"Content-Type": "application/json"}, encoded(SENSIBLE.get(asked, {})))
            return Response(code, {"Content-Type": "application/json"}, body)

        with (
            Client(
                "https://x.example", Credentials.bearer("tok", "x"), transport=answer, limits=QUICK
            ) as client,
            suppress(KBenchError),
        ):
            str(do(client))

    ends_well()


@pytest.mark.parametrize("name", CALLS)
def test_no_answer_makes_a_call_end_in_a_traceback(name: str) -> None:
    answer_all(name, 40)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CALLS)
def test_thousands_of_answers_make_no_call_end_in_a_traceback(name: str) -> None:
    answer_all(name, LONG)

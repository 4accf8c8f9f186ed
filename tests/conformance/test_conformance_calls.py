"""Call by call, our client and the unmodified kagglesdk send the same JSON, and read the same in the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from faults import JSON, FakeApi, FaultServer, Handled, Seen
from google.protobuf.field_mask_pb2 import FieldMask
from kagglesdk import kaggle_env
from kagglesdk.benchmarks.types import benchmark_tasks_api_service as t
from kagglesdk.benchmarks.types import benchmarks_api_service as b
from kagglesdk.discussions.types import discussions_api_service as d
from kagglesdk.discussions.types.discussions_enums import TopicListSortBy
from kagglesdk.kaggle_client import KaggleClient

from kbench_jupyter.api import Citation, Client, Credentials, TaskSlug

SLUG = {"ownerSlug": "me", "taskSlug": "quiz"}
TASK = {
    "slug": {**SLUG, "versionNumber": 3},
    "creationState": "BENCHMARK_TASK_VERSION_CREATION_STATE_VALIDATING",
    "isPublic": True,
    "isBackingNotebookPublished": True,
    "areRunArtifactsPublic": True,
    "description": "# What it asks ☃",
    "tags": ["reasoning"],
    "provenanceSources": "A book.",
    "citations": [{"title": "A", "url": "https://a.example"}, {"url": "http://b.example"}],
    "candidateType": "BENCHMARK_CANDIDATE_TYPE_AGENTS",
}
RUNS = [
    {"id": 1, "taskSlug": TASK["slug"], "modelVersionSlug": "m", "result": {"numericResult": 0.84312}},
    {
        "id": 2,
        "taskSlug": TASK["slug"],
        "modelVersionSlug": "m",
        "modelVersionConfigSlug": "m-high",
        "result": {"booleanResult": False},
    },
    {"id": 3, "taskSlug": TASK["slug"], "modelVersionSlug": "m", "agentSlug": "code-m"},
]
SCHEDULED = [
    {
        "runScheduled": True,
        "runId": 11,
        "benchmarkModelVersionId": 7,
        "benchmarkTaskVersionId": 5,
        "benchmarkModelVersionConfigId": 8,
    },
    {"runSkippedReason": "has one", "benchmarkModelVersionId": 9, "benchmarkModelVersionConfigId": 10},
]
AGENT = {
    "runScheduled": True,
    "runId": 12,
    "agentId": 4,
    "candidateType": "BENCHMARK_CANDIDATE_TYPE_AGENTS",
    "benchmarkModelVersionId": 7,
}
CONFIGS = [
    {
        "id": 8,
        "benchmarkModelVersionId": 7,
        "displayName": "M high",
        "slug": "m-high",
        "reasoningEffort": "high",
    },
    {"id": 9, "benchmarkModelVersionId": 7, "displayName": "M", "slug": "m"},
]
MODEL = {
    "id": 1,
    "displayName": "M",
    "slug": "m",
    "version": {
        "id": 7,
        "slug": "m",
        "supportsReasoningEffort": False,
        "releaseDate": "2026-01-02T03:04:05.678Z",
        "importanceLevel": "CORE",
    },
}
TOPIC = {
    "id": 7,
    "title": "Is it fair?",
    "url": "/benchmarks/me/bench/discussion/7",
    "postDate": "2026-01-02T03:04:05.678Z",
    "authorName": "Ann",
    "votes": 12,
    "commentCount": 3,
}
COMMENT = {
    "id": 1,
    "authorName": "Bob",
    "postDate": "2026-01-03T03:04:05Z",
    "content": "<p>Yes ☃</p>",
    "votes": 2,
}
UNDEFEATED = 1.7976931348623157e308
ROWS = [
    {
        "modelVersionName": "M",
        "modelVersionSlug": "m",
        "taskResults": [
            {
                "benchmarkTaskSlug": "quiz",
                "displayType": "PERCENTAGES",
                "result": {"numericResult": {"value": 0.5, "standardDeviation": 0.1}},
            }
        ],
    },
    {
        "modelVersionName": "M",
        "modelVersionSlug": "m",
        "candidateClass": "BENCHMARK_CANDIDATE_CLASS_MODEL_VERSION_CONFIG",
        "modelVersionConfigName": "M high",
        "modelVersionConfigSlug": "m-high",
        "taskResults": [{"benchmarkTaskSlug": "quiz", "result": {"numericResult": {"value": UNDEFEATED}}}],
    },
    {
        "modelVersionName": "M",
        "modelVersionSlug": "m",
        "modelVersionConfigName": "M high",
        "modelVersionConfigSlug": "m-high",
        "agentName": "Code on M",
        "agentSlug": "code-m",
        "candidateClass": "BENCHMARK_CANDIDATE_CLASS_AGENT",
        "harnessName": "Code",
        "harnessSlug": "code",
        "taskResults": [{"benchmarkTaskSlug": "quiz", "displayType": "WHOLE_DOLLARS"}],
    },
]


def made(kind: type[Any], **fields: Any) -> Any:
    """Return an object of the SDK with these fields set, and nothing else."""
    one = kind()
    for name, value in fields.items():
        setattr(one, name, value)
    return one


THEIR_SLUG = made(t.ApiBenchmarkTaskSlug, owner_slug="me", task_slug="quiz")
OTHER_SLUG = made(t.ApiBenchmarkTaskSlug, task_slug="other")


@dataclass
class Call:
    """One call in both clients.

    `ours` and `theirs` make it and return what they read in `answer`, as plain values.
    """

    name: str
    answer: dict[str, Any]
    ours: Callable[[Client], Any]
    theirs: Callable[[Any, Any], Any]
    #: Whether `theirs` is given the SDK's client of discussions in place of that of benchmarks.
    discussed: bool = False


def their_schedule(tasks: Any, **fields: Any) -> list[Any]:
    request = made(t.ApiBatchScheduleBenchmarkTaskRunsRequest, task_slugs=[THEIR_SLUG], **fields)
    results = tasks.batch_schedule_benchmark_task_runs(request).results
    return [
        (
            one.run_scheduled,
            one.run_id or None,
            one.run_skipped_reason or None,
            one.benchmark_model_version_config_id or None,
        )
        for one in results
    ]


def our_schedule(client: Client, models: list[str], **options: Any) -> list[Any]:
    results = client.schedule("me/quiz", models, known_runs=(), **options)
    return [(one.scheduled, one.run_id, one.skipped_reason, one.config_id) for one in results]


def their_cancel(tasks: Any, **fields: Any) -> tuple[int, int]:
    done = tasks.api_cancel_benchmark_task_runs(made(t.ApiCancelBenchmarkTaskRunsRequest, **fields))
    return done.queued_cancelled_count, done.active_terminated_count


def our_cancel(client: Client, **options: Any) -> tuple[int, int]:
    done = client.cancel_runs(**options)
    return done.queued, done.active


def page_of(task: Any) -> tuple[Any, ...]:
    citations = [(one.title, one.url) for one in task.citations]
    return task.description, list(task.tags), citations


def their_update(tasks: Any, *mask: str, **fields: Any) -> tuple[Any, ...]:
    request = made(
        t.ApiUpdateBenchmarkTaskRequest, slug=THEIR_SLUG, update_mask=FieldMask(paths=mask), **fields
    )
    done = tasks.update_benchmark_task(request)
    kind = done.task.candidate_type.name
    return page_of(done.task), done.task.provenance_sources, kind, done.invalid_tags


def our_update(client: Client, **fields: Any) -> tuple[Any, ...]:
    done = client.update_task(TaskSlug("quiz", "me", 3), **fields)
    kind = done.task.candidate_type.to_wire()
    return page_of(done.task), done.task.provenance, kind, list(done.invalid_tags)


def told(slugs: Any) -> list[tuple[str, str]]:
    return [(slug.owner or "", slug.task) for slug in slugs]


def their_told(slugs: Any) -> list[tuple[str, str]]:
    return [(slug.owner_slug, slug.task_slug) for slug in slugs]


def their_change(done: Any, changed: Any) -> tuple[Any, Any]:
    return their_told(changed), their_told(done.skipped_tasks)


def our_change(done: Any) -> tuple[Any, Any]:
    return told(done.changed), told(done.skipped)


def their_models(boards: Any) -> list[Any]:
    models = boards.list_benchmark_models(b.ApiListBenchmarkModelsRequest()).benchmark_models
    return [
        (
            one.version.id,
            one.version.supports_reasoning_effort,
            f"{one.version.release_date:%F %T.%f}",
            one.version.importance_level.name,
        )
        for one in models
    ]


def their_board(boards: Any) -> list[Any]:
    request = made(b.ApiGetBenchmarkLeaderboardRequest, owner_slug="me", benchmark_slug="bench")
    rows = boards.get_benchmark_leaderboard(request).rows
    read = []
    for row in rows:
        [cell] = row.task_results
        numeric = cell.result.numeric_result if cell.result else None
        scale = cell.display_type.name.removeprefix("BENCHMARK_LEADERBOARD_DISPLAY_TYPE_UNSPECIFIED")
        # Each class of contestant is named by what it adds: docstrings of LeaderboardRow and BenchmarkCandidateClass.
        by_class = {
            "BENCHMARK_CANDIDATE_CLASS_AGENT": (row.agent_slug, row.agent_name),
            "BENCHMARK_CANDIDATE_CLASS_MODEL_VERSION_CONFIG": (
                row.model_version_config_slug,
                row.model_version_config_name,
            ),
        }
        named = by_class.get(row.candidate_class.name, (row.model_version_slug, row.model_version_name))
        read.append((named, numeric and (numeric.value, numeric.standard_deviation or None), scale))
    return read


def our_board(client: Client) -> list[Any]:
    read = []
    for row in client.leaderboard("me", "bench").rows:
        [cell] = row.results
        numeric = cell.score.numeric if cell.score else None
        number = numeric and (numeric.value, numeric.standard_deviation)
        read.append(((row.candidate, row.candidate_name), number, cell.display))
    return read


def their_runs(tasks: Any) -> list[Any]:
    request = made(t.ApiListBenchmarkTaskRunsRequest, task_slug=THEIR_SLUG)
    read = []
    for run in tasks.list_benchmark_task_runs(request).runs:
        candidate = run.agent_slug or run.model_version_config_slug or run.model_version_slug
        value = None
        if run.result is not None:
            has_number = "numericResult" in run.result.to_dict(run.result)
            value = run.result.numeric_result if has_number else run.result.boolean_result
        read.append((run.id, candidate, value))
    return read


def of_message(one: Any) -> tuple[Any, ...]:
    """Return what both clients name alike."""
    return one.id, one.votes


def their_message(one: Any) -> tuple[Any, ...]:
    return *of_message(one), one.author_name, f"{one.post_date:%F %T.%f}", one.content or ""


def our_message(one: Any) -> tuple[Any, ...]:
    return *of_message(one), one.author, f"{one.posted:%F %T.%f}", one.text


def their_topic(one: Any) -> tuple[Any, ...]:
    return *their_message(one), one.title, one.comment_count, one.url


def our_topic(one: Any) -> tuple[Any, ...]:
    return *our_message(one), one.title, one.comments, one.url


def their_comments(comments: Any, reply_to: int | None = None) -> list[Any]:
    read = []
    for one in comments:
        read += [(*their_message(one), reply_to), *their_comments(one.replies, one.id)]
    return read


CALLS = [
    Call(
        "schedule at an effort",
        {"results": SCHEDULED},
        lambda client: our_schedule(client, ["p/m@1", "n"], effort="high"),
        lambda tasks, _: their_schedule(tasks, model_version_slugs=["m-1", "n"], reasoning_effort="high"),
    ),
    Call(
        "schedule models and agents",
        {"results": [SCHEDULED[0], AGENT]},
        lambda client: our_schedule(client, ["m"], agents=["code-m.1"]),
        lambda tasks, _: their_schedule(tasks, model_version_slugs=["m"], agent_slugs=["code-m.1"]),
    ),
    Call(
        "schedule agents only",
        {"results": [AGENT]},
        lambda client: our_schedule(client, [], agents="code-m.1"),
        lambda tasks, _: their_schedule(tasks, agent_slugs=["code-m.1"]),
    ),
    Call(
        "cancel all runs of tasks",
        {"queuedCancelledCount": 2},
        lambda client: our_cancel(client, tasks=["me/quiz", "other"]),
        lambda tasks, _: their_cancel(
            tasks, task_slugs=made(t.ApiBenchmarkTaskSlugs, slugs=[THEIR_SLUG, OTHER_SLUG])
        ),
    ),
    Call(
        "cancel a task's runs on one model at one effort, running ones too",
        {"queuedCancelledCount": 1, "activeTerminatedCount": 3},
        lambda client: our_cancel(
            client, tasks=["me/quiz"], model="p/m@1", effort="high", include_active=True
        ),
        lambda tasks, _: their_cancel(
            tasks,
            task_slugs=made(t.ApiBenchmarkTaskSlugs, slugs=[THEIR_SLUG]),
            model_version=made(t.ApiModelVersionCandidate, model_version_slug="m-1", reasoning_effort="high"),
            include_active=True,
        ),
    ),
    Call(
        "cancel single runs of one agent",
        {},
        lambda client: our_cancel(client, run_ids=[11, 12], agent="code-m"),
        lambda tasks, _: their_cancel(
            tasks, run_ids=made(t.ApiBenchmarkTaskRunIds, ids=[11, 12]), agent_slug="code-m"
        ),
    ),
    Call(
        "update all of a task's page",
        {"task": TASK, "invalidTags": ["no such tag"]},
        lambda client: our_update(
            client,
            description="# New ☃",
            tags=["reasoning", "no such tag"],
            provenance="A book.",
            citations=[Citation("A", "https://a.example"), Citation(url="b.example")],
        ),
        lambda tasks, _: their_update(
            tasks,
            *("description", "tags", "provenance_sources", "citations"),
            description="# New ☃",
            tags=["reasoning", "no such tag"],
            provenance_sources="A book.",
            citations=[
                made(t.ApiBenchmarkTaskCitation, title="A", url="https://a.example"),
                made(t.ApiBenchmarkTaskCitation, url="b.example"),
            ],
        ),
    ),
    Call(
        "update some of a task's page only, and clear it",
        {"task": TASK},
        lambda client: our_update(client, tags=[], citations=()),
        lambda tasks, _: their_update(tasks, "tags", "citations", tags=[], citations=[]),
    ),
    Call(
        "list the configs of model versions",
        {"configs": CONFIGS},
        lambda client: [
            (one.id, one.version_id, one.name, one.slug, one.effort) for one in client.list_configs([7, 3])
        ],
        lambda _, boards: [
            (
                one.id,
                one.benchmark_model_version_id,
                one.display_name,
                one.slug,
                one.reasoning_effort,
            )
            for one in boards.list_benchmark_model_version_configs(
                made(b.ApiListBenchmarkModelVersionConfigsRequest, benchmark_model_version_ids=[3, 7])
            ).configs
        ],
    ),
    Call(
        "list an owner's tasks",
        {"tasks": [TASK]},
        lambda client: [page_of(task) for task in client.list_tasks(owner="me")],
        lambda tasks, _: [
            page_of(task)
            for task in tasks.list_benchmark_tasks(
                made(t.ApiListBenchmarkTasksRequest, owner_slug="me")
            ).tasks
        ],
    ),
    Call(
        "list the tasks of a benchmark's version",
        {"tasks": [TASK]},
        lambda client: told(
            task.slug for task in client.list_tasks(owner="you", benchmark="bench", version=2)
        ),
        lambda tasks, _: their_told(
            task.slug
            for task in tasks.list_benchmark_tasks(
                made(
                    t.ApiListBenchmarkTasksRequest,
                    owner_slug="you",
                    benchmark_slug="bench",
                    version_number=2,
                )
            ).tasks
        ),
    ),
    Call(
        "add tasks to a benchmark",
        {"addedTasks": [TASK["slug"]], "skippedTasks": [{"ownerSlug": "me", "taskSlug": "other"}]},
        lambda client: our_change(
            client.add_tasks_to_benchmark("bench", ["me/quiz", "other", "other"], version=4)
        ),
        lambda _, boards: their_change(
            done := boards.add_tasks_to_benchmark(
                made(
                    b.ApiAddTasksToBenchmarkRequest,
                    benchmark_slug="bench",
                    version_number=4,
                    task_slugs=[THEIR_SLUG, OTHER_SLUG],
                )
            ),
            done.added_tasks,
        ),
    ),
    Call(
        "remove tasks from a benchmark",
        {"removedTasks": [TASK["slug"]]},
        lambda client: our_change(client.remove_tasks_from_benchmark("bench", ["me/quiz"])),
        lambda _, boards: their_change(
            done := boards.remove_tasks_from_benchmark(
                made(b.ApiRemoveTasksFromBenchmarkRequest, benchmark_slug="bench", task_slugs=[THEIR_SLUG])
            ),
            done.removed_tasks,
        ),
    ),
    Call(
        "publish with notebook and artifacts",
        TASK,
        lambda client: client.publish("me/quiz", notebook=True, artifacts=True).artifacts_public,
        lambda tasks, _: (
            tasks.publish_benchmark_task(
                made(
                    t.ApiPublishBenchmarkTaskRequest,
                    slug=THEIR_SLUG,
                    publish_backing_notebook=True,
                    publish_run_artifacts=True,
                )
            ).are_run_artifacts_public
        ),
    ),
    Call(
        "list runs of different candidates, with their results",
        {"runs": RUNS},
        lambda client: [
            (run.id, run.candidate, run.score and run.score.value) for run in client.list_runs("me/quiz")
        ],
        lambda tasks, _: their_runs(tasks),
    ),
    Call(
        "list models",
        {"benchmarkModels": [MODEL]},
        lambda client: [
            (
                one.version_id,
                one.supports_effort,
                f"{one.release_date:%F %T.%f}",
                one.importance.to_wire(),
            )
            for one in client.list_models()
        ],
        lambda _, boards: their_models(boards),
    ),
    Call(
        "a leaderboard of different candidates",
        {"rows": ROWS},
        our_board,
        lambda _, boards: their_board(boards),
    ),
    Call(
        "list the topics about a benchmark",
        {"topics": [TOPIC, {**TOPIC, "id": 8}]},
        lambda client: [our_topic(one) for one in client.list_topics("me", "bench")[0]],
        lambda _, forum: [
            their_topic(one)
            for one in forum.list_benchmark_topics(
                made(d.ApiListBenchmarkTopicsRequest, owner_slug="me", benchmark_slug="bench")
            ).topics
        ],
        discussed=True,
    ),
    Call(
        "list a page of topics in an order, about something",
        {"topics": [TOPIC], "totalCount": 40, "nextPageToken": "next"},
        lambda client: client.list_topics(
            "me", "bench", sort="new", search="fair", page_size=5, page_token="here"
        )[1],
        lambda _, forum: (
            forum.list_benchmark_topics(
                made(
                    d.ApiListBenchmarkTopicsRequest,
                    owner_slug="me",
                    benchmark_slug="bench",
                    sort_by=TopicListSortBy.TOPIC_LIST_SORT_BY_NEW,
                    search_query="fair",
                    page_size=5,
                    page_token="here",
                )
            ).next_page_token
        ),
        discussed=True,
    ),
    Call(
        "get a topic",
        {"topic": {**TOPIC, "content": "Is it?"}},
        lambda client: our_topic(client.get_topic(7)),
        lambda _, forum: their_topic(forum.get_topic(made(d.ApiGetTopicRequest, id=7)).topic),
        discussed=True,
    ),
    Call(
        "list the comments on a topic",
        {"comments": [{**COMMENT, "replies": [{**COMMENT, "id": 2}]}, {**COMMENT, "id": 3}]},
        lambda client: [(*our_message(one), one.reply_to) for one in client.list_comments(7)[0]],
        lambda _, forum: their_comments(
            forum.list_comments(made(d.ApiListCommentsRequest, topic_id=7)).comments
        ),
        discussed=True,
    ),
    Call(
        "list a page of comments",
        {"comments": [COMMENT], "nextPageToken": "next"},
        lambda client: client.list_comments(7, page_size=1, page_token="here")[1],
        lambda _, forum: (
            forum.list_comments(
                made(d.ApiListCommentsRequest, topic_id=7, page_size=1, page_token="here")
            ).next_page_token
        ),
        discussed=True,
    ),
]


class Recorder(FakeApi):
    """Answers everything with the same object."""

    answer: dict[str, Any]

    def handle(self, seen: Seen) -> Handled:
        return 200, dict(JSON), json.dumps(self.answer).encode()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(Recorder()) as server:
        yield server


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_both_clients_send_the_same_and_read_the_same(
    call: Call, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
    monkeypatch.setattr(server.api, "answer", call.answer, raising=False)
    with KaggleClient(api_token="tok") as official:
        service = official.benchmarks
        boards, forum = service.benchmarks_api_client, official.discussions.discussion_api_client
        theirs = call.theirs(service.benchmark_tasks_api_client, forum if call.discussed else boards)
    with Client(server.url, Credentials.bearer("tok", "the test")) as client:
        ours = call.ours(client)
    they_sent, we_sent = server.requests
    assert (we_sent.path, we_sent.json) == (they_sent.path, they_sent.json)
    assert ours == theirs
    assert theirs

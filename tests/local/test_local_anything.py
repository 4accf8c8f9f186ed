"""Whatever a request holds, the server answers with a result or an error that says what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_server_process import BENCHMARKS, OAUTH, PROXY, TASKS

from kbench_jupyter.local.models import canonical

pytestmark = pytest.mark.slow

CALLS = [
    (TASKS, "CreateBenchmarkTask"),
    (TASKS, "GetBenchmarkTask"),
    (TASKS, "ListBenchmarkTasks"),
    (TASKS, "ListBenchmarkTaskRuns"),
    (TASKS, "BatchScheduleBenchmarkTaskRuns"),
    (TASKS, "GetBenchmarkTaskRunLogs"),
    (TASKS, "DownloadBenchmarkTaskRunOutput"),
    (TASKS, "PublishBenchmarkTask"),
    (BENCHMARKS, "ListBenchmarkModels"),
    (BENCHMARKS, "GetBenchmarkLeaderboard"),
    (PROXY, "CreateDefaultModelProxyToken"),
    (OAUTH, "IntrospectToken"),
    (TASKS, "UpdateBenchmarkTask"),
    (TASKS, "UpdateBenchmarkTaskVersion"),
    (TASKS, "ApiCancelBenchmarkTaskRuns"),
    (TASKS, "ApiGetBenchmarkSchedulerStatus"),
    (BENCHMARKS, "ListBenchmarkModelVersionConfigs"),
    (BENCHMARKS, "AddTasksToBenchmark"),
    (BENCHMARKS, "RemoveTasksFromBenchmark"),
]
FIELDS = [
    "slug", "text", "options", "datasetDataSources", "taskSlug", "ownerSlug", "versionNumber", "statusFilter",
    "regexFilter", "pageSize", "pageToken", "skip", "modelVersionSlugs", "taskSlugs", "runId", "token",
    "benchmarkSlug", "definition", "includeSource", "updateMask", "description", "tags", "provenanceSources",
    "citations", "title", "url", "runIds", "ids", "slugs", "modelVersion", "reasoningEffort", "agentSlug",
    "includeActive", "enqueue", "skipPolicy", "staleAfter", "benchmark", "benchmarkModelVersionIds",
]  # fmt: skip
ODD = [
    None, True, 0, -1, 1, 10**30, 1.5, "", "1", "²", "9" * 40, "odd-task", "(", "\ud800", "[" * 50_000, "{}", [],
    [1], ["x"], {}, {"taskSlug": "odd-task"}, {"taskSlug": "odd-task", "versionNumber": 10**30}, {"taskSlug": []},
    "odd-bench", "description,tags", "citations", "provenanceSources", "1e999s", "nan", "STALER_THAN",
    '{"cells": [3], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', '{"nbformat": "x"}',
]  # fmt: skip
LEAVES = st.sampled_from(ODD) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)


@pytest.fixture(scope="module", autouse=True)
def odd_task(server):
    server.call("CreateBenchmarkTask", {"slug": "odd-task", "text": "broken"})


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.sampled_from(CALLS), body=BODIES)
def test_no_request_breaks_the_server(server, call, body):
    service, method = call
    answer = server.post(method, body, service)
    found = answer.json()
    if answer.status_code != 200:
        assert answer.status_code in (400, 404), found
        assert found["code"] == answer.status_code
        assert found["message"]


@given(st.text())
def test_a_canonical_slug_is_its_own_and_safe_as_a_folder(name):
    slug = canonical(name)
    assert canonical(slug) == slug
    assert not set(slug) & set('/\\:*?"<>| @')

"""The unmodified official SDK makes each of its benchmarks calls to the embedded server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from json_endpoint import listening
from kagglesdk import kaggle_env
from kagglesdk.benchmarks.services.benchmark_tasks_api_service import BenchmarkTasksApiClient
from kagglesdk.benchmarks.services.benchmarks_api_service import BenchmarksApiClient
from kagglesdk.benchmarks.types import benchmark_tasks_api_service as t
from kagglesdk.benchmarks.types import benchmarks_api_service as b
from kagglesdk.benchmarks.types.benchmark_enums import BenchmarkCandidateClass as Class
from kagglesdk.benchmarks.types.benchmark_enums import BenchmarkCandidateType as Kind
from kagglesdk.benchmarks.types.benchmark_enums import BenchmarkEnqueueSkipPolicy as Policy
from kagglesdk.benchmarks.types.benchmark_enums import BenchmarkTaskRunState as State
from kagglesdk.benchmarks.types.benchmark_enums import BenchmarkTaskVersionCreationState as Creation
from kagglesdk.kaggle_env import KaggleEnv
from kagglesdk.kaggle_http_client import KaggleHttpClient
from nbformat.v4 import new_code_cell, new_notebook, writes
from requests import HTTPError

from kbench_jupyter.session import local_server

pytestmark = pytest.mark.slow

COMPLETED = Creation.BENCHMARK_TASK_VERSION_CREATION_STATE_COMPLETED
CREATED_SOON = (
    Creation.BENCHMARK_TASK_VERSION_CREATION_STATE_QUEUED,
    Creation.BENCHMARK_TASK_VERSION_CREATION_STATE_RUNNING,
)
SMALL, THINKER, PLAIN, AGENT = "smollm2-135m-instruct", "thinker", "plain", "helper"
#: What a task of the SDK leaves behind, and a prompt as the SDK sends it, without the seconds of importing it.
TASK = """
import json, os, urllib.request
model = os.environ["LLM_DEFAULT"]
if model == "lab/thinker":
    request = urllib.request.Request(
        os.environ["MODEL_PROXY_URL"] + "/openapi/chat/completions",
        json.dumps({"model": model, "messages": [{"role": "user", "content": "Well?"}]}).encode(),
        {"Authorization": "Bearer " + os.environ["MODEL_PROXY_API_KEY"]},
    )
    urllib.request.urlopen(request).read()
json.dump({"name": NAME}, open("quiz.task.json", "w"))
json.dump({"taskVersion": {"name": NAME}, "modelVersion": {"slug": model},
           "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED", "results": [{"numericResult": {"value": 0.84312}}]},
          open("quiz-run.run.json", "w"))
"""
NOT_OFFERED = {
    "create_benchmark_model_version_config",
    "get_benchmark_model_version_config",
    "create_benchmark_version_agent_mappings",
    "delete_benchmark_version_agent_mappings",
    "list_benchmark_version_agent_mappings",
    "register_auxiliary_model_version_configs",
    "unregister_auxiliary_model_version_configs",
    "get_benchmark_arena_settings",
    "create_benchmark_arena_settings",
    "update_benchmark_arena_settings",
    "list_benchmark_arena_combinations",
    "update_benchmark_arena_combinations",
}


class Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with a model whose efforts it lists, one of which it says nothing, and an agent."""

    asked: list[dict[str, Any]]

    def do_GET(self) -> None:
        reasoning = {"supported_efforts": ["low", "high"], "default_effort": "low"}
        others = [{"id": "plain"}, {"id": "lab/helper"}]
        self.answer({"data": [{"id": "lab/thinker", "reasoning": reasoning}, *others]})

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": "Well."}
        self.answer({"choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

    def answer(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class Sdk:
    """Both of the SDK's clients for benchmarks, and requests built from keywords."""

    def __init__(self, http: KaggleHttpClient) -> None:
        self.tasks = BenchmarkTasksApiClient(http)
        self.boards = BenchmarksApiClient(http)

    def created(self, name: str) -> Any:
        """Push a version, and wait until it is created."""
        notebook = writes(new_notebook(cells=[new_code_cell(f"NAME = {name!r}"), new_code_cell(TASK)]))
        request = made(t.ApiCreateBenchmarkTaskRequest, slug=name, text=notebook)
        self.tasks.create_benchmark_task(request)
        task = until(lambda: self.task(name), lambda task: task.creation_state not in CREATED_SOON)
        assert task.creation_state is COMPLETED, task.creation_error_message
        return task

    def task(self, name: str, **more: Any) -> Any:
        return self.tasks.get_benchmark_task(made(t.ApiGetBenchmarkTaskRequest, slug=slug(name), **more))

    def runs(self, name: str) -> list[Any]:
        request = made(t.ApiListBenchmarkTaskRunsRequest, task_slug=slug(name))
        return list(self.tasks.list_benchmark_task_runs(request).runs)

    def run(self, name: str, run_id: int) -> Any:
        return next(run for run in self.runs(name) if run.id == run_id)

    def schedule(self, name: str, *models: str, **more: Any) -> list[Any]:
        request = made(
            t.ApiBatchScheduleBenchmarkTaskRunsRequest,
            task_slugs=[slug(name)],
            model_version_slugs=list(models),
            **more,
        )
        return list(self.tasks.batch_schedule_benchmark_task_runs(request).results)

    def ended(self, name: str, run_id: int) -> Any:
        ends = (State.BENCHMARK_TASK_RUN_STATE_COMPLETED, State.BENCHMARK_TASK_RUN_STATE_ERRORED)
        return until(lambda: self.run(name, run_id), lambda run: run.state in ends)


def made(kind: Any, **fields: Any) -> Any:
    request = kind()
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def slug(name: str, version: int | None = None) -> Any:
    return made(t.ApiBenchmarkTaskSlug, task_slug=name, **({"version_number": version} if version else {}))


def until(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 120
    while not good(found := look()):
        assert time.monotonic() < deadline, f"waited too long: {found}"
        time.sleep(0.1)
    return found


def refused(code: int, call: Callable[[], Any]) -> str:
    with pytest.raises(HTTPError) as caught:
        call()
    assert caught.value.response.status_code == code
    return str(caught.value)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ThreadingHTTPServer]:
    Endpoint.asked = []
    with listening(Endpoint) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(endpoint: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    home: Path = tmp_path_factory.mktemp("sdk") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBENCH_UPSTREAM_URL", f"http://127.0.0.1:{endpoint.server_port}/v1")
        patch.setenv("KBENCH_UPSTREAM_AGENTS", "lab/helper = lab/thinker")
        server = local_server.ensure_running(home)
        # The production address is a constant of the SDK's; nothing else of it is touched.
        patch.setitem(kaggle_env._env_to_endpoint, KaggleEnv.PROD, server.url)
        with KaggleHttpClient(env=KaggleEnv.PROD, api_token=server.token) as http:
            yield Sdk(http)
    local_server.stop(home)


@pytest.fixture(scope="module")
def quiz(sdk: Sdk) -> str:
    sdk.created("quiz")
    return "quiz"


@pytest.fixture(scope="module")
def ran(sdk: Sdk, quiz: str) -> tuple[Any, Any]:
    """The endpoint's model as it is, and at a high effort."""
    [bare], [high] = sdk.schedule(quiz, THINKER), sdk.schedule(quiz, THINKER, reasoning_effort="high")
    assert bare.run_scheduled
    assert high.run_scheduled
    assert high.candidate_type is Kind.BENCHMARK_CANDIDATE_TYPE_MODEL_VERSIONS
    return sdk.ended(quiz, bare.run_id), sdk.ended(quiz, high.run_id)


def test_every_call_of_the_sdk_is_served_but_those_listed_here(sdk: Sdk) -> None:
    missing = set()
    for client in (sdk.tasks, sdk.boards):
        for name in (name for name in dir(client) if not name.startswith("_")):
            try:
                getattr(client, name)()
            except HTTPError as error:
                if "has no call" in str(error):
                    missing.add(name)
    assert missing == NOT_OFFERED


def test_each_model_says_whether_it_takes_an_effort_and_when_it_was_released(sdk: Sdk) -> None:
    listed = sdk.boards.list_benchmark_models().benchmark_models
    versions = {model.version.slug: model.version for model in listed}
    takes = {name: version.supports_reasoning_effort for name, version in versions.items()}
    assert takes == {SMALL: False, THINKER: True, PLAIN: False}
    assert versions[SMALL].release_date.year == 2024
    assert versions[PLAIN].release_date is None


def test_a_model_has_a_config_an_effort_and_one_without_if_it_takes_none(sdk: Sdk) -> None:
    ids = {model.slug: model.version.id for model in sdk.boards.list_benchmark_models().benchmark_models}

    def page(**more: Any) -> Any:
        return sdk.boards.list_benchmark_model_version_configs(
            made(b.ApiListBenchmarkModelVersionConfigsRequest, **more)
        )

    every = page().configs
    assert [(one.slug, one.reasoning_effort) for one in every] == [
        (SMALL, ""),
        ("thinker-low", "low"),
        ("thinker-high", "high"),
        (PLAIN, ""),
    ]
    assert len({one.id for one in every}) == 4
    own = page(benchmark_model_version_ids=[ids[THINKER]], page_size=1)
    rest = page(benchmark_model_version_ids=[ids[THINKER]], page_size=1, page_token=own.next_page_token)
    assert [one.id for one in [*own.configs, *rest.configs]] == [one.id for one in every[1:3]]
    assert not rest.next_page_token


def test_a_run_at_an_effort_prompts_at_it_and_is_a_candidate_of_its_own(
    sdk: Sdk, quiz: str, ran: tuple[Any, Any]
) -> None:
    bare, high = ran
    assert [run.state for run in ran] == [State.BENCHMARK_TASK_RUN_STATE_COMPLETED] * 2, high.error_message
    assert (bare.model_version_slug, bare.model_version_config_slug) == (THINKER, "")
    assert (high.model_version_slug, high.model_version_config_slug) == (THINKER, "thinker-high")
    assert [run.result.numeric_result for run in ran] == [0.84312] * 2
    asked = [request.get("reasoning_effort") for request in Endpoint.asked]
    assert sorted(asked, key=str) == [None, "high"]
    board = sdk.boards.get_benchmark_leaderboard(
        made(b.ApiGetBenchmarkLeaderboardRequest, owner_slug="local", benchmark_slug=quiz)
    )
    rows = {row.model_version_config_slug: row for row in board.rows}
    assert set(rows) == {"", "thinker-high"}
    assert rows[""].candidate_class is Class.BENCHMARK_CANDIDATE_CLASS_MODEL_VERSION
    assert rows["thinker-high"].candidate_class is Class.BENCHMARK_CANDIDATE_CLASS_MODEL_VERSION_CONFIG
    assert rows["thinker-high"].task_results[0].result.numeric_result.value == 0.84312


def test_an_agent_is_no_model_and_its_run_a_candidate_of_its_own(
    sdk: Sdk, quiz: str, ran: tuple[Any, Any]
) -> None:
    [agent] = sdk.schedule(quiz, agent_slugs=[AGENT])
    assert agent.agent_id
    assert agent.candidate_type is Kind.BENCHMARK_CANDIDATE_TYPE_AGENTS
    run = sdk.ended(quiz, agent.run_id)
    assert run.state is State.BENCHMARK_TASK_RUN_STATE_COMPLETED, run.error_message
    assert (run.model_version_slug, run.agent_slug, run.model_version_config_slug) == (THINKER, AGENT, "")
    board = sdk.boards.get_benchmark_leaderboard(
        made(b.ApiGetBenchmarkLeaderboardRequest, owner_slug="local", benchmark_slug=quiz)
    )
    [row] = [row for row in board.rows if row.agent_slug]
    assert (row.agent_slug, row.agent_name, row.model_version_slug) == (AGENT, "lab/helper", THINKER)
    assert row.candidate_class is Class.BENCHMARK_CANDIDATE_CLASS_AGENT
    assert row.task_results[0].result.numeric_result.value == 0.84312


def test_an_effort_that_a_model_is_not_known_to_take_is_refused_by_name(sdk: Sdk, quiz: str) -> None:
    before = len(sdk.runs(quiz))
    said = refused(400, lambda: sdk.schedule(quiz, THINKER, SMALL, PLAIN, reasoning_effort="high"))
    assert f"{SMALL} is not known to take any; plain is" in said
    assert "thinker takes low, high" in refused(
        400, lambda: sdk.schedule(quiz, THINKER, reasoning_effort="High")
    )
    assert "There are: helper." in refused(404, lambda: sdk.schedule(quiz, agent_slugs=["claude-code"]))
    assert "effort of its own" in refused(
        400, lambda: sdk.schedule(quiz, agent_slugs=[AGENT], reasoning_effort="high")
    )
    assert "No such model: helper" in refused(404, lambda: sdk.schedule(quiz, AGENT))
    assert len(sdk.runs(quiz)) == before


def test_what_is_enqueued_is_by_its_policy_only_what_is_missing(
    sdk: Sdk, quiz: str, ran: tuple[Any, Any]
) -> None:
    bare, _high = ran
    [kept] = sdk.schedule(quiz, THINKER, enqueue=True)
    assert not kept.run_scheduled
    assert "run_id" not in kept
    assert f"Run {bare.id}" in kept.run_skipped_reason
    assert "completed already" in kept.run_skipped_reason
    policies = {"skip_policy": Policy.BENCHMARK_ENQUEUE_SKIP_POLICY_STALER_THAN}
    [kept] = sdk.schedule(quiz, THINKER, enqueue=True, stale_after=timedelta(hours=1), **policies)
    assert not kept.run_scheduled
    policies = {"skip_policy": Policy.BENCHMARK_ENQUEUE_SKIP_POLICY_ALL}
    [again] = sdk.schedule(quiz, THINKER, enqueue=True, **policies)
    assert sdk.ended(quiz, again.run_id).id > bare.id
    assert "`enqueue`" in refused(400, lambda: sdk.schedule(quiz, THINKER, **policies))
    board = made(t.ApiBenchmarkSlug, benchmark_slug="nowhere")
    assert "local/nowhere" in refused(404, lambda: sdk.schedule(quiz, THINKER, enqueue=True, benchmark=board))


def test_a_tasks_page_is_written_field_by_field_and_passed_on_to_its_next_version(sdk: Sdk) -> None:
    sdk.created("page")

    def update(*fields: str, **values: Any) -> Any:
        request = made(
            t.ApiUpdateBenchmarkTaskRequest,
            slug=slug("page"),
            update_mask=FieldMask(paths=list(fields)),
            **values,
        )
        return sdk.tasks.update_benchmark_task(request)

    cited = [
        made(t.ApiBenchmarkTaskCitation, title="A paper", url="example.org/paper"),
        made(t.ApiBenchmarkTaskCitation, title="No address", url="ftp://example.org"),
    ]
    done = update(
        "description", "tags", "provenance_sources", "citations",
        description="# Quiz ☃", tags=[" Computer Vision ", "nlp", "!!", "NLP"], provenance_sources="By hand.",
        citations=cited,
    )  # fmt: skip
    assert done.invalid_tags == ["!!"]
    assert (done.task.description, done.task.tags) == ("# Quiz ☃", ["computer vision", "nlp"])
    assert [(one.title, one.url) for one in done.task.citations] == [("A paper", "http://example.org/paper")]
    assert update("tags", description="not named", tags=["text"]).task.description == "# Quiz ☃"
    assert "4,000" in refused(400, lambda: update("provenance_sources", provenance_sources="x" * 4001))
    assert "artifactPath" in refused(400, lambda: update("artifact_path"))
    assert "is empty" in refused(400, lambda: update(description="x"))

    sdk.created("page")
    second = sdk.task("page")
    assert (second.slug.version_number, second.description, second.provenance_sources) == (
        2,
        "# Quiz ☃",
        "By hand.",
    )
    request = made(
        t.ApiUpdateBenchmarkTaskVersionRequest,
        slug=slug("page", 1),
        description="The first",
        update_mask=FieldMask(paths=["description"]),
    )
    first = sdk.tasks.update_benchmark_task_version(request)
    assert (first.slug.version_number, first.description, first.tags) == (1, "The first", ["text"])
    assert sdk.task("page").description == "# Quiz ☃"


def test_a_task_says_what_it_runs_on_and_if_asked_what_backs_it(sdk: Sdk, quiz: str) -> None:
    assert sdk.task(quiz).definition is None
    task = sdk.task(quiz, include_definition=True)
    assert task.definition.notebook is not None
    assert not task.definition_partial
    assert task.candidate_type is Kind.BENCHMARK_CANDIDATE_TYPE_MODEL_VERSIONS


def test_tasks_are_put_into_a_benchmark_listed_by_it_and_taken_out(
    sdk: Sdk, quiz: str, ran: tuple[Any, Any]
) -> None:
    sdk.created("other")

    def change(call: Any, kind: Any, *names: str, version: int | None = None, **more: Any) -> Any:
        slugs = [slug(name, version) for name in names]
        return call(made(kind, benchmark_slug="my-bench", task_slugs=slugs, **more))

    def add(*names: str, **more: Any) -> Any:
        return change(sdk.boards.add_tasks_to_benchmark, b.ApiAddTasksToBenchmarkRequest, *names, **more)

    def remove(*names: str, **more: Any) -> Any:
        call = sdk.boards.remove_tasks_from_benchmark
        return change(call, b.ApiRemoveTasksFromBenchmarkRequest, *names, **more)

    def listed(**more: Any) -> list[str]:
        found = sdk.tasks.list_benchmark_tasks(made(t.ApiListBenchmarkTasksRequest, **more)).tasks
        return [task.slug.task_slug for task in found]

    assert "no task nope" in refused(404, lambda: add("nope"))
    assert refused(404, lambda: listed(benchmark_slug="my-bench"))
    assert refused(404, lambda: remove(quiz))
    done = add(quiz, quiz, "other")
    assert [(one.owner_slug, one.task_slug, one.version_number) for one in done.added_tasks] == [
        ("local", quiz, 1),
        ("local", "other", 1),
    ]
    again = add("other", version_number=1)
    assert (again.added_tasks, [one.task_slug for one in again.skipped_tasks]) == ([], ["other"])
    assert refused(404, lambda: add("other", version_number=2))
    assert listed(owner_slug="local", benchmark_slug="my-bench") == [quiz, "other"]
    assert {quiz, "other"} <= set(listed(owner_slug="local"))
    assert listed(owner_slug="somebody") == []

    board = made(b.ApiGetBenchmarkLeaderboardRequest, owner_slug="local", benchmark_slug="my-bench")
    rows = sdk.boards.get_benchmark_leaderboard(board).rows
    assert {row.model_version_config_slug for row in rows} == {"", "thinker-high"}
    assert {result.benchmark_task_slug for row in rows for result in row.task_results} == {quiz}
    status = sdk.tasks.api_get_benchmark_scheduler_status()
    assert "my-bench" in [one.benchmark_name for one in status.benchmark_stats]

    sdk.tasks.create_benchmark_task(made(t.ApiCreateBenchmarkTaskRequest, slug="other", text="no notebook"))
    done = remove("other", version=2)  # of which it is not
    assert (done.removed_tasks, [one.task_slug for one in done.skipped_tasks]) == ([], ["other"])
    done = remove(quiz, "other")
    assert ([one.task_slug for one in done.removed_tasks], done.skipped_tasks) == ([quiz, "other"], [])
    assert [one.task_slug for one in remove(quiz).skipped_tasks] == [quiz]
    assert listed(benchmark_slug="my-bench") == []
    assert sdk.boards.get_benchmark_leaderboard(board).rows == []


def test_no_benchmark_takes_a_tasks_name(sdk: Sdk, quiz: str) -> None:
    request = made(b.ApiAddTasksToBenchmarkRequest, benchmark_slug=quiz, task_slugs=[slug(quiz)])
    assert "a task is called that" in refused(400, lambda: sdk.boards.add_tasks_to_benchmark(request))


def test_a_runs_files_are_public_only_when_asked_and_stay_so(sdk: Sdk, quiz: str) -> None:
    def publish(**more: bool) -> Any:
        return sdk.tasks.publish_benchmark_task(
            made(t.ApiPublishBenchmarkTaskRequest, slug=slug(quiz), **more)
        )

    assert not publish().are_run_artifacts_public
    assert publish(publish_run_artifacts=True).are_run_artifacts_public
    assert publish().are_run_artifacts_public
    assert not sdk.task(quiz).is_backing_notebook_published


def test_queued_runs_are_cancelled_by_task_and_candidate_and_counted_once(sdk: Sdk, quiz: str) -> None:
    def cancel(**more: Any) -> tuple[int, int]:
        tasks = made(t.ApiBenchmarkTaskSlugs, slugs=[slug(quiz)])
        request = made(t.ApiCancelBenchmarkTaskRunsRequest, task_slugs=tasks, include_active=True, **more)
        done = sdk.tasks.api_cancel_benchmark_task_runs(request)
        return done.queued_cancelled_count, done.active_terminated_count

    def candidate(effort: str) -> Any:
        return made(t.ApiModelVersionCandidate, model_version_slug=THINKER, reasoning_effort=effort)

    [low], [high] = (sdk.schedule(quiz, THINKER, reasoning_effort=one) for one in ("low", "high"))
    assert sum(cancel(model_version=candidate("high"))) == 1
    assert sdk.run(quiz, high.run_id).error_message == "Cancelled."
    assert sdk.ended(quiz, low.run_id).state is State.BENCHMARK_TASK_RUN_STATE_COMPLETED
    assert cancel() == (0, 0)
    [agent] = sdk.schedule(quiz, agent_slugs=[AGENT])
    whole_model = made(t.ApiModelVersionCandidate, model_version_slug=THINKER)
    assert (cancel(model_version=whole_model), cancel(agent_slug="claude-code")) == ((0, 0), (0, 0))
    assert sum(cancel(agent_slug=AGENT)) == 1
    assert sdk.run(quiz, agent.run_id).error_message == "Cancelled."
    request = made(t.ApiCancelBenchmarkTaskRunsRequest, include_active=True)
    assert "either" in refused(400, lambda: sdk.tasks.api_cancel_benchmark_task_runs(request))


def test_the_scheduler_counts_what_has_ended_by_model_and_leaves_out_what_was_cancelled(
    sdk: Sdk, quiz: str, ran: tuple[Any, Any]
) -> None:
    runs = sdk.runs(quiz)
    until(sdk.tasks.api_get_benchmark_scheduler_status, lambda status: not status.state_counts)
    completed = sum(run.state is State.BENCHMARK_TASK_RUN_STATE_COMPLETED for run in runs)
    status = sdk.tasks.api_get_benchmark_scheduler_status()
    assert [(one.state, one.count) for one in status.recent_state_counts] == [
        (State.BENCHMARK_TASK_RUN_STATE_COMPLETED, completed)
    ]
    [model] = status.model_version_stats
    assert (model.queued_count, model.running_count) == (0, 0)
    assert [one.count for one in model.recent_state_counts] == [completed]

"""Pushes and schedules whose answer is lost: what is looked at, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import faults
import pytest
from faults import FaultServer

from kbench_jupyter.api import Citation, Client, Limits, TaskSlug
from kbench_jupyter.errors import (
    AmbiguousWriteError,
    NotFoundError,
    NotOfferedError,
    TransportError,
    UsageError,
)


def test_a_push_sends_slug_text_and_datasets(server: FaultServer, client: Client) -> None:
    task = client.create_task("t", '{"cells": []}', datasets=["me/data"])
    assert server.calls("CreateBenchmarkTask")[0].json == {
        "slug": "t",
        "text": '{"cells": []}',
        "options": {"datasetDataSources": ["me/data"]},
    }
    assert (task.slug.version, task.datasets, task.invalid_datasets) == (1, ("me/data",), ())
    assert task.web_url == "https://www.kaggle.com/benchmarks/tasks/me/t/1"


@pytest.mark.parametrize("echo", [True, False])
def test_unresolved_datasets_are_named(server: FaultServer, client: Client, echo: bool) -> None:
    server.api.datasets, server.api.echo_options = {"me/data"}, echo
    task = client.create_task("t", "{}", datasets=["me/data", "me/gone"])
    assert task.invalid_datasets == ("me/gone",)
    assert client.create_task("t", "{}", datasets=["me/gone"]).invalid_datasets == ("me/gone",)


def test_a_push_whose_answer_is_lost_comes_back_with_a_note(server: FaultServer, client: Client) -> None:
    server.api.add_task("t")
    server.inject("CreateBenchmarkTask", faults.reset_after)
    task = client.create_task("t", "{}", datasets=["me/data"])
    assert task.slug.version == 2
    assert "version 2 has appeared" in task.note
    assert task.invalid_datasets == ()


@pytest.mark.parametrize(
    "others",
    [
        [{"source": "WEB"}],
        [{"createTime": "2026-01-01T00:00:00Z"}],
        [{}, {}],
    ],
    ids=["made on the web", "made before", "two of them"],
)
def test_a_version_that_may_be_somebody_elses_is_not_claimed(
    server: FaultServer, client: Client, others: list[dict[str, str]]
) -> None:
    server.api.add_task("t")

    def push_elsewhere(exchange: faults.Exchange) -> None:
        for fields in others:
            server.api.add_task("t", **fields)
        exchange.reset()

    server.inject("CreateBenchmarkTask", push_elsewhere)
    with pytest.raises(AmbiguousWriteError, match="may be somebody else's"):
        client.create_task("t", "{}")
    assert len(server.calls("CreateBenchmarkTask")) == 1


def test_a_push_that_lands_after_the_first_look_is_still_found(server: FaultServer, client: Client) -> None:
    server.inject("CreateBenchmarkTask", faults.reset_before)
    looks = iter([False, True])

    def look(exchange: faults.Exchange) -> None:
        if next(looks):
            server.api.add_task("t")
        exchange.answer(*exchange.process())

    server.inject("GetBenchmarkTask", look, look)
    assert client.create_task("t", "{}", known_version=0).slug.version == 1


def test_a_push_that_a_slow_server_is_still_at_work_on_is_waited_for_longer_each_time(
    server: FaultServer,
) -> None:
    server.inject("CreateBenchmarkTask", faults.reset_before)
    pauses: list[float] = []
    limits = Limits(backoff=0.5, backoff_cap=1.5, looks=4)
    with (
        Client(server.url, None, limits=limits, sleep=pauses.append, rand=lambda: 1.0) as client,
        pytest.raises(AmbiguousWriteError, match="no version after none has appeared"),
    ):
        client.create_task("t", "{}", known_version=0)
    assert pauses == [0.5, 1.0, 1.5, 1.5]
    assert len(server.calls("GetBenchmarkTask")) == 4


def test_a_known_version_saves_the_look_before(server: FaultServer, client: Client) -> None:
    server.api.add_task("t")
    client.create_task("t", "{}", known_version=1)
    assert [seen.method for seen in server.requests] == ["CreateBenchmarkTask"]


def test_when_looking_fails_too_the_error_says_so(server: FaultServer, client: Client) -> None:
    server.inject("CreateBenchmarkTask", faults.reset_before)
    server.inject("GetBenchmarkTask", faults.slow(0), *[faults.status(500)] * 99)
    with pytest.raises(AmbiguousWriteError, match="looking whether it landed failed too"):
        client.create_task("t", "{}")


def test_a_push_is_tried_again_when_it_surely_was_not_acted_on(server: FaultServer, client: Client) -> None:
    server.inject("CreateBenchmarkTask", faults.status(429), faults.status(503, {"Retry-After": "0"}))
    assert client.create_task("t", "{}").note == ""
    assert server.api.pushes == 1
    assert len(server.calls("CreateBenchmarkTask")) == 3


def test_a_refused_push_carries_the_servers_error(server: FaultServer, client: Client) -> None:
    server.api.extra = {"error": "slug is taken"}
    assert client.create_task("t", "{}").error == "slug is taken"
    server.inject("CreateBenchmarkTask", faults.status(404))
    with pytest.raises(NotFoundError, match="task 't'"):
        client.create_task("t", "{}", known_version=0)


def test_datasets_of_a_version_that_somebody_pushed_meanwhile_say_nothing_of_this_push(
    server: FaultServer, client: Client
) -> None:
    server.api.echo_options = False

    def newer(exchange: faults.Exchange) -> None:
        server.api.add_task("t")
        exchange.answer(*exchange.process())

    server.inject("GetBenchmarkTask", newer)
    pushed = client.create_task("t", "{}", datasets=["me/mine"], known_version=0)
    assert (pushed.version, pushed.invalid_datasets) == (1, ())


def test_a_schedule_sends_canonical_models_once_each(server: FaultServer, client: Client) -> None:
    results = client.schedule("me/t", ["anthropic/claude@1", "claude-1", "b"])
    assert server.calls("BatchScheduleBenchmarkTaskRuns")[0].json == {
        "taskSlugs": [{"ownerSlug": "me", "taskSlug": "t"}],
        "modelVersionSlugs": ["claude-1", "b"],
    }
    assert [result.model for result in results] == ["claude-1", "b"]


def test_scheduling_no_model_sends_nothing(server: FaultServer, client: Client) -> None:
    with pytest.raises(UsageError):
        client.schedule("t", [])
    assert server.requests == []


def test_an_unknown_model_is_said_with_the_command_that_lists_them(
    server: FaultServer, client: Client
) -> None:
    server.api.known_models = {"m"}
    with pytest.raises(NotFoundError, match="x") as caught:
        client.schedule("t", ["x"])
    assert "%kbench models" in str(caught.value.hint)


def test_a_schedule_whose_answer_is_lost_names_the_runs_it_found(server: FaultServer, client: Client) -> None:
    client.schedule("t", ["m"])  # an older run of the same model must not count
    server.inject("BatchScheduleBenchmarkTaskRuns", faults.reset_after)
    results = client.schedule("t", ["m", "n"])
    assert [(result.model, result.scheduled) for result in results] == [("m", True), ("n", True)]
    assert "run 1001 has appeared" in results[0].note


def test_a_schedule_that_landed_in_part_is_an_error_that_says_which(
    server: FaultServer, client: Client
) -> None:
    def partly(exchange: faults.Exchange) -> None:
        server.api.BatchScheduleBenchmarkTaskRuns(
            {"taskSlugs": [{"taskSlug": "t"}], "modelVersionSlugs": ["n"]}
        )
        exchange.reset()

    server.inject("BatchScheduleBenchmarkTaskRuns", partly)
    with pytest.raises(AmbiguousWriteError, match="1 of 2 runs") as caught:
        client.schedule("t", ["m", "n"])
    assert "n: run 1000 has appeared" in str(caught.value.detail)
    assert "m: no new run has appeared" in str(caught.value.detail)


def test_known_runs_save_the_look_before(server: FaultServer, client: Client) -> None:
    client.schedule("t", ["m"], known_runs=())
    assert [seen.method for seen in server.requests] == ["BatchScheduleBenchmarkTaskRuns"]


@pytest.mark.parametrize("answer", [[], [{"runScheduled": True}], [{}, {}], "nonsense"])
@pytest.mark.parametrize("landed", [True, False])
def test_an_answer_that_does_not_tell_what_became_of_each_model_is_no_success(
    server: FaultServer, client: Client, answer: object, landed: bool
) -> None:
    server.inject("BatchScheduleBenchmarkTaskRuns", answering({"results": answer}, processed=landed))
    if landed:
        results = client.schedule("t", ["m", "n"])
        assert [(result.model, result.scheduled) for result in results] == [("m", True), ("n", True)]
        assert all("has appeared since" in result.note for result in results)
    else:
        with pytest.raises(AmbiguousWriteError, match="0 of 2 runs have appeared") as caught:
            client.schedule("t", ["m", "n"])
        assert "%kbench status t" in str(caught.value.hint)
    assert len(server.calls("BatchScheduleBenchmarkTaskRuns")) == 1


def answering(data: object, *, processed: bool) -> faults.Fault:
    def fault(exchange: faults.Exchange) -> None:
        if processed:
            exchange.process()
        exchange.answer(200, dict(faults.JSON), json.dumps(data).encode())

    return fault


OTHER = {"slug": {"ownerSlug": "me", "taskSlug": "other", "versionNumber": 7}, "isPublic": True}
OLD = {"slug": {"ownerSlug": "me", "taskSlug": "t", "versionNumber": 1}}


@pytest.mark.parametrize("data", [{}, OTHER, OLD, {"results": []}])
def test_a_push_counts_as_done_only_when_the_answer_or_the_task_says_so(
    server: FaultServer, client: Client, data: object
) -> None:
    server.api.add_task("t")
    server.inject("CreateBenchmarkTask", answering(data, processed=False))
    with pytest.raises(AmbiguousWriteError, match="no version after 1 has appeared") as caught:
        client.create_task("t", "{}")
    assert "%kbench status t" in str(caught.value.hint)
    server.inject("CreateBenchmarkTask", answering(data, processed=True))
    task = client.create_task("t", "{}")
    assert (task.version, "has appeared since" in task.note) == (2, True)
    assert server.api.pushes == 1


def test_a_push_that_is_refused_says_why_without_a_slug(server: FaultServer, client: Client) -> None:
    server.inject("CreateBenchmarkTask", answering({"error": "no @task"}, processed=False))
    assert client.create_task("t", "{}").error == "no @task"


@pytest.mark.parametrize("data", [{}, OTHER, OLD])
def test_a_publish_counts_as_done_only_when_the_answer_or_the_task_says_so(
    server: FaultServer, client: Client, data: object
) -> None:
    server.api.add_task("t")
    server.inject("PublishBenchmarkTask", answering(data, processed=False))
    with pytest.raises(AmbiguousWriteError, match="did not confirm that task 't' is public") as caught:
        client.publish("t", notebook=False)
    assert "%kbench status t" in str(caught.value.hint)
    server.inject("PublishBenchmarkTask", answering(data, processed=True))
    task = client.publish("t", notebook=True)
    assert (task.slug.task, task.is_public, task.is_backing_notebook_published) == ("t", True, True)


@pytest.mark.parametrize("data", [{}, OTHER])
def test_another_task_than_the_one_asked_for_is_not_that_task(
    server: FaultServer, client: Client, data: object
) -> None:
    server.inject("GetBenchmarkTask", answering(data, processed=False))
    with pytest.raises(TransportError, match="did not answer with task 't'"):
        client.get_task("t")


def test_an_effort_is_one_for_all_models_and_agents_have_their_own(
    server: FaultServer, client: Client
) -> None:
    server.api.names_runs = True
    results = client.schedule("t", ["p/m@1", "n"], effort="high")
    assert [(one.candidate, one.effort, one.run_id) for one in results] == [
        ("m-1 (high)", "high", 1000),
        ("n (high)", "high", 1001),
    ]
    results = client.schedule("t", ["m"], agents=["code-2.1-m", "code-2.1-m "])
    assert [(one.candidate, one.model, one.agent, one.run_id) for one in results] == [
        ("m", "m", "", 1002),
        ("code-2.1-m", "", "code-2.1-m", 1003),
    ]
    sent = len(server.requests)
    with pytest.raises(UsageError, match="an agent has one of its own"):
        client.schedule("t", ["m"], effort="high", agents=["code-2.1-m"])
    assert len(server.requests) == sent


@pytest.mark.parametrize(
    ("effort", "agents"), [("high", ()), (None, ["a", "b"]), (None, ())], ids=["effort", "agents", "bare"]
)
def test_a_schedule_of_candidates_whose_answer_is_lost_names_the_runs_of_just_those(
    server: FaultServer, client: Client, effort: str | None, agents: list[str]
) -> None:
    client.schedule("t", ["m", "n"], known_runs=())  # before it

    def beside(exchange: faults.Exchange) -> None:
        exchange.process()
        others = {"taskSlugs": [{"taskSlug": "t"}]}
        if effort or agents:  # somebody schedules the bare models at the same time
            server.api.BatchScheduleBenchmarkTaskRuns({**others, "modelVersionSlugs": ["m", "n"]})
        else:
            server.api.BatchScheduleBenchmarkTaskRuns({**others, "agentSlugs": ["a"]})
        exchange.reset()

    server.inject("BatchScheduleBenchmarkTaskRuns", beside)
    results = client.schedule("t", [] if agents else ["m", "n"], effort=effort, agents=agents)
    assert [one.run_id for one in results] == [1002, 1003]
    assert all("has appeared since" in one.note for one in results)
    assert len(server.calls("BatchScheduleBenchmarkTaskRuns")) == 2


def test_a_server_that_leaves_out_the_effort_is_not_taken_at_its_word(
    server: FaultServer, client: Client
) -> None:
    server.inject(
        "BatchScheduleBenchmarkTaskRuns",
        answering({"results": [{"runScheduled": True, "runId": 5}]}, processed=False),
    )
    [result] = client.schedule("t", ["m"], effort="high", known_runs=())
    assert result.note == "The server did not confirm that m runs at effort high."


@pytest.mark.parametrize(
    ("results", "ids"),
    [
        ([{"runId": 1}, {"runId": 2}], [1, 2]),
        ([{"runId": 1}, {"runId": 2, "agentId": 4}], [1, 2]),
        ([{"runId": 2, "candidateType": "BENCHMARK_CANDIDATE_TYPE_AGENTS"}, {"runId": 1}], [1, 2]),
        ([{"runId": 1, "agentId": 4}, {"runId": 2, "agentId": 5}], None),
    ],
    ids=["as asked", "told apart", "agents first", "two agents"],
)
def test_models_and_agents_of_one_answer_are_told_apart_by_what_it_says(
    server: FaultServer, client: Client, results: list[dict[str, object]], ids: list[int] | None
) -> None:
    told = {"results": [{"runScheduled": True, **result} for result in results]}
    server.inject("BatchScheduleBenchmarkTaskRuns", answering(told, processed=False))
    if ids is None:
        with pytest.raises(AmbiguousWriteError, match="0 of 2 runs have appeared"):
            client.schedule("t", ["m"], agents=["a"], known_runs=())
    else:
        scheduled = client.schedule("t", ["m"], agents=["a"], known_runs=())
        assert [(one.candidate, one.run_id) for one in scheduled] == [("m", ids[0]), ("a", ids[1])]


def test_cancelling_again_is_safe_and_says_what_is_left(server: FaultServer, client: Client) -> None:
    client.schedule("t", ["m", "n"])
    client.schedule("other", ["m"])
    server.api.runs[1]["state"] = "BENCHMARK_TASK_RUN_STATE_RUNNING"
    server.inject("ApiCancelBenchmarkTaskRuns", faults.reset_before)
    done = client.cancel_runs(tasks=["t"])
    assert (done.queued, done.active) == (1, 0)
    done = client.cancel_runs(tasks=["t"], include_active=True)
    assert (done.queued, done.active) == (0, 1)
    assert [run["state"].rpartition("_")[2] for run in server.api.runs] == ["ERRORED", "ERRORED", "QUEUED"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tasks": ["t"], "run_ids": [1]},
        {"tasks": ["t"], "effort": "high"},
        {"tasks": ["t"], "model": "m", "agent": "a"},
    ],
)
def test_a_cancel_that_does_not_say_which_runs_sends_nothing(
    server: FaultServer, client: Client, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        client.cancel_runs(**options)  # type: ignore[arg-type]
    assert server.requests == []


def test_only_what_is_named_of_a_tasks_page_is_written(server: FaultServer, client: Client) -> None:
    server.api.add_task("t", description="old", provenanceSources="a book")
    server.api.known_tags = {"maths"}
    done = client.update_task(TaskSlug("t", version=1), description="new", tags=["maths", "xyzzy"])
    assert (done.task.description, done.task.tags, done.invalid_tags) == ("new", ("maths",), ("xyzzy",))
    assert done.task.provenance == "a book"
    done = client.update_task("t", description="", citations=[Citation("A", "https://a.example")])
    assert (done.task.description, done.task.citations) == ("", (Citation("A", "https://a.example"),))
    assert server.calls("UpdateBenchmarkTask")[1].json == {
        "slug": {"taskSlug": "t"},
        "citations": [{"title": "A", "url": "https://a.example"}],
        "updateMask": "description,citations",
    }
    with pytest.raises(UsageError, match="Nothing to change"):
        client.update_task("t")


@pytest.mark.parametrize("data", [{}, {"task": OTHER}])
def test_an_update_counts_as_done_only_when_the_answer_is_that_task(
    server: FaultServer, client: Client, data: object
) -> None:
    server.inject("UpdateBenchmarkTask", answering(data, processed=True))
    server.api.add_task("t")
    with pytest.raises(AmbiguousWriteError, match="did not confirm"):
        client.update_task("t", description="new")


def test_tasks_go_into_a_benchmark_of_ones_own_and_out_again(server: FaultServer, client: Client) -> None:
    server.api.add_task("t")
    server.api.add_task("u")
    assert client.add_tasks_to_benchmark("b", ["t"]).changed == (TaskSlug("t"),)
    done = client.add_tasks_to_benchmark("b", ["t", "me/u"])
    assert (done.changed, done.skipped) == ((TaskSlug("u", "me"),), (TaskSlug("t"),))
    assert client.remove_tasks_from_benchmark("b", ["t"]).changed == (TaskSlug("t"),)
    sent = len(server.requests)
    for benchmark, tasks in (("you/b", ["t"]), ("b", []), ("", ["t"])):
        with pytest.raises(UsageError):
            client.add_tasks_to_benchmark(benchmark, tasks)
    assert len(server.requests) == sent
    server.inject("AddTasksToBenchmark", answering({}, processed=True))
    with pytest.raises(AmbiguousWriteError):
        client.add_tasks_to_benchmark("b", ["t"])


def test_artifacts_that_a_server_does_not_make_public_are_not_said_to_be(
    server: FaultServer, client: Client
) -> None:
    server.api.add_task("t")
    assert client.publish("t", artifacts=True).artifacts_public is True
    server.api.add_task("u")
    body = {"slug": {"taskSlug": "u"}}

    def older(exchange: faults.Exchange) -> None:
        exchange.answer(200, dict(faults.JSON), json.dumps(server.api.PublishBenchmarkTask(body)).encode())

    server.inject("PublishBenchmarkTask", older)
    task = client.publish("u", artifacts=True)
    assert (task.is_public, task.artifacts_public) == (True, None)


@pytest.mark.parametrize("what", [{"notebook": True}, {"artifacts": True}])
def test_what_the_answer_to_a_publish_leaves_out_the_task_says(
    server: FaultServer, client: Client, what: dict[str, bool]
) -> None:
    server.api.add_task("t")

    def short(exchange: faults.Exchange) -> None:
        task = json.loads(exchange.process()[2])
        told = {key: value for key, value in task.items() if key in ("slug", "isPublic")}
        exchange.answer(200, dict(faults.JSON), json.dumps(told).encode())

    server.inject("PublishBenchmarkTask", short)
    task = client.publish("t", **what)
    assert task.is_public
    assert task.is_backing_notebook_published or task.artifacts_public


# -- What a server does not offer -----------------------------------------------------------------------------

NEW: dict[str, Callable[[Client], object]] = {
    "ApiCancelBenchmarkTaskRuns": lambda client: client.cancel_runs(tasks=["t"]),
    "UpdateBenchmarkTask": lambda client: client.update_task("t", description="d"),
    "AddTasksToBenchmark": lambda client: client.add_tasks_to_benchmark("b", ["t"]),
    "RemoveTasksFromBenchmark": lambda client: client.remove_tasks_from_benchmark("b", ["t"]),
}


@pytest.mark.parametrize("status", [403, 404, 501])
@pytest.mark.parametrize("method", NEW)
def test_a_call_that_the_server_does_not_offer_is_one_plain_line(
    server: FaultServer, client: Client, method: str, status: int
) -> None:
    server.api.add_task("t")
    server.inject(method, faults.status(status))
    with pytest.raises(NotOfferedError) as caught:
        NEW[method](client)
    said = str(caught.value)
    assert said.startswith("This server does not offer ")
    assert said.endswith(f" to this account ({status}): made to answer {status}")
    assert "\n" not in said
    assert len(server.calls(method)) == 1


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("method", NEW)
def test_a_task_that_is_not_there_is_told_apart_from_a_call_that_is_not_offered(
    server: FaultServer, client: Client, method: str, status: int
) -> None:
    server.inject(method, faults.status(status))
    with pytest.raises(NotFoundError, match="There is no task 't', or it is not yours"):
        NEW[method](client)


@pytest.mark.parametrize("method", NEW)
def test_a_look_that_settles_nothing_leaves_the_refusal_as_it_came(
    server: FaultServer, client: Client, method: str
) -> None:
    server.inject(method, faults.status(404))
    server.inject("GetBenchmarkTask", *[faults.status(500)] * 99)
    with pytest.raises(NotOfferedError):
        NEW[method](client)


def test_a_list_of_efforts_that_is_not_offered_says_so_and_nothing_asked_is_nothing_sent(
    server: FaultServer, client: Client
) -> None:
    server.api.offers = lambda method: "Config" not in method
    with pytest.raises(NotOfferedError, match="a list of reasoning efforts"):
        client.list_configs([7])
    sent = len(server.requests)
    assert client.list_configs([0]) == client.list_configs([]) == []
    assert len(server.requests) == sent

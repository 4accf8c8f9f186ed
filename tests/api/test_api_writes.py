"""Pushes and schedules whose answer is lost: what is looked at, and what is said."""

from __future__ import annotations

import json

import faults
import pytest
from faults import FaultServer

from kbench_jupyter.api import Client
from kbench_jupyter.errors import AmbiguousWriteError, NotFoundError, TransportError, UsageError


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

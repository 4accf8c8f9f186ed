"""Pushes and schedules whose answer is lost: what is looked at, and what is said."""

from __future__ import annotations

import faults
import pytest
from faults import FaultServer

from kbench_jupyter.api import Client
from kbench_jupyter.errors import AmbiguousWriteError, NotFoundError, UsageError


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
    results = client.schedule_runs("me/t", ["anthropic/claude@1", "claude-1", "b"])
    assert server.calls("BatchScheduleBenchmarkTaskRuns")[0].json == {
        "taskSlugs": [{"ownerSlug": "me", "taskSlug": "t"}],
        "modelVersionSlugs": ["claude-1", "b"],
    }
    assert [result.model for result in results] == ["claude-1", "b"]


def test_scheduling_no_model_sends_nothing(server: FaultServer, client: Client) -> None:
    with pytest.raises(UsageError):
        client.schedule_runs("t", [])
    assert server.requests == []


def test_an_unknown_model_is_said_with_the_command_that_lists_them(
    server: FaultServer, client: Client
) -> None:
    server.api.known_models = {"m"}
    with pytest.raises(NotFoundError, match="x") as caught:
        client.schedule_runs("t", ["x"])
    assert "%kbench models" in str(caught.value.hint)


def test_a_schedule_whose_answer_is_lost_names_the_runs_it_found(server: FaultServer, client: Client) -> None:
    client.schedule_runs("t", ["m"])  # an older run of the same model must not count
    server.inject("BatchScheduleBenchmarkTaskRuns", faults.reset_after)
    results = client.schedule_runs("t", ["m", "n"])
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
        client.schedule_runs("t", ["m", "n"])
    assert "n: run 1000 has appeared" in str(caught.value.detail)
    assert "m: no new run has appeared" in str(caught.value.detail)


def test_known_runs_save_the_look_before(server: FaultServer, client: Client) -> None:
    client.schedule_runs("t", ["m"], known_runs=())
    assert [seen.method for seen in server.requests] == ["BatchScheduleBenchmarkTaskRuns"]


def test_an_answer_for_another_number_of_models_is_not_paired_up(server: FaultServer, client: Client) -> None:
    server.api.extra = {"results": [{"runScheduled": True}]}
    with pytest.raises(AmbiguousWriteError, match="1 of 2 models"):
        client.schedule_runs("t", ["m", "n"])

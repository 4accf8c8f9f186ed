"""Every call against every fault, and the figures of it all."""

from __future__ import annotations

import itertools
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import faults
import pytest
from api_helpers import QUICK
from faults import FakeApi, Fault, FaultServer

from kbench_jupyter.api import Client, Credentials, RunState, TasksChanged
from kbench_jupyter.errors import (
    AmbiguousWriteError,
    ApiError,
    KBenchError,
    RateLimitError,
    ServerError,
    TransportError,
)

T = Callable[[Client], Any]


def both(changed: TasksChanged) -> list[str]:
    return [slug.task for slug in (*changed.changed, *changed.skipped)]


READS: dict[str, tuple[str, T]] = {
    "get_task": ("GetBenchmarkTask", lambda client: client.get_task("t").slug.version),
    "list_tasks": ("ListBenchmarkTasks", lambda client: len(list(client.list_tasks()))),
    "list_runs": ("ListBenchmarkTaskRuns", lambda client: [run.state for run in client.list_runs("t")]),
    "list_models": ("ListBenchmarkModels", lambda client: [model.slug for model in client.list_models()]),
    "leaderboard": ("GetBenchmarkLeaderboard", lambda client: len(client.leaderboard("o", "b").rows)),
    "task_quota": ("GetBenchmarkTaskQuota", lambda client: client.task_quota().allowed),
    "model_proxy_quotas": ("GetModelProxyQuotas", lambda client: client.model_proxy_quotas()[0].allowed),
    "introspect_token": ("IntrospectToken", lambda client: client.introspect_token().username),
    "create_model_proxy_token": (
        "CreateDefaultModelProxyToken",
        lambda client: client.create_model_proxy_token("auth").token,
    ),
    "publish": ("PublishBenchmarkTask", lambda client: client.publish("t").is_public),
    "cancel_runs": ("ApiCancelBenchmarkTaskRuns", lambda client: client.cancel_runs(tasks=["t"]).active),
    "update_task": (
        "UpdateBenchmarkTask",
        lambda client: client.update_task("t", description="What it asks.").task.description,
    ),
    "list_configs": (
        "ListBenchmarkModelVersionConfigs",
        lambda client: [config.effort for config in client.list_configs([7])],
    ),
    # What landed the first time is skipped the second: either way it is in the benchmark.
    "add_tasks_to_benchmark": (
        "AddTasksToBenchmark",
        lambda client: both(client.add_tasks_to_benchmark("b", ["t"])),
    ),
    "remove_tasks_from_benchmark": (
        "RemoveTasksFromBenchmark",
        lambda client: both(client.remove_tasks_from_benchmark("b", ["t"])),
    ),
}
RIGHT = {
    "get_task": 1,
    "list_tasks": 1,
    "list_runs": [RunState.COMPLETED],
    "list_models": ["m"],
    "leaderboard": 1,
    "task_quota": 10.0,
    "model_proxy_quotas": 20.0,
    "introspect_token": "me",
    "create_model_proxy_token": "proxy-secret",
    "publish": True,
    "cancel_runs": 0,
    "update_task": "What it asks.",
    "list_configs": ["high"],
    "add_tasks_to_benchmark": ["t"],
    "remove_tasks_from_benchmark": ["t"],
}
IMPATIENT = replace(QUICK, read=0.12, deadline=1.0, retry_after_cap=0.01, looks=2)


def filled() -> FakeApi:
    config = {"id": 8, "benchmarkModelVersionId": 7, "reasoningEffort": "high"}
    api = FakeApi(models=[{"displayName": "M", "version": {"slug": "m"}}], configs=[config])
    api.add_task("t")
    run = {"id": 9, "taskSlug": {"taskSlug": "t"}, "modelVersionSlug": "m", "state": "COMPLETED"}
    api.runs.append(run)
    return api


def connect(server: FaultServer) -> Client:
    return Client(server.url, Credentials.bearer("good", "the test"), limits=IMPATIENT)


@pytest.fixture(scope="module")
def figures() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("name", faults.PASSING)
def test_reads_outlive_a_passing_fault(name: str, figures: Counter[str]) -> None:
    slow = name.startswith(("a hang", "a slow"))
    with FaultServer(filled()) as server, connect(server) as client:
        for call, (method, do) in itertools.islice(READS.items(), 2 if slow else None):
            server.inject(method, faults.PASSING[name])
            assert do(client) == RIGHT[call], (name, call)
            figures["right"] += 1
        figures["faults"] += server.injected.total()


@pytest.mark.parametrize("name", faults.LASTING)
def test_reads_say_at_once_what_no_retry_would_mend(name: str, figures: Counter[str]) -> None:
    with FaultServer(filled()) as server, connect(server) as client:
        for call, (method, do) in READS.items():
            if call == "introspect_token" and "HTML" not in name:
                continue  # a 400 or 403 is how the server calls a token inactive
            server.inject(method, faults.LASTING[name])
            with pytest.raises((ApiError, TransportError)) as caught:
                do(client)
            said = str(caught.value)
            assert method in said or "task 't'" in said or "does not offer" in said
            assert len(server.calls(method)) == 1
            figures["right"] += 1
        figures["faults"] += server.injected.total()


def outcome_of(write: Callable[[], Any]) -> tuple[Any, KBenchError | None]:
    try:
        return write(), None
    except KBenchError as error:
        return None, error


@pytest.mark.parametrize("name", [*faults.PASSING, *faults.LASTING])
def test_a_push_never_lands_twice(name: str, figures: Counter[str]) -> None:
    fault = {**faults.PASSING, **faults.LASTING}[name]
    with FaultServer(filled()) as server, connect(server) as client:
        server.inject("CreateBenchmarkTask", fault)
        task, error = outcome_of(lambda: client.create_task("t", "{}"))
        # It landed once where the client says so, and not at all where it says that it found nothing.
        assert server.api.pushes == (0 if error else 1)
        if isinstance(error, AmbiguousWriteError):
            assert "no version after 1 has appeared" in str(error)
            assert "%kbench status t" in str(error.hint)
        elif not error:
            assert task.slug.version == 2
        figures.update(right=1, duplicates=max(0, server.api.pushes - 1), faults=server.injected.total())


@pytest.mark.parametrize("name", [*faults.PASSING, *faults.LASTING])
def test_a_schedule_never_lands_twice(name: str, figures: Counter[str]) -> None:
    fault = {**faults.PASSING, **faults.LASTING}[name]
    with FaultServer(filled()) as server, connect(server) as client:
        server.inject("BatchScheduleBenchmarkTaskRuns", fault)
        results, error = outcome_of(lambda: client.schedule("t", ["m", "p/n@1"]))
        landed = server.api.schedules
        assert landed == ({} if error else {"m": 1, "n-1": 1})
        if isinstance(error, AmbiguousWriteError):
            assert "0 of 2 runs have appeared" in str(error)
            assert "%kbench status t" in str(error.hint)
        elif not error:
            assert [(result.model, result.scheduled) for result in results] == [("m", True), ("n-1", True)]
        figures["duplicates"] += sum(max(0, count - 1) for count in landed.values())
        figures.update(right=1, faults=server.injected.total())


def test_a_hundred_pages_with_a_fault_in_every_third_come_whole_and_in_order(figures: Counter[str]) -> None:
    api = FakeApi(page=7)
    for number in range(700):
        api.add_task(f"t{number}")
    kinds = itertools.cycle([faults.reset_before, faults.truncated, faults.status(503), faults.status(429)])
    plan = [kind for _ in range(33) for kind in (next(kinds), faults.slow(0), faults.slow(0))]
    with FaultServer(api) as server, connect(server) as client:
        server.inject("ListBenchmarkTasks", *plan)
        slugs = [task.slug.task for task in client.list_tasks()]
        assert slugs == [f"t{number}" for number in range(700)]
        assert len(server.calls("ListBenchmarkTasks")) == 100 + 33
        figures.update(right=1, faults=33)


def test_lists_ask_for_a_page_only_when_it_is_needed() -> None:
    api = FakeApi(page=2)
    for number in range(10):
        api.add_task(f"t{number}")
    with FaultServer(api) as server, connect(server) as client:
        listing = client.list_tasks()
        assert server.requests == []
        next(listing)
        assert len(server.requests) == 1


def test_a_lasting_failure_ends_as_a_typed_error_with_the_servers_words(figures: Counter[str]) -> None:
    kinds: list[tuple[Fault, type[KBenchError], str]] = [
        (faults.status(500), ServerError, "made to answer 500"),
        (faults.status(429), RateLimitError, "made to answer 429"),
        (faults.reset_before, TransportError, "broke before an answer came"),
        (faults.truncated, TransportError, "broke off"),
        (faults.hang, TransportError, "no answer within 0.12 s"),
        (faults.drip(0.05), TransportError, "had not finished"),
    ]
    for fault, kind, words in kinds:
        with FaultServer(filled()) as server, connect(server) as client:
            server.inject("GetBenchmarkTaskQuota", *[fault] * 9)
            with pytest.raises(kind, match=words):
                client.task_quota()
            figures.update(right=1, faults=server.injected.total())


def test_unknown_enums_fields_and_missing_ones_do_not_break_a_listing(figures: Counter[str]) -> None:
    api = filled()
    api.extra = {"newField": {"deep": [1, None]}, "totalResults": None}
    api.runs += [
        {},
        {"id": "12", "state": "BENCHMARK_TASK_RUN_STATE_PAUSED", "taskSlug": None, "startTime": 5},
    ]
    api.models += [
        {},
        {"version": None},
        {"slug": "x/y@2", "version": {"inputModalities": ["MODALITY_SMELL"]}},
    ]
    with FaultServer(api) as server, connect(server) as client:
        api.runs[1]["taskSlug"] = api.runs[2]["taskSlug"] = {"taskSlug": "t"}
        runs, models = list(client.list_runs("t")), list(client.list_models())
        assert [(run.id, run.state.value) for run in runs] == [
            (9, "COMPLETED"),
            (0, "UNSPECIFIED"),
            (12, "PAUSED"),
        ]
        assert not runs[2].state.is_terminal
        assert [model.slug for model in models] == ["m", "", "", "y-2"]
        assert models[3].input_modalities[0].value == "SMELL"
        figures.update(right=2, faults=5)


def test_nothing_listening_is_said_with_what_whoever_knows_the_address_advises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
    for advice, hint in (("", "Check the network"), ("Start it first.", "Start it first.")):
        with (
            Client(address, None, limits=IMPATIENT, advice=advice) as client,
            pytest.raises(TransportError, match="refuses connections") as caught,
        ):
            client.task_quota()
        assert hint in str(caught.value.hint)


def test_who_waits_is_told_that_it_is_tried_again_and_why() -> None:
    told: list[tuple[str, float]] = []

    def on_retry(error: KBenchError, pause: float) -> None:
        told.append((str(error), pause))

    with (
        FaultServer(filled()) as server,
        Client(server.url, None, limits=IMPATIENT, on_retry=on_retry) as client,
    ):
        server.inject("GetBenchmarkTaskQuota", faults.status(500), faults.reset_before)
        client.task_quota()
    assert [words in text for (text, _), words in zip(told, ("answer 500", "broke"), strict=True)] == [
        True,
        True,
    ]
    assert all(pause > 0 for _, pause in told)


def test_the_figures_of_this_file(figures: Counter[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\n  faults injected: {figures['faults']}; calls that ended right: {figures['right']};"
            f" duplicate pushes and schedules: {figures['duplicates']}"
        )
    if figures["right"] < 250:
        pytest.skip("only meaningful after the whole file ran")
    assert figures["faults"] > 300
    assert figures["duplicates"] == 0

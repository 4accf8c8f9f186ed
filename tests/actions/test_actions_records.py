"""Records of every listing: numbers, times and truths as such, None for what is missing, and else text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from loopback_session import add_run, zipped
from test_actions_numbers import run_file

from kbench_jupyter.session import local_server

TIME = "2026-11-29T19:30:00.123Z"
WHEN = datetime(2026, 11, 29, 19, 30, 0, 123000, UTC)


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer() as running:
        api = running.api
        api.add_task("old", createTime=TIME, isPublic=True)
        api.add_task("quiz", createTime=None)
        api.tasks["quiz"][-1]["slug"].pop("versionNumber")
        add_run(api, 1, "m1", startTime=TIME, endTime="2026-11-29T19:30:02.623Z")
        add_run(api, 2, "m2", version=0)
        api.archives |= {1: run_file(0.5), 2: zipped(r_run_json=json.dumps({"state": "X_COMPLETED"}))}
        api.models = [
            {"version": {"slug": "m1", "modelProxySlug": "org/m1", "allowModelProxy": True}},
            {"displayName": "M 2", "version": {"slug": "m2"}},
        ]
        api.GetModelProxyQuotas = lambda body: {  # type: ignore[method-assign]
            "quotaBalances": [{"quotaUsed": 0.25, "refillPeriod": "DAILY", "refillTime": TIME}]
        }
        yield running


@pytest.fixture
def records(
    server: faults.FaultServer, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Any:
    """Types a line in a real shell, and returns the records of its value."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "home"))

    def type_line(line: str) -> list[dict[str, Any]]:
        with capture_output():
            done = shell.run_cell(f"found = %kbench {line}")
        done.raise_error()
        records: list[dict[str, Any]] = shell.user_ns["found"].records()
        return records

    return type_line


@pytest.mark.parametrize(
    ("line", "first", "second"),
    [
        (
            "list",
            {"task": "old", "version": 1, "state": "completed", "created (UTC)": WHEN, "public": True},
            {"task": "quiz", "version": None, "created (UTC)": None, "public": False},
        ),
        (
            "status quiz",
            {"model": "m1", "run": 1, "version": 1, "started (UTC)": WHEN, "elapsed": 2.5},
            {"model": "m2", "run": 2, "version": None, "started (UTC)": None, "elapsed": None},
        ),
        ("models", {"model": "m1", "name": None, "can run": True}, {"name": "M 2", "can run": False}),
        (
            "quota",
            {"for": "benchmark runs", "used": 1.5, "allowed": 10.0, "refilled (UTC)": None},
            {"period": "daily", "used": 0.25, "allowed": None, "refilled (UTC)": WHEN},
        ),
        (
            "results quiz",
            {"model": "m1", "version": 1, "run": 1, "score": 0.5, "passed": True, "assertions": 0},
            {"model": "m2", "version": None, "run": 2, "score": None, "passed": None, "cost": None},
        ),
        ("leaderboard owner/board", {"model": "m", "t1": 0.0, "t2": None}, None),
        (
            "download quiz",
            {"run": 1, "version": 1, "new": True},
            {"run": 2, "version": None, "new": True},
        ),
        ("new", {"pattern": "minimal"}, {"pattern": "assertions"}),
        ("rule", {"rule": "KB101"}, {"rule": "KB102"}),
        ("config", {"setting": "target", "from": "default"}, {"setting": "api_url"}),
        ("run quiz -m m1", {"model": "m1", "run": 1002, "elapsed": None}, None),
    ],
)
def test_records_of_a_listing_hold_values_and_not_their_texts(
    records: Any, line: str, first: dict[str, Any], second: dict[str, Any] | None
) -> None:
    rows = records(line)
    for row, wanted in zip(rows, filter(None, [first, second]), strict=False):
        told = {name: row[name] for name in wanted}
        assert told == wanted
        assert list(map(type, told.values())) == list(map(type, wanted.values()))
    assert len(rows) >= (1 if second is None else 2)
    assert "" not in rows[0], "each column has a name"


def test_records_of_logs_count_their_lines(records: Any, server: faults.FaultServer) -> None:
    server.api.GetBenchmarkTaskRunLogs = lambda body: (  # type: ignore[attr-defined]
        200,
        {"Content-Type": "application/json"},
        json.dumps(["a\n", "b\n"]).encode(),
    )
    first, second = records("log quiz")
    assert (first["run"], first["version"], first["lines"]) == (1, 1, 2)
    assert (second["run"], second["version"]) == (2, None)


def test_a_data_frame_has_columns_to_reckon_with(records: Any, shell: InteractiveShell) -> None:
    pytest.importorskip("pandas")
    records("status quiz")
    frame = shell.user_ns["found"].to_dataframe()
    assert frame["elapsed"].mean() == 2.5
    assert frame["run"].max() == 2
    assert frame["started (UTC)"].dt.year.max() == 2026
    assert list(frame["version"].isna()) == [False, True]


def test_what_is_no_table_is_one_record_of_its_facts(
    records: Any, server_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert records("local status") == []
    running = local_server.ensure_running(server_home)
    monkeypatch.setenv("KBENCH_HOME", str(server_home))
    [row] = records("local status")
    assert (row["process"], row["model endpoint"]) == (running.pid, "none")
    assert isinstance(row["models"], int)

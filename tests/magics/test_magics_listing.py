"""Listings for other programs: printed as CSV or JSON, or written into a file, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from loopback_session import add_run, zipped

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.magics.declaration import COMMANDS

LISTINGS = [
    ("list", "task"),
    ("status quiz", "model"),
    ("models", "model"),
    ("results quiz", "run"),
    ("compare m1 m2 -t quiz", "change"),
    ("leaderboard owner/board", "model"),
    ("quota", "for"),
    ("benchmark show me/board", "task"),
    ("describe quiz", "task"),
    ("topics list owner/board", "topic"),
]


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer() as running:
        for number, model in enumerate(["m1", "m2"], 1):
            add_run(running.api, number, model)
            state = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
            step = {
                "taskVersion": {"name": "Step"},
                "state": state,
                "results": [{"booleanResult": number == 1}],
            }
            running.api.archives[number] = zipped(r_run_json=json.dumps({"state": state, "subruns": [step]}))
        running.api.tasks["quiz"][-1]["citations"] = [{"title": "Quiz", "url": "https://example.org/quiz"}]
        running.api.models = [{"version": {"slug": "m1", "modelProxySlug": "org/m1"}}]
        yield running


@pytest.fixture
def typed(
    shell: InteractiveShell,
    server: faults.FaultServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Types a line as the last of a cell, and returns all that was printed, its value shown included."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    monkeypatch.setattr(shell.displayhook, "write_output_prompt", lambda: None)

    def type_line(line: str) -> str:
        capsys.readouterr()
        done = shell.run_cell(line, store_history=True)
        done.raise_error()
        return capsys.readouterr().out.removesuffix("\n")

    return type_line


def test_these_are_all_commands_that_list() -> None:
    listing = {command.name for command in COMMANDS if any("--format" in arg.names for arg in command.args)}
    assert listing == {line.partition(" ")[0] for line, _ in LISTINGS}


@pytest.mark.parametrize(("line", "column"), LISTINGS)
def test_a_listing_is_printed_as_csv_or_json_and_nothing_else_is(typed: Any, line: str, column: str) -> None:
    rows = json.loads(typed(f"%kbench {line} --format json"))
    assert rows[0][column]
    for spelling in ("-v", "--csv", "--format csv", "-v -q"):
        printed = list(csv.DictReader(io.StringIO(typed(f"%kbench {line} {spelling}"), newline="")))
        assert [row[column] for row in printed] == [str(row[column]) for row in rows]


@pytest.mark.parametrize(("line", "column"), LISTINGS)
def test_a_listing_is_written_into_a_file_by_its_ending(typed: Any, line: str, column: str) -> None:
    into = "--to" if line.startswith("results") else "-o"
    rows = json.loads(typed(f"%kbench {line} --format json"))
    many = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    assert typed(f"%kbench {line} {into} a.json").endswith(f"Wrote {many} to a.json.")
    assert json.loads(Path("a.json").read_text()) == rows
    typed(f"%kbench {line} {into} a.csv")
    with Path("a.csv").open(newline="") as stream:
        assert [row[column] for row in csv.DictReader(stream)] == [str(row[column]) for row in rows]
    typed(f"%kbench {line} {into} a.txt")
    assert "──" in Path("a.txt").read_text()


def test_the_value_can_be_had_and_shows_itself_later(typed: Any, shell: InteractiveShell) -> None:
    assert json.loads(typed("found = %kbench status quiz --format json"))
    assert "Next:" in typed("found")
    assert [run.id for run in shell.user_ns["found"].runs] == [1, 2]


def test_a_table_is_what_is_shown_anyway(typed: Any) -> None:
    assert typed("%kbench list --format table") == typed("%kbench list")


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_columns_are_chosen_by_name_in_the_order_asked(typed: Any, form: str) -> None:
    printed = typed(f"%kbench status quiz --format '{form}(run, model)'")
    assert printed.index("run") < printed.index("model")
    assert "state" not in printed
    assert "m2" in printed


def test_a_column_asked_for_by_name_is_drawn_where_another_says_it_for_the_whole_table(
    server: faults.FaultServer, typed: Any
) -> None:
    add_run(server.api, 3, "m2", modelVersionConfigSlug="m2-high")
    lines = typed("%kbench status quiz --format 'table(model, candidate)'").split("\n")
    assert [line.split() for line in lines if line[:1] == "m"] == [
        ["model", "candidate"],
        ["m1", "m1"],
        ["m2", "m2"],
        ["m2", "m2-high"],
    ]


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("list --format yaml", "no form 'yaml'", "table, csv and json"),
        ("list --format jsn", "no form 'jsn'", "--format json"),
        ("list --format json(taks)", "no column 'taks'", "task"),
        ("list --format table(taks)", "no column 'taks'", "task"),
        ("list -v --format json", "-v is --format csv", "one of them"),
        ("list -o .", "is a folder", "listing.csv"),
        ("list -o tasks.xlsx", "'tasks.xlsx' is not that of a listing", ".csv or .json"),
        ("list -o tasks.csv --format json", "'tasks.csv' is not that of json", ".csv or .json"),
        ("list -o nowhere/tasks.csv", "Cannot write nowhere", "a folder that is there"),
        ("status quiz --live -v", "--live is a panel", "Leave --live out"),
        ("leaderboard owner/board -p there", "-d is missing", "Add -d"),
        ("leaderboard owner/board -d -o a.csv", "-d names its file itself", "-p DIR"),
    ],
)
def test_what_contradicts_itself_is_refused_and_nothing_is_written(
    typed: Any, line: str, said: str, hint: str
) -> None:
    with pytest.raises(KBenchError) as caught:
        typed(f"%kbench {line}")
    assert said in str(caught.value)
    assert hint in str(caught.value.hint)
    assert list(Path().iterdir()) == []


def test_a_file_that_is_there_is_replaced_and_that_is_said(typed: Any) -> None:
    Path("tasks.csv").write_text("of yesterday")
    assert typed("%kbench list -o tasks.csv").endswith(
        "Wrote 1 row to tasks.csv, in place of what was there."
    )
    assert "of yesterday" not in Path("tasks.csv").read_text()


def test_a_listing_that_fails_leaves_the_file_that_was_there(typed: Any) -> None:
    Path("runs.csv").write_text("of yesterday")
    with pytest.raises(KBenchError):
        typed("%kbench status nothing -o runs.csv")
    with pytest.raises(KBenchError):
        typed("%kbench status quiz -o runs.csv --format csv(nothing)")
    assert [path.read_text() for path in Path().iterdir()] == ["of yesterday"]


def test_the_folder_of_downloads_is_another_option_than_the_file(typed: Any) -> None:
    typed("%kbench results quiz -o kept --to runs.csv")
    assert Path("kept/quiz").is_dir()
    assert Path("runs.csv").read_text().startswith("task,version,model,candidate,run,")


@pytest.mark.parametrize(
    ("options", "file", "shown"),
    [
        ("-d", "board_leaderboard.csv", ""),
        ("-d -p boards/new", "boards/new/board_leaderboard.csv", ""),
        ("--download --path boards --show", "boards/board_leaderboard.csv", "owner/board: 1 model"),
        ("-d -s --format json", "board_leaderboard.csv", '"model": "m"'),
    ],
)
def test_a_leaderboard_is_downloaded_as_the_official_client_does(
    typed: Any, options: str, file: str, shown: str
) -> None:
    printed = typed(f"%kbench leaderboard owner/board {options}")
    assert f"Wrote 1 row to {Path(file)}." in printed or "json" in options
    assert shown in printed
    assert ("owner/board: 1 model" in printed) is shown.startswith("owner")
    assert Path(file).read_text().startswith("model,candidate,t1,t2")


def test_a_quiet_download_says_nothing(typed: Any) -> None:
    assert typed("%kbench leaderboard owner/board -d -q") == ""
    assert Path("board_leaderboard.csv").exists()

"""What a result or an error names to be typed next means the same task, the same runs and the same source."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest
from loopback_session import LoopbackSession, add_run

from kbench_jupyter.actions.cancel import cancel
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.actions.standing.shown import Standing, Step
from kbench_jupyter.errors import KBenchError, NotFoundError, UsageError

Typed = Callable[[str], Any]
TASK = """# %%
import kaggle_benchmarks as kbench

@kbench.task{}
def {}(llm) -> bool:
    return "4" in llm.prompt("2 + 2?")

{}.run(kbench.llm)
"""


def write(*names: str, call: str = "()") -> None:
    Path("task.py").write_text("\n".join(TASK.format(call, name, name) for name in names))


def refused(kbench: Typed, line: str) -> str:
    with pytest.raises(KBenchError) as said:
        kbench(line)
    return said.value.hint or ""


@pytest.fixture
def theirs(server: faults.FaultServer) -> faults.FakeApi:
    """A task of somebody else's, with a run that ended and one that errored."""
    add_run(server.api, 11, "m1")
    add_run(server.api, 12, "m2", "ERRORED", errorMessage="OSError: gone")
    for owned in (server.api.tasks["quiz"][0]["slug"], *(run["taskSlug"] for run in server.api.runs)):
        owned["ownerSlug"] = "them"
    return server.api


def test_somebody_elses_task_is_named_with_its_owner(theirs: faults.FakeApi, kbench: Typed) -> None:
    lines = [line for line, _ in kbench("status them/quiz").view().next]
    assert lines
    assert all("them/quiz" in line for line in lines)
    page = kbench("describe them/quiz")
    assert page.cell.startswith("%%kbench describe them/quiz\n")
    assert "them/quiz" in str(page)


def test_ones_own_task_is_named_without_its_owner(server: faults.FaultServer, kbench: Typed) -> None:
    add_run(server.api, 11, "m1")
    assert all("me/quiz" not in line for line, _ in kbench("status quiz").view().next)
    assert kbench("describe quiz").cell.startswith("%%kbench describe quiz\n")


def test_runs_of_somebody_elses_task_are_looked_for_among_its_own(
    server: faults.FaultServer, theirs: faults.FakeApi, kbench: Typed
) -> None:
    kbench("run them/quiz --retry-errored")
    owners = [seen.json["taskSlug"].get("ownerSlug") for seen in server.calls("ListBenchmarkTaskRuns")]
    assert set(owners) == {"them"}


def test_a_publication_that_was_not_agreed_to_keeps_the_notebook_private_when_it_is_typed_again(
    server: faults.FaultServer, kbench: Typed
) -> None:
    server.api.add_task("quiz")
    hint = refused(kbench, "publish quiz --no-publish-backing-notebook -q")
    line = next(line for line in hint.splitlines() if "-y" in line).partition("%kbench ")[2]
    kbench(line)
    assert server.api.tasks["quiz"][0]["isPublic"]
    assert "isBackingNotebookPublished" not in server.api.tasks["quiz"][0]


@pytest.mark.parametrize("named", [{"models": ["m1"]}, {"run_ids": {11}}])
def test_stopping_what_was_spared_stops_nothing_else(
    server: faults.FaultServer, session: LoopbackSession, kbench: Typed, named: dict[str, Any]
) -> None:
    add_run(server.api, 11, "m1", "RUNNING")
    add_run(server.api, 12, "m2", "RUNNING")
    spared = cancel(session, "quiz", confirmed=True, **named)
    [note] = spared.view().notes
    kbench(note.partition("%kbench ")[2] + " -y")
    assert [run["state"].rpartition("_")[2] for run in server.api.runs] == ["ERRORED", "RUNNING"]


def test_fixes_of_a_file_are_checked_in_that_file(kbench: Typed) -> None:
    write("quiz", call="")
    [(line, _)] = kbench("validate --fix -f task.py").view().next
    assert line == "%kbench validate --static -f task.py"


def test_of_several_tasks_the_one_that_is_meant_is_pushed(server: faults.FaultServer, kbench: Typed) -> None:
    write("quiz", "other")
    shown = kbench("push other -f task.py")
    again = shown.again.removeprefix("%kbench ")
    assert again == "push other --again -f task.py"
    kbench(again)
    assert [len(server.api.tasks[slug]) for slug in ("other", "quiz")] == [2, 0]


@pytest.mark.parametrize("step", ["push", "run", "watch", "results", "publish"])
def test_of_several_tasks_each_step_names_the_one_it_is_about(
    session: LoopbackSession, kbench: Typed, step: str
) -> None:
    write("quiz", "other")
    chosen = choose_task(session, "other", file="task.py")
    steps = (Step(step, "next", "Do it."),)
    found = Standing(None, "here", Path(".env"), chosen=chosen, slug="other", steps=steps)
    assert " other" in found.view().next[0][0]


def test_a_name_of_several_words_stays_one_task(server: faults.FaultServer, kbench: Typed) -> None:
    server.api.add_task("quiz")
    assert refused(kbench, "benchmark add them/board 'My Quiz'").endswith("add me/NAME 'My Quiz'")
    assert refused(kbench, "benchmark show me/board 'My Quiz'").endswith("add me/board 'My Quiz'")


@pytest.mark.parametrize(
    "flags", ["--fix --dry-run", "--static --dry-run", "--static -m m1", "--fix --timeout 5"]
)
def test_what_runs_nothing_refuses_what_is_about_a_run(kbench: Typed, flags: str) -> None:
    write("quiz")
    assert refused(kbench, f"validate -f task.py {flags}") == f"%kbench validate {flags.split()[0]}"


@pytest.mark.parametrize("rows", ["0.5", "2.7", "0"])
def test_a_part_of_a_row_is_none(kbench: Typed, rows: str) -> None:
    write("quiz")
    with pytest.raises(KBenchError, match="whole number from 1"):
        kbench(f"validate -f task.py --dry-run --rows {rows}")


@pytest.mark.parametrize(
    "line",
    [
        "log quiz -o {}",
        "validate -f {}",
        "export {} -f task.py",
        "list -o {}",
        "results quiz -o {}",
        "leaderboard me/board -d -p {}",
        "describe quiz --from {}",
        "auth --env-file {}",
    ],
)
def test_a_home_folder_of_nobody_is_refused_in_one_line(
    server: faults.FaultServer, kbench: Typed, line: str
) -> None:
    add_run(server.api, 11)
    write("quiz")
    with pytest.raises(UsageError, match="~nobody-of-that-name is nobody's home"):
        kbench(line.format("~nobody-of-that-name/x.py"))


def test_another_env_file_stays_the_one_that_is_meant(server: faults.FaultServer, kbench: Typed) -> None:
    server.api.models = [
        {"version": {"slug": f"m{number}", "modelProxySlug": f"m{number}", "allowModelProxy": True}}
        for number in range(30)
    ]
    Path("my keys").write_text("LLM_DEFAULT=gone\nLLMS_AVAILABLE=gone\n")
    shown = str(kbench("init --env-file 'my keys' --no-example"))
    lines = re.findall(
        r"%kbench (init|validate)(.*)", " ".join(shown.split()).replace("%kbench", "\n%kbench")
    )
    assert len(lines) == 3
    assert all("--env-file 'my keys'" in rest for _, rest in lines)


def test_one_sample_and_a_list_of_them_are_not_asked_for_at_once(kbench: Typed) -> None:
    assert (
        refused(kbench, "results quiz --sample '1/m 1/1/2' --failed")
        == "%kbench results --sample '1/m 1/1/2'"
    )


@pytest.mark.slow
def test_a_rehearsal_that_fails_is_to_be_repeated_with_the_same_file(
    kbench: Typed, monkeypatch: pytest.MonkeyPatch, forked_kernels: None
) -> None:
    monkeypatch.setenv("MY_SETTING", "1")
    for code, again in [
        ("raise NotImplementedError", "again."),
        ("import os; os.environ['MY_SETTING']", "--pass-env MY_SETTING"),
    ]:
        write("quiz")
        Path("task.py").write_text(Path("task.py").read_text() + f"\n# %%\n{code}\n")
        hint = refused(kbench, "validate --dry-run -f task.py")
        assert hint.endswith(f"%kbench validate --dry-run -f task.py {again}")


def test_a_task_with_an_owner_that_is_not_there_is_not_said_to_want_a_push(kbench: Typed) -> None:
    with pytest.raises(NotFoundError) as refused_with:
        kbench("status them/quiz")
    assert "push" not in str(refused_with.value.hint)
    assert "owner" in str(refused_with.value.hint)

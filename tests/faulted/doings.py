"""Everything a user can do that speaks to the server: each command typed into a real shell, each click of a panel.

A doing is prepared while the server behaves and done while it does not; what it comes to is what the user is shown.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from world import LivingApi

from kbench_jupyter.actions.results import results
from kbench_jupyter.actions.standing import standing
from kbench_jupyter.display.text import to_text
from kbench_jupyter.execution.events import Outcome
from kbench_jupyter.panels import log_panel, status_panel
from kbench_jupyter.panels.log.source import EVERY
from kbench_jupyter.panels.model_picker import ModelPicker
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.panels.workflow.workflow import WorkflowPart
from kbench_jupyter.results.runfiles import read_run_files
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.run import Rehearsal

#: What differs between two times the same is shown.
_PASSING = re.compile(r"127\.0\.0\.1:\d+|\b\d[\d.]*\s?(?:ms|s|min|h|d)\b|\(\d\d:\d\d [A-Z]+\)|/tmp/\S+")
#: What a step says of an answer that was lost, among the lines of what it came to.
_REMARK = re.compile(r"(?:, '[^']*|; [^;]*)answer was lost[^';]*'?")
#: Longest that any of it may take, however often it is tried again.
LONGEST = 120.0


class Problem(Exception):
    """What a panel shows of an error."""


@dataclass(frozen=True)
class Seen:
    """What a user is shown of what was done.

    Parameters
    ----------
    text : str
        Without what differs each time and without notes.
    notes : str
        What is remarked on: a part that could not be had, an answer that was lost.
    """

    text: str
    notes: str = ""


#: Prepares it, and returns what does it.
Doing = Callable[["Place"], Callable[[], Seen]]


@dataclass
class Place:
    """Where something is done.

    Parameters
    ----------
    shell : InteractiveShell
    session : Session
        The shell's.
    api : LivingApi
    folder : Path
        The working directory.
    opened : list
        Panels to close.
    """

    shell: InteractiveShell
    session: Session
    api: LivingApi
    folder: Path
    opened: list[Any]


def plain(text: str) -> str:
    return _PASSING.sub("…", text)


def shown(result: Any) -> Seen:
    """Return what a result shows, and apart from it what it remarks on."""
    if result is None:
        return Seen("")
    view = result.view()
    return Seen(plain(str(to_text(replace(view, notes=())))), plain("\n".join(map(str, view.notes))))


# -- Typed --------------------------------------------------------------------------------------------------


def typed(line: str) -> Doing:
    def prepare(place: Place) -> Callable[[], Seen]:
        place.api.pace = 3 if "--wait" in line or line.startswith("up ") else None

        def do() -> Seen:
            with redirect_stdout(io.StringIO()):
                return shown(place.shell.run_line_magic("kbench", line))

        return do

    return prepare


def logged(line: str) -> Doing:
    """Follow the log into a file: what counts is each line that a run wrote; what is said beside them is a remark."""

    def prepare(place: Place) -> Callable[[], Seen]:
        def do() -> Seen:
            with redirect_stdout(io.StringIO()):
                said = shown(place.shell.run_line_magic("kbench", f"{line} -o log.txt"))
            wrote = re.findall(r"run \d+ wrote line \d+", (place.folder / "log.txt").read_text())
            return Seen("\n".join(sorted(wrote)), f"{said.text}\n{said.notes}")

        return do

    return prepare


def after_a_push(line: str) -> Doing:
    """Do it where version 2 was pushed, and runs of it are going."""

    def prepare(place: Place) -> Callable[[], Seen]:
        with redirect_stdout(io.StringIO()):
            place.shell.run_line_magic("kbench", "run quiz -m m4")
        place.api.pace = 3 if line.startswith("log") else None
        return (logged if line.startswith("log") else typed)(line)(place)

    return prepare


TYPED: dict[str, Doing] = {
    "": typed(""),
    **{
        line: typed(line)
        for line in (
            "init -y",
            "auth -y",
            "validate",
            "push --again --force",
            "push --wait --poll-interval 0.01",
            "pull quiz",
            "run quiz -m m2 -m m4",
            "run quiz -m 'm*'",
            "run quiz --retry-errored",
            "run quiz -m m4 --wait --poll-interval 0.01",
            "list",
            "list --name-regex ^q --status completed",
            "status quiz",
            "status quiz -m m1 --errors",
            "download quiz",
            "download quiz -s -m m2",
            "results quiz -o out",
            "up -m m4 -o out -y",
            "publish quiz -y",
            "publish quiz --no-publish-backing-notebook -y",
            "quota",
            "leaderboard me/board",
            "models",
            "models --search m2",
        )
    },
    "log quiz": logged("log quiz"),
    "log quiz --no-follow": logged("log quiz --no-follow"),
    "status quiz, of runs that go": after_a_push("status quiz"),
    "log quiz, of runs that go": after_a_push("log quiz"),
}


# -- Clicked ------------------------------------------------------------------------------------------------


def click(part: Part, verb: str, **more: Any) -> None:
    """Do what a click does, and wait until it is done; what went wrong is raised as it is shown."""
    done = threading.Event()
    tell = part.set

    def heard(**changes: Any) -> None:
        tell(**changes)
        if changes.get("busy", ...) == "":
            done.set()

    part.set = heard  # type: ignore[method-assign]
    try:
        part.receive({"do": verb, **more})
        assert done.wait(LONGEST), f"{verb} never ended: {part.get('busy')}"
    finally:
        part.set = tell  # type: ignore[method-assign]
    if problem := part.get("problem"):
        raise Problem("\n".join(problem))


def state_of(part: Part) -> Seen:
    """Return what a panel shows: what was done came to, its rows, and how its task stands."""
    # After a step that was done the panel looks again; where that fails, the steps stay as they were last seen.
    looked = () if part.get("outcome") else ("version", "steps")
    # The quota is shown where it can be had; a panel of models is complete without.
    names = (*looked, "task", "outcome", "models", "groups", "note")
    said = [f"{name}: {part.get(name)}" for name in names if part.get(name) is not None]
    found = [remark for line in said for remark in _REMARK.findall(line)]
    said = [_REMARK.sub("", line) for line in said]
    rows = [str(row) for row in part.rows]
    return Seen(plain("\n".join(said + rows)), "\n".join([*(part.get("notes") or []), *found]))


def _opened(place: Place, part: Any) -> Any:
    place.opened.append(part)
    return part


def workflow(verb: str, **more: Any) -> Doing:
    def prepare(place: Place) -> Callable[[], Seen]:
        output = place.session.folders["quiz"] = place.folder / "out"
        output.mkdir(exist_ok=True)
        part = _opened(place, WorkflowPart(place.session, standing(place.session)))
        place.api.pace = 3 if verb == "chain" else None
        part.picker.load()
        part.picker.select(["m4"] if verb == "chain" or more.get("step") == "run" else [])

        def do() -> Seen:
            click(part, verb, **more)
            return state_of(part)

        return do

    return prepare


def picker(verb: str) -> Doing:
    def prepare(place: Place) -> Callable[[], Seen]:
        part = _opened(place, ModelPicker(place.session, "quiz"))
        if verb == "run":
            part.load()
            part.select(["m2", "m4"])

        def do() -> Seen:
            click(part, verb)
            # The runs go on meanwhile, so that how many have ended is as it happens; what was scheduled is an effect.
            return Seen("", "\n".join(part.get("outcome"))) if verb == "run" else state_of(part)

        return do

    return prepare


def compared(place: Place) -> Callable[[], Seen]:
    output = place.folder / "out"
    part = _opened(
        place, ResultsPart(place.session, results(place.session, "quiz", output=output), output=output)
    )
    place.api.runs.append(place.api.run(14, "m4", "COMPLETED"))
    place.api.archives[14] = place.api.archive(14)

    def do() -> Seen:
        click(part, "refresh")
        return state_of(part)

    return do


def runs(verb: str) -> Doing:
    def prepare(place: Place) -> Callable[[], Seen]:
        panel = _opened(place, status_panel(place.session, "quiz"))
        part = panel.part
        if verb == "refresh":
            place.api.runs.append(place.api.run(14, "m4", "COMPLETED"))

        def do() -> Seen:
            click(part, verb)
            return Seen(state_of(part).text if verb != "log" else str(bool(part.get("log"))))

        return do

    return prepare


def log_view(place: Place) -> Callable[[], Seen]:
    def do() -> Seen:
        view = _opened(place, log_panel(place.session, "quiz"))
        source = view._source
        source.wait_for_ended(LONGEST)
        for log in source.runs.values():
            if log.problem:
                raise Problem(log.problem)
        each = [log for log in source.runs.values() if log.run_id != EVERY]
        return Seen("\n".join(line for log in each for _, line in log.buffer.texts()))

    return do


CLICKED: dict[str, Doing] = {
    "the workflow: look": workflow("look"),
    "the workflow: new credentials": workflow("auth"),
    "the workflow: init": workflow("step", step="init"),
    "the workflow: validate": workflow("step", step="validate"),
    "the workflow: dry run": workflow("step", step="dry-run"),
    "the workflow: push": workflow("step", step="push"),
    "the workflow: run": workflow("step", step="run"),
    "the workflow: results": workflow("step", step="results"),
    "the workflow: publish": workflow("step", step="publish", confirmed=True, notebook=True),
    "the workflow: all of it": workflow("chain", confirmed=True),
    "the picker: models again": picker("load"),
    "the picker: run": picker("run"),
    "the results: refresh": compared,
    "the runs: refresh": runs("refresh"),
    "the runs: retry": runs("retry"),
    "the runs: log": runs("log"),
    "the log view": log_view,
}

DOINGS = {**{f"%kbench {name}".strip(): doing for name, doing in TYPED.items()}, **CLICKED}


# -- A rehearsal without its kernel, which speaks to no server ----------------------------------------------


@contextmanager
def rehearsed(monkeypatch: Any, folder: Path) -> Iterator[None]:
    """Let every rehearsal have run, and have recorded one run: a kernel takes seconds and meets no fault of these."""
    folder.mkdir()
    (folder / "quiz.run.json").write_text(
        '{"taskVersion": {"name": "Quiz"}, "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",'
        ' "results": [{"booleanResult": true}]}'
    )
    ran = Rehearsal(Outcome(nbformat.v4.new_notebook())), tuple(read_run_files(folder))
    for module in ("validate", "dry_run"):
        monkeypatch.setattr(f"kbench_jupyter.actions.{module}.rehearse_source", lambda *_args, **_more: ran)
    yield

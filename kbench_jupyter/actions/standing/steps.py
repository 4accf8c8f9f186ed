"""The steps of a task's way: what each has come to, and what it will do."""

from __future__ import annotations

from collections.abc import Mapping

from kbench_jupyter.actions.pushed_task import creation_notes, first_run_raised
from kbench_jupyter.actions.run_errors import RunErrors
from kbench_jupyter.actions.standing.shown import Standing, Step
from kbench_jupyter.display.view import count
from kbench_jupyter.session.target import NOBODY_ELSE

#: The steps of a task's way, in order.
STEPS = ("init", "validate", "push", "run", "watch", "results", "publish")


def steps_of(found: Standing, done: Mapping[str, bool], *, sent: bool) -> tuple[Step, ...]:
    """Give each step its state: all before the first that is not `done` are behind the user.

    `sent` says whether the newest version is this source, however its creation ends.
    """
    plans, notes = _plans(found, sent=sent), _notes(found, done)
    chained = {} if done["push"] else {"run": _run_plan(found, _version_to_come(found, sent=sent))}
    going = [run for run in found.runs if not found.is_over(run)]
    steps: list[Step] = []
    offered = False
    for name in STEPS:
        state = "done" if done[name] else "later"
        if name == "push" and found.is_creating:
            state = "going"
        elif name == "push" and not done[name] and _creation_failed(found):
            state = "failed"
        elif name == "watch" and going:
            state = "going"
        if not offered and state in ("later", "going", "failed"):
            state = "next" if state == "later" else state
            offered = True
        raised = (
            name == "push" and state == "done" and found.task is not None and first_run_raised(found.task)
        )
        steps.append(Step(name, state, plans[name], notes.get(name, ""), chained.get(name, ""), raised))
    return tuple(steps)


def _creation_failed(found: Standing) -> bool:
    state = found.task.creation_state if found.task else None
    return state is not None and state.is_terminal and state != "COMPLETED"


def _notes(found: Standing, done: Mapping[str, bool]) -> dict[str, str]:
    notes: dict[str, str] = {}
    version = f"version {found.version}" if found.version else "a version"
    if done["init"]:
        notes["init"] = f"credentials in {found.env_file}, they expire {found.expiry}"
    if done["validate"]:
        notes["validate"] = "this source ran without a finding that stops a push"
    if found.task is not None:
        state = found.task.creation_state.words
        being = "is being created" if found.is_creating else "is on the server"
        notes["push"] = f"{version} {being} ({state})"
        if first_run_raised(found.task):
            known = RunErrors(found.chosen.source if done["push"] and found.chosen else None)
            notes["push"] += f". {creation_notes(found.task, known)[0]}"
        if found.changes:
            notes["push"] += f"; changed since {version}: {count(found.changes.cells, 'cell')}"
        elif not done["push"] and state == "completed":
            notes["push"] += "; the notebook is not known to be the same"
    if found.runs:
        ended = sum(map(found.is_over, found.runs))
        errored = sum(run.state == "ERRORED" for run in found.runs)
        notes["run"] = f"{version} has {count(len(found.runs), 'run')}"
        notes["watch"] = f"{ended} of {count(len(found.runs), 'run')} of {version} ended" + (
            f", {errored} errored" if errored else ""
        )
    if done["results"]:
        notes["results"] = "fetched and compared"
    if done["publish"]:
        notes["publish"] = "everybody can read it"
    return notes


def _version_to_come(found: Standing, *, sent: bool) -> int | None:
    """Return the version that is the newest once this source is pushed; None where the server was not asked."""
    if found.target is None:
        return None
    if sent and not _creation_failed(found):
        return found.version or 1  # it is being created: pushing waits for it and sends nothing
    return (found.version or 0) + 1


def _run_plan(found: Standing, version: int | None) -> str:
    pushed = f"version {version}" if version else "the pushed version"
    cost = "on this machine" if found.target is None or found.target.is_local else "on your quota"
    return f"Run {pushed} of {found.slug or 'the task'} on the models you choose, {cost}."


def _plans(found: Standing, *, sent: bool) -> dict[str, str]:
    slug, place = found.slug or "the task", found.place.partition(" (")[0]
    origin = "the notebook" if found.chosen is None else found.origin
    following = "a new version" if found.target is None else f"version {(found.version or 0) + 1}"
    older = found.version is not None and not sent
    unsure = f" It is not known to be what {origin} holds now." if older else ""
    return {
        "init": f"Fetch model proxy credentials from {place} into {found.env_file} and this kernel, choose "
        "default models, and write example_task.py and a syntax reference where there are none.",
        "validate": f"Check {origin} against the rules, then run it once in a fresh kernel on this machine.",
        "push": f"Send {origin} to {place} as {following} of {slug}. Only you will see it.",
        "run": _run_plan(found, found.version) + unsure,
        "watch": "Follow the runs until each has ended. It only looks; closing it stops no run.",
        "results": "Fetch what the runs left, and compare it.",
        "publish": f"Mark {slug} as public at {place}; {NOBODY_ELSE}."
        if found.target is None or found.target.is_local
        else f"Let everybody read {slug} with its results at {place}. It cannot be taken back from here.",
    }

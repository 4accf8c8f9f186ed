"""The workflow: a task's way from init to publish, a click a step, or all of it after one confirmation.

What is done already is read from the server (`kbench_jupyter.actions.standing`), so it outlives the kernel.
Nothing is done that was not clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from kbench_jupyter.actions import auth, dry_run, init, publish, push, results, validate
from kbench_jupyter.actions.remembered import downloads_folder
from kbench_jupyter.actions.sources import ChosenTask, choose_task
from kbench_jupyter.actions.standing import Standing
from kbench_jupyter.display.view import Facts, Table, Text, count
from kbench_jupyter.errors import KBenchError, RunsFailedError, UsageError
from kbench_jupyter.panels.model_picker import ModelPicker
from kbench_jupyter.panels.results import ResultsPart
from kbench_jupyter.panels.session import Stopped
from kbench_jupyter.panels.told import lines, scheduling, told
from kbench_jupyter.panels.watches import TaskWatch
from kbench_jupyter.panels.workflow.standing import StandingPart
from kbench_jupyter.session.session import Session

#: The steps that the whole chain does. Publishing stays a click of its own: it cannot be taken back.
CHAIN = ("init", "validate", "push", "run", "watch", "results")
#: Does a step and says what it came to, as `told` does.
_Work = Callable[[], dict[str, Any]]
#: Most seconds between two looks at a version being created.
_INTERVAL = 5.0


class WorkflowPart(StandingPart):
    """Takes the current notebook's task along its way."""

    kind = "workflow"

    def __init__(self, session: Session, found: Standing) -> None:
        super().__init__(session, found)
        self._steps: dict[str, _Work] = {
            "init": self._init,
            "validate": self._validate,
            "push": self._push,
            "run": self._run,
            "watch": self._follow_all,
            "results": self._results,
        }
        self._pushed: push.PushResult | None = None
        self.picker = ModelPicker(session, on_select=self._models_chosen)
        self.set(running="", models=[], again=False, chain=list(CHAIN), unrehearsed=False)
        self.add("picker", self.picker)
        self._take(found)

    # -- Clicks ----------------------------------------------------------------------------------------------

    def do_look(self, _message: Mapping[str, Any]) -> None:
        """Read the state again."""
        self.start("look", self._look_again)

    def do_task(self, message: Mapping[str, Any]) -> None:
        """Turn to another task of the notebook."""
        if message.get("task") in self.get("tasks") and not self.get("busy"):
            self._task = str(message["task"])
            self.start("look", self._look_again)

    def do_models(self, _message: Mapping[str, Any]) -> None:
        """Fetch the models to choose from, once."""
        if not self.picker.rows or self.picker.about != self._found.slug:
            self.picker.start("load", self._load_models)
        else:
            self.picker.recall()

    def _take(self, found: Standing) -> None:
        super()._take(found)
        if self.picker.rows and any(step.name == "run" and step.state != "done" for step in found.steps):
            self.picker.recall()  # another version is to be run, on what the one before ran on

    def _models_chosen(self, names: Sequence[str]) -> None:
        self.set(models=list(names), again=bool(names) and self.picker.own)

    def _load_models(self) -> None:
        unknown = self._found.target is None
        if unknown:
            self.picker.reporter.progress("Asking for the models; the embedded server is started for it.")
        self.picker.load(self._found.slug)
        if unknown and not self.get("busy"):  # a step that is going on looks when it is over
            with suppress(KBenchError):
                self._look()

    def do_open(self, message: Mapping[str, Any]) -> None:
        """Keep which step was opened, for a page that is loaded again and for another kernel."""
        self.keep_open(str(message.get("step") or ""))

    def do_auth(self, _message: Mapping[str, Any]) -> None:
        """Fetch new model proxy credentials."""
        self.start("auth", self._auth)

    def do_step(self, message: Mapping[str, Any]) -> None:
        """Do one step."""
        name = str(message.get("step"))
        self.set(unrehearsed=False)
        if name == "push" and message.get("confirmed") is not True:
            self.start(name, self._push_rehearsed)
        elif name in CHAIN:
            self.start(name, partial(self._alone, name, self._steps[name]))
        elif name == "dry-run":
            self.start(name, partial(self._alone, "validate", self._dry_run))
        elif name == "publish" and message.get("confirmed") is True:
            work = partial(self._publish, notebook=message.get("notebook") is True)
            self.start(name, partial(self._alone, name, work))

    def do_keep(self, _message: Mapping[str, Any]) -> None:
        """Send nothing after all."""
        self.set(unrehearsed=False)

    def do_chain(self, message: Mapping[str, Any]) -> None:
        """Do every step that is not done, from the first to the results."""
        if message.get("confirmed") is True:
            self.start("chain", self._chain)

    # -- Steps -----------------------------------------------------------------------------------------------

    def _auth(self) -> None:
        auth.auth(self.session)
        self._look()

    def _open(self) -> set[str]:
        """The steps of the chain that are to be done, as things stand now."""
        left = {step.name for step in self._found.steps if step.state != "done"}
        # Models that the user has chosen are to be run on, whatever ran before.
        return left | {"run"} if self.get("again") else left

    def _alone(self, name: str, step: _Work) -> None:
        # What earlier clicks came to would mislead beside what this one comes to.
        self.set(outcome={}, broken="")
        self._do(name, step)

    def _chain(self) -> None:
        self.set(outcome={}, broken="")
        self._look(start=True)
        if "run" in self._open() and not self.picker.selected:
            raise UsageError(
                "Which models? None was chosen.", hint="Choose one under “run”, then do all again."
            )
        for name in CHAIN:
            if name in self._open():  # a step may undo a later one: a push, whatever was run before
                self._do(name, self._steps[name])
                if name == "push" and self._pushed is not None:
                    self._pushed.refuse_raised()

    def _do(self, name: str, step: _Work) -> None:
        """Do a step, showing that it is being done; its error ends the chain."""
        self.set(running=name)
        try:
            outcome = step()
            self.set(outcome={**self.get("outcome"), name: outcome})
        except Exception:
            self.set(broken=name)
            raise
        finally:
            self.set(running="")
            if not self.closed:
                with suppress(KBenchError):  # the step's own error says more
                    self._look()

    def _init(self) -> dict[str, Any]:
        made = init.init(self.session)
        said = [f"Credentials are in {made.env_file}; the default model is {made.default_model}."]
        said += [f"Written: {', '.join(made.written)}"] if made.written else []
        said += [f"Kept as it was: {', '.join(made.kept)}"] if made.kept else []
        return lines(*said, *made.notes)

    def _chosen(self) -> ChosenTask:
        return choose_task(self.session, self._task or self._found.slug or None)

    def _dry_run(self) -> dict[str, Any]:
        # It needs no server, so none is started for it.
        chosen = self._chosen()
        tried = dry_run.dry_run(self.session, chosen.slug, chosen=chosen, interrupt=self.interrupt)
        return told(tried, Facts, Text, Table)

    def _validate(self) -> dict[str, Any]:
        found = self._look(start=True)
        chosen = found.chosen if found.chosen and found.slug else self._chosen()
        valid = validate.validate(self.session, chosen.slug, chosen=chosen, interrupt=self.interrupt)
        return told(valid, Facts, Table)

    def _push_rehearsed(self) -> None:
        """Push the notebook as it is now, or ask first where that was never rehearsed."""
        self._look(start=True)
        if "validate" in self._open() and self._found.slug:
            self.set(unrehearsed=True)
        else:
            self._alone("push", self._push)

    def _push(self) -> dict[str, Any]:
        self._pushed = push.push(self.session, self._chosen(), wait=0.0, poll_interval=_INTERVAL)
        # Its facts stand in the panel's head; its table holds the findings that stood in nobody's way.
        return told(self._pushed, Table, Text)

    def _run(self) -> dict[str, Any]:
        if not self.picker.selected:
            raise UsageError("Which models? None was chosen.", hint="Choose one in the list, then run.")
        self._refuse_if_edited()
        slug = self._found.slug
        scheduled = self.picker.run(self.session, slug, lambda _: self._follow(slug))
        self.picker.select((), own=False)
        self._follow(slug)
        return lines(*scheduling(scheduled))

    def _refuse_if_edited(self) -> None:
        """Look again before a run, and refuse it once where the notebook was edited since the panel was drawn.

        The next click finds the panel saying so, and runs.
        """
        was_pushed = "push" not in self._open()
        found = self._look(start=True)
        if was_pushed and "push" in self._open():
            raise UsageError(
                f"{found.origin} has changed since version {found.version} was pushed: nothing was scheduled.",
                hint=f"Push it first. To run version {found.version} as it is, click again.",
            )

    def _wait(self, watch: TaskWatch) -> None:
        """Wait until every run of the newest version has ended."""
        while not all(status.ended for status in watch.newest):
            ended = sum(status.ended for status in watch.newest)
            every = len(watch.newest)
            self.reporter.progress(f"{ended} of {count(every, 'run')} ended", ended, every)
            self._moved.wait()
            self._moved.clear()
            if self.interrupt.is_set():
                raise Stopped

    def _follow_all(self) -> dict[str, Any]:
        watch = self._follow(self._found.slug)
        if not watch.newest:
            raise UsageError("There is no run of the newest version to follow.", hint="Run it first.")
        watch.listen(self._runs_moved)
        self._wait(watch)
        failed = [status for status in watch.newest if status.ending != "completed"]
        if failed and len(failed) == len(watch.newest):
            raise RunsFailedError(
                f"None completed of {count(len(failed), 'run')} of {watch.slug}.",
                hint="Their errors unfold in the table below.",
            )
        many = count(len(watch.newest), "run")
        return lines(f"{many} ended, {len(failed)} of them not well." if failed else f"{many} completed.")

    def _results(self) -> dict[str, Any]:
        folder = downloads_folder(self.session, self._found.slug)
        found = results.results(self.session, self._found.slug, output=folder)
        self.add("results", ResultsPart(self.outer, found, output=folder))
        return told(found)

    def _publish(self, *, notebook: bool) -> dict[str, Any]:
        return told(publish.publish(self.session, self._found.slug, notebook=notebook, confirmed=True))

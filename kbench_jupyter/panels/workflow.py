"""The workflow: a task's way from init to publish, a click a step, or all of it after one confirmation.

What is done already is read from the server (`kbench_jupyter.actions.standing`), so it outlives the kernel.
Nothing is done that was not clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.display.view import Facts, Table, Text, count
from kbench_jupyter.errors import KBenchError, RunsFailedError, UsageError
from kbench_jupyter.panels.model_picker import ModelPicker, scheduling
from kbench_jupyter.panels.part import Stopped
from kbench_jupyter.panels.results_panel import ResultsPart
from kbench_jupyter.panels.told import told
from kbench_jupyter.panels.workflow_standing import StandingPart

if TYPE_CHECKING:
    from kbench_jupyter.actions.push import PushResult
    from kbench_jupyter.actions.sources import ChosenTask
    from kbench_jupyter.actions.standing import Standing
    from kbench_jupyter.panels.watches import TaskWatch
    from kbench_jupyter.session.session import Session

__all__ = ["WorkflowPart"]

#: The steps that the whole chain does. Publishing stays a click of its own: it cannot be taken back.
CHAIN = ("init", "validate", "push", "run", "watch", "results")
#: Does a step and says what it came to, as `told` does.
_Work = Callable[[], dict[str, Any]]
#: Most seconds between two looks at a version being created.
_INTERVAL = 5.0


class WorkflowPart(StandingPart):
    """Takes the current notebook's task along its way.

    Parameters
    ----------
    session : Session
    found : Standing
        How far it has come.
    output : Path, optional
        Where results are downloaded to.
    """

    kind = "workflow"

    def __init__(self, session: Session, found: Standing, output: Path = Path()) -> None:
        super().__init__(session, found, output)
        self._steps: dict[str, _Work] = {
            "init": self._init,
            "validate": self._validate,
            "push": self._push,
            "run": self._run,
            "watch": self._follow_all,
            "results": self._results,
        }
        self._pushed: PushResult | None = None
        self.picker = ModelPicker(session, on_select=lambda models: self.set(models=list(models)))
        self.set(running="", models=[], chain=list(CHAIN))
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
        if not self.picker.rows:
            self.picker.start("load", self._load_models)

    def _load_models(self) -> None:
        unknown = self._found.target is None
        if unknown:
            self.picker.reporter.progress("Asking for the models; the embedded server is started for it.")
        self.picker.load()
        if unknown and not self.get("busy"):  # a step that is going on looks when it is over
            with suppress(KBenchError):
                self._look()

    def do_auth(self, _message: Mapping[str, Any]) -> None:
        """Fetch new model proxy credentials."""
        self.start("auth", self._auth)

    def do_step(self, message: Mapping[str, Any]) -> None:
        """Do one step."""
        name = str(message.get("step"))
        if name in CHAIN:
            self.start(name, partial(self._alone, name, self._steps[name]))
        elif name == "dry-run":
            self.start(name, partial(self._alone, "validate", self._dry_run))
        elif name == "publish" and message.get("confirmed") is True:
            publish = partial(self._publish, notebook=message.get("notebook") is True)
            self.start(name, partial(self._alone, name, publish))

    def do_chain(self, message: Mapping[str, Any]) -> None:
        """Do every step that is not done, from the first to the results."""
        if message.get("confirmed") is True:
            self.start("chain", self._chain)

    # -- Steps -----------------------------------------------------------------------------------------------

    def _auth(self) -> None:
        from kbench_jupyter.actions.auth import auth

        auth(self.session)
        self._look()

    def _open(self) -> set[str]:
        """The steps of the chain that are to be done, as things stand now."""
        left = {step.name for step in self._found.steps if step.state != "done"}
        # Models that were chosen are to be run on, whatever ran before.
        return left | {"run"} if self.picker.selected else left

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
            self._over()

    def _over(self) -> None:
        """Read the state after a step; if even that fails, the step's own error says more."""
        self.set(running="")
        if not self.closed:
            with suppress(KBenchError):
                self._look()

    def _init(self) -> dict[str, Any]:
        from kbench_jupyter.actions.init import init

        made = init(self.session)
        lines = [f"Credentials are in {made.env_file}; the default model is {made.default_model}."]
        lines += [f"Written: {', '.join(made.written)}"] if made.written else []
        lines += [f"Kept as it was: {', '.join(made.kept)}"] if made.kept else []
        return _lines(*lines, *made.notes)

    def _chosen(self) -> ChosenTask:
        return choose_task(self.session, self._task or self._found.slug or None)

    def _dry_run(self) -> dict[str, Any]:
        from kbench_jupyter.actions.dry_run import dry_run

        # It needs no server, so none is started for it.
        chosen = self._chosen()
        tried = dry_run(self.session, chosen.slug, chosen=chosen, interrupt=self.interrupt)
        return told(tried, Facts, Text, Table)

    def _validate(self) -> dict[str, Any]:
        from kbench_jupyter.actions.validate import validate

        found = self._look(start=True)
        chosen = found.chosen if found.chosen and found.slug else self._chosen()
        valid = validate(self.session, chosen.slug, chosen=chosen, interrupt=self.interrupt)
        return told(valid, Facts, Table)

    def _push(self) -> dict[str, Any]:
        from kbench_jupyter.actions.push import push

        self._pushed = push(self.session, self._chosen(), wait=0.0, poll_interval=_INTERVAL)
        # Its facts stand in the panel's head; its table holds the findings that stood in nobody's way.
        return told(self._pushed, Table, Text)

    def _run(self) -> dict[str, Any]:
        from kbench_jupyter.actions.run import run

        if not self.picker.selected:
            raise UsageError("Which models? None was chosen.", hint="Choose one in the list, then run.")
        self._refuse_if_edited()
        slug = self._found.slug
        scheduled = run(self.session, slug, self.picker.selected)
        self.picker.select(())
        self._follow(slug)
        return _lines(*scheduling(scheduled))

    def _refuse_if_edited(self) -> None:
        """Look again before a run: what the panel says of it may have been true before the last edit only.

        Raises
        ------
        UsageError
            If the notebook is no longer what was pushed. The next click finds the panel saying so, and runs.
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
            if self.stopping:
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
                f"None of the {len(failed)} runs of {watch.slug} completed.",
                hint="Their errors unfold in the table below.",
            )
        many = count(len(watch.newest), "run")
        return _lines(f"{many} ended, {len(failed)} of them not well." if failed else f"{many} completed.")

    def _results(self) -> dict[str, Any]:
        from kbench_jupyter.actions.results import results

        found = results(self.session, self._found.slug, output=self._output)
        self.add("results", ResultsPart(self.outer, found, output=self._output))
        return told(found)

    def _publish(self, *, notebook: bool) -> dict[str, Any]:
        from kbench_jupyter.actions.publish import publish

        return told(publish(self.session, self._found.slug, notebook=notebook, confirmed=True))


def _lines(*lines: str) -> dict[str, Any]:
    """Return lines in the shape of what `told` returns."""
    return {"tone": "good", "lines": list(lines), "parts": []}

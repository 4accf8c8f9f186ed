"""The model picker: search, filter and choose models, and run a task on them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kbench_jupyter.actions.forecast import Lookup, Past, candidates_of
from kbench_jupyter.actions.models import ModelList, availability, list_models
from kbench_jupyter.actions.run import ScheduledRuns, run
from kbench_jupyter.actions.wanted_candidates import Batch, last_time, ran_last
from kbench_jupyter.display.view import Text, View, money
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.told import scheduling
from kbench_jupyter.panels.watches import task_watch
from kbench_jupyter.session.session import Session

_OnSelect = Callable[[tuple[str, ...]], None]
#: Most runs of a candidate by one click: a slip of the pen in a field of numbers should not cost a thousand.
_MOST = 100
#: Seconds for what is known of earlier runs, and those of them for which a command waits that shows this.
_PATIENCE, _SHORT = 10.0, 1.0
#: Most seconds between two looks while a run is waited for.
_INTERVAL = 5.0


class ModelPicker(Part):
    """Chooses models, and where all of those have some the reasoning effort; `selected` holds the models' slugs.

    What the task was last run on from here is chosen at first. With a task to run on them it has a button for that. It
    calls `on_select` with what was chosen, in words, whenever another choice was made. Of the task, or of the one
    that `load` names, it says what runs will take.
    """

    kind = "picker"

    def __init__(
        self, session: Session, task: str | None = None, *, on_select: _OnSelect | None = None
    ) -> None:
        super().__init__(session)
        self._task = task
        self._on_select = on_select
        self._models: ModelList = ModelList()
        self.about = task or ""
        self._past = Past()
        self._last: list[Batch] = []
        self._own = False
        self._told: object = ((), False)
        self.set(
            task=task or "", selected=[], quota="", notes=[], place="", label="", outcome=[], status=None,
            effort="", efforts=[], repeat=1, forecast=[], last={}, recalled=False,
        )  # fmt: skip

    def load(self, about: str = "", *, waits: bool = True) -> None:
        """Fetch models, quota and what is known of the task's runs, in the calling thread.

        Unless it `waits`, what does not come at once is taken over when it comes.
        """
        self.about = about or self.about
        target = self.session.target()
        asked = self._ask()
        self._models = list_models(self.session)
        self.put_rows(map(_row, self._models.models), replace=True)
        self.set(place=target.place, label=target.label, notes=list(self._models.notes))
        self._take(asked, _PATIENCE if waits else _SHORT)
        self.select(self.selected, self.effort, own=self._own)
        self.recall()
        if not waits and self._past.quota is None:
            threading.Thread(
                target=self._take_late, args=(asked,), name="kbench-forecast", daemon=True
            ).start()

    def _take_late(self, asked: Lookup) -> None:
        with suppress(KBenchError):
            self._take(asked)
            self._foretell()
            self.recall()

    def recall(self) -> None:
        """Choose what the task was last run on from here, unless the user has chosen since."""
        here = ran_last(self.outer, self.about) if self.about else []
        if here and not self._own and not self.selected and (batch := self._last_choice()):
            self.select(batch.models, batch.effort, own=False)

    def _ask(self) -> Lookup:
        return Lookup(self.session, self.session.target(), self.about, runs=bool(self.about))

    def _take(self, asked: Lookup, patience: float = _PATIENCE) -> None:
        """Take over what is known of earlier runs."""
        self._past = past = asked.past(patience=patience)
        used = past.quota
        told = f"Today's quota: {money(used.used)} of {money(used.allowed)} used" if used else ""
        self.set(quota=told if used and used.allowed else "")
        client = self.session.client()
        with suppress(KBenchError):  # it is a convenience
            self._last = last_time(self.session, client, self.about, past.runs)
        names = [name for batch in self._last for name in batch.names]
        chosen = self._last_choice()
        left = [name for name in names if chosen is None or name not in chosen.names]
        self.set(last={"names": names, "left": left} if chosen else {})

    def _last_choice(self) -> Batch | None:
        """Return what can be chosen here of what ran last: models, all at one effort."""
        return next((batch for batch in self._last if batch.models), None)

    @property
    def selected(self) -> tuple[str, ...]:
        """The slugs of the chosen models, in the order they were chosen."""
        return tuple(self.get("selected"))

    @property
    def effort(self) -> str:
        """The reasoning effort they are to be run at; "" for none named."""
        return str(self.get("effort"))

    @property
    def names(self) -> tuple[str, ...]:
        """The chosen models in words, with the effort if one is named."""
        return tuple(Batch(self.selected, self.effort).names)

    @property
    def own(self) -> bool:
        """Whether the choice is the user's, and not what was chosen last time."""
        return self._own

    def select(self, slugs: Sequence[str], effort: str = "", *, own: bool = True) -> None:
        """Choose these models at an effort; those that cannot run, or are unknown, are left out.

        An effort that one of them does not have is none. `own` says whether this is the user's choice.
        """
        usable = {row["id"] for row in self.rows if row["usable"]}
        chosen = [slug for slug in dict.fromkeys(slugs) if slug in usable]
        self._own = own
        efforts = self._efforts(chosen)
        self.set(
            selected=chosen,
            efforts=efforts,
            effort=effort if effort in efforts else "",
            recalled=bool(chosen) and not own,
        )
        self._foretell()
        told = self.names, own
        if told != self._told and self._on_select is not None:
            self._told = told
            self._on_select(self.names)

    @property
    def repeat(self) -> int:
        """How many runs of each model are wanted."""
        return int(self.get("repeat"))

    def _foretell(self) -> None:
        """Say what runs on the chosen models will take."""
        known = self._models.efforts or {}
        configs = {slug: known.get(slug, {}).get(self.effort, "") for slug in self.selected}
        batches = [Batch(self.selected, self.effort, configs=configs)] if self.selected else []
        expected = self._past.forecast(candidates_of(batches), self.repeat)
        self.set(forecast=list(expected.lines()) if self.about else [])

    def _efforts(self, slugs: Sequence[str]) -> list[str]:
        """Return the efforts that each of these models has."""
        known = [(self._models.efforts or {}).get(slug, ()) for slug in slugs]
        first = known[0] if known else ()
        return [one for one in dict.fromkeys(first) if all(one in others for others in known)]

    def view(self) -> View:
        """Describe the models, and how to run on them without the panel."""
        shown = self._models.view()
        task = self._task or "TASK"
        chosen = [Text(f"Chosen: {', '.join(self.names)}")] if self.selected else []
        return View(
            shown.title,
            [*chosen, *shown.parts],
            notes=shown.notes,
            next=[(f"%kbench run {task} -m MODEL", "run on one without the panel")],
            footer=self.get("label"),
        )

    def do_select(self, message: Mapping[str, Any]) -> None:
        """Take over a choice."""
        slugs = message.get("slugs")
        if isinstance(slugs, list):
            self.select([str(slug) for slug in slugs], self.effort)

    def do_effort(self, message: Mapping[str, Any]) -> None:
        """Take over a reasoning effort."""
        self.select(self.selected, str(message.get("effort") or ""))

    def do_repeat(self, message: Mapping[str, Any]) -> None:
        """Take over how many runs of each model are wanted."""
        number = message.get("repeat")
        if isinstance(number, int) and not isinstance(number, bool):
            self.set(repeat=max(1, min(number, _MOST)))
            self._foretell()

    def do_last(self, _message: Mapping[str, Any]) -> None:
        """Choose what the task was last run on."""
        if batch := self._last_choice():
            self.select(batch.models, batch.effort)

    def do_load(self, _message: Mapping[str, Any]) -> None:
        """Fetch models and quota again."""
        self.start("load", self.load)

    def do_run(self, _message: Mapping[str, Any]) -> None:
        """Run the task on the chosen models."""
        if self._task and self.selected:
            self.start("run", self._run)

    def _run(self) -> None:
        task = self._task or ""
        scheduled = self.run(self.session, task, lambda _: self._follow(task))
        self.set(outcome=scheduling(scheduled))
        self.select((), own=False)
        self._follow(task)
        self._take(self._ask())

    def run(self, session: Session, task: str, on_begun: Callable[[Any], object]) -> ScheduledRuns:
        """Run a task on what was chosen, as often as was chosen; see `actions.run`."""
        scheduled = run(
            session,
            task,
            self.selected,
            effort=self.effort or None,
            repeat=self.repeat,
            poll_interval=_INTERVAL,
            on_begun=on_begun,
        )
        self.set(repeat=1)
        self._last = [Batch(self.selected, self.effort)]
        return scheduled

    def _follow(self, task: str) -> None:
        watch = task_watch(self.outer, task)
        watch.refresh()
        if "status" not in self.parts:
            self.add("status", RunStatusPart(self.outer, watch))


def _row(model: Any) -> dict[str, Any]:
    word = availability(model)
    by = model.organization or (model.proxy_slug or "").rpartition("/")[0]
    return {
        "id": model.slug,
        "name": model.display_name,
        "by": by,
        "takes": [m.lower() for m in model.input_modalities],
        "gives": [m.lower() for m in model.output_modalities],
        "usable": word.tone == "good",
        "word": word.text,
        "tone": word.tone,
    }

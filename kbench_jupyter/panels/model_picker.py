"""The model picker: search, filter and choose models, and run a task on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.models import ModelList, availability, list_models
from kbench_jupyter.actions.quota import quota
from kbench_jupyter.actions.run import run
from kbench_jupyter.actions.wanted_candidates import Batch
from kbench_jupyter.display.view import Text, View, money
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.part import Part
from kbench_jupyter.panels.run_status import RunStatusPart
from kbench_jupyter.panels.told import scheduling
from kbench_jupyter.panels.watches import task_watch
from kbench_jupyter.session.session import Session

__all__ = ["ModelPicker"]

_OnSelect = Callable[[tuple[str, ...]], None]


class ModelPicker(Part):
    """Chooses models, and where all of those have some the reasoning effort; `selected` holds the models' slugs.

    With a task to run on them it has a button for that. It calls `on_select` with what was chosen, in words,
    whenever another choice was made.
    """

    kind = "picker"

    def __init__(
        self, session: Session, task: str | None = None, *, on_select: _OnSelect | None = None
    ) -> None:
        super().__init__(session)
        self._task = task
        self._on_select = on_select
        self._models: ModelList = ModelList()
        self.set(
            task=task or "", selected=[], quota="", notes=[], place="", label="", outcome=[], status=None,
            effort="", efforts=[],
        )  # fmt: skip

    def load(self) -> None:
        """Fetch models and quota, in the calling thread."""
        target = self.session.target()
        self._models, left = both(lambda: list_models(self.session), self._quota)
        self.put_rows(map(_row, self._models.models), replace=True)
        self.set(place=target.place, label=target.label, quota=left, notes=list(self._models.notes))
        self.select(self.selected, self.effort)

    def _quota(self) -> str:
        try:
            left = quota(self.session).tasks
        except KBenchError:  # a target without a quota is none to stop at
            return ""
        return f"Today's quota: {money(left.used)} of {money(left.allowed)} used" if left.allowed else ""

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

    def select(self, slugs: Sequence[str], effort: str = "") -> None:
        """Choose these models at an effort; those that cannot run, or are unknown, are left out.

        An effort that one of them does not have is none.
        """
        usable = {row["id"] for row in self.rows if row["usable"]}
        chosen = [slug for slug in dict.fromkeys(slugs) if slug in usable]
        before = self.names
        efforts = self._efforts(chosen)
        self.set(selected=chosen, efforts=efforts, effort=effort if effort in efforts else "")
        if self.names != before and self._on_select is not None:
            self._on_select(self.names)

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

    def do_load(self, _message: Mapping[str, Any]) -> None:
        """Fetch models and quota again."""
        self.start("load", self.load)

    def do_run(self, _message: Mapping[str, Any]) -> None:
        """Run the task on the chosen models."""
        if self._task and self.selected:
            self.start("run", self._run)

    def _run(self) -> None:
        task = self._task or ""
        scheduled = run(self.session, task, self.selected, effort=self.effort or None)
        self.set(outcome=scheduling(scheduled), quota=self._quota())
        self.select(())
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

"""Models: what tasks can run on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.wanted_candidates import configs_of
from kbench_jupyter.api import Model
from kbench_jupyter.display.view import Cell, Shown, Table, View, count, told
from kbench_jupyter.errors import NotOfferedError
from kbench_jupyter.session.server_settings import model_notes
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class ModelList(Shown):
    """The models tasks can run on, and why there may be fewer than expected."""

    models: tuple[Model, ...] = ()
    #: The reasoning efforts of each model, as `configs_of` returns them; None where the server does not list them.
    efforts: Mapping[str, Mapping[str, str]] | None = None
    notes: tuple[str, ...] = ()
    #: All that the server lists, where none of them fits.
    others: tuple[Model, ...] = ()

    def view(self) -> View:
        """Describe the models."""
        table = Table(
            ["model", "name", "by", "takes", "effort", "released", "can run"],
            [
                [
                    m.slug,
                    m.display_name,
                    m.organization,
                    _modalities(m),
                    self._effort(m),
                    told(m.release_date, "{:%Y-%m-%d}".format),
                    availability(m),
                ]
                for m in self.models
            ],
            "No model fits." if self.others else "No models.",
            drop_empty=True,
            spare=("name", "by"),
        )
        steps = [("%kbench run -m MODEL", "run this notebook's task on one")] if self.models else []
        notes = list(self.notes)
        if self.others:
            takes = dict.fromkeys(name.lower() for model in self.others for name in model.input_modalities)
            said = f", taking {', '.join(takes)}" if takes else ""
            notes.append(f"Without the filter: {count(len(self.others), 'model')}{said}.")
            steps = [("%kbench models", "all of them")]
        many = count(len(self.models), "model")
        return View(many, [table], notes=notes, next=steps, footer=self.footer)

    def _effort(self, model: Model) -> Cell:
        """Say which reasoning efforts a model can be run at, where that is known."""
        if not model.supports_effort:
            return Cell("none", "quiet")
        return Cell(", ".join((self.efforts or {}).get(model.slug, ())))


def list_models(session: Session, *, modality: str | None = None, search: str | None = None) -> ModelList:
    """List the models tasks can run on.

    Parameters
    ----------
    modality : str, optional
        Only models that take it, for example ``"image"``.
    search : str, optional
        Only models whose slug, name or maker holds this text, in any case.
    """
    target = session.target()
    client = session.client(target)
    models, notes = both(lambda: list(client.list_models()), lambda: model_notes(session, target))
    fitting = tuple(m for m in models if _takes(m, modality) and _mentions(m, search))
    efforts = None
    with suppress(NotOfferedError):
        # Their ids are in the list, so both cannot be asked at once; where no model takes an effort, one call does.
        efforts = configs_of(client, [model for model in fitting if model.supports_effort])
    others = () if fitting else tuple(models)
    return ModelList(fitting, efforts, notes, others, footer=target.label)


def _takes(model: Model, modality: str | None) -> bool:
    return modality is None or modality.upper() in model.input_modalities


def _mentions(model: Model, text: str | None) -> bool:
    names = (model.slug, model.display_name, model.organization)
    return text is None or any(text.lower() in name.lower() for name in names)


def _modalities(model: Model) -> str:
    """Say what a model takes, and what it gives where that is more than text."""
    takes = ", ".join(m.lower() for m in model.input_modalities)
    gives = [m.lower() for m in model.output_modalities if m != "TEXT"]
    return f"{takes} → {', '.join(gives)}" if gives else takes


def availability(model: Model) -> Cell:
    """Say whether runs on a model are possible."""
    if model.deprecation_time and model.deprecation_time <= datetime.now(UTC):
        return Cell(f"deprecated since {model.deprecation_time:%Y-%m-%d}", "warn", value=False)
    if not model.allows_proxy:
        return Cell("not through the model proxy", "warn", value=False)
    if model.deprecation_time:
        return Cell(f"until {model.deprecation_time:%Y-%m-%d}", "good", value=True)
    return Cell("yes", "good", value=True)

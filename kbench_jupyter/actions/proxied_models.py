"""The models that the model proxy offers to the task SDK, and which of them the env file names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kbench_jupyter.errors import TargetError
from kbench_jupyter.session.proxy_variables import AVAILABLE, DEFAULT, JUDGE

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Model


#: How many models ``LLMS_AVAILABLE`` names; the SDK makes an object for each at import.
MOST_AVAILABLE = 20


def choose(
    client: Client, before: Mapping[str, str], *, complete: bool, reset: bool
) -> tuple[dict[str, str], list[str], int]:
    """Decide the ``LLM`` values: what the user chose stays, what is missing is filled in.

    Parameters
    ----------
    client : Client
    before : mapping
        The env file's values.
    complete : bool
        Whether to see to all of them, or to ``LLM_DEFAULT`` alone.
    reset : bool
        Whether to choose anew what was chosen before.

    Returns
    -------
    tuple
        The values, notes, and how many models more could be chosen.

    Raises
    ------
    TargetError
        If there is no model to choose.
    """
    wanted = (DEFAULT, JUDGE, AVAILABLE) if complete else (DEFAULT,)
    if not complete and before.get(DEFAULT):
        return {}, [], 0
    models = usable(client.list_models())
    if not models:
        raise TargetError(
            "The server offers no model that tasks may use.",
            hint="Look at the list: %kbench models",
        )
    slugs = [proxy_slug(model) for model in models]
    fresh = {DEFAULT: slugs[0], JUDGE: slugs[0], AVAILABLE: ",".join(slugs[:MOST_AVAILABLE])}
    chosen = {name: fresh[name] for name in wanted if reset or not before.get(name)}
    notes = []
    kept = before.get(DEFAULT) if DEFAULT not in chosen else None
    if kept and kept not in slugs:
        notes.append(
            f"{DEFAULT}={kept} was kept, but this target does not offer that model. "
            "To choose anew: %kbench init --reset-models"
        )
    named = before.get(AVAILABLE, "").split(",") if complete and AVAILABLE not in chosen else slugs
    return chosen, notes, len(set(slugs[:MOST_AVAILABLE]) - set(named))


def usable(models: Any) -> list[Model]:
    """Return the models the model proxy allows and that have not been deprecated."""
    now = datetime.now(UTC)
    return [m for m in models if m.allows_proxy and not (m.deprecation_time and m.deprecation_time <= now)]


def proxy_slug(model: Model) -> str:
    """Return the name by which the model proxy knows the model."""
    return model.proxy_slug or model.slug

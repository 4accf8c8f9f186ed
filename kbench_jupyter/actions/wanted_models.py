"""Which models a user means by names and patterns, and what to say of one that the server does not list."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from kbench_jupyter.api import Model, normalize_model
from kbench_jupyter.errors import NotFoundError, UsageError
from kbench_jupyter.session.server_settings import model_notes, models_hint, with_model_notes
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

#: Most models that are named where none fits.
_NAMED = 8


def settle_models(
    session: Session, models: Sequence[str], listed: Iterable[Model] | None = None
) -> list[str]:
    """Return the slugs that names and patterns stand for, once all are known to the server.

    For what is asked before anything is pushed or rehearsed: a slip of the pen should cost nothing. The server's
    models are asked for unless they are `listed`.

    Raises
    ------
    UsageError
        If no model is named, a name is empty, or a pattern fits none.
    NotFoundError
        If the server knows no such model.
    """
    if not models:
        raise UsageError(
            "Which models? None was named.", hint="Add -m MODEL [-m MODEL]   (the list: %kbench models)"
        )
    target = session.target()
    listed = list(session.client(target).list_models() if listed is None else listed)
    wanted = expand(session, target, models, listed)
    if error := unknown_models(session, target, listed, wanted):
        raise error
    return wanted


def expand(
    session: Session, target: Target, models: Sequence[str], listed: Iterable[Model] | None = None
) -> list[str]:
    """Return the slugs that names and patterns stand for, each once, in the order given.

    The server's models are asked for, unless they are `listed`, only where there is a pattern. One that fits none
    that can run is refused.
    """
    names = wanted_models(models)
    if not any(is_pattern(name) for name in names):
        return names
    listed = session.client(target).list_models() if listed is None else listed
    known = [model.slug for model in usable(listed)]
    wanted: list[str] = []
    for name in names:
        fitting = fnmatch.filter(known, name) if is_pattern(name) else [name]
        if not fitting:
            some = ", ".join(known[:_NAMED]) + (
                f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
            )
            error = UsageError(
                f"No model that can run fits {name!r}.",
                hint=f"There are: {some or 'none'}   (the list: %kbench models)",
            )
            raise with_model_notes(session, target, error)
        wanted += fitting
    # What a pattern stands for may be less than the user has in mind.
    for note in model_notes(session, target):
        session.reporter.say(f"! {note}")
    return list(dict.fromkeys(wanted))


def unknown_models(
    session: Session, target: Target, listed: Iterable[Model], wanted: Sequence[str]
) -> NotFoundError | None:
    """Return what to say of models that the server does not list, None if it lists all."""
    known = [model.slug for model in listed]
    unknown = [model for model in wanted if model not in known]
    if not unknown:
        return None
    names = ", ".join(repr(model) for model in unknown)
    error = NotFoundError(
        f"The server knows no model {names}; nothing was scheduled.", hint=models_hint(unknown[0], known)
    )
    return with_model_notes(session, target, error)


def wanted_models(models: Sequence[str]) -> list[str]:
    """Return names and patterns as the server spells names, each once; refuse an empty one, and several in one."""
    for model in models:
        if "," in model or " " in model.strip():
            repeated = " ".join(f"-m {part}" for part in model.replace(",", " ").split())
            raise UsageError(f"{model!r} is no model's name.", hint=f"Repeat -m for several: {repeated}")
        if not normalize_model(model):
            raise UsageError(f"{model!r} names no model.", hint="The list: %kbench models")
    return list(dict.fromkeys(normalize_model(model) for model in models))


def is_pattern(name: str) -> bool:
    """Whether a name stands for all models that fit it."""
    return any(sign in name for sign in "*?[")


def usable(models: Iterable[Model]) -> list[Model]:
    """Return the models the model proxy allows and that have not been deprecated."""
    now = datetime.now(UTC)
    return [m for m in models if m.allows_proxy and not (m.deprecation_time and m.deprecation_time <= now)]


def proxy_slug(model: Model) -> str:
    """Return the name by which the model proxy knows the model."""
    return model.proxy_slug or model.slug

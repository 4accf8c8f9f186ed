"""The embedded server's own settings: what it was started with, beside what this kernel's environment names.

The server reads them once, from the environment it is started in. Naming another endpoint while it runs
changes nothing, so whatever shows models or settings says where the two differ, and why models are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.layers import Layers
from kbench_jupyter.session.settings import SERVER_SETTINGS, Setting

if TYPE_CHECKING:
    from kbench_jupyter.session.local_server import LocalStatus
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.session.target import Target

#: The setting that names the endpoint, as the server calls it too.
UPSTREAM = "upstream_url"
_RESTART = "%kbench local stop, then %kbench local start"
_Error = TypeVar("_Error", bound=KBenchError)


def environment(session: Session) -> Mapping[str, str]:
    """Return the environment a server would be started in: without ``%config`` and ``.env``."""
    return session.environ.environ if isinstance(session.environ, Layers) else session.environ


def in_force(setting: Setting, status: LocalStatus | None, wanted: str | None) -> bool:
    """Say whether a running server has the value that an environment names; True where neither is known."""
    if wanted is None or status is None or setting.name not in status.settings:
        return True
    default = "" if setting.default == "none" else setting.default
    return _same(setting, wanted or default, status.settings[setting.name])


def differences(
    session: Session, status: LocalStatus | None, settings: Iterable[Setting] = SERVER_SETTINGS
) -> tuple[str, ...]:
    """Say which of some settings a running server was not started with as the environment names them."""
    environ = environment(session)
    return tuple(
        _difference(setting, environ[setting.variable], status)
        for setting in settings
        if status is not None and not in_force(setting, status, environ.get(setting.variable))
    )


def _difference(setting: Setting, wanted: str, status: LocalStatus) -> str:
    has = status.settings[setting.name]
    started = "without it" if not has else f"with {has}"
    named = f"{setting.variable}={setting.shown(wanted)}"
    return f"{named} is not in force. The embedded server was started {started}: {_RESTART}"


def _same(setting: Setting, one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return setting.shown(one) == setting.shown(other)  # the server tells no secrets of its own either


def model_notes(session: Session, target: Target) -> tuple[str, ...]:
    """Say why the embedded server may offer fewer models than the user expects; nothing for another target."""
    if not target.is_local:
        return ()
    from kbench_jupyter.session.local_server import status
    from kbench_jupyter.session.target import home

    upstream = [setting for setting in SERVER_SETTINGS if setting.name == UPSTREAM]
    return notes_on(session, status(home(session.environ)), upstream)


def notes_on(
    session: Session, status: LocalStatus | None, settings: Iterable[Setting] = SERVER_SETTINGS
) -> tuple[str, ...]:
    """Say what a user should know of a running server: why models are missing, and what is not in force."""
    problem = (status.problem,) if status and status.problem else ()
    return (*problem, *differences(session, status, settings))


def with_model_notes(session: Session, target: Target, error: _Error) -> _Error:
    """Add to an error's hint, in place, why there may be fewer models than expected."""
    error.hint = "\n".join(filter(None, (error.hint, *model_notes(session, target)))) or None
    return error


def models_hint(wanted: str, known: Iterable[str], more: str = "the list: %kbench models") -> str:
    """Say what to type after a model's name that nobody knows: the nearest one, and where the list is."""
    return did_you_mean(wanted, known, form="-m {}", more=more, parts=True)

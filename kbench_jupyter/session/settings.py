"""Settings: what can be chosen, where the choice may stand, and which one is in force.

In order: ``%config KBench.<name>`` in this kernel, an environment variable, the same line in ``.env``, the
default. Actions read them as environment variables, whichever of the three they come from. Imported when the
extension loads, so it imports next to nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kbench_jupyter.errors import UsageError
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.layers import PREFIX
from kbench_jupyter.session.target import check_name

T = TypeVar("T")


def gigabytes(value: object) -> float:
    """Return a number of gigabytes.

    Raises
    ------
    ValueError
        If it is none that could be a limit; says what would be.
    """
    try:
        number = float(value) if isinstance(value, str | int | float) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not 0 < number < 1e9:  # NaN is neither
        raise ValueError(f"a number of GB above 0, such as 50 or 0.5, not {value!r}")
    return number


def _text(value: object) -> str:
    if isinstance(value, str | Path):
        return str(value)
    raise UsageError(f"It takes text, not {type(value).__name__}.", hint="Put it in quotes.")


def _target(value: object) -> str:
    check_name(_text(value))
    return str(value)


def _address(value: object) -> str:
    from kbench_jupyter.api.addresses import check_server

    check_server(_text(value))
    return str(value)


def _file(value: object) -> str:
    if expanded(_text(value)).is_dir():
        raise UsageError(f"{value} is a folder.", hint="Name a file, such as '.env'.")
    return str(value)


def _folder(value: object) -> str:
    if expanded(_text(value)).is_file():
        raise UsageError(f"{value} is a file.", hint="Name a folder, which may be a new one.")
    return str(value)


def switch(value: object) -> bool:
    """Return whether something is switched on.

    Raises
    ------
    ValueError
        If it is neither on nor off; says what would be.
    """
    if value in ("on", "1", True):
        return True
    if value in ("off", "0", False):
        return False
    raise ValueError(f"on or off, not {value!r}")


def _read_by(read: Callable[[object], T], value: object) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise UsageError(f"It takes {error}.") from None


def _limit(value: object) -> str:
    _read_by(gigabytes, value)
    return str(value)


def _switch(value: object) -> str:
    return "on" if _read_by(switch, value) else "off"


def _names(value: object) -> str:
    names = [name.strip() for name in _text(value).split(",") if name.strip()]
    if wrong := [name for name in names if not name.isidentifier()]:
        raise UsageError(
            f"{wrong[0].partition('=')[0]!r} is not the name of an environment variable.",
            hint="Give names alone, with commas between several.",
        )
    return ",".join(names)


@dataclass(frozen=True)
class Setting:
    """One thing that can be chosen."""

    name: str  #: As in ``%config KBench.<name>``.
    help: str  #: One line.
    default: str = ""  #: What holds when nobody chose, in words where it is no value.
    #: Turns what was given into the text of a value, or raises KBenchError.
    read: Callable[[object], str] = _text

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    def shown(self, value: str) -> str:
        """Return a value as it may be shown: an address without user name, password and query."""
        if self.read in (_file, _folder) and "://" not in value:
            return value  # a path may well hold an @
        from urllib.parse import urlsplit

        value = value.strip()
        bare = value.rpartition("@")[2]  # also of what only nearly is an address
        with suppress(ValueError):
            parts = urlsplit(value)
            if parts.netloc:
                return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        return bare


SETTINGS = (
    Setting(
        "target", "the server spoken to: kaggle or local", "kaggle with credentials, else local", _target
    ),
    Setting("api_url", "an address of your own instead of Kaggle's", "https://api.kaggle.com", _address),
    Setting("env_file", "where init and auth write credentials", ".env", _file),
    Setting(
        "home", "where the embedded server keeps its state", "the platform's folder for user data", _folder
    ),
    Setting(
        "kernel_ahead", "whether a kernel is kept ready for the next rehearsal: on or off", "on", _switch
    ),
    Setting(
        "pass_env", "environment variables that a task gets all the same, with commas between", "none", _names
    ),
    Setting("download_limit_gb", "most gigabytes one run's output may unpack to", "20", _limit),
)

#: Read by the embedded server from the environment it is started in; shown, not settable from a kernel.
SERVER_SETTINGS = (
    Setting("upstream_url", "an OpenAI-compatible endpoint whose models the embedded server offers", "none"),
    Setting("upstream_efforts", "reasoning efforts its models take, with commas between", "none"),
    Setting("upstream_agents", "which of its models are agents, with commas between", "none"),
    Setting("workers", "notebooks the embedded server runs at once", "2"),
    Setting("run_timeout", "seconds it gives a run", "3600"),
    Setting("idle_minutes", "minutes without a call after which it stops", "720"),
    Setting("memory_gb", "most GB of memory that each process of a task may take", "0 (any)"),
    Setting("sandbox", "what it keeps tasks in: bwrap", "none"),
    Setting("cluster", "a Dask cluster whose workers run the tasks, or new: and a number of slots", "none"),
    Setting(
        "prompts",
        "most prompts of a model at once, or a minute, in the cluster (gpt-5=8+60/min,*=32)",
        "none",
    ),
)

"""``python -m kbench_jupyter.local``: run the embedded server until it is told to stop.

Exit codes: 0 stopped, 1 cannot serve (the reason is on stderr), 3 a part of ``[local]`` is missing,
4 another server has this home.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from kbench_jupyter.errors import KBenchError, LocalServerError
from kbench_jupyter.execution.environment import server_environment
from kbench_jupyter.execution.processes import close_memory

CANNOT_SERVE, MISSING, ALREADY_RUNNING = 1, 3, 4


class _Number(NamedTuple):
    """A number that the server can be told: by an option, else by a variable."""

    name: str
    help: str
    least: float
    most: float
    default: str
    kind: type[int] | type[float] = float

    def value(self, given: str | None) -> float:
        """Return the number in force; raises LocalServerError for one that cannot be."""
        variable = f"KBENCH_{self.name.upper()}" if self.name != "port" else ""
        by = variable if given is None and os.environ.get(variable) else f"--{self.name.replace('_', '-')}"
        text = given if given is not None else os.environ.get(variable) or self.default
        with suppress(ValueError):
            if self.least <= (number := self.kind(text)) <= self.most:  # NaN is not
                return number
        raise LocalServerError(
            f"{by} takes a {'whole ' if self.kind is int else ''}number from {self.least:g} to {self.most:.15g}, "
            f"not {text[:60]!r}.",
            hint=f"%env {by}={self.default}" if by == variable else f"{by} {self.default}",
        )


_NUMBERS = (
    _Number("port", "0 (default) takes the last one if free, else any", 0, 65535, "0", int),
    _Number("workers", "notebooks executed at once (default: 2)", 1, 256, "2", int),
    _Number("run_timeout", "seconds a notebook (default: 3600)", 1, 2_592_000, "3600"),
    _Number("idle_minutes", "stop after so long without a call (default: 0, never)", 0, 525_600, "0"),
    _Number("memory_gb", "most GB of memory of each process of a task (default: 0, any)", 0, 65_536, "0"),
)


def main() -> int:
    """Read the command line and serve."""
    arguments = _parser().parse_args()
    told = json.loads(sys.stdin.readline()) if arguments.told_on_stdin else _become_clean()
    os.environ.update(told["environment"])
    close_memory()
    try:
        port, workers, timeout, idle, memory = (one.value(getattr(arguments, one.name)) for one in _NUMBERS)
        from kbench_jupyter.local.home import default_home
        from kbench_jupyter.local.server import AlreadyRunningError, Settings, serve
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'kbench-jupyter[local]'", file=sys.stderr)
        return MISSING
    except LocalServerError as error:
        return _cannot(error)
    try:
        settings = Settings(
            home=arguments.home or default_home(),
            port=int(port),
            workers=int(workers),
            timeout=timeout,
            idle=idle * 60,
            memory=round(memory * 2**30),
            ahead=arguments.ahead,
            # Only if somebody says so.
            least=int(workers) if arguments.workers or os.environ.get("KBENCH_WORKERS") else 0,
            cluster=(arguments.cluster or os.environ.get("KBENCH_CLUSTER", "")).strip(),
            fork=arguments.fork,
            endpoint=tuple(told["endpoint"]) if told["endpoint"] else None,
        )
        serve(settings)
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return ALREADY_RUNNING
    except KBenchError as error:
        return _cannot(error)
    except KeyboardInterrupt:
        pass
    return 0


def _cannot(error: KBenchError) -> int:
    print("\n".join(error.lines()), file=sys.stderr)
    return CANNOT_SERVE


def _become_clean() -> dict[str, Any]:
    """Start anew, as the same process, without an environment that tasks could read in ``/proc``."""
    kept, environment = server_environment()
    told = {"endpoint": None, "environment": environment}
    if os.name == "posix" and kept != dict(os.environ):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(told).encode() + b"\n")
        os.dup2(reading, 0)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:], "--told-on-stdin"], kept)  # noqa: S606
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kbench_jupyter.local", description="Run the embedded server until it is told to stop."
    )
    parser.add_argument(
        "--home", type=Path, help="where everything is kept (default: KBENCH_HOME, else your folder for data)"
    )
    for number in _NUMBERS:
        parser.add_argument(f"--{number.name.replace('_', '-')}", metavar="N", help=number.help)
    parser.add_argument(
        "--no-ahead",
        dest="ahead",
        action="store_false",
        help="start no kernel before its job comes, and no model before its first prompt",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="a Dask scheduler whose workers execute the notebooks (tcp://HOST:8786, tls://...), or new:N for one "
        "with N slots on this machine (default: KBENCH_CLUSTER)",
    )
    parser.add_argument(
        "--no-fork",
        dest="fork",
        action="store_false",
        help="start each job's processes, and fork none (Linux)",
    )
    parser.add_argument(
        "--told-on-stdin",
        action="store_true",
        help='one line of JSON comes on stdin: {"endpoint": null or ["URL", "KEY", "NAME OF ITS VARIABLE"], '
        '"environment": {}}',
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

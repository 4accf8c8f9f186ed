"""``python -m kbench_jupyter.local``: run the embedded server until it is told to stop.

Exit codes: 0 stopped, 1 cannot serve (the reason is on stderr), 3 a part of ``[local]`` is missing,
4 another server has this home.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

CANNOT_SERVE, MISSING, ALREADY_RUNNING = 1, 3, 4


def main() -> int:
    """Read the command line and serve."""
    arguments = _parser().parse_args()
    try:
        from kbench_jupyter.errors import LocalServerError
        from kbench_jupyter.local.home import default_home
        from kbench_jupyter.local.server import AlreadyRunningError, Settings, serve
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'kbench-jupyter[local]'", file=sys.stderr)
        return MISSING
    settings = Settings(
        home=arguments.home or default_home(),
        port=arguments.port,
        workers=arguments.workers,
        timeout=arguments.run_timeout,
        idle=arguments.idle_minutes * 60,
        ahead=arguments.ahead,
        # On no command line and in no environment: both can be looked at while it runs.
        endpoint=tuple(json.loads(sys.stdin.readline())) if arguments.endpoint_on_stdin else None,
    )
    try:
        serve(settings)
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return ALREADY_RUNNING
    except LocalServerError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return CANNOT_SERVE
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kbench_jupyter.local", description=__doc__.splitlines()[0]
    )
    # As text: argparse reads a default as it reads an option, and says which one cannot be read.
    workers = os.environ.get("KBENCH_WORKERS") or "2"
    timeout = os.environ.get("KBENCH_RUN_TIMEOUT") or "3600"
    parser.add_argument("--home", type=Path, help="where everything is kept (default: KBENCH_HOME)")
    parser.add_argument(
        "--port", type=int, default=0, help="0 (default) takes the last one if free, else any"
    )
    parser.add_argument(
        "--workers", type=int, default=workers, help="notebooks executed at once (default: 2)"
    )
    parser.add_argument(
        "--run-timeout", type=float, default=timeout, help="seconds a notebook (default: 3600)"
    )
    parser.add_argument("--idle-minutes", type=float, default=0, help="stop after so long without a call")
    parser.add_argument(
        "--no-ahead", dest="ahead", action="store_false", help="start no kernel before its job comes"
    )
    parser.add_argument(
        "--endpoint-on-stdin",
        action="store_true",
        help='a model endpoint as one line on stdin: ["URL", "KEY", "NAME OF ITS VARIABLE"]',
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""``python -m kbench_jupyter enable`` and ``disable``: ``%kbench`` in every IPython, or no longer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from kbench_jupyter import KBenchError, __version__
from kbench_jupyter.actions.enable import disable, enable


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line, and return the process's exit status: 1 where nothing was done."""
    parser = argparse.ArgumentParser(
        prog="python -m kbench_jupyter",
        description="Have %kbench in every IPython without %load_ext; all else is done by %kbench itself.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="enable|disable")
    for name, does in (
        ("enable", "load %%kbench in every IPython and every kernel that starts"),
        ("disable", "undo that"),
    ):
        command = commands.add_parser(
            name, help=does, description=f"{does[0].upper()}{does[1:]}.".replace("%%", "%")
        )
        command.add_argument("--profile", default="default", help="an IPython profile (default: default)")
    asked = parser.parse_args(arguments)
    try:
        print(enable(os.environ, asked.profile) if asked.command == "enable" else disable(asked.profile))
    except KBenchError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every line of the official client's help is accepted, as the installed client's own parser tells them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.magics.grammar import Call
from kbench_jupyter.magics.magic import hushed

#: Prints the lines there are for each command and each of its options: as many as the option has spellings.
LINES = """\
import argparse, json
from kaggle import cli

parsers = argparse.ArgumentParser().add_subparsers()
cli.parse_benchmarks(parsers)
told = []

def word(action):
    return action.choices[0] if action.choices else "5" if action.type in (int, float) else "a/b"

def value(action):
    if action.nargs == 0:
        return []
    return {"output_format": ["csv"], "version": ["2"], "poll_interval": ["5"], "wait": ["5"]}.get(
        action.dest, [word(action)]
    )

def walk(path, parser):
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, command in below[0]._name_parser_map.items() if below else ():
        walk([*path, name], command)
    if not below:
        needed = [word(a) for a in parser._actions if not a.option_strings and a.nargs != "?"]
        told.append([[*path, *needed]])
        for action in parser._actions:
            if action.option_strings and "-h" not in action.option_strings:
                told.append([[*path, *needed, option, *value(action)] for option in action.option_strings])

walk(["benchmarks"], parsers._name_parser_map["benchmarks"])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The lines that mean the same, for each command and each option."""
    home = str(tmp_path_factory.mktemp("official"))
    done = subprocess.run(
        [sys.executable, "-c", LINES],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": home, "PATH": os.environ.get("PATH", ""), "KAGGLE_API_TOKEN": "t", "PYTHONUTF8": "1"},
        cwd=Path(home),
        timeout=120,
    )
    return [[shlex.join(words) for words in same] for same in json.loads(done.stdout)]


def accepted(line: str) -> Call | None:
    """Return what a line is parsed as, as the magic does; None for one that is refused."""
    try:
        return GRAMMAR.parse(hushed(line)[0])
    except UsageError:
        return None


def test_every_line_of_the_official_clients_help_is_accepted(lines: list[list[str]]) -> None:
    offered = [line for same in lines for line in same]
    commands = {
        "tasks push",
        "tasks run",
        "leaderboard",
        "quota",
        "init",
        "auth",
        "topics list",
        "topics show",
    }
    assert all(any(line.startswith(f"benchmarks {command}") for line in offered) for command in commands)
    refused = [line for line in offered if accepted(line) is None]
    assert refused == [], "the installed client takes lines that %kbench refuses"


def test_all_spellings_of_an_option_mean_the_same(lines: list[list[str]]) -> None:
    for same in lines:
        calls = [call for line in same if (call := accepted(line)) is not None]
        assert all(call.values == calls[0].values for call in calls), same

"""Completion of ``%kbench`` lines: subcommands, flags, models, tasks, rules, files and choices.

Names that the server knows come from a short-lived cache that a thread fills, so that typing never waits
for the network. ``matcher.py`` joins this to IPython.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.magics.grammar import Arg, Command, drop_prefix
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.session import Session

#: Gives the names of a kind: "task", "model", "effort", "rule", "pattern", or "side TASK" for what a task ran on.
Names = Callable[[str], Iterable[str]]

_LINE = re.compile(r"^\s*(?:[\w.,\s\[\]'\"]+=\s*)?%%?kbench(?P<rest>\s.*)?$", re.DOTALL)
_FRESH = 30.0
"""Seconds for which names are taken from the cache without asking again."""
_PATIENCE = 0.08
"""Seconds that one completion waits for names that are being fetched."""
_MOST_FILES = 200
#: What a shell would not take as it stands in a word, the backslash that goes before it, and a sign with that.
_SPECIAL, _BEFORE = re.compile(r"""[\s'"\\#;]"""), r"\\\g<0>"
_ESCAPED = re.compile(r"\\(.)")


class Completion(NamedTuple):
    """What may stand at the end of a line."""

    fragment: str  # the part of the line that a choice replaces
    choices: tuple[tuple[str, str], ...]  # text and what it is


def complete_line(line: str, names: Names) -> Completion | None:
    """Complete a line up to the cursor; None for a line that is no ``%kbench`` line."""
    found = _LINE.match(line)
    if not found or not found["rest"]:
        return None
    *done, fragment = re.split(r"(?<!\\)\s+", found["rest"].lstrip())
    words = drop_prefix(done)
    if not words:
        options: Iterable[tuple[str, str]] = ((c.name, "command") for c in GRAMMAR.commands)
    else:
        command = next((c for c in GRAMMAR.commands if words[0] in (c.name, *c.aliases)), None)
        options = _options(command, words[1:], fragment, names) if command else ()
    start = fragment.lower()
    return Completion(fragment, tuple(o for o in dict.fromkeys(options) if o[0].lower().startswith(start)))


def _options(command: Command, words: list[str], fragment: str, names: Names) -> Iterable[tuple[str, str]]:
    flags = {name: arg for arg in command.args for name in arg.names if not arg.positional}
    last = flags.get(words[-1]) if words else None
    task = _task(command, words, flags)
    if last is not None and not last.flag:
        values = _values(last, fragment, names, task)
        if values or last.optional_value is None:
            return values
    if fragment.startswith("-"):
        used = {id(flags[word]) for word in words if word in flags and not flags[word].many}
        return [(name, arg.help) for name, arg in flags.items() if id(arg) not in used]
    places = [arg for arg in command.args if arg.positional]
    given = _positionals(words, flags)
    if places and places[-1].many:
        given = min(given, len(places) - 1)
    if given >= len(places):
        return [(name, arg.help) for name, arg in flags.items() if name.startswith("--")]
    return [found for found in _values(places[given], fragment, names, task) if found[0] not in words]


def _positionals(words: list[str], flags: dict[str, Arg]) -> int:
    """Count the words that are named by their place."""
    before = [None, *(flags.get(word) for word in words)]
    return sum(
        word not in flags and (flag is None or flag.flag) for word, flag in zip(words, before, strict=False)
    )


def _task(command: Command, words: list[str], flags: dict[str, Arg]) -> str:
    """Return the task that a line names, "" where it names none."""
    for before, word in itertools.pairwise(words):
        if before in flags and flags[before].kind == "task":
            return word
    by_place = any(arg.positional and arg.kind == "task" for arg in command.args)
    return words[0] if by_place and words and words[0] not in flags else ""


def _values(arg: Arg, fragment: str, names: Names, task: str = "") -> list[tuple[str, str]]:
    if arg.choices:
        return [(choice, "choice") for choice in arg.choices]
    if arg.kind == "target":
        return [("kaggle", "target"), ("local", "target")]
    if arg.kind == "file":
        return [(path, "file") for path in _files(fragment)]
    if arg.kind == "variable":
        return [(name, "environment variable") for name in sorted(os.environ)]
    if arg.kind == "side":
        return [(name, "candidate or version") for name in names(f"side {task}")]
    if arg.kind in ("task", "model", "effort", "rule", "pattern"):
        return [(name, arg.kind) for name in names(arg.kind)]
    return []


def _files(fragment: str) -> list[str]:
    folder, slash, _ = fragment.rpartition("/")
    try:
        entries = sorted(expanded(_ESCAPED.sub(r"\1", folder + slash) or ".").iterdir())[:_MOST_FILES]
    except (OSError, UsageError):
        return []
    return [
        f"{folder}{slash}{_SPECIAL.sub(_BEFORE, e.name)}{'/' if e.is_dir() else ''}"
        for e in entries
        if not e.name.startswith(".")
    ]


class NameCache:
    """Names that the server knows, fetched in a thread and kept for a short while."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._names: dict[str, tuple[float, list[str]]] = {}
        self._fetching: dict[str, threading.Event] = {}

    def __call__(self, kind: str) -> list[str]:
        """Return the names of a kind, at most `_PATIENCE` seconds later; unknown ones are just missing."""
        if kind == "rule":
            from kbench_jupyter.actions.rule import rule_codes

            return rule_codes()
        if kind == "pattern":
            from kbench_jupyter.actions.new import NAMES

            return list(NAMES)
        with self._lock:
            at, names = self._names.get(kind, (float("-inf"), []))
            if time.monotonic() - at < _FRESH:
                return names
            done = self._fetching.get(kind)
            if done is None:
                done = self._fetching[kind] = threading.Event()
                threading.Thread(
                    target=self._fetch, args=(kind, done), name="kbench-completion", daemon=True
                ).start()
        done.wait(_PATIENCE)
        with self._lock:
            return self._names.get(kind, (0.0, names))[1]

    def _fetch(self, kind: str, done: threading.Event) -> None:
        try:
            client = self._session.client(self._session.target(start=False))
            if kind == "model":
                names = [model.slug for model in client.list_models()]
            elif kind == "effort":
                configs = client.list_configs(model.version_id for model in client.list_models())
                names = list(dict.fromkeys(config.effort for config in configs if config.effort))
            elif kind.startswith("side "):
                names = _sides(client, kind.removeprefix("side ") or self._session.pushed)
            else:
                names = [task.slug.task for task in client.list_tasks()]
        except Exception:  # noqa: BLE001 - completion has nowhere to say it; the command itself will
            names = []
        with self._lock:
            self._names[kind] = (time.monotonic(), names)
            del self._fetching[kind]
        done.set()


def _sides(client: Any, task: str) -> list[str]:
    """Return the candidates and versions that a task ran on; nothing where it is not known which task is meant."""
    runs = list(client.list_runs(task)) if task else []
    versions = sorted({run.task.version for run in runs if run.task.version}, reverse=True)
    return [*dict.fromkeys(run.candidate for run in runs), *(f"v{version}" for version in versions)]

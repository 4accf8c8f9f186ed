"""The grammar of ``%kbench``: one declaration that drives parsing, help, completion and the reference table.

A :class:`Command` names its arguments; the function of its name in ``commands.py`` carries it out. Words of the
official command line that carry no meaning here (``benchmarks``, ``b``, ``tasks``, ``t`` in front) are skipped,
so an example line of the ``kaggle`` client works after ``%kbench``.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean


@dataclass(frozen=True)
class Arg:
    """One argument of a command."""

    names: tuple[str, ...]  # ("task",) for a positional, ("-m", "--model") for an option
    help: str  # one line
    #: For completion, which names may stand there: task, model, effort, side, file, rule, pattern, target, choice,
    #: variable, form, text, number or count (a whole number from 1).
    kind: str = "text"
    many: bool = False  # repeatable; the value is a list
    flag: bool = False  # takes no value
    default: Any = None  # the value when absent; ... for a positional that must be there
    optional_value: Any = None  # for an option whose value may be left out (--wait [SECONDS]): the value then
    choices: tuple[str, ...] = ()  # values, if few; no others are allowed for a choice
    metavar: str = ""  # how the value is called in help

    @property
    def positional(self) -> bool:
        """Whether it is named by its place rather than by a dash."""
        return not self.names[0].startswith("-")

    @property
    def dest(self) -> str:
        """The attribute its value is stored in."""
        return self.names[-1].lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    summary: str  # what it does, one line
    args: tuple[Arg, ...] = ()
    examples: tuple[str, ...] = ()  # lines a user would type
    aliases: tuple[str, ...] = ()
    cell: bool = False  # whether %%kbench NAME takes a cell
    cell_is: str = "the task file"  # what it takes the cell as


@dataclass(frozen=True)
class Call:
    """A parsed command line: the command and its values by destination name."""

    command: Command
    values: dict[str, Any]
    help: bool = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


class Grammar:
    """All commands of a magic."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._by_name = {name: c for c in commands for name in (c.name, *c.aliases)}

    def find(self, word: str) -> Command:
        """Return the command called `word`; the error names the nearest one where there is none."""
        try:
            return self._by_name[word]
        except KeyError:
            names = [command.name for command in self.commands]  # an alias stands in no list: it would puzzle
            hint = did_you_mean(word, names, form="%kbench {}", more="all commands: %kbench -h")
            raise UsageError(f"%kbench has no command {word!r}.", hint=hint) from None

    def parse(self, line: str) -> Call | None:
        """Parse what stands after ``%kbench``; None for an empty line or a bare ``-h``: the overview is wanted."""
        words = drop_prefix(split(line))
        if not words or words[0] in ("-h", "--help", "help"):
            if len(words) > 1 and not words[1].startswith("-"):
                return Call(self.find(words[1]), {}, help=True)
            return None
        command = self.find(words[0])
        if "-h" in words[1:] or "--help" in words[1:]:
            return Call(command, {}, help=True)
        namespace = _Parser(command, words[1:]).parse_args(words[1:])
        return Call(command, vars(namespace))


def split(line: str) -> list[str]:
    """Split a line into words as a shell does."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"Cannot split the line into words: {error}.", hint="Close the quotation.") from None


#: What may stand before a comment: words, quoted or not; a ``#`` within a word is a part of it.
_NO_COMMENT = re.compile(r"""(?:[^\s'"\\\#]|\s(?!\#)|(?<=\S)\#|\\.|'[^']*'|"(?:\\.|[^"\\])*")*""", re.DOTALL)


def uncommented(line: str) -> str:
    """Take a comment off the end of a line: a ``#`` at the start of a word, as in a shell and in Python."""
    code = _NO_COMMENT.match(line)
    end = code.end() if code else 0
    return line[:end] if line[end:].lstrip().startswith("#") else line


def drop_prefix(words: list[str]) -> list[str]:
    """Drop the official client's leading ``kaggle``, ``benchmarks``/``b``, ``tasks``/``t``."""
    words = list(words)
    for names in (("kaggle",), ("benchmarks", "b"), ("tasks", "t")):
        if words and words[0] in names:
            del words[0]
    return words


def usage(command: Command, within: str = " ") -> str:
    """Return the command's usage line: ``%kbench push [TASK] [-f FILE] ...``; `within` stands in each argument."""
    words = [_usage_word(arg).replace(" ", within) for arg in command.args]
    return " ".join(["%kbench", command.name, *words])


def value_name(arg: Arg) -> str:
    """Return what the value of `arg` is called in usage lines."""
    return arg.metavar or arg.dest.upper()


def _usage_word(arg: Arg) -> str:
    if arg.positional:
        word = value_name(arg)
    elif arg.flag:
        word = arg.names[0]
    elif arg.optional_value is not None:
        word = f"{arg.names[0]} [{value_name(arg)}]"
    else:
        word = f"{arg.names[0]} {value_name(arg)}"
    required = arg.positional and arg.default is ...
    return (word if required else f"[{word}]") + ("..." if arg.many else "")


_BAD_CHOICE = re.compile(r"argument [^:]+: invalid choice: (['\"])(?P<given>.*?)\1")


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises our error instead of printing and leaving."""

    def __init__(self, command: Command, words: Sequence[str]) -> None:
        super().__init__(prog=f"%kbench {command.name}", add_help=False, allow_abbrev=False)
        self.command = command
        self._words = list(words)
        for arg in command.args:
            self.add_argument(*arg.names, **_options(arg))

    def error(self, message: str) -> NoReturn:
        hint = f"{usage(self.command)}\nAll about it: %kbench {self.command.name} -h"
        if found := _BAD_CHOICE.match(message):
            choices = [choice for arg in self.command.args for choice in arg.choices]
            if meant := did_you_mean(found["given"], choices):
                hint = f"{meant}\n{hint}"
        if extra := next(iter(message.partition("unrecognized arguments: ")[2].split()), ""):
            repeated = self._repeated(extra)
            flags = [name for arg in self.command.args for name in arg.names if name.startswith("--")]
            if repeated:
                hint = f"{repeated}\n{hint}"
            elif meant := did_you_mean(extra, flags):
                hint = f"{meant}\n{hint}"
        # A flag says which of the words is meant, a list of words in the place of one's name does not.
        message = re.sub(r"^argument [^-]\S*: ", "", message)
        raise UsageError(f"%kbench {self.command.name}: {message}.", hint=hint)

    def _repeated(self, extra: str) -> str:
        """Say how a flag takes the words after it, where `extra` is one of those; "" where it is not."""
        before = self._words[: self._words.index(extra) + 1] if extra in self._words else []
        values: list[str] = []
        while before and not before[-1].startswith("-"):
            values.insert(0, before.pop())
        arg = next((a for a in self.command.args if before and before[-1] in a.names), None)
        if arg is None or arg.flag or len(values) < 2:
            return ""
        if not arg.many:
            return f"{before[-1]} takes one: {before[-1]} {values[0]}"
        return f"Repeat {before[-1]} for several: " + " ".join(f"{before[-1]} {value}" for value in values)


def _options(arg: Arg) -> dict[str, Any]:
    """Return what argparse is told of an argument."""
    named: dict[str, Any] = {"metavar": value_name(arg)} if arg.positional else {"dest": arg.dest}
    if arg.flag:
        return named | {"action": "store_true"}
    options = named | {"default": [] if arg.many else None if arg.default is ... else arg.default}
    if arg.kind == "number":
        options["type"] = _seconds if arg.optional_value is None else _some_seconds
    if arg.kind == "count":
        options["type"] = _count
    if arg.choices and arg.kind == "choice":
        options["choices"] = arg.choices
    if arg.many:
        options |= {"nargs": "*"} if arg.positional else {"action": "append"}
    elif arg.optional_value is not None:
        options |= {"nargs": "?", "const": arg.optional_value}
    elif arg.positional and arg.default is not ...:
        options["nargs"] = "?"
    return options


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):  # NaN is neither
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _some_seconds(text: str) -> float:
    """Read the seconds of an option that has no limit when it stands alone: none at all would be no limit, too."""
    value = _seconds(text)
    if not value:
        raise argparse.ArgumentTypeError("0 seconds is no time to wait; without a number there is no limit")
    return value


_seconds.__name__ = _some_seconds.__name__ = "number"  # argparse says "invalid number value: 'x'"

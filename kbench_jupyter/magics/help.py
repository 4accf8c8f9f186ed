"""Help pages, made from the declaration."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from kbench_jupyter.display.view import Part, Shown, Table, Text, View
from kbench_jupyter.magics.grammar import Arg, Command, Grammar, usage, value_name

_NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Help(Shown):
    """A help page."""

    page: View

    def view(self) -> View:
        """Return the page."""
        return self.page


def overview(grammar: Grammar) -> Help:
    """Return the page of all commands."""
    rows = [[f"%kbench {command.name}", command.summary] for command in grammar.commands]
    return Help(
        View(
            "Kaggle Benchmarks from the notebook",
            [Table(["command", "does"], rows)],
            next=[
                ("%kbench COMMAND -h", "all about one command"),
                ("%kbench COMMAND ... ;", "do it, show no result (with -q: no progress either)"),
            ],
        )
    )


def explain(command: Command) -> Help:
    """Return the page of one command."""
    # A flag stays with its value.
    line = textwrap.fill(
        usage(command, _NO_BREAK),
        76,
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    parts: list[Part] = [Text(line.replace(_NO_BREAK, " "), code=True)]
    if command.args:
        parts.append(Table(["argument", "is"], [[_name(arg), _help(arg)] for arg in command.args]))
    # A command without arguments has said all of its example with its usage line.
    if examples := [example for example in command.examples if example != usage(command)]:
        parts.append(Text("\n".join(examples), code=True))
    notes = (
        (f"As a cell, %%kbench {command.name} takes the cell as {command.cell_is}.",) if command.cell else ()
    )
    return Help(View(f"%kbench {command.name}: {command.summary}", [*parts, *(Text(note) for note in notes)]))


def reference(grammar: Grammar) -> str:
    """Return all commands as a Markdown table, as the README shows them."""
    lines = ["| command | does |", "|---|---|"]
    for command in grammar.commands:
        as_cell = " *(also as a `%%kbench` cell)*" if command.cell else ""
        line = usage(command).replace("|", "\\|")
        lines.append(f"| `{line}` | {command.summary}{as_cell} |")
    return "\n".join(lines)


def _name(arg: Arg) -> str:
    if arg.positional or arg.flag:
        return value_name(arg) if arg.positional else ", ".join(arg.names)
    value = f"[{value_name(arg)}]" if arg.optional_value is not None else value_name(arg)
    return f"{', '.join(arg.names)} {value}"


def _help(arg: Arg) -> str:
    if arg.choices and arg.kind == "choice":
        default = "" if arg.default in (None, ...) else f" (default: {arg.default})"
        return f"{arg.help}: {', '.join(arg.choices)}{default}"
    if arg.kind == "number" and arg.default is not None:
        return f"{arg.help} (default: {arg.default:g})"
    return arg.help

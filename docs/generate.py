"""What is made from the code: ``make pages`` writes it, ``tests/test_readme.py`` holds it.

Two pages of the documentation, and what the JupyterLab extension knows of commands and patterns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from kbench_jupyter.actions.new import NAMES, read_pattern
from kbench_jupyter.display.view import Table, Text
from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.magics.grammar import Command
from kbench_jupyter.magics.help import explain, reference
from kbench_jupyter.validation import RULES, Rule

_HERE = Path(__file__).parent
_MADE = "<!-- Made from the code by `make pages`. -->\n"
_GROUPS = {
    "1": "What a notebook must have",
    "2": "A task's signature and result",
    "3": "Models",
    "4": "Using the task SDK",
    "5": "What is different on the server",
    "6": "Names and parameters of the installed SDK",
    "9": "Names and the order of cells",
}


def commands() -> str:
    """Return the page of all commands: a table, then a section for each."""
    intro = (
        "`TASK` may be left out when the notebook stores exactly one. `-f FILE` takes a file instead of the current "
        "notebook. A `;` at the end, or `-q`, silences. In a notebook, `%kbench COMMAND -h` shows the same.\n"
    )
    sections = [section for command in GRAMMAR.commands for section in _command(command)]
    return "\n".join(["# Commands\n", _MADE, intro, reference(GRAMMAR), "", *sections])


def _command(command: Command) -> Iterator[str]:
    yield f"## {command.name}\n"
    page = explain(command).page
    yield f"{command.summary[0].upper()}{command.summary[1:]}.\n"
    for part in page.parts:
        if isinstance(part, Table):
            heads, rows = part.drawn()
            yield _table(heads, [[f"`{_cell(str(row[0]))}`", _cell(str(row[1]))] for row in rows])
        elif isinstance(part, Text):
            yield f"```python\n{part.text}\n```\n" if part.code else f"{part.text}\n"


def rules() -> str:
    """Return the page of all rules: a table, then a section for each."""
    intro = (
        "They are checked by `%kbench validate` and before each push. An *error* stops the push (`--force` pushes all "
        "the same); a *warning* never does. `# kbench: ignore[CODE]` at the end of a line silences a rule there, and "
        "`%kbench validate --fix` shows safe fixes.\n"
    )
    ordered = [RULES[code] for code in sorted(RULES)]
    rows = [
        [f"[{r.code} {r.name}](#{r.code.lower()}-{r.name})", r.severity, _cell(r.summary)] for r in ordered
    ]
    sections: list[str] = []
    group = ""
    for rule in ordered:
        if rule.code[2] != group:
            group = rule.code[2]
            sections.append(f"## KB{group}xx: {_GROUPS[group]}\n")
        sections += _rule(rule)
    return "\n".join(["# Rules\n", _MADE, intro, _table(["rule", "severity", "finds"], rows), *sections])


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.code} {rule.name}\n"
    yield f"*{rule.severity}*: {rule.summary}\n"
    yield f"{rule.why}\n"
    yield f"```python\n{rule.example}\n```\n"
    yield f"Instead:\n\n```python\n{rule.fix}\n```\n"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def known() -> str:
    """Return the commands and the patterns as JSON; a command that needs an argument comes with an example."""
    entries = []
    for command in GRAMMAR.commands:
        complete = all(arg.default is not ... for arg in command.args)
        line = f"%kbench {command.name}" if complete else command.examples[0]
        entries.append({"name": command.name, "summary": command.summary, "line": line, "complete": complete})
    patterns = [
        {"name": pattern.name, "title": pattern.title, "summary": pattern.summary.replace("`", "")}
        for pattern in map(read_pattern, NAMES)
    ]
    return json.dumps({"commands": entries, "patterns": patterns}, indent=1) + "\n"


PAGES = {
    "commands.md": commands,
    "rules.md": rules,
    "../kbench_jupyter/labextension/scripts/known.json": known,
}


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (_HERE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Show, export, pull, rule: the task source as text, as a file, and back from the server."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, Value, View, count
from kbench_jupyter.errors import NotFoundError, UsageError, ValidationError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.quick_import import load
from kbench_jupyter.validation.rules.findings import Severity
from kbench_jupyter.validation.rules.secrets import find_secrets, mask

if TYPE_CHECKING:
    from kbench_jupyter.actions.sources import ChosenTask
    from kbench_jupyter.session.session import Session
    from kbench_jupyter.validation import Rule

_SOURCE_NOTEBOOK = "__notebook_source__.ipynb"


@dataclass(frozen=True)
class SourceShown(Shown):
    """The task source, cell by cell, and what was left out."""

    chosen: ChosenTask

    def view(self) -> View:
        """Describe the source."""
        source = self.chosen.source
        parts: list[Part] = []
        shown = [mask(cell.text) for cell in source.cells]
        for cell, text in zip(source.cells, shown, strict=True):
            kind = "" if cell.kind == "code" else f" ({cell.kind})"
            parts += [Text(f"cell {cell.ref.number}{kind}", tone="quiet"), Text(text, code=True)]
        left: list[list[Value]] = [
            [f"cell {x.ref.number}" + (f", line {x.line}" if x.line else ""), mask(x.text), x.reason]
            for x in source.left_out
        ]
        if left:
            parts.append(Table(["left out", "text", "because"], left))
        make = "makes" if len(source.cells) == 1 else "make"
        title = f"{source.origin}: {count(len(source.cells), 'cell')} {make} the task source"
        notes = list(self.chosen.notes)
        if shown != [cell.text for cell in source.cells]:
            notes.append("*** hides what looks like a secret here. A push sends it as it stands in the cell.")
        try:
            choice = self.chosen.choice
        except ValidationError as error:
            notes.append(f"{error} {error.hint}")
        else:
            if choice:
                notes.append(f"A push adds %choose {choice} as the last cell: the server takes one task.")
        return View(title, parts, notes=notes, next=[(self.chosen.line("validate"), "try it here")])


@dataclass(frozen=True)
class Written(Shown):
    """A file that was written."""

    path: Path
    what: str
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Name the file."""
        return View(Cell(f"Wrote {self.what} to {self.path}", "good"), notes=self.notes, footer=self.footer)


@dataclass(frozen=True)
class RuleShown(Shown):
    """One rule, explained."""

    rule: Rule

    def view(self) -> View:
        """Describe the rule: what, why, an example, the fix."""
        rule = self.rule
        tone = "bad" if rule.severity is Severity.ERROR else "warn"
        stops = "stops a push" if rule.severity is Severity.ERROR else "never stops a push"
        facts = Facts({"severity": Cell(f"{rule.severity} ({stops})", tone), "why": rule.why})
        return View(
            f"{rule.code} {rule.name}: {rule.summary}",
            [
                facts,
                Text("Instead of", "quiet"),
                Text(rule.example, code=True),
                Text("write", "quiet"),
                Text(rule.fix, code=True),
            ],
            next=[(f"# kbench: ignore[{rule.code}]", "at the end of a line silences the rule there")],
        )


@dataclass(frozen=True)
class RuleList(Shown):
    """All rules."""

    rules: tuple[Rule, ...]

    def view(self) -> View:
        """List the rules."""
        rows: list[list[Value]] = [
            [Cell(r.code, "bad" if r.severity is Severity.ERROR else "warn"), r.name, r.summary]
            for r in self.rules
        ]
        table = Table(["rule", "name", "finds"], rows)
        return View(count(len(rows), "rule"), [table], next=[("%kbench rule CODE", "explain one")])


def export(session: Session, chosen: ChosenTask, path: Path, *, force: bool = False) -> Written:
    """Write the task source as a percent-format file.

    Parameters
    ----------
    session : Session
    chosen : ChosenTask
    path : Path
        Ends in ``.py``.
    force : bool
        Overwrite.

    Raises
    ------
    UsageError
        If the file exists (and not `force`), has another ending, or cannot be written.
    """
    if path.suffix != ".py":
        named = shlex.quote(str(path.with_suffix(".py")))
        raise UsageError(f"A task file ends in .py, not {path.name!r}.", hint=chosen.line(f"export {named}"))
    again = chosen.line(f"export {shlex.quote(str(path))} --force")
    there = path.exists()
    if there and not force:
        raise exists(path, f"To overwrite it: {again}")
    cells, over = count(len(chosen.source.cells), "cell"), ", overwriting it" if there else ""
    session.reporter.say(f"Exporting {cells} of {chosen.source.origin} to {path}{over}.")
    _write(path, chosen.source.text, force=force, again=again)
    return Written(path, f"{chosen.source.origin} as a task file", _secrets_in(chosen.source.text))


def _secrets_in(text: str) -> tuple[str, ...]:
    """Say that a written file holds secrets: it has to be what is pushed, so nothing in it is hidden."""
    lines = sorted({text.count("\n", 0, secret.start) + 1 for secret in find_secrets(text)})
    if not lines:
        return ()
    where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    told = "The file holds what looks like a secret, as it stands in the task"
    return (
        f"{told} ({where} of its .py form). Take it out before anybody gets the file: %kbench rule KB503",
    )


def pull(session: Session, slug: str, output: Path | None = None, *, force: bool = False) -> Written:
    """Bring a pushed task's source back, as a notebook or a percent-format file.

    The server hands a task's source out with the output of a run, so the newest ended run is asked.

    Parameters
    ----------
    session : Session
    slug : str
    output : Path, optional
        Ends in ``.ipynb`` or ``.py``; by default ``<task>.ipynb`` here.
    force : bool
        Overwrite.

    Raises
    ------
    NotFoundError
        If the task is unknown, or no run of it has ended yet.
    UsageError
        If the file exists (and not `force`), has another ending, or cannot be written.
    """
    from kbench_jupyter.actions.download import fetch_file
    from kbench_jupyter.actions.pushed_task import get_task
    from kbench_jupyter.notebook.pushed import notebook_from_pushed, percent_from_pushed

    path = output or Path(f"{slug.rpartition('/')[2]}.ipynb")
    again = f"%kbench pull {slug} -o {shlex.quote(str(path))} --force"
    if path.suffix not in (".ipynb", ".py"):
        raise UsageError(
            f"A task's source is a .ipynb or a .py file, not {path.name!r}.",
            hint=f"%kbench pull {slug} -o {shlex.quote(str(path.with_suffix('.ipynb')))}",
        )
    if path.exists() and not force:
        raise exists(path, f"To overwrite it: {again}")
    target = session.target()
    client = session.client(target)
    get_task(session, client, slug)
    ended = [run for run in client.list_runs(slug) if run.state.is_terminal]
    if not ended:
        raise NotFoundError(
            f"No run of {slug} has ended yet, and the server hands the source out with a run's output.",
            hint=f"Run it first: %kbench run {slug} -m MODEL --wait",
        )
    newest = max(ended, key=lambda run: (run.task.version or 0, run.id))
    over = ", overwriting it" if path.exists() else ""
    session.reporter.say(
        f"Fetching the source of {slug} from {target.place} (run {newest.id}) into {path}{over}."
    )
    text = fetch_file(client, newest, _SOURCE_NOTEBOOK)
    percent = percent_from_pushed(text)
    notebook = path.suffix == ".ipynb"
    text = load("nbformat").writes(notebook_from_pushed(text)) + "\n" if notebook else percent
    _write(path, text, force=force, again=again)
    what = f"the source of {slug}, version {newest.task.version or '?'},"
    return Written(path, what, _secrets_in(percent), footer=target.label)


def rule_codes() -> list[str]:
    """Return the codes of all rules, in order."""
    from kbench_jupyter.validation import RULES

    return sorted(RULES)


def explain_rule(code: str | None) -> RuleShown | RuleList:
    """Explain a rule, or list them all.

    Raises
    ------
    UsageError
        If there is no such rule.
    """
    from kbench_jupyter.validation import RULES

    if code is None:
        return RuleList(tuple(RULES[code] for code in rule_codes()))
    found = RULES.get(code.upper())
    if found is None:
        hint = did_you_mean(code, RULES, form="%kbench rule {}", more="all rules: %kbench rule")
        raise UsageError(f"There is no rule {code!r}.", hint=hint)
    return RuleShown(found)


def exists(path: Path, hint: str) -> UsageError:
    """Return the refusal to overwrite a file unasked; `hint` says how to ask."""
    return UsageError(f"{path} exists and was left as it is.", hint=hint)


def _write(path: Path, text: str, *, force: bool, again: str) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise exists(path, f"To overwrite it: {again}") from None
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror or error}.") from error

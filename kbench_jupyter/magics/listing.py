"""Listings for other programs: as CSV or JSON, printed or written into a file, in place of what a command shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kbench_jupyter.display.export import as_csv, as_json, write_parquet
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count, told
from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.magics.grammar import Call
from kbench_jupyter.paths import expanded

_FORMS = ("table", "csv", "json")
#: A form, and the columns that are wanted of it: ``csv``, ``json(model, score)``.
_GIVEN = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".txt": "table"}


@dataclass(frozen=True)
class Listing:
    """What a listing becomes in place of what its command shows."""

    form: str  #: One of `_FORMS`, or ``page``: the text of a task's page as it is edited.
    #: Those that are wanted, in their order; all where empty.
    columns: tuple[str, ...] = ()
    #: The file it goes into; it is printed where there is none.
    path: Path | None = None
    #: Whether the file's folder is made where it is missing.
    makes_folder: bool = False
    #: Whether the command shows it, too.
    shown: bool = False

    def deliver(self, found: Shown, say: Callable[[str], None]) -> None:
        """Print the listing, or write its file and say so."""
        from kbench_jupyter.actions.whole_file import whole_file  # a page of help needs no action

        if self.path is None:
            text, _ = self._text(found)
            print(text, end="" if text.endswith("\n") else "\n")
            return
        over = ", in place of what was there" if self.path.exists() else ""
        with whole_file(self.path) as part:
            if self.makes_folder:
                part.parent.mkdir(parents=True, exist_ok=True)
            if self.form == "parquet":
                records = self._picked(found.records())
                write_parquet(records, part)
                what = count(len(records), "row")
            else:
                text, what = self._text(found)
                part.write_text(text, encoding="utf-8", newline="")
        say(f"Wrote {what} to {self.path}{over}.")

    def _text(self, found: Any) -> tuple[str, str]:
        """Return the listing as text, which any file and terminal can take, and what it is, in words."""
        if self.form == "page":
            text, what = found.source, "the page"
        else:
            records = found.records()
            text, what = self._drawn(found, records), count(len(records), "row")
        return text.encode("utf-8", "backslashreplace").decode(), what

    def _drawn(self, found: Shown, records: Sequence[Mapping[str, Any]]) -> str:
        if self.form != "table":
            return (as_csv if self.form == "csv" else as_json)(self._picked(records))
        view = found.view()
        return to_text(self._cut(records, view) if self.columns else view) + "\n"

    def _picked(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        if not self.columns or not records:
            return records
        self._refuse_other(list(records[0]))
        return [{name: record[name] for name in self.columns} for record in records]

    def _cut(self, records: Sequence[Mapping[str, Any]], view: View) -> View:
        """Return the wanted columns of the records, drawn as in the view's table where that has them."""
        table = next((part for part in view.parts if isinstance(part, Table)), Table((), ()))
        heads = [head.removesuffix(">") for head in table.columns]
        if records and list(records[0]) != heads:
            heads = list(records[0])
            rows: list[list[Value]] = [[told(value).text for value in record.values()] for record in records]
            table = Table(heads, rows)
        self._refuse_other(heads)
        places = [heads.index(name) for name in self.columns]
        rows = [[_drawn(row[place]) for place in places] for row in table.rows]
        cut = replace(table, columns=[table.columns[place] for place in places], rows=rows, drop_empty=False)
        return replace(view, parts=[cut], notes=(), next=())

    def _refuse_other(self, there: Sequence[str]) -> None:
        for name in self.columns:
            if name not in there:
                hint = did_you_mean(name, there, more=f"it has: {', '.join(there)}")
                raise UsageError(f"The listing has no column {name!r}.", hint=hint)


def _drawn(value: Value) -> Value:
    """Return a cell that says what it holds also where another column says it for the whole table."""
    if isinstance(value, Cell) and not value.text and value.value not in (..., None):
        return replace(value, text=str(value.value))
    return value


def asked(call: Call) -> tuple[Listing, ...]:
    """Return what a command's options make of its listing; nothing where the command shows it as ever.

    Raises
    ------
    UsageError
        If two options contradict each other, or the form or the file is none that there is.
    """
    if "format" not in call.values:
        return ()
    form, columns = _form(call)
    printed = (Listing(form, columns),) if form in ("csv", "json") or columns else ()
    if call.values.get("download"):
        # A CSV file, and the form is that of what is shown: as the official client does.
        printed = printed if call.show else ()
        wanted = (Listing("csv", (), _download_path(call), True, call.show and not printed), *printed)
    elif call.values.get("path"):
        raise UsageError("-p names the folder that -d writes into, and -d is missing.", hint="Add -d.")
    elif named := call.to or samples_file(call):
        wanted = (_file(expanded(named), form, columns, page=call.command.name == "describe"),)
    else:
        wanted = printed
    if wanted and call.values.get("live"):
        raise UsageError("--live is a panel, which is neither printed nor written.", hint="Leave --live out.")
    return wanted


def samples_file(call: Call) -> str | None:
    """Return the file that -o names where samples are listed; everywhere else it names the folder of downloads."""
    lists = call.values.get("samples") or call.values.get("failed")
    if not lists or call.to or Path(call.output or "").suffix.lower() not in _ENDINGS:
        return None
    return str(call.output)


def _file(path: Path, form: str, columns: tuple[str, ...], *, page: bool) -> Listing:
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint=f"Name a file in it: {path / 'listing.csv'}")
    ending = "page" if page and path.suffix.lower() == ".md" else _ENDINGS.get(path.suffix.lower())
    if ending is None or form not in ("", ending):
        raise UsageError(
            f"The ending of {path.name!r} is not that of {form or 'a listing'}.",
            hint="A file that ends in .parquet, .csv or .json is written as that, one in .txt as the table"
            + (", one in .md as --from reads it." if page else "."),
        )
    return Listing(ending, columns, path)


def _form(call: Call) -> tuple[str, tuple[str, ...]]:
    """Return the form that is asked for, "" where none is, and the columns."""
    given = call.format
    if given is None:
        return ("csv" if call.csv else ""), ()
    if call.csv:
        raise UsageError(
            f"-v is --format csv, and --format {given} was given, too.", hint="Give one of them."
        )
    found = _GIVEN.fullmatch(given)
    if not found or found[1] not in _FORMS:
        hint = did_you_mean(
            given,
            _FORMS,
            form="--format {}",
            more="there are table, csv and json, and 'json(COLUMN, COLUMN)' for some columns",
        )
        raise UsageError(f"There is no form {given!r} for a listing.", hint=hint)
    return found[1], tuple(name.strip() for name in (found[2] or "").split(",") if name.strip())


def _download_path(call: Call) -> Path:
    """Return where the official client downloads a leaderboard to."""
    if call.to:
        raise UsageError(
            "-d names its file itself, and -o names another.", hint="Give one of them; -d goes with -p DIR."
        )
    name = call.benchmark.rpartition("/")[2]
    return expanded(call.path or ".") / f"{name}_leaderboard.csv"

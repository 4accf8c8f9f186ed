"""Records as files: nothing lost, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.display.export import as_csv, as_json
from kbench_jupyter.display.view import Cell, Shown, Table, View

WHEN = datetime(2026, 11, 29, 19, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Listing(Shown):
    """A listing with each kind of value."""

    def view(self) -> View:
        """Describe two rows."""
        rows = [
            [
                "a",
                Cell("0.84312", value=0.84312),
                Cell("19:30", value=WHEN),
                Cell("passed", "good", value=True),
            ],
            ["b", None, "", Cell("failed", "bad", value=False)],
        ]
        return View("two", [Table(["task", "score>", "ended", "result"], rows)])


def test_records_hold_numbers_times_and_truths_none_for_what_is_missing_and_else_text() -> None:
    first, second = Listing().records()
    assert first == {"task": "a", "score": 0.84312, "ended": WHEN, "result": True}
    assert second == {"task": "b", "score": None, "ended": None, "result": False}


def test_json_keeps_numbers_and_truths_and_writes_times_in_iso_form() -> None:
    first, _ = json.loads(as_json(Listing().records()))
    assert first == {"task": "a", "score": 0.84312, "ended": "2026-11-29T19:30:00+00:00", "result": True}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_no_spreadsheet_runs_a_text_of_a_csv_file(text: str) -> None:
    [row] = csv.DictReader(io.StringIO(as_csv([{"answer": text}]), newline=""))
    assert row["answer"] == f"'{text}"


def test_a_negative_number_is_no_formula() -> None:
    assert as_csv([{"score": -1.5}]) == "score\r\n-1.5\r\n"


def test_a_number_without_a_finite_value_is_null_in_json() -> None:
    assert json.loads(as_json([{"score": float("nan")}, {"score": float("inf")}])) == [{"score": None}] * 2


def test_no_records_are_an_empty_file_and_an_empty_list() -> None:
    assert (as_csv([]), json.loads(as_json([]))) == ("", [])


values: st.SearchStrategy[Any] = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), st.integers(), st.booleans()
)


@given(st.lists(st.fixed_dictionaries({"a": values, "b": values}), min_size=1, max_size=4))
def test_whatever_a_text_holds_it_stays_one_cell(records: list[dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(records), newline="")))
    assert [{name: text.removeprefix("'") for name, text in row.items()} for row in rows] == [
        {name: str(value).removeprefix("'") for name, value in record.items()} for record in records
    ]


def test_whole_numbers_are_written_as_such_and_others_as_they_are() -> None:
    scores = [2601845.0, 9999999.0, 99.99996, 0.84312, 1e300]
    records = [{"score": score} for score in scores]
    assert [row["score"] for row in csv.DictReader(io.StringIO(as_csv(records)))] == [
        "2601845",
        "9999999",
        "99.99996",
        "0.84312",
        "1e+300",
    ]
    assert "9999999\n" in as_json(records)
    assert [row["score"] for row in json.loads(as_json(records))] == scores

"""Moments: in local time, with the zone said once, and in UTC for whoever wants it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from kbench_jupyter.display.html import to_html
from kbench_jupyter.display.text import to_text
from kbench_jupyter.display.view import Facts, Shown, Table, View, moment

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def table(*moments):
    return View(
        "runs", [Table(["run>", "started (UTC)"], [[str(i), moment(one)] for i, one in enumerate(moments)])]
    )


def test_a_column_is_local_and_its_head_says_the_zone():
    text = to_text(table(NOON, None))
    assert "started (CET)" in text
    assert "2026-01-15 13:00:00" in text
    assert text.count("CET") == 1
    assert "started (CET/CEST)" in to_text(table(NOON, SUMMER))  # clocks changed between
    assert "started (UTC)" in to_text(table(None))


def test_html_says_utc_in_the_tooltip():
    html = to_html(table(NOON))
    assert (
        '<time datetime="2026-01-15T12:00:00+00:00" title="2026-01-15 12:00:00 UTC">2026-01-15 13:00:00</time>'
        in html
    )


def test_a_fact_names_the_zone_itself():
    assert "created  2026-07-15 14:00:00 CEST" in to_text(
        View("quiz", [Facts({"created": moment(SUMMER, zone=True)})])
    )


def test_data_and_files_hold_utc_under_the_same_name_everywhere():
    class Runs(Shown):
        def view(self):
            return table(NOON)

    assert Runs().records() == [{"run": "0", "started (UTC)": NOON}]


@pytest.mark.parametrize("zone", ["America/Lima", "Pacific/Auckland"])
@pytest.mark.parametrize("year", [1, 9999])
def test_a_servers_never_has_a_text(monkeypatch, zone, year):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    edge = datetime(1, 1, 1, tzinfo=UTC) if year == 1 else datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert to_text(table(edge))
    assert to_html(table(edge))

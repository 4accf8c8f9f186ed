"""The threat model names the tests that hold its promises: they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_security_page_names_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", page))
    assert len(named) > 10
    assert not [
        name for name in sorted(named) if "def test_" not in (ROOT / name).read_text(encoding="utf-8")
    ]


def test_every_promise_names_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 8
    assert not [row for row in rows if "`tests/" not in row.rpartition("| ")[2]]

"""The README tells the truth about what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme import README, updated

from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.declaration import GRAMMAR

TEXT = README.read_text(encoding="utf-8")


def test_its_generated_parts_are_up_to_date() -> None:
    assert updated(TEXT) == TEXT, "run: make readme"


def test_every_kbench_line_it_shows_can_be_typed() -> None:
    lines = re.findall(r"^%kbench ([^#\n]*)", TEXT, re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        try:
            GRAMMAR.parse(line)
        except UsageError as error:
            pytest.fail(f"%kbench {line}: {error}")


def test_every_file_and_make_target_it_names_exists() -> None:
    root = README.parent
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)|^\$ make (\w+)", TEXT, re.MULTILINE)):
        assert re.search(f"^{''.join(target)}:", makefile, re.MULTILINE), target
    for path in set(re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)):
        assert Path(root / path).exists(), path

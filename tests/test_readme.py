"""The README and the pages of the documentation tell the truth about what is there."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbench_jupyter.actions.new import NAMES
from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.validation import RULES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "make"), generator().PAGES.items())
def test_a_page_made_from_the_code_is_up_to_date(name, make) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), "run: make pages"


@every_page
def test_every_kbench_line_it_shows_can_be_typed(page) -> None:
    lines = re.findall(r"^%kbench ([^#\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    if page.name == "README.md":
        assert len(lines) > 5
    usage = page.name == "commands.md"  # its lines of usage hold brackets
    for line in lines if not usage else []:
        try:
            GRAMMAR.parse(line)
        except UsageError as error:
            pytest.fail(f"%kbench {line}: {error}")


@every_page
def test_every_row_of_a_table_has_as_many_cells_as_its_head(page) -> None:
    cells = 0
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in prose.splitlines():
        found = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells in (0, found) or not found, line  # a bar inside of code ends a cell as well
        cells = found


@every_page
def test_every_file_and_make_target_it_names_exists(page) -> None:
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)|^\$ make (\w+)", text, re.MULTILINE)):
        assert re.search(f"^{''.join(target)}:", makefile, re.MULTILINE), target
    for path in set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text)):
        known = [page.parent / path, ROOT / path.replace("notebooks/", "notebooks/", 1)]
        assert any(one.exists() for one in known), path


def words_of_the_code() -> Iterator[str]:
    for path in (ROOT / "kbench_jupyter").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(getattr(part, "value", "") if isinstance(part, ast.Constant) else "...")
                    for part in node.values
                )
    yield from (path.read_text(encoding="utf-8") for path in (ROOT / "kbench_jupyter").rglob("*.js"))


def test_every_message_that_a_page_explains_is_one_of_ours() -> None:
    code = "\n".join(words_of_the_code())
    pages = [
        (ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("troubleshooting.md", "jupyterlab.md")
    ]
    tables = "".join(page.partition("| it says |")[2] for page in pages)
    said = set(re.findall(r"^\| `([^`]+)` \|", tables, re.MULTILINE)) - {"Click to show javascript error"}
    assert len(said) > 20
    # Other words of a message may be names and numbers: four in a row are nobody else's.
    assert not [message for message in said if not any(part in code for part in in_fours(message))]


def in_fours(message: str) -> Iterator[str]:
    words = message.split()
    yield from (" ".join(words[at : at + 4]) for at in range(max(1, len(words) - 3)))


def test_every_module_and_name_that_the_map_of_the_house_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`([\w/]+(?:\.py|/))`", text) if "VERB" not in path}
    assert len(paths) > 30
    missing = [
        path for path in paths if not any((root / path).exists() for root in (ROOT, ROOT / "kbench_jupyter"))
    ]
    assert not missing
    for name, path in re.findall(r"`(\w+)` (?:in|of) `(\w+/[\w/]+\.py)`", text):
        code = (ROOT / "kbench_jupyter" / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *(def|class) {name}\b", code, re.MULTILINE), f"{name} in {path}"


def test_the_readme_counts_the_rules_and_patterns_that_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(\d+) rules", text) == [str(len(RULES))]
    assert ("lists sixteen worked patterns" in text) == (len(NAMES) == 16)

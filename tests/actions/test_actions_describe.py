"""A task's page: shown, written into a cell or a file, and changed back from there."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from candidates import CandidateApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.actions.describe.page import Page, read_page, write_page
from kbench_jupyter.api import Citation
from kbench_jupyter.errors import NotFoundError, NotOfferedError, UsageError

PAGE: dict[str, Any] = {
    "description": "Ten *sums*.",
    "tags": ["math"],
    "provenanceSources": "Made by hand.\nOn paper.",
    "citations": [{"title": "Sums", "url": "https://example.org/sums"}],
}


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz", **PAGE)
        yield running


@pytest.fixture
def kbench(server: faults.FaultServer, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")

    def call(line: str, cell: str | None = None) -> Any:
        if cell is None:
            return shell.run_line_magic("kbench", line)
        return shell.run_cell_magic("kbench", line, cell)

    return call


def updates(server: faults.FaultServer) -> list[dict[str, Any]]:
    return [seen.json for seen in server.calls("UpdateBenchmarkTask")]


def test_a_page_is_shown_whole(kbench: Any) -> None:
    shown = kbench("describe quiz")
    text = str(shown)
    assert all(one in text for one in ("Ten *sums*.", "math", "Made by hand.", "https://example.org/sums"))
    assert shown.records() == [
        {
            "task": "quiz",
            "description": "Ten *sums*.",
            "tags": "math",
            "provenance": "Made by hand.\nOn paper.",
            "citations": "Sums https://example.org/sums",
        }
    ]


def test_edit_puts_the_page_into_a_cell_and_that_cell_changes_only_what_was_edited(
    server: faults.FaultServer, kbench: Any, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    placed: list[str] = []
    shell.set_next_input = lambda text, replace=False: placed.append(text)
    assert "in the cell below" in str(kbench("describe quiz --edit"))
    [cell] = placed
    line, _, body = cell.partition("\n")
    assert line == "%%kbench describe quiz"
    assert "nothing was changed" in str(kbench("describe quiz", body))
    assert not updates(server)
    edited = body.replace("Ten *sums*.", "Twenty *sums*.").replace('["math"]', '["math", "no-such-tag"]')
    shown = kbench("describe quiz -y", edited)
    assert updates(server) == [
        {
            "slug": {"taskSlug": "quiz"},
            "description": "Twenty *sums*.",
            "tags": ["math", "no-such-tag"],
            "updateMask": "description,tags",
        }
    ]
    assert "The server knows no tag no-such-tag" in str(shown)
    said = capsys.readouterr().out
    assert "-Ten *sums*." in said
    assert "+Twenty *sums*." in said


def test_a_file_without_a_head_is_the_description_and_no_answer_changes_nothing(
    server: faults.FaultServer, kbench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("# Sums\n\nMany.\n", encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(UsageError, match="is as it was"):
        kbench("describe quiz --from page.md")
    assert not updates(server)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    kbench("describe quiz --from page.md")
    assert [one["updateMask"] for one in updates(server)] == ["description"]
    assert server.api.tasks["quiz"][-1]["description"] == "# Sums\n\nMany."


def test_what_is_emptied_is_sent_as_empty(server: faults.FaultServer, kbench: Any) -> None:
    kbench("describe quiz -y", "+++\ntags = []\ncitations = []\n+++\n")
    [update] = updates(server)
    assert set(update["updateMask"].split(",")) == {"tags", "citations"}
    task = server.api.tasks["quiz"][-1]
    assert (task["tags"], task["citations"] or [], task["description"]) == ([], [], "Ten *sums*.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n", "nothing to change"),
        ("+++\ntags = []\n", "no second line of +++"),
        ("+++\ntags = [\n+++\n", "no TOML"),
        ("+++\ntag = ['x']\n+++\n", "has no 'tag'"),
        ("+++\ntags = 'math'\n+++\n", "tags takes text"),
        ("+++\nprovenance = 3\n+++\n", "provenance takes text"),
        (f"+++\nprovenance = '{'x' * 4001}'\n+++\n", "4,001 characters"),
        ("+++\ncitations = ['x']\n+++\n", "a list of titles"),
        ("+++\ncitations = [{title = 'x', url = 'example.org'}]\n+++\n", "has no address"),
    ],
)
def test_a_page_that_cannot_be_meant_is_refused_before_anything_is_sent(
    server: faults.FaultServer, kbench: Any, text: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        kbench("describe quiz -y", text)
    assert said in str(refused.value)
    assert not updates(server)


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_server_that_takes_no_descriptions_is_one_plain_line(
    server: faults.FaultServer, kbench: Any, code: int
) -> None:
    server.api.refusing["UpdateBenchmarkTask"] = code
    with pytest.raises(NotOfferedError, match="does not offer changing a task's description"):
        kbench("describe quiz -y", "New.")
    with pytest.raises(NotFoundError, match="nope"):
        kbench("describe nope -y", "New.")


NOTEBOOK = """\
# %%
import kaggle_benchmarks as kbench

# %% [markdown]
# # Quiz
#
# Asks *one* thing.

# %% [markdown]
# Another cell.

# %%
@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_true(bool(llm.prompt("?")), expectation="answers")


quiz.run(kbench.llm)
"""
DESCRIPTION = "# Quiz\n\nAsks *one* thing."


def test_a_push_makes_the_first_markdown_cell_the_description_once_that_is_agreed_to(
    server: faults.FaultServer,
    kbench: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "quiz.py").write_text(NOTEBOOK, encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(UsageError, match="Nothing was pushed"):
        kbench("push -f quiz.py --describe")
    assert (server.api.pushes, updates(server)) == (0, [])
    assert "-Ten *sums*." in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda _: "y")
    pushed = kbench("push -f quiz.py --describe")
    assert (server.api.pushes, pushed.notes) == (1, ())
    assert [(one["description"], one["updateMask"]) for one in updates(server)] == [
        (DESCRIPTION, "description")
    ]
    assert "Changed the description of quiz." in capsys.readouterr().out
    server.api.tasks["quiz"][-1]["description"] = "Of the web page."
    assert not kbench("push -f quiz.py --describe -y").changed, "the notebook is there; its page is not"
    assert server.api.tasks["quiz"][-1]["description"] == DESCRIPTION
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("there is nothing to agree to"))
    kbench("push -f quiz.py --describe")
    assert len(updates(server)) == 2


def test_a_push_without_a_markdown_cell_has_no_description_and_says_so_before_it_sends_anything(
    server: faults.FaultServer, kbench: Any, tmp_path: Path
) -> None:
    (tmp_path / "quiz.py").write_text(NOTEBOOK.replace(" [markdown]", " [raw]"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"quiz.py has no markdown cell.*nothing was pushed"):
        kbench("push -f quiz.py --describe")
    assert server.calls("CreateBenchmarkTask") == []


@pytest.mark.parametrize("code", [403, 404, 501])
def test_a_server_that_takes_no_descriptions_takes_the_push_all_the_same(
    server: faults.FaultServer, kbench: Any, tmp_path: Path, code: int
) -> None:
    server.api.refusing["UpdateBenchmarkTask"] = code
    (tmp_path / "quiz.py").write_text(NOTEBOOK, encoding="utf-8")
    pushed = kbench("push -f quiz.py --describe -y")
    assert server.api.pushes == 1
    [note] = pushed.notes
    assert note.startswith("The description was not changed: This server does not offer")


def test_a_description_is_cleared_by_saying_so_and_kept_by_saying_nothing(
    server: faults.FaultServer, kbench: Any
) -> None:
    kept = kbench("describe quiz -y", "+++\ntags = []\n+++\n")
    assert 'To clear that: description = ""' in " ".join(str(kept).split())
    assert server.api.tasks["quiz"][-1]["description"] == PAGE["description"]
    cleared = kbench("describe quiz -y", '+++\ndescription = ""\n+++\n')
    assert updates(server)[-1]["updateMask"] == "description"
    assert "No description yet." in str(cleared)
    with pytest.raises(UsageError, match="stands below"):
        kbench("describe quiz -y", '+++\ndescription = "Sums."\n+++\n')
    with pytest.raises(UsageError, match="stands below"):
        kbench("describe quiz -y", '+++\ndescription = ""\n+++\nSums.\n')


def test_a_page_written_into_a_file_is_read_from_there(
    server: faults.FaultServer, kbench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kbench("describe quiz -o page.md")
    assert "Wrote the page to page.md." in capsys.readouterr().out
    assert "nothing was changed" in str(kbench("describe quiz --from page.md"))
    page = tmp_path / "page.md"
    page.write_bytes(codecs.BOM_UTF8 + page.read_bytes())  # as an editor may save it
    assert "nothing was changed" in str(kbench("describe quiz --from page.md"))
    server.api.tasks["quiz"][-1].update(description="Other.", tags=[], citations=[])
    kbench("describe quiz --from page.md -y")
    assert {name: server.api.tasks["quiz"][-1][name] for name in PAGE} == PAGE
    kbench("describe quiz --format 'table(tags, description)'")
    assert ["math", "Ten *sums*."] in [line.split("  ") for line in capsys.readouterr().out.split("\n")]
    with pytest.raises(UsageError) as refused:
        kbench("describe quiz -o page.html")
    assert ".md as --from reads it" in str(refused.value.hint)


def test_only_one_place_may_say_what_the_page_is(kbench: Any) -> None:
    with pytest.raises(UsageError, match="give one of them"):
        kbench("describe quiz --edit --from page.md")
    with pytest.raises(UsageError, match=r"Cannot read missing[^→]*→ .*%kbench describe quiz -o page\.md"):
        kbench("describe quiz --from missing.md")


_LINES = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t\"'\\#\x7f"))
_TEXTS = _LINES.map(str.strip)
_URLS = st.from_regex(r"https://[a-z.]+/[a-z\"\\]*", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.too_slow])  # it reads tables of all characters first
@given(_TEXTS, st.lists(_TEXTS, unique=True), _TEXTS, st.lists(st.builds(Citation, _TEXTS, _URLS)))
def test_any_page_is_read_as_it_was_written(
    description: str, tags: list[str], provenance: str, citations: list[Citation]
) -> None:
    page = Page(description or None, tuple(tags), provenance, tuple(citations))
    assert read_page(write_page(page)) == page

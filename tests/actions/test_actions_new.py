"""Worked patterns: what `%kbench new` puts into the next cell, and that each is a task one can push."""

from __future__ import annotations

import ast
from importlib.resources import files
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from jupyter_client.manager import start_new_kernel

from kbench_jupyter.actions.new import NAMES, NewCell, PatternList, new, read_pattern
from kbench_jupyter.errors import UsageError
from kbench_jupyter.notebook.files import percent_task_source
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation import check, tasks_in

FOLDER = files("kbench_jupyter") / "patterns"


def text_of(name: str) -> str:
    return (FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")


def test_every_pattern_file_can_be_had_by_name_and_no_name_lacks_its_file() -> None:
    files = {file.name for file in FOLDER.iterdir() if file.is_file()} - {"__init__.py"}
    there = {name.removesuffix(".py").replace("_", "-") for name in files}
    assert there == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_is_a_complete_task_file_that_the_rules_find_nothing_wrong_with(name: str) -> None:
    source = percent_task_source(text_of(name), origin=name)
    assert check(source) == []
    [stored] = [task for task in tasks_in(source) if task.stored]
    assert stored.slug


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_says_in_one_sentence_what_it_shows(name: str) -> None:
    pattern = read_pattern(name)
    assert pattern.title
    assert 20 < len(pattern.summary) < 140
    assert pattern.summary.endswith(".")
    ast.parse(pattern.code)
    assert max(map(len, pattern.code.splitlines())) <= 110


def test_no_two_patterns_store_the_same_task() -> None:
    tasks = [task for name in NAMES for task in tasks_in(percent_task_source(text_of(name), origin=name))]
    slugs = [task.slug for task in tasks if task.stored]
    assert len(slugs) == len(set(slugs)) == len(NAMES)


@pytest.mark.parametrize("typed", ["structured-output", "structured_output", "Structured Output"])
def test_a_pattern_is_found_however_its_name_is_written(typed: str) -> None:
    assert read_pattern(typed).name == "structured-output"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("minmal", "minimal"),
        ("dataset-evaluation", "dataset"),
        ("custom assertion", "assertions"),
        ("sub-tasks", "subtasks"),
        ("chat-room", "chatroom"),
        ("output", "structured-output"),
    ],
)
def test_a_near_miss_is_told_the_name_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_pattern(typed)
    assert caught.value.hint == f"Did you mean %kbench new {meant}?   (all patterns: %kbench new)"


def test_a_name_that_resembles_none_is_told_where_the_list_is() -> None:
    with pytest.raises(UsageError) as caught:
        read_pattern("xyzzy")
    assert caught.value.hint == "All patterns: %kbench new"


def test_without_a_shell_the_code_is_there_to_be_shown() -> None:
    shown = new(Session(), "judge")
    assert isinstance(shown, NewCell)
    assert not shown.placed
    assert "kbench.judge_llm" in str(shown)


def test_in_a_shell_the_worked_cell_becomes_the_next_input_and_the_text_shows_it_too(shell: Any) -> None:
    shell.run_line_magic("kbench", "new minimal ;")
    result = shell.run_line_magic("kbench", "new minimal")
    assert shell.rl_next_input == read_pattern("minimal").code
    assert "says_hello.run(kbench.llm)" in str(result)
    assert "It is in the cell below" in str(result)


def test_without_a_name_all_patterns_are_listed_with_a_line_each(shell: Any) -> None:
    shown = shell.run_line_magic("kbench", "new")
    assert isinstance(shown, PatternList)
    assert [row["pattern"] for row in shown.records()] == list(NAMES)
    assert getattr(shell, "rl_next_input", None) is None


def test_what_a_model_must_be_able_to_do_is_said_before_it_is_tried() -> None:
    assert "reads images" in str(new(Session(), "image"))
    assert read_pattern("minimal").needs == ""


def test_pattern_names_complete_after_new(shell: Any) -> None:
    with provisionalcompleter():
        found = {completion.text for completion in shell.Completer.completions("%kbench new mu", 14)}
    assert "multi-turn" in found


@pytest.mark.slow
def test_a_real_kernel_asks_its_front_end_for_a_new_cell_and_shows_the_text_to_those_that_have_none() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("%load_ext kbench_jupyter", timeout=60)
        shown: list[str] = []

        def keep(message: Any) -> None:
            if message["msg_type"] == "execute_result":
                shown.append(message["content"]["data"]["text/plain"])

        reply = client.execute_interactive("%kbench new fork", timeout=60, output_hook=keep)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    [payload] = reply["content"]["payload"]
    code = read_pattern("fork").code
    assert payload == {"source": "set_next_input", "text": code, "replace": False}
    assert all(line.strip() in shown[0] for line in code.splitlines())

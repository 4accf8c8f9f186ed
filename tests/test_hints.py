"""The hint after a word that nothing is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kbench_jupyter.hints import did_you_mean

COMMANDS = ("push", "run", "results")


def test_a_slip_is_told_what_to_type_and_where_all_words_are() -> None:
    hint = did_you_mean("psuh", COMMANDS, form="%kbench {}", more="all commands: %kbench -h")
    assert hint == "Did you mean %kbench push?   (all commands: %kbench -h)"


def test_a_word_that_resembles_none_is_told_where_all_words_are() -> None:
    assert did_you_mean("xyzzy", COMMANDS, more="all commands: %kbench -h") == "All commands: %kbench -h"


def test_a_word_that_only_shares_some_letters_is_not_meant() -> None:
    assert did_you_mean("test", ["target", "list"]) == ""
    assert did_you_mean("rnu", ["run", "rule"]) == "Did you mean run?"


def test_without_a_place_to_look_the_hint_is_the_word_or_nothing() -> None:
    assert did_you_mean("psuh", COMMANDS) == "Did you mean push?"
    assert did_you_mean("xyzzy", COMMANDS) == ""
    assert did_you_mean("psuh", ()) == ""


@pytest.mark.parametrize("typed", ["kb101", "KB1O1", "kb11"])
def test_case_hides_no_word_and_the_word_is_named_as_it_is_written(typed: str) -> None:
    assert did_you_mean(typed, ["KB101", "XY777"]) == "Did you mean KB101?"


def test_braces_in_what_was_typed_or_meant_are_letters_like_others() -> None:
    assert (
        did_you_mean("{nam}", ["{name}"], form="-m {}", more="see {0}")
        == "Did you mean -m {name}?   (see {0})"
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("smollm2", "-m smollm2-135m-instruct"),
        ("gemini", "-m gemini-2.5-flash or -m gemini-2.5-pro"),
        ("gemini-2.5-por", "-m gemini-2.5-pro"),
        ("opus", ""),  # of many none is meant more than another
    ],
)
def test_a_part_of_a_name_means_the_few_that_hold_it(typed: str, meant: str) -> None:
    names = [
        "gemini-2.5-flash",
        "gemini-2.5-pro",
        "smollm2-135m-instruct",
        *(f"claude-opus-{n}" for n in "4567"),
    ]
    assert did_you_mean(typed, names, form="-m {}", parts=True) == (meant and f"Did you mean {meant}?")


def test_nobody_waits_for_it_who_made_no_slip() -> None:
    code = "import sys; import kbench_jupyter.hints; sys.exit('difflib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

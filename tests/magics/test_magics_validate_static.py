"""`%kbench validate --static`: what the rules say, and what they could not say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kbench_jupyter.errors import UsageError

TASK = """\
# %%
import kaggle_benchmarks as kbench

# %%
@kbench.task(name="Tiny")
def tiny(llm) -> bool:
    return "4" in llm.prompt("2 + 2?")

tiny.run(kbench.llm)
"""


def test_without_the_sdk_it_says_once_that_its_names_were_not_checked(shell, monkeypatch):
    Path("task.py").write_text(TASK)
    with_sdk = str(shell.run_line_magic("kbench", "validate --static -f task.py"))
    monkeypatch.setitem(sys.modules, "kaggle_benchmarks", None)  # as where it is not installed
    without = str(shell.run_line_magic("kbench", "validate --static -f task.py"))
    assert with_sdk.count("kaggle_benchmarks is not installed") == 0
    assert without.count("kaggle_benchmarks is not installed") == 1
    assert "No findings" in without


@pytest.mark.parametrize(
    ("flags", "said"),
    [("--static --dry-run", "give one of them"), ("--static --rows 3", "--rows goes with --dry-run")],
)
def test_flags_that_would_be_ignored_are_refused(shell, flags, said):
    Path("task.py").write_text(TASK)
    with pytest.raises(UsageError, match=said):
        shell.run_line_magic("kbench", f"validate {flags} -f task.py")

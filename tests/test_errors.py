"""Errors outside IPython: what a plain traceback shows, and what copies keep."""

from __future__ import annotations

import copy
import copyreg
import pickle
import subprocess
import sys
import traceback

import pytest
from tblib import pickling_support

from kbench_jupyter.errors import ApiError, KBenchError, NotFoundError, UsageError


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error))


def test_a_script_that_catches_nothing_shows_detail_and_hint() -> None:
    code = "import kbench_jupyter\nkbench_jupyter.check('no-such.py')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NotebookError: There is no file no-such.py.\n→ Looked in " in done.stderr


def test_a_plain_traceback_shows_what_the_block_in_a_notebook_does() -> None:
    error = NotFoundError("No task.", detail="one\ntwo", hint="%kbench list\n%kbench status")
    assert shown(error).split(": ", 1)[1].split() == "\n".join(error.lines()).split()
    assert shown(error).endswith("No task.\n  one\n  two\n\n→ %kbench list\n  %kbench status\n")
    assert shown(UsageError("Nothing more.")).endswith("UsageError: Nothing more.\n")


def test_a_hint_that_is_refined_on_the_way_up_is_the_one_that_is_shown() -> None:
    error = KBenchError("It failed.", hint="first")
    error.hint = "second"
    assert "→ second" in shown(error)
    assert "first" not in shown(error)


def test_a_note_of_ones_own_is_kept_beside_the_hint() -> None:
    error = KBenchError("It failed.", hint="try again")
    error.add_note("while pushing a.py")
    assert shown(error).endswith("It failed.\n→ try again\nwhile pushing a.py\n")


def test_what_a_server_said_moves_no_cursor_in_a_traceback_either() -> None:
    error = KBenchError("It failed.", detail="\x1b[2Jgone", hint="\x07bell")
    assert "\x1b" not in shown(error)
    assert "\x07" not in shown(error)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
@pytest.mark.parametrize("with_tblib", [False, True])
def test_a_copy_says_the_same(copied, with_tblib, monkeypatch) -> None:
    if with_tblib:  # whoever imports Dask has its way of copying errors
        monkeypatch.setitem(copyreg.dispatch_table, ApiError, pickling_support.pickle_exception)
    error = ApiError("No.", method="GetTask", status=404, hint="a hint", detail="a detail")
    error.add_note("a note")
    other = copied(error)
    assert (shown(other), other.lines(), other.status) == (shown(error), error.lines(), 404)


def test_text_and_block_of_an_error_are_not_touched_by_its_notes() -> None:
    error = KBenchError("It failed.", hint="try again")
    error.add_note("a note")
    assert str(error) == "It failed."
    assert error.lines() == ["It failed.", "", "→ try again"]
    assert "a note" not in "\n".join(error._render_traceback_())

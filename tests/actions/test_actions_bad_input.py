"""Whatever file `validate`, `show` and `push` are given, they end soon, and say what is wrong with it.

What is measured is processor time, with much room: these inputs took minutes, or for ever.
"""

from __future__ import annotations

import json
import os
import socket
import time

import faults
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loopback_session import LoopbackSession

from kbench_jupyter.actions.check import check, refuse_errors
from kbench_jupyter.actions.fix import fix
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.show import SourceShown
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError, ValidationError
from kbench_jupyter.notebook import ipython_syntax
from kbench_jupyter.validation import checker

TASK = (
    "import kaggle_benchmarks as kbench\n\n@kbench.task()\ndef my_task(llm) -> bool:\n"
    '    return "4" in llm.prompt("2+2?")\n'
)
RUN = "my_task.run(kbench.llm)"
#: Seconds of processor time within which each of them ends, also where the machine is slow.
MOST = 20.0


@pytest.fixture(scope="module")
def server():
    with faults.FaultServer() as running:
        yield running


class Heard:
    withheld = 0

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def progress(self, text, done=None, total=None):
        self.lines.append(text)

    def close(self):
        pass


@pytest.fixture(scope="module")
def session(server, tmp_path_factory):
    opened = LoopbackSession(server, Heard(), KBENCH_HOME=str(tmp_path_factory.mktemp("home")))
    yield opened
    opened.close()


@pytest.fixture
def write(tmp_path):
    def notebook(*cells, kind="code"):
        made = [
            {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
            for text in (TASK, *(cells if kind == "code" else ()), RUN)
        ]
        if kind != "code":
            made += [{"cell_type": kind, "metadata": {}, "source": text} for text in cells]
        path = tmp_path / "task.ipynb"
        path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
        return str(path)

    return notebook


def outcomes(session, file, *names):
    """Return what became of commands, of all three where none is named: all of what it raised, "" where nothing."""

    def chosen(required):
        return choose_task(session, "my-task" if required else None, file=file, required=required)

    commands = {
        "validate": lambda: refuse_errors(check(session, chosen=chosen(False)), "it is not ready"),
        "show": lambda: str(SourceShown(chosen(False))),
        "push": lambda: push(session, chosen(True), force=True),
    }
    found = {}
    for name in names or commands:
        began = time.process_time()
        try:
            commands[name]()
        except KBenchError as error:
            found[name] = "\n".join([str(error), error.detail or "", error.hint or ""])
        else:
            found[name] = ""
        assert time.process_time() - began < MOST, name
    return found


@pytest.mark.parametrize("kind", ["folder", "named pipe", "socket", "device"])
def test_only_files_are_read_and_anything_else_is_named_for_what_it_is(session, tmp_path, kind, monkeypatch):
    path = tmp_path / "task.py"
    if kind == "folder":
        path.mkdir()
    elif kind == "named pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        monkeypatch.chdir(tmp_path)  # an address may not be as long as a path
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("task.py")
    found = outcomes(session, str(path))
    assert [error.splitlines()[0] for error in found.values()] == [f"{path} is a {kind}, not a file."] * 3


@pytest.mark.parametrize(
    ("cells", "kind", "size"),
    [
        (["x = 1"] * 6_000, "code", "6,002 cells, at most 5,000"),
        (["x = 1"] * 100_000, "code", "100,002 cells, at most 5,000"),
        (["x = '" + "a" * 20_000_000 + "'"], "code", "characters, at most 4,194,304"),
        (['x = """' + "a\n" * 4_000_000 + '"""'], "code", "lines, at most 200,000"),
        (["# %%\n" * 1_000] * 1_000, "markdown", "lines, at most 200,000"),
    ],
    ids=["6,000 cells", "100,000 cells", "a string of 20 MB", "four million lines", "a million markers"],
)
def test_what_is_too_large_for_a_task_is_refused_with_its_size(session, write, cells, kind, size):
    for error in outcomes(session, write(*cells, kind=kind)).values():
        assert size in error
        assert "kbench-skip" in error


@pytest.mark.parametrize("name", ["task.py", "task.md"])
def test_a_text_of_too_many_cells_is_refused_before_jupytext_reads_it(session, tmp_path, name):
    begin = {"task.py": "# %%\n", "task.md": "```python\n```\n"}[name]
    path = tmp_path / name
    path.write_text(begin * 100_000)
    for error in outcomes(session, str(path)).values():
        assert "is too large for a task:" in error
    path.write_text("\n" * 190_000 + "# %%\n" + TASK if name == "task.py" else "\n" * 190_000)
    outcomes(session, str(path), "validate")  # it ends


def test_cells_that_are_tagged_to_be_left_out_do_not_count(session, tmp_path):
    cells = [
        {"cell_type": "code", "metadata": tags, "source": text, "outputs": [], "execution_count": None}
        for text, tags in [(TASK, {}), *[("x = 1", {"tags": ["kbench-skip"]})] * 6_000, (RUN, {})]
    ]
    path = tmp_path / "task.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    assert choose_task(session, file=str(path)).slug == "my-task"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"cells": ' + "[" * 900 + "]" * 900 + "}"])
def test_json_that_is_nested_too_deeply_is_said_to_be(session, tmp_path, text):
    path = tmp_path / "task.ipynb"
    path.write_text(text)
    for error in outcomes(session, str(path)).values():
        assert error.splitlines()[0] in (
            f"{path} is not a Jupyter notebook: it is nested too deeply.",
            f"{path} is not a Jupyter notebook: it is JSON, but no notebook.",
        )


@pytest.mark.parametrize(
    "cell",
    [
        ";" * 100_000,
        ";" * 1_000,
        "'''\n'''\n" + "%cd x\n" * 450,
        "'''\n'''\n" + "x = a.b(3)\n" * 5_000 + "%cd x\n" * 50,
    ],
    ids=["100,000 semicolons", "1,000 semicolons", "450 magics", "50 magics in a long cell"],
)
def test_a_cell_that_ipython_takes_long_to_read_is_said_to_be_unchecked(session, write, cell):
    found = outcomes(session, write(cell))
    assert "too large to check statically" in found["validate"]
    assert "cell 2" in found["validate"]
    assert not found["push"], "--force pushes it all the same"
    assert "too large to check statically" in outcomes(session, write(cell))["validate"], (
        "nor the second time"
    )


def test_many_such_cells_take_no_longer_than_a_few(session, write, monkeypatch):
    monkeypatch.setattr(ipython_syntax, "_MOST_TOKENS", 200_000)  # a fifth, and so of the time
    cells = [f"n = {n}\n'''\n'''\n" + "%cd x\n" * 150 for n in range(40)]
    assert "too large to check statically" in outcomes(session, write(*cells), "validate")["validate"]
    own = [f"%kbench status\nn = {n}\n" + "%cd x\n" * 150 for n in range(40)]
    assert "lines of IPython's own" in outcomes(session, write(*own), "validate")["validate"]


#: What tokenizers, transformers and percent format stumble over.
# fmt: off
PIECES = st.sampled_from([
    "'", '"', "'''", '"""', "(", "[", "{", ")", "]", "}", "%", "!", "?", ";", "\\", "\\\n", "\n", "\n  ", "%cd x\n",
    "!ls\n", "x?\n", "x = !ls\n", "x = %cd y\n", "a", "1", "=", ":", " ", "\t", "#", "# %%\n", "%%bash\n", "f'{",
    "\\N{",
    "é", "\x0c", "\r", "\u2028", "```\n", "@", "lambda:", "if x:", "def f(", ">>> ", "In [1]: ", "...", "\ud800",
    "\x00", "%time ",
])
# fmt: on
BEGUN = st.lists(PIECES, max_size=3).map("".join)
AGAIN = st.lists(PIECES, min_size=1, max_size=6).map("".join)


@given(BEGUN, AGAIN, st.sampled_from([50, 3_000, int(os.environ.get("NASTY_SIZE", "30_000"))]))
@example("", "'", 100_000)
@example("!", "x = !ls\\\n", 50_000)
@settings(
    max_examples=int(os.environ.get("NASTY", "8")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_whatever_a_cell_holds_each_command_ends_soon_and_in_no_traceback(session, write, begun, again, size):
    cell = begun + again * (size // len(again))
    for said in outcomes(session, write(cell)).values():
        assert "Traceback" not in said


def test_a_source_with_too_much_code_is_never_called_valid_and_can_be_pushed_by_name(session, write):
    file = write("x = {" + "'abc': 1, " * 170_000 + "}")
    session.reporter.lines.clear()
    chosen = choose_task(session, file=file, required=False)
    checked = check(session, chosen=chosen)
    size = "too large to check statically: 3 cells with 1,0"
    assert size in checked.unchecked
    assert "Not checked" in str(checked)
    with pytest.raises(ValidationError, match=size):
        refuse_errors(checked, "it was not pushed")
    with pytest.raises(ValidationError, match="no fix was looked for"):
        fix(session, chosen)
    with pytest.raises(ValidationError, match="nobody knows which task"):
        choose_task(session, file=file)
    named = choose_task(session, "my_task", file=file)
    with pytest.raises(ValidationError, match=size):
        push(session, named)
    assert size in str(push(session, named, force=True)), "pushed, and said to be unchecked"
    steps = [
        line.split()[0] for line in session.reporter.lines if "task.ipynb (" in line or "notebook (" in line
    ]
    assert {"Reading", "Checking", "Writing"} <= set(steps), "what takes longer says what it is about"


def test_the_limit_of_what_is_checked_is_of_code_alone(session, write):
    file = write("word " * (checker.MOST + 1), kind="markdown") if checker.MOST < 800_000 else write()
    assert not check(session, chosen=choose_task(session, file=file)).unchecked

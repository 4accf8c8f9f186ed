"""Tab after %kbench offers what fits there, and disturbs no other completion."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.magics.completion import _PATIENCE, NameCache, complete_line
from kbench_jupyter.magics.grammar import split

NAMES = {
    "task": ["my-task", "other"],
    "model": ["gemini-2.5-flash", "smollm2-135m-instruct"],
    "rule": ["KB101"],
    "side my-task": ["gemini-2.5-flash", "v2", "v1"],
    "side ": ["v4"],
}


def choices(line: str) -> list[str]:
    completion = complete_line(line, NAMES.__getitem__)
    return [text for text, _ in completion.choices] if completion else []


def offered(shell: InteractiveShell, line: str) -> list[str]:
    with provisionalcompleter():
        return [line[: c.start] + c.text for c in shell.Completer.completions(line, len(line))]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("%kbench pu", ["push", "pull", "publish"]),
        ("%%kbench va", ["validate"]),
        ("x = %kbench stat", ["status"]),
        ("%kbench b t pu", ["push", "pull", "publish"]),
        ("%kbench run -m gem", ["gemini-2.5-flash"]),
        ("%kbench run -m a -m smol", ["smollm2-135m-instruct"]),
        ("%kbench status my", ["my-task"]),
        ("%kbench rule kb", ["KB101"]),
        ("%kbench target l", ["local"]),
        ("%kbench local st", ["start", "stop", "status"]),
        ("%kbench push --wa", ["--wait"]),
        ("%kbench compare -t my-task v", ["v2", "v1"]),
        ("%kbench compare -t my-task v1 ", ["gemini-2.5-flash", "v2"]),
        ("%kbench compare ", ["v4"]),
        ("%kbench results my-task --baseline gem", ["gemini-2.5-flash"]),
        ("%kbench results --measure p", ["passed"]),
        ("%kbench push my-task --f", ["--file", "--force"]),
    ],
)
def test_each_place_offers_what_may_stand_there(line: str, first: list[str]) -> None:
    assert choices(line) == first


def test_a_flag_already_given_is_not_offered_again_but_a_repeatable_one_is() -> None:
    offered = choices("%kbench run --wait -m x --")
    assert "--wait" not in offered
    assert "--model" in offered


def test_files_are_offered_where_a_file_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task.py").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    assert choices("%kbench push -f ") == ["sub/", "task.py"]


@pytest.mark.parametrize(
    "line", ["", "pu", "print('%kbench pu", "%kbenchmark pu", "%pushd x", "# %kbench pu"]
)
def test_other_lines_are_left_alone(line: str) -> None:
    assert complete_line(line, NAMES.__getitem__) is None


def test_other_completion_goes_on_line_after_line(shell: InteractiveShell) -> None:
    shell.user_ns["kbench_other"] = 1
    for line, fits in (("%pu", "%pushd"), ("kbench_o", "kbench_other"), ("%pu", "%pushd")):
        assert fits in offered(shell, line)


@given(st.text())
def test_no_line_makes_completion_fail(line: str) -> None:
    complete_line("%kbench " + line, NAMES.__getitem__)


def test_the_shell_completes_subcommands_and_flags(shell: InteractiveShell) -> None:
    assert offered(shell, "%kbench pu") == ["%kbench push", "%kbench pull", "%kbench publish"]
    assert offered(shell, "%kbench push --wa") == ["%kbench push --wait"]


def test_unloading_takes_the_completion_away(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    assert "%kbench push" not in offered(shell, "%kbench pu")
    shell.run_line_magic("load_ext", "kbench_jupyter")


class SlowServer:
    """A session whose server takes its time, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.answer = threading.Event()
        self.asked = 0
        self.fails = fails

    def target(self, *, start: bool) -> object:
        assert not start, "completion must never start a server"
        return object()

    def client(self, target: object) -> SlowServer:
        return self

    def list_models(self) -> list[object]:
        self.asked += 1
        self.answer.wait(10)
        if self.fails:
            raise OSError("no network")
        return [type("M", (), {"slug": "m"})()]


def test_a_slow_server_never_holds_up_typing_and_its_names_come_later() -> None:
    server = SlowServer()
    cache = NameCache(server)  # type: ignore[arg-type]
    started = time.monotonic()
    assert cache("model") == []
    assert time.monotonic() - started < 10 * _PATIENCE  # far below the server's answer
    fetching = cache._fetching["model"]
    server.answer.set()
    assert fetching.wait(10)
    assert cache("model") == ["m"]
    assert cache("model") == ["m"]
    assert server.asked == 1


def test_a_failing_server_offers_nothing_and_raises_nothing() -> None:
    server = SlowServer(fails=True)
    server.answer.set()
    cache = NameCache(server)  # type: ignore[arg-type]
    assert cache("model") == []


def test_a_file_name_with_blanks_and_quotes_stays_one_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = 'my "first" task\'s.py'
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / name).touch()
    monkeypatch.chdir(tmp_path)
    [folder] = choices("%kbench push -f a")
    [file] = choices(f"%kbench push -f {folder}")
    assert split(f"push -f {file}") == ["push", "-f", f"a folder/{name}"]
    assert choices(f"%kbench push -f {file} --fo") == ["--force"]

"""The .env file: what is upserted, what stays, and who may read it."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.actions.auth import auth
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import envfile


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    envfile.upsert(path, {"A": "1"})
    assert mode(path) == 0o600
    assert envfile.read(path) == {"A": "1"}


def test_an_open_file_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    envfile.upsert(path, {"B": "2"})
    assert mode(path) == 0o600


def test_other_lines_and_comments_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nFIRST='x y'\n\nKEY=old\nexport LAST=z # why\n")
    envfile.upsert(path, {"KEY": "new"})
    assert path.read_text() == "# mine\nFIRST='x y'\n\nKEY=new\nexport LAST=z # why\n"


def test_duplicate_lines_left_by_other_tools_become_one(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("KEY=first\nOTHER=1\nKEY=second\n")
    envfile.upsert(path, {"KEY": "third"})
    assert path.read_text().count("KEY=") == 1
    assert envfile.read(path) == {"KEY": "third", "OTHER": "1"}


def test_the_same_values_again_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    envfile.upsert(path, {"A": "1", "B": "2"})
    before = path.read_bytes()
    envfile.upsert(path, {"A": "1", "B": "2"})
    assert path.read_bytes() == before


def test_a_file_made_read_only_stays_as_it_is_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "my .env"
    path.write_text("A=1\n")
    path.chmod(0o400)
    with pytest.raises(UsageError, match="is read-only") as caught:
        envfile.upsert(path, {"A": "2"})
    hint = caught.value.hint or ""
    assert f"chmod u+w '{path}'" in hint
    assert "the same command with --env-file PATH" in hint
    assert "init" not in hint  # auth and validate write it, too
    assert (path.read_text(), mode(path)) == ("A=1\n", 0o400)


def test_no_credentials_are_made_that_a_read_only_file_could_not_keep(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.touch(0o400)
    # Neither the client nor the reporter of this session can do anything.
    session: Any = SimpleNamespace(target=object, client=lambda _target: None, reporter=None)
    with pytest.raises(UsageError, match="is read-only"):
        auth(session, path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"# mine\r\nKEY=old\r\n\r\nLAST=1\r\n", b"# mine\r\nKEY=new\r\n\r\nLAST=1\r\nMORE=2\r\n"),
        (b"A='x\r\ny'\r\nKEY=old\nLAST=1", b"A='x\r\ny'\r\nKEY=new\nLAST=1\r\nMORE=2\r\n"),
        (b"LAST=1\r\n\r\nKEY=old", b"LAST=1\r\n\r\nKEY=new\r\nMORE=2\r\n"),
        (b"KEY=old # why\n", b"KEY=new\nMORE=2\n"),
        (b"", b"KEY=new\nMORE=2\n"),
    ],
)
def test_each_line_keeps_its_own_end_and_new_ones_end_as_the_first_does(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(before)
    envfile.upsert(path, {"KEY": "new", "MORE": "2"})
    assert path.read_bytes() == after
    envfile.upsert(path, {"KEY": "new", "MORE": "2"})
    assert path.read_bytes() == after


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert envfile.read(tmp_path / "none") == {}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere") as caught:
        envfile.upsert(tmp_path / "nowhere" / ".env", {"A": "1"})
    assert "--env-file" in (caught.value.hint or "")


NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
#: Tokens, addresses, model names and lists of them: what this file is for.
VALUES = st.from_regex(r"[A-Za-z0-9_\-.:/@,+~]{1,40}", fullmatch=True)


@given(before=st.dictionaries(NAMES, VALUES, max_size=5), after=st.dictionaries(NAMES, VALUES, max_size=5))
def test_whatever_is_written_is_read_back_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, str], after: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    envfile.upsert(path, before)
    envfile.upsert(path, after)
    assert envfile.read(path) == before | after == dict(dotenv_values(path))


def test_a_pipe_is_not_waited_for_and_an_odd_line_hides_no_other(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert envfile.read(tmp_path / "pipe") == {}
    (tmp_path / ".env").write_text("A=1\nBAD LINE\nB='two words'\nC\nA=3\n")
    assert envfile.read(tmp_path / ".env") == {"A": "3", "B": "two words"}
    assert envfile.odd_lines(tmp_path / ".env") == [2]


def test_a_pipe_is_neither_waited_for_nor_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / ".env"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="no file, so it was left as it is"):
        envfile.upsert(pipe, {"A": "1"})
    assert envfile.odd_lines(pipe) == []
    assert pipe.is_fifo()


def test_a_byte_order_mark_hides_no_first_line_and_is_gone_once_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(codecs.BOM_UTF8 + b"LAB_KEY=abc\nOTHER=1\n")
    assert envfile.read(path) == {"LAB_KEY": "abc", "OTHER": "1"}
    envfile.upsert(path, {"LAB_KEY": "def"})
    assert path.read_bytes() == b"LAB_KEY=def\nOTHER=1\n"


def test_a_file_that_is_not_utf_8_is_one_clear_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=caf\xe9\n")
    with pytest.raises(UsageError, match="line 2 is not UTF-8"):
        envfile.read(tmp_path / ".env")

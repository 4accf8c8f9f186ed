"""The index beside the downloads: never older than they are, shared by processes, and never more than a cache."""

from __future__ import annotations

import codecs
import io
import json
import os
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples_written import evaluated, put, run, said

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.results.runfiles import read_run_file
from kbench_jupyter.results.samples import Filter, SampleIndex, pieces
from kbench_jupyter.results.samples.store import FILE


def keys(output: Path) -> list[tuple[str, bool | None]]:
    return [(one.key, one.passed) for one in SampleIndex.open(output, "t").samples()]


def test_a_run_that_came_changed_or_went_is_seen_the_next_time(tmp_path: Path) -> None:
    first = put(tmp_path, "1/a/1", evaluated(True, True))
    assert keys(tmp_path) == [("One#0", True), ("One#1", True)]
    put(tmp_path, "1/b/2", run(result=False))
    assert len(keys(tmp_path)) == 3
    put(tmp_path, "1/a/1", evaluated(False, True))
    assert keys(tmp_path)[0] == ("One#0", False)
    first.unlink()
    assert keys(tmp_path) == [("", False)]


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = put(tmp_path, "1/a/1", evaluated(True))
    assert keys(tmp_path) == [("One#0", True)]
    times = file.stat()
    file.write_bytes(b"x" * times.st_size)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert keys(tmp_path) == [("One#0", True)]
    SampleIndex.open(tmp_path, "t", tell=lambda _: pytest.fail("nothing is about to be read"))


def test_a_transcript_of_a_file_that_changed_meanwhile_is_refused_and_not_guessed(tmp_path: Path) -> None:
    file = put(tmp_path, "1/a/1", evaluated(True, False, order=[1, 0]))
    index = SampleIndex.open(tmp_path, "t")
    [first, _] = [one.id for one in index.samples()]
    text = file.read_text()
    file.write_text(json.dumps(evaluated(True, False, order=[0, 1]), indent=2))
    assert len(file.read_text()) == len(text), "the places of bytes are the same, what lies there is not"
    with pytest.raises(ValueError, match="changed since"):
        index.transcript(first)
    file.write_text("gone")
    with pytest.raises(ValueError, match="changed since"):
        index.transcript(first)


@pytest.mark.parametrize("damage", [b"no database", b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_an_index_that_is_damaged_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    keys(tmp_path)
    (tmp_path / "t" / FILE).write_bytes(damage)
    assert keys(tmp_path) == [("One#0", True)]
    assert (tmp_path / "t" / FILE).read_bytes()[:15] == b"SQLite format 3"


def test_an_index_damaged_in_its_middle_is_made_anew(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(*[True] * 200))
    keys(tmp_path)
    file = tmp_path / "t" / FILE
    data = bytearray(file.read_bytes())
    data[4096 : len(data)] = b"\xa5" * (len(data) - 4096)
    file.write_bytes(data)
    assert len(keys(tmp_path)) == 200


def test_wherever_an_index_is_damaged_the_run_files_are_listed_at_the_second_try_at_the_latest(
    tmp_path: Path,
) -> None:
    put(tmp_path, "1/a/1", evaluated(*[True] * 200))
    put(tmp_path, "1/b/2", evaluated(*[False] * 200))
    listed = keys(tmp_path)
    file = tmp_path / "t" / FILE
    whole, page, hints = file.read_bytes(), 4096, set()
    for start in range(page, len(whole), page):
        file.write_bytes(whole[:start] + b"\xa5" * page + whole[start + page :])
        put(tmp_path, "1/c/3", run())
        try:
            assert keys(tmp_path)[:-1] == listed
        except KBenchError as error:
            hints.add(error.hint)
            assert keys(tmp_path)[:-1] == listed
    assert hints == {"Do it again: the list is made anew."}


def test_an_index_of_another_format_is_made_anew(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    keys(tmp_path)
    with sqlite3.connect(tmp_path / "t" / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("DELETE FROM samples")
    connection.close()
    assert keys(tmp_path) == [("One#0", True)]


def test_where_no_index_can_be_written_samples_are_listed_all_the_same(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    (tmp_path / "t" / FILE).mkdir()
    assert keys(tmp_path) == [("One#0", True)]
    assert (tmp_path / "t" / FILE).is_dir()


def test_an_index_that_can_only_be_read_is_used_and_goes_on_in_memory(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    keys(tmp_path)
    put(tmp_path, "1/b/2", evaluated(False))
    with sqlite3.connect(tmp_path / "t" / FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # held, as by a process that hangs
        index = SampleIndex(tmp_path, "t")
        index._store.connection.execute("PRAGMA busy_timeout = 10")
        index._update()
        assert index._store.temporary
        assert sorted(one.candidate for one in index.samples()) == ["a", "b"]
        other.execute("ROLLBACK")
    other.close()


def test_processes_that_begin_at_once_come_to_the_same(tmp_path: Path) -> None:
    for n in range(6):
        put(tmp_path, f"1/m{n}/{n}", evaluated(*[True, False] * 20))
    code = (
        "import sys; from pathlib import Path; from kbench_jupyter.results.samples import SampleIndex\n"
        "sys.stdin.readline()\n"
        "index = SampleIndex.open(Path(sys.argv[1]), 't')\n"
        "print(len(index), len({one.id for one in index.samples()}), index._store.temporary)"
    )
    several = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in several:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate()[0].split() for one in several] == [["240", "240", "False"]] * 3


def test_threads_that_ask_for_different_things_at_once_are_all_answered(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    index = SampleIndex.open(tmp_path, "t")

    def ask(seed: int) -> int:
        draw = random.Random(seed)
        return sum(index.count(Filter(text=str(draw.randrange(14)))) for _ in range(1_500))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert min(pool.map(ask, range(8))) > 0
    finally:
        sys.setswitchinterval(interval)


def test_a_damaged_run_file_is_named_each_time_and_the_others_are_read(tmp_path: Path) -> None:
    put(tmp_path, "1/a/1", evaluated(True))
    file = put(tmp_path, "1/b/2", evaluated(True, True))
    file.write_bytes(file.read_bytes()[:-300])
    for _ in range(2):
        named: dict[Path, ValueError] = {}
        index = SampleIndex.open(tmp_path, "t")
        rows = index.rows(on_damage=named.__setitem__)
        assert [row.candidate for row in rows] == ["a"]
        assert list(named) == [file]
        assert str(named[file]).startswith("r0.run.json is not valid JSON")
        assert [one.candidate for one in index.samples()] == ["a"]
    with pytest.raises(ValueError, match=r"r0\.run\.json"):
        index.rows()


def test_a_run_file_that_an_editor_saved_with_a_byte_order_mark_is_read_as_any_other(tmp_path: Path) -> None:
    for name, one in {"a": evaluated(True, False), "b": run(conversations=[said("hi", "ho")])}.items():
        file = put(tmp_path, f"1/{name}/1", one, names=("One.run.json",))
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
        assert read_run_file(file).state == "COMPLETED"
    index = SampleIndex.open(tmp_path, "t")
    found = list(index.samples())
    assert [(one.candidate, one.passed) for one in found] == [("a", True), ("a", False), ("b", True)]
    assert all(index.transcript(one.id).chats for one in found)


def test_of_a_run_whose_whole_is_damaged_the_rows_with_files_of_their_own_are_left(tmp_path: Path) -> None:
    whole = evaluated(True, False)
    names = tuple(f"One-run_param_id_{n}_org_m.run.json" for n in range(2))
    put(tmp_path, "1/a/1", *whole["subruns"], names=names)
    put(tmp_path, "1/a/1", whole, names=("All.run.json",)).write_text("{")
    assert keys(tmp_path) == [("One#0", True), ("One#1", False)]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800\0"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parts", "text", "role", "inlineData", "id", "contents", "value", "name"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
FIELDS = [
    "conversations",
    "assertions",
    "results",
    "subruns",
    "taskVersion",
    "modelVersion",
    "pyRunId",
    "state",
]


@given(st.dictionaries(st.sampled_from([*FIELDS, "startTime", "errorMessage"]), ODD), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_of_any_shape_is_listed_or_named_and_never_harms_the_others(
    tmp_path: Path, fields: dict[str, Any], inside: bool
) -> None:
    odd = {**run("Odd", conversations=[said("x", "y")]), **fields}
    put(tmp_path, "1/odd/1", run("Outer", subruns=[odd, run("Good")]) if inside else odd)
    put(tmp_path, "1/sane/2", evaluated(True))
    index = SampleIndex.open(tmp_path, "t")
    index.rows(on_damage=lambda path, why: None)
    found = list(index.samples())
    assert [one.key for one in found if one.candidate == "sane"] == ["One#0"]
    for one in found:
        assert index.transcript(one.id).sample == one or one.score != one.score
    index.keys()
    index.close()


@given(
    st.dictionaries(st.text(max_size=6).filter(lambda name: name != "subruns"), ODD, max_size=4),
    st.lists(ODD, max_size=4),
    st.booleans(),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_pieces_are_what_json_says_and_lie_where_they_say(
    fields: dict[str, Any], subruns: list[Any], plain: bool, indent: int
) -> None:
    data = json.dumps({**fields, "subruns": subruns}, ensure_ascii=plain, indent=indent)
    raw = data.encode("utf-8", "replace")
    for piece in pieces.pieces(io.BytesIO(raw)):
        assert repr(json.loads(raw[piece.start : piece.start + piece.length])) == repr(piece.value)
    told = list(pieces.pieces(io.BytesIO(raw)))
    assert repr([piece.value for piece in told if piece.name == "subruns"]) == repr(
        json.loads(raw)["subruns"]
    )


def test_a_file_is_read_in_buffers_and_any_beginning_of_it_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"n": 123456789, "x": -1.5, "y": 2.5e-07, "z": 4e22}
    raw = json.dumps({**evaluated(True, 12345.5), **numbers}, ensure_ascii=False).encode()
    whole = list(pieces.pieces(io.BytesIO(raw)))
    for chunk in range(1, 12):
        monkeypatch.setattr(pieces, "_CHUNK", chunk)
        assert list(pieces.pieces(io.BytesIO(raw))) == whole
    for end in range(0, len(raw) - 1, 11):
        with pytest.raises(ValueError, match=r".+"):
            list(pieces.pieces(io.BytesIO(raw[:end])))
    with pytest.raises(ValueError, match="more than one value"):
        list(pieces.pieces(io.BytesIO(raw + b" {}")))

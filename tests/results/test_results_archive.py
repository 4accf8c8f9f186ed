"""What a user may rely on when an archive is unpacked: all of it, or nothing and a reason."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbench_jupyter.errors import DownloadError
from kbench_jupyter.results import archive as archives
from kbench_jupyter.results.archive import BrokenArchiveError, Limits, Stopped, Unpacked


def unpack(path, folder, *args, **options):
    with path.open("rb") as stream:
        return archives.unpack(stream, folder, *args, **options)


def make(path, entries, compression=zipfile.ZIP_DEFLATED):
    """Write an archive; an entry's name may be a ZipInfo."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # duplicate names are made on purpose
        for name, data in entries:
            archive.writestr(name, data)
    return path


def entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def refused(tmp_path, entries, match, **options):
    archive = make(tmp_path / "a.zip", entries)
    with pytest.raises(DownloadError, match=match) as caught:
        unpack(archive, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]
    return caught.value


def test_files_come_out_as_they_went_in(tmp_path):
    archive = make(
        tmp_path / "a.zip", [("x.run.json", "{}"), ("deep/er/ü.txt", "é"), ("empty/", ""), ("./dot.txt", "1")]
    )
    assert unpack(archive, tmp_path / "out") == Unpacked(3, 5)
    assert (tmp_path / "out/deep/er/ü.txt").read_text(encoding="utf-8") == "é"
    assert (tmp_path / "out/empty").is_dir()
    assert (tmp_path / "out/dot.txt").read_text() == "1"


def test_an_empty_archive_gives_an_empty_folder(tmp_path):
    assert unpack(make(tmp_path / "a.zip", []), tmp_path / "out") == Unpacked(0, 0)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/x", "absolute"),
        ("c:x", "absolute"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("..\\x", "backslash"),
        ("a\\b", "backslash"),
    ],
)
def test_a_name_that_could_leave_the_folder_is_refused_by_name(tmp_path, name, match):
    error = refused(tmp_path, [("fine.txt", "1"), (name, "2")], match)
    assert name.replace("\\", "\\\\") in str(error)


@pytest.mark.parametrize(
    ("mode", "match"),
    [
        (stat.S_IFLNK | 0o777, "is a link"),
        (stat.S_IFCHR | 0o600, "is a device"),
        (stat.S_IFBLK | 0o600, "is a device"),
        (stat.S_IFIFO | 0o600, "is a pipe"),
        (stat.S_IFSOCK | 0o600, "is a socket"),
    ],
)
def test_links_and_devices_are_refused(tmp_path, mode, match):
    refused(tmp_path, [(entry("sly", mode), "/etc/passwd")], match)


@pytest.mark.parametrize("newest", [True, False], ids=["Python 3.15", "this Python"])
@pytest.mark.parametrize("name", ["con", "deep/NUL.txt", "ab:c", "ends.", "ends /x"])
def test_names_that_windows_cannot_have_are_refused_there(tmp_path, monkeypatch, name, newest):
    monkeypatch.setattr(archives, "_WINDOWS", True)
    if newest:  # the method is gone there, and the function came with 3.13
        monkeypatch.setattr("pathlib.PureWindowsPath.is_reserved", None, raising=False)
        known = {"con", "NUL.txt"}
        monkeypatch.setattr("ntpath.isreserved", known.__contains__, raising=False)
    refused(tmp_path, [("fine.txt", ""), (name, "")], f"Windows cannot have a file named '{name}'")


@pytest.mark.parametrize(
    "names",
    [
        ("a.txt", "a.txt"),
        ("a.txt", "A.txt"),
        ("dir/a", "Dir/b"),
        ("\u00e9.txt", "e\u0301.txt"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a", "A/"),
        ("x", "./x"),
        ("straße", "STRASSE"),
    ],
)
def test_two_entries_that_would_be_one_file_somewhere_are_refused(tmp_path, names):
    refused(tmp_path, [(name, name) for name in names], "would be one file")


def test_a_folder_may_be_named_more_than_once(tmp_path):
    archive = make(tmp_path / "a.zip", [("d/", ""), ("d/x", "1"), ("d/", ""), ("d/y", "2")])
    assert unpack(archive, tmp_path / "out").files == 2


def test_too_much_in_total_is_refused_with_both_figures(tmp_path):
    refused(
        tmp_path,
        [("a", b"x" * 900_000), ("b", b"x" * 900_000)],
        r"would unpack to 1\.8 MB, and 1\.5 MB is the limit",
        limits=Limits(total=1_500_000),
    )


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    refused(
        tmp_path,
        [("zeros", bytes(5_000_000))],
        r"250 times its size is the limit",
        limits=Limits(ratio_from=1_000_000),
    )


def test_a_small_file_may_shrink_to_nothing(tmp_path):
    assert unpack(make(tmp_path / "a.zip", [("zeros", bytes(5_000_000))]), tmp_path / "out").size == 5_000_000


def test_too_many_entries_are_refused(tmp_path):
    refused(tmp_path, [(str(i), "") for i in range(11)], "11 entries", limits=Limits(entries=10))


@pytest.mark.parametrize("told_twice", [False, True])
def test_a_table_of_contents_too_large_for_memory_is_refused_before_it_is_read(tmp_path, told_twice):
    small = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 10, 0)
    entries = [("sly", small), *((f"{i:03}" + "n" * 100, "") for i in range(100))]
    archive = make(tmp_path / "a.zip", entries, zipfile.ZIP_STORED)
    if told_twice:  # of a large archive's table a record of its own tells, and another one where that is
        data = archive.read_bytes()
        at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
        told = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 101, 101, end - at, at)
        told += struct.pack("<4sIQI", b"PK\6\7", 0, data.index(small), 1)
        told += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, *[2**16 - 1] * 2, *[2**32 - 1] * 2, 0)
        archive.write_bytes(data[:end] + told)
    # The newest Pythons refuse what is told twice by themselves.
    with pytest.raises(DownloadError, match="table of contents" + "|no intact zip" * told_twice):
        unpack(archive, tmp_path / "out", Limits(directory=10_000))


def test_entries_that_share_one_compressed_body_are_refused(tmp_path):
    # The overlapping kind of bomb: many entries of the table of contents point at one body.
    archive = make(tmp_path / "one.zip", [("a", bytes(1_000_000))])
    data = archive.read_bytes()
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    record = data[at:end]
    many = b"".join(record[:46] + bytes([65 + i]) + record[47:] for i in range(20))
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 20, 20, len(many), at, 0)
    archive.write_bytes(data[:at] + many + tail)
    with pytest.raises(DownloadError, match="share their bytes"):
        unpack(archive, tmp_path / "out")


def test_encrypted_entries_are_refused_as_such(tmp_path):
    archive = make(tmp_path / "a.zip", [("a", "1")])
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(DownloadError, match="encrypted"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"<html>Sorry</html>", b"PK\x05\x06", b"PK\x03\x04" + bytes(100)])
def test_something_that_is_no_archive_is_called_that(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(BrokenArchiveError, match="no intact zip"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_cut_off_archive_is_called_broken(tmp_path):
    archive = make(tmp_path / "a.zip", [("a", "1" * 1000)])
    archive.write_bytes(archive.read_bytes()[:-10])
    with pytest.raises(BrokenArchiveError):
        unpack(archive, tmp_path / "out")


def test_a_flipped_bit_in_a_file_is_noticed(tmp_path):
    archive = make(tmp_path / "a.zip", [("a", "hello " * 100)], zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[data.index(b"hello")] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BrokenArchiveError):
        unpack(archive, tmp_path / "out")


def test_unpacking_stops_when_asked(tmp_path):
    with pytest.raises(Stopped):
        unpack(make(tmp_path / "a.zip", [("a", "1")]), tmp_path / "out", stopped=lambda: True)


def test_a_full_disk_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        unpack(make(tmp_path / "a.zip", [("a", "1")]), tmp_path / "file" / "out")


def test_a_large_file_is_unpacked_in_little_memory(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("big", "w", force_zip64=True) as stream,
    ):
        for i in range(60):
            stream.write(bytes([i]) * 1_000_000)
    tracemalloc.start()
    try:
        assert unpack(tmp_path / "a.zip", tmp_path / "out").size == 60_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


VALID = io.BytesIO()
with zipfile.ZipFile(VALID, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr("a/b.txt", "some text " * 20)
    _archive.writestr("c.json", "{}")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(VALID.getvalue()) - 1), st.integers(0, 255)), max_size=6))
def test_any_garbled_archive_ends_in_files_inside_the_folder_or_in_one_error(tmp_path_factory, changes):
    base = tmp_path_factory.mktemp("fuzz")
    data = bytearray(VALID.getvalue())
    for at, value in changes:
        data[at] = value
    (base / "a.zip").write_bytes(data)
    with contextlib.suppress(DownloadError):
        unpack(base / "a.zip", base / "out")
    assert {p.name for p in base.iterdir()} <= {"a.zip", "out"}


NAME = st.text(alphabet=st.sampled_from("aB./\\:\u00e9e\u0301~ "), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAME, min_size=1, max_size=4))
def test_any_names_end_up_inside_the_folder_or_are_refused(tmp_path_factory, names):
    base = tmp_path_factory.mktemp("names")
    archive = make(base / "a.zip", [(name, "" if name.endswith("/") else "x") for name in names])
    try:
        unpacked = unpack(archive, base / "out")
    except DownloadError:
        return
    finally:
        assert {p.name for p in base.iterdir()} <= {"a.zip", "out"}
    assert unpacked.files == sum(1 for p in (base / "out").rglob("*") if p.is_file())

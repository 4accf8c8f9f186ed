"""A disk that is full, a real one: nothing is half written, what could not be stored says so, and the rest goes on."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from local_server_process import LOCAL, Server, notebook, plain

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local import archive
from kbench_jupyter.local.home import Home, write_private
from kbench_jupyter.local.job import Verdict
from kbench_jupyter.local.logs import LiveLog, persisted
from kbench_jupyter.local.rows import COMPLETED, QUEUED
from kbench_jupyter.local.store import Store
from kbench_jupyter.session import local_server

FULL = "No space left on device"
# Fills the disk that its server's home lies on, says so, and goes on when there is room.
FILLS = """
import os
with open("big.bin", "wb") as file:
    try:
        while True:
            os.write(file.fileno(), os.urandom(2**16))
    except OSError:
        pass
"""
PRINTS = (
    'import time\nfor n in range(40):\n    print("line", n, "x" * 3000, flush=True)\n    time.sleep(0.02)\n'
)


class Disk:
    """A small disk of its own."""

    def __init__(self, folder, megabytes):
        self.path = folder / "disk"
        self.path.mkdir()
        self.filler = self.path / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(self.path)]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("no mount on this system")
        if done.returncode:
            pytest.skip("a file system cannot be mounted here")

    def fill(self, leave=0):
        """Fill it but for some bytes."""
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**16))
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**12))
        if leave:
            os.truncate(self.filler, self.filler.stat().st_size - leave)

    def free(self):
        self.filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path, request):
    made = Disk(tmp_path, getattr(request, "param", 64))
    yield made
    subprocess.run(["umount", "-l", str(made.path)], check=False)


@pytest.fixture
def server(disk):
    running = Server(disk.path / "home")
    yield running
    disk.free()
    running.stop()


def log_of(server, run):
    return server.call("GetBenchmarkTaskRunLogs", {"runId": run["id"]})


def output_of(server, run):
    answer = server.post("DownloadBenchmarkTaskRunOutput", {"runId": run["id"], "includeSource": True})
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        return file.namelist()


def halves(server):
    return [
        path for path in server.home.rglob("*") if ".part" in path.name or path.name.startswith(".server")
    ]


@pytest.mark.slow
def test_on_a_full_disk_pushing_is_refused_and_reading_stopping_starting_and_cleaning_go_on(disk, server):
    server.push("before", plain("before", 'print("hello")\nopen("out.txt", "w").write("x")'))
    assert server.creation("before") == ("COMPLETED", "")
    run = server.run_now("before")
    refused = None
    for number in range(100):  # the first ones may find room in what the server has set aside
        disk.fill()
        refused = server.post(
            "CreateBenchmarkTask", {"slug": f"t{number}", "text": notebook("x = 1\n" * 20_000)}
        )
        if refused.status_code != 200:
            break
    assert refused.status_code == 507
    assert "could not be stored" in refused.json()["message"]
    assert "%kbench local clean" in refused.json()["message"]
    assert "hello" in str(log_of(server, run))
    assert "out.txt" in output_of(server, run)
    assert [found["id"] for found in server.runs("before")] == [run["id"]]
    assert halves(server) == []

    server.stop()
    disk.fill()
    server.start()
    assert "out.txt" in output_of(server, run)
    found = server.call("Clean", {"olderThanSeconds": 0, "really": True}, LOCAL)
    assert found["jobs"] >= 2
    assert server.run(run["id"], "before")["state"] == "COMPLETED"
    gone = server.post("DownloadBenchmarkTaskRunOutput", {"runId": run["id"]})
    assert gone.status_code == 410
    assert "%kbench local clean" in gone.json()["message"]
    disk.free()
    server.push("after", plain("after"))
    assert server.creation("after") == ("COMPLETED", "")
    assert server.run_now("before")["state"] == "COMPLETED", "its task is still there"


@pytest.mark.slow
def test_a_run_that_cannot_store_its_output_says_so_and_the_next_one_is_as_ever(server):
    server.push("greedy", plain("greedy", FILLS))
    state, error = server.creation("greedy")
    assert state == "ERRORED"
    assert "could not be stored" in error or FULL in error
    assert "Traceback" not in error.partition(FULL)[2]
    assert list((server.home / "work").iterdir()) == []
    server.push("modest", plain("modest", 'open("out.txt", "w").write("x")'))
    assert server.creation("modest") == ("COMPLETED", "")
    assert "out.txt" in output_of(server, server.run_now("modest"))
    assert halves(server) == []


@pytest.mark.slow
def test_a_log_with_a_gap_says_where_it_is_and_its_run_says_that_it_has_one(server):
    server.push("gap", plain("gap", f'{PRINTS}{FILLS}{PRINTS}os.remove("big.bin")\n{PRINTS}print("THE END")'))
    state, error = server.creation("gap")
    assert state == "COMPLETED", error
    assert "Part of its log is missing. It could not be stored" in error
    lines = [json.loads(line) for line in (server.home / "creations/1/log.jsonl").read_text().splitlines()]
    text = "".join(line["data"] for line in lines)
    assert "THE END" in text
    assert "entries of the log are missing here." in text


@pytest.mark.slow
def test_a_first_start_on_a_full_disk_says_so_in_one_block(disk):
    disk.fill()
    with pytest.raises(LocalServerError) as caught:
        local_server.ensure_running(disk.path / "home")
    said = "\n".join(caught.value.lines())
    assert "no space is left on the disk of" in said or FULL in said
    assert "Traceback" not in said
    disk.free()
    try:
        assert local_server.ensure_running(disk.path / "home").started
    finally:
        local_server.stop(disk.path / "home")


# -- every write, with every amount of room that is too little -------------------------------------


def attempt(write):
    """Say whether it could be written; only a full disk is an excuse."""
    try:
        write()
    except OSError as error:
        said = str(error)
    except sqlite3.OperationalError as error:
        said = str(error)
    else:
        return True
    assert FULL in said or "disk is full" in said or "disk I/O" in said
    return False


def pages(disk, most):
    """Leave room for no page, one page, two ..."""
    for number in range(most):
        disk.fill(leave=number * 4096)
        yield number
        disk.free()


@pytest.mark.parametrize("disk", [4], indirect=True)
def test_a_file_is_as_before_or_new_and_nothing_else_is_left(disk):
    path = disk.path / "state.json"
    write_private(path, "old")
    seen = set()
    for _ in pages(disk, 8):
        done = attempt(lambda: write_private(path, "n" * 20_000))
        seen.add(done)
        assert path.read_text() == ("n" * 20_000 if done else "old")
        assert {entry.name for entry in disk.path.iterdir()} <= {"state.json", "filler"}
        disk.free()
        write_private(path, "old")
    assert seen == {True, False}


@pytest.mark.parametrize("disk", [4], indirect=True)
def test_an_archive_is_whole_or_not_there(disk, tmp_path):
    working = tmp_path / "working"
    working.mkdir()
    (working / "out.bin").write_bytes(os.urandom(30_000))
    whole, only = disk.path / "output.zip", disk.path / "output-only.zip"
    seen = []
    for _ in pages(disk, 24):
        done = attempt(lambda: archive.pack(working, whole, {archive.SOURCE: "{}"}))
        copied = done and attempt(lambda: archive.without_source(whole))
        for path, made in ((whole, done), (only, copied)):
            assert path.exists() == made
            if made:
                with zipfile.ZipFile(path) as file:
                    assert file.testzip() is None
                path.unlink()
        assert [entry.name for entry in disk.path.iterdir()] == ["filler"]
        seen.append((done, copied))
    assert set(seen) == {(False, False), (True, False), (True, True)}


@pytest.mark.parametrize("disk", [4], indirect=True)
def test_a_verdict_is_whole_or_not_there(disk):
    seen = set()
    for _ in pages(disk, 6):
        verdict = Verdict(COMPLETED, "e" * 9000)
        done = attempt(lambda verdict=verdict: verdict.write(disk.path))
        seen.add(done)
        assert Verdict.read(disk.path) == (verdict if done else None)
        (disk.path / "verdict.json").unlink(missing_ok=True)
        assert [entry.name for entry in disk.path.iterdir()] == ["filler"]
    assert seen == {True, False}


@pytest.mark.parametrize("disk", [4], indirect=True)
def test_log_entries_are_whole_or_missing_and_the_gap_is_told(disk):
    folder = disk.path / "job"
    folder.mkdir()

    async def write():
        log = LiveLog(folder)
        for number in range(30):
            if number == 10:
                disk.fill(leave=2 * 4096)
            if number == 20:
                disk.free()
            await log.append(
                json.dumps({"stream_name": "stdout", "time": number, "data": f"{number} " * 1000}).encode()
                + b"\n"
            )
        await log.end()
        return log

    with ThreadPoolExecutor(1) as apart:  # a browser test before it in this process leaves a loop running
        log = apart.submit(asyncio.run, write()).result()
    entries = json.loads(persisted(folder))
    numbers = [entry["data"].split()[0] for entry in entries if entry["stream_name"] == "stdout"]
    missing = [number for number in range(30) if str(number) not in numbers]
    assert missing == list(range(missing[0], 20))
    assert 10 < missing[0] < 20
    assert all(
        entry["data"] == f"{n} " * 1000
        for n, entry in zip(numbers, [e for e in entries if e["stream_name"] == "stdout"], strict=True)
    )
    [gap] = [entry["data"] for entry in entries if entry["stream_name"] == "stderr"]
    assert f"{len(missing)} entries of the log are missing here" in gap
    assert FULL in log.problem


@pytest.mark.parametrize("disk", [8], indirect=True)
def test_what_the_database_acknowledged_is_there_and_what_it_refused_is_not_however_little_room_there_is(
    disk,
):
    path = disk.path / "server.sqlite3"
    store = Store(path)
    told = {}
    for number in pages(disk, 40):
        slug = f"t{number}"
        done = []
        if attempt(
            lambda slug=slug, done=done: done.append(store.add_version(slug, "x" * 40_000, [], QUEUED, None))
        ):
            told[slug] = store.text(done[0].id)
        run = []
        if told and attempt(
            lambda run=run: run.append(
                store.add_run(store.newest_versions()[0].id, "m", "", "", lambda _last: None)
            )
        ):
            attempt(lambda run=run: store.end_run(run[0][0], COMPLETED, None, {"x": 1}))
        assert {version.slug for version in store.newest_versions()} == set(told)
    assert 0 < len(told) < 40
    store.close()
    again = Store(path)
    assert {version.slug for version in again.newest_versions()} == set(told)
    assert {again.text(version.id) for version in again.newest_versions()} == {"x" * 40_000}
    assert again.add_version("last", "x", [], QUEUED, None).version == 1
    again.close()


@pytest.mark.parametrize("disk", [64], indirect=True)
def test_room_is_set_aside_and_given_up_when_it_is_needed(disk):
    home = Home(disk.path / "home")
    home.keep_reserves()
    kept = {name: (home.path / f"reserve-{name}") for name in ("running", "starting", "state")}
    assert kept["running"].stat().st_size == 4 * 2**20
    home.make_room()
    assert all(path.exists() for path in kept.values()), "there is enough without them"
    disk.fill()
    home.write_state({"url": "u", "pid": os.getpid(), "port": 1})
    assert [name for name, path in kept.items() if path.exists()] == ["running", "starting"]
    home.make_room()
    assert [name for name, path in kept.items() if path.exists()] == ["starting"]
    disk.fill()
    home.keep_reserves()
    assert not kept["running"].exists(), "there is too little to set any aside"

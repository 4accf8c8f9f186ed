"""What `%kbench download` may be relied on for, against a server on loopback that misbehaves."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path

import faults
import pytest
from loopback_session import LIMITS, LoopbackSession, add_run, zipped
from watch_doubles import Said

from kbench_jupyter.actions.download import WORKERS, download, fetch
from kbench_jupyter.actions.download.fetch import fetch_file
from kbench_jupyter.actions.results import results
from kbench_jupyter.errors import DownloadError, NotFoundError, UsageError
from kbench_jupyter.results.downloads import Staging, run_folder, stage
from kbench_jupyter.session.interrupted import Interrupted

OUTPUT = "DownloadBenchmarkTaskRunOutput"


def offer(server, *run_ids, size=2000, **fields):
    """Runs with an archive each, larger than a line and not compressible."""
    for run_id in run_ids:
        add_run(server.api, run_id, **fields)
        noise = random.Random(run_id).randbytes(size)
        server.api.archives[run_id] = zipped(x_run_json=f'{{"id": {run_id}}}', noise=noise)


def everything_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def asked_for(server):
    return sorted(seen.json["runId"] for seen in server.calls(OUTPUT))


# What comes, and where it goes


def test_each_run_lies_under_its_own_version_and_model(server, session, tmp_path):
    offer(server, 11, model="google/gemini-2.5-pro", version=1)
    offer(server, 12, model="anthropic/claude@1", version=3)
    result = download(session, "quiz", output=tmp_path)
    assert (tmp_path / "quiz/1/gemini-2.5-pro/11/x.run.json").read_text() == '{"id": 11}'
    assert (tmp_path / "quiz/3/claude-1/12/x.run.json").read_text() == '{"id": 12}'
    assert [(d.run.id, d.cached) for d in result.runs] == [(11, False), (12, False)]


@pytest.mark.parametrize("output", ["taken.py", "taken.py/below", "results"])
def test_a_file_in_the_place_of_the_folder_is_named_and_another_folder_asked_for(
    server, session, tmp_path, output
):
    offer(server, 11)
    (tmp_path / "results").mkdir()
    for taken in ("taken.py", "results/quiz"):
        (tmp_path / taken).write_text("mine")
    for action in (download, results):
        with pytest.raises(UsageError, match=r"(taken\.py|quiz) is a file") as caught:
            action(session, "quiz", output=tmp_path / output)
        assert caught.value.hint == "Name another folder, which may be a new one: -o DIR"
    assert not asked_for(server)
    assert (tmp_path / "taken.py").read_text() == "mine"


def test_a_run_of_an_agent_lies_under_the_agents_name(server, session, tmp_path):
    offer(server, 11, model="", agentSlug="my-agent")
    offer(server, 12, model="m1", agentSlug="my-agent")
    result = download(session, "quiz", output=tmp_path)
    assert [(d.run.model, d.run.agent) for d in result.runs] == [("my-agent", "my-agent"), ("m1", "my-agent")]
    assert (tmp_path / "quiz/1/my-agent/11/x.run.json").exists()


def test_nothing_but_the_runs_is_left_in_the_output_folder(server, session, tmp_path):
    offer(server, 11)
    download(session, "quiz", output=tmp_path)
    files = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(files) == [".kbench-download.json", "noise", "x.run.json"]
    assert everything_in(tmp_path)[:4] == ["quiz", "quiz/1", "quiz/1/m1", "quiz/1/m1/11"]


def test_a_task_and_a_model_may_be_named_in_any_spelling(server, session, tmp_path):
    offer(server, 11, model="claude-1", task="my-quiz")
    offer(server, 12, model="other", task="my-quiz")
    result = download(session, "My Quiz", models=["anthropic/claude@1"], output=tmp_path)
    assert [d.run.id for d in result.runs] == [11]


def test_errored_runs_have_output_too_and_runs_still_going_are_named(server, session, tmp_path):
    offer(server, 11, state="ERRORED")
    add_run(server.api, 12, "slow", "RUNNING")
    result = download(session, "quiz", output=tmp_path)
    assert [d.run.id for d in result.runs] == [11]
    assert "slow (run 12, running)" in str(result)


def test_a_run_that_errored_before_it_had_an_output_is_named_and_the_others_come(server, session, tmp_path):
    offer(server, 11)
    add_run(server.api, 12, "killed", "ERRORED")
    result = download(session, "quiz", output=tmp_path)
    assert [d.run.id for d in result.runs] == [11]
    assert "Errored before they had an output: killed (run 12, errored)" in str(result)
    assert not (tmp_path / "quiz/1/killed").exists()


def test_a_completed_run_whose_output_is_not_there_is_a_failure(server, session, tmp_path):
    offer(server, 11)
    add_run(server.api, 12)
    with pytest.raises(DownloadError, match="1 of 2 runs of quiz could not be downloaded"):
        download(session, "quiz", output=tmp_path)


def test_the_result_says_where_everything_is(server, session, tmp_path):
    offer(server, 11, 12)
    text = str(download(session, "quiz", output=tmp_path))
    assert "Downloaded 2 runs of quiz (4.0 kB)" in text
    assert "m1" in text
    assert "target:" in text


# What is there already


def test_a_run_that_is_there_is_not_fetched_again(server, session, tmp_path):
    offer(server, 11, 12)
    download(session, "quiz", models=[], output=tmp_path)
    offer(server, 13, model="org/m13")
    result = download(session, "quiz", output=tmp_path)
    assert asked_for(server) == [11, 12, 13]
    assert [d.cached for d in result.runs] == [True, True, False]
    assert "there already" in str(result)
    again = download(session, "quiz", output=tmp_path)
    assert asked_for(server) == [11, 12, 13]
    assert "All 3 runs of quiz were there already" in str(again)
    one = download(session, "quiz", models=["m13"], output=tmp_path)
    assert "The run of quiz was there already" in str(one)


def test_force_fetches_again_and_replaces(server, session, tmp_path):
    offer(server, 11)
    download(session, "quiz", output=tmp_path)
    server.api.archives[11] = zipped(new_txt="new")
    download(session, "quiz", output=tmp_path, force=True)
    assert everything_in(tmp_path / "quiz/1/m1/11") == [".kbench-download.json", "new.txt"]


def test_asking_for_the_source_fetches_copies_made_without_it_without_force(server, session, tmp_path):
    offer(server, 11)
    download(session, "quiz", output=tmp_path)
    download(session, "quiz", output=tmp_path, include_source=True)
    assert [seen.json.get("includeSource") for seen in server.calls(OUTPUT)] == [None, True]
    download(session, "quiz", output=tmp_path, include_source=True)
    download(session, "quiz", output=tmp_path)
    assert len(server.calls(OUTPUT)) == 2


def test_a_run_of_the_same_number_on_a_server_that_was_reset_is_another_run(server, session, tmp_path):
    offer(server, 1, startTime="2026-01-01T00:00:00Z", endTime="2026-01-01T00:00:09Z")
    download(session, "quiz", output=tmp_path)
    server.api.runs.clear()
    add_run(server.api, 1, startTime="2026-01-02T00:00:00Z", endTime="2026-01-02T00:00:09Z")
    server.api.archives[1] = zipped(new_txt="new")
    assert [d.cached for d in download(session, "quiz", output=tmp_path).runs] == [False]
    assert everything_in(tmp_path / "quiz/1/m1/1") == [".kbench-download.json", "new.txt"]
    assert [d.cached for d in download(session, "quiz", output=tmp_path).runs] == [True]


def test_two_servers_that_count_alike_do_not_mix_their_results(server, session, said, tmp_path):
    def run_file(state):
        return zipped(r_run_json=json.dumps({"state": f"BENCHMARK_TASK_RUN_STATE_{state}"}))

    add_run(server.api, 1)
    add_run(server.api, 2)
    server.api.archives |= {1: run_file("COMPLETED"), 2: run_file("COMPLETED")}
    results(session, "quiz", output=tmp_path)
    with faults.FaultServer() as other:
        add_run(other.api, 1)
        other.api.archives[1] = run_file("ERRORED")
        elsewhere = LoopbackSession(other, said)
        shown = results(elsewhere, "quiz", output=tmp_path)
        elsewhere.close()
    assert [(row.run_id, row.result.state) for row in shown.rows] == [(1, "ERRORED")]
    shown = results(session, "quiz", output=tmp_path)
    assert [(row.run_id, row.result.state) for row in shown.rows] == [(1, "COMPLETED"), (2, "COMPLETED")]


def test_results_of_before_a_reset_are_not_this_tasks(server, session, tmp_path):
    run_file = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}')
    add_run(server.api, 1)
    add_run(server.api, 2)
    server.api.archives |= {1: run_file, 2: run_file}
    results(session, "quiz", output=tmp_path)
    server.api.runs.pop()
    assert [row.run_id for row in results(session, "quiz", output=tmp_path).rows] == [1]


def test_a_damaged_run_file_is_named_and_the_other_runs_are_compared(server, session, tmp_path):
    add_run(server.api, 1)
    add_run(server.api, 2)
    server.api.archives[1] = zipped(r_run_json="{")
    server.api.archives[2] = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}')
    shown = results(session, "quiz", output=tmp_path)
    assert [row.run_id for row in shown.rows] == [2]
    assert shown.notes[0].startswith(f"left out: {tmp_path / 'quiz/1/m1/1'}: ")
    assert f"To fetch it again: %kbench download quiz -o {tmp_path} -f" in shown.notes[0]


def test_what_to_type_next_names_the_folder_that_was_downloaded_to(server, session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    offer(server, 11)
    assert "%kbench results quiz -o 'my results' " in str(
        download(session, "quiz", output=Path("my results"))
    )
    assert "%kbench results quiz  " in str(download(session, "quiz"))
    add_run(server.api, 12)
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=Path("my results"))
    assert "%kbench download quiz -o 'my results'" in caught.value.hint


def test_a_failed_force_keeps_the_copy_that_was_there(server, session, tmp_path):
    offer(server, 11)
    download(session, "quiz", output=tmp_path)
    server.api.archives[11] = b"<html>sorry</html>"
    with pytest.raises(DownloadError):
        download(session, "quiz", output=tmp_path, force=True)
    assert everything_in(tmp_path / "quiz/1/m1") == [
        "11",
        "11/.kbench-download.json",
        "11/noise",
        "11/x.run.json",
    ]


def test_what_a_killed_download_left_is_cleaned_up(server, session, tmp_path, monkeypatch):
    offer(server, 11)
    folder = run_folder(tmp_path, "quiz", 1, "m1", 11)
    with monkeypatch.context() as patched:
        patched.setattr("os.getpid", lambda: 2**22 + 1)  # above every pid there can be
        patched.setattr("kbench_jupyter.results.downloads._remove", lambda path: None)
        with stage(folder) as staging:
            (staging.path / "archive.zip").write_text("half")
    assert len(everything_in(folder.parent)) == 2
    download(session, "quiz", output=tmp_path)
    assert everything_in(folder.parent)[0] == "11"
    assert not list(folder.parent.glob(".*.staging"))


# Failures


def test_one_failing_run_does_not_stop_the_others_and_is_named_with_its_reason(server, session, tmp_path):
    offer(server, *range(11, 31))
    del server.api.archives[15]
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path)
    error = caught.value
    assert "1 of 20 runs of quiz could not be downloaded" in str(error), error.detail
    assert "The other 19" in str(error)
    assert error.detail.startswith("m1 (run 15): ")
    assert "%kbench download quiz" in error.hint
    assert len(list((tmp_path / "quiz/1/m1").iterdir())) == 19


def test_a_refused_archive_leaves_nothing_and_says_why(server, session, tmp_path):
    add_run(server.api, 11)
    server.api.archives[11] = zipped(**{"../evil": "x"})
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path / "out")
    assert "leads out of its folder" in caught.value.detail
    assert everything_in(tmp_path) == ["out"]


def test_too_large_an_archive_says_how_to_allow_it(server, said, tmp_path):
    offer(server, 11, size=3_000_000)
    session = LoopbackSession(server, said, KBENCH_DOWNLOAD_LIMIT_GB="0.002")
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path)
    assert "2.0 MB is the limit" in caught.value.detail
    assert "KBENCH_DOWNLOAD_LIMIT_GB" in caught.value.hint
    session = LoopbackSession(server, said, KBENCH_DOWNLOAD_LIMIT_GB="0.01")
    assert len(download(session, "quiz", output=tmp_path).runs) == 1


@pytest.mark.parametrize("value", ["lots", "-1", "nan", "0", "inf"])
def test_a_limit_that_is_no_size_is_refused(server, said, tmp_path, value):
    offer(server, 11)
    with pytest.raises(UsageError, match="KBENCH_DOWNLOAD_LIMIT_GB"):
        download(LoopbackSession(server, said, KBENCH_DOWNLOAD_LIMIT_GB=value), "quiz", output=tmp_path)


def test_no_runs_at_all_says_how_to_start_one(server, session, tmp_path):
    server.api.add_task("quiz")
    with pytest.raises(NotFoundError, match="quiz has no runs yet") as caught:
        download(session, "quiz", models=["claude"], output=tmp_path)
    assert caught.value.hint == "Start one: %kbench run quiz -m claude"


def test_no_ended_run_names_what_is_pending(server, session, tmp_path):
    add_run(server.api, 11, "a", "QUEUED")
    add_run(server.api, 12, "b", "SCORE_PENDING")
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path)
    assert "a (run 11, queued), b (run 12, score pending)" in str(caught.value)
    assert everything_in(tmp_path) == []


def test_a_model_without_runs_names_those_that_have_some(server, session, tmp_path):
    offer(server, 11, model="a")
    with pytest.raises(NotFoundError) as caught:
        download(session, "quiz", models=["b"], output=tmp_path)
    assert "no run on b" in str(caught.value)
    assert "a" in caught.value.hint


def test_an_unknown_task_gets_a_did_you_mean(server, session, tmp_path):
    offer(server, 11)
    with pytest.raises(NotFoundError) as caught:
        download(session, "quizz", output=tmp_path)
    assert "Did you mean quiz?" in caught.value.hint


def test_an_output_folder_that_cannot_be_written_is_named(server, session, tmp_path):
    offer(server, 11)
    (tmp_path / "quiz").mkdir()
    (tmp_path / "quiz/1").write_text("")
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path)
    assert "nothing can be written to" in caught.value.detail


class Disk(io.FileIO):
    """A file on a disk that takes little at a time, and no more than there is room for."""

    def __init__(self, path, room):
        super().__init__(path, "w+")
        self.room = room

    def write(self, data):
        taken = min(len(data), 1000, self.room)
        if not taken:
            raise OSError(28, "No space left on device")
        self.room -= taken
        return super().write(bytes(data[:taken]))


def on_small_disk(monkeypatch, room):
    """Have every archive go to a disk."""

    def opened(mode="w+b", *, dir, **options):
        return io.BufferedRandom(Disk(Path(dir) / "archive", room))

    monkeypatch.setattr(fetch, "SMALL", 100)
    monkeypatch.setattr("tempfile.TemporaryFile", opened)


def test_a_full_disk_fails_the_run_it_strikes_and_leaves_nothing_of_it(
    server, session, tmp_path, monkeypatch
):
    offer(server, 11, size=2000)
    offer(server, 12, size=9000, version=2)
    on_small_disk(monkeypatch, 4000)
    with pytest.raises(DownloadError, match="1 of 2 runs") as caught:
        download(session, "quiz", output=tmp_path)
    assert "m1 (run 12)" in caught.value.detail
    assert (
        f"it cannot be written to {tmp_path / 'quiz' / '2' / 'm1'}: No space left on device"
        in caught.value.detail
    )
    assert everything_in(tmp_path)[:4] == ["quiz", "quiz/1", "quiz/1/m1", "quiz/1/m1/11"]
    assert not (tmp_path / "quiz/2").exists()


def test_a_disk_that_takes_a_part_at_a_time_gets_all_of_it(server, session, tmp_path, monkeypatch):
    offer(server, 11, size=9000)
    on_small_disk(monkeypatch, 10**6)
    download(session, "quiz", output=tmp_path)
    assert (tmp_path / "quiz/1/m1/11/noise").read_bytes() == random.Random(11).randbytes(9000)


# Connections that break


def without_etag(fault):
    def changed(exchange):
        process = exchange.process
        exchange.process = lambda: (lambda s, h, b: (s, {k: v for k, v in h.items() if k != "ETag"}, b))(
            *process()
        )
        fault(exchange)

    return changed


def test_a_download_that_breaks_off_goes_on_where_it_was(server, session, tmp_path):
    offer(server, 11, size=500_000)
    server.inject(OUTPUT, faults.truncated, faults.reset_before)
    download(session, "quiz", output=tmp_path)
    ranges = [seen.headers.get("range") for seen in server.calls(OUTPUT)]
    assert ranges[0] is None
    assert ranges[-1] is not None
    assert (tmp_path / "quiz/1/m1/11/noise").read_bytes() == random.Random(11).randbytes(500_000)


@pytest.mark.parametrize("fault", [faults.truncated, faults.truncated_unannounced])
def test_one_that_cannot_be_resumed_begins_again(server, session, tmp_path, fault):
    offer(server, 11, size=100_000)
    server.inject(OUTPUT, without_etag(fault))
    download(session, "quiz", output=tmp_path)
    assert (tmp_path / "quiz/1/m1/11/noise").read_bytes() == random.Random(11).randbytes(100_000)
    assert len(server.calls(OUTPUT)) == 2


def garbled(exchange):
    code, headers, body = exchange.process()
    exchange.answer(code, headers, body[:200] + bytes(100) + body[300:])


def test_a_server_that_never_begins_is_not_asked_more_often_than_the_client_does(server, session, tmp_path):
    offer(server, 11)
    server.inject(OUTPUT, *[faults.reset_before] * 20)
    with pytest.raises(DownloadError):
        download(session, "quiz", output=tmp_path)
    assert len(server.calls(OUTPUT)) == LIMITS.attempts


def test_an_archive_garbled_once_is_fetched_again(server, session, tmp_path):
    offer(server, 11)
    server.inject(OUTPUT, garbled)
    assert len(download(session, "quiz", output=tmp_path).runs) == 1


def test_an_archive_garbled_each_time_is_given_up_on_soon(server, session, tmp_path):
    offer(server, 11)
    server.inject(OUTPUT, *[garbled] * 5)
    with pytest.raises(DownloadError) as caught:
        download(session, "quiz", output=tmp_path)
    assert "no intact zip archive" in caught.value.detail
    assert len(server.calls(OUTPUT)) == 2
    assert everything_in(tmp_path) == []


# All at once, in little memory, stopped at will


def test_many_go_at_a_time(server, session, tmp_path):
    offer(server, *range(11, 11 + WORKERS))
    together = threading.Barrier(WORKERS)

    def meet(exchange):
        together.wait(10)  # breaks, and the download with it, unless that many requests are in at once
        exchange.answer(*exchange.process())

    server.inject(OUTPUT, *[meet] * WORKERS)
    assert len(download(session, "quiz", output=tmp_path).runs) == WORKERS


def test_progress_counts_bytes_up_to_the_whole(server, session, said, tmp_path):
    offer(server, 11, 12, 13)
    download(session, "quiz", output=tmp_path)
    whole = sum(map(len, server.api.archives.values()))
    assert said.progressed[-1] == ("3 of 3 runs of quiz, 6.7 kB", whole, whole)
    assert said.closed == 1
    assert said.lines == [f"Downloading 3 runs of quiz to {tmp_path / 'quiz'}."]


def test_two_hundred_megabytes_take_hardly_any_memory(server, session, tmp_path):
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("big.bin", "w", force_zip64=True) as entry:
        block = random.Random(1).randbytes(1_000_000)
        for _ in range(200):
            entry.write(block)
    add_run(server.api, 11)

    def from_disk(exchange):
        size = str(path.stat().st_size)
        exchange.send(exchange.head(200, {"Content-Type": "application/zip", "Content-Length": size}))
        with path.open("rb") as stream:
            exchange.sock.sendfile(stream)

    server.inject(OUTPUT, from_disk)
    tracemalloc.start()
    try:
        result = download(session, "quiz", output=tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.runs[0].size == 200_000_000
    assert peak < 5_000_000, peak


class Impatient(Said):
    """Presses Ctrl+C when the server is hanging on a request."""

    def __init__(self, server, hanging):
        super().__init__()
        self.server = server
        self.hanging = hanging

    def progress(self, text, done=None, total=None):
        super().progress(text, done, total)
        if self.hanging.is_set() and text.startswith("1 of"):
            raise KeyboardInterrupt


def test_ctrl_c_stops_at_once_keeps_what_came_whole_and_leaves_nothing_else(server, tmp_path):
    offer(server, 11, 12, size=300_000)
    hanging = threading.Event()
    seen = itertools.count()

    def second_hangs(exchange):
        if next(seen) == 0:
            exchange.answer(*exchange.process())
            return
        code, headers, body = exchange.process()
        exchange.send(exchange.head(code, {**headers, "Content-Length": str(len(body))}) + body[:100_000])
        hanging.set()
        faults.hang(exchange)

    server.inject(OUTPUT, second_hangs, second_hangs)
    said = Impatient(server, hanging)
    session = LoopbackSession(server, said)
    with pytest.raises(Interrupted, match="1 of 2 runs of quiz came whole") as caught:
        download(session, "quiz", output=tmp_path)
    assert "%kbench download quiz" in caught.value.hint
    assert len(list((tmp_path / "quiz/1/m1").iterdir())) == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("kbench-download")]
    session.close()
    assert server.wait_for_connections(0)


@pytest.mark.parametrize("fault", [faults.hang, garbled])
def test_ctrl_c_need_not_wait_for_a_server_that_does_not_answer_nor_for_the_next_try(
    server, tmp_path, monkeypatch, fault
):
    tried = threading.Event()
    monkeypatch.setattr(Staging, "discard", lambda _staging: tried.set())

    class Impatient(Said):
        def progress(self, text, done=None, total=None):
            if server.calls(OUTPUT) and (fault is faults.hang or tried.is_set()):
                raise KeyboardInterrupt

    offer(server, 11)
    server.inject(OUTPUT, fault)
    monkeypatch.setattr(fetch, "PAUSE", LIMITS.read)
    session = LoopbackSession(server, Impatient())
    began = time.monotonic()
    with pytest.raises(Interrupted, match="0 of 1 run"):
        download(session, "quiz", output=tmp_path)
    assert time.monotonic() - began < LIMITS.read / 2
    assert everything_in(tmp_path) == []
    session.close()


# One file of an output


def test_one_file_of_an_output_can_be_read_without_keeping_the_rest(server, session):
    add_run(server.api, 11)
    server.api.archives[11] = zipped(x_txt="héllo")
    run = next(iter(session.client().list_runs("quiz")))
    assert fetch_file(session.client(), run, "x.txt") == "héllo"
    assert server.calls(OUTPUT)[0].json["includeSource"] is True
    with pytest.raises(DownloadError, match=r"no readable y\.txt"):
        fetch_file(session.client(), run, "y.txt")

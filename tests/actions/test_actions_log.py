"""What `%kbench log` may be relied on for, against a server on loopback."""

from __future__ import annotations

import json
import threading
import tracemalloc

import faults
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_session import LoopbackSession, add_run
from watch_doubles import FakeClient, Said

from kbench_jupyter.actions.log import WORKERS, log
from kbench_jupyter.api import LogEntry
from kbench_jupyter.errors import NotFoundError, TaskNotReadyError
from kbench_jupyter.following.logs import follow as log_follow
from kbench_jupyter.following.logs import live as log_live
from kbench_jupyter.following.logs import readers as log_readers
from kbench_jupyter.following.logs.screen import Screen
from kbench_jupyter.session.interrupted import Interrupted

LOGS = "GetBenchmarkTaskRunLogs"
LIST = "ListBenchmarkTaskRuns"


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch):
    monkeypatch.setattr(log_live, "_FAREWELL", 0.02)  # these runs' states often never catch up


def entry(data, stream="stdout", time=0.0):
    return {"stream_name": stream, "time": time, "data": data}


class Logs:
    """Answers log calls by run id: a list is the log of an ended run, a callable answers itself."""

    def __init__(self, server, **logs):
        self.logs = {int(name.removeprefix("run")): value for name, value in logs.items()}
        self.before = None
        server.log = self

    def __call__(self, exchange):
        (self.before or self.answer)(exchange)

    def answer(self, exchange):
        found = self.logs.get(exchange.seen.json["runId"])
        if found is None:
            exchange.answer(*faults.FakeApi.error(404, "no log"))
        elif callable(found):
            found(exchange)
        else:
            exchange.answer(200, dict(faults.JSON), json.dumps(found).encode())


def test_a_log_that_comes_faster_than_it_is_shown_waits_and_is_not_heaped_up():
    belt, placed = log_live.Belt(room=1_000), []

    def put():
        for number in range(20):
            belt.put(number, LogEntry("stdout", 0.0, "x" * 400))
            placed.append(number)

    thread = threading.Thread(target=put)
    thread.start()
    thread.join(0.2)
    assert len(placed) <= 2
    assert [belt.get(5)[0] for _ in range(20)] == list(range(20))
    thread.join(5)
    assert placed == list(range(20))


def test_a_run_that_ended_before_its_log_had_its_turn_is_not_waited_for():
    client = FakeClient([])
    readers = log_readers.LogReaders(client, on_entry=lambda *_: None, on_end=lambda *_: None, most=1)
    readers.open(1)
    assert client.opened.wait(5)
    client.opened.clear()
    readers.open(2)
    readers.wind_up(2)
    client.streams[1].end()
    assert client.opened.wait(5)
    assert client.streams[2].wound_up.wait(5)
    assert not client.streams[1].wound_up.is_set()
    readers.close()


def streaming(entries, until=None):
    """Stream entries; the end comes once `until` is set, or the server stops."""

    def answer(exchange):
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.send(faults.sse(entries, end=False))
        if until is not None:
            until.wait(10)
        exchange.send(b"data: END_OF_LOG\n\n")
        exchange.hang_up()

    return answer


def written(said, stream="stdout"):
    return "".join(text for text, where in said.written if where == stream)


def set_state(server, run_id, state):
    for run in server.api.runs:
        if run["id"] == run_id:
            run["state"] = f"BENCHMARK_TASK_RUN_STATE_{state}"


# Ended runs


def test_one_runs_log_is_shown_as_it_is(server, session, said):
    add_run(server.api, 11)
    Logs(server, run11=[entry("one\nt"), entry("wo\n"), "three"])
    result = log(session, "quiz")
    assert written(said) == "one\ntwo\nthree\n"
    assert [(r.run.id, r.lines) for r in result.runs] == [(11, 3)]


def test_several_runs_lines_stand_under_their_run_in_order(server, session, said):
    add_run(server.api, 12, "b")
    add_run(server.api, 11, "a")
    Logs(server, run11=[entry("1\n2\n")], run12=[entry("3\n")])
    log(session, "quiz")
    assert written(said) == "[a #11] 1\n[a #11] 2\n[b #12] 3\n"


def test_stdout_and_stderr_are_kept_apart(server, session, said):
    add_run(server.api, 11)
    Logs(server, run11=[entry("out "), entry("oops\n", "stderr"), entry("put\n")])
    log(session, "quiz")
    assert written(said) == "out put\n"
    assert written(said, "stderr") == "oops\n"


def test_progress_bars_come_out_as_a_terminal_shows_them(server, session, said):
    add_run(server.api, 11)
    Logs(server, run11=[entry("\r10%"), entry("\r50%"), entry("\r100%\n")])
    log(session, "quiz")
    assert written(said) == "100%\n"


def test_a_run_without_a_log_does_not_hide_the_others(server, session, said):
    add_run(server.api, 11, "a", "ERRORED", errorMessage="Traceback\nValueError: no")
    add_run(server.api, 12, "b")
    Logs(server, run12=[entry("fine\n")])
    result = log(session, "quiz")
    assert [(r.lines, r.problem) for r in result.runs] == [(0, "no log"), (1, "")]
    assert "no log" in str(result)


def test_a_run_that_printed_nothing_is_said_and_where_prompts_and_answers_are(server, session):
    add_run(server.api, 11, version=1)
    add_run(server.api, 12, version=2)
    Logs(server, run11=[], run12=[entry("fine\n")])
    result = log(session, "quiz")
    rows = [(row["run"], row["version"], row["lines"], row["why"]) for row in result.records()]
    assert rows == [(12, 2, 1, None), (11, 1, 0, "the task printed nothing")]
    (first, why), (second, left) = result.view().next
    assert (first, second) == ("%kbench results quiz", "%kbench download quiz")
    assert "prompts and answers" in why
    assert "*.run.json" in left


def test_a_log_can_be_of_one_version_or_of_one_run_and_what_is_not_there_is_named(server, session):
    for run_id, version in ((11, 1), (12, 2), (13, 2)):
        add_run(server.api, run_id, version=version)
    Logs(server, run11=[entry("one\n")], run12=[entry("two\n")], run13=[entry("three\n")])
    assert [row["run"] for row in log(session, "quiz", version=2).records()] == [12, 13]
    assert [row["run"] for row in log(session, "quiz", run_ids={11}).records()] == [11]
    with pytest.raises(NotFoundError, match="no run 14") as refused:
        log(session, "quiz", run_ids={14})
    assert "There are: 11, 12, 13" in refused.value.hint
    with pytest.raises(NotFoundError, match="version 3") as refused:
        log(session, "quiz", version=3)
    assert "version 1, 2" in refused.value.hint


def test_the_log_of_an_errored_run_points_to_the_whole_error(server, session):
    add_run(server.api, 11, state="ERRORED", errorMessage="Traceback\nValueError: no")
    Logs(server, run11=[entry("ValueError: no\n")])
    result = log(session, "quiz")
    assert "%kbench status quiz --errors" in [command for command, _ in result.view().next]
    assert result.records()[0]["why"] == "ValueError: no"


def test_runs_that_have_not_ended_have_nothing_to_compare_yet(server, session):
    add_run(server.api, 11, state="QUEUED")
    Logs(server)
    assert log(session, "quiz", follow=False).view().next == []


def test_logs_are_fetched_eight_at_a_time(server, session, said):
    together = threading.Barrier(WORKERS)

    def meet(exchange):
        together.wait(10)
        exchange.answer(200, dict(faults.JSON), json.dumps([entry("x\n")]).encode())

    for run_id in range(11, 11 + WORKERS):
        add_run(server.api, run_id)
    Logs(server, **{f"run{run_id}": meet for run_id in range(11, 11 + WORKERS)})
    assert sum(r.lines for r in log(session, "quiz").runs) == WORKERS


def test_many_logs_keep_their_order_whatever_order_they_come_in(server, session, said):
    for run_id in range(11, 41):
        add_run(server.api, run_id)
    logs = Logs(server, **{f"run{i}": [entry(f"{i}-{n}\n") for n in range(20)] for i in range(11, 41)})
    others = threading.Semaphore(0)

    def last_of_its_batch(exchange):
        for _ in range(WORKERS - 1):
            others.acquire(timeout=10)
        logs.answer(exchange)

    def early(exchange):
        logs.answer(exchange)
        others.release()

    logs.before = lambda exchange: (
        last_of_its_batch(exchange) if exchange.seen.json["runId"] == 11 else early(exchange)
    )
    log(session, "quiz")
    lines = written(said).splitlines()
    assert lines == [f"[m1 #{i}] {i}-{n}" for i in range(11, 41) for n in range(20)]


def test_where_the_first_version_is_being_created_that_is_followed_to_its_end(server, session, said):
    task = server.api.add_task("quiz")
    task["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_RUNNING"
    with pytest.raises(TaskNotReadyError, match="still being created"):
        log(session, "quiz", follow=False)

    def created(*_):
        task["creationState"] = "BENCHMARK_TASK_VERSION_CREATION_STATE_COMPLETED"

    threading.Timer(0.2, created).start()
    followed = log(session, "quiz")
    assert "shows no log of it" in said.lines[0]
    assert "version 1: created; there is no run of it yet" in str(followed)
    assert [command for command, _ in followed.view().next] == ["%kbench run quiz -m MODEL"]


def test_a_log_cut_off_on_its_way_is_shown_whole(server, session, said):
    add_run(server.api, 11)
    Logs(server, run11=[entry(f"{n}\n") for n in range(100)])
    server.inject(LOGS, faults.reset_before, faults.status(503))
    assert log(session, "quiz").runs[0].lines == 100


def test_no_such_task_and_no_runs_are_said(server, session):
    server.api.add_task("quiz")
    with pytest.raises(NotFoundError, match="quiz has no runs yet"):
        log(session, "quiz")
    with pytest.raises(NotFoundError, match="no task"):
        log(session, "unknown-thing")


# Going runs


def test_going_runs_are_read_all_at_once(server, session, said):
    both = threading.Barrier(2)

    def live(text):
        def answer(exchange):
            both.wait(10)  # neither would come if one were read after the other
            streaming([entry(text)])(exchange)

        return answer

    add_run(server.api, 11, "a", "RUNNING")
    add_run(server.api, 12, "b", "RUNNING")
    Logs(server, run11=live("from a\n"), run12=live("from b\n"))
    result = log(session, "quiz")
    assert sorted(written(said).splitlines()) == ["[a #11] from a", "[b #12] from b"]
    assert [r.lines for r in result.runs] == [1, 1]


def test_lines_show_while_the_run_goes_on(server):
    over = threading.Event()

    class Waiting(Said):
        def write(self, text, stream="stdout"):
            super().write(text, stream)
            if "first" in text:
                over.set()  # only now does the server end the log

    said = Waiting()
    add_run(server.api, 11, state="RUNNING")
    Logs(server, run11=streaming([entry("first\n")], until=over))
    log(LoopbackSession(server, said), "quiz")
    assert written(said) == "first\n"


def test_the_result_tells_the_state_the_run_ended_in(server, session, monkeypatch):
    monkeypatch.setattr(log_live, "_FAREWELL", 10)
    add_run(server.api, 11, state="RUNNING")

    def end(exchange):
        set_state(server, 11, "COMPLETED")
        streaming([entry("x\n")])(exchange)

    Logs(server, run11=end)
    assert log(session, "quiz").runs[0].run.state == "COMPLETED"


def test_the_line_a_single_run_is_writing_shows_and_is_drawn_over(server):
    over = threading.Event()

    class Waiting(Said):
        def write(self, text, stream="stdout"):
            super().write(text, stream)
            if "50%" in text:
                over.set()

    def answer(exchange):
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.send(faults.sse([entry("\r50%")], end=False))
        over.wait(10)
        exchange.send(faults.sse([entry("\rdone\n")]))
        exchange.hang_up()

    said = Waiting()
    add_run(server.api, 11, state="RUNNING")
    Logs(server, run11=answer)
    log(LoopbackSession(server, said), "quiz")
    assert written(said) == "\r50%\r   \rdone\n"


def test_a_queued_runs_log_is_waited_for(server, session, said, monkeypatch):
    logs = Logs(server)
    monkeypatch.setattr(log_follow, "_INTERVAL", 0.05)

    def start(exchange):
        logs.logs[11] = streaming([entry("at last\n")])
        set_state(server, 11, "RUNNING")
        exchange.answer(*exchange.process())

    add_run(server.api, 11, state="QUEUED")
    server.inject(LIST, *[faults.slow(0)] * 3, start)
    result = log(session, "quiz")
    assert written(said) == "at last\n"
    assert said.lines == ["Nothing has started yet: waiting for the first line."]
    assert result.runs[0].lines == 1


def test_a_queued_run_that_ends_without_a_log_ends_the_waiting(server, session, monkeypatch):
    Logs(server)
    monkeypatch.setattr(log_follow, "_INTERVAL", 0.05)

    def fail(exchange):
        set_state(server, 11, "ERRORED")
        exchange.answer(*exchange.process())

    add_run(server.api, 11, state="QUEUED")
    server.inject(LIST, faults.slow(0), faults.slow(0), fail)
    result = log(session, "quiz")
    assert result.runs[0].run.state == "ERRORED"
    assert result.runs[0].lines == 0


def test_without_following_a_queued_run_is_said_to_have_none_yet(server, session, said):
    add_run(server.api, 11, "a", "QUEUED")
    add_run(server.api, 12, "b")
    Logs(server, run12=[entry("x\n")])
    result = log(session, "quiz", follow=False)
    assert [r.problem for r in result.runs] == ["no log yet (queued)", ""]


def test_a_log_that_fails_for_good_does_not_end_the_others(server, session, said):
    def refuse(exchange):
        exchange.answer(*faults.FakeApi.error(400, "never"))

    add_run(server.api, 11, "a", "RUNNING")
    add_run(server.api, 12, "b", "RUNNING")
    Logs(server, run11=refuse, run12=streaming([entry("fine\n")]))
    result = log(session, "quiz")
    assert "never" in result.runs[0].problem
    assert result.runs[1].lines == 1


def test_a_server_that_is_gone_is_told_and_brought_back_by_who_can(server, session, said):
    add_run(server.api, 11, state="RUNNING")
    gone = threading.Event()
    Logs(server, run11=streaming([entry("one\n")], gone))
    server.inject(LIST, faults.slow(0), *[faults.reset_before] * 12)

    class Brought(Exception):
        """What the test's reviver raises: that it was asked is enough."""

    def bring_back(trouble):
        raise Brought(trouble.text)

    session.reviver = lambda target: bring_back
    try:
        with pytest.raises(Brought):
            log(session, "quiz")
    finally:
        gone.set()
    assert len(said.lines) == 1


def test_more_streams_than_may_be_open_take_turns(server, session, said, monkeypatch):
    monkeypatch.setattr(log_readers.LogReaders.__init__, "__kwdefaults__", {
        **log_readers.LogReaders.__init__.__kwdefaults__, "most": 2,
    })  # fmt: skip
    for run_id in range(11, 18):
        add_run(server.api, run_id, state="RUNNING")
    Logs(server, **{f"run{i}": streaming([entry(f"{i}\n")]) for i in range(11, 18)})
    assert [r.lines for r in log(session, "quiz").runs] == [1] * 7


def test_a_flood_is_held_back_instead_of_being_held_in_memory(server):
    class Slow(Said):
        shown = 0

        def write(self, text, stream="stdout"):
            if not self.shown:
                flooded.wait(1)  # meanwhile the server sends all that it is let
            self.shown += text.count("\n")

    flooded = threading.Event()

    def flood(exchange):
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        piece = faults.sse([entry("x" * 10_000 + "\n", time=n) for n in range(10)], end=False)
        for _ in range(300):
            exchange.send(piece)
        exchange.send(b"data: END_OF_LOG\n\n")
        exchange.hang_up()
        flooded.set()

    said = Slow()
    add_run(server.api, 11, state="RUNNING")
    Logs(server, run11=flood)
    tracemalloc.start()
    try:
        log(LoopbackSession(server, said), "quiz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said.shown == 3_000
    assert peak < 10_000_000, peak  # of 30 MB


def test_ctrl_c_stops_reading_only_and_frees_the_connections(server):
    class Impatient(Said):
        def write(self, text, stream="stdout"):
            super().write(text, stream)
            raise KeyboardInterrupt

    said = Impatient()
    over = threading.Event()
    add_run(server.api, 11, "a", "RUNNING")
    add_run(server.api, 12, "b", "RUNNING")
    Logs(server, run11=streaming([entry("x\n")], over), run12=streaming([entry("y\n")], over))
    session = LoopbackSession(server, said)
    said_after = None
    try:
        with pytest.raises(Interrupted) as caught:
            log(session, "quiz")
        said_after = str(caught.value)
    finally:
        over.set()
        session.close()
    assert "Stopped reading. The 2 runs of quiz that had not ended go on." in said_after
    assert server.wait_for_connections(0)
    assert not [t for t in threading.enumerate() if t.name.startswith("kbench-log")]


# The screen


def test_a_flood_is_written_in_few_pieces(said):
    screen = Screen(said, {1: "[a] ", 2: "[b] "})
    for n in range(20_000):
        screen.feed(1 + n % 2, LogEntry("stdout" if n % 3 else "stderr", None, f"line {n}\n"))
    screen.close()
    assert len(said.written) < 30
    shown = "".join(text for text, _ in said.written)
    assert [int(line.rpartition(" ")[2]) for line in shown.splitlines()] == list(range(20_000))


def test_many_whole_logs_are_written_in_few_pieces_and_none_of_their_lines_is_lost(said):
    runs = 60
    screen = Screen(said, {run: f"[{run}] " for run in range(runs)})
    for run in range(runs):
        streams = ["stderr" if number % 100 == 0 else "stdout" for number in range(1000)]
        screen.feed_whole(run, [LogEntry(s, None, f"{n}\n") for n, s in enumerate(streams)])
        assert screen.lines(run) == 1000
    assert len(said.written) < 350
    text = "".join(text for text, _ in said.written)
    assert text == "".join(f"[{run}] {number}\n" for run in range(runs) for number in range(1000))


def test_a_log_that_changes_streams_all_the_time_is_shown_in_the_order_it_was_printed_in(said):
    screen = Screen(said, {})
    entries = [LogEntry("stderr" if n % 2 else "stdout", None, f"{n}\n") for n in range(60)]
    screen.feed_whole(1, entries)
    assert "".join(text for text, _ in said.written) == "".join(entry.data for entry in entries)


def test_few_changes_of_stream_keep_stdout_and_stderr_apart(said):
    screen = Screen(said, {})
    for stream, data in [("stdout", "1\n"), ("stderr", "2\n"), ("stdout", "3\n")]:
        screen.feed(1, LogEntry(stream, None, data))
    screen.close()
    assert said.written == [("1\n", "stdout"), ("2\n", "stderr"), ("3\n", "stdout")]


def test_a_colour_left_on_does_not_run_into_the_next_line(said):
    screen = Screen(said, {})
    screen.feed(1, LogEntry("stdout", None, "\x1b[31mred\nplain\n"))
    screen.close()
    assert written(said).startswith("\x1b[31mred\x1b[0m\n")


PIECES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.lists(st.sampled_from([*"ab \n\n\r\b", "\x1b[31m", "\x1b[0m"]), max_size=8).map("".join),
    ),
    max_size=12,
)


@given(PIECES, st.sampled_from(["", "[a] "]))
def test_a_whole_log_reads_the_same_however_it_was_fed(pieces, name):
    whole, single = Said(), Said()
    entries = [LogEntry(stream, None, data) for stream, data in pieces]
    by_entry, at_once = Screen(single, {1: name}), Screen(whole, {1: name})
    for item in entries:
        by_entry.feed(1, item)
    by_entry.close()
    at_once.feed_whole(1, entries)
    for stream in ("stdout", "stderr"):
        assert written(whole, stream) == written(single, stream)
    assert by_entry.lines(1) == at_once.lines(1) == (written(whole) + written(whole, "stderr")).count("\n")


def test_half_lines_are_shown_at_the_end(said):
    screen = Screen(said, {1: "[a] "})
    screen.feed(1, LogEntry("stdout", None, "no newline"))
    screen.close()
    assert written(said) == "[a] no newline\n"
    assert screen.lines(1) == 1

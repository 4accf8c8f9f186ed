"""`%kbench log` ends when its run has, writes lines and nothing else, and holds what is shown, not what went by."""

from __future__ import annotations

import itertools
import json
import os
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import faults
import pytest
from loopback_session import LIMITS, LoopbackSession, add_run

from kbench_jupyter.actions.log import log
from kbench_jupyter.actions.whole_file import whole_file
from kbench_jupyter.errors import ServerError, TransportError, UsageError
from kbench_jupyter.following.logs import follow as log_follow
from kbench_jupyter.magics.log_file import to_file

LOGS = "GetBenchmarkTaskRunLogs"
STREAM = {"Content-Type": "text/event-stream", "Connection": "close"}


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(log_follow, "_INTERVAL", 0.1)


def entry(data, stream="stdout", time=0.0):
    return {"stream_name": stream, "time": time, "data": data}


def written(said):
    return "".join(text for text, _ in said.written)


# What a stream may do once its run has ended


def silent(exchange):
    exchange.send(exchange.head(200, STREAM))
    exchange.send(faults.sse([entry("first\n", time=0.5)], end=False))
    faults.hang(exchange)


def alive(exchange):
    with suppress(OSError):
        exchange.send(exchange.head(200, STREAM))
        exchange.send(faults.sse([entry("first\n", time=0.5)], end=False))
        while not exchange.server.stopping.wait(0.02):
            exchange.send(b": keepalive\n\n")
    exchange.hang_up()


def again_and_again(exchange):
    with suppress(OSError):
        exchange.send(exchange.head(200, STREAM))
        while not exchange.server.stopping.wait(0.02):
            exchange.send(faults.sse([entry("first\n", time=0.5)], end=False))
    exchange.hang_up()


def cut_short(exchange):
    exchange.send(exchange.head(200, STREAM))
    exchange.send(faults.sse([entry("first\n", time=0.5)], end=False))
    exchange.hang_up()


@pytest.mark.parametrize(
    ("stream", "persisted"),
    [
        *itertools.product([silent, alive, cut_short], ["in time", "late", "never"]),
        (again_and_again, "in time"),  # takes as long as a call may take
    ],
)
def test_a_log_ends_when_its_run_has_ended_whatever_its_stream_does(server, session, said, stream, persisted):
    add_run(server.api, 11, state="RUNNING")
    asked, begun = itertools.count(), threading.Event()
    whole = json.dumps([entry("first\n", time=0.5), entry("last\n", time=1.5)]).encode()

    def answer(exchange):
        number = next(asked)
        if number > {"in time": 0, "late": 2, "never": 1e9}[persisted]:
            exchange.answer(200, dict(faults.JSON), whole)
            return
        begun.set()
        stream(exchange)

    def end():
        begun.wait(5)
        server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"

    server.log = answer
    threading.Thread(target=end, daemon=True).start()
    began = time.monotonic()
    log(session, "quiz")
    assert time.monotonic() - began < LIMITS.deadline + 4
    lines = [line for line in written(said).replace("(missed when it was written) ", "").split("\n") if line]
    assert set(lines) >= {"first"}
    if persisted != "never":
        assert lines[-1] == "last"
    if stream is not again_and_again:
        assert lines.count("first") == 1


def test_a_log_of_which_nothing_could_be_fetched_is_an_error(server, session):
    add_run(server.api, 11)
    server.log = faults.status(500)
    with pytest.raises(ServerError):
        log(session, "quiz")
    server.log = cut = lambda exchange: exchange.send(exchange.head(200, faults.JSON) + b'[{"data": "fir')
    server.log = lambda exchange: (cut(exchange), exchange.hang_up())
    with pytest.raises(TransportError, match="cut off or garbled"):
        log(session, "quiz")


def test_an_ended_run_whose_log_cannot_be_had_does_not_stop_the_going_one(server, session, said):
    add_run(server.api, 11)
    add_run(server.api, 12, state="RUNNING")

    def answer(exchange):
        if exchange.seen.json["runId"] == 11:
            faults.status(500)(exchange)
            return
        server.api.runs[1]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
        exchange.answer(200, dict(faults.JSON), json.dumps([entry("going on\n")]).encode())

    server.log = answer
    result = log(session, "quiz")
    assert "going on" in written(said)
    problems = {logged.run.id: logged.problem for logged in result.runs}
    assert "500" in problems[11]
    assert not problems[12]


# What a file gets


def test_a_file_gets_the_lines_and_not_what_a_screen_showed_between_them(server, session, tmp_path):
    add_run(server.api, 11, state="RUNNING")
    go_on = threading.Event()

    def answer(exchange):
        exchange.send(exchange.head(200, STREAM))
        for step in range(5):
            exchange.send(faults.sse([entry(f"\r{step * 25}%", time=step + 0.5)], end=False))
            exchange.server.stopping.wait(0.15)  # longer than the screen gathers
        go_on.wait(5)
        exchange.send(faults.sse([entry(" done\nnext\n", time=9.5)]))
        exchange.hang_up()

    server.log = answer
    threading.Timer(0.8, go_on.set).start()
    threading.Timer(
        1.0, lambda: server.api.runs[0].update(state="BENCHMARK_TASK_RUN_STATE_COMPLETED")
    ).start()
    to_file(session, tmp_path / "log.txt", lambda: log(session, "quiz"), force=False)
    assert (tmp_path / "log.txt").read_text() == "100% done\nnext\n"


# What a terminal must not act on


def test_nothing_of_a_server_reaches_the_terminal_but_text_and_colours(server, session, said, tmp_path):
    evil = "m\x1b]0;owned\x07\x1b[2J\x9b2J\u202e" + "x" * 5000
    add_run(server.api, 11, evil)
    add_run(server.api, 12, "b")
    text = "a\x1b]52;c;ZXZpbA==\x07b \x9b2Jc\x9d0;t\x9c \u202eback\u2066 \x07\x0e \ud800 \x1b[31mred\x1b[0m\n"
    server.log = lambda exchange: exchange.answer(
        200, dict(faults.JSON), json.dumps([entry(text)] * 2).encode()
    )
    log(session, "quiz")
    shown = written(said)
    assert "\x1b[31mred\x1b[0m" in shown
    for sign in ("\x1b]", "\x1b[2J", "\x07", "\x0e", "\x9b", "\x9c", "\x9d", "\u202e", "\u2066", "\ud800"):
        assert sign not in shown
    assert "\\x9b" in shown
    assert "\\u202e" in shown
    assert max(map(len, shown.split("\n"))) < 400
    to_file(session, tmp_path / "log.txt", lambda: log(session, "quiz"), force=False)
    assert "\\ud800" in (tmp_path / "log.txt").read_text()


# What it costs

SCRIPT = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from loopback_session import LIMITS, LoopbackSession
from kbench_jupyter.actions.log import log
from kbench_jupyter.magics.log_file import to_file
from kbench_jupyter.magics.reporter import StreamReporter

class Server:
    url = sys.argv[1]

session = LoopbackSession(Server, StreamReporter(open("/dev/null", "w")))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = to_file(session, Path(sys.argv[2]), lambda: log(session, "quiz"), force=True)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(result.runs[0].lines, before // 1024, after // 1024)
"""


def lines_of(first, last):
    return (
        json.dumps(entry(f"line {number} of a log that goes on and on\n", time=number / 128))
        for number in range(first, last)
    )


class LongLog:
    """A log of many lines that is never whole in memory, here or there; cut once in mid-stream."""

    def __init__(self, server, count, cut):
        self.server, self.count, self.cut = server, count, cut

    def __call__(self, exchange):
        ended = "COMPLETED" in self.server.api.runs[0]["state"]
        exchange.send(exchange.head(200, {**(faults.JSON if ended else STREAM), "Connection": "close"}))
        if ended:
            exchange.send(b"[")
        upto, self.cut = (self.cut or self.count, 0) if not ended else (self.count, self.cut)
        before, after = ("", ",\n") if ended else ("data: ", "\n\n")
        for first in range(0, upto, 5000):
            last = min(first + 5000, upto)
            text = "".join(f"{before}{line}{after}" for line in lines_of(first, last))
            exchange.send((text[:-2] if ended and last == self.count else text).encode())
        if ended:
            exchange.send(b"]")
        elif upto == self.count:
            self.server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
            exchange.send(b"data: END_OF_LOG\n\n")
        exchange.hang_up()


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETED"])
def test_a_log_costs_memory_by_what_is_shown_and_not_by_what_has_gone_by(server, tmp_path, state):
    grown = {}
    for count in (1_000, 100_000):
        server.api.runs.clear()
        add_run(server.api, 11, state=state)
        server.log = LongLog(server, count, count // 2)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, server.url, tmp_path / "log.txt", str(sys.path[0])],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        shown, before, after = map(int, done.stdout.split())
        assert shown == count
        with (tmp_path / "log.txt").open() as file:
            for number, line in enumerate(file):
                assert line == f"line {number} of a log that goes on and on\n"
        grown[count] = after - before
    # In megabytes. Ten million lines: 40 MB for what is known of each, and what is on its way.
    assert grown[100_000] - grown[1_000] < 25


def test_two_who_write_the_same_file_each_write_their_own_and_the_last_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with whole_file(path) as mine, mine.open("w") as stream:
        stream.write("begun, ")
        stream.flush()
        with whole_file(path) as other:
            other.write_text("somebody else's")
        assert path.read_text() == "somebody else's"
        stream.write("ended")
    assert path.read_text() == "begun, ended"
    assert [each.name for each in tmp_path.iterdir()] == ["log.txt"]


def test_a_folder_or_a_device_is_never_replaced_by_a_log(tmp_path: Path, session: LoopbackSession) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(UsageError, match="which no file can take the place of") as refused:
            to_file(session, tmp_path / name, lambda: None, force=True)
        assert "--force" not in str(refused.value.hint)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize(("came", "left"), [("", "before"), ("a line", "a line")])
def test_a_stop_before_anything_came_leaves_the_file_as_it_was(
    tmp_path: Path, session: LoopbackSession, came: str, left: str
) -> None:
    path = tmp_path / "log.txt"
    path.write_text("before")

    def read() -> None:
        session.reporter.write(came)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        to_file(session, path, read, force=True)
    assert path.read_text() == left
    assert list(tmp_path.iterdir()) == [path]

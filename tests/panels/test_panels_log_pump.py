"""What the kernel's side of a log view sends, and that it stays within a notebook server's limits."""

from __future__ import annotations

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_logs import LogServer

from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.panels.log.buffer import LogLine
from kbench_jupyter.panels.log.export import COPY_MOST
from kbench_jupyter.panels.log.pump import BATCH, LogPump
from kbench_jupyter.panels.log.source import EVERY, log_source
from kbench_jupyter.panels.log.wire import batch
from kbench_jupyter.panels.watches import refresh_shown
from kbench_jupyter.session.session import Session


class Page:
    """Stands for a browser: collects what is sent, and asks."""

    def __init__(self, source):
        self.messages = []
        self.times = []
        self._came = threading.Condition()
        self.pump = LogPump(source, self._receive)
        self.pump.start()

    def _receive(self, message):
        with self._came:
            self.messages.append(json.loads(json.dumps(message)))
            self.times.append(time.monotonic())
            self._came.notify_all()

    def say(self, **message):
        self.pump.receive(message)

    def wait(self, wanted, timeout=20):
        """Return the first message that is `wanted`, once it has come."""
        with self._came:
            assert self._came.wait_for(lambda: any(map(wanted, self.messages)), timeout), self.messages[-3:]
            return next(filter(wanted, self.messages))

    def ask(self, **message):
        message["id"] = len(self.messages) + 1000
        self.say(**message)
        return self.wait(lambda answer: answer.get("id") == message["id"])

    @property
    def lines(self):
        """The lines of run 1 that were sent without asking, by number."""
        known = {}
        for message in self.messages:
            for piece in message.get("lines", ()):
                if piece["run"] == 1:
                    known |= {piece["from"] + i: text for i, text in enumerate(piece["x"])}
        return known


@pytest.fixture
def server():
    with LogServer() as running:
        yield running


@pytest.fixture
def session(server):
    opened = Session(None, None, {"KBENCH_API_URL": server.url, "KAGGLE_API_TOKEN": "t"})
    yield opened
    opened.close()


@pytest.fixture
def page_of(session):
    opened = []

    def make(task="quiz"):
        source = log_source(session, task)
        opened.append((page := Page(source), source))
        return page

    yield make
    for page, source in opened:
        page.pump.close()
        source.release()


def seen(total, run=1):
    return lambda message: any(
        state["id"] == run and state["n"] == total for state in message.get("runs", ())
    )


def test_nothing_is_sent_while_nobody_looks_and_everything_is_told_on_hello(server, page_of):
    server.add(1).write("one\ntwo\n\r 5%\r 10%")
    page = page_of()
    source = page.pump._source
    deadline = time.monotonic() + 5
    while len(source.runs[1].buffer) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert page.messages == []
    page.say(t="hello", view="v", run=None)
    told = page.wait(seen(2))
    assert told["runs"][0]["open"] == [["o", " 10%"]]
    assert page.ask(t="get", run=1, **{"from": 0}, count=10)["x"] == ["one", "two"]


def test_a_flood_is_few_bounded_messages_and_can_be_read_whole_afterwards(server, page_of):
    run = server.add(1)
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(0))
    for first in range(0, 50_000, 100):
        run.write("".join(f"line {number} {'x' * 50}\n" for number in range(first, first + 100)))
    began = time.monotonic()
    page.wait(seen(50_000))
    spent = page.times[-1] - page.times[0]
    sizes = [len(json.dumps(message)) for message in page.messages]
    assert max(sizes) <= BATCH + 4096
    assert len(sizes) <= spent / 0.15 + 3
    assert sum(sizes) / max(1.0, spent) < 900_000
    assert page.lines[49_999].startswith("line 49999 ")
    assert time.monotonic() - began < 20
    got = {}
    while len(got) < 3000:  # what was left out is asked for
        answer = page.ask(t="get", run=1, **{"from": len(got)}, count=400)
        got |= {answer["from"] + i: text for i, text in enumerate(answer["x"])}
    assert all(got[number].startswith(f"line {number} ") for number in range(3000))


def test_a_slow_log_is_sent_without_a_gap(server, page_of):
    run = server.add(1)
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(0))
    for number in range(1, 6):
        run.write(f"line {number}\n")
        page.wait(seen(number))
    assert list(page.lines.values()) == [f"line {number}" for number in range(1, 6)]


def test_a_queued_runs_log_comes_when_it_starts_and_its_state_with_it(server, page_of):
    run = server.add(1, "m1", "QUEUED")
    page = page_of()
    page.say(t="hello", view="v", run=1)
    assert page.wait(seen(0))["runs"][0]["state"] == "queued"
    run.write("it begins\n")
    server.set_state(1, "RUNNING")
    assert page.wait(seen(1))["lines"][0]["x"] == ["it begins"]
    server.set_state(1, "COMPLETED")
    run.end()
    page.wait(lambda message: any(r["done"] and r["state"] == "completed" for r in message.get("runs", ())))


def test_search_copy_and_save_reach_the_whole_log(server, page_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.add(1, "m1", "COMPLETED").write(
        "".join(f"\x1b[31mline {number}\x1b[0m\n" for number in range(60_000))
    ).write("y" * COPY_MOST + "\n")
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(60_001))
    found = page.ask(t="find", run=1, q="LINE 59999", **{"from": 0}, dir=1)
    assert (found["line"], found["total"]) == (59_999, 1)
    assert page.ask(t="find", run=1, q="nowhere", **{"from": 0}, dir=1)["line"] is None
    for _ in range(2):
        saved = page.ask(t="save", run=1)
        assert saved["lines"] == 60_001
    assert {path.name for path in tmp_path.iterdir()} == {"quiz-m1-1.log", "quiz-m1-1-2.log"}
    text = (tmp_path / saved["path"]).read_text()
    assert text.splitlines()[59_999] == "line 59999"
    assert len(text.splitlines()[60_000]) == COPY_MOST
    page.say(t="text", run=1, id=7)
    last = page.wait(lambda message: message.get("t") == "text" and message["last"])
    parts = [message["part"] for message in page.messages if message["t"] == "text"]
    assert "".join(parts) == "y" * COPY_MOST
    assert last["cut"] is True


def test_a_search_may_be_of_stderr_only_with_a_text_or_without(server, page_of):
    server.add(1, "m1", "COMPLETED").write("a warning\nnone\n").write("a warning\nan error\n", "stderr")
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(4))

    def found(text, **errors):
        answer = page.ask(t="find", run=1, q=text, **{"from": 0}, dir=0, **errors)
        return answer["line"], answer["total"]

    assert found("warning") == (0, 2)
    assert found("warning", errors=True) == (2, 1)
    assert found("", errors=True) == (2, 2)
    assert found("none", errors=True) == (None, 0)
    assert found("", errors=False) == (None, 0)


def test_many_long_lines_are_clipped_and_messages_stay_small(server, page_of):
    server.add(1, state="COMPLETED").write("".join("\u20ac" * 1_000_000 + "\n" for _ in range(3)))
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(3))
    answer = page.ask(t="get", run=1, **{"from": 0}, count=100)
    assert [len(text) for text in answer["x"]] == [2000] * 3
    assert answer["c"] == {"0": 1_000_000, "1": 1_000_000, "2": 1_000_000}


@pytest.mark.parametrize(
    "nonsense",
    [
        None, 7, [], {}, {"t": "get"}, {"t": "get", "run": 99, "from": 0, "count": 1}, {"t": []},
        {"t": "get", "run": "x", "from": {}, "count": 1}, {"t": "find", "run": 1, "q": "x", "from": "y", "dir": 1},
        {"t": "ack", "tick": "soon"}, {"t": "show", "view": "v", "run": 99}, {"t": "save", "run": None},
    ],
)  # fmt: skip
def test_a_message_that_is_not_ours_changes_nothing(server, page_of, nonsense):
    server.add(1).write("still here\n")
    page = page_of()
    page.pump.receive(nonsense)
    page.say(t="hello", view="v", run=1)
    page.wait(seen(1))
    assert page.ask(t="get", run=1, **{"from": 0}, count=1)["x"] == ["still here"]


def test_when_nobody_acknowledges_ticks_become_rare(server, page_of, monkeypatch):
    from kbench_jupyter.panels.log import pump as log_pump

    monkeypatch.setattr(log_pump, "WINDOW", 2)
    monkeypatch.setattr(log_pump, "SLOW_TICK", 0.6)
    monkeypatch.setattr(log_pump, "TICK", 0.01)
    run = server.add(1)
    page = page_of()
    page.say(t="hello", view="v", run=1)
    page.wait(seen(0))
    for number in range(1, 5):
        run.write(f"line {number}\n")
        page.wait(seen(number))
    ticks = [at for at, message in zip(page.times, page.messages, strict=True) if message["t"] == "tick"]
    assert ticks[-1] - ticks[-2] > 0.5


def test_views_of_the_same_runs_share_one_reader_and_the_last_ends_it(server, session):
    server.add(1).write("hello\n")
    one, two = log_source(session, "quiz"), log_source(session, "quiz")
    assert one is two
    one.release()
    assert server.wait_for_connections(0, 0.3) is False
    two.release()
    for thread in threading.enumerate():
        if thread.name.startswith(("kbench-log", "kbench-watch")):
            thread.join(5)
            assert not thread.is_alive()
    session.close()
    assert server.wait_for_connections(0)
    assert len(server.calls("GetBenchmarkTaskRunLogs")) == 1


def test_all_runs_stand_together_each_line_under_its_run_also_one_that_was_made_meanwhile(server, session):
    server.add(1, "m1", "COMPLETED").write("one\n")
    second = server.add(2, "m2")
    source = log_source(session, "quiz")
    source.wait_for_ended(10)
    second.write("two\n")
    server.add(3, "m3").write("three\n")
    refresh_shown(session, "quiz")
    together = source.runs[EVERY].buffer
    deadline = time.monotonic() + 10
    while len(together) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    lines = sorted(line.text for line in together.read(0, 9))
    assert lines == ["[m1 #1] one", "[m2 #2] two", "[m3 #3] three"]
    assert source.first == 1
    source.release()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (" 10%|#   | 1/10\nUserWarning: careful\nINFO:root:fine\n", "eee"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nValueError: no\nafter\n',
            "tttte",
        ),
        (
            "\x1b[31mValueError\x1b[39m   Traceback (most recent call last)\nCell \x1b[32mIn[3], line 1\n----> 1 f()\n"
            "File ~/a.py:2, in f()\n\n\x1b[31mValueError\x1b[39m: no\n 10%|#\n",
            "tttttte",
        ),
    ],
)
def test_only_tracebacks_are_errors_what_else_is_written_to_stderr_is_not(server, session, text, kinds):
    server.add(1, state="COMPLETED").write(text, "stderr").write("out\n")
    source = log_source(session, "quiz")
    source.wait_for_ended(10)
    assert sorted(line.kind for line in source.runs[1].buffer.read(0, 20)) == sorted(kinds + "o")
    source.release()


def test_a_log_that_cannot_be_read_says_why_and_the_next_view_tries_again(server, session):
    run = server.add(1, state="COMPLETED").write("back again\n")
    server.log = lambda exchange: exchange.answer(*server.api.error(403, "not yours"))
    source = log_source(session, "quiz")
    source.wait_for_ended(10)
    assert "not yours" in source.runs[1].problem or "refuse" in source.runs[1].problem
    server.log = run
    again = log_source(session, "quiz")
    assert again is not source
    again.wait_for_ended(10)
    assert [line.text for line in again.runs[1].buffer.read(0, 5)] == ["back again"]
    source.release()
    again.release()


def test_a_task_without_runs_is_one_clear_error(server, session):
    server.api.add_task("empty")
    with pytest.raises(NotFoundError, match="no runs yet"):
        log_source(session, "empty")


@given(texts=st.lists(st.text(max_size=3000), max_size=60), room=st.integers(1, 70_000))
def test_a_batch_fits_its_room_and_begins_at_its_number(texts, room):
    message = batch(1, 5, [LogLine("o", text.encode("utf-8", "replace").decode()) for text in texts], room)
    assert message["from"] == 5
    assert len(message["k"]) == len(message["x"]) >= min(1, len(texts))
    if len(message["x"]) > 1:
        assert len(json.dumps(message["x"], ensure_ascii=False).encode()) <= room + 2

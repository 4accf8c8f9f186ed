from __future__ import annotations

import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from faults import JSON, CutLog, Exchange, FaultServer, envelope, sse, status
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live_logs import lines_of

from kbench_jupyter.api import (
    Client,
    Credentials,
    Limits,
    LogEntry,
    LogStream,
    Request,
    Response,
    TransportFault,
)
from kbench_jupyter.api.logs.replay import Ledger
from kbench_jupyter.api.logs.settling import Settling
from kbench_jupyter.errors import CredentialsError, NotFoundError, ServerError

QUICK = Limits(
    connect=2, read=2, stream_read=2, backoff=0.001, backoff_cap=0.004, poll=0.005, poll_cap=0.02, looks=4
)


def entry(number: int, data: str | None = None) -> dict[str, Any]:
    stream = "stderr" if number % 7 == 0 else "stdout"
    return {
        "stream_name": stream,
        "time": number * 0.25,
        "data": f"line {number} ☃\n" if data is None else data,
    }


def client_of(server: FaultServer, limits: Limits = QUICK) -> Client:
    return Client(server.url, Credentials.bearer("good", "the test"), limits=limits)


def read_through(
    entries: list[Any], cuts: list[int], mode: str, **options: bool
) -> tuple[list[LogEntry], CutLog]:
    log = CutLog(entries, cuts, mode, **options)
    with FaultServer() as server, client_of(server) as client:
        server.log = log
        with client.stream_logs(1) as stream:
            got = list(stream)
        assert stream.settled
    return got, log


def lost_and_doubled(entries: list[Any], got: list[LogEntry]) -> tuple[int, int]:
    truth = Counter(LogEntry.from_wire(item) for item in entries)
    seen = Counter(got)
    return sum((truth - seen).values()), sum((seen - truth).values())


def test_streams_cut_at_random_bytes_lose_and_double_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    rand = random.Random(20260506)
    figures: Counter[str] = Counter()
    for mode in ("replay", "continue", "gap", "tail", "rewind"):
        for trial in range(16):
            entries = [entry(number) for number in range(rand.randrange(1, 120))]
            size = len(sse(entries))
            cuts = [rand.randrange(0, size) for _ in range(rand.randrange(1, 6))]
            got, log = read_through(entries, cuts, mode, noise=trial % 2 == 0, reset=trial % 3 == 0)
            lost, doubled = lost_and_doubled(entries, got)
            figures.update(streams=1, cuts=log.cut_count, lines=len(entries), lost=lost, doubled=doubled)
            if mode == "replay":  # the others lose the half sent entry until the log settles
                assert [item.data for item in got] == [item["data"] for item in entries]
            assert not lost, (mode, trial, cuts)
            assert not doubled, (mode, trial, cuts)
    with capsys.disabled():
        print(
            f"\n  log streams: {figures['streams']} read through {figures['cuts']} cuts, {figures['lines']} lines:"
            f" {figures['lost']} lost, {figures['doubled']} doubled"
        )
    assert figures["cuts"] > 100
    assert figures["lost"] == figures["doubled"] == 0


# Entries that are hard to tell apart: few texts, coarse or missing times, bare strings.
hard_entries = st.lists(
    st.one_of(
        st.sampled_from([".", "a\n", "\r50%", "é\n"]),
        st.builds(
            lambda stream, when, data: {"stream_name": stream, "time": when, "data": data},
            st.sampled_from(["stdout", "stderr"]),
            st.sampled_from([0.0, 1.0, None, 1.5]),
            st.sampled_from([".", "a\n", "b", "\n"]),
        ),
    ),
    min_size=1,
    max_size=25,
)


def shown(entries: Iterable[LogEntry]) -> Counter[tuple[str, str]]:
    return Counter((line.stream, line.text) for line in lines_of(entries))


def settled(ledger: Ledger, persisted: list[LogEntry]) -> Iterator[LogEntry]:
    settling = Settling(ledger)
    for item in persisted:
        yield from settling.feed(item)
    assert not settling.is_short()
    yield from settling.finish()


def cut_elsewhere(entries: list[LogEntry], sizes: list[int]) -> list[LogEntry]:
    """Return the same text of each stream in the same order, in other pieces and at other times."""
    out: list[LogEntry] = []
    for stream, group in itertools.groupby(entries, lambda item: item.stream):
        text = "".join(item.data for item in group)
        while text:
            size = sizes[len(out) % len(sizes)]
            out.append(LogEntry(stream, 9.0, text[:size]))
            text = text[size:]
    return out


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    entries=hard_entries,
    mode=st.sampled_from(["replay", "continue", "tail", "gap", "rewind"]),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_lines_that_look_alike_are_neither_lost_nor_doubled_nor_made_up(
    data: st.DataObject, entries: list[Any], mode: str, sizes: list[int]
) -> None:
    """The ledger by itself, on logs that repeat themselves and name no times."""
    whole = [LogEntry.from_wire(item) for item in entries]
    ledger, got, written = Ledger(), [], 0
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
    for number, length in enumerate(cuts):
        start = {"replay": 0, "continue": written, "tail": max(0, written - 3), "gap": written + number}.get(
            mode
        )
        start = (written + 1 if number % 2 else 0) if start is None else start
        sent = whole[start : start + length]
        for item in sent:
            got += ledger.take(item)
        written = max(written, start + len(sent))
        ledger.reconnect(inside=mode != "replay")
    persisted = cut_elsewhere(whole, sizes) if data.draw(st.booleans()) else whole
    got += settled(ledger, persisted)
    assert shown(got) == shown(whole)


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(st.text("ab\n", max_size=4), max_size=20),
    sizes=st.lists(st.integers(1, 5), min_size=1),
    seen=st.integers(0, 20),
)
def test_a_persisted_log_cut_up_differently_adds_only_what_is_missing(
    lines: list[str], sizes: list[int], seen: int
) -> None:
    ledger = Ledger()
    got = [item for line in lines[:seen] for item in ledger.take(LogEntry("stdout", 1.0, line))]
    got += settled(ledger, cut_elsewhere([LogEntry("stdout", 1.0, line) for line in lines], sizes))
    assert "".join(item.data for item in got) == "".join(lines)


class Pieces:
    """A log of numbered lines, written in pieces to stdout and stderr by turns."""

    def __init__(self, rand: random.Random) -> None:
        rest = {"stdout": "", "stderr": ""}
        self.entries: list[dict[str, Any]] = []
        for number in range(rand.randrange(4, 80)):
            stream = rand.choice(["stdout", "stderr"])
            rest[stream] += "".join(f"{stream} {number}.{part} é\n" for part in range(rand.randrange(3)))
            size = rand.randrange(1, 20)
            piece, rest[stream] = rest[stream][:size], rest[stream][size:]
            self._write(stream, piece, number)
        for stream, text in rest.items():
            self._write(stream, text + "the end", 100)
        self.whole = [LogEntry.from_wire(item) for item in self.entries]

    def _write(self, stream: str, data: str, number: int) -> None:
        if data:
            self.entries.append({"stream_name": stream, "time": number * 0.5, "data": data})


class PiecesLog(CutLog):
    """Persists the same text cut elsewhere."""

    def __init__(self, pieces: Pieces, cuts: list[int], mode: str, sizes: list[int], **options: bool) -> None:
        super().__init__(pieces.entries, cuts, mode, **options)
        self._persisted = [
            {"stream_name": item.stream, "time": 9, "data": item.data}
            for item in cut_elsewhere(pieces.whole, sizes)
        ]

    def __call__(self, exchange: Exchange) -> None:
        if self.ended:
            self.entries = self._persisted
        super().__call__(exchange)


def test_half_lines_between_cuts_and_streams_come_out_once_and_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rand = random.Random(20261129)
    figures: Counter[str] = Counter()
    with FaultServer() as server, client_of(server) as client:
        for trial in range(400):
            mode = ("replay", "continue", "gap", "tail", "rewind")[trial % 5]
            pieces = Pieces(rand)
            size = len(sse(pieces.entries))
            cuts = [rand.randrange(0, size) for _ in range(rand.randrange(1, 5))]
            sizes = [rand.randrange(1, 30) for _ in range(5)]
            server.log = log = PiecesLog(pieces, cuts, mode, sizes, noise=trial % 2 == 0)
            with client.stream_logs(1) as stream:
                got, truth = list(stream), shown(pieces.whole)
            seen = shown(got)
            figures.update(
                streams=1,
                cuts=log.cut_count,
                lines=truth.total(),
                lost=(truth - seen).total(),
                doubled=sum(max(0, seen[line] - truth[line]) for line in truth),
                made_up=sum(count for line, count in seen.items() if line not in truth),
                late=sum(item.late for item in got),
            )
    with capsys.disabled():
        print(f"\n  half lines: {dict(figures)}")
    assert figures["cuts"] > 500
    assert figures["lost"] == figures["doubled"] == figures["made_up"] == 0


def test_lines_missed_in_a_gap_come_late_and_say_so() -> None:
    entries = [entry(number) for number in range(30)]
    got, _ = read_through(entries, [400], "gap")
    late = [item for item in got if item.late]
    # The three, the half sent one, and of each stream the line that may have begun before the gap ended.
    assert 3 <= len(late) <= 6
    assert lost_and_doubled(entries, got) == (0, 0)


def test_entries_keep_stream_and_time() -> None:
    got, _ = read_through([entry(0), entry(1), "bare"], [], "replay")
    assert got == [
        LogEntry("stderr", 0.0, "line 0 ☃\n"),
        LogEntry("stdout", 0.25, "line 1 ☃\n"),
        LogEntry("", None, "bare\n"),
    ]


def test_a_run_that_has_ended_gives_its_persisted_log(server: FaultServer, client: Client) -> None:
    server.log = lambda exchange: exchange.answer(200, dict(JSON), json.dumps([entry(1), "x"]).encode())
    assert client.run_logs(5) == [LogEntry("stdout", 0.25, "line 1 ☃\n"), LogEntry("", None, "x\n")]
    assert server.calls("GetBenchmarkTaskRunLogs")[0].json == {"runId": 5}


def test_the_log_of_a_going_run_is_what_is_there(server: FaultServer, client: Client) -> None:
    def going(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
        exchange.send(sse([entry(1), entry(2)], end=False))
        while not exchange.server.stopping.wait(0.02):  # keepalives are nothing new
            exchange.send(b": keepalive\n\n")

    server.log = going
    assert [item.data for item in client.run_logs(5, quiet=0.3)] == ["line 1 ☃\n", "line 2 ☃\n"]


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "after a stream that was cut"])
def test_the_whole_log_of_a_run_that_has_ended_is_read_however_slowly_it_comes(
    server: FaultServer, client: Client, streamed: bool
) -> None:
    def slowly(exchange: Exchange) -> None:
        if streamed and len(server.calls("GetBenchmarkTaskRunLogs")) == 1:
            exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
            exchange.send(sse([entry(1)], end=False))
            exchange.hang_up()
            return
        body = json.dumps([entry(number) for number in range(1, 7)]).encode()
        exchange.send(exchange.head(200, {**JSON, "Content-Length": str(len(body))}))
        for start in range(0, len(body), 60):
            exchange.send(body[start : start + 60])
            exchange.server.stopping.wait(0.05)

    server.log = slowly
    got = client.run_logs(5, quiet=0.1)
    assert [item.data for item in got] == [f"line {number} ☃\n" for number in range(1, 7)]


def test_a_run_that_never_stops_writing_does_not_hold_its_reader(server: FaultServer, client: Client) -> None:
    def chatty(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
        number = 0
        with suppress(OSError):
            while not exchange.server.stopping.wait(0.01):
                exchange.send(sse([entry(number := number + 1)], end=False))
        exchange.keep_alive = False

    server.log = chatty
    got = client.run_logs(5, quiet=0.04)
    assert [item.data for item in got] == [f"line {number} ☃\n" for number in range(1, len(got) + 1)]
    assert got


def test_streams_that_are_always_cut_do_not_hold_a_reader(server: FaultServer, client: Client) -> None:
    def cut_at_once(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.send(sse([entry(1)], end=False))
        exchange.hang_up()

    server.log = cut_at_once
    assert [item.data for item in client.run_logs(5, quiet=0.1)] == ["line 1 ☃\n"]


def test_the_log_of_a_queued_run_is_not_found_at_once(server: FaultServer, client: Client) -> None:
    server.inject("GetBenchmarkTaskRunLogs", status(404))
    with pytest.raises(NotFoundError, match="log of run 5") as caught:
        client.run_logs(5)
    assert "%kbench status" in str(caught.value.hint)


def test_a_stream_waits_for_a_queued_run(server: FaultServer, client: Client) -> None:
    server.inject("GetBenchmarkTaskRunLogs", *[status(404)] * 4)
    server.log = CutLog([entry(1)], [], "replay")
    with client.stream_logs(5) as stream:
        assert [item.data for item in stream] == ["line 1 ☃\n"]


def test_waiting_for_a_queued_run_ends_when_told(server: FaultServer, client: Client) -> None:
    server.log = status(404)
    with pytest.raises(NotFoundError):
        list(client.stream_logs(5, wait_for_start=False))
    with pytest.raises(NotFoundError):
        list(client.stream_logs(5, start_timeout=0.05))
    assert list(client.stream_logs(5, ended=lambda: True)) == []


odd_entries = st.one_of(
    hard_entries,
    st.lists(
        st.one_of(
            st.integers(),
            st.none(),
            st.dictionaries(
                st.sampled_from(["stream_name", "streamName", "time", "data"]),
                st.one_of(st.none(), st.integers(), st.sampled_from(["stdout", "x\n", ""]), st.just([])),
            ),
        ),
        max_size=8,
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entries=odd_entries)
def test_joining_neighbours_changes_no_text(entries: list[Any]) -> None:
    def pieces(log: list[LogEntry]) -> list[tuple[str, str]]:
        groups = itertools.groupby(log, lambda item: item.stream)
        return [(stream, "".join(item.data for item in group)) for stream, group in groups]

    body = json.dumps(entries).encode()
    answer = Response(200, JSON, body)
    with Client("https://x.example", None, transport=lambda _request: answer) as client:
        apart = list(client.stream_logs(5))
    answer = Response(200, JSON, body)
    with Client("https://x.example", None, transport=lambda _request: answer) as client:
        joined = list(client.stream_logs(5, joined=True))
    assert pieces(joined) == pieces(apart)
    assert len(joined) <= len(apart)
    assert [item.time for item in joined[:1]] == [item.time for item in apart[:1]]


@settings(max_examples=60, deadline=None)
@example(between=" ,", lines=["one"] * 3, cut=15)
@given(
    between=st.sampled_from([",", ", ", " ,", "\n,\n"]),
    lines=st.lists(
        st.sampled_from(["one", {"data": "two\n"}, {"data": "th},{ree\n", "time": 1.5}]), max_size=6
    ),
    cut=st.integers(1, 40),
)
def test_a_whole_log_is_read_however_its_json_is_spaced_and_cut(
    between: str, lines: list[Any], cut: int
) -> None:
    body = f"[{between.join(map(json.dumps, lines))}]".encode()
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]
    answer = Response(200, JSON, pieces)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kbench_jupyter.api.logs.entries._CHUNK", cut)
        with Client("https://x.example", None, transport=lambda _request: answer) as client:
            found = "".join(item.data for item in client.stream_logs(5))
    assert found == "".join(f"{line}\n" if isinstance(line, str) else line["data"] for line in lines)


def test_joined_or_not_what_was_streamed_before_is_settled_entry_by_entry(
    server: FaultServer, client: Client
) -> None:
    entries = [entry(number) for number in range(30)]
    server.log = CutLog(entries, [700, 300], "gap")
    with client.stream_logs(5, joined=True) as stream:
        assert lost_and_doubled(entries, list(stream)) == (0, 0)


def test_an_idle_stream_that_goes_dead_is_opened_again(server: FaultServer, client: Client) -> None:
    log = CutLog([entry(1), entry(2)], [], "replay")

    def silent_first(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
        exchange.send(sse([entry(1)], end=False))
        exchange.server.stopping.wait(2)

    server.inject("GetBenchmarkTaskRunLogs", silent_first)
    server.log = log
    with client.stream_logs(5) as stream:
        assert [item.data for item in stream] == ["line 1 ☃\n", "line 2 ☃\n"]
    assert stream.reconnects >= 1


@pytest.mark.parametrize("moment", ["before the header", "in mid-stream"])
def test_closing_frees_the_connection_at_once_from_another_thread(server: FaultServer, moment: str) -> None:
    ready = threading.Event()

    def endless(exchange: Exchange) -> None:
        if moment == "in mid-stream":
            exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
            exchange.send(sse([entry(1)], end=False))
        ready.set()
        exchange.keep_alive = False
        exchange.sock.recv(1)  # returns when the client lets go

    server.log = endless
    patient = Limits(read=60, stream_read=60)
    with client_of(server, patient) as client:
        stream = client.stream_logs(5)
        got: list[LogEntry] = []
        began_reading = threading.Event()

        def read() -> None:
            for item in stream:
                got.append(item)
                began_reading.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert ready.wait(5)
        assert server.wait_for_connections(1)
        if moment == "in mid-stream":
            assert began_reading.wait(5)
        began = time.monotonic()
        stream.close()
        reader.join(5)
        assert not reader.is_alive()
        assert server.wait_for_connections(0, timeout=2)
        assert time.monotonic() - began < 1.0
        assert list(stream) == []


def test_a_stream_closed_while_another_thread_reads_it_ends_that_reader_in_peace() -> None:
    # CPython 3.11 may crash when a generator is closed while another thread runs it (it takes an inline
    # cache for an instruction, about once in thousands of times), and always answers with ValueError.
    # Switching threads as often as possible makes the two meet.
    body = sse([entry(number) for number in range(3)], end=False)

    def transport(request: Request, /) -> Response:
        def pieces() -> Iterator[bytes]:
            while request.cancel is None or not request.cancel.is_set:
                yield body
            raise TransportFault("cancelled", retryable=False)

        return Response(200, {"Content-Type": "text/event-stream"}, pieces())

    client = Client(
        "http://127.0.0.1:1", Credentials.bearer("good", "the test"), limits=QUICK, transport=transport
    )
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            stream, ended = client.stream_logs(1), threading.Event()
            flowing = threading.Event()

            def read(stream: LogStream = stream, ended: Any = ended, flowing: Any = flowing) -> None:
                for _ in stream:
                    flowing.set()
                ended.set()

            threading.Thread(target=read, daemon=True).start()
            assert flowing.wait(10)
            for closer in [threading.Thread(target=stream.close) for _ in range(3)]:
                closer.start()
            assert ended.wait(10)
            assert list(stream) == []
    finally:
        sys.setswitchinterval(interval)


def test_closing_one_of_many_streams_leaves_the_others_alone(server: FaultServer) -> None:
    go_on = threading.Event()

    def log(exchange: Exchange) -> None:
        run = exchange.seen.json["runId"]
        if run == 0 or go_on.is_set():
            exchange.answer(200, dict(JSON), json.dumps([f"run {run}", "done"]).encode())
            return
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
        exchange.send(sse([f"run {run}"], end=False))
        exchange.sock.setblocking(False)
        while not go_on.wait(0.01):
            with suppress(BlockingIOError):
                if not exchange.sock.recv(1):  # the client has let go
                    exchange.keep_alive = False
                    return
        exchange.send(sse(["done"]))

    server.log = log
    with client_of(server) as client:
        streams = {run: client.stream_logs(run) for run in range(1, 13)}
        got: dict[int, list[str]] = {run: [] for run in streams}
        first = {run: threading.Event() for run in streams}

        def read(run: int) -> None:
            for item in streams[run]:
                got[run].append(item.data)
                first[run].set()

        readers = [threading.Thread(target=read, args=(run,)) for run in streams]
        for reader in readers:
            reader.start()
        assert server.wait_for_connections(12)
        assert all(event.wait(5) for event in first.values())
        streams[3].close()
        assert server.wait_for_connections(11, timeout=2)
        go_on.set()
        for reader in readers:
            reader.join(5)
    assert got.pop(3) == ["run 3\n"]
    assert all(lines == [f"run {run}\n", "done\n"] for run, lines in got.items())


def test_a_refused_stream_says_why(server: FaultServer, client: Client) -> None:
    server.log = status(401)
    with pytest.raises(CredentialsError, match="the test"):
        next(client.stream_logs(5))
    server.log = status(500)
    with pytest.raises(ServerError, match="500"):
        next(client.stream_logs(5))


def test_opening_a_stream_is_retried(server: FaultServer, client: Client) -> None:
    server.inject("GetBenchmarkTaskRunLogs", status(503), status(429, {"Retry-After": "0"}), status(502))
    server.log = CutLog([entry(1)], [], "replay")
    assert len(list(client.stream_logs(5))) == 1


def test_last_event_id_and_retry_are_honoured(server: FaultServer, client: Client) -> None:
    def first(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.send(b"retry: 40\nid: seven\n" + sse([entry(1)], end=False))
        exchange.hang_up()

    server.inject("GetBenchmarkTaskRunLogs", first)
    server.log = CutLog([entry(1), entry(2)], [], "replay")
    began = time.monotonic()
    assert len(list(client.stream_logs(5))) == 2
    assert time.monotonic() - began >= 0.04
    assert server.calls("GetBenchmarkTaskRunLogs")[1].headers["last-event-id"] == "seven"


LOGS = "GetBenchmarkTaskRunLogs"


def test_a_failure_under_200_is_tried_again(server: FaultServer, client: Client) -> None:
    server.log = CutLog([entry(1)], [], "ended")
    server.inject(LOGS, envelope(503), envelope(429))
    assert len(client.run_logs(1)) == 1


def test_a_whole_log_is_got_through_as_many_failures_as_any_other_call(
    server: FaultServer, client: Client
) -> None:
    server.log = lambda exchange: exchange.answer(200, JSON, json.dumps([entry(1)]).encode())
    server.inject(LOGS, *[envelope(500), envelope(503)] * (QUICK.attempts // 2))
    assert len(client.run_logs(1)) == 1
    assert len(server.requests) == QUICK.attempts


def test_lines_come_once_where_a_failure_under_200_came_before_their_stream(
    server: FaultServer, client: Client
) -> None:
    server.log = CutLog([entry(1), entry(2)], [], "ended")
    server.inject(LOGS, envelope(503))
    assert [one.data for one in client.run_logs(1)] == [entry(1)["data"], entry(2)["data"]]


def test_a_log_that_has_begun_outlives_a_long_outage() -> None:
    entries = [entry(number) for number in range(20)]
    log = CutLog(entries, [200], "replay")
    with FaultServer() as server, client_of(server) as client:
        server.log = log
        server.inject(LOGS, log, *[status(503)] * (3 * QUICK.attempts))
        with client.stream_logs(1) as stream:
            got = list(stream)
    assert lost_and_doubled(entries, got) == (0, 0)


@pytest.mark.parametrize("ended", [True, False])
def test_an_outage_is_not_waited_out_for_ever_nor_after_the_runs_end(ended: bool) -> None:
    limits = replace(QUICK, outage=900 if ended else 0)
    log = CutLog([entry(number) for number in range(20)], [200], "replay")
    with FaultServer() as server, client_of(server, limits) as client:
        server.inject(LOGS, log, *[status(503)] * 99)
        with client.stream_logs(1, ended=lambda: ended) as stream, pytest.raises(ServerError):
            list(stream)


def first_line_then_cut(exchange: Exchange) -> None:
    exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
    exchange.send(sse([{"stream_name": "stdout", "time": 1.5, "data": "first\n"}], end=False))
    exchange.hang_up()


def test_what_follows_the_last_connection_is_not_left_out_without_a_word(server: FaultServer) -> None:
    ended = threading.Event()

    def answer(exchange: Exchange) -> None:
        (status(500) if ended.is_set() else first_line_then_cut)(exchange)

    server.log = answer
    with client_of(server, replace(QUICK, farewell=0.01)) as client:
        with client.stream_logs(1, ended=ended.is_set) as stream:
            assert next(stream).data == "first\n"
            ended.set()
            stream.wind_up()
            with pytest.raises(ServerError):
                list(stream)
        assert not stream.settled


def test_a_run_that_ended_without_a_log_has_an_empty_one(server: FaultServer) -> None:
    looks = itertools.count()
    server.log = status(404)
    with client_of(server, replace(QUICK, farewell=0.01, poll=0.2, poll_cap=0.2)) as client:

        def ended() -> bool:
            if next(looks):
                return True
            stream.wind_up()  # it ends while its log is waited for
            return False

        stream = client.stream_logs(1, ended=ended)
        assert list(stream) == []
        assert next(looks) > 1


def test_a_stream_that_is_closed_before_it_began_leaves_no_thread(server: FaultServer) -> None:
    with client_of(server, replace(QUICK, farewell=0.02)) as client:
        stream = client.stream_logs(1)
        stream.wind_up()
        thread = next(item for item in threading.enumerate() if item.name == "kbench-log-end")
        stream.close()
        thread.join(5)
        assert not thread.is_alive()


def test_a_long_log_may_break_off_as_often_as_it_goes_on(server: FaultServer) -> None:
    entries = [{"stream_name": "stdout", "time": n, "data": f"{n} {'x' * 1000}\n"} for n in range(9_000)]
    whole, asked = json.dumps(entries).encode(), itertools.count(1)

    def answer(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {**JSON, "Content-Length": str(len(whole))}))
        exchange.send(whole[: next(asked) * 1_000_000])
        exchange.hang_up()

    server.log = answer
    with client_of(server, replace(QUICK, read=2.0)) as client:
        got = [item.data for item in client.stream_logs(1)]
    assert got == [item["data"] for item in entries]
    assert next(asked) > QUICK.attempts + 2


def test_a_long_log_that_always_breaks_off_at_the_same_place_ends(server: FaultServer) -> None:
    whole = json.dumps([f"{n} {'x' * 1000}" for n in range(3_000)]).encode()

    def answer(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {**JSON, "Content-Length": str(len(whole))}))
        exchange.send(whole[:2_000_000])
        exchange.hang_up()

    server.log = answer
    with (
        client_of(server, replace(QUICK, read=2.0)) as client,
        pytest.raises(TransportFault, match="broke off"),
    ):
        list(client.stream_logs(1))
    assert len(server.requests) <= 3 * QUICK.attempts  # how much of it a try brings differs a little


def test_an_empty_text_is_an_empty_log(server: FaultServer) -> None:
    server.log = lambda exchange: exchange.answer(200, {"Content-Type": "text/plain"}, b"")
    with client_of(server) as client, client.stream_logs(1) as stream:
        assert list(stream) == []
        assert stream.settled

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.api import LogEntry
from kbench_jupyter.api.logs.entries import entries_of
from kbench_jupyter.api.logs.events import Event, EventParser


def parse(stream: bytes, *cuts: int) -> list[Event]:
    parser, events, edges = EventParser(), [], [0, *sorted(cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        events += parser.feed(stream[start:end])
    return events


def data(stream: bytes) -> list[str]:
    return [event.data for event in parse(stream)]


def test_the_standards_own_examples() -> None:
    # https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    assert data(b"data: YHOO\ndata: +2\ndata: 10\n\n") == ["YHOO\n+2\n10"]
    assert parse(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"
    ) == [
        Event("message", "first event", "1"),
        Event("message", "second event", ""),
    ]
    assert data(b"data\n\ndata\ndata\n\ndata:") == ["", "\n"]
    assert data(b"data:test\n\ndata: test\n\n") == ["test", "test"]


def test_every_kind_of_line_end_and_a_byte_order_mark() -> None:
    assert data(b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n") == ["a", "b", "c", "d"]


def test_only_line_ends_end_lines() -> None:
    text = "a\u2028b\x0bc\x85d"
    assert data(f"data: {text}\n\n".encode()) == [text]


def test_event_id_and_retry_fields() -> None:
    parser = EventParser()
    events = list(
        parser.feed(b"event: log\nid: 7\nretry: 1500\ndata: x\n\nid: a\0b\nretry: soon\ndata: y\n\n")
    )
    assert events == [Event("log", "x", "7"), Event("message", "y", "7")]
    assert (parser.retry, parser.last_id) == (1.5, "7")


def test_a_half_event_at_the_end_is_discarded() -> None:
    assert data(b"data: whole\n\ndata: half") == ["whole"]
    assert data(b"data: whole\n\ndata: no empty line\n") == ["whole"]


def test_a_stream_of_nothing_but_keepalives_has_no_events() -> None:
    assert data(b": keepalive\n\n: keepalive\r\n\r\n") == []


fields = st.lists(
    st.one_of(
        st.text(max_size=12).map(lambda value: "data: " + value.replace("\n", "").replace("\r", "")),
        st.sampled_from(["", ":", ": c", "id: ☃", "event: x", "retry: 3", "nonsense", "data"]),
    ),
    max_size=20,
)


@given(
    lines=fields,
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1),
    cuts=st.lists(st.integers(0, 400)),
)
def test_cutting_the_bytes_anywhere_changes_nothing(
    lines: list[str], ends: list[str], cuts: list[int]
) -> None:
    stream = "".join(line + ends[index % len(ends)] for index, line in enumerate(lines))
    raw = stream.encode("utf-8", "replace")
    inside = [cut for cut in cuts if cut <= len(raw)]
    assert parse(raw, *inside) == parse(raw) == parse(raw, *range(len(raw)))


def test_an_entry_in_an_event() -> None:
    wire = {"stream_name": "stderr", "time": 1.5, "data": "x\n"}
    assert list(entries_of(json.dumps(wire))) == [LogEntry("stderr", 1.5, "x\n")]
    assert list(entries_of(json.dumps(wire, indent=1))) == [LogEntry("stderr", 1.5, "x\n")]
    assert list(entries_of('"a string"')) == [LogEntry("", None, "a string\n")]
    assert list(entries_of("bare 5 words")) == [LogEntry("", None, "bare 5 words\n")]
    assert list(entries_of("5")) == [LogEntry("", None, "5\n")]
    assert list(entries_of('{"odd": 1}')) == [LogEntry("", None, '{"odd": 1}\n')]
    assert list(entries_of("END_OF_LOG")) == [None]


def test_entries_that_were_not_set_apart_are_told_apart() -> None:
    one, two = ('{"data": "1\\n"}', '{"data": "2\\n"}')
    assert list(entries_of(f"{one}\n{two}\nEND_OF_LOG")) == [
        LogEntry("", None, "1\n"),
        LogEntry("", None, "2\n"),
        None,
    ]

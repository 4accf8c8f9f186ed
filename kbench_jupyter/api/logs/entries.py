"""Asking for a log, and reading its entries: a going run's events, or an ended run's persisted log."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from kbench_jupyter.api.calls.answers import error_of, foreign, refusal
from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.transport import Cancel, Response, TransportFault
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.runs import LogEntry
from kbench_jupyter.api.values.wire import given

METHOD = "GetBenchmarkTaskRunLogs"
END_OF_LOG = "END_OF_LOG"
_CUT_OFF = f"{METHOD}: the server's JSON is cut off or garbled."
_CHUNK = 1 << 20  # bytes of a persisted log that are read at a time
_LONGEST = 64_000_000  # characters of one entry
_BETWEEN = " \t\r\n,"  # what stands between two items
# Logs hold raw control characters. Times stay text until one is asked for, for making numbers of all takes a third.
_decoder = json.JSONDecoder(strict=False, parse_float=str)


def open_log(
    caller: Caller,
    run_id: int,
    cancel: Cancel | None = None,
    last_id: str = "",
    deadline: float | None = None,
) -> Response:
    """Ask for a run's log and return the answer: events of a run that is going, or the whole log."""
    headers = {"Accept": "text/event-stream, application/json", "Cache-Control": "no-cache"}
    if last_id:
        # As bytes of UTF-8 in the header's Latin-1, which is how browsers send it.
        headers["Last-Event-ID"] = last_id.encode("utf-8").decode("latin-1")
    return caller.open(
        TASKS,
        METHOD,
        given(runId=run_id),
        headers=headers,
        cancel=cancel,
        subject=f"log of run {run_id}",
        deadline=deadline,
    )


def entries_of(data: str) -> Iterator[LogEntry | None]:
    """Yield the entries of one event's data; None stands for the end of the log."""
    if data.strip() == END_OF_LOG:
        yield None
        return
    entry = _entry(data)
    lines = data.split("\n")
    if entry is None and len(lines) > 1:
        # Fields that were not set apart by an empty line: an entry in each.
        several = [_entry(line) for line in lines if line and line.strip() != END_OF_LOG]
        if all(item is not None for item in several):
            for line in lines:
                if line.strip() == END_OF_LOG:
                    yield None
                    return
                if line:
                    yield _entry(line)
            return
    yield entry or LogEntry.from_wire(data)


def _entry(data: str) -> LogEntry | None:
    value = _loaded(data)
    if value is None:
        return None
    return LogEntry.from_wire(value if isinstance(value, dict | str) else data)


def persisted_items(caller: Caller, response: Response) -> Iterator[list[Any]]:
    """Yield the items of a whole log, a megabyte's worth at a time: it may be larger than memory.

    Raises `TransportFault` if it is cut off or no log at all, `ApiError` if it is an error in disguise.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    begun, rest = False, ""
    body = bytearray()
    with response:
        for piece in response.iter_bytes():
            body += piece
            if len(body) < _CHUNK:
                continue
            if not begun and not body.lstrip().startswith(b"["):
                if len(body) > caller.limits.answer:
                    raise TransportFault(f"{METHOD}: the server's answer is no log.", retryable=False)
                continue
            items, rest = _items(rest, decoder.decode(body), begun)
            body.clear()
            begun = True
            yield items
    if not begun:
        yield _small_log(caller, response, bytes(body))
        return
    text = rest + decoder.decode(body, final=True)
    value = _loaded(f"[{text.lstrip(_BETWEEN)}")
    if not isinstance(value, list):
        raise TransportFault(_CUT_OFF)
    yield value


def _items(rest: str, text: str, begun: bool) -> tuple[list[Any], str]:
    """Return the items that are whole by now, and the text behind them."""
    text = rest + text if begun else text.lstrip()[1:]
    end = text.rfind("},")
    value = _loaded(f"[{text[: end + 1]}]") if end >= 0 else None
    if isinstance(value, list):
        return value, text[end + 2 :]
    # What ends an item in most logs stands inside a text here, or the items are texts: one after the other.
    items: list[Any] = []
    place, size = 0, len(text)
    while place < size:
        while place < size and text[place] in _BETWEEN:
            place += 1
        try:
            item, end = _decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        if end >= size:  # a number may go on
            break
        items.append(item)
        place = end
    if size - place > _LONGEST:
        raise TransportFault(f"{METHOD}: an entry is larger than {_LONGEST:,} characters.", retryable=False)
    return items, text[place:]


def _small_log(caller: Caller, response: Response, body: bytes) -> list[Any]:
    value = _loaded(body.decode("utf-8-sig", "replace"))
    if isinstance(value, list):  # so it is no error in disguise, which would be an object
        return value
    answer = refusal(METHOD, response, body=body)
    if answer is not None:
        raise error_of(answer, caller.credentials)
    if response.content_type in ("", "text/plain") and body and not body.lstrip().startswith((b"{", b"[")):
        return [body.decode("utf-8", "replace")]
    if response.content_type == "text/plain" and not body:
        return []
    # Without a type, an empty answer is one whose header was cut off.
    if response.content_type in ("", "application/json") and value is None:
        raise TransportFault(_CUT_OFF)
    raise foreign(METHOD, response, body, caller.credentials)


def _loaded(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        return None


_stream, _data = itemgetter("stream_name"), itemgetter("data")


def joined(items: Sequence[Any]) -> list[LogEntry]:
    """Join neighbours of one stream, at a fifth of what making an entry of each takes."""
    entries = []
    try:
        for stream, group in groupby(items, _stream):
            members = list(group)
            if type(stream) is not str:
                raise TypeError
            time = parse.number(members[0].get("time"))
            entries.append(LogEntry(stream, time, "".join(map(_data, members))))
    except (TypeError, KeyError):  # some of it is not as entries mostly are
        return [LogEntry.from_wire(item) for item in items]
    return entries

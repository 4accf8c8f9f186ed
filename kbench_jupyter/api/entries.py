"""Log entries off the wire: out of the events of a going run, and out of the persisted log of an ended one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from kbench_jupyter.api import parse
from kbench_jupyter.api.answers import error_of, foreign, refusal
from kbench_jupyter.api.calls import Caller
from kbench_jupyter.api.models import LogEntry
from kbench_jupyter.api.transport import Response, TransportFault

__all__ = ["entries_of", "persisted_entries"]

METHOD = "GetBenchmarkTaskRunLogs"
END_OF_LOG = "END_OF_LOG"
_decode = json.JSONDecoder(strict=False).decode  # logs hold raw control characters


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
    try:
        value = _decode(data)
    except (ValueError, RecursionError):
        return None
    return LogEntry.from_wire(value if isinstance(value, dict | str) else data)


def persisted_entries(caller: Caller, response: Response, *, joined: bool = False) -> list[LogEntry]:
    """Return the entries of a whole log; if `joined`, neighbours of one stream as one.

    Raises
    ------
    TransportFault
        If it is cut off, or no log at all.
    ApiError
        If it is an error in disguise.
    """
    body = response.read()
    try:
        value: Any = _decode(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):  # so it is no error in disguise, which would be an object
        return _joined(value) if joined else [LogEntry.from_wire(item) for item in value]
    answer = refusal(METHOD, response, body=body)
    if answer is not None:
        raise error_of(answer, caller.credentials)
    if response.content_type in ("", "text/plain") and body and not body.lstrip().startswith((b"{", b"[")):
        return [LogEntry.from_wire(body.decode("utf-8", "replace"))]
    # Without a type, an empty answer is one whose header was cut off.
    if response.content_type in ("", "application/json") and value is None:
        raise TransportFault(f"{METHOD}: the server's JSON is cut off or garbled.")
    raise foreign(METHOD, response, body, caller.credentials)


_stream, _data = itemgetter("stream_name"), itemgetter("data")


def _joined(items: Sequence[Any]) -> list[LogEntry]:
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

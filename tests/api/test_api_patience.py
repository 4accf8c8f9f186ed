"""One answer that hangs costs one try, a slow drip does not escape, and no answer is read without an end."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import faults
import pytest
from api_helpers import QUICK
from faults import JSON, Exchange, FaultServer

from kbench_jupyter.api import Client, Credentials
from kbench_jupyter.errors import TransportError

DOWNLOAD, LOG = "DownloadBenchmarkTaskRunOutput", "GetBenchmarkTaskRunLogs"
#: Streams may be silent for a minute; everything else for a quarter of a second, and two seconds in all.
LIMITS = replace(QUICK, connect=0.25, stream_read=60, deadline=2.0, attempts=99)
ZIP = {"Content-Type": "application/zip", "ETag": '"v1"', "Content-Length": "300"}


@pytest.fixture
def client(server: FaultServer):
    server.api.archives[7] = b"z" * 300
    server.log = lambda exchange: exchange.answer(200, dict(JSON), json.dumps(["line"]).encode())
    with Client(server.url, Credentials.bearer("good", "the test"), limits=LIMITS) as ready:
        yield ready


def begins_and_hangs(headers: dict[str, str], sent: bytes = b"") -> faults.Fault:
    def fault(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, headers) + sent)
        faults.hang(exchange)

    return fault


def drips_for_ever(headers: dict[str, str]) -> faults.Fault:
    def fault(exchange: Exchange) -> None:
        exchange.keep_alive = False
        with suppress(OSError):
            exchange.send(exchange.head(200, headers))
            while not exchange.server.stopping.wait(0.05):
                exchange.send(b" ")

    return fault


def read(client: Client, what: str) -> object:
    if what == LOG:
        return [entry.data for entry in client.stream_logs(7)]
    with client.download_output(7) as download:
        return b"".join(download.iter_bytes())


RIGHT: dict[str, object] = {LOG: ["line\n"], DOWNLOAD: b"z" * 300}


@pytest.mark.parametrize("what", [DOWNLOAD, LOG])
@pytest.mark.parametrize(
    "fault",
    [
        faults.hang,
        begins_and_hangs(ZIP),
        begins_and_hangs(ZIP, b"zzz"),
        begins_and_hangs({**JSON, "Content-Length": "300"}, b"["),
    ],
    ids=["before the header", "before the body", "in mid-archive", "in mid-JSON"],
)
def test_an_answer_that_hangs_costs_one_try(
    server: FaultServer, client: Client, what: str, fault: faults.Fault
) -> None:
    server.inject(what, fault)
    began = time.monotonic()
    if what == LOG and "zip" in str(fault.__closure__):
        pytest.skip("no log is an archive")
    assert read(client, what) == RIGHT[what]
    assert len(server.calls(what)) == 2
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("what", [DOWNLOAD, LOG])
def test_an_answer_that_always_takes_longer_to_begin_than_one_try_waits_is_got(
    server: FaultServer, client: Client, what: str
) -> None:
    answered = server.log

    def late(exchange: Exchange) -> None:
        exchange.server.stopping.wait(1.5 * LIMITS.read)
        if what == LOG and answered is not None:
            answered(exchange)
        else:
            exchange.answer(*exchange.process())

    server.inject(what, *[late] * 99)
    assert read(client, what) == RIGHT[what]
    assert len(server.calls(what)) == 2


@pytest.mark.parametrize("what", [DOWNLOAD, LOG])
@pytest.mark.parametrize(
    "fault",
    [faults.hang, begins_and_hangs({**JSON, "Content-Length": "300"}, b"["), faults.drip(0.1)],
    ids=["hangs", "begins and hangs", "drips"],
)
def test_all_tries_together_end_within_the_deadline(
    server: FaultServer, client: Client, what: str, fault: faults.Fault
) -> None:
    server.inject(what, *[fault] * 99)
    began = time.monotonic()
    with pytest.raises(TransportError):
        read(client, what)
    assert time.monotonic() - began < LIMITS.deadline + 1
    assert len(server.calls(what)) > 1


def test_an_archive_that_stalls_again_and_again_ends_within_the_deadline(
    server: FaultServer, client: Client
) -> None:
    server.inject(DOWNLOAD, begins_and_hangs(ZIP, b"zzz"))
    rest = {**ZIP, "Content-Range": "bytes 3-299/300", "Content-Length": "297"}

    def resumed(exchange: Exchange) -> None:
        exchange.send(exchange.head(206, rest))
        faults.hang(exchange)

    server.inject(DOWNLOAD, *[resumed] * 99)
    began = time.monotonic()
    with pytest.raises(TransportError) as caught:
        read(client, DOWNLOAD)
    assert time.monotonic() - began < LIMITS.deadline + 1
    assert not getattr(caught.value, "retryable", True)  # so that nobody above begins again


@pytest.mark.parametrize(("what", "headers"), [(DOWNLOAD, ZIP), (LOG, {**JSON, "Content-Length": "300"})])
def test_a_body_that_drips_does_not_escape_the_deadline(
    server: FaultServer, client: Client, what: str, headers: dict[str, str]
) -> None:
    server.inject(what, *[drips_for_ever({**headers, "Content-Length": "30000"})] * 99)
    began = time.monotonic()
    with pytest.raises(TransportError, match="too slowly"):
        read(client, what)
    assert time.monotonic() - began < LIMITS.deadline + 1


def test_a_stream_that_has_begun_may_be_silent(server: FaultServer, client: Client) -> None:
    def quiet(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.server.stopping.wait(3 * LIMITS.read)
        exchange.send(faults.sse(["line"]))
        exchange.hang_up()

    server.inject(LOG, quiet)
    with client.stream_logs(7) as stream:
        assert [entry.data for entry in stream] == ["line\n"]
    assert stream.reconnects == 0


def endless(headers: dict[str, str], piece: bytes) -> faults.Fault:
    def fault(exchange: Exchange) -> None:
        exchange.keep_alive = False
        with suppress(OSError):
            exchange.send(exchange.head(200, headers))
            while not exchange.server.stopping.is_set():
                exchange.send(piece)

    return fault


def test_no_answer_is_read_without_an_end(server: FaultServer) -> None:
    server.inject("GetBenchmarkTaskQuota", endless(JSON, b" " * 65536))
    server.inject(DOWNLOAD, endless({"Content-Type": "application/zip"}, b" " * 65536))
    limits = replace(LIMITS, answer=1_000_000, archive=2_000_000)
    with Client(server.url, None, limits=limits) as client:
        with pytest.raises(TransportError, match="larger than 1,000,000 bytes"):
            client.task_quota()
        with pytest.raises(TransportError, match="larger than 2,000,000 bytes"):
            read(client, DOWNLOAD)
    assert len(server.requests) == 2


def test_a_compressed_answer_counts_as_large_as_it_is_unpacked(server: FaultServer) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    fields = {**JSON, "Content-Encoding": "gzip"}
    server.inject("GetBenchmarkTaskQuota", lambda exchange: exchange.answer(200, fields, bomb))
    with Client(server.url, None, limits=replace(LIMITS, answer=1_000_000, read=5)) as client:
        client.task_quota  # noqa: B018 - what is imported by the first call is not the answer's
        tracemalloc.start()
        with pytest.raises(TransportError, match="larger than 1,000,000 bytes"):
            client.task_quota()
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
        tracemalloc.stop()

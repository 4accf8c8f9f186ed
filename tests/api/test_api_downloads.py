from __future__ import annotations

import os
import tracemalloc
from contextlib import suppress

import faults
import pytest
from api_helpers import QUICK
from faults import Exchange, FaultServer

from kbench_jupyter.api import Client, Credentials
from kbench_jupyter.errors import NotFoundError, TransportError

METHOD = "DownloadBenchmarkTaskRunOutput"
ARCHIVE = os.urandom(300_000)


def cut_at(size: int, tag: str | None = '"v1"') -> faults.Fault:
    """Announce the whole archive, send a part, and end the connection."""

    def fault(exchange: Exchange) -> None:
        fields = {"Content-Type": "application/zip", "Content-Length": str(len(ARCHIVE))}
        exchange.send(exchange.head(200, {**fields, **({"ETag": tag} if tag else {})}) + ARCHIVE[:size])
        exchange.hang_up()

    return fault


@pytest.fixture
def archive(server: FaultServer) -> bytes:
    server.api.archives[7] = ARCHIVE
    return ARCHIVE


def test_the_bytes_and_their_number_come_as_they_are(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    with client.download_output(7, include_source=True) as download:
        assert (download.total, download.start, download.validator) == (len(archive), 0, '"v1"')
        assert b"".join(download.iter_bytes()) == archive
    assert server.requests[0].json == {"runId": 7, "includeSource": True}


def test_a_cut_download_goes_on_where_it_was(server: FaultServer, client: Client, archive: bytes) -> None:
    server.inject(METHOD, cut_at(1000), faults.reset_before, faults.status(503))
    with client.download_output(7) as download:
        assert b"".join(download.iter_bytes()) == archive
    assert [seen.headers.get("range") for seen in server.requests] == [None, *["bytes=1000-"] * 3]
    assert server.requests[1].headers["if-range"] == '"v1"'


def test_an_earlier_download_is_resumed(client: Client, archive: bytes) -> None:
    with client.download_output(7, start=299_000, validator='"v1"') as download:
        assert (download.start, download.total) == (299_000, len(archive))
        assert b"".join(download.iter_bytes()) == archive[299_000:]


def test_another_archive_comes_from_its_beginning(client: Client, archive: bytes) -> None:
    with client.download_output(7, start=1000, validator='"v0"') as download:
        assert download.start == 0
        assert b"".join(download.iter_bytes()) == archive


def test_a_start_without_a_validator_is_not_trusted(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    with client.download_output(7, start=1000) as download:
        assert download.start == 0
        assert b"".join(download.iter_bytes()) == archive
    assert "range" not in server.requests[0].headers


def test_a_part_that_does_not_say_which_is_not_appended(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    def unplaced(exchange: Exchange) -> None:
        exchange.answer(206, {"Content-Type": "application/zip", "ETag": '"v1"'}, ARCHIVE[1000:])

    server.inject(METHOD, cut_at(1000), unplaced)
    with (
        client.download_output(7) as download,
        pytest.raises(TransportError, match="changed while it was being downloaded, or cannot be resumed"),
    ):
        list(download.iter_bytes())


@pytest.mark.parametrize("tag", [None, 'W/"v1"'])
def test_a_cut_download_of_which_nothing_says_that_it_is_the_same_is_not_gone_on_with(
    server: FaultServer, client: Client, archive: bytes, tag: str | None
) -> None:
    server.inject(METHOD, cut_at(1000, tag))
    with client.download_output(7) as download, pytest.raises(TransportError):
        list(download.iter_bytes())
    assert len(server.requests) == 1


def test_a_start_behind_the_end_begins_anew(client: Client, archive: bytes) -> None:
    with client.download_output(7, start=len(archive), validator='"v1"') as download:
        assert download.start == 0
        assert b"".join(download.iter_bytes()) == archive


def test_two_archives_are_never_joined(server: FaultServer, client: Client, archive: bytes) -> None:
    server.inject(METHOD, cut_at(1000, '"v0"'))
    with client.download_output(7) as download, pytest.raises(TransportError, match="changed") as caught:
        list(download.iter_bytes())
    assert "again" in str(caught.value.hint)


def test_without_a_validator_a_cut_is_the_callers_to_mend(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    server.inject(METHOD, cut_at(1000, None))
    with client.download_output(7) as download:
        assert download.validator is None
        with pytest.raises(TransportError, match="broke off"):
            list(download.iter_bytes())
    assert download.position == 1000


def test_a_connection_that_always_breaks_ends_in_an_error(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    server.inject(METHOD, cut_at(1000), *[faults.reset_before] * 20)
    with client.download_output(7) as download, pytest.raises(TransportError):
        list(download.iter_bytes())
    assert len(server.requests) < 20


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (faults.status(404), NotFoundError, "output of run 7"),
        (faults.envelope(404), NotFoundError, "output of run 7"),
        (faults.html, TransportError, "text/html"),
    ],
)
def test_what_is_no_archive_is_an_error(
    server: FaultServer, client: Client, fault: faults.Fault, kind: type[Exception], words: str
) -> None:
    server.inject(METHOD, fault)
    with pytest.raises(kind, match=words), client.download_output(7):
        pass


def test_a_failure_under_200_is_tried_again(server: FaultServer, client: Client, archive: bytes) -> None:
    server.inject(METHOD, faults.envelope(503), faults.envelope(429))
    with client.download_output(7) as download:
        assert b"".join(download.iter_bytes()) == archive


def test_a_length_that_is_no_number_is_no_length(server: FaultServer, client: Client) -> None:
    def odd(exchange: Exchange) -> None:
        fields = {
            "Content-Type": "application/zip",
            "Content-Length": "\xb2",
        }  # a digit of sorts: superscript two
        exchange.send(exchange.head(200, fields) + b"PK")
        exchange.hang_up()

    server.inject(METHOD, odd)
    with client.download_output(7) as download:
        assert download.total is None
        assert b"".join(download.iter_bytes()) == b"PK"


def test_memory_stays_flat_however_large_the_archive(server: FaultServer) -> None:
    size, piece = 40_000_000, bytes(1_000_000)

    def large(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "application/zip", "Content-Length": str(size)}))
        with suppress(OSError):
            for _ in range(size // len(piece)):
                exchange.send(piece)

    server.inject(METHOD, large)
    with Client(server.url, Credentials.bearer("good", "the test"), limits=QUICK) as client:
        tracemalloc.start()
        try:
            with client.download_output(7) as download:
                received = sum(len(data) for data in download.iter_bytes())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert received == size
    assert peak < 5_000_000


def test_a_download_that_came_whole_leaves_its_connection_to_the_next(
    server: FaultServer, client: Client, archive: bytes
) -> None:
    for _ in range(3):
        with client.download_output(7) as download:
            assert b"".join(download.iter_bytes()) == archive
    assert server.connections == 1


def test_leaving_early_frees_the_connection(server: FaultServer, client: Client) -> None:
    def endless(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "application/zip", "Content-Length": "99999999"}))
        with suppress(OSError):
            while not exchange.server.stopping.is_set():
                exchange.send(bytes(10_000))
        exchange.keep_alive = False

    server.inject(METHOD, endless)
    with client.download_output(7) as download:
        next(download.iter_bytes())
    assert server.wait_for_connections(0)

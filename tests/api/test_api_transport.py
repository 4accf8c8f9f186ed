"""The transport of real life against real sockets."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import certifi
import faults
import pytest
from api_helpers import QUICK
from faults import JSON, Exchange, FaultServer

from kbench_jupyter.api import Client, Credentials, PooledTransport, Request, TransportFault
from kbench_jupyter.api.network import proxies
from kbench_jupyter.api.transport import Cancel

SECRET = "s3cr3t-value"


def test_connections_are_kept_and_used_again(server: FaultServer, client: Client) -> None:
    for _ in range(5):
        client.task_quota()
    assert server.open_connections == 1
    client.close()
    assert server.wait_for_connections(0)


def test_a_push_does_not_go_over_a_connection_that_a_router_has_forgotten(
    server: FaultServer, client: Client
) -> None:
    server.inject("GetBenchmarkTask", faults.forgotten)
    task = client.create_task("t", "{}")
    assert (task.slug.version, task.note) == (1, "")
    assert len(server.calls("CreateBenchmarkTask")) == 1
    assert server.connections == 2


def test_a_connection_that_has_rested_for_a_minute_is_not_used_again(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.inject("GetBenchmarkTaskQuota", faults.forgotten, faults.forgotten)
    now, notes = time.time, []
    client._on_retry = lambda error, pause: notes.append(str(error))
    for later in (0.0, 60.0, -60.0):  # the clock may be set back
        monkeypatch.setattr(time, "time", lambda later=later: now() + later)
        client.task_quota()
    assert notes == []
    assert server.connections == 3


def test_an_error_that_is_kept_keeps_no_connection_of_a_closed_client(server: FaultServer) -> None:
    transport = PooledTransport()
    asked = Request("POST", f"{server.url}/v1/x/GetBenchmarkTaskQuota", body=b"{}")
    for answer in (transport(asked), transport(asked)):
        answer.read()
    server.inject("GetBenchmarkTaskQuota", faults.reset_before)
    with pytest.raises(TransportFault) as kept:
        transport(asked)
    assert server.wait_for_connections(1)
    transport.close()
    assert server.wait_for_connections(0)
    assert kept.value.__traceback__ is not None


def test_what_another_thread_still_asks_of_a_closed_client_leaves_no_connection(server: FaultServer) -> None:
    transport = PooledTransport()
    transport.close()
    asked = Request("POST", f"{server.url}/v1/x/GetBenchmarkTaskQuota", body=b"{}")
    for end in (lambda answer: answer.read(), lambda answer: answer.close()):
        end(transport(asked))
        assert server.wait_for_connections(0)
    server.inject("GetBenchmarkTaskQuota", faults.truncated)
    with pytest.raises(TransportFault):
        transport(asked).read()
    assert server.wait_for_connections(0)


def test_one_client_serves_many_threads(server: FaultServer, client: Client) -> None:
    server.api.page = 3
    for number in range(30):
        server.api.add_task(f"t{number}")
    results: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append([task.slug.task for task in client.list_tasks()]))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[f"t{number}" for number in range(30)]] * 12


def test_a_netrc_file_does_not_replace_the_credentials(
    server: FaultServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client.task_quota()
    assert server.requests[0].headers["authorization"] == "Bearer good"


def test_loopback_is_never_asked_for_through_a_proxy(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert client.task_quota().allowed == 10


def test_cookies_are_not_sent_back(server: FaultServer, client: Client) -> None:
    server.inject(
        "GetBenchmarkTaskQuota", lambda exchange: exchange.answer(200, {**JSON, "Set-Cookie": "a=b"}, b"{}")
    )
    client.task_quota()
    client.task_quota()
    assert "cookie" not in server.requests[1].headers


def test_a_compressed_answer_is_read(server: FaultServer, client: Client) -> None:
    body = gzip.compress(json.dumps({"dailyQuotaUsed": 3}).encode())
    server.inject(
        "GetBenchmarkTaskQuota",
        lambda exchange: exchange.answer(200, {**JSON, "Content-Encoding": "gzip"}, body),
    )
    assert client.task_quota().used == 3


def test_a_chunked_answer_is_read_and_a_cut_one_is_tried_again(server: FaultServer, client: Client) -> None:
    def chunked(whole: bool) -> faults.Fault:
        def fault(exchange: Exchange) -> None:
            exchange.send(exchange.head(200, {**JSON, "Transfer-Encoding": "chunked"}))
            exchange.send(b'13\r\n{"dailyQuotaUsed": \r\n')
            if not whole:
                exchange.hang_up()
                return
            exchange.send(b"2\r\n4}\r\n0\r\n\r\n")

        return fault

    server.inject("GetBenchmarkTaskQuota", chunked(False), chunked(True))
    assert client.task_quota().used == 4


def test_pieces_of_a_stream_come_as_they_are_sent(server: FaultServer) -> None:
    go_on = threading.Event()

    def stream(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        exchange.send(b"first")
        go_on.wait(5)
        exchange.send(b"second")
        exchange.hang_up()

    server.inject("X", stream)
    transport = PooledTransport()
    with transport(Request("POST", server.url + "/v1/s/X", read_timeout=5)) as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"first"
        go_on.set()
        assert list(pieces) == [b"second"]
    transport.close()


@pytest.mark.parametrize(
    ("fault", "words", "maybe"),
    [
        (faults.reset_before, "broke before an answer came", True),
        (faults.hang, "no answer within 0.2 s", True),
        (faults.drip(0.05), "had not finished its answer after 0.3 s", True),
    ],
)
def test_faults_say_what_happened_and_nothing_secret(
    server: FaultServer, fault: faults.Fault, words: str, maybe: bool
) -> None:
    server.inject("X", fault)
    transport = PooledTransport()
    request = Request(
        "POST",
        server.url + "/v1/s/X?signature=" + SECRET,
        {"Authorization": f"Bearer {SECRET}"},
        b"{}",
        read_timeout=0.20004,  # what is left of a deadline is no round number
        total_timeout=0.30004,
    )
    began = time.monotonic()
    with pytest.raises(TransportFault, match=words) as caught:
        transport(request).read()
    assert time.monotonic() - began < 2
    assert caught.value.maybe_processed is maybe
    assert SECRET not in repr(caught.value) + "".join(caught.value.lines()) + repr(request)
    # What requests raised holds the request and its headers: it must not hang on to the fault.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    transport.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://no-such-host.invalid/x", "cannot be resolved|refuses|proxy"),
        ("http://127.0.0.1:1/x", "refuses connections"),
        ("http://127.0.0.1:99999/x", "No request can be made"),
    ],
)
def test_a_server_that_was_never_reached_surely_did_nothing(url: str, words: str) -> None:
    with pytest.raises(TransportFault, match=words) as caught:
        PooledTransport()(Request("POST", url, connect_timeout=2))
    assert not caught.value.maybe_processed


def test_a_malformed_header_is_not_quoted(server: FaultServer) -> None:
    # requests 2.31 lets it pass, and http.client refuses it with other words.
    with pytest.raises(TransportFault, match="No request can be made") as caught:
        PooledTransport()(Request("POST", server.url, {"Authorization": f"Bearer {SECRET}\n"}))
    assert SECRET not in str(caught.value)
    assert server.requests == []


def test_a_server_without_tls_is_told_apart_from_an_answer(server: FaultServer) -> None:
    with pytest.raises(TransportFault):
        PooledTransport()(
            Request("POST", server.url.replace("http", "https"), connect_timeout=2, read_timeout=2)
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_an_untrusted_certificate_is_said_once_and_nothing_sent(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    with FaultServer(tls=certificate[1]) as server:
        client = Client(server.url, Credentials.bearer(SECRET, "x"), limits=QUICK)
        with pytest.raises(TransportFault, match=r"certificate of 127\.0\.0\.1") as caught:
            client.task_quota()
        assert "REQUESTS_CA_BUNDLE" in str(caught.value.hint)
        assert not caught.value.maybe_processed
        assert server.requests == []


def test_what_the_systems_store_trusts_is_trusted_with_truststore(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("truststore")
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere a system's store cannot be another for one process")
    words = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate[0])]
    name = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / f"{name}.0").write_bytes(certificate[0].read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # where OpenSSL looks for what this system trusts
    with FaultServer(tls=certificate[1]) as server:
        with Client(server.url, Credentials.bearer("good", "x"), limits=QUICK) as client:
            assert client.task_quota().allowed == 10
        monkeypatch.setattr("kbench_jupyter.api.network.proxies.system_trust", lambda: None)
        with Client(server.url, Credentials.bearer("good", "x"), limits=QUICK) as client:
            with pytest.raises(TransportFault, match="not trusted") as caught:
                client.task_quota()
            assert "truststore" in str(caught.value.hint)


def test_certificates_are_read_once_and_again_when_their_file_has_changed(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    reading = proxies._read

    def noted(context: object, bundle: str) -> None:
        read.append(bundle)
        reading(context, bundle)

    monkeypatch.setattr(proxies, "_read", noted)
    bundle = tmp_path / "company.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    together = threading.Barrier(3)

    def ask(client: Client) -> int:
        together.wait(10)
        return client.task_quota().allowed

    with (
        FaultServer(tls=certificate[1]) as server,
        Client(server.url, Credentials.bearer("good", "x"), limits=QUICK) as client,
    ):
        with pytest.raises(TransportFault, match="not trusted"):
            client.task_quota()
        assert read == [str(bundle)]
        bundle.write_bytes(certificate[0].read_bytes())
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(ask, [client] * 3)) == [10, 10, 10]
    assert read == [str(bundle)] * 2


def test_a_stream_over_tls_is_closed_at_once_from_another_thread(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    first, ended = threading.Event(), threading.Event()

    def endless(exchange: Exchange) -> None:
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream"}))
        exchange.send(faults.sse(["line"], end=False))
        exchange.keep_alive = False
        with suppress(OSError):
            exchange.sock.recv(1)

    with FaultServer(tls=certificate[1]) as server:
        server.log = endless
        client = Client(server.url, Credentials.bearer("good", "x"), limits=replace(QUICK, stream_read=60))
        assert client.task_quota().allowed == 10
        stream = client.stream_logs(5)

        def read() -> None:
            for _ in stream:
                first.set()
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        assert first.wait(5)
        before = server.open_connections
        stream.close()
        assert ended.wait(2)
        assert server.wait_for_connections(before - 1, timeout=2)
        client.close()


def test_a_late_cancel_leaves_the_next_exchange_on_the_connection_alone(server: FaultServer) -> None:
    cancel, transport = Cancel(), PooledTransport()
    first = transport(Request("POST", server.url + "/v1/s/GetBenchmarkTaskQuota", body=b"{}", cancel=cancel))
    first.read()
    server.inject("X", faults.slow(0.1))
    second = threading.Thread(target=cancel.cancel)
    server.api.extra = {"fine": True}
    held = transport(Request("POST", server.url + "/v1/s/GetBenchmarkTaskQuota", body=b"{}"))
    second.start()
    second.join()
    assert json.loads(held.read())["fine"] is True
    assert server.open_connections == 1
    transport.close()


def test_closing_ends_the_connections_of_a_pool_that_something_still_holds(server: FaultServer) -> None:
    transport = PooledTransport()
    transport(Request("POST", server.url + "/v1/s/GetBenchmarkTaskQuota", body=b"{}")).read()
    held = next(iter(transport._managers.values())).connection_from_url(server.url)
    transport.close()
    assert server.wait_for_connections(0)
    assert held.host == "127.0.0.1"


def test_importing_the_room_does_not_import_requests() -> None:
    code = "import sys, kbench_jupyter.api; print('requests' in sys.modules, 'slugify' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.split() == ["False", "False"]


def test_every_public_name_can_be_had() -> None:
    import kbench_jupyter.api as room

    assert sorted(room.__all__) == sorted({name for names in room._HOMES.values() for name in names})
    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError):
        room.nonsense  # noqa: B018


def test_a_client_that_was_closed_can_be_used_again_and_leaves_no_thread(server: FaultServer) -> None:
    before = set(threading.enumerate())
    client = Client(server.url, Credentials.bearer("good", "x"), limits=replace(QUICK, deadline=60, read=60))
    client.close()
    assert client.task_quota().allowed == 10
    client.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()

"""Proxies and certificates that do not work are named for what they are, at once, and with what to type."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from api_helpers import QUICK
from faults import FaultServer, Proxy, SocksProxy

from kbench_jupyter.api import Client, Credentials, TransportFault
from kbench_jupyter.api.network.proxies import Way, network_fault

SECRET = "s3cr3t-value"
#: Nobody has this name (RFC 6761), so nothing leaves the machine even if the proxy is passed by.
HOST = "api.kaggle.invalid"


@pytest.fixture(autouse=True)
def _no_settings() -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in (
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "SSL_CERT_FILE",
        ):
            del os.environ[name]


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(f"https://{HOST}", Credentials.bearer(SECRET, "the test"), limits=QUICK) as ready:
        yield ready


def failed(client: Client) -> tuple[TransportFault, float]:
    began = time.monotonic()
    with pytest.raises(TransportFault) as caught:
        client.task_quota()
    assert SECRET not in "".join(caught.value.lines())
    assert not caught.value.maybe_processed
    return caught.value, time.monotonic() - began


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_dead_proxy_is_named_and_not_the_server(client: Client, variable: str) -> None:
    os.environ[variable] = f"http://me:{SECRET}@127.0.0.1:1"
    problem, seconds = failed(client)
    assert str(problem) == f"The proxy 127.0.0.1:1 ({variable}) refuses connections."
    assert f"%env {variable}=" in str(problem.hint)
    assert seconds < 1


def test_a_proxy_whose_name_nobody_knows_is_named(client: Client) -> None:
    os.environ["HTTPS_PROXY"] = "http://proxy.invalid:3128"
    problem, _ = failed(client)
    assert "proxy.invalid:3128 (HTTPS_PROXY) cannot be found" in str(problem)


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:port", "http://", "hhtp://a:1", "http://a b:1/", "http://[::1"]
)
def test_a_malformed_proxy_is_no_trouble_with_the_servers_address(client: Client, value: str) -> None:
    os.environ["HTTPS_PROXY"] = value
    problem, seconds = failed(client)
    assert "HTTPS_PROXY holds no proxy's address" in str(problem)
    assert "%env HTTPS_PROXY=http://HOST:PORT" in str(problem.hint)
    assert seconds < 1


@pytest.mark.parametrize("value", ["http://me:two words@{}", "{}", "//{}"])
def test_a_proxy_in_any_spelling_that_requests_takes_is_taken(client: Client, value: str) -> None:
    with Proxy(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as proxy:
        os.environ["HTTPS_PROXY"] = value.format(proxy.address)
        assert "it answers 403" in str(failed(client)[0])
        assert len(proxy.connects) == 1


def test_a_malformed_proxy_never_shows_its_password(client: Client) -> None:
    os.environ["HTTPS_PROXY"] = f"http://me:{SECRET}@127.0.0.1:port"
    assert "127.0.0.1:port" in str(failed(client)[0])


def test_a_proxy_that_asks_for_a_password_is_asked_once(client: Client) -> None:
    with Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        os.environ["HTTPS_PROXY"] = f"http://me:{SECRET}@{proxy.address}"
        problem, _ = failed(client)
        assert proxy.connects == [f"CONNECT {HOST}:443 HTTP/1.{proxy.connects[0][-1]}"]
    assert f"The proxy {proxy.address} (HTTPS_PROXY) asks for a user name and password" in str(problem)
    assert "USER:PASSWORD@HOST:PORT" in str(problem.hint)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", f"{HOST}: it answers 403 (Forbidden)"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", f"{HOST}; perhaps it is none"),
        (b"", f"{HOST}; perhaps it is none"),
    ],
)
def test_a_proxy_that_does_not_let_through_is_asked_once(client: Client, answer: bytes, said: str) -> None:
    with Proxy(answer) as proxy:
        os.environ["HTTPS_PROXY"] = f"http://{proxy.address}"
        problem, _ = failed(client)
        assert len(proxy.connects) == 1
    assert f"does not connect to {said}" in str(problem)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_that_are_not_there_or_are_none_are_named(variable: str, tmp_path: Path) -> None:
    with Client("https://127.0.0.1:1", None, limits=QUICK) as client:
        os.environ[variable] = str(tmp_path / "gone.pem")
        problem, seconds = failed(client)
        # SSL_CERT_FILE is set for other programs too; OpenSSL passes over one that is not there.
        said = f"{variable} names a file of certificates that is not there: {tmp_path / 'gone.pem'}"
        assert (said in str(problem)) is (variable != "SSL_CERT_FILE")
        assert seconds < 1 or variable == "SSL_CERT_FILE"
    (tmp_path / "page.pem").write_text("<html>not found</html>")
    os.environ[variable] = str(tmp_path / "page.pem")
    with FaultServer() as server, Client(server.url.replace("http:", "https:"), None, limits=QUICK) as client:
        problem, _ = failed(client)
        assert "page.pem, which holds no certificates" in str(problem)
        assert server.requests == []


@pytest.mark.parametrize("bundle", [__file__, certifi.where()])
def test_an_address_in_capitals_is_checked_by_the_same_certificates(bundle: str) -> None:
    with FaultServer() as server, Client(server.url.replace("http:", "HTTPS:"), None, limits=QUICK) as client:
        os.environ["SSL_CERT_FILE"] = bundle
        problem, _ = failed(client)
        # Said before anything is sent; and what is no TLS is no fault of certificates that are some.
        assert ("which holds no certificates" in str(problem)) is (bundle == __file__)
        assert server.requests == [] or bundle != __file__


def test_a_certificate_itself_where_its_file_is_to_be_named_is_told() -> None:
    os.environ["REQUESTS_CA_BUNDLE"] = "-----BEGIN CERTIFICATE-----\n" + "MIID" * 1_000
    with Client("https://127.0.0.1:1", None, limits=QUICK) as client:
        problem, _ = failed(client)
    assert "REQUESTS_CA_BUNDLE names a file of certificates that is not there: -----BEGIN" in str(problem)
    assert len(str(problem)) < 400


def test_plain_http_on_this_machine_asks_for_no_certificates(server: FaultServer, tmp_path: Path) -> None:
    os.environ["REQUESTS_CA_BUNDLE"] = str(tmp_path / "gone.pem")
    with Client(server.url, None, limits=QUICK) as client:
        assert client.task_quota().allowed == 10


def test_a_socks_proxy_is_spoken_to(server: FaultServer) -> None:
    pytest.importorskip("socks", reason="pysocks is not installed")
    with SocksProxy(server.port) as proxy:
        os.environ["ALL_PROXY"] = f"socks5h://{proxy.address}"
        with pytest.MonkeyPatch.context() as patch, Client(server.url, None, limits=QUICK) as client:
            # To a loopback address no proxy is asked, and to any other one nothing is sent in plain text.
            patch.setattr("kbench_jupyter.api.network.proxies.is_loopback", lambda url: False)
            assert client.task_quota().allowed == 10
        assert len(proxy.connects) == 1


def test_a_socks_proxy_that_nothing_here_can_speak_to_is_said_to_be_that(client: Client) -> None:
    os.environ["HTTPS_PROXY"] = "socks5://127.0.0.1:1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kbench_jupyter.api.network.proxies.find_spec", lambda name: None)
        problem, _ = failed(client)
    assert problem.hint == "%pip install pysocks"


@pytest.mark.parametrize(
    ("said", "look_at"),
    [
        ("certificate has expired", "clock"),
        ("certificate is not yet valid", "clock"),
        ("Hostname mismatch, certificate is not valid for 'x'.", "sign-in page"),
        ("self-signed certificate in certificate chain", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_with_what_to_look_at(said: str, look_at: str) -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_message = said
    problem = network_fault([error], HOST, Way(), False, True)
    assert problem is not None
    assert f"({said})" in str(problem)
    assert look_at in (problem.hint or "")


def test_a_proxy_that_dies_in_mid_work_is_an_outage_that_may_pass() -> None:
    way = Way(proxy="proxy:3128", named_by="HTTPS_PROXY")
    for worked in (False, True):
        problem = network_fault([ConnectionRefusedError()], HOST, way, worked, True)
        assert problem is not None
        assert problem.retryable is worked

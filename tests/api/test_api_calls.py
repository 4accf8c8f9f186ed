"""Retries, deadlines, redirects and messages, through a transport that is a plain function."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import faults
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.api import Client, Credentials, Limits, Request, Response, TransportFault
from kbench_jupyter.errors import (
    ApiError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
)
from kbench_jupyter.retry_after import retry_after

SECRET = "s3cr3t-value"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def answer(status: int = 200, data: Any = None, **headers: str) -> Response:
    fields = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Response(status, fields, json.dumps({} if data is None else data).encode())


def client_on(
    transport: Callable[[Request], Response], url: str = "https://api.example", **options: Any
) -> tuple[Client, Clock]:
    clock = Clock()
    credentials = Credentials.bearer(SECRET, "~/.kaggle/access_token")
    options.setdefault("rand", lambda: 0.5)
    return Client(url, credentials, transport=transport, clock=clock, sleep=clock.sleep, **options), clock


def sequence(*answers: Response | Exception) -> Callable[[Request], Response]:
    queue = list(answers)

    def transport(request: Request) -> Response:
        item = queue.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    return transport


def test_pauses_double_up_to_a_cap_and_vary() -> None:
    failures = [answer(503) for _ in range(8)]
    client, clock = client_on(sequence(*failures), limits=Limits(attempts=8, backoff=1, backoff_cap=8))
    with pytest.raises(ServerError):
        client.task_quota()
    assert clock.pauses == [0.75, 1.5, 3, 6, 6, 6, 6]
    for low, high in ((0.0, 0.5), (0.999, 1.0)):
        assert Limits(backoff=1).pause(1, lambda low=low: low) == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize("code", [0, 200, None, "OK"])
def test_a_code_that_is_no_error_is_none(code: object) -> None:
    client, _ = client_on(sequence(answer(data={"code": code, "message": "", "slug": {"taskSlug": "t"}})))
    assert client.get_task("t").slug.task == "t"


@pytest.mark.parametrize("data", [{"error": "No such thing."}, {"error": {"message": "No such thing."}}])
def test_what_a_refusal_says_is_read_wherever_it_stands(data: object) -> None:
    client, _ = client_on(sequence(answer(400, data)))
    with pytest.raises(ApiError, match=r"No such thing\."):
        client.task_quota()


def test_a_refusal_that_breaks_off_is_what_its_status_says() -> None:
    with faults.FaultServer() as server:

        def short(exchange: faults.Exchange) -> None:
            exchange.send(
                exchange.head(404, {**faults.JSON, "Content-Length": "500"}) + b'{"code": 404, "mess'
            )
            exchange.hang_up()

        server.inject("GetBenchmarkTask", short)
        with Client(server.url, None) as client, pytest.raises(NotFoundError, match="task 't'"):
            client.get_task("t")
        assert len(server.requests) == 1


def test_the_real_jitter_is_not_always_the_same() -> None:
    import random

    pauses = {Limits().pause(3, random.random) for _ in range(20)}
    assert len(pauses) > 10


def test_retry_after_in_seconds_or_as_a_date_is_waited_for_but_capped() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    client, clock = client_on(
        sequence(
            answer(429, Retry_After="7"),
            answer(503, Retry_After=date),
            answer(429, Retry_After="3600"),
            answer(),
        )
    )
    client.task_quota()
    assert clock.pauses[0] == 7
    assert 17 < clock.pauses[1] <= 20
    assert clock.pauses[2] == 60


def test_the_deadline_covers_all_tries_and_pauses() -> None:
    def always(request: Request) -> Response:
        return answer(429, Retry_After="50")

    client, clock = client_on(always, limits=Limits(deadline=120, attempts=99))
    with pytest.raises(RateLimitError, match="asks to wait 50 s"):
        client.task_quota()
    assert clock.now <= 120


def test_each_try_gets_time_outs_within_what_is_left() -> None:
    seen: list[Request] = []

    def transport(request: Request) -> Response:
        seen.append(request)
        return answer(500)

    client, _ = client_on(transport)
    with pytest.raises(ServerError):
        client.task_quota()
    assert all(request.connect_timeout == 10 and request.read_timeout == 30 for request in seen)
    totals = [request.total_timeout for request in seen]
    assert totals == sorted(totals, reverse=True)
    assert all(total is not None and total <= 60 for total in totals)


@given(st.one_of(st.none(), st.text(max_size=40), st.integers(-5, 10**12).map(str), st.datetimes().map(str)))
def test_any_retry_after_is_read_or_ignored(value: str | None) -> None:
    seconds = retry_after(value)
    assert seconds is None or seconds >= 0


def test_a_write_is_sent_again_after_a_refused_connection_only() -> None:
    refused = TransportFault("refused", maybe_processed=False)
    client, _ = client_on(
        sequence(refused, refused, answer(data={"slug": {"taskSlug": "t", "versionNumber": 1}}))
    )
    assert client.create_task("t", "{}", known_version=0).version == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "http://10.0.0.1",
        "ftp://x",
        "nonsense",
        "https://u:p@x",
        "http://127.0.0.1.evil",
    ],
)
def test_nothing_is_sent_to_an_address_that_would_give_credentials_away(url: str) -> None:
    sent: list[Request] = []
    with pytest.raises(CredentialsError) as caught:
        client_on(lambda request: sent.append(request) or answer(), url)  # type: ignore[func-returns-value]
    assert caught.value.hint
    assert sent == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:9/", "http://[::1]:80", "https://api.example"]
)
def test_loopback_and_https_are_fine(url: str) -> None:
    client, _ = client_on(lambda request: answer(), url)
    assert client.task_quota().used == 0.0


def redirecting(location: str, status: int = 302) -> tuple[Client, list[Request]]:
    seen: list[Request] = []

    def transport(request: Request) -> Response:
        seen.append(request)
        if len(seen) == 1:
            return Response(status, {"Location": location})
        return Response(200, {"Content-Type": "application/zip"}, b"PK")

    return client_on(transport)[0], seen


def test_a_download_follows_a_redirect_without_its_credentials() -> None:
    client, seen = redirecting("https://storage.example/x?signature=1")
    with client.download_output(5) as download:
        assert b"".join(download.iter_bytes()) == b"PK"
    assert seen[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert "Authorization" not in seen[1].headers
    assert (seen[1].method, seen[1].body) == ("GET", None)


@pytest.mark.parametrize("port", ["", ":443"])
def test_a_redirect_within_the_server_keeps_the_credentials(port: str) -> None:
    client, seen = redirecting(f"https://api.example{port}/elsewhere", 307)
    with client.download_output(5) as download:
        list(download.iter_bytes())
    assert "Authorization" in seen[1].headers
    assert (seen[1].method, seen[1].body) == ("POST", b'{"runId": 5}')


@pytest.mark.parametrize("location", ["http://storage.example/x", "https://u:p@storage.example"])
def test_a_redirect_to_an_unsafe_address_is_refused(location: str) -> None:
    client, seen = redirecting(location)
    with pytest.raises(CredentialsError), client.download_output(5):
        pass
    assert len(seen) == 1


def test_a_redirect_into_this_machine_is_refused() -> None:
    client, seen = redirecting("http://127.0.0.1:8080/")
    with pytest.raises(TransportError, match="this machine"), client.download_output(5):
        pass
    assert len(seen) == 1


def test_a_write_is_not_redirected_elsewhere() -> None:
    client, seen = redirecting("https://other.example/")
    with pytest.raises(TransportError, match="a write is not sent there"):
        client.create_task("t", "{}", known_version=0)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "ask", [lambda client: client.get_task("t"), lambda client: list(client.list_runs("t"))]
)
def test_what_another_host_says_is_not_the_targets_word(ask: Callable[[Client], Any]) -> None:
    for status in (302, 307, 308):
        client, seen = redirecting("https://other.example/v1/x", status)
        with pytest.raises(TransportError, match=r"redirects to other\.example"):
            ask(client)
        assert len(seen) == 1


def test_redirects_in_circles_end() -> None:
    client, _ = client_on(lambda request: Response(302, {"Location": request.url}))
    with pytest.raises(TransportError, match="circles"):
        client.task_quota()


def paged(pages: Iterator[dict[str, Any]]) -> tuple[Client, list[Request]]:
    seen: list[Request] = []

    def transport(request: Request) -> Response:
        seen.append(request)
        return answer(data=next(pages))

    return client_on(transport)[0], seen


def task(name: str) -> dict[str, Any]:
    return {"slug": {"ownerSlug": "me", "taskSlug": name, "versionNumber": 1}}


def names(client: Client) -> Iterator[str]:
    return (item.slug.task for item in client.list_tasks())


def test_pages_that_go_round_in_circles_end() -> None:
    client, _ = client_on(lambda request: answer(data={"tasks": [], "nextPageToken": "again"}))
    with pytest.raises(TransportError, match="circles"):
        list(client.list_tasks())


def test_pages_with_ever_new_tokens_and_nothing_new_end() -> None:
    for page in ({"tasks": []}, {"tasks": [task("a")]}):
        client, seen = paged({**page, "nextPageToken": str(number)} for number in itertools.count())
        with pytest.raises(TransportError, match="do not end"):
            list(client.list_tasks())
        assert len(seen) < 50


def test_pages_far_beyond_what_the_server_says_there_is_end() -> None:
    client, seen = paged(
        {
            "tasks": [task(f"t{number}.{n}") for n in range(50)],
            "nextPageToken": str(number),
            "totalResults": 60,
        }
        for number in itertools.count()
    )
    with pytest.raises(TransportError, match="of 60 there are"):
        list(client.list_tasks())
    assert len(seen) < 50


def test_a_few_empty_pages_are_no_end() -> None:
    pages = [{"nextPageToken": str(number)} for number in range(9)]
    client, _ = paged(iter([*pages, {"tasks": [task("a")]}]))
    assert list(names(client)) == ["a"]


def listing(
    count: int, size: int, meet: Callable[[], Any] = lambda: None
) -> tuple[Client, list[dict[str, Any]]]:
    """Return a client of a server that lists so many tasks, by token or by how many to skip, and what it is asked."""
    asked: list[dict[str, Any]] = []

    def transport(request: Request) -> Response:
        body = json.loads(request.body or b"{}")
        asked.append(body)
        if "skip" in body:
            meet()
        start = int(body.get("pageToken", 0)) + body.get("skip", 0)
        more = {"nextPageToken": str(start + size)} if start + size < count else {}
        tasks = [task(f"t{number}") for number in range(start, min(count, start + size))]
        return answer(data={"tasks": tasks, "totalResults": count, **more})

    return client_on(transport)[0], asked


def test_a_list_that_is_wanted_whole_takes_two_round_trips_and_comes_in_order() -> None:
    all_there = threading.Barrier(7)
    client, asked = listing(391, 50, lambda: all_there.wait(30))  # the seven meet, or this raises
    assert [one.slug.task for one in client.list_tasks(whole=True)] == [f"t{n}" for n in range(391)]
    assert sorted(body.get("skip", 0) for body in asked) == [0, 50, 100, 150, 200, 250, 300, 350]


def test_a_list_of_one_page_is_asked_for_once() -> None:
    client, asked = listing(50, 50)
    assert len(list(client.list_tasks(whole=True))) == 50
    assert len(asked) == 1


def forgets_to_skip(body: dict[str, Any], tasks: list[Any]) -> Response | list[Any]:
    return tasks[:2] if "skip" in body else tasks


def refuses_to_skip(body: dict[str, Any], tasks: list[Any]) -> Response | list[Any]:
    return answer(400, {"code": 400, "message": "Unknown name 'skip'"}) if "skip" in body else tasks


def has_changed_meanwhile(body: dict[str, Any], tasks: list[Any]) -> Response | list[Any]:
    return tasks[1:] if body.get("skip") == 2 else tasks


@pytest.mark.parametrize("behaves", [forgets_to_skip, refuses_to_skip, has_changed_meanwhile])
def test_pages_asked_for_at_once_that_are_not_all_of_the_list_are_walked_one_by_one(behaves: Any) -> None:
    def transport(request: Request) -> Response:
        body = json.loads(request.body or b"{}")
        start = int(body.get("pageToken", 0)) + body.get("skip", 0)
        more = {"nextPageToken": str(start + 2)} if start + 2 < 7 else {}
        got = behaves(body, [task(f"t{number}") for number in range(start, min(7, start + 2))])
        return got if isinstance(got, Response) else answer(data={"tasks": got, "totalResults": 7, **more})

    client, _ = client_on(transport)
    assert [one.slug.task for one in client.list_tasks(whole=True)] == [f"t{n}" for n in range(7)]


def test_items_on_two_pages_come_once() -> None:
    client, _ = paged(
        iter([{"tasks": [task("a"), task("b")], "nextPageToken": "2"}, {"tasks": [task("b"), task("c")]}])
    )
    assert list(names(client)) == ["a", "b", "c"]
    client, _ = paged(
        iter(
            [
                {"runs": [{"id": 1, "state": "RUNNING"}], "nextPageToken": "2"},
                {"runs": [{"id": 1}, {"id": "2"}]},
            ]
        )
    )
    assert [run.id for run in client.list_runs("t")] == [1, 2]


@pytest.mark.parametrize(
    ("status", "call", "kind", "words", "hint"),
    [
        (403, "get_task", NotFoundError, "no task 'x'", "%kbench list"),
        (404, "get_task", NotFoundError, "no task 'x'", "%kbench list"),
        (404, "token", NotFoundError, "404", "not enabled for your account"),
        (403, "token", PermissionDeniedError, "403", "verification"),
        (403, "quota", PermissionDeniedError, "GetBenchmarkTaskQuota", "verified"),
        (418, "quota", ApiError, "418", None),
        (401, "quota", CredentialsError, "~/.kaggle/access_token", "https://www.kaggle.com/settings/api"),
    ],
)
def test_errors_say_what_and_what_next(
    status: int, call: str, kind: type[Exception], words: str, hint: str | None
) -> None:
    client, _ = client_on(lambda request: answer(status, {"code": status, "message": f"no, {SECRET}"}))
    do = {
        "get_task": lambda: client.get_task("x"),
        "token": lambda: client.create_model_proxy_token("auth"),
        "quota": client.task_quota,
    }[call]
    with pytest.raises(kind, match=words) as caught:
        do()
    error: Any = caught.value
    assert hint is None or hint in error.hint
    if isinstance(error, CredentialsError):
        assert "no, ***" in str(error.detail), "the server's own words"
    if isinstance(error, ApiError):
        assert (error.status, error.server_message) == (status, "no, ***")
        assert error.method
    shown = "\n".join([*error.lines(), repr(error), repr(client)])
    assert SECRET not in shown


def test_a_quota_message_points_to_the_quota_command() -> None:
    client, _ = client_on(lambda request: answer(400, {"code": 400, "message": "Daily quota exceeded"}))
    with pytest.raises(ApiError) as caught:
        client.schedule("t", ["m"], known_runs=())
    assert "%kbench quota" in str(caught.value.hint)


def test_without_credentials_a_401_says_where_to_get_some() -> None:
    client = Client("https://api.example", None, transport=lambda request: answer(401))
    with pytest.raises(CredentialsError, match="none were found") as caught:
        client.task_quota()
    assert "%kbench target local" in str(caught.value.hint)


def test_a_sign_in_page_is_recognised() -> None:
    page = b"<html><head><title>Hotel\nWiFi</title></head></html>"
    client, clock = client_on(
        lambda request: Response(200, {"Content-Type": "text/html; charset=utf-8"}, page)
    )
    with pytest.raises(TransportError, match=r"text/html instead of JSON \(Hotel WiFi\)") as caught:
        client.task_quota()
    assert "sign-in page" in str(caught.value.hint)
    assert clock.pauses == []


def test_the_token_call_says_who_asks() -> None:
    seen: list[Request] = []

    def transport(request: Request) -> Response:
        seen.append(request)
        return answer(
            data={"token": "tok-1", "baseUri": "https://p", "expiryTime": "2026-01-02T03:04:05.678Z"}
        )

    client, _ = client_on(transport)
    token = client.create_model_proxy_token("init")
    assert seen[0].headers["X-Kaggle-CLI-Source"] == "benchmarks-init"
    assert seen[0].url == "https://api.example/v1/models.ModelProxyApiService/CreateDefaultModelProxyToken"
    assert token.expiry_time == datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert "tok-1" not in repr(token)
    assert SECRET not in repr(seen[0])


def test_a_user_name_and_key_are_tried_on_a_real_call() -> None:
    credentials = Credentials.basic("me", "key", "~/.kaggle/kaggle.json")
    seen: list[Request] = []

    def transport(request: Request) -> Response:
        seen.append(request)
        return answer() if len(seen) == 1 else answer(401)

    client = Client("https://api.example", credentials, transport=transport)
    assert client.introspect_token().username == "me"
    assert client.introspect_token().active is False
    assert seen[0].headers["Authorization"] == "Basic bWU6a2V5"


@pytest.mark.parametrize(
    ("kind", "ask"),
    [
        ("text/plain", lambda client: client.task_quota()),
        ("text/html", lambda client: client.task_quota()),
        ("text/html", lambda client: list(client.stream_logs(1))),
        ("application/json", lambda client: client.download_output(1).__enter__()),
    ],
)
def test_a_page_that_repeats_the_request_never_shows_the_secret(
    kind: str, ask: Callable[[Client], Any]
) -> None:
    page = f"You sent: Authorization: Bearer {SECRET}".encode()
    client, _ = client_on(lambda request: Response(200, {"Content-Type": kind}, page))
    with pytest.raises(TransportError) as caught:
        ask(client)
    assert "You sent" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_error_of_what_stands_before_googles_services_is_said_in_its_words() -> None:
    said = {"error": {"code": 403, "message": "The caller does not have permission", "status": "DENIED"}}
    for status in (403, 200):
        client, _ = client_on(lambda _request, status=status: answer(status, said))
        with pytest.raises(PermissionDeniedError, match=r"\(403\): The caller does not have permission"):
            client.task_quota()


@pytest.mark.parametrize("before", range(380, 402, 2))
def test_no_part_of_a_secret_is_left_at_the_end_of_a_long_message(before: int) -> None:
    refused = answer(403, {"code": 403, "message": "x" * before + SECRET})
    client, _ = client_on(lambda request: refused)
    with pytest.raises(PermissionDeniedError) as caught:
        client.task_quota()
    assert SECRET[:3] not in caught.value.server_message + str(caught.value)


def test_a_redirect_to_no_address_is_an_error_of_ours() -> None:
    client, _ = client_on(lambda request: answer(307, Location="http://[::1"))
    with pytest.raises(TransportError, match="address that is none"):
        client.task_quota()


def test_a_name_below_localhost_is_not_this_machine() -> None:
    with pytest.raises(CredentialsError, match="plain http"):
        client_on(lambda request: answer(), url="http://evil.localhost")

"""A server on loopback that speaks enough of the Benchmarks API, and misbehaves when told to.

A `FaultServer` hands each request to an `FakeApi` (tasks, runs, logs, archives in memory). ``inject``
queues faults for a method: each is used up by one request and decides what the client gets to see, and
whether the request was acted on. `FaultServer.requests` records all that arrived.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

Handled = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json"}


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    verb: str = "POST"

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")


class Exchange:
    """One request on its connection, and the ways to answer it."""

    def __init__(self, server: FaultServer, sock: socket.socket, seen: Seen) -> None:
        self.server = server
        self.sock = sock
        self.seen = seen
        self.keep_alive = True

    def process(self) -> Handled:
        return self.server.api.handle(self.seen)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        fields = {"Content-Length": str(len(body)), **headers}
        self.send(self.head(status, fields) + body)

    def head(self, status: int, fields: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.keep_alive = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def hang_up(self) -> None:
        """End the connection in an orderly way, wherever the answer stands."""
        self.keep_alive = False
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


Fault = Callable[[Exchange], None]


# -- Faults: each decides whether the request is acted on, and what the client sees -------------------------


def reset_before(exchange: Exchange) -> None:
    exchange.reset()


def reset_after(exchange: Exchange) -> None:
    exchange.process()
    exchange.reset()


def truncated(exchange: Exchange) -> None:
    status, headers, body = exchange.process()
    exchange.send(
        exchange.head(status, {**headers, "Content-Length": str(len(body))}) + body[: len(body) // 2]
    )
    exchange.hang_up()


def truncated_unannounced(exchange: Exchange) -> None:
    """Cut without a Content-Length: only the JSON itself tells."""
    status, headers, body = exchange.process()
    exchange.send(exchange.head(status, {**headers, "Connection": "close"}) + body[: len(body) // 2])
    exchange.hang_up()


def envelope(code: int, message: str = "made to fail", processed: bool = False) -> Fault:
    def fault(exchange: Exchange) -> None:
        if processed:
            exchange.process()
        exchange.answer(200, JSON, json.dumps({"code": code, "message": message}).encode())

    return fault


def html(exchange: Exchange) -> None:
    page = b"<!DOCTYPE html><html><head><title>Sign in to Hotel WiFi</title></head><body>hi</body></html>"
    exchange.answer(200, {"Content-Type": "text/html"}, page)


def html_after(exchange: Exchange) -> None:
    exchange.process()
    html(exchange)


def status(code: int, headers: dict[str, str] | None = None, processed: bool = False) -> Fault:
    def fault(exchange: Exchange) -> None:
        if processed:
            exchange.process()
        body = json.dumps({"code": code, "message": f"made to answer {code}"}).encode()
        exchange.answer(code, {**JSON, **(headers or {})}, body)

    return fault


def hang(exchange: Exchange) -> None:
    """Never answer; ends when the client gives up or the server stops."""
    exchange.keep_alive = False
    exchange.sock.settimeout(10)
    with suppress(OSError):
        exchange.sock.recv(1)


def hang_after(exchange: Exchange) -> None:
    exchange.process()
    hang(exchange)


def forgotten(exchange: Exchange) -> None:
    """Answer; whatever is sent over that connection afterwards is answered by nobody."""
    exchange.answer(*exchange.process())
    exchange.keep_alive = False
    exchange.server.stopping.wait(10)


def drip(interval: float) -> Fault:
    """Send the answer one byte at a time: each byte in time, the whole of it never."""

    def fault(exchange: Exchange) -> None:
        code, headers, body = exchange.process()
        data = exchange.head(code, {**headers, "Content-Length": str(len(body))}) + body
        with suppress(OSError):
            for index in range(len(data)):
                exchange.send(data[index : index + 1])
                if exchange.server.stopping.wait(interval):
                    break
        exchange.hang_up()

    return fault


def slow(seconds: float) -> Fault:
    """Answer late, but well within any time-out."""

    def fault(exchange: Exchange) -> None:
        exchange.server.stopping.wait(seconds)
        exchange.answer(*exchange.process())

    return fault


def _in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


def _a_minute_ago() -> str:
    return format_datetime(datetime.now(UTC) - timedelta(minutes=1), usegmt=True)


# Faults that one more try mends, when nothing speaks against trying again.
PASSING: dict[str, Fault] = {
    "reset before processing": reset_before,
    "reset after processing": reset_after,
    "truncated JSON": truncated,
    "truncated JSON, length unannounced": truncated_unannounced,
    "envelope 500 under 200": envelope(500, processed=True),
    "envelope 503 under 200": envelope(503),
    "envelope 429 under 200": envelope(429),
    "429 without Retry-After": status(429),
    "429 with Retry-After in seconds": status(429, {"Retry-After": "1"}),
    "429 with Retry-After 0": status(429, {"Retry-After": "0"}),
    "429 with Retry-After as a date": status(429, {"Retry-After": _in_an_hour()}),
    "429 with Retry-After as a past date": status(429, {"Retry-After": _a_minute_ago()}),
    "429 with a garbled Retry-After": status(429, {"Retry-After": "soon"}),
    "500": status(500),
    "500 after processing": status(500, processed=True),
    "502": status(502),
    "503": status(503),
    "503 after processing": status(503, processed=True),
    "503 with Retry-After": status(503, {"Retry-After": "1"}),
    "504 after processing": status(504, processed=True),
    "a hang": hang,
    "a hang after processing": hang_after,
    "a slow drip": drip(0.05),
}
LASTING: dict[str, Fault] = {
    "HTML under 200": html,
    "HTML under 200 after processing": html_after,
    "envelope 400 under 200": envelope(400),
    "400": status(400),
    "403": status(403),
}


# -- The API ------------------------------------------------------------------------------------------------


@dataclass
class FakeApi:
    """Tasks, runs, logs and archives in memory; counts what it acted on."""

    tasks: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    runs: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    known_models: set[str] | None = None
    configs: list[dict[str, Any]] = field(default_factory=list)
    benchmarks: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    known_tags: set[str] = field(default_factory=set)
    names_runs: bool = (
        False  # whether a schedule's answer names its runs, as servers do since kagglesdk 0.1.38
    )
    offers: Callable[[str], bool] = lambda method: True
    archives: dict[int, bytes] = field(default_factory=dict)
    echo_options: bool = True
    datasets: set[str] | None = None
    page: int = 50
    pushes: int = 0
    schedules: Counter[str] = field(default_factory=Counter)
    extra: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, seen: Seen) -> Handled:
        with self.lock:
            action = getattr(self, seen.method, None)
            if action is None or not self.offers(seen.method):
                return self.error(404, f"no method {seen.method}")
            result = action(seen.json)
        if isinstance(result, tuple):
            return result
        return 200, dict(JSON), json.dumps({**result, **self.extra}).encode()

    @staticmethod
    def error(code: int, message: str) -> Handled:
        return code, dict(JSON), json.dumps({"code": code, "message": message}).encode()

    def add_task(self, slug: str, **fields: Any) -> dict[str, Any]:
        versions = self.tasks[slug]
        task = {
            "slug": {"ownerSlug": "me", "taskSlug": slug, "versionNumber": len(versions) + 1},
            "url": f"/benchmarks/tasks/me/{slug}/{len(versions) + 1}",
            "creationState": "BENCHMARK_TASK_VERSION_CREATION_STATE_COMPLETED",
            "createTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": "CLI",
            **fields,
        }
        versions.append(task)
        return task

    def CreateBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any]:
        self.pushes += 1
        asked = body.get("options", {}).get("datasetDataSources", [])
        found = [name for name in asked if self.datasets is None or name in self.datasets]
        task = self.add_task(body["slug"], **({"options": {"datasetDataSources": found}} if found else {}))
        return task if self.echo_options else {k: v for k, v in task.items() if k != "options"}

    def GetBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any] | Handled:
        versions = self.tasks.get(body["slug"]["taskSlug"])
        return versions[-1] if versions else self.error(403, "Permission denied")

    def PublishBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[body["slug"]["taskSlug"]][-1]
        task["isPublic"] = True
        if body.get("publishBackingNotebook"):
            task["isBackingNotebookPublished"] = True
        if body.get("publishRunArtifacts"):
            task["areRunArtifactsPublic"] = True
        return task

    def UpdateBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any] | Handled:
        versions = self.tasks.get(body["slug"]["taskSlug"])
        if not versions:
            return self.error(404, "Not found")
        named = body["updateMask"].split(",")
        versions[-1].update({name: body.get(name) for name in named})
        unknown = [tag for tag in body.get("tags", []) if tag not in self.known_tags]
        if "tags" in named:
            versions[-1]["tags"] = [tag for tag in body.get("tags", []) if tag in self.known_tags]
        return {"task": versions[-1], "invalidTags": unknown}

    def AddTasksToBenchmark(self, body: dict[str, Any]) -> dict[str, Any] | Handled:
        there = self.benchmarks[body["benchmarkSlug"]]
        if missing := [slug for slug in body["taskSlugs"] if slug["taskSlug"] not in self.tasks]:
            return self.error(404, f"No task {missing[0]}")
        skipped = [slug for slug in body["taskSlugs"] if slug in there]
        added = [slug for slug in body["taskSlugs"] if slug not in there]
        there += added
        return {"addedTasks": added, "skippedTasks": skipped}

    def RemoveTasksFromBenchmark(self, body: dict[str, Any]) -> dict[str, Any]:
        there = self.benchmarks[body["benchmarkSlug"]]
        removed = [slug for slug in body["taskSlugs"] if slug in there]
        there[:] = [slug for slug in there if slug not in removed]
        return {"removedTasks": removed, "skippedTasks": [s for s in body["taskSlugs"] if s not in removed]}

    def _paged(self, items: list[Any], body: dict[str, Any], key: str) -> dict[str, Any]:
        start = int(body.get("pageToken") or 0) + body.get("skip", 0)
        page = {key: items[start : start + self.page], "totalResults": len(items)}
        if start + self.page < len(items):
            page["nextPageToken"] = str(start + self.page)
        return page

    def ListBenchmarkTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._paged([versions[-1] for versions in self.tasks.values()], body, "tasks")

    def ListBenchmarkModels(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._paged(self.models, body, "benchmarkModels")

    def ListBenchmarkModelVersionConfigs(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body["benchmarkModelVersionIds"]
        found = [one for one in self.configs if one["benchmarkModelVersionId"] in wanted]
        return self._paged(found, body, "configs")

    def ListBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        runs = [run for run in self.runs if run["taskSlug"]["taskSlug"] == body["taskSlug"]["taskSlug"]]
        return self._paged(runs, body, "runs")  # ignores the model filter, as the real server may

    def BatchScheduleBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any] | Handled:
        slug, models = body["taskSlugs"][0], body.get("modelVersionSlugs", [])
        if self.known_models is not None and not set(models) <= self.known_models:
            return self.error(404, "Model not found")
        effort, results = body.get("reasoningEffort"), []
        candidates: list[dict[str, Any]] = [{"modelVersionSlug": model} for model in models]
        if effort:
            candidates = [
                {**one, "modelVersionConfigSlug": f"{one['modelVersionSlug']}-{effort}"} for one in candidates
            ]
        candidates += [{"agentSlug": agent} for agent in body.get("agentSlugs", [])]
        for candidate in candidates:
            self.schedules["/".join(candidate.values())] += 1
            run = {
                "id": 1000 + len(self.runs),
                "taskSlug": {**slug, "versionNumber": max(1, len(self.tasks[slug["taskSlug"]]))},
                **candidate,
                "state": "BENCHMARK_TASK_RUN_STATE_QUEUED",
            }
            self.runs.append(run)
            result = {"runScheduled": True, "benchmarkModelVersionId": 7}
            result |= {"benchmarkModelVersionConfigId": 8} if effort else {}
            results.append(result | ({"runId": run["id"]} if self.names_runs else {}))
        return {"results": results}

    def ApiCancelBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        slugs = [slug["taskSlug"] for slug in body.get("taskSlugs", {}).get("slugs", [])]
        ids = body.get("runIds", {}).get("ids", [])
        counts: Counter[str] = Counter()
        for run in self.runs:
            state = run["state"].removeprefix("BENCHMARK_TASK_RUN_STATE_")
            going = state == "QUEUED" or (state == "RUNNING" and body.get("includeActive"))
            if going and (run["taskSlug"]["taskSlug"] in slugs or run["id"] in ids):
                run.update(state="BENCHMARK_TASK_RUN_STATE_ERRORED", errorMessage="cancelled")
                counts[state] += 1
        return {"queuedCancelledCount": counts["QUEUED"], "activeTerminatedCount": counts["RUNNING"]}

    def CreateDefaultModelProxyToken(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "token": "proxy-secret",
            "baseUri": "https://proxy.example",
            "expiryTime": "2026-05-06T09:08:09.123Z",
        }

    def GetBenchmarkTaskQuota(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"dailyQuotaUsed": 1.5, "totalDailyQuotaAllowed": 10}

    def GetModelProxyQuotas(self, body: dict[str, Any]) -> dict[str, Any]:
        balance = {"quotaUsed": 1, "totalQuotaAllowed": 20.0, "refillPeriod": "MONTHLY"}
        return {"quotaBalances": [balance]}

    def GetBenchmarkLeaderboard(self, body: dict[str, Any]) -> dict[str, Any]:
        scored = {"benchmarkTaskSlug": "t1", "taskVersion": 2, "result": {"numericResult": {}}}
        unscored = {"benchmarkTaskSlug": "t2", "taskVersion": 1}
        return {"rows": [{"modelVersionSlug": "m", "taskResults": [scored, unscored]}]}

    def ListBenchmarkTopics(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"topics": [{"id": 7, "title": f"About {body['benchmarkSlug']}"}]}

    def IntrospectToken(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"active": True, "username": "me"} if body["token"] == "good" else {}

    def GenerateAccessToken(self, body: dict[str, Any]) -> dict[str, Any] | Handled:
        return {"token": "fresh-token", "expiresIn": 43200}

    def DownloadBenchmarkTaskRunOutput(self, body: dict[str, Any]) -> Handled:
        data = self.archives.get(body.get("runId", 0))
        if data is None:
            return self.error(404, "no output")
        return 200, {"Content-Type": "application/zip", "ETag": '"v1"', "Accept-Ranges": "bytes"}, data


# -- The server ---------------------------------------------------------------------------------------------


class FaultServer:
    """Listens on a free loopback port, a thread a connection, until `stop`; a context manager."""

    def __init__(self, api: FakeApi | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.api = api or FakeApi()
        self.requests: list[Seen] = []
        self.injected: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.authorize: Callable[[Seen], bool] = lambda seen: True
        self.log: Callable[[Exchange], None] | None = None
        self.draw: Callable[[Seen], Fault | None] = lambda seen: None
        self._plan: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.connections = 0  #: that were ever opened
        self._changed = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def inject(self, method: str, *faults: Fault) -> None:
        """Let the next requests for `method` meet these faults, one each."""
        self._plan[method].extend(faults)

    def calls(self, method: str) -> list[Seen]:
        return [seen for seen in self.requests if seen.method == method]

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def wait_for_connections(self, count: int, timeout: float = 5.0) -> bool:
        """Wait until exactly so many connections are open; return whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._open) == count, timeout)

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._open)
        for sock in sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self.wait_for_connections(0)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._open.add(sock)
                self.connections += 1
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            if self._tls is not None:
                with suppress(OSError):
                    sock = self._tls.wrap_socket(plain, server_side=True)
            reader = sock.makefile("rb")
            with suppress(OSError, ValueError):
                for seen in _requests(reader):
                    with self._lock:
                        self.requests.append(seen)
                        plan = self._plan[seen.method]
                        fault = plan.popleft() if plan else self.draw(seen)
                    exchange = Exchange(self, sock, seen)
                    self._answer(exchange, fault)
                    if not exchange.keep_alive or self.stopping.is_set():
                        break
        finally:
            with suppress(OSError):
                reader.close()
            sock.close()
            with self._changed:
                self._open.discard(plain)
                self._changed.notify_all()

    def _answer(self, exchange: Exchange, fault: Fault | None) -> None:
        if fault is not None:
            name = getattr(fault, "__qualname__", str(fault)).partition(".")[0]
            with self._lock:
                self.injected[name] += 1
            fault(exchange)
        elif not self.authorize(exchange.seen):
            exchange.answer(*FakeApi.error(401, "Unauthorized"))
        elif exchange.seen.method == "GetBenchmarkTaskRunLogs" and self.log is not None:
            self.log(exchange)
        elif exchange.seen.method == "DownloadBenchmarkTaskRunOutput":
            _ranged(exchange)
        else:
            exchange.answer(*exchange.process())


def _ranged(exchange: Exchange) -> None:
    code, headers, body = exchange.process()
    asked = exchange.seen.headers.get("range", "")
    if code == 200 and asked and exchange.seen.headers.get("if-range") == headers.get("ETag"):
        start = int(asked.removeprefix("bytes=").partition("-")[0])
        if start >= len(body):
            exchange.answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            return
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        code, body = 206, body[start:]
    exchange.answer(code, headers, body)


def _requests(reader: Any) -> Iterator[Seen]:
    while True:
        line = reader.readline()
        if not line.strip():
            return
        verb, path, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (field_line := reader.readline().strip()) != b"":
            name, _, value = field_line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        body = reader.read(length)
        if len(body) < length:  # the client is gone, killed perhaps: there is no request to handle
            return
        yield Seen(path.partition("?")[0].rpartition("/")[2], path, headers, body, verb)


# -- Log streams --------------------------------------------------------------------------------------------


def sse(entries: list[Any], end: bool = True) -> bytes:
    """Return entries as server-sent events."""
    out = b"".join(b"data: " + json.dumps(entry).encode() + b"\n\n" for entry in entries)
    return out + (b"data: END_OF_LOG\n\n" if end else b"")


class CutLog:
    """A run's log that is streamed with cuts at given byte offsets, then persisted.

    Parameters
    ----------
    entries : list
        The whole log.
    cuts : list of int
        Bytes to send on each connection before cutting it; after the last, the rest is sent.
    mode : str
        ``"replay"`` every connection begins at the first entry; ``"continue"`` it goes on behind the last
        entry that was written to the connection before (a half sent one counts as written);
        ``"gap"`` like continue, but three entries more are lost each time; ``"tail"`` the last three
        written are sent again; ``"rewind"`` behaves as replay on every other connection only.
    noise : bool
        Put comments, ids, events and retry fields between the entries.
    """

    def __init__(
        self, entries: list[Any], cuts: list[int], mode: str, *, noise: bool = False, reset: bool = False
    ) -> None:
        self.entries = entries
        self.cuts = deque(cuts)
        self.mode = mode
        self.noise = noise
        self.reset = reset
        self.connections = 0
        self.cut_count = 0
        self.ended = False
        self._written = 0

    def __call__(self, exchange: Exchange) -> None:
        if self.ended:
            exchange.answer(200, dict(JSON), json.dumps(self.entries).encode())
            return
        start = self._start()
        self.connections += 1
        exchange.send(exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
        pieces = [self._event(index) for index in range(start, len(self.entries))]
        budget = self.cuts.popleft() if self.cuts else None
        whole = b"".join(pieces)
        if budget is not None and budget < len(whole):
            self.cut_count += 1
            with suppress(OSError):
                exchange.send(whole[:budget])
            self._written = start + _events_begun(pieces, budget)
            if self.reset:
                time.sleep(0.002)  # let what was sent arrive: a reset may overtake it, which is fine too
                exchange.reset()
            else:
                exchange.hang_up()
            return
        self.ended = True
        exchange.send(whole + b"data: END_OF_LOG\n\n")
        exchange.hang_up()

    def _start(self) -> int:
        if self.mode == "replay" or (self.mode == "rewind" and self.connections % 2 == 0):
            return 0
        if self.mode == "gap" and self.connections:
            return min(len(self.entries), self._written + 3)
        if self.mode == "tail":
            return max(0, self._written - 3)
        return self._written

    def _event(self, index: int) -> bytes:
        data = b"data: " + json.dumps(self.entries[index], ensure_ascii=False).encode() + b"\n\n"
        if not self.noise:
            return data
        extras = (b": keepalive\r\n", b"retry: 1\n", b"event: log\r", b"", b"id:\n")
        return extras[index % len(extras)] + (data.replace(b"\n", b"\r\n") if index % 3 == 0 else data)


def _events_begun(pieces: list[bytes], budget: int) -> int:
    for index, piece in enumerate(pieces):
        if budget <= 0:
            return index
        budget -= len(piece)
    return len(pieces)


# -- Proxies ------------------------------------------------------------------------------------------------


class Proxy:
    """A proxy on a free loopback port that answers each CONNECT with `answer` and hangs up; a context manager."""

    def __init__(self, answer: bytes) -> None:
        self.connects: list[str] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, suppress(OSError):
                    self._meet(sock)

    def _meet(self, sock: socket.socket) -> None:
        self.connects.append(sock.recv(4096).decode("latin-1").partition("\r\n")[0])
        sock.sendall(self._answer)


class SocksProxy(Proxy):
    """A SOCKS5 proxy on a free loopback port that leads wherever it is asked to `port`; a context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")  # connected

    def _meet(self, sock: socket.socket) -> None:
        sock.recv(64)
        sock.sendall(b"\x05\x00")  # no password is needed
        super()._meet(sock)
        there = socket.create_connection(("127.0.0.1", self._port))
        for pair in ((sock.dup(), there), (there, sock.dup())):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with source, sink, suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)

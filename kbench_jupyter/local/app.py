"""The routes: every call of the API under ``/v1`` and ``/api/v1``, the model proxy, and a few of our own."""

from __future__ import annotations

import inspect
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kbench_jupyter._version import __version__
from kbench_jupyter.local import archive, clean, logs, model_proxy
from kbench_jupyter.local.calls_benchmarks import BenchmarkCalls
from kbench_jupyter.local.calls_models import ModelCalls
from kbench_jupyter.local.calls_runs import RunCalls
from kbench_jupyter.local.calls_tasks import TaskCalls
from kbench_jupyter.local.home import Home, not_stored, proof_of
from kbench_jupyter.local.logs import LiveLog
from kbench_jupyter.local.model_proxy import ModelProxy
from kbench_jupyter.local.models import Models
from kbench_jupyter.local.queue import Queue
from kbench_jupyter.local.rows import GOING, QUEUED, RUNNING, Run
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import Answer, CallError, Guard, envelope, json_of, number_of

log = logging.getLogger("kbench.local")

Json = dict[str, Any]
Call = Callable[[Json], Any]
_TASKS, _BENCHMARKS = "benchmarks.BenchmarkTasksApiService", "benchmarks.BenchmarksApiService"
_TALK = "discussions.DiscussionApiService"
_PROXY, _OAUTH, _LOCAL = "models.ModelProxyApiService", "security.OAuthService", "local.LocalService"


class Api:
    """All calls by name, those with files and streams among them.

    `url` returns the server's own base address, `shut_down` ends the server, and `in_force` are the settings it was
    started with, by their names, without a secret.
    """

    def __init__(
        self,
        home: Home,
        store: Store,
        models: Models,
        queue: Queue,
        *,
        url: Callable[[], str],
        shut_down: Callable[[], None],
        in_force: Mapping[str, str],
    ) -> None:
        self._in_force = in_force
        self._home = home
        self._queue = queue
        self._models = models
        self._shut_down = shut_down
        self._url = url
        self._store = store
        tasks, boards = TaskCalls(store, models, queue), BenchmarkCalls(store, models)
        self._runs = runs = RunCalls(store, models, queue)
        about = ModelCalls(store, models, home.token, url, queue.expect)
        self._calls: dict[tuple[str, str], Call] = {
            (_TASKS, "CreateBenchmarkTask"): tasks.create,
            (_TASKS, "GetBenchmarkTask"): tasks.get,
            (_TASKS, "ListBenchmarkTasks"): tasks.list,
            (_TASKS, "UpdateBenchmarkTask"): tasks.update,
            (_TASKS, "UpdateBenchmarkTaskVersion"): tasks.update_version,
            (_TASKS, "ListBenchmarkTaskRuns"): runs.list_runs,
            (_TASKS, "BatchScheduleBenchmarkTaskRuns"): runs.schedule,
            (_TASKS, "ApiCancelBenchmarkTaskRuns"): runs.cancel,
            (_TASKS, "ApiGetBenchmarkSchedulerStatus"): runs.scheduler,
            (_TASKS, "PublishBenchmarkTask"): tasks.publish,
            (_TASKS, "GetBenchmarkTaskQuota"): _nothing,
            (_TASKS, "GetBenchmarkTaskRunLogs"): self.logs,
            (_TASKS, "DownloadBenchmarkTaskRunOutput"): self.download,
            (_BENCHMARKS, "ListBenchmarkModels"): about.list,
            (_BENCHMARKS, "ListBenchmarkModelVersionConfigs"): about.configs,
            (_BENCHMARKS, "AddTasksToBenchmark"): boards.add,
            (_BENCHMARKS, "RemoveTasksFromBenchmark"): boards.remove,
            (_BENCHMARKS, "GetBenchmarkLeaderboard"): boards.leaderboard,
            (_TALK, "ListBenchmarkTopics"): boards.topics,
            (_TALK, "GetTopic"): boards.topic,
            (_TALK, "ListComments"): boards.topic,
            (_PROXY, "CreateDefaultModelProxyToken"): about.create_token,
            (_PROXY, "GetModelProxyQuotas"): _nothing,
            (_OAUTH, "IntrospectToken"): about.introspect,
            (_LOCAL, "GetStatus"): self.status,
            (_LOCAL, "Clean"): self.clean,
            (_LOCAL, "Shutdown"): self.shutdown,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a call of the API."""
        service, method = request.path_params["service"], request.path_params["method"]
        call = self._calls.get((service, method))
        if call is None:
            return envelope(404, f"This server has no call {service}/{method}.")
        raw = await request.body()
        try:
            body = await json_of(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            return envelope(400, "The request is not JSON.")
        if not isinstance(body, dict):
            return envelope(400, "The request is not a JSON object.")
        try:
            # What asks the database alone does so beside the event loop, and holds nobody up.
            beside = not inspect.iscoroutinefunction(call)
            answer = await (run_in_threadpool(call, body) if beside else call(body))
        except CallError as error:
            return envelope(error.code, error.message)
        except (OSError, sqlite3.OperationalError) as error:
            log.warning("%s failed: %s", method, error)
            return envelope(507, not_stored(error))
        return answer if isinstance(answer, Response) else Answer(answer)

    async def logs(self, body: Json) -> Response:
        """GetBenchmarkTaskRunLogs: a stream from the first entry on while the run goes, an array after."""
        run = await run_in_threadpool(self._runs.run, body)
        if run.state == QUEUED:
            raise CallError(404, f"Run {run.id} is queued: it has no log yet.")
        if run.state == RUNNING and (live := self._queue.live_log(run)):
            headers = {"Cache-Control": "no-store"}
            return StreamingResponse(_events(live), media_type="text/event-stream", headers=headers)
        self._refuse_cleaned(run)
        found = await run_in_threadpool(logs.persisted, self._queue.folder_of(run))
        return Response(found, media_type="application/json")

    async def download(self, body: Json) -> Response:
        """DownloadBenchmarkTaskRunOutput: a zip; parts of it by ``Range``."""
        run = await run_in_threadpool(self._runs.run, body)
        path = self._queue.folder_of(run) / "output.zip"
        if run.state in GOING:
            raise CallError(404, f"Run {run.id} has not ended: there is no output yet.")
        self._refuse_cleaned(run)
        if not path.exists():
            raise CallError(404, f"Run {run.id} left no output: it ended before it had any.")
        if not body.get("includeSource"):
            path = await run_in_threadpool(archive.without_source, path)
        return _PostedFile(path, media_type="application/zip", filename=f"{run.slug}-{run.id}.zip")

    def _refuse_cleaned(self, run: Run) -> None:
        if run.start_time and not self._queue.folder_of(run).exists():
            raise CallError(
                410, f"The log and the output of run {run.id} were deleted by `%kbench local clean`."
            )

    async def clean(self, body: Json) -> Json:
        """Delete logs and outputs (a call of our own), or say what would be; see `clean.clean`."""
        limits = [
            number_of(body, name) if name in body else None for name in ("olderThanSeconds", "keepBytes")
        ]
        found = await run_in_threadpool(
            clean.clean, self._home, self._store, *limits, really=body.get("really") is True
        )
        return asdict(found)

    async def status(self, body: Json) -> Json:
        """What this server is doing (a call of our own); ``brief`` spares the look at its models."""
        about = {
            "version": __version__,
            "pid": os.getpid(),
            "url": self._url(),
            "home": str(self._home.path),
            "settings": dict(self._in_force),
            **await self._queue.count(),
        }
        if body.get("brief"):
            return about
        models = [model.slug for model in await self._models.all(now=True)]
        return {**about, "models": models, "problem": self._models.problem()}

    async def shutdown(self, _body: Json) -> Json:
        """End the server (a call of our own)."""
        self._shut_down()
        return {}

    async def ping(self, request: Request) -> Response:
        """Prove that we know the token, to somebody who has not shown theirs."""
        nonce = request.query_params.get("nonce", "")
        if not 16 <= len(nonce) <= 128:
            return envelope(400, "`nonce` must have 16 to 128 characters.")
        return Answer({"proof": proof_of(self._home.token, nonce)})


class _PostedFile(FileResponse):
    """A file, and parts of it by ``Range``, in answer to the POST that every call of this API is."""

    chunk_size = 2**20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette looks at Range for GET and HEAD alone.
        await super().__call__({**scope, "method": "GET"}, receive, send)


def _nothing(_body: Json) -> Json:
    """The quotas: on a machine of one's own nothing is limited."""
    return {}


async def _events(live: LiveLog) -> AsyncIterator[str]:
    async for entry in live.follow():
        yield ": keepalive\n\n" if entry is None else f"data: {entry}\n\n"
    yield "data: END_OF_LOG\n\n"


def make_app(api: Api, proxy: ModelProxy, token: str) -> ASGIApp:
    """Put the routes behind the guard, which wants the API's token."""
    routes = [
        Route("/v1/{service}/{method}", api.answer, methods=["POST"]),
        Route("/api/v1/{service}/{method}", api.answer, methods=["POST"]),
        Route("/ping", api.ping, methods=["GET"]),
        *model_proxy.routes(proxy),
    ]
    handlers: Any = {HTTPException: _refuse, ClientDisconnect: _hear_no_more, Exception: _fail}
    inner = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(inner, token, ("/openapi/", "/genai/", "/ping"))


async def _refuse(_request: Request, error: HTTPException) -> Response:
    return envelope(error.status_code, str(error.detail))


async def _hear_no_more(_request: Request, _error: Exception) -> Response:
    return envelope(499, "The client hung up before its request was whole.")


async def _fail(_request: Request, _error: Exception) -> Response:
    return envelope(500, "The embedded server failed; `%kbench local log` says how.")

"""The client: one method a call of the Benchmarks API, typed results, lazy lists."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from kbench_jupyter._version import __version__
from kbench_jupyter.api.calls import writes
from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.calls.pages import items_of_pages
from kbench_jupyter.api.calls.writes import is_task
from kbench_jupyter.api.credentials.find import Credentials
from kbench_jupyter.api.downloads import Download
from kbench_jupyter.api.limits import Limits
from kbench_jupyter.api.logs.stream import LogStream, read_log
from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.transport import Transport
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.tasks import (
    Leaderboard,
    LogEntry,
    Model,
    ModelProxyToken,
    QuotaBalance,
    Run,
    ScheduleResult,
    Task,
    TaskQuota,
    TaskSlug,
    TokenInfo,
)
from kbench_jupyter.errors import (
    ApiError,
    CredentialsError,
    KBenchError,
    NotFoundError,
    TransportError,
    UsageError,
)

__all__ = ["PRODUCTION", "Client"]

PRODUCTION = "https://api.kaggle.com"
TASKS = "benchmarks.BenchmarkTasksApiService"
BENCHMARKS = "benchmarks.BenchmarksApiService"
PROXY = "models.ModelProxyApiService"
OAUTH = "security.OAuthService"


class Client:
    """A connection to one server, safe to use from several threads; a context manager.

    Every method raises `ApiError` (or a kind of it) when the server refuses, `CredentialsError` when it
    refuses the credentials, and `TransportError` when no usable answer came within the limits.

    Parameters
    ----------
    base_url : str
        The server, for example `PRODUCTION` or ``http://127.0.0.1:8123``; plain http is for loopback only.
    credentials : Credentials or None
        Who is calling; None calls anonymously.
    transport : Transport, optional
        How a request is exchanged for a response; by default pooled connections.
    user_agent : str, optional
        How the client names itself.
    limits : Limits, optional
        Time-outs and retries.
    clock, sleep, rand : callable, optional
        Monotonic seconds, waiting, and a number in [0, 1); for tests.
    advice : str
        What to do when nothing listens at `base_url`, from whoever knows why it is that address.
    on_retry : callable, optional
        Called, in the thread of the call, with what went wrong and the seconds until it is tried again.

    Raises
    ------
    CredentialsError
        If `base_url` is plain http to a host other than loopback; nothing is sent.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        transport: Transport | None = None,
        user_agent: str = f"kbench-jupyter/{__version__}",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
        advice: str = "",
        on_retry: Callable[[KBenchError, float], None] | None = None,
    ) -> None:
        if transport is None:
            from kbench_jupyter.api.network.pooled import RequestsTransport

            transport = RequestsTransport(advice={base_url.rstrip("/"): advice} if advice else {})
        self._transport = transport
        self._caller = Caller(
            base_url, credentials, transport, limits or Limits(), user_agent, clock, sleep, rand, on_retry
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.base_url!r}, {self.credentials!r})"

    @property
    def base_url(self) -> str:
        """The server spoken to, without a slash at its end."""
        return self._caller.base_url

    @property
    def credentials(self) -> Credentials | None:
        """Who is calling."""
        return self._caller.credentials

    def close(self) -> None:
        """Close the pooled connections."""
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()

    # -- Tasks -----------------------------------------------------------------------------------------

    def create_task(
        self, slug: str, text: str, *, datasets: Sequence[str] = (), known_version: int | None = None
    ) -> Task:
        """Push a task: create it, or a new version of it.

        Never sent twice blindly: when the answer is lost, the task's version tells whether it landed, and
        the task comes back with a ``note``.

        Parameters
        ----------
        slug : str
            The task's slug.
        text : str
            The notebook as JSON text.
        datasets : sequence of str
            Datasets to attach (``owner/name``); those that cannot be resolved are `Task.invalid_datasets`.
        known_version : int, optional
            The newest version before, 0 when there is no such task; looked up when left out.

        Raises
        ------
        AmbiguousWriteError
            If the answer was lost and no new version has appeared since.
        """
        return writes.create_task(
            self._caller, lambda: self._find(slug), slug, text, tuple(datasets), known_version
        )

    def _find(self, slug: str) -> Task | None:
        try:
            return self.get_task(slug)
        except NotFoundError:
            return None

    def get_task(self, slug: TaskSlug | str, *, deadline: float | None = None) -> Task:
        """Return a task at its newest version (or at ``slug.version``).

        Parameters
        ----------
        deadline : float, optional
            Seconds for the call with all its tries, if fewer than usual.

        Raises
        ------
        NotFoundError
            If there is none, or it belongs to somebody else (the server answers 403 or 404).
        """
        address = TaskSlug.parse(slug)
        subject = f"task {str(address)!r}"
        body = {"slug": address.to_wire()}
        task = Task.from_wire(self._call(TASKS, "GetBenchmarkTask", body, subject, deadline))
        if not is_task(task, address.task):
            raise TransportError(
                f"GetBenchmarkTask: the server did not answer with {subject}.",
                hint="Something else may have answered: %kbench target shows the address.",
            )
        return task

    def list_tasks(self, *, status: str | None = None, regex: str | None = None) -> Iterator[Task]:
        """Yield your tasks, page by page as they are asked for.

        Parameters
        ----------
        status : str, optional
            Only tasks in this creation state.
        regex : str, optional
            Only tasks whose name matches.
        """
        filters = {"statusFilter": status, "regexFilter": regex}
        body = {name: value for name, value in filters.items() if value}
        for item in self._pages(TASKS, "ListBenchmarkTasks", body, "tasks"):
            yield Task.from_wire(item)

    def publish_task(self, slug: TaskSlug | str, *, publish_backing_notebook: bool) -> Task:
        """Make a task public, and its notebook too if asked.

        Raises
        ------
        AmbiguousWriteError
            If neither the answer nor the task itself says that it is public now.
        """
        return writes.publish_task(
            self._caller, self.get_task, TaskSlug.parse(slug), publish_backing_notebook
        )

    # -- Runs ------------------------------------------------------------------------------------------

    def list_runs(
        self, slug: TaskSlug | str, *, models: Sequence[str] = (), deadline: float | None = None
    ) -> Iterator[Run]:
        """Yield a task's runs, page by page as they are asked for.

        Parameters
        ----------
        models : sequence of str
            Only runs on these models, in any spelling.
        deadline : float, optional
            Seconds for the call of a page with all its tries, if fewer than usual.
        """
        address = TaskSlug.parse(slug)
        wanted = _canonical(models)
        body: dict[str, Any] = {"taskSlug": address.to_wire()}
        if wanted:
            body["modelVersionSlugs"] = wanted
        subject = f"task {str(address)!r}"
        for item in self._pages(TASKS, "ListBenchmarkTaskRuns", body, "runs", subject, deadline):
            run = Run.from_wire(item)
            if not wanted or run.model in wanted:  # the server may ignore the filter
                yield run

    def schedule_runs(
        self, slug: TaskSlug | str, models: Sequence[str], *, known_runs: Collection[int] | None = None
    ) -> list[ScheduleResult]:
        """Schedule a run of a task on each of the models.

        Never sent twice blindly: when the answer is lost, the run ids of these models tell whether it
        landed, and the results come back with a ``note``.

        Parameters
        ----------
        models : sequence of str
            Models in any spelling; one named twice is scheduled once.
        known_runs : collection of int, optional
            Ids of the runs of these models before; looked up when left out.

        Returns
        -------
        list of ScheduleResult
            One for each model, in the order asked for.

        Raises
        ------
        UsageError
            If no model is named.
        NotFoundError
            If the task or a model is unknown.
        AmbiguousWriteError
            If the answer was lost and not all the runs have appeared since.
        """
        address, wanted = TaskSlug.parse(slug), _canonical(models)
        if not wanted:
            raise UsageError("No model was named to run on.", hint="%kbench models shows what there is.")

        def look() -> Iterator[Run]:
            return self.list_runs(address, models=wanted)

        return writes.schedule_runs(self._caller, look, address, wanted, known_runs)

    def stream_logs(
        self,
        run_id: int,
        *,
        wait_for_start: bool = True,
        start_timeout: float | None = None,
        ended: Callable[[], bool] | None = None,
        joined: bool = False,
    ) -> LogStream:
        """Follow a run's log until it ends, through every cut of the connection.

        Nothing is sent before the first entry is asked for.

        Parameters
        ----------
        wait_for_start : bool
            Wait while there is no log yet (the run is queued), instead of raising `NotFoundError`.
        start_timeout : float, optional
            Seconds to wait for it at most.
        ended : callable, optional
            Tells that the run has ended, so that a log that is not there will never come.
        joined : bool
            Where nothing was streamed and the whole log comes at once, join what neighbouring entries of
            one stream wrote into one: several times faster, for when only the text counts.
        """
        return LogStream(
            self._caller,
            run_id,
            wait_for_start=wait_for_start,
            start_timeout=start_timeout,
            ended=ended,
            joined=joined,
        )

    def run_logs(self, run_id: int, *, quiet: float = 1.0) -> list[LogEntry]:
        """Return a run's log: the persisted one, or of a run that is going what is there.

        Parameters
        ----------
        quiet : float
            Seconds without anything new after which a log that is still being written is taken as read;
            of a run that never stops writing, ten times as many are read.

        Raises
        ------
        NotFoundError
            If there is no log (yet).
        """
        return read_log(self._caller, run_id, quiet)

    def download_output(
        self, run_id: int, *, include_source: bool = False, start: int = 0, validator: str | None = None
    ) -> Download:
        """Return a run's output archive, to stream inside a ``with`` block.

        Parameters
        ----------
        include_source : bool
            Whether the notebooks are to be in the archive.
        start : int
            Offset in bytes to resume from.
        validator : str, optional
            The `Download.validator` of what is there already; without it `start` is ignored.
        """
        return Download(self._caller, run_id, include_source=include_source, start=start, validator=validator)

    # -- Models, leaderboard, quotas, tokens --------------------------------------------------------------

    def list_models(self) -> Iterator[Model]:
        """Yield the models that benchmarks can run on, page by page as they are asked for."""
        for item in self._pages(BENCHMARKS, "ListBenchmarkModels", {}, "benchmarkModels"):
            yield Model.from_wire(item)

    def leaderboard(self, owner: str, benchmark: str, version: int | None = None) -> Leaderboard:
        """Return a benchmark's leaderboard, at its newest version unless one is named."""
        body: dict[str, Any] = {"ownerSlug": owner, "benchmarkSlug": benchmark}
        if version is not None:
            body["versionNumber"] = version
        subject = f"benchmark '{owner}/{benchmark}'"
        return Leaderboard.from_wire(self._call(BENCHMARKS, "GetBenchmarkLeaderboard", body, subject))

    def create_model_proxy_token(self, source: Literal["auth", "init"]) -> ModelProxyToken:
        """Return a fresh model proxy token; the one before stops working.

        Parameters
        ----------
        source : {"auth", "init"}
            Which command asks; the server counts them apart.
        """
        headers = {"X-Kaggle-CLI-Source": f"benchmarks-{source}"}
        data = self._caller.call(
            PROXY, "CreateDefaultModelProxyToken", {}, headers=headers, subject="model proxy token"
        )
        token = ModelProxyToken.from_wire(data)
        if not token.token or not token.base_uri:
            raise TransportError("CreateDefaultModelProxyToken: the server's answer holds no token.")
        return token

    def task_quota(self) -> TaskQuota:
        """Return what benchmark runs may cost today, in US dollars."""
        return TaskQuota.from_wire(self._call(TASKS, "GetBenchmarkTaskQuota", {}))

    def model_proxy_quotas(self) -> list[QuotaBalance]:
        """Return what the model proxy may cost, for each period."""
        data = self._call(PROXY, "GetModelProxyQuotas", {})
        return [QuotaBalance.from_wire(item) for item in parse.items(data.get("quotaBalances"))]

    def introspect_token(self) -> TokenInfo:
        """Return whose credentials are in use, and whether the server still takes them.

        A user name and key cannot be introspected: they are tried on the cheapest call instead.

        Raises
        ------
        CredentialsError
            If the client has no credentials.
        """
        credentials = self.credentials
        if credentials is None:
            raise CredentialsError(
                "There are no credentials to ask about.",
                hint="Create a token at https://www.kaggle.com/settings/api and save it as"
                " ~/.kaggle/access_token.",
            )
        try:
            token = credentials.token(self._caller.refresh)
            if token is None:
                self._call(TASKS, "ListBenchmarkTasks", {"pageSize": 1})
                return TokenInfo(active=True, username=credentials.username or "")
            return TokenInfo.from_wire(self._call(OAUTH, "IntrospectToken", {"token": token}))
        except CredentialsError:
            return TokenInfo()
        except ApiError as error:
            if error.status in (400, 403, 404):  # how the server says that it does not know a token
                return TokenInfo()
            raise

    # -- The wire --------------------------------------------------------------------------------------

    def _call(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        subject: str = "",
        deadline: float | None = None,
    ) -> dict[str, Any]:
        return self._caller.call(service, method, body, subject=subject, deadline=deadline)

    def _pages(
        self,
        service: str,
        method: str,
        body: Mapping[str, Any],
        key: str,
        subject: str = "",
        deadline: float | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        def ask(token: str) -> dict[str, Any]:
            asked = {**body, "pageToken": token} if token else body
            return self._call(service, method, asked, subject, deadline)

        return items_of_pages(ask, method, key)


def _canonical(models: Sequence[str]) -> list[str]:
    names = [models] if isinstance(models, str) else models
    return list(dict.fromkeys(slug for slug in map(normalize_model, names) if slug))

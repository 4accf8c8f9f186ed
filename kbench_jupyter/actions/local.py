"""Local: start, stop, look at, clean and reset the embedded server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, View, count, size, told
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session import envfile, local_server
from kbench_jupyter.session.local_process import Endpoint
from kbench_jupyter.session.local_server import LocalStatus
from kbench_jupyter.session.server_settings import UPSTREAM, environment, notes_on
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.settings import SERVER_SETTINGS
from kbench_jupyter.session.target import home

_LOG_LINES = 60
_CLEAN = "%kbench local clean --older-than 30d --keep 2GB"
_AGES = {"h": 3600, "d": 86400, "w": 604800}
_SIZES = {"mb": 10**6, "gb": 10**9, "tb": 10**12}
_WITH_CLUSTER = "%kbench local start --cluster ADDRESS"
_WITH_ENDPOINT = "%kbench local start --upstream URL --key-from VARIABLE"


@dataclass(frozen=True)
class LocalShown(Shown):
    """The embedded server, or a word on what was done with it; `text` holds lines of its log.

    Notes say why models are missing, and which settings of this kernel's environment it does not have.
    """

    title: Cell
    facts: Mapping[str, Any]
    text: str = ""
    notes: tuple[str, ...] = ()
    #: A cluster's, each with its ``address``, ``slots`` and ``jobs``.
    workers: tuple[Mapping[str, Any], ...] = ()

    def view(self) -> View:
        """Describe the server."""
        parts: list[Part] = [Facts(self.facts)]
        if self.workers:
            rows = [[one["address"], told(one["slots"]), ", ".join(one["jobs"])] for one in self.workers]
            parts.append(Table(["worker", "slots>", "runs"], rows))
        if self.text:
            parts.append(Text(self.text, code=True))
        steps = {
            "good": [("%kbench local stop", "stop it")],
            "bad": [("%kbench local stop", "end it"), ("%kbench local start", "end it and start another")],
        }.get(self.title.tone, [("%kbench local start", "start it")])
        return View(self.title, parts, notes=self.notes, next=steps)


def command(
    session: Session,
    what: str,
    *,
    confirmed: bool = False,
    upstream: str | None = None,
    key_from: str | None = None,
    cluster: str | None = None,
    older_than: str | None = None,
    keep: str | None = None,
) -> LocalShown:
    """Do one thing with the embedded server.

    Parameters
    ----------
    what : str
        ``"start"``, ``"stop"``, ``"status"``, ``"log"``, ``"clean"`` or ``"reset"``.
    confirmed : bool
        Whether the user has agreed to a reset, or to what is cleaned.
    upstream : str, optional
        For a start: the address of an OpenAI-compatible endpoint whose models it offers.
    key_from : str, optional
        The environment variable, or the line of ``.env``, that holds the endpoint's key.
    cluster : str, optional
        For a start: the address of a Dask scheduler whose workers run the tasks, or ``"new:4"`` for one here.
    older_than, keep : str, optional
        For cleaning: the age from which logs and outputs go (``"30d"``), and how much of them may stay (``"2GB"``).

    Raises
    ------
    LocalServerError
        If it does not start or stop.
    UsageError
        If a reset was not agreed to, the key is not where it is said to be, or the server runs with another
        endpoint or cluster.
    """
    place = home(session.environ)
    if what == "start":
        return _start(session, place, _endpoint(session, upstream, key_from), (cluster or "").strip() or None)
    if upstream or key_from or cluster:
        given, hint = ("cluster", _WITH_CLUSTER) if cluster else ("model endpoint", _WITH_ENDPOINT)
        raise UsageError(f"%kbench local {what} takes no {given}, only start does.", hint=hint)
    if what == "clean":
        return _clean(session, place, _limits(older_than, keep), confirmed)
    if older_than or keep:
        raise UsageError(
            f"%kbench local {what} deletes nothing by age or size, only clean does.", hint=_CLEAN
        )
    if what == "stop":
        return _stop(session, place)
    if what == "log":
        found = local_server.find(place)
        title = Cell("Log of the embedded server", "good" if found else "")
        return LocalShown(title, {}, local_server.log_tail(place, _LOG_LINES) or "(empty)")
    if what == "reset":
        return _reset(session, place, confirmed)
    if (found := local_server.find(place)) is not None:
        return _running(session, found, "is running")
    return _silent(place) or LocalShown(Cell("The embedded server is not running"), {})


def cluster_of(session: Session) -> dict[str, Any]:
    """Return what the embedded server says of its cluster; empty where it has none, or is not the target.

    Its ``address``, ``dashboard``, ``problem``, and ``workers`` with ``address``, ``slots``, ``jobs``.
    """
    if not session.target(start=False).is_local:
        return {}
    status = local_server.status(home(session.environ), models=False)
    return dict(status.cluster) if status else {}


def _silent(place: Any) -> LocalShown | None:
    """Describe a server that runs and does not answer; None when there is none."""
    if (silent := local_server.silent(place)) is None:
        return None
    pid, hangs = silent
    note = "It has answered before: it hangs." if hangs else "It has not answered yet: it may be starting."
    facts = {"process": str(pid), "state in": str(local_server.home_folder(place))}
    return LocalShown(Cell("The embedded server runs, but does not answer", "bad"), facts, notes=(note,))


def _start(session: Session, place: Any, endpoint: Endpoint | None, cluster: str | None) -> LocalShown:
    if local_server.find(place) is None:
        if (silent := local_server.silent(place)) and silent[1]:
            session.reporter.say(
                f"The embedded server (process {silent[0]}) does not answer: unless it does soon, it is ended first."
            )
        if endpoint:
            key = f", its key from {endpoint.key_from}" if endpoint.key else ""
            session.reporter.say(f"Starting the embedded server with the models of {_shown(endpoint)}{key}.")
        if cluster:
            session.reporter.say(f"Starting the embedded server for a cluster: {cluster}.")
    server = local_server.ensure_running(place, endpoint=endpoint, cluster=cluster)
    if not server.started and (endpoint or cluster):
        running = local_server.status(place, models=False)
        if endpoint:
            _refuse_other(running, endpoint)
        if cluster:
            _refuse_other_cluster(running, cluster)
    return _running(session, server, "started" if server.started else "was running already")


def _endpoint(session: Session, upstream: str | None, key_from: str | None) -> Endpoint | None:
    """Return the endpoint to start with. Messages never repeat what stands for the variable: it may be a key."""
    if not upstream:
        if key_from:
            raise UsageError(
                "--key-from names the key of an endpoint: --upstream is missing.", hint=_WITH_ENDPOINT
            )
        return None
    if not key_from:
        return Endpoint(upstream.strip())
    path = session.env_file
    key = environment(session).get(key_from) or envfile.read(path).get(key_from) or ""
    if not key.strip():
        raise UsageError(
            f"The variable that --key-from names holds nothing, neither in this kernel's environment nor in {path}.",
            hint=f"Write the key into {path} as a line such as MY_ENDPOINT_KEY=..., then: {_WITH_ENDPOINT}",
        )
    return Endpoint(upstream.strip(), key.strip(), key_from)


def _shown(endpoint: Endpoint) -> str:
    return next(setting for setting in SERVER_SETTINGS if setting.name == UPSTREAM).shown(endpoint.url)


def _refuse_other(status: LocalStatus | None, endpoint: Endpoint) -> None:
    """Refuse to go on with a running server that was started with another endpoint, or another key."""
    if status is None or status.settings.get("upstream_proof") == endpoint.proof(status.server.token):
        return
    has = status.settings.get(UPSTREAM)
    started = "without a model endpoint" if not has else f"with {has}"
    if has == _shown(endpoint):
        started += ", and with another key"
    again = f"%kbench local start --upstream {shlex.quote(_shown(endpoint))}"
    again += f" --key-from {endpoint.key_from}" if endpoint.key_from else ""
    raise _runs_already(status, started, _shown(endpoint), again)


def _refuse_other_cluster(status: LocalStatus | None, cluster: str) -> None:
    """Refuse to go on with a running server whose tasks run elsewhere."""
    if status is not None and (has := status.settings.get("cluster", "")) != cluster:
        started = f"with the cluster {has}" if has else "without a cluster"
        raise _runs_already(status, started, cluster, f"%kbench local start --cluster {shlex.quote(cluster)}")


def _runs_already(status: LocalStatus, started: str, given: str, again: str) -> UsageError:
    going = f" ({count(status.going, 'job')} would end)" if status.going else ""
    return UsageError(
        f"The embedded server runs already, started {started}: {given} was not taken.",
        hint=f"Stop it first{going}: %kbench local stop\n{again}",
    )


def _running(session: Session, server: Any, how: str) -> LocalShown:
    facts = {"address": server.url, "process": told(server.pid), "state in": str(server.home)}
    status = local_server.status(server.home)
    if status is not None:
        facts["models"] = told(len(status.models))
        facts["model endpoint"] = status.settings.get(UPSTREAM) or "none"
        facts["its key from"] = status.settings.get("upstream_key_from") or ""
        facts["jobs"] = f"{status.going} going, {status.waiting} waiting, {count(status.workers, 'slot')}"
    notes, cluster = notes_on(session, status), status.cluster if status else {}
    if cluster:
        facts["cluster"], facts["dashboard"] = cluster["address"], cluster["dashboard"]
        notes = (*notes, *filter(None, [cluster["problem"]]))
    workers = tuple(cluster.get("workers", ()))
    return LocalShown(Cell(f"The embedded server {how}", "good"), facts, notes=notes, workers=workers)


def _stop(session: Session, place: Any) -> LocalShown:
    before = local_server.status(place)
    if before is not None:
        session.reporter.say(
            f"Stopping the embedded server at {before.server.url}; its tasks and runs stay in {before.server.home}."
        )
    elif silent := local_server.silent(place):
        session.reporter.say(f"Ending the embedded server (process {silent[0]}), which does not answer.")
    stopped = local_server.stop(place)
    facts = {}
    if before is not None and before.going:
        ended = count(before.going, "job")
        facts["ended early"] = f"{ended}; runs among them read errored, schedule them again"
    if before is not None and before.waiting:
        facts["waiting"] = f"{count(before.waiting, 'job')} for the next start"
    return LocalShown(Cell("The embedded server " + ("has stopped" if stopped else "was not running")), facts)


def _reset(session: Session, place: Any, confirmed: bool) -> LocalShown:
    folder = local_server.home_folder(place)
    if not confirmed and not session.reporter.confirm(
        f"Forget every task, run and output that the embedded server holds in {folder}?"
    ):
        raise UsageError(
            f"Nothing was reset: it would forget every task, run and output in {folder}.",
            hint="To do it without being asked: %kbench local reset -y",
        )
    session.reporter.say(f"Deleting what the embedded server holds in {folder}.")
    local_server.reset(place)
    return LocalShown(Cell("The embedded server's tasks, runs and outputs are gone"), {})


def _limits(older_than: str | None, keep: str | None) -> dict[str, int]:
    limits = {}
    if older_than is not None or keep is None:
        limits["olderThanSeconds"] = _amount("--older-than", older_than or "30d", _AGES)
    if keep is not None:
        limits["keepBytes"] = _amount("--keep", keep, _SIZES)
    return limits


def _amount(option: str, text: str, units: Mapping[str, int]) -> int:
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([a-z]+)", text.strip().lower().replace(" ", ""))
    if found is None or found[2] not in units:
        raise UsageError(
            f"{option} takes a number with one of {', '.join(units)} behind it, not {text[:60]!r}.",
            hint=_CLEAN,
        )
    return round(float(found[1]) * units[found[2]])


def _clean(session: Session, place: Any, limits: Mapping[str, int], confirmed: bool) -> LocalShown:
    server = local_server.ensure_running(place)
    found = local_server.clean(server, limits, really=False)
    what = f"the logs and outputs of {count(found['jobs'], 'ended job')} and leftovers, {size(found['bytes'])} in all"
    if not found["bytes"] and not found["jobs"]:
        title = Cell("There is nothing to clean", "good")
        return LocalShown(title, {"logs and outputs kept": told(found["kept"], size)})
    if not confirmed and not session.reporter.confirm(f"Delete {what}?"):
        raise UsageError(f"Nothing was deleted: it would be {what}.", hint="Without being asked: add -y")
    found = local_server.clean(server, limits, really=True)
    facts = {
        "space freed": told(found["bytes"], size),
        "logs and outputs deleted": f"of {count(found['jobs'], 'job')}, the oldest first",
        "logs and outputs kept": told(found["kept"], size),
        "tasks": "all kept, and the states and results of their runs",
    }
    return LocalShown(Cell("The embedded server's space was cleaned", "good"), facts)

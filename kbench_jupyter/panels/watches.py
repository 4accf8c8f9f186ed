"""Watches: each task is followed once, however many panels show it.

A `TaskWatch` knows every run of a task, follows those that have not ended for as long as somebody listens,
and fetches what ended runs came to, so that ten open panels ask the server no more often than one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from kbench_jupyter.actions.at_once import both
from kbench_jupyter.actions.local import cluster_of
from kbench_jupyter.actions.pushed_task import get_task
from kbench_jupyter.errors import KBenchError, TargetError
from kbench_jupyter.following.rounds import Trouble
from kbench_jupyter.following.runs import Watch
from kbench_jupyter.following.status import Ending, RunStatus, judge
from kbench_jupyter.panels.creation import CreationWatch
from kbench_jupyter.panels.outcomes import Outcome, Outcomes
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target

#: Most seconds between two looks while runs are going; the end of a run's log makes it look at once.
_INTERVAL = 10.0


class TaskWatch:
    """Knows the runs of one task."""

    def __init__(self, session: Session, task: str) -> None:
        self.slug = task
        self._session = session
        self._lock = threading.RLock()
        self._statuses: dict[int, RunStatus] = {}
        self._listeners: list[Callable[[], None]] = []
        self._at_refresh: list[Callable[[], None]] = []
        self._watch: Watch | None = None
        self._creation = CreationWatch(self._tell)
        self._following: frozenset[int] = frozenset()
        self._outcomes = Outcomes(session, task, self.target, self._tell)
        self._spoke: set[int] = set()
        self.task: Any = None
        self.label = ""
        self.place = ""  # the target in words
        self.trouble = ""
        self.cluster: dict[str, Any] = {}  # the embedded server's, as `local.cluster_of` says it

    # -- What is known ---------------------------------------------------------------------------------------

    @property
    def statuses(self) -> list[RunStatus]:
        """Where each run stands, by run id."""
        with self._lock:
            return [self._statuses[run_id] for run_id in sorted(self._statuses)]

    @property
    def newest(self) -> list[RunStatus]:
        """The runs of the newest task version."""
        version = None if self.task is None else self.task.version
        return [s for s in self.statuses if s.run is None or s.run.task.version in (version, None)]

    @property
    def pace(self) -> str:
        """How many of many runs that are followed end a minute, and how long the rest takes."""
        with self._lock:
            return self._watch.pace if self._watch is not None else ""

    @property
    def is_creating(self) -> bool:
        """Whether the server is still creating the newest version."""
        return self.task is not None and self.task.creation_state.is_pending

    @property
    def creation(self) -> str:
        """How far the newest version's creation has come, while that is followed."""
        return self._creation.text

    def outcome(self, run_id: int) -> Outcome | None:
        """Return what an ended run came to, once that is known."""
        return self._outcomes.known.get(run_id)

    def took(self, run_id: int) -> float | None:
        """Return how many seconds the task itself took in an ended run, once that is known."""
        return self._outcomes.took.get(run_id)

    def spoke(self, run_id: int) -> bool:
        """Whether a run that is followed has printed anything."""
        return run_id in self._spoke

    def target(self) -> Target:
        """Return the target, which must be the one that these runs are on: another's have the same ids."""
        target = self._session.target()
        if self.place not in ("", target.place):
            raise TargetError(
                f"These runs are on {self.place}, and the target is {target.place} now: nothing was done.",
                hint="Turn back to it: %kbench target",
            )
        return target

    def refresh(self) -> None:
        """Ask the server for all runs now, in the calling thread, and follow those that are going."""
        target = self.target()
        client = self._session.client(target)
        task, runs = both(
            lambda: get_task(self._session, client, self.slug),
            lambda: list(client.list_runs(self.slug, whole=True)),
        )
        with self._lock:
            self.task, self.trouble = task, ""
            self.label, self.place = target.label, target.place
            listed = {run.id for run in runs}
            self._statuses = {
                run_id: status
                for run_id, status in self._statuses.items()
                if run_id in listed or status.ending in (None, Ending.VANISHED)
            }
            for run in runs:
                before = self._statuses.get(run.id)
                if before is not None and before.ending is Ending.UNCLEAR and before.run == run:
                    continue
                status = self._statuses[run.id] = judge(run.id, run, listed=True, seconds=0.0)
                if not status.ended:
                    self._outcomes.forget(run.id)
        self._follow()
        self._tell()
        for listener in self._at_refresh:
            listener()

    def at_refresh(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the server was asked for all runs; that alone follows nothing."""
        with self._lock:
            self._at_refresh = [*self._at_refresh, listener]

    def not_at_refresh(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._at_refresh = [other for other in self._at_refresh if other != listener]

    @property
    def is_shown(self) -> bool:
        """Whether anybody would see a run that is new."""
        return bool(self._listeners or self._at_refresh)

    # -- Following -------------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, in any thread, whenever something changed; the first one starts the following."""
        with self._lock:
            if listener not in self._listeners:
                self._listeners = [*self._listeners, listener]
        self._follow()

    def ignore(self, listener: Callable[[], None]) -> None:
        """Call it no more; the last one ends the following."""
        with self._lock:
            self._listeners = [other for other in self._listeners if other != listener]
            if self._listeners:
                return
            watch, self._watch, self._following = self._watch, None, frozenset()
            self._creation.leave()
        if watch is not None:
            watch.close()

    def close(self) -> None:
        """End threads and connections, and remove what was fetched."""
        with self._lock:
            self._listeners = []
            watch, self._watch = self._watch, None
            self._creation.leave()
        if watch is not None:
            watch.close()
        self._outcomes.close()

    def _follow(self) -> None:
        self._follow_creation()
        self._fetch()
        with self._lock:
            going = frozenset(status.run_id for status in self._statuses.values() if not status.ended)
            if not self._listeners or going <= self._following:
                return
            before = self._watch
            try:
                client = self._session.client(self.target())
            except KBenchError as error:
                self.trouble = str(error)
                return
            watch = Watch(
                client,
                self.slug,
                sorted(going),
                streams=True,
                max_interval=_INTERVAL,
                on_look=self._looked,
                on_word=self._heard,
            )
            self._watch, self._following = watch, going
        if before is not None:
            before.close()
        watch.start(self._changed, lambda error: self._ended(watch, error))

    def _looked(self, _watch: Watch) -> None:
        with suppress(KBenchError):  # a nicety
            self.cluster = cluster_of(self._session)
        self._tell()

    def _follow_creation(self) -> None:
        if self.is_creating and self._listeners:
            with suppress(KBenchError):
                client = self._session.client(self.target())
                self._creation.follow(client, self.slug, _INTERVAL, self._created)

    def _created(self, problem: str) -> None:
        if problem:
            self.trouble = problem
            self._tell()
        else:
            with suppress(KBenchError):
                self.refresh()

    def _heard(self, run_id: int) -> None:
        self._spoke.add(run_id)
        self._tell()

    def _changed(self, change: Any) -> None:
        with self._lock:
            if isinstance(change, Trouble):
                self.trouble = change.text
            else:
                self.trouble = ""
                status, before = change.status, self._statuses.get(change.status.run_id)
                if status.run is None and before is not None:  # gone before the watch saw it
                    status = replace(status, run=before.run)
                self._statuses[status.run_id] = status
        if not isinstance(change, Trouble) and change.status.ended:
            self._fetch()
        self._tell()

    def _ended(self, watch: Watch, error: Exception | None) -> None:
        with self._lock:
            if watch is not self._watch:
                return
            self._watch, self._following = None, frozenset()
            if error is not None:
                self.trouble = str(error)
        self._tell()

    def _fetch(self) -> None:
        """Find out what newly ended runs came to, while somebody looks."""
        with self._lock:
            ended = {s.run_id for s in self._statuses.values() if s.ending == "completed"}
            if self._listeners:
                self._outcomes.fetch(ended)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


_WATCHES: WeakKeyDictionary[Session, dict[tuple[Any, str], TaskWatch]] = WeakKeyDictionary()
_AT_WATCH: WeakKeyDictionary[Session, list[Callable[[TaskWatch], None]]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def task_watch(session: Session, task: str) -> TaskWatch:
    """Return the watch of a task, the same one for all panels of a session and target; the session closes it."""
    key = (session.target().base_url, task)
    with _LOCK:
        known = _WATCHES.setdefault(session, {})
        if key in known:
            return known[key]
        made = known[key] = TaskWatch(session, task)
        session.at_close(lambda: _forget(session))
        listeners = list(_AT_WATCH.get(session, ()))
    for listener in listeners:
        listener(made)
    return made


def at_watch(session: Session, listener: Callable[[TaskWatch], None]) -> Callable[[], None]:
    """Call `listener` with each watch that is made from now on; return what ends that."""
    with _LOCK:
        listeners = _AT_WATCH.setdefault(session, [])
        listeners.append(listener)
    return lambda: listeners.remove(listener)


def refresh_shown(session: Session, task: str) -> None:
    """Show runs of a task that were made just now where a panel shows its runs; a failure is left to its Refresh."""
    with _LOCK:
        watches = [w for (_, slug), w in _WATCHES.get(session, {}).items() if slug == task and w.is_shown]
    for watch in watches:
        with suppress(KBenchError):
            watch.refresh()


def _forget(session: Session) -> None:
    with _LOCK:
        watches = _WATCHES.pop(session, {})
    for watch in watches.values():
        watch.close()

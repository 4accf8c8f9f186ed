"""What the ended runs of a task came to, fetched for the panels that list them: a nicety, so a failure is not shown."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from kbench_jupyter.actions import results
from kbench_jupyter.actions.cards import result_texts
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.session import PartSession
from kbench_jupyter.session.session import Session, SilentReporter

#: A run's verdict in a word and its tone, with its result value where it has one.
Outcome = tuple[str, str]


class Outcomes:
    """Fetches the outputs of ended runs into a folder of its own, in a thread that lasts as long as there are any.

    Parameters
    ----------
    check : callable
        Raises where the target is not the one that the runs are on.
    tell : callable
        Called, in that thread, when more is known.
    """

    def __init__(
        self, session: Session, slug: str, check: Callable[[], object], tell: Callable[[], None]
    ) -> None:
        self._session, self._slug, self._check, self._tell = session, slug, check, tell
        self._lock = threading.Lock()
        self._tried: set[int] = set()
        self._due = self._fetching = self._closed = False
        self._folder: Path | None = None
        #: By run id, what it came to, and how many seconds the task itself took in it.
        self.known: dict[int, Outcome] = {}
        self.took: dict[int, float] = {}

    def fetch(self, ended: Collection[int]) -> None:
        """Find out what these runs came to, each once."""
        with self._lock:
            fresh = set(ended) - self._tried
            self._tried |= fresh
            self._due = self._due or bool(fresh)
            if not self._due or self._fetching or self._closed:
                return
            self._fetching = True
        threading.Thread(target=self._go, name="kbench-outcomes", daemon=True).start()

    def forget(self, run_id: int) -> None:
        """Know nothing of a run any more, which goes on: a server that was reset gives ids anew."""
        with self._lock:
            self._tried.discard(run_id)
            self.known.pop(run_id, None)
            self.took.pop(run_id, None)

    def close(self) -> None:
        """Fetch nothing any more, and remove what was fetched."""
        with self._lock:
            self._closed = True
            folder = self._folder
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _go(self) -> None:
        while True:
            with self._lock:
                due, self._due = self._due, False
                self._fetching = due and not self._closed
                if not self._fetching:
                    return
                folder = self._folder = self._folder or Path(tempfile.mkdtemp(prefix="kbench-panel-"))
            try:
                self._read(folder)
            except (KBenchError, OSError, ValueError):
                pass
            finally:
                if self._closed:  # meanwhile
                    shutil.rmtree(folder, ignore_errors=True)

    def _read(self, folder: Path) -> None:
        self._check()
        found = results.results(PartSession(self._session, SilentReporter()), self._slug, output=folder)
        outcomes = outcomes_of([row.result for row in found.rows])
        took = {row.run_id: row.result.elapsed for row in found.rows}
        self.took |= {run_id: seconds for run_id, seconds in took.items() if seconds is not None}
        self.known |= {row.run_id: outcome for row, outcome in zip(found.rows, outcomes, strict=True)}
        self._tell()


def outcomes_of(results: Sequence[Any]) -> list[Outcome]:
    """Say what runs that are shown together came to, each in a word or by its value where it has one."""
    return [_outcome(result, text) for result, text in zip(results, result_texts(results), strict=True)]


def _outcome(result: Any, value: str) -> Outcome:
    if result.errored:
        return "errored", "bad"
    word, tone = ("passed", "good") if result.passed else ("failed", "bad")
    has_value = result.score is not None or result.values is not None
    return value if has_value else word, tone

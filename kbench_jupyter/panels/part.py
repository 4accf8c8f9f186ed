"""Parts: what a panel shows and does, apart from the widget that carries it.

A part keeps its state here, as plain values, and marks what changed; the panel that holds it sends the
changes. Work a click asks for runs in a thread of its own, one at a time: a second click while it runs does
nothing. What an action says goes through `PartReporter` into the state, and an error is shown in the
words it has for the typed door, too.
"""

from __future__ import annotations

import contextvars
import itertools
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from kbench_jupyter.display.view import View
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.panels.session import PartReporter, PartSession
from kbench_jupyter.session.session import Session

_Row = dict[str, Any]
#: Rows in one message: well below 64 KiB.
_ROWS = 200
_NUMBERS = itertools.count(1)


class Carrier(Protocol):
    """What a part needs of the panel that shows it."""

    def wake(self) -> None:
        """Send changes soon."""

    def adopt(self, part: Part) -> None:
        """Carry another part, and all inside it."""

    def post(self, part: Part, message: Mapping[str, Any]) -> None:
        """Send one message now."""


class Part:
    """Something a panel shows.

    Subclasses set `kind` (which script draws it, by `COMPONENTS` of ``base.js``), describe themselves in
    `view`, and answer what the browser asks in methods named ``do_...``, which must return at once.
    """

    kind: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        self.name = f"p{next(_NUMBERS)}"  # by which the browser knows it
        self.outer = session
        self.interrupt = threading.Event()  # set when running work should end
        self.reporter = PartReporter(self.set, self.interrupt)
        self.session = PartSession(session, self.reporter)
        # What a click did is known to a typed command, and the other way round.
        for shared in ("validated", "tried", "sources", "compared", "rehearsed", "outputs", "folders", "ran"):
            setattr(self.session, shared, getattr(session, shared))
        self.closed = False
        self.panel: Carrier | None = None
        self.parts: dict[str, Part] = {}
        self._lock = threading.RLock()
        self._state: dict[str, Any] = {
            "kind": self.kind, "busy": "", "problem": [], "failed": "", "stopped": "",
        }  # fmt: skip
        self._rows: dict[str, _Row] = {}
        self._fresh: set[str] = set(self._state)
        self._fresh_rows: dict[str, _Row] = {}
        self._replaced = False

    # -- What it shows ---------------------------------------------------------------------------------------

    def view(self) -> View:
        """Describe this part as it stands now, for where no widget is drawn."""
        raise NotImplementedError

    def get(self, name: str) -> Any:
        """Return a value of the state."""
        return self._state.get(name)

    def set(self, **changes: Any) -> None:
        """Change the state; from any thread."""
        with self._lock:
            changed = {name for name, value in changes.items() if self._state.get(name, ...) != value}
            if not changed:
                return
            self._state.update(changes)
            self._fresh |= changed
        self._wake()

    def put_rows(self, rows: Iterable[_Row], *, replace: bool = False) -> None:
        """Add or change rows, told apart by their ``id``; from any thread."""
        with self._lock:
            fresh = {str(row["id"]): row for row in rows}
            if replace:
                self._rows, self._fresh_rows, self._replaced = fresh, dict(fresh), True
            else:
                changed = {key: row for key, row in fresh.items() if self._rows.get(key) != row}
                if not changed:
                    return
                self._rows |= changed
                self._fresh_rows |= changed
        self._wake()

    @property
    def rows(self) -> list[_Row]:
        """The rows as they stand."""
        with self._lock:
            return list(self._rows.values())

    def news(self, *, everything: bool = False) -> Iterator[dict[str, Any]]:
        """Yield what is to be sent: the changes since the last time, or everything."""
        with self._lock:
            state = dict(self._state) if everything else {name: self._state[name] for name in self._fresh}
            rows = list((self._rows if everything else self._fresh_rows).values())
            replaced = everything or self._replaced
            self._fresh, self._fresh_rows, self._replaced = set(), {}, False
        if state or rows or replaced:
            yield {"set": state, "rows": rows[:_ROWS], "replace": replaced}
        for first in range(_ROWS, len(rows), _ROWS):
            yield {"rows": rows[first : first + _ROWS]}

    def _wake(self) -> None:
        if self.panel is not None:
            self.panel.wake()

    # -- What it holds ---------------------------------------------------------------------------------------

    def add(self, name: str, part: Part | None) -> None:
        """Show another part inside this one under `name`, in place of the one before; None shows none."""
        before = self.parts.pop(name, None)
        if before is not None:
            before.close()
        if part is not None and not self.closed:
            self.parts[name] = part
            if self.panel is not None:
                self.panel.adopt(part)
        shown = self.parts.get(name)
        self.set(**{name: shown.name if shown is not None else None})

    def every(self) -> Iterator[Part]:
        """Yield this part and all inside it."""
        yield self
        for part in list(self.parts.values()):
            yield from part.every()

    # -- Life ------------------------------------------------------------------------------------------------

    def awake(self) -> None:
        """Someone looks: begin to follow whatever goes on."""

    def command_ran(self) -> None:
        """A command ran in a cell: what is shown may be another thing now."""

    def asleep(self) -> None:
        """Nobody looks any more: follow nothing."""

    def close(self) -> None:
        """End threads and connections."""
        if self.closed:
            return
        self.closed = True
        self.interrupt.set()
        self.asleep()
        for part in list(self.parts.values()):
            part.close()

    # -- What it does ----------------------------------------------------------------------------------------

    def receive(self, message: Mapping[str, Any]) -> None:
        """Answer the browser."""
        act = getattr(self, f"do_{message.get('do')}", None)
        if act is not None and not self.closed:
            act(message)

    def reply(self, message: Mapping[str, Any], **answer: Any) -> None:
        """Answer one question of one view."""
        if self.panel is not None:
            self.panel.post(self, {"reply": message.get("ask"), **answer})

    def do_stop(self, _message: Mapping[str, Any]) -> None:
        """Stop the running work at its next sign of life."""
        if self.get("busy"):
            self.interrupt.set()
            self.set(stopping=True)
            self.stop_waiting()

    def stop_waiting(self) -> None:
        """Wake work that waits for something."""

    def do_dismiss(self, _message: Mapping[str, Any]) -> None:
        """Take the error away, or what is said of a stop."""
        self.set(problem=[], stopped="")

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` in a thread, unless something is being done already; meanwhile the panel is busy with `name`."""
        with self._lock:
            if self._state["busy"] or self.closed:
                return
            self.interrupt.clear()
            self.set(busy=name, problem=[], stopped="", stopping=False)
        self.reporter.begin()
        clicked = contextvars.copy_context()  # in it the kernel knows which window asks
        args = (self._work, name, work)
        threading.Thread(target=clicked.run, args=args, name=f"kbench-{name}", daemon=True).start()

    def _work(self, name: str, work: Callable[[], None]) -> None:
        problem: list[str] = []
        stopped = ""
        try:
            work()
        except KBenchError as error:
            problem = error.lines()
        except KeyboardInterrupt as stop:  # what was asked for is no error
            stopped = str(stop) or "Stopped. What the server does goes on."
        except Exception as error:  # noqa: BLE001 - a bug of ours: nobody to raise to, so it is shown whole
            problem = [f"{type(error).__name__}: {error}", "", *traceback.format_exc().splitlines()]
        finally:
            ended = name if problem or stopped else ""
            self.set(busy="", progress=None, stopping=False, problem=problem, stopped=stopped, failed=ended)

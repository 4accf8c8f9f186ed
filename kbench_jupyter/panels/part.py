"""Parts: what a panel shows and does, apart from the widget that carries it.

A part keeps its state here, as plain values, and marks what changed; the panel that holds it sends the
changes. Work a click asks for runs in a thread of its own, one at a time: a second click while it runs does
nothing. What an action says goes through `PartReporter` into the state, and an error is shown in the
words it has for the typed door, too.
"""

from __future__ import annotations

import contextvars
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kbench_jupyter.display.view import View
from kbench_jupyter.errors import KBenchError
from kbench_jupyter.session.session import Reporter, Session

if TYPE_CHECKING:
    from kbench_jupyter.panels.panel import Panel

__all__ = ["Part", "PartReporter", "PartSession", "Stopped"]

_Row = dict[str, Any]
#: Rows in one message: well below 64 KiB.
_ROWS = 200
#: What is kept of the lines an action says, and of the characters it passes on.
_SAID, _WRITTEN = 50, 20_000


class Stopped(KeyboardInterrupt):
    """The panel was closed, or its user asked to stop: the clicked door's Ctrl+C.

    Nothing takes it for an error to recover from, and an action that says what its interruption means (what was
    stopped, what goes on) says it here, too.
    """


class PartReporter:
    """Puts what an action says into a part's state, and ends the action once its part wants it to end.

    Parameters
    ----------
    part : Part
    """

    withheld = 0

    def __init__(self, part: Part) -> None:
        self._part = part
        self._said: list[str] = []
        self._written = ""

    def begin(self) -> None:
        """Forget what was said before."""
        self._said, self._written = [], ""
        self._part.set(said=[], written="", progress=None)

    def say(self, text: str) -> None:
        """Show one line that stays."""
        self._check()
        self._said = [*self._said, text][-_SAID:]
        self._part.set(said=self._said, progress=None)

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Show a line that the next one replaces."""
        self._check()
        self._part.set(progress={"text": text, "done": done, "total": total})

    def write(self, text: str, stream: str = "stdout") -> None:  # noqa: ARG002 - both streams look alike here
        """Pass output on, as much of its end as a panel has room for."""
        self._check()
        self._written = (self._written + text)[-_WRITTEN:]
        self._part.set(written=self._written)

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """Agree to nothing: a panel asks before it calls an action."""
        return False

    def close(self) -> None:
        """End the progress line."""
        self._part.set(progress=None)

    def _check(self) -> None:
        if self._part.stopping:
            raise Stopped


class PartSession(Session):
    """A panel's view of the kernel's session: the same target and client, another reporter.

    Parameters
    ----------
    parent : Session
    reporter : Reporter
    """

    def __init__(self, parent: Session, reporter: Reporter) -> None:
        self._parent = parent
        super().__init__(parent.shell, reporter, parent.environ)

    @property
    def chosen(self) -> str | None:
        """What ``%kbench target`` chose: the parent's, so that both doors agree."""
        return self._parent.chosen

    @chosen.setter
    def chosen(self, name: str | None) -> None:
        if name is not None:
            self._parent.chosen = name

    def client(self, target: Any = None) -> Any:
        """Return the parent's client, so that all share its connections."""
        return self._parent.client(target or self.target())


class Part:
    """Something a panel shows.

    Subclasses set `kind` (which script draws it, by `COMPONENTS` of ``base.js``), describe themselves in `view`, and
    answer what the browser asks in methods named ``do_...``, which must return at once.

    Parameters
    ----------
    session : Session
        The kernel's.
    """

    kind: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        self.outer = session
        self.reporter = PartReporter(self)
        self.session = PartSession(session, self.reporter)
        # What a click did is known to a typed command, and the other way round.
        self.session.validated, self.session.compared = session.validated, session.compared
        self.closed = False
        self.panel: Panel | None = None
        self.parts: dict[str, Part] = {}
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._state: dict[str, Any] = {
            "kind": self.kind, "busy": "", "problem": [], "failed": "", "stopped": "", "rows": [],
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
            state = self._state if everything else {name: self._state[name] for name in self._fresh}
            state = {name: value for name, value in state.items() if name != "rows"}
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
        self.set(**{name: self.panel.name_of(part) if self.panel is not None and part is not None else None})

    def every(self) -> Iterator[Part]:
        """Yield this part and all inside it."""
        yield self
        for part in list(self.parts.values()):
            yield from part.every()

    # -- Life ------------------------------------------------------------------------------------------------

    def awake(self) -> None:
        """Someone looks: begin to follow whatever goes on."""

    def asleep(self) -> None:
        """Nobody looks any more: follow nothing."""

    def close(self) -> None:
        """End threads and connections."""
        if self.closed:
            return
        self.closed = True
        self._stop.set()
        self.asleep()
        for part in list(self.parts.values()):
            part.close()

    @property
    def stopping(self) -> bool:
        """Whether running work should end."""
        return self._stop.is_set()

    @property
    def interrupt(self) -> threading.Event:
        """Set when running work should end, for work that says nothing for long."""
        return self._stop

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
            self._stop.set()
            self.set(stopping=True)
            self.stop_waiting()

    def stop_waiting(self) -> None:
        """Wake work that waits for something."""

    def do_dismiss(self, _message: Mapping[str, Any]) -> None:
        """Take the error away, or what is said of a stop."""
        self.set(problem=[], stopped="")

    def start(self, name: str, work: Callable[[], None]) -> bool:
        """Do `work` in a thread, unless something is being done already.

        Parameters
        ----------
        name : str
            What the panel says it is busy with.
        work : callable

        Returns
        -------
        bool
            False if this click did nothing.
        """
        with self._lock:
            if self._state["busy"] or self.closed:
                return False
            self._stop.clear()
            self.set(busy=name, problem=[], stopped="", stopping=False)
        self.reporter.begin()
        clicked = contextvars.copy_context()  # in it the kernel knows which window asks
        args = (self._work, name, work)
        threading.Thread(target=clicked.run, args=args, name=f"kbench-{name}", daemon=True).start()
        return True

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

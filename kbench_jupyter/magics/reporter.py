"""How the typed door says what is going on: lines that stay, and one that is replaced."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import IO, Any

from kbench_jupyter.display.text import coloured, folded, terminal_width, visible
from kbench_jupyter.session.interrupted import Interrupted

_BAR = 20
MOST_OUTPUT = 1_000_000
"""Bytes of passed-on output that one command may put into a notebook's cell."""
MOST_CHANGES = 20
"""Changes between stdout and stderr that a cell shows as such: each is an output, and JupyterLab folds a cell's
fifty-first away, the verdict that comes last too."""
_PACE = 0.1
"""Seconds between two drawings of a progress line: more often nobody sees."""


class StreamReporter:
    """Writes to a stream, by default whatever ``sys.stdout`` is at the time; a progress line is overwritten."""

    redraws = True
    withheld = 0

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._open = 0
        self._last = ""
        self._drawn = float("-inf")
        self._pending: tuple[str, float | None, float | None] | None = None

    def _out(self, stream: str = "stdout") -> IO[str]:
        return self._stream or (sys.stderr if stream == "stderr" else sys.stdout)

    def say(self, text: str) -> None:
        """Show one line that stays."""
        self._make_room()
        print(folded(text, "  "), file=self._out(), flush=True)

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Show a line that the next one replaces, at most ten times a second; the last one always shows."""
        self._pending = (text, done, total)
        now = time.monotonic()
        if now - self._drawn >= _PACE or (total is not None and done == total):
            self._drawn = now
            self._flush()

    def _flush(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._draw(*pending)

    def _draw(self, text: str, done: float | None, total: float | None) -> None:
        # A line that the terminal folds could not be overwritten whole.
        room = terminal_width()
        line = f"{_bar(done, total)}{visible(text)}"[: room and room - 1]
        if line == self._last:
            return
        gap = " " * max(0, self._open - len(line))
        print(f"\r{line}{gap}", end="", file=self._out(), flush=True)
        self._open, self._last = len(line), line

    def write(self, text: str, stream: str = "stdout") -> None:
        """Pass output on as it comes, without its colours where none are wanted."""
        self._make_room()
        print(coloured(text), end="", file=self._out(stream), flush=True)

    def confirm(self, question: str) -> bool:
        """Ask on standard input; False where there is no one to answer (nbconvert, a script)."""
        return self.ask(f"{question} [y/N]").lower() in ("y", "yes")

    @property
    def can_ask(self) -> bool:
        """Whether a line can be typed: in a terminal, and where the front end that runs the cell takes input."""
        from IPython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is not None:
            return bool(getattr(kernel, "_allow_stdin", False))  # what the front end said with the cell
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> str:
        """Ask for a line on standard input; "" where there is no one to answer."""
        self.close()
        try:
            return input(folded(question) + " ").strip()
        except KeyboardInterrupt:
            raise Interrupted("Nothing was done.") from None
        except (EOFError, RuntimeError):  # no terminal; StdinNotImplementedError of a front end without one
            return ""

    def close(self) -> None:
        """End the line that progress was replacing."""
        self._flush()
        self._drawn = float("-inf")
        self._end()

    def _make_room(self) -> None:
        """End what other text would run into."""
        self.close()

    def _end(self) -> None:
        if self._open:
            print(file=self._out(), flush=True)
            self._open, self._last = 0, ""


class DisplayReporter(StreamReporter):
    """For notebooks: progress is a bar that the front end draws and that is updated in place.

    An updated display and not a widget: it needs no comm, so it works wherever a notebook is shown, and what
    is saved with the notebook is its last state and nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handle: Any = None
        self._written = 0
        self._passing = "stdout"
        self._changes = 0

    def write(self, text: str, stream: str = "stdout") -> None:
        """Pass output on as it comes, as far as a cell can hold it; what is more is counted, not shown.

        Jupyter's server drops what comes faster than a megabyte a second (three in a burst), and with it
        whatever follows, results included; and all that is shown is saved with the notebook.
        """
        data = text.encode("utf-8", "replace")
        room = max(0, MOST_OUTPUT - self._written)
        if len(data) > room:
            kept = data[: data.rfind(b"\n", 0, room) + 1].decode()
            self.withheld += text.count("\n") - kept.count("\n")
            self._written, text = MOST_OUTPUT, kept
            if not text:
                return
        self._written += len(data)
        if stream != self._passing:
            self._passing, self._changes = stream, self._changes + 1
        super().write(text, stream if self._changes <= MOST_CHANGES else "stdout")

    def _draw(self, text: str, done: float | None, total: float | None) -> None:
        from IPython import display

        bundle = {"text/plain": f"{_bar(done, total)}{visible(text)}", "text/html": _html(text, done, total)}
        if self._handle is None:
            show: Any = display.display
            self._handle = show(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _make_room(self) -> None:
        # The bar has a place of its own and goes on being updated there.
        self._flush()

    def _end(self) -> None:
        self._handle = None


def _bar(done: float | None, total: float | None) -> str:
    if done is None or not total:
        return ""
    full = round(_BAR * min(1.0, done / total))
    return f"[{'█' * full}{'·' * (_BAR - full)}] "


def _html(text: str, done: float | None, total: float | None) -> str:
    bar = ""
    if done is not None and total:
        bar = (
            f'<progress value="{done:g}" max="{total:g}" aria-label="{escape(text, quote=True)}" '
            'style="width: 14em; accent-color: var(--jp-brand-color1, #1976d2); vertical-align: middle; '
            'margin-right: 1em"></progress>'
        )
    return (
        '<div style="font-family: var(--jp-ui-font-family, system-ui, sans-serif); '
        f'font-size: var(--jp-ui-font-size1, 13px)">{bar}{escape(text)}</div>'
    )

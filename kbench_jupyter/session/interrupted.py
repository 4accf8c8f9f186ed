"""Ctrl+C while an action waits or reads: what stopped, and what goes on."""

from __future__ import annotations

from kbench_jupyter.display.text import block

_YELLOW = "33"


class Interrupted(KeyboardInterrupt):
    """The user stopped an action; what it was following goes on.

    A `KeyboardInterrupt` still, so that nothing takes it for an error to recover from and *Run All* stops;
    but a notebook shows it as one block instead of a traceback.
    The message says what stopped and what did not, the hint what to type to go on.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this instead of formatting a traceback (InteractiveShell.showtraceback).
        return block("interrupted", _YELLOW, [self.message, *(["", "→ " + self.hint] if self.hint else [])])

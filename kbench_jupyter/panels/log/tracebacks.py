"""Which lines of stderr are a traceback: the rest (progress bars, warnings, logging) is no error."""

from __future__ import annotations

import re

from kbench_jupyter.following.logs.terminal import strip_codes

_HEAD = "Traceback (most recent call last)"
#: The line that ends one: the error's name, alone or with what it says. A frame's line is indented, or names a file or
#: a cell (IPython's form), which is a word and then a blank.
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?::|$)")


class Tracebacks:
    """Tells of each line in turn whether it belongs to a traceback, Python's own or IPython's."""

    def __init__(self) -> None:
        self._inside = False

    def holds(self, text: str) -> bool:
        """Say whether the next line does."""
        plain = strip_codes(text)
        if _HEAD in plain:
            self._inside = True
            return True
        inside = self._inside
        if inside and _ERROR.match(plain):
            self._inside = False
        return inside

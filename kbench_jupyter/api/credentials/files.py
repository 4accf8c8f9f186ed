"""Reading a file that holds a credential: what is wrong with it is said, and never passed over.

A damaged file must not count as none: whoever made it means to be signed in, and would work with another
account, or on another target, without knowing. What can be read all the same is read, and remarked on.
"""

from __future__ import annotations

import codecs
import json
import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import CredentialsError

SETTINGS = "https://www.kaggle.com/settings/api"
_MOST = 1 << 20  # bytes; a credential takes a few hundred
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_QUOTES = ('""', "''", "``", "\u201c\u201d", "\u2018\u2019")


@dataclass(frozen=True, repr=False)
class KeyFile:
    """What stands in such a file."""

    shown: str  # how messages name it
    text: str  # stripped, without a byte order mark
    remarks: tuple[str, ...] = ()  # what is odd about it, each as the end of a sentence about the file

    @property
    def remark(self) -> str:
        """What is odd about it, as sentences; empty when nothing is."""
        return " ".join(f"{self.shown} {remark}" for remark in self.remarks)

    def token(self) -> tuple[str, str]:
        """Return the token it holds, out of quotation marks, and the remark on it."""
        if len(self.text) > 1 and self.text[0] + self.text[-1] in _QUOTES:
            bare = KeyFile(self.shown, self.text[1:-1].strip(), (*self.remarks, _QUOTED))
            if not bare.text:
                raise _fault(self.shown, "holds nothing but quotation marks")
            return bare.text, bare.remark
        return self.text, self.remark

    def fields(self, wanted: Iterable[str]) -> dict[str, Any]:
        """Return the JSON object it holds; `CredentialsError` if it holds none with the wanted fields."""
        try:
            value = json.loads(self.text)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise _fault(self.shown, f"is damaged: no valid JSON at {where}") from None
        except (ValueError, RecursionError):
            raise _fault(self.shown, "is damaged: no valid JSON") from None
        if not isinstance(value, dict):
            raise _fault(self.shown, "is damaged: it holds JSON, but no object with fields")
        for name in wanted:
            field = value.get(name)
            if not isinstance(field, str) or not field.strip():
                raise _fault(self.shown, f"is damaged: it holds no {name!r}")
        return value


_QUOTED = "holds the token in quotation marks; they were left out."


def _fault(shown: str, what: str) -> CredentialsError:
    """Return the error that says what is wrong with a file; none of its text is shown."""
    return CredentialsError(
        f"{shown} {what}.",
        hint=f"Create a new token at {SETTINGS} and save it there again, or delete the file."
        "\n%kbench target local works without an account.",
    )


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; one in another user's home counts as none."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises there


def read_key_file(path: Path, shown: str) -> KeyFile | None:
    """Return what a file holds, None when there is no such file.

    Raises
    ------
    CredentialsError
        If it is there and cannot be read, is empty, or is no text.
    """
    if not exists(path.parent):
        return None
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise _fault(shown, "is no file")
        status = path.stat()
        data = path.read_bytes() if status.st_size <= _MOST else None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "not to be had"
        raise _fault(shown, f"cannot be read ({said})") from None
    if data is None:
        raise _fault(shown, "is far too large to hold a token")
    mark, coding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data.decode(coding).strip()
    except UnicodeError:
        raise _fault(shown, "is damaged: it holds something else than text") from None
    if not text:
        raise _fault(shown, "is empty")
    remarks = ["begins with a byte order mark (an editor's), which was left out."] if mark else []
    if os.name == "posix" and status.st_mode & 0o077:
        remarks.append(f"can be read by others on this machine: !chmod 600 {shlex.quote(str(path))}")
    return KeyFile(shown, text, tuple(remarks))

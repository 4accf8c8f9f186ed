"""The ``.env`` file: values upserted in place, everything else of the file kept, readable by its owner only."""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kbench_jupyter.errors import UsageError

if TYPE_CHECKING:
    from dotenv.parser import Binding

_ANOTHER = "another file: the same command with --env-file PATH"  # of init, auth and validate alike
_LINE_END = re.compile(r"\r\n|\r|\n")


def read(path: Path) -> dict[str, str]:
    """Return the values of an env file by name, nothing expanded; a missing file is empty.

    Names without a value are left out.

    Raises
    ------
    UsageError
        If the file is there and cannot be read.
    """
    try:
        if not path.is_file():  # a pipe, say, would be waited for
            return {}
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path} cannot be read: line {line} is not UTF-8.",
            hint="Save the file as UTF-8, then try again.",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    return {line.key: line.value for line in _lines(text) if line.key and line.value is not None}


def odd_lines(path: Path) -> list[int]:
    """Return the numbers of the lines that say nothing: neither a value, a name nor a comment."""
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
        return [line.original.line for line in _lines(text) if line.error]
    except (OSError, UnicodeDecodeError):
        return []


def _lines(text: str) -> Iterator[Binding]:
    # dotenv's parser, and not its reader, which warns of an odd line each time a file is read.
    from dotenv.parser import parse_stream

    return parse_stream(io.StringIO(text))


def refuse_read_only(path: Path) -> None:
    """Refuse what is no file, and a file that its owner made read-only: a new one in its place would not care.

    Raises
    ------
    UsageError
        Says how to make it writable, and how to take another.
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # none, or none to be seen: writing says so
        return
    if not stat.S_ISREG(mode):  # a pipe, as password managers make one
        raise UsageError(f"{path} is no file, so it was left as it is.", hint=f"Name {_ANOTHER}")
    # The mode, and not whether it could be written: root may write anything.
    if not mode & stat.S_IWUSR:
        raise UsageError(
            f"{path} is read-only, so it was left as it is.",
            hint=f"Make it writable: chmod u+w {shlex.quote(str(path))}\nOr name {_ANOTHER}",
        )


def upsert(path: Path, values: Mapping[str, str]) -> None:
    """Set `values` in the file, keeping its other lines and comments, and make it mode 0600.

    Of a name that stands in the file several times (earlier tools appended), the last line is updated and
    the earlier ones, which it shadowed, are removed. The file is swapped in whole: it is never half
    written, and never readable by others with the new values in it.

    Parameters
    ----------
    path : Path
        Made if missing; its folder must exist.
    values : mapping
        Values of one line each.

    Raises
    ------
    UsageError
        If the file cannot be read or written, or is read-only.
    """
    try:
        refuse_read_only(path)
        target = path.resolve()
        # With the line ends it has, and without the mark that some editors put first: dotenv takes it for a letter.
        text = target.read_bytes().decode("utf-8-sig") if target.exists() else ""
        _replace(target, _updated(text, values))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.",
            hint=f"Name {_ANOTHER}",
        ) from error


def _updated(text: str, values: Mapping[str, str]) -> str:
    # The parser says where each line ends and begins; dotenv's set_key would drop empty lines.
    lines = list(_lines(text))
    last = {line.key: index for index, line in enumerate(lines)}
    first = _LINE_END.search(text)
    end = first.group() if first else "\n"
    out = []
    for index, line in enumerate(lines):
        original = line.original.string
        if line.key is None or line.key not in values:
            out.append(original)
            continue
        body = original.lstrip()
        out.append(original[: len(original) - len(body)])  # empty lines before it
        if index == last[line.key]:
            export = "export " if body.startswith("export ") else ""
            own = _LINE_END.search(original, len(original.rstrip()))
            out.append(f"{export}{line.key}={values[line.key]}{own.group() if own else end}")
    kept = "".join(out)
    if kept and kept[-1] not in "\r\n":
        kept += end
    return kept + "".join(f"{name}={value}{end}" for name, value in values.items() if name not in last)


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

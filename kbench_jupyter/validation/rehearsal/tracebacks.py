"""Tracebacks made short: the user's own frames and the one that raised, without what libraries do in between.

Both IPython's form and Python's are read. Where a model's endpoint is to blame, as openai and google.genai say
it, what is left are the user's frames and the endpoint's own words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

# A frame's first line: `File path:12, in f(x)` and what follows to an empty line, or Python's
# `  File "path", line 12, in f` and what is indented more.
_IPYTHON = re.compile(r"File (?P<path>.+?)(?::\d+(?:, in .*)?|, in .*)$")
_PYTHON = re.compile(r'  File "(?P<path>.+?)", line \d+')
_CELL = re.compile(r"Cell (?:In ?\[)?\d+")
_PACKAGE = re.compile(r"[/\\](?:site|dist)-packages[/\\](google[/\\]\w+|[^/\\]+)")
_PYTHONS_OWN = re.compile(r"[/\\]lib[/\\]python3|[/\\]Lib[/\\]|^<frozen ")
_CHAINED = ("The above exception was the direct cause", "During handling of the above exception")

_FRAME = re.compile(r"^\s*(?:File .*|Cell .*line \d+.*)$", re.M)
# The frame of Python's own that looks up an environment variable.
_LOOKED_UP = re.compile(r"(?:[/\\]os\.py|<frozen os>).*__getitem__")

_LONGEST = 300
_CLIENTS = {"openai", "google.genai"}
# Not among them: BadRequestError and its like, which are about the prompt.
_ENDPOINTS_FAULT = frozenset({
    "APIConnectionError", "APITimeoutError", "APIStatusError", "AuthenticationError", "ConflictError",
    "InternalServerError", "NotFoundError", "PermissionDeniedError", "RateLimitError",
    "ClientError", "ServerError",
    "ConnectError", "ConnectTimeout", "ReadError", "ReadTimeout", "RemoteProtocolError",
})  # fmt: skip
_PROMPTS_FAULT = ("400", "413", "422")
_BODY = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True)
class _Piece:
    """A frame, or lines between frames (`package` is None then, and "" for a frame of the user's)."""

    lines: tuple[str, ...]
    package: str | None = None


@dataclass(frozen=True)
class Told:
    """An exception as the user is told of it."""

    message: str  #: one line
    traceback: str  #: the short one
    endpoint: bool = False  #: whether a model's endpoint is to blame


def tell(traceback: str, name: str, text: str) -> Told:
    """Shorten a traceback: what is neither the user's nor the frame that raised is only counted.

    Parameters
    ----------
    traceback : str
        IPython's or Python's, without ANSI codes.
    name, text : str
        The exception's class name and its text.
    """
    pieces = list(_pieces(traceback))
    section = _last_section(pieces)
    said = _endpoints_words(name, text, {piece.package for piece in section})
    if said is None:
        first = shortened(text.strip().partition("\n")[0])
        return Told(f"{name}: {first}" if first else name, _joined(_fold(pieces)))
    while section and section[-1].package is None:
        section.pop()
    message = f"{name}: {said}"
    return Told(message, f"{_joined(_fold(section, keep_last=False)).rstrip()}\n\n{message}", endpoint=True)


def shortened(line: str) -> str:
    """Return the beginning of a line that is too long for a headline: what a model said may be part of an error."""
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def raised(traceback: str) -> tuple[str, str]:
    """Return the class name (without its module) and the text of the exception that a traceback ends with."""
    pieces = list(_pieces(traceback))
    last = "\n".join(pieces[-1].lines).strip() if pieces and pieces[-1].package is None else ""
    name, _, text = last.partition(": ")
    return name.rpartition(".")[2], text


def last_frame(traceback: str) -> str:
    """Return the first line of the frame that raised, "" where a traceback names none."""
    frames = _FRAME.findall(traceback)
    return frames[-1] if frames else ""


def missing_variable(traceback: str) -> str:
    """Return the name of the environment variable that was looked up and is not set, if that was raised; else ""."""
    name, text = raised(traceback)
    return (
        text.strip().strip("'\"") if name == "KeyError" and _LOOKED_UP.search(last_frame(traceback)) else ""
    )


def _endpoints_words(name: str, text: str, packages: set[str | None]) -> str | None:
    """Return what a model's endpoint said, in one line, if an exception is its; else None."""
    said = text.strip().removeprefix("Error code: ")
    if name not in _ENDPOINTS_FAULT or not packages & _CLIENTS or said.startswith(_PROMPTS_FAULT):
        return None
    body = _BODY.search(said)
    return (_message(body[0]) if body else "") or said.partition("\n")[0]


def _pieces(traceback: str) -> Iterator[_Piece]:
    lines = traceback.splitlines()
    at = 0
    between: list[str] = []
    while at < len(lines):
        package = _package(lines[at])
        if package is None:
            between.append(lines[at])
            at += 1
            continue
        if between:
            yield _Piece(tuple(between))
            between = []
        end = at + 1
        if lines[at].startswith("  "):
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
        else:
            while end < len(lines) and lines[end - 1].strip():
                end += 1
        yield _Piece(tuple(lines[at:end]), package)
        at = end
    if between:
        yield _Piece(tuple(between))


def _package(line: str) -> str | None:
    """Return whose frame begins with a line: a package's, "" for the user's, None where none begins."""
    found = _IPYTHON.match(line) or _PYTHON.match(line)
    if found is None:
        return "" if _CELL.match(line) else None
    package = _PACKAGE.search(found["path"])
    if package:
        return re.sub(r"[/\\]", ".", package[1]).removesuffix(".py")
    return "Python itself" if _PYTHONS_OWN.search(found["path"]) else ""


def _last_section(pieces: list[_Piece]) -> list[_Piece]:
    """Return the pieces of the exception that came out, without those that led to it."""
    for index in reversed(range(len(pieces))):
        lines = pieces[index].lines if pieces[index].package is None else ()
        for number, line in enumerate(lines):
            if line.startswith(_CHAINED):
                rest = "\n".join(lines[number + 1 :]).strip("\n").splitlines()
                return [_Piece(tuple(rest)), *pieces[index + 1 :]]
    return pieces


def _fold(pieces: Sequence[_Piece], *, keep_last: bool = True) -> Iterator[_Piece]:
    raising = {
        index
        for index, piece in enumerate(pieces)
        if keep_last and piece.package and (index + 1 == len(pieces) or pieces[index + 1].package is None)
    }
    numbered = groupby(enumerate(pieces), lambda pair: bool(pair[1].package) and pair[0] not in raising)
    for left_out, group in numbered:
        run = [piece for _, piece in group]
        if not left_out:
            yield from run
            continue
        names = list(dict.fromkeys(piece.package or "" for piece in run))
        many = "1 frame" if len(run) == 1 else f"{len(run)} frames"
        inside = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        python = run[0].lines[0].startswith("  ")
        yield _Piece((f"{'  ' if python else ''}… {many} in {inside} left out", *(() if python else ("",))))


def _joined(pieces: Iterator[_Piece]) -> str:
    return "\n".join(line for piece in pieces for line in piece.lines)


def _message(body: str) -> str:
    """Return the message in an error body that a client shows as Python would; "" where there is none."""
    try:
        return str(ast.literal_eval(body)["error"]["message"]).partition("\n")[0]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
        return ""

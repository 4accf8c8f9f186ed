"""A task's page as a text that a person edits: Markdown, with tags, provenance and citations in front of it.

What stands in front is TOML between two lines of ``+++``, as static site generators have it. A field that is left out
there stays as it is on the server, and so does the description where no text follows; ``description = ""`` clears it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.api import Citation, Task
from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean

_FENCE = "+++"
_FIELDS = ("description", "tags", "provenance", "citations")
#: What clears a description; it stands below otherwise.
CLEARED = 'description = ""'
#: Characters that the server takes of a provenance. Source: kagglesdk 0.1.38.
PROVENANCE_ROOM = 4_000
_HINT = "%kbench describe --edit puts the page as it is into a cell, in the form it is read in."


@dataclass(frozen=True)
class Page:
    """What a task's page says; None is what a text does not say."""

    description: str | None = None
    tags: tuple[str, ...] | None = None
    provenance: str | None = None
    citations: tuple[Citation, ...] | None = None


def page_of_task(task: Task) -> Page:
    """Return what the page of a task says."""
    return Page(_plain(task.description), task.tags, _plain(task.provenance), task.citations)


def write_page(page: Page) -> str:
    """Return a page as text, which `read_page` reads."""
    tags = ", ".join(map(_quoted, page.tags or ()))
    cited = [f"  {{title = {_quoted(one.title)}, url = {_quoted(one.url)}}}," for one in page.citations or ()]
    citations = ["citations = [", *cited, "]"] if cited else ["citations = []"]
    head = [f"tags = [{tags}]", f"provenance = {_quoted_lines(page.provenance or '')}", *citations]
    return "\n".join([_FENCE, *head, _FENCE, "", (page.description or "").strip(), ""])


def read_page(text: str) -> Page:
    """Read a page from a text; without a ``+++`` in its first line it is the description alone.

    Raises
    ------
    UsageError
        If what stands in front of the description cannot be read, or the server would not take it.
    """
    lines = _plain(text.removeprefix("\ufeff")).split("\n")
    if lines[0].strip() != _FENCE:
        return Page("\n".join(lines) or None)
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
    if end is None:
        raise UsageError("The page has no second line of +++, which ends its tags and citations.", hint=_HINT)
    try:
        head = tomllib.loads("\n".join(lines[1:end]))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"What stands between the lines of +++ is no TOML: {error}.", hint=_HINT) from None
    for name in head:
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS, more=f"there are: {', '.join(_FIELDS)}")
            raise UsageError(f"A task's page has no {name!r}.", hint=hint)
    description = "\n".join(lines[end + 1 :]).strip()
    return Page(_description(head, description), _tags(head), _provenance(head), _citations(head))


def _description(head: Mapping[str, Any], below: str) -> str | None:
    if "description" not in head:
        return below or None
    if head["description"] != "" or below:
        raise UsageError(
            "The description stands below the second line of +++, not between them.",
            hint=f"Between them, {CLEARED} clears it; then nothing stands below.",
        )
    return ""


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _tags(head: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "tags" not in head:
        return None
    return tuple(dict.fromkeys(_texts("tags", head["tags"])))


def _provenance(head: Mapping[str, Any]) -> str | None:
    if "provenance" not in head:
        return None
    [provenance] = _texts("provenance", [head["provenance"]])
    if len(provenance) > PROVENANCE_ROOM:
        raise UsageError(
            f"The provenance has {len(provenance):,} characters, and the server takes {PROVENANCE_ROOM:,}.",
            hint="Shorten it, or move a part of it into the description.",
        )
    return _plain(provenance)


def _citations(head: Mapping[str, Any]) -> tuple[Citation, ...] | None:
    if "citations" not in head:
        return None
    given = head["citations"]
    if not isinstance(given, list) or not all(
        isinstance(one, dict) and set(one) <= {"title", "url"} for one in given
    ):
        raise UsageError(
            "citations is a list of titles with addresses.",
            hint='citations = [{title = "A paper", url = "https://example.org/paper"}]',
        )
    cited = [Citation(*_texts("a citation", [one.get("title", ""), one.get("url", "")])) for one in given]
    for one in cited:  # the server would leave it out without a word
        if not one.url.startswith(("https://", "http://")):
            raise UsageError(
                f"The citation {one.title!r} has no address: {one.url!r}.", hint="It begins with https://"
            )
    return tuple(cited)


def _texts(name: str, values: Any) -> Sequence[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"{name} takes text in quotation marks.", hint='tags = ["math", "reasoning"]')
    return values


def _quoted(text: str) -> str:
    # A JSON string is a basic string of TOML but for this one sign.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted_lines(text: str) -> str:
    lines = text.strip().split("\n")
    if len(lines) == 1:
        return _quoted(lines[0])
    return '"""\n' + "\n".join(_quoted(line)[1:-1] for line in lines) + '"""'

"""The values of a benchmark's discussions: topics, and the comments on one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.tasks import on_the_web
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["Comment", "Topic", "comments_in_order"]


@dataclass(frozen=True)
class Topic(Wire):
    """One topic; ``text`` is its first message, which a listing need not hold."""

    id: int = 0
    title: str = ""
    url: str = ""  #: as the server gave it; `web_url` is absolute
    posted: datetime | None = wire("postDate", default=None)
    author: str = wire("authorName", default="")
    votes: int = 0
    comments: int = wire("commentCount", default=0)
    text: str = wire("content", default="")

    @property
    def web_url(self) -> str:
        """The topic's page, absolute; empty when the server gave none."""
        return on_the_web(self.url)


@dataclass(frozen=True)
class Comment(Wire):
    """One comment; one that was deleted has neither author nor text."""

    id: int = 0
    author: str = wire("authorName", default="")
    posted: datetime | None = wire("postDate", default=None)
    votes: int = 0
    text: str = wire("content", default="")
    reply_to: int | None = wire(default=None)  #: the id of the comment that it answers


def comments_in_order(items: Iterable[Mapping[str, Any]]) -> list[Comment]:
    """Return comments, each followed by the replies to it, and to those, however deep they go."""
    found: list[Comment] = []
    waiting = deque[tuple[Mapping[str, Any], int | None]]((item, None) for item in items)
    while waiting:
        item, reply_to = waiting.popleft()
        comment = replace(Comment.from_wire(item), reply_to=reply_to)
        found.append(comment)
        replies = parse.items(item.get("replies"))
        waiting.extendleft((reply, comment.id) for reply in reversed(replies))
    return found

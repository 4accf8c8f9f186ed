"""Topics: what is discussed about a benchmark, and one topic with its comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from kbench_jupyter.actions.address import benchmark_address
from kbench_jupyter.api import Comment, Topic
from kbench_jupyter.display.view import (
    Cell,
    Facts,
    Part,
    Shown,
    Table,
    Text,
    Value,
    View,
    count,
    moment,
    told,
)
from kbench_jupyter.errors import NotFoundError, UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.session import Session

#: The orders of topics; completion has them, too.
SORTS = ("hot", "top", "new", "recent", "active", "relevance")
#: What begins and ends a line in HTML.
_BLOCK = re.compile(r"blockquote|br|div|h[1-6]|hr|li|[ou]l|p|pre|table|tr")


@dataclass(frozen=True)
class TopicList(Shown):
    """The topics about a benchmark, all or a page of them."""

    benchmark: str
    topics: tuple[Topic, ...] = ()
    #: The token of the page after these.
    following: str = ""
    searched: bool = False

    def view(self) -> View:
        """Describe the topics."""
        table = Table(
            ["topic>", "title", "author", "votes>", "comments>", "posted (UTC)", "link"],
            [
                [
                    told(topic.id),
                    topic.title,
                    topic.author,
                    told(topic.votes),
                    told(topic.comments),
                    moment(topic.posted),
                    Cell(topic.web_url, href=topic.web_url),
                ]
                for topic in self.topics
            ],
            "No topic fits." if self.searched else "No topics.",
        )
        steps = [
            (f"%kbench topics show {topic.id}", "that topic with its comments") for topic in self.topics[:1]
        ]
        title = f"{self.benchmark}: {count(len(self.topics), 'topic')}"
        return View(title, [table], notes=_more(self.following), next=steps, footer=self.footer)


@dataclass(frozen=True)
class TopicShown(Shown):
    """A topic: its first message, then the comments, each reply after what it answers."""

    topic: Topic
    comments: tuple[Comment, ...] = ()
    #: The token of the page of comments after these.
    following: str = ""

    def view(self) -> View:
        """Describe the messages."""
        topic = self.topic
        facts: dict[str, Value] = {
            "author": topic.author,
            "posted": moment(topic.posted, zone=True),
            "votes": told(topic.votes),
            "comments": told(topic.comments),
            "link": Cell(topic.web_url, href=topic.web_url),
        }
        parts: list[Part] = [Facts(facts)]
        parts += [Text(message, code=True)] if (message := plain(topic.text)) else []
        authors = {comment.id: _author(comment) for comment in self.comments}
        for comment in self.comments:
            answers = f", in reply to {authors[comment.reply_to]}" if comment.reply_to in authors else ""
            posted = f" on {moment(comment.posted).text}" if comment.posted else ""
            head = f"{_author(comment)}{answers}{posted}, {count(comment.votes, 'vote')}"
            parts += [Text(head, "quiet"), Text(plain(comment.text) or "(deleted)", code=True)]
        title = f"Topic {topic.id}: {topic.title}"
        return View(title, parts, notes=_more(self.following), footer=self.footer)

    def records(self) -> list[dict[str, Any]]:
        """Return a record a message, the topic's own first; texts as the server sent them."""
        messages: list[Topic | Comment] = [self.topic, *self.comments]
        return [
            {
                "id": one.id,
                "in reply to": one.reply_to if isinstance(one, Comment) else None,
                "title": one.title if isinstance(one, Topic) else None,
                "author": one.author or None,
                "votes": one.votes,
                "posted (UTC)": one.posted,
                "text": one.text or None,
            }
            for one in messages
        ]


def list_topics(
    session: Session,
    benchmark: str | None,
    *,
    sort: str | None = None,
    search: str | None = None,
    page_size: int = 0,
    page_token: str | None = None,
) -> TopicList:
    """List the topics about a benchmark, ``owner/name``.

    Parameters
    ----------
    sort : str, optional
        One of `SORTS`.
    search : str, optional
        Only topics about that.
    page_size : int
        Only so many; all of them by default.
    page_token : str, optional
        The page to begin with, as an earlier listing told it.

    Raises
    ------
    UsageError
        If `benchmark` is no address of one, or there is no such order; nothing is sent.
    NotOfferedError
        If the server has no discussions, or not of that benchmark.
    """
    if not benchmark:
        raise UsageError("Which benchmark? None was named.", hint="%kbench topics list OWNER/BENCHMARK")
    owner, name = benchmark_address(benchmark)
    if sort and sort not in SORTS:
        hint = did_you_mean(sort, SORTS, form="--sort-by {}", more=f"there are: {', '.join(SORTS)}")
        raise UsageError(f"There is no order {sort!r} of topics.", hint=hint)
    target = session.target()
    topics, following = session.client(target).list_topics(
        owner, name, sort=sort or "", search=search or "", page_size=page_size, page_token=page_token or ""
    )
    return TopicList(benchmark, tuple(topics), following, bool(search), footer=target.label)


def show_topic(
    session: Session, topic: str, *, page_size: int = 0, page_token: str | None = None
) -> TopicShown:
    """Show a topic with its comments.

    Parameters
    ----------
    topic : str
        Its id, also at the end of an address: ``"owner/benchmark/123"``.
    page_size, page_token
        Of the comments, as `list_topics` has them of topics.

    Raises
    ------
    UsageError
        If `topic` names none; nothing is sent.
    NotOfferedError
        If the server has no discussions, or no such topic.
    NotFoundError
        If its answer has no topic.
    """
    number = topic.rpartition("/")[2]
    if not re.fullmatch(r"[0-9]{1,18}", number) or not int(number):
        raise UsageError(
            f"{topic!r} does not end in a topic's id, which is a whole number.",
            hint="%kbench topics list OWNER/BENCHMARK shows the ids.",
        )
    target = session.target()
    client = session.client(target)
    found = client.get_topic(int(number))
    if not found.id:
        raise NotFoundError(f"There is no topic {number}.", hint="%kbench topics list OWNER/BENCHMARK")
    comments, following = client.list_comments(int(number), page_size=page_size, page_token=page_token or "")
    return TopicShown(found, tuple(comments), following, footer=target.label)


def plain(text: str) -> str:
    """Return a message without its markup: where it is HTML as a whole, its words; Markdown stays as it is."""
    if not re.fullmatch(r"\s*<[a-zA-Z].*>\s*", text, re.DOTALL):
        return text.strip()
    words = _Words()
    words.feed(text)
    words.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(words.found)).strip()


class _Words(HTMLParser):
    """Collects the words of HTML, with a line's end where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if _BLOCK.fullmatch(tag):
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def _author(comment: Comment) -> str:
    return comment.author or "(deleted)"


def _more(token: str) -> list[str]:
    return [f"There are more: --page-token {token} shows the next page."] if token else []

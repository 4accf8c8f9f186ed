"""What is discussed about a benchmark: listed, and a topic with its comments."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.actions.topics import SORTS, plain
from kbench_jupyter.display.view import forms
from kbench_jupyter.errors import NotOfferedError, UsageError
from kbench_jupyter.magics.completion import complete_line

PAGE = "https://www.kaggle.com/benchmarks/me/board/discussion/7"
TOPICS = [
    {
        "id": 7,
        "title": "Is <b>it</b> fair?\x1b]0;x\x07",
        "url": "/benchmarks/me/board/discussion/7",
        "postDate": "2026-01-02T03:04:05.678Z",
        "authorName": "Ann",
        "votes": 12,
        "commentCount": 3,
    },
    {"id": 8, "title": "Second", "authorName": "Bob"},
    {"id": 9, "title": "Third", "url": "javascript:alert(1)"},
]
MESSAGE = "I **wonder** about\n\n    <script>alert(1)</script>\n\x1b[31mred\u202e"
COMMENTS = [
    {
        "id": 1,
        "authorName": "Bob",
        "postDate": "2026-01-03T00:00:00Z",
        "content": "<p>Yes &amp; <em>no</em>.</p><p>See <a href='x'>there</a>.</p>",
        "votes": 1,
        "replies": [{"id": 2, "authorName": "Ann", "content": "Thanks", "votes": -2}],
    },
    {"id": 3},
]


class Forum(faults.FakeApi):
    """A benchmark that is discussed; lists come in pages."""

    def ListBenchmarkTopics(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = [one for one in TOPICS if body.get("searchQuery", "") in one["title"]]
        return self._page(body, "topics", wanted)

    def GetTopic(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [one for one in TOPICS if one["id"] == body["id"]]
        return {"topic": {**found[0], "content": MESSAGE}} if found else {}

    def ListComments(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._page(body, "comments", COMMENTS if body["topicId"] == 7 else [])

    def _page(self, body: dict[str, Any], key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        start = int(body.get("pageToken", "0"))
        end = start + int(body.get("pageSize", 1))
        return {key: items[start:end], **({"nextPageToken": str(end)} if end < len(items) else {})}


@pytest.fixture
def server() -> Iterator[faults.FaultServer]:
    with faults.FaultServer(Forum()) as running:
        yield running


def test_all_topics_of_a_benchmark_are_listed_whatever_pages_they_come_in(
    server: faults.FaultServer, kbench: Any
) -> None:
    found = kbench("topics list me/board")
    assert [one.json for one in server.calls("ListBenchmarkTopics")] == [
        {"ownerSlug": "me", "benchmarkSlug": "board"},
        {"ownerSlug": "me", "benchmarkSlug": "board", "pageToken": "1"},
        {"ownerSlug": "me", "benchmarkSlug": "board", "pageToken": "2"},
    ]
    first, second, third = found.records()
    assert first == {
        "topic": 7,
        "title": TOPICS[0]["title"],
        "author": "Ann",
        "votes": 12,
        "comments": 3,
        "posted (UTC)": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        "link": PAGE,
    }
    assert (second["votes"], second["posted (UTC)"], second["link"]) == (0, None, None)
    assert third["link"] == "javascript:alert(1)"
    drawn = forms(found.view())
    assert "me/board: 3 topics" in drawn["text/plain"]
    assert "%kbench topics show 7" in drawn["text/plain"]
    assert f'<a href="{PAGE}"' in drawn["text/html"]


def test_what_others_wrote_is_text_without_effect(kbench: Any) -> None:
    for line in ("topics list me/board", "topics show 7"):
        drawn = forms(kbench(line).view())
        assert "Is &lt;b&gt;it&lt;/b&gt; fair?\\x1b]0;x\\x07" in drawn["text/html"]
        for harmful in ("<script", "<b>", "<em>", 'href="javascript', "\x1b", "\x07", "\u202e"):
            assert harmful not in drawn["text/html"]
        assert not {"\x1b", "\x07", "\u202e"} & set(drawn["text/plain"])


def test_a_topic_in_a_file_counts_its_messages(kbench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("txt", "csv", "json"):
        kbench(f"topics show 7 -o topic.{form}")
        assert f"Wrote 4 rows to topic.{form}." in capsys.readouterr().out


def test_a_topic_is_shown_with_its_comments_each_reply_after_what_it_answers(
    server: faults.FaultServer, kbench: Any
) -> None:
    shown = str(found := kbench("topics show me/board/7"))
    assert server.calls("GetTopic")[0].json == {"id": 7}
    places = [
        shown.index(part)
        for part in (
            "Topic 7: Is",
            PAGE,
            "  I **wonder** about",
            "      <script>alert(1)</script>\n  \\x1b[31mred\\u202e",
            "Bob on 2026-01-03 00:00:00, 1 vote\n",
            "  Yes & no.\n\n  See there.",
            "Ann, in reply to Bob, -2 votes",
            "  Thanks",
            "(deleted), 0 votes",
            "  (deleted)",
        )
    ]
    assert places == sorted(places)
    assert [(one["id"], one["in reply to"], one["text"]) for one in found.records()] == [
        (7, None, MESSAGE),
        (1, None, COMMENTS[0]["content"]),
        (2, 1, "Thanks"),
        (3, None, None),
    ]
    assert str(kbench("topics show me/board 7")) == str(kbench("b topics show 7")) == shown


def test_a_page_is_asked_for_as_the_official_client_does(server: faults.FaultServer, kbench: Any) -> None:
    page = kbench("topics list me/board --sort-by new -s d --page-size 1 --page-token 0")
    [asked] = server.calls("ListBenchmarkTopics")
    assert asked.json == {
        "ownerSlug": "me",
        "benchmarkSlug": "board",
        "sortBy": "TOPIC_LIST_SORT_BY_NEW",
        "searchQuery": "d",
        "pageSize": 1,
        "pageToken": "0",
    }
    assert [one["title"] for one in page.records()] == ["Second"]
    assert "--page-token 1 shows the next page" in str(page)
    rest = kbench("topics list me/board -s d --page-token 1")
    assert [one["title"] for one in rest.records()] == ["Third"]
    assert "next page" not in str(rest)
    assert "No topic fits." in str(kbench("topics list me/board -s zzz"))
    first = kbench("topics show 7 --page-size 1")
    assert [one["id"] for one in first.records()] == [7, 1, 2]
    assert "--page-token 1" in str(first)


def test_both_are_written_for_other_programs(
    kbench: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kbench("topics list me/board --format 'json(topic, votes)'")
    assert json.loads(capsys.readouterr().out)[0] == {"topic": 7, "votes": 12}
    kbench("topics show 7 -v")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines(keepends=True)))
    assert [row["id"] for row in rows] == ["7", "1", "2", "3"]
    monkeypatch.chdir(tmp_path)
    kbench("topics list me/board -o topics.json")
    assert [one["topic"] for one in json.loads(Path("topics.json").read_text())] == [7, 8, 9]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("topics list", "Which benchmark"),
        ("topics list board", "'board' is not OWNER/BENCHMARK"),
        ("topics list me/board 7", "list takes a benchmark"),
        ("topics list me/board --sort-by newest", "no order 'newest'"),
        ("topics list me/board --page-size 1.5", "'1.5' is no whole number from 1"),
        ("topics show", "'' does not end in a topic's id"),
        ("topics show me/board", "'me/board' does not end in a topic's id"),
        ("topics show 7 --search x", "go with list"),
        ("topics read 7", "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    server: faults.FaultServer, kbench: Any, line: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        kbench(line)
    assert said in str(refused.value)
    assert not server.requests


@pytest.mark.parametrize("code", [403, 404, 501])
@pytest.mark.parametrize(
    ("method", "line", "said"),
    [
        ("ListBenchmarkTopics", "topics list me/board", "the discussions of that benchmark"),
        ("GetTopic", "topics show 7", "that topic"),
        ("ListComments", "topics show 7", "the comments of that topic"),
    ],
)
def test_a_server_without_discussions_says_so_in_one_line(
    server: faults.FaultServer,
    kbench: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    method: str,
    line: str,
    said: str,
) -> None:
    refusal = server.api.error(code, "Nothing of that kind")
    monkeypatch.setattr(server.api, method, lambda _: refusal)
    with pytest.raises(NotOfferedError) as refused:
        kbench(line)
    assert str(refused.value).splitlines()[0] == (
        f"This server does not offer {said} to this account ({code}): Nothing of that kind"
    )


def test_an_answer_without_a_topic_is_said_to_have_none(kbench: Any) -> None:
    with pytest.raises(Exception, match="There is no topic 99"):
        kbench("topics show 99")


def test_replies_are_read_however_deep_they_go(kbench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deep: dict[str, Any] = {"id": 300, "content": "last"}
    for number in range(299, 0, -1):
        deep = {"id": number, "replies": [deep]}
    monkeypatch.setattr("test_actions_topics.COMMENTS", [deep])
    records = kbench("topics show 7").records()
    assert [one["in reply to"] for one in records[2:]] == list(range(1, 300))


def test_markdown_stays_as_it_is_and_html_is_read() -> None:
    assert plain("a < b\n\n- `<T>` and <https://a.example>\n") == "a < b\n\n- `<T>` and <https://a.example>"
    assert plain("<ul><li>one</li><li>a &lt; b</li></ul><br/>") == "one\n\na < b"


@pytest.mark.slow
def test_the_embedded_server_says_that_it_has_no_such_topic_and_no_such_benchmark(
    shell: InteractiveShell, server_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_HOME", str(server_home))
    monkeypatch.setenv("KBENCH_TARGET", "local")
    for line, said in (
        ("topics show 7", "There is no topic 7: nothing is discussed on this server."),
        ("topics list local/nope", "There is no benchmark local/nope here."),
    ):
        with pytest.raises(NotOfferedError) as refused:
            shell.run_line_magic("kbench", line)
        assert said in str(refused.value)


def test_actions_and_orders_are_completed() -> None:
    def offered(line: str) -> list[str]:
        found = complete_line(line, lambda _: [])
        return [] if found is None else [text for text, _ in found.choices]

    assert offered("%kbench topics ") == ["list", "show"]
    assert offered("%kbench topics list me/board --sort-by ") == list(SORTS)

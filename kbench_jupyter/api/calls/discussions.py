"""The calls about a benchmark's discussions, which a service of Kaggle's forums answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.wire import given

if TYPE_CHECKING:
    from kbench_jupyter.api.values.discussions import Comment, Topic

SERVICE = "discussions.DiscussionApiService"


class DiscussionCalls(Caller):
    """What can be asked about discussions; each raises `NotOfferedError` where the server has none of it."""

    def list_topics(
        self,
        owner: str,
        benchmark: str,
        *,
        sort: str = "",
        search: str = "",
        page_size: int = 0,
        page_token: str = "",
    ) -> tuple[list[Topic], str]:
        """Return the topics about a benchmark, and the token of the page after them, "" where there is none.

        Parameters
        ----------
        sort : str
            Such as ``"hot"``; the server's own order by default.
        search : str
            What they are about.
        page_size : int
            How many: one page. All of them by default.
        page_token : str
            Where to begin, as an earlier answer told it.
        """
        from kbench_jupyter.api.values.discussions import Topic  # which one command needs

        body = given(ownerSlug=owner, benchmarkSlug=benchmark, searchQuery=search)
        if sort:
            body["sortBy"] = f"TOPIC_LIST_SORT_BY_{sort.upper()}"
        items, following = self._items("ListBenchmarkTopics", body, "topics", page_size, page_token)
        return [Topic.from_wire(item) for item in items], following

    def get_topic(self, topic_id: int) -> Topic:
        """Return a topic with its first message."""
        from kbench_jupyter.api.values.discussions import Topic  # which one command needs

        return Topic.from_wire(self.call(SERVICE, "GetTopic", given(id=topic_id)).get("topic"))

    def list_comments(
        self, topic_id: int, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[Comment], str]:
        """Return the comments on a topic, replies after what they answer; else as `list_topics`."""
        from kbench_jupyter.api.values.discussions import comments_in_order  # which one command needs

        body = given(topicId=topic_id)
        items, following = self._items("ListComments", body, "comments", page_size, page_token)
        return comments_in_order(items), following

    def _items(
        self, method: str, body: Mapping[str, Any], key: str, page_size: int, page_token: str
    ) -> tuple[list[Mapping[str, Any]], str]:
        asked = {**body, **given(pageSize=page_size, pageToken=page_token)}
        if not page_size:
            return list(self.pages(SERVICE, method, asked, key)), ""
        page = self.call(SERVICE, method, asked)
        return parse.items(page.get(key)), parse.text(page.get("nextPageToken"))

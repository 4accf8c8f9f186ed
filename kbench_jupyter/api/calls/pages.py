"""Lists that come in pages: each item once, and an end whatever the server's tokens say.

What is listed changes while it is being read, so pages may overlap; a server may also lose its way. Where all of a
list is wanted and the server says how many items there are, the pages after the first are asked for at once, by how
many items come before each. Unless what comes is that many different items, the pages are walked one by one as ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kbench_jupyter.api.values import parse
from kbench_jupyter.errors import ApiError, TransportError

#: Pages with nothing new on them that are asked for in a row; a filter may well leave a few empty.
_FRUITLESS = 20
#: Pages of one list. Of fifty items each, that is half a million.
_MOST = 10_000
#: Items that may come beyond twice the number the server says there are.
_BEYOND = 1_000
#: Pages that are asked for at once, and of how many a list may be for that: all of them are held in memory.
_AT_ONCE, _MOST_AHEAD = 8, 400


def items_of_pages(
    ask: Callable[[str], Mapping[str, Any]],
    method: str,
    key: str,
    ahead: Callable[[int], Mapping[str, Any]] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the items, which `key` holds, of all pages.

    Parameters
    ----------
    ask : callable
        Called with a page's token when that page is needed.
    ahead : callable, optional
        Called, in threads, with the number of items before a page; only where all of the list is wanted.

    Raises
    ------
    TransportError
        If the pages do not end.
    """
    seen: set[Hashable] = set()
    tokens: set[str] = set()
    fruitless = count = 0
    page = ask("")
    if ahead is not None and (whole := _whole(page, key, ahead)):
        yield from whole
        return
    while True:
        before = count
        for item in parse.items(page.get(key)):
            identity = _identity(item)
            if identity is None or identity not in seen:
                seen.add(identity)
                count += 1
                yield item
        token = parse.text(page.get("nextPageToken"))
        if not token:
            return
        if token in tokens:
            raise TransportError(f"{method}: the server's pages go round in circles.", hint=_HINT)
        tokens.add(token)
        fruitless = 0 if count > before else fruitless + 1
        said = parse.integer(page.get("totalResults")) or 0
        if fruitless >= _FRUITLESS or len(tokens) >= _MOST or (said > 0 and count > 2 * said + _BEYOND):
            there = f"{count:,} items in {len(tokens):,} pages" + (
                f", of {said:,} there are" if said > 0 else ""
            )
            raise TransportError(f"{method}: the server's pages do not end ({there}).", hint=_HINT)
        page = ask(token)


def _whole(
    first: Mapping[str, Any], key: str, ahead: Callable[[int], Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return all items of a list of several pages; none where that cannot be told for sure."""
    items = list(parse.items(first.get(key)))
    size, total = len(items), parse.integer(first.get("totalResults")) or 0
    if not first.get("nextPageToken") or not size < total <= size * _MOST_AHEAD:
        return []
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kbench-pages")
    try:
        for page in pool.map(ahead, range(size, total, size)):
            items += parse.items(page.get(key))
    except ApiError as error:
        if error.status == 429 or error.status >= 500:
            raise
        return []  # it knows no other way than its tokens
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    names = {_identity(item) for item in items}
    return items if len(items) == len(names) == total and None not in names else []


_HINT = "Something is wrong with the server's list; nothing on your side. Try again in a few minutes."


def _identity(item: Mapping[str, Any]) -> Hashable:
    """Return what tells an item of a list from the others, None where nothing does."""
    # A model may be listed once for each of its versions.
    names = (parse.text(item.get("id")), item.get("slug"), parse.mapping(item.get("version")).get("slug"))
    return json.dumps(names, sort_keys=True) if any(names) else None

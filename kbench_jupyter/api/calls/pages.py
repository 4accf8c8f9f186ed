"""Lists that come in pages: each item once, and an end whatever the server's tokens say.

What is listed changes while it is being read, so pages may overlap; a server may also lose its way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from kbench_jupyter.api.values import parse
from kbench_jupyter.errors import TransportError

__all__ = ["items_of_pages"]

#: Pages with nothing new on them that are asked for in a row; a filter may well leave a few empty.
_FRUITLESS = 20
#: Pages of one list. Of fifty items each, that is half a million.
_MOST = 10_000
#: Items that may come beyond twice the number the server says there are.
_BEYOND = 1_000


def items_of_pages(
    ask: Callable[[str], Mapping[str, Any]], method: str, key: str
) -> Iterator[Mapping[str, Any]]:
    """Yield the items, which `key` holds, of all pages; `ask` is called with a page's token when it is needed.

    Raises
    ------
    TransportError
        If the pages do not end.
    """
    seen: set[Hashable] = set()
    tokens: set[str] = set()
    token, fruitless, count = "", 0, 0
    while True:
        page = ask(token)
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


_HINT = "Something is wrong with the server's list; nothing on your side. Try again in a few minutes."


def _identity(item: Mapping[str, Any]) -> Hashable:
    """Return what tells an item of a list from the others, None where nothing does."""
    # A model may be listed once for each of its versions.
    names = (parse.text(item.get("id")), item.get("slug"), parse.mapping(item.get("version")).get("slug"))
    return json.dumps(names, sort_keys=True) if any(names) else None

"""The matcher that joins completion to IPython (``IPCompleter.custom_matchers``).

It works wherever IPython completes: in JupyterLab through ``complete_request``, in a terminal, in VS Code. It
answers for ``%kbench`` lines only and leaves all others alone; what it needs is imported at the first one,
so that loading the extension does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.session.session import Session


def make_matcher(session: Callable[[], Session]) -> Any:
    """Return a matcher; it calls for the kernel's session at the first ``%kbench`` line only."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    caches: list[Callable[[str], Iterable[str]]] = []

    def names(kind: str) -> Iterable[str]:
        if not caches:
            from kbench_jupyter.magics.completion import NameCache

            caches.append(NameCache(session()))
        return caches[0](kind)

    @context_matcher(identifier="kbench_jupyter", priority=100)  # type: ignore[untyped-decorator]
    def matcher(context: Any) -> Any:
        line = context.text_until_cursor
        if "%kbench" not in line:
            return _nothing()
        from kbench_jupyter.magics.completion import complete_line

        try:
            completion = complete_line(line, names)
        except Exception:  # noqa: BLE001 - a failing matcher would disturb all completion
            completion = None
        if completion is None:
            return _nothing()
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in completion.choices],
            "matched_fragment": completion.fragment,
            "suppress": True,
            "ordered": True,
        }

    return matcher


def _nothing() -> dict[str, Any]:
    """Return an answer without completions, a new one each time: IPython writes the fragment into it."""
    return {"completions": [], "suppress": False}

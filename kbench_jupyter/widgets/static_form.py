"""The static form of a widget: what of it is saved with the notebook.

A widget's output carries its HTML and text forms, too, and a mark by which the browser's side
(``static_form.js``) knows it again: a save writes the forms alone, and a page that finds the kernel still
there shows the widget again.
"""

from __future__ import annotations

from typing import Any

__all__ = ["mark"]


def mark(model_id: str) -> dict[str, Any]:
    """Return the metadata of an output that shows the widget with that id."""
    return {"kbench": {"panel": model_id}}

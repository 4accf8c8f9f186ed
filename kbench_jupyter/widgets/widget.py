"""The base of our widgets: each knows its own name, is saved as its static form, and closes without leftovers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import anywidget
import traitlets


class Widget(anywidget.AnyWidget):
    """A widget of which a save keeps text and HTML alone.

    Its output carries both forms and a mark by which the browser's side (``static_form.js``) knows it again: a
    page that finds the kernel still there shows the widget again.
    """

    #: The widget's model id: by it the front end finds its output in the document, from the first moment on.
    ident = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        ident = uuid4().hex
        super().__init__(model_id=ident, ident=ident, **traits)

    def form(self) -> dict[str, Any]:
        """Return the static form by MIME type."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the widget and the layout that ipywidgets gives every widget."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return {**data, **self.form()}, {"kbench": {"panel": self.ident}}

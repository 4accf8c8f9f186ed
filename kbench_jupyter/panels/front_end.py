"""Whether there is a front end that can draw a panel for the cell that is running."""

from __future__ import annotations

import sys
from typing import Any

from kbench_jupyter.session.session import Session

__all__ = ["draws_widgets"]


def draws_widgets(session: Session) -> bool:
    """Return whether a panel would be drawn.

    A terminal has no kernel. nbclient, and so nbconvert, has one but nobody to click; unlike the front ends
    people use it names no cell with its requests. Colab shows nothing that comes from a thread.

    Parameters
    ----------
    session : Session
    """
    kernel = getattr(session.shell, "kernel", None)
    if kernel is None or "google.colab" in sys.modules:
        return False
    try:
        parent: dict[str, Any] = kernel.get_parent()
    except Exception:  # noqa: BLE001 - an ipykernel too old to tell: the static form will do
        return False
    return bool((parent.get("metadata") or {}).get("cellId"))

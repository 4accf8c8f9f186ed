"""Names as the server writes them: task slugs and canonical model slugs."""

from __future__ import annotations

import re

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def task_slug(name: str) -> str:
    """Return the slug the server gives a task name.

    Parameters
    ----------
    name : str
        A task's name as a person writes it (``"My Task"``, ``"my_task"``).

    Returns
    -------
    str
        The slug (``"my-task"``); empty when the name holds no letter or digit.

    Notes
    -----
    The official client uses ``python-slugify`` with its defaults (kaggle 2.2.4), and so does this.
    """
    if _SLUG.fullmatch(name):
        return name
    from slugify import slugify  # imported here: with its tables it takes as long as a round trip

    return str(slugify(name))


def normalize_model(name: str) -> str:
    """Return a model's canonical slug, the form that runs and schedules are compared by.

    Parameters
    ----------
    name : str
        A model in any of its spellings (``"anthropic/claude-haiku-4-5@20251001"``).

    Returns
    -------
    str
        Everything after the last ``/``, with ``@`` as ``-`` (``"claude-haiku-4-5-20251001"``).
    """
    return name.strip().rpartition("/")[2].replace("@", "-")

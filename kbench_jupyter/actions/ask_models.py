"""Asks which models are meant, by number, where a front end shows no picker and somebody can answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kbench_jupyter.actions.wanted_candidates import ran_last
from kbench_jupyter.actions.wanted_models import expand, usable
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session

#: Models up to which all are listed; of more, a pattern is typed.
_LISTED = 40
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def ask_models(session: Session, slug: str) -> list[str]:
    """Show the models that can run, numbered, and return the slugs of those that the user names.

    The answer holds numbers, ranges (``2-4``), names and patterns (``gemini*``), parted by blanks or commas. None
    means what the task was last run on from here, as in the panel.

    Returns
    -------
    list of str
        Empty where nobody can be asked, or nothing was answered and nothing is remembered.

    Raises
    ------
    UsageError
        If a number is none of the list, or a pattern fits no model that can run.
    """
    if not session.reporter.can_ask:
        return []
    target = session.target()
    models = usable(session.client(target).list_models())
    slugs = [model.slug for model in models]
    last = _last(session, slug, slugs)
    width = len(str(len(models)))
    for number, model in enumerate(models[:_LISTED], 1):
        session.reporter.say(f"{number:>{width}}  {model.slug}")
    if len(models) > _LISTED:
        session.reporter.say(f"... and {len(models) - _LISTED} more: %kbench models")
    how = "numbers such as 1 3-5, names, or patterns such as gemini*"
    again = f"; nothing for last time's: {', '.join(last)}" if last else ""
    answer = session.reporter.ask(f"Which models? ({how}{again})")
    words = [word for word in re.split(r"[\s,]+", answer or "") if word]
    named = [name for word in words for name in _meant(word, slugs)]
    return expand(session, target, named, models) if named else last


def _last(session: Session, slug: str, usable: Sequence[str]) -> list[str]:
    """Return the models that a task was last run on from here, where names alone say it and all can run."""
    known = ran_last(session, slug)
    if len(known) == 1 and known[0].models and not known[0].effort and set(known[0].models) <= set(usable):
        return list(known[0].models)
    return []


def _meant(word: str, slugs: list[str]) -> list[str]:
    """Return the slugs that a number or range stands for; a name or pattern as it is."""
    numbers = _RANGE.fullmatch(word)
    if numbers is None or word in slugs:
        return [word]
    first, last = int(numbers[1]), int(numbers[2] or numbers[1])
    if not 1 <= first <= last <= len(slugs):
        raise UsageError(
            f"{word} is not in the list, which goes from 1 to {len(slugs)}; nothing was run.",
            hint="To choose again: %kbench run, or name them: %kbench run -m MODEL",
        )
    return slugs[first - 1 : last]

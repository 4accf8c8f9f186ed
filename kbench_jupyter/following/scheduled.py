"""Finding the runs that a schedule made, where its answer names none: the list of runs may lag behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kbench_jupyter.api import SKEW
from kbench_jupyter.display.view import count
from kbench_jupyter.following.rounds import Clock, Rounds, TimeUp, Trouble
from kbench_jupyter.following.status import SETTLE
from kbench_jupyter.following.watch import how_to_stop
from kbench_jupyter.session.interrupted import Interrupted

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, ScheduleResult

#: Most seconds between two looks.
INTERVAL = 10.0


def find_scheduled(
    client: Client,
    slug: str,
    results: Sequence[ScheduleResult],
    before: Collection[int],
    *,
    timeout: float | None = None,
    clock: Clock | None = None,
) -> tuple[ScheduleResult, ...]:
    """Return the results with the ids of their runs, those that the answer left out looked up.

    It looks until each is found, or the list has had its time to settle; not at all where every id was told.

    Parameters
    ----------
    results : sequence of ScheduleResult
        What was scheduled just now.
    before : collection of int
        Ids of these candidates' runs before that.
    timeout : float, optional
        Seconds, if those are fewer than `SETTLE`; 0 looks once.

    Raises
    ------
    Interrupted
        On Ctrl+C; the runs go on.
    """
    missing = [one for one in results if one.scheduled and one.run_id is None]
    if not missing:
        return tuple(results)
    found: dict[ScheduleResult, int] = {}
    recent = datetime.now(UTC) - SKEW
    # No filter names an agent.
    models = [] if any(one.agent for one in missing) else [one.model for one in missing]

    def look() -> bool:
        nonlocal models
        # From the second look on without the filter: perhaps a slug is spelled otherwise there.
        wide, asked, models = not models, models, []
        for run in client.list_runs(slug, models=asked, deadline=rounds.remaining):
            # What the filter hid before is not new for that.
            hidden = wide and run.end_time is not None and run.end_time < recent
            if hidden or run.id in before:
                continue
            for one in missing:
                if one.may_be(run):
                    found[one] = max(run.id, found.get(one, run.id))
        return len(found) == len(missing)

    rounds = Rounds(SETTLE if timeout is None else min(timeout, SETTLE), INTERVAL, clock=clock)
    try:
        for outcome in rounds.rounds(look):
            if not isinstance(outcome, Trouble) and outcome:
                break
    except TimeUp:
        pass
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped looking for what was scheduled ({count(len(missing), 'run')} of {slug}). What runs goes on.",
            hint=how_to_stop(slug),
        ) from None
    return tuple(replace(one, run_id=found.get(one, one.run_id)) for one in results)

"""Finding the runs that a schedule made where its answer names none; the list of runs may lag behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kbench_jupyter.api import SKEW
from kbench_jupyter.display.view import count
from kbench_jupyter.following.rounds import Clock, Rounds, TimeUp, Trouble
from kbench_jupyter.following.status import SETTLE
from kbench_jupyter.following.watch import how_to_stop
from kbench_jupyter.session.interrupted import Interrupted

if TYPE_CHECKING:
    from kbench_jupyter.api import Client, Run, ScheduleResult

__all__ = ["await_scheduled"]

#: Most seconds between two looks.
INTERVAL = 10.0


def await_scheduled(
    client: Client,
    slug: str,
    scheduled: Sequence[ScheduleResult],
    before: Collection[int],
    *,
    timeout: float | None = None,
    clock: Clock | None = None,
) -> tuple[Run, ...]:
    """Look until each scheduled candidate has a new run, or the list has had its time to settle.

    Parameters
    ----------
    client : Client
    slug : str
    scheduled : sequence of ScheduleResult
        What was scheduled just now.
    before : collection of int
        Ids of these candidates' runs before that.
    timeout : float, optional
        Seconds, if those are fewer than `SETTLE`.
    clock : Clock, optional

    Returns
    -------
    tuple of Run
        In the order scheduled; a candidate whose run has not appeared has none.

    Raises
    ------
    Interrupted
        On Ctrl+C; the runs go on.
    """
    found: dict[int, Run] = {}
    recent = datetime.now(UTC) - SKEW
    models = [one.model for one in scheduled]
    filtered = all(models)  # no filter names an agent

    def look() -> bool:
        nonlocal filtered
        # From the second look on without the filter: perhaps a slug is spelled otherwise there.
        wide, filtered = not filtered, False
        listed = client.list_runs(slug, models=() if wide else models, deadline=rounds.remaining)
        for run in listed:
            # What the filter hid before is not new for that.
            hidden = wide and run.end_time is not None and run.end_time < recent
            old = hidden or run.id in before
            for place, one in enumerate(scheduled):
                if not old and one.may_be(run) and run.id >= found.get(place, run).id:
                    found[place] = run
        return len(found) == len(scheduled)

    rounds = Rounds(SETTLE if timeout is None else min(timeout, SETTLE), INTERVAL, clock=clock)
    try:
        for outcome in rounds.rounds(look):
            if not isinstance(outcome, Trouble) and outcome:
                break
    except TimeUp:
        pass
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped looking for the {count(len(scheduled), 'run')} of {slug} that were scheduled. They go on.",
            hint=how_to_stop(slug),
        ) from None
    return tuple(found[place] for place in range(len(scheduled)) if place in found)

"""The calls about runs: listing and scheduling them, their logs and their output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.calls.writes import look_again, unconfirmed, unseen
from kbench_jupyter.api.downloads import Download
from kbench_jupyter.api.logs.stream import LogStream
from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.runs import LogEntry, Run, ScheduleResult
from kbench_jupyter.api.values.tasks import TaskSlug
from kbench_jupyter.api.values.wire import given
from kbench_jupyter.errors import AmbiguousWriteError, UsageError

__all__ = ["RunCalls"]


class RunCalls(Caller):
    """What can be asked about runs."""

    def list_runs(
        self, slug: TaskSlug | str, *, models: Sequence[str] = (), deadline: float | None = None
    ) -> Iterator[Run]:
        """Yield a task's runs, page by page as they are asked for.

        Parameters
        ----------
        models : sequence of str
            Only runs on these models, in any spelling.
        deadline : float, optional
            Seconds for the call of a page with all its tries, if fewer than usual.
        """
        address = TaskSlug.parse(slug)
        wanted = _canonical(models)
        body = given(taskSlug=address.to_wire(), modelVersionSlugs=wanted)
        subject = f"task {str(address)!r}"
        for item in self.pages(TASKS, "ListBenchmarkTaskRuns", body, "runs", subject, deadline):
            run = Run.from_wire(item)
            if not wanted or run.model in wanted:  # the server may ignore the filter
                yield run

    def schedule_runs(
        self, slug: TaskSlug | str, models: Sequence[str], *, known_runs: Collection[int] | None = None
    ) -> list[ScheduleResult]:
        """Schedule a run of a task on each of the models.

        Never sent twice blindly: when the answer is lost, the run ids of these models tell whether it
        landed, and the results come back with a ``note``.

        Parameters
        ----------
        models : sequence of str
            Models in any spelling; one named twice is scheduled once.
        known_runs : collection of int, optional
            Ids of the runs of these models before; looked up when left out.

        Returns
        -------
        list of ScheduleResult
            One for each model, in the order asked for.

        Raises
        ------
        UsageError
            If no model is named.
        NotFoundError
            If the task or a model is unknown.
        AmbiguousWriteError
            If the answer was lost and not all the runs have appeared since.
        """
        address, wanted = TaskSlug.parse(slug), _canonical(models)
        if not wanted:
            raise UsageError("No model was named to run on.", hint="%kbench models shows what there is.")
        if known_runs is None:
            known_runs = {run.id for run in self.list_runs(address, models=wanted)}
        method = "BatchScheduleBenchmarkTaskRuns"
        body = {"taskSlugs": [address.to_wire()], "modelVersionSlugs": wanted}
        subject = f"task {str(address)!r}, or no model {' or '.join(wanted)}"
        try:
            answer = self.call(TASKS, method, body, safe=False, subject=subject)
        except AmbiguousWriteError as error:
            lost = error
        else:
            results = _paired(answer, wanted)
            if results is not None:
                return results
            lost = unconfirmed(method)
        return self._appeared(address, wanted, known_runs, lost)

    def _appeared(
        self, slug: TaskSlug, models: Sequence[str], before: Collection[int], lost: AmbiguousWriteError
    ) -> list[ScheduleResult]:
        """Return the runs that have appeared since a schedule whose answer was lost."""
        seen: dict[str, int] = {}

        def all_found() -> bool | None:
            runs = self.list_runs(slug, models=models)
            seen.update({run.model: run.id for run in runs if run.id not in before})
            return True if all(model in seen for model in models) else None

        complete, looked = look_again(self, all_found)
        if not complete:
            raise unseen(
                f"Scheduling {slug}",
                lost,
                looked,
                f"{len(seen)} of {len(models)} runs have appeared",
                f"%kbench status {slug} shows which runs there are; run the missing ones again.",
                [f"{model}: run {seen[model]} has appeared." for model in models if model in seen]
                + [f"{model}: no new run has appeared." for model in models if model not in seen],
            )
        note = "The answer was lost, but run {} has appeared since."
        return [ScheduleResult(model, True, note=note.format(seen[model])) for model in models]

    def stream_logs(
        self,
        run_id: int,
        *,
        wait_for_start: bool = True,
        start_timeout: float | None = None,
        ended: Callable[[], bool] | None = None,
        joined: bool = False,
    ) -> LogStream:
        """Follow a run's log until it ends, through every cut of the connection.

        Nothing is sent before the first entry is asked for.

        Parameters
        ----------
        wait_for_start : bool
            Wait while there is no log yet (the run is queued), instead of raising `NotFoundError`.
        start_timeout : float, optional
            Seconds to wait for it at most.
        ended : callable, optional
            Tells that the run has ended, so that a log that is not there will never come.
        joined : bool
            Where nothing was streamed and the whole log comes at once, join what neighbouring entries of
            one stream wrote into one: several times faster, for when only the text counts.
        """
        return LogStream(
            self,
            run_id,
            wait_for_start=wait_for_start,
            start_timeout=start_timeout,
            ended=ended,
            joined=joined,
        )

    def run_logs(self, run_id: int, *, quiet: float = 1.0) -> list[LogEntry]:
        """Return a run's log: the persisted one, or of a run that is going what is there.

        Parameters
        ----------
        quiet : float
            Seconds without anything new after which a log that is still being written is taken as read;
            of a run that never stops writing, ten times as many are read.

        Raises
        ------
        NotFoundError
            If there is no log (yet).
        """
        with self.stream_logs(run_id, wait_for_start=False) as stream:
            over = threading.Event()
            watcher = threading.Thread(
                target=_close_when_quiet, args=(stream, quiet, over), name="kbench-log-quiet", daemon=True
            )
            watcher.start()
            try:
                return list(stream)
            finally:
                over.set()
                watcher.join()

    def download_output(
        self, run_id: int, *, include_source: bool = False, start: int = 0, validator: str | None = None
    ) -> Download:
        """Return a run's output archive, to stream inside a ``with`` block.

        Parameters
        ----------
        include_source : bool
            Whether the notebooks are to be in the archive.
        start : int
            Offset in bytes to resume from.
        validator : str, optional
            The `Download.validator` of what is there already; without it `start` is ignored.
        """
        return Download(self, run_id, include_source=include_source, start=start, validator=validator)


def _close_when_quiet(stream: LogStream, quiet: float, over: threading.Event) -> None:
    """End a going run's log once nothing has come for a while: its stream never says "that is all so far"."""
    idle = live = received = 0
    while idle < 4 and live < 40 and not over.wait(quiet / 4):
        came, received = stream.received - received, stream.received
        idle = idle + 1 if stream.going and not came else 0
        # What is there comes by the thousand; a few at a time are being written just now.
        live += stream.going and came < 50
    stream.close()


def _canonical(models: Sequence[str]) -> list[str]:
    names = [models] if isinstance(models, str) else models
    return list(dict.fromkeys(slug for slug in map(normalize_model, names) if slug))


def _paired(answer: Mapping[str, Any], models: Sequence[str]) -> list[ScheduleResult] | None:
    """Return what became of each model; None where the answer does not say."""
    results = parse.items(answer.get("results"))
    # Answers come in request order and name no model: with another count none can be told apart.
    if len(results) != len(models) or not all(results):
        return None
    return [ScheduleResult.from_wire(item, model=model) for item, model in zip(results, models, strict=True)]

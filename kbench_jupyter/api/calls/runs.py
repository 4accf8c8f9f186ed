"""The calls about runs: listing them, their logs and their output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values.runs import LogEntry, Run
from kbench_jupyter.api.values.tasks import TaskSlug
from kbench_jupyter.api.values.wire import given

if TYPE_CHECKING:  # what most commands do without is imported when it is called for
    from kbench_jupyter.api.downloads import Download
    from kbench_jupyter.api.logs.stream import LogStream


class RunCalls(Caller):
    """What can be asked about runs."""

    def list_runs(
        self,
        slug: TaskSlug | str,
        *,
        models: Sequence[str] = (),
        deadline: float | None = None,
        whole: bool = False,
    ) -> Iterator[Run]:
        """Yield a task's runs, page by page as they are asked for.

        Parameters
        ----------
        models : sequence of str
            Only runs on these models, in any spelling.
        deadline : float, optional
            Seconds for the call of a page with all its tries, if fewer than usual.
        whole : bool
            Whether all of them are wanted: then several pages are asked for at once.
        """
        address = TaskSlug.parse(slug)
        wanted = canonical(models)
        body = given(taskSlug=address.to_wire(), modelVersionSlugs=wanted)
        subject = f"task {str(address)!r}"
        for item in self.pages(TASKS, "ListBenchmarkTaskRuns", body, "runs", subject, deadline, whole):
            run = Run.from_wire(item)
            if not wanted or run.model in wanted:  # the server may ignore the filter
                yield run

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
        from kbench_jupyter.api.logs.stream import LogStream

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
        from kbench_jupyter.api.downloads import Download

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


def distinct(names: Sequence[str]) -> list[str]:
    """Return names without those that say nothing or were there before; a text is one name."""
    stripped = (name.strip() for name in ([names] if isinstance(names, str) else names))
    return list(dict.fromkeys(filter(None, stripped)))


def canonical(models: Sequence[str]) -> list[str]:
    """Return the canonical slugs of models in any spelling, each once."""
    return list(dict.fromkeys(filter(None, map(normalize_model, distinct(models)))))

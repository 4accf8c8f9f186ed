"""Download: what runs left behind, several at a time, each under its own task version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from kbench_jupyter.actions.address import address
from kbench_jupyter.actions.cards import names_of
from kbench_jupyter.actions.choose_runs import choose_runs
from kbench_jupyter.actions.download.fetch import Meter, fetch_run
from kbench_jupyter.actions.download.result import DownloadedRun, DownloadResult, placed, refuse_file
from kbench_jupyter.api import Client, Run, TaskSlug
from kbench_jupyter.display.view import count, size
from kbench_jupyter.errors import DownloadError, KBenchError, NotFoundError, UsageError
from kbench_jupyter.paths import expanded
from kbench_jupyter.results.archive import Limits, TooLargeError
from kbench_jupyter.results.downloads import Origin, clean, holds, prune, run_folder
from kbench_jupyter.session.interrupted import Interrupted
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.settings import gigabytes

__all__ = ["DownloadResult", "download", "origin_of"]

#: Downloads at a time: of many small ones most of the time goes by waiting for their first byte.
WORKERS = 24
#: Seconds between two updates of the progress line.
PULSE = 0.15
#: Environment variable: how many GB one run's output may be, unpacked.
LIMIT = "KBENCH_DOWNLOAD_LIMIT_GB"


def download(
    session: Session,
    task: str,
    *,
    models: Sequence[str] = (),
    output: Path = Path(),
    include_source: bool = False,
    force: bool = False,
    listed: Callable[[Sequence[Run]], None] | None = None,
) -> DownloadResult:
    """Download the outputs of a task's ended runs to ``<output>/<task>/<version>/<candidate>/<run id>/``.

    A run that is there already is not fetched again, unless `force`, or `include_source` asks for notebooks
    that copy was made without. One run's failure does not stop the others.

    Parameters
    ----------
    session : Session
        Its environment's ``KBENCH_DOWNLOAD_LIMIT_GB`` sets how large one run's output may be, unpacked, and
        lifts the limit on how tightly it may be packed.
    task : str
        By name or slug, with or without owner.
    models : sequence of str
        In any spelling; none means all.
    output : Path
        Made if missing.
    include_source : bool
        Fetch the notebooks too.
    force : bool
        Fetch again what is there already.
    listed : callable, optional
        Called with the runs that were chosen, before any is fetched.

    Raises
    ------
    UsageError
        If a file is in the place of the folder.
    NotFoundError
        If there is no such task or no such run.
    DownloadError
        If no run has ended yet, or some could not be downloaded; the others are then in place.
    Interrupted
        On Ctrl+C; what had come whole is in place, and nothing half-done is left.
    """
    target = session.target()
    client = session.client(target)
    slug = address(task)
    output = expanded(output)
    refuse_file(output / slug.task)
    limits = _limits(session)
    runs = choose_runs(session, client, slug, models)
    if listed is not None:
        listed(runs)
    ended = [run for run in runs if run.state.is_terminal]
    pending = tuple(run for run in runs if not run.state.is_terminal)
    if not ended:
        raise DownloadError(
            f"No run of {slug} has ended yet: {names_of(pending)}.",
            hint=f"Watch them: %kbench log {slug}   Where they stand: %kbench status {slug}",
        )
    job = _Job(session, client, target.base_url, slug, output, include_source, limits)
    done, empty = job.fetch(ended, force=force)
    session.outputs.setdefault(slug.task, set()).add(output)
    return DownloadResult(str(slug), output / slug.task, done, pending, empty, footer=target.label)


@dataclass(frozen=True)
class _Job:
    """One command's downloads."""

    session: Session
    client: Client
    target: str
    task: TaskSlug
    output: Path
    include_source: bool
    limits: Limits

    def fetch(self, runs: Sequence[Run], *, force: bool) -> tuple[tuple[DownloadedRun, ...], tuple[Run, ...]]:
        """Download what is not there; return all of it, in the order of the runs, and those that left nothing."""
        empty: set[int] = set()
        folders = {
            run.id: run_folder(self.output, self.task.task, run.task.version, run.candidate, run.id)
            for run in runs
        }
        for parent in {folder.parent for folder in folders.values()}:
            clean(parent)
        here = {
            run.id: DownloadedRun(run, folders[run.id], _size(folders[run.id]), cached=True)
            for run in runs
            if not force
            and holds(folders[run.id], source=self.include_source, origin=origin_of(self.target, run))
        }
        if missing := [run for run in runs if run.id not in here]:
            already = f"; {len(here)} there already" if here else ""
            self.session.reporter.say(
                f"Downloading {count(len(missing), 'run')} of {self.task} to {self.output / self.task.task}{already}."
            )
            done, failed = self._fetch_all(missing, folders)
            here |= done
            for run in failed:
                prune(folders[run.id], self.output)
            # A run that was killed may have had no output yet: that is its failure, and no reason to stop here.
            nothing = {run.id for run, error in failed.items() if isinstance(error, NotFoundError)}
            if here:
                empty = {run.id for run in failed if run.state == "ERRORED"} & nothing
            failed = {run: error for run, error in failed.items() if run.id not in empty}
            if failed:
                raise self._failure(failed, len(here), len(runs))
        fetched = tuple(here[run.id] for run in runs if run.id in here)
        return fetched, tuple(run for run in runs if run.id in empty)

    def _fetch_all(
        self, runs: Sequence[Run], folders: dict[int, Path]
    ) -> tuple[dict[int, DownloadedRun], dict[Run, KBenchError]]:
        meter = Meter(len(runs))
        done: dict[int, DownloadedRun] = {}
        failed: dict[Run, KBenchError] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="kbench-download") as pool:
            try:
                futures = {pool.submit(self._fetch_one, run, folders[run.id], meter): run for run in runs}
                for future in self._as_they_end(futures, meter):
                    outcome, run = future.result(), futures[future]
                    if isinstance(outcome, KBenchError):
                        failed[run] = outcome
                    else:
                        done[run.id] = outcome
            except BaseException as error:
                meter.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                if not isinstance(error, KeyboardInterrupt):
                    raise
                for run in runs:
                    prune(folders[run.id], self.output)
                raise Interrupted(
                    f"Stopped downloading: {len(done)} of {count(len(runs), 'run')} of {self.task} came whole "
                    "and are in place; of the others nothing is left.",
                    hint=f"Fetch the others: %kbench download {self.task} (with the same options)",
                ) from None
            finally:
                self.session.reporter.close()
        return done, failed

    def _fetch_one(self, run: Run, folder: Path, meter: Meter) -> DownloadedRun | KBenchError:
        try:
            unpacked = fetch_run(
                self.client,
                run.id,
                folder,
                include_source=self.include_source,
                limits=self.limits,
                meter=meter,
                origin=origin_of(self.target, run),
            )
        except KBenchError as error:
            return error
        return DownloadedRun(run, folder, unpacked.size)

    def _as_they_end(
        self, futures: dict[Future[DownloadedRun | KBenchError], Run], meter: Meter
    ) -> Iterator[Future[DownloadedRun | KBenchError]]:
        """Yield each download as it ends, with the progress line going all the while."""
        ended: SimpleQueue[Future[DownloadedRun | KBenchError]] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        over, due = 0, 0.0
        while over < len(futures):
            with suppress(Empty):
                yield ended.get(timeout=PULSE)
                over += 1
            if time.monotonic() < due and over < len(futures):
                continue
            due = time.monotonic() + PULSE
            come, total = meter.read()
            text = f"{over} of {count(len(futures), 'run')} of {self.task}, {size(come)}"
            self.session.reporter.progress(text, come, total)

    def _failure(self, failed: dict[Run, KBenchError], here: int, wanted: int) -> DownloadError:
        lines = []
        for run, error in failed.items():
            lines += [
                f"{run.candidate} (run {run.id}): {error}",
                *([f"    → {error.hint}"] if error.hint else []),
            ]
        rest = f" The other {here} are in {self.output / self.task.task}." if here else ""
        hint = "Try again with the same options (what is there is kept): "
        hint += f"%kbench download {self.task}{placed(self.output)}"
        if any(isinstance(error, TooLargeError) for error in failed.values()):
            hint += f"\nTo allow larger ones, say 50 GB a run: %env {LIMIT}=50"
        return DownloadError(
            f"{len(failed)} of {count(wanted, 'run')} of {self.task} could not be downloaded.{rest}",
            detail="\n".join(lines),
            hint=hint,
        )


def origin_of(target: str, run: Run) -> Origin:
    """Return which run this is, on the server at an address: what its download says about itself."""
    start, end = (time.isoformat() if time else None for time in (run.start_time, run.end_time))
    return Origin(target, run.id, start, end)


def _limits(session: Session) -> Limits:
    text = session.environ.get(LIMIT, "")
    if not text:
        return Limits()
    try:
        total = gigabytes(text)
    except ValueError as error:
        raise UsageError(f"{LIMIT} takes {error}.", hint=f"%env {LIMIT}=50") from None
    return replace(Limits(), total=round(total * 1e9), ratio=float("inf"))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

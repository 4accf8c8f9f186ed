"""Downloading one run: its archive streamed to disk, unpacked, and swapped into its place."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kbench_jupyter.api import Client, Download, Run
from kbench_jupyter.errors import DownloadError, TransportError
from kbench_jupyter.results.archive import BrokenArchiveError, Limits, Stopped, Unpacked, unpack
from kbench_jupyter.results.downloads import Origin, stage

#: Times an archive is fetched from its beginning. The client resumes by itself wherever the server lets it.
TRIES = 3
#: Bytes of an archive that is held in memory: most are, and never touch the disk.
SMALL = 2_000_000
#: Seconds before the second time, doubled for the third.
PAUSE = 0.5


class Meter:
    """How far the downloads of so many runs are, and the way to stop them; used from every thread."""

    def __init__(self, runs: int) -> None:
        self.stopping = threading.Event()
        self._runs = runs
        self._lock = threading.Lock()
        self._begun: dict[int, Download] = {}
        self._open: set[Download] = set()

    @contextmanager
    def over(self, run_id: int, download: Download) -> Iterator[None]:
        """Open a download and close it, so that it counts and can be stopped meanwhile."""
        with self._lock:
            self._open.add(download)  # before it opens, which may take long
        if self.stopping.is_set():
            download.close()
        try:
            with download:
                with self._lock:
                    self._begun[run_id] = download
                yield
        finally:
            with self._lock:
                self._open.discard(download)

    def begun(self, run_id: int) -> bool:
        """Return whether a run's download ever began."""
        return run_id in self._begun

    def stop(self) -> None:
        """End all downloads at once; what they have staged is removed by their threads."""
        self.stopping.set()
        with self._lock:
            downloads = list(self._open)
        for download in downloads:
            download.close()

    def read(self) -> tuple[int, int | None]:
        """Return the bytes that have come, and of how many.

        Archives not begun yet are taken to be as large as the others on average; None while a server tells
        no sizes.
        """
        with self._lock:
            begun = list(self._begun.values())
        done = sum(download.position for download in begun)
        known = [download.total for download in begun if download.total is not None]
        if not known or len(known) < len(begun):
            return done, None
        return done, round(sum(known) * self._runs / len(known))


def fetch_run(
    client: Client,
    run_id: int,
    folder: Path,
    *,
    include_source: bool,
    limits: Limits,
    meter: Meter,
    origin: Origin | None = None,
) -> Unpacked:
    """Download one run's output to its folder, replacing what is there only when all of it has come.

    The folder is then to say that it holds the run of `origin`. `limits` are of what the archive may amount to.
    Raises KBenchError with why it could not be had, or Stopped, if the meter says stop; the copy before stands.
    """
    with stage(folder) as staging:
        broken = 0
        for tried in range(1, TRIES + 1):
            try:
                with _archive(staging.path) as archive:
                    _receive(client, run_id, archive, folder.parent, include_source, meter)
                    unpacked = unpack(archive, staging.files, limits, stopped=meter.stopping.is_set)
                break
            except (TransportError, BrokenArchiveError) as error:
                # An archive that came whole and is broken twice will hardly mend.
                broken += isinstance(error, BrokenArchiveError)
                hopeless = broken > 1 or not getattr(error, "retryable", True)
                # What never began the client has tried often enough by itself.
                if tried == TRIES or hopeless or not meter.begun(run_id):
                    raise
            staging.discard()
            meter.stopping.wait(PAUSE * 2 ** (tried - 1))
        if meter.stopping.is_set():
            raise Stopped
        staging.commit(source=include_source, origin=origin)
    return unpacked


def fetch_file(client: Client, run: Run, name: str) -> str:
    """Return the text of one file of a run's output, notebooks included; keeps nothing on disk.

    Raises DownloadError if there is no such file, or it is no UTF-8 text.
    """
    with tempfile.TemporaryDirectory(prefix="kbench-") as temporary:
        folder = Path(temporary) / "run"
        fetch_run(client, run.id, folder, include_source=True, limits=Limits(), meter=Meter(1))
        try:
            return (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DownloadError(f"The output of run {run.id} holds no readable {name}.") from error


@contextmanager
def _archive(folder: Path) -> Iterator[IO[bytes]]:
    """Open an empty file without a name, in memory while it is small, else in a folder."""
    archive = tempfile.SpooledTemporaryFile(SMALL, dir=str(folder))  # noqa: SIM115 - closed below
    try:
        yield archive
    finally:
        with suppress(OSError):  # the rest does not fit on the disk, as whoever wrote has learned
            archive.close()


def _receive(
    client: Client, run_id: int, archive: IO[bytes], where: Path, include_source: bool, meter: Meter
) -> None:
    """Fetch a run's archive into an empty file; `where` it is going, for what the disk may have against it."""
    download = client.download_output(run_id, include_source=include_source)
    with meter.over(run_id, download):
        for piece in download.iter_bytes():
            try:
                archive.write(piece)
            except OSError as error:
                raise DownloadError(f"it cannot be written to {where}: {error.strerror or error}") from error

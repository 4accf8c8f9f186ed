"""What came of something that was done through faults, judged by what the same comes to without any."""

from __future__ import annotations

import gc
import inspect
import os
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from doings import DOINGS, LONGEST, Place, Problem, Seen
from faults import FaultServer
from IPython.core.interactiveshell import InteractiveShell
from world import LIMITS, SECRETS, LivingApi, Lots, files_in, furnish

from kbench_jupyter.api.network import pooled
from kbench_jupyter.api.transport import Request, Response, TransportFault
from kbench_jupyter.errors import AmbiguousWriteError, KBenchError
from kbench_jupyter.magics import register

#: What was done and how it ended, and what must not happen: the rows of the table.
ENDINGS = (
    "faults met",
    "commands and clicks",
    "ended right",
    "showed a part, and said so",
    "ended in an error that says so",
)
DEFECTS = (
    "read results lost",
    "writes lost",
    "writes doubled",
    "other than the truth",
    "tracebacks of ours",
    "secrets shown",
    "left behind",
    "took too long",
)


@dataclass
class Ended:
    """How something ended.

    Parameters
    ----------
    seen : Seen or None
        What was shown; None where it ended in an error.
    error : BaseException or None
    effects : dict
        What the server wrote.
    files : dict
        What lies in the working directory, by digest.
    left : list of str
        Threads, connections and unfinished files that are still there.
    """

    seen: Seen | None
    error: BaseException | None
    effects: dict[str, Any]
    files: dict[str, str]
    left: list[str]
    seconds: float
    lots: Lots

    @property
    def words(self) -> str:
        """All that was shown."""
        if self.error is not None:
            lines = self.error.lines() if isinstance(self.error, KBenchError) else [str(self.error)]
            return "\n".join(lines)
        return f"{self.seen.text}\n{self.seen.notes}" if self.seen else ""


#: How a client says that it waited no longer.
_LATE = ("gave no answer within", "sent nothing for", "had not finished its answer", "No connection to")


@contextmanager
def noticing(lots: Lots) -> Iterator[None]:
    """Note which requests the client sends, and which it gives up because their time is over."""
    tell, send = pooled.fault_of, pooled.PooledTransport.__call__

    def sent(transport: pooled.PooledTransport, request: Request) -> Response:
        if lots.active:
            lots.sent[_key(request)] += 1
        return send(transport, request)

    def told(error: Exception | None, request: Request, *how: Any, **more: Any) -> TransportFault:
        fault = tell(error, request, *how, **more)
        if any(words in str(fault) for words in _LATE):
            lots.late[_key(request)] += 1
        return fault

    with (
        mock.patch.object(pooled, "fault_of", told),
        mock.patch.object(pooled.PooledTransport, "__call__", sent),
    ):
        yield


def _key(request: Request) -> tuple[str, bytes]:
    return request.url.rpartition("/")[2], request.body or b""


@contextmanager
def world(shell: InteractiveShell, folder: Path, lots: Lots) -> Iterator[tuple[Place, FaultServer]]:
    """A new world whose server behaves until the lots are active."""
    furnish(folder)
    register(shell)  # afresh, with a session of its own
    magic = inspect.getclosurevars(shell.magics_manager.magics["line"]["kbench"]).nonlocals["magic"]()
    here, before = Path.cwd(), dict(os.environ)
    api = LivingApi()
    with FaultServer(api) as server, noticing(lots):
        os.environ |= {
            "KBENCH_API_URL": server.url,
            "KAGGLE_API_TOKEN": SECRETS[0],
            "KBENCH_HOME": str(folder / ".state"),
            "KBENCH_NOTEBOOK": str(folder / "task.ipynb"),
        }
        os.chdir(folder)
        server.draw = lots
        lots.active = False
        place = Place(shell, magic.session, api, folder, [])
        try:
            yield place, server
        finally:
            lots.active = False
            for part in place.opened:
                part.close()
            magic.session.close()
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)


def carry_out(name: str, shell: InteractiveShell, folder: Path, lots: Lots) -> Ended:
    """Do something once."""
    threads = set(threading.enumerate())
    seen: Seen | None = None
    error: BaseException | None = None
    with world(shell, folder, lots) as (place, server):
        do = DOINGS[name](place)
        lots.active = True
        begun = time.monotonic()
        try:
            seen = do()
        except Exception as caught:  # noqa: BLE001 - whatever it is, it is judged
            error = caught.with_traceback(None) if isinstance(caught, KBenchError) else caught
        seconds = time.monotonic() - begun
        lots.active = False
        for part in place.opened:
            part.close()
        place.session.close()
        left = [f"thread {thread.name}" for thread in _still_there(threads)]
        place.session.close()  # what was being fetched meanwhile has opened connections anew
        if not server.wait_for_connections(0, 0.1):
            gc.collect()  # an answer that an error still holds is no connection that nobody closes
        if not server.wait_for_connections(0):
            left += [f"{server.open_connections} connections"]
        effects = place.api.effects
    files = files_in(folder)
    left += [f"file {name}" for name in files if name.endswith((".part", ".tmp"))]
    return Ended(seen, error, effects, files, left, seconds, lots)


def _still_there(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the client's threads that do not end: what is being fetched or asked, is to its end."""
    its = [thread for thread in threading.enumerate() if thread not in before]
    its = [thread for thread in its if not thread.name.endswith(("(_serve)", "(_accept)"))]  # the server's
    for thread in its:
        thread.join(LIMITS.deadline)
    return [thread for thread in its if thread.is_alive()]


@dataclass
class Figures:
    """What came of all that was done.

    Parameters
    ----------
    counts : Counter
        By the words of the table.
    defects : list of str
        What went wrong, each in one line.
    """

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)

    def judge(self, name: str, truth: Ended, ended: Ended) -> None:
        """Count one that was done."""
        lots = ended.lots
        self.counts["commands and clicks"] += 1
        self.counts["faults met"] += len(lots.drawn)
        self.kinds.update(kind for _, kind in lots.drawn)
        found = [
            *self._of_everything(truth, ended),
            *(_of_success if ended.seen else _of_failure)(truth, ended),
        ]
        if ended.seen is not None:
            same = ended.seen.text == truth.seen.text if truth.seen else False
            self.counts["ended right" if same else "showed a part, and said so"] += 1
        else:
            self.counts["ended in an error that says so"] += 1
        for defect, what in found:
            self.counts[defect] += 1
            self.defects.append(f"{defect}: {name} [{lots.seed}]: {what}; faults: {lots.drawn}")

    def _of_everything(self, truth: Ended, ended: Ended) -> Iterator[tuple[str, str]]:
        for what, count in _flat(ended.effects).items():
            if count > _flat(truth.effects).get(what, 0):
                yield "writes doubled", f"{what}: {count}"
        if any(secret in ended.words for secret in SECRETS):
            yield "secrets shown", ended.words
        if ended.left:
            yield "left behind", ", ".join(ended.left)
        if ended.seconds > LONGEST:
            yield "took too long", f"{ended.seconds:.0f} s"


def _flat(effects: dict[str, Any]) -> dict[str, int]:
    flat = {key: value for key, value in effects.items() if isinstance(value, int)}
    return flat | {f"run on {model}": count for model, count in effects["runs"].items()}


def _of_success(truth: Ended, ended: Ended) -> Iterator[tuple[str, str]]:
    assert truth.seen is not None, truth.error
    assert ended.seen is not None
    for what, count in _flat(truth.effects).items():
        if _flat(ended.effects).get(what, 0) < count:
            yield "writes lost", f"{what}: none, and no error"
    if ended.seen.text == truth.seen.text and _kept(ended) == _kept(truth):
        return
    said = ended.seen.notes != truth.seen.notes
    if ended.lots.mended_by_trying and not ended.lots.writes_met:
        yield "read results lost", _difference(truth, ended)
    elif not said:
        yield "other than the truth", _difference(truth, ended)


def _of_failure(truth: Ended, ended: Ended) -> Iterator[tuple[str, str]]:
    error = ended.error
    if not isinstance(error, KBenchError | Problem) or "Traceback (most recent call last)" in str(error):
        yield "tracebacks of ours", "".join(traceback.format_exception(error))
    elif ended.lots.mended_by_trying and not ended.lots.writes_met:
        yield "read results lost", ended.words
    elif (
        isinstance(error, AmbiguousWriteError)
        and ended.effects == truth.effects
        and ended.lots.mended_by_trying
        and "appeared since"
        not in ended.words  # it may say whose that is, it cannot know; not that nothing has
    ):
        yield "writes lost", f"it landed, and looking did not find it: {ended.words}"


def _kept(ended: Ended) -> dict[str, str]:
    """Return the files whose bytes are the truth: a log's lines come in the order in which its runs were read."""
    return {name: digest for name, digest in ended.files.items() if name != "log.txt"}


def _difference(truth: Ended, ended: Ended) -> str:
    assert truth.seen is not None
    assert ended.seen is not None
    missing = set(truth.seen.text.splitlines()) - set(ended.seen.text.splitlines())
    more = set(ended.seen.text.splitlines()) - set(truth.seen.text.splitlines())
    files = sorted(set(truth.files.items()) ^ set(ended.files.items()))
    return f"missing {sorted(missing)}, instead {sorted(more)}, files {files}, notes {ended.seen.notes!r}"

"""Ending processes with everything they have started, wherever that has gone.

What a task starts may leave its process group and its session, and lose its parent (a daemon does all three).
Three things find it all the same:

- Linux hands the orphans among a process's descendants to that process, once it has asked for them
  (`adopt_orphans`): they stay in its tree. Other systems have no such thing.
- Descendants inherit the environment: a variable that names a folder of theirs alone marks them (`end_marked`);
  a process that adopts orphans need not look for it.
- Linux tells a process that its parent has died (`signal_when_parent_dies`), also while it is busy in native code.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

_SET_PARENT_DEATH_SIGNAL, _SET_DUMPABLE = 1, 4  # linux/prctl.h
_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 36, 37
#: How often to look again for what was forked while its parent was being killed.
_ROUNDS = 20
#: Seconds that a killed process may take to end.
_DYING = 1.0


def birth(pid: int) -> str:
    """Return what tells a running process from any later one of the same number; empty when it is gone."""
    import psutil

    if sys.platform == "linux":  # counted from the machine's start: psutil's time moves when the clock is set
        with suppress(OSError, IndexError):
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if state in "ZX" else fields[18]
        return ""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    return ""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        # Another C library, or a sandbox: then the other ways must do.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def close_memory() -> None:
    """Have the system refuse other programs of this user, tasks among them, a look into this process's memory."""
    _prctl(_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of those among this process's descendants that lose theirs, where the system can do so."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def adopts_orphans() -> bool:
    """Whether this process has become that parent."""
    answer = ctypes.c_int(0)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def signal_when_parent_dies(name: str) -> None:
    """Be sent a signal when the thread that started this process has ended, where the system can do so.

    A parent that is dead already sends none: whoever calls this looks at a pipe from it afterwards.
    """
    _prctl(_SET_PARENT_DEATH_SIGNAL, getattr(signal, name, 0))


def limit_memory(most: int) -> None:
    """Let this process, its children and whatever they start take so many bytes of memory each; 0 is any number.

    What is beyond is refused: Python raises MemoryError. It is counted as Linux counts ``RLIMIT_DATA``
    (getrlimit(2)): what a process has asked for, and not only what it has used. Elsewhere nothing is limited.
    """
    if not most or sys.platform != "linux":
        return
    import resource

    import psutil

    for pid in (0, *(child.pid for child in psutil.Process().children(recursive=True))):
        with suppress(OSError):  # it has ended
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


def hold_only(*kept: int) -> None:
    """Let go of what this process has open, but for stdin, stdout, stderr and certain descriptors.

    Whoever reads the other end of a pipe that a fork holds would wait for that process, too.
    """
    first = 3
    for number in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, number)
        first = number + 1


def reap() -> None:
    """Take note of the end of children that nobody waits for: adopted ones would stay in the table as zombies."""
    with suppress(OSError):
        while hasattr(os, "waitpid") and os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_tree(pid: int) -> None:
    """Kill a process and all its descendants."""
    import psutil

    with suppress(psutil.Error):
        root = psutil.Process(pid)
        _end(lambda: _families([root]))


def end_children(spared: Collection[int] = ()) -> None:
    """Kill all descendants of this process, but for certain children and theirs."""
    if _is_childless():
        return
    import psutil

    def children() -> list[Any]:
        return [child for child in psutil.Process().children() if child.pid not in spared]

    for _ in range(_ROUNDS):  # what one that was dying has left is adopted meanwhile, and threads end last
        if not (found := children()):
            return
        _end(partial(_families, found))
        for child in found:
            with suppress(OSError, AttributeError):  # AttributeError: Windows, where nobody is a zombie
                os.waitpid(child.pid, os.WNOHANG)
        if any(birth(child.pid) for child in found):  # nothing can end that one
            return


def _is_childless() -> bool:
    """Whether this process surely has no child, without a look at all processes of the machine."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    except (OSError, AttributeError):  # another system than Linux
        pass
    return False


def end_marked(variable: str, folder: Path) -> None:
    """Kill every process that was started with a variable that names something in a folder, or the folder itself.

    Not this process and those that it comes from.
    """
    import psutil

    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}

    def marked() -> Iterator[Any]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):  # gone, or somebody else's
                place = Path(process.environ().get(variable, os.sep))
                if process.pid not in spared and place.is_relative_to(folder):
                    yield process

    _end(marked)


def _families(roots: Iterable[Any]) -> Iterator[Any]:
    import psutil

    for root in roots:
        with suppress(psutil.Error):
            yield from [root, *root.children(recursive=True)]


def _end(find: Callable[[], Iterable[Any]]) -> None:
    """Kill what is found, until nothing is found."""
    import psutil

    for _ in range(_ROUNDS):
        if not (found := [process for process in find() if birth(process.pid)]):
            return
        # Who is stopped cannot fork another one meanwhile.
        for end in (psutil.Process.suspend, psutil.Process.kill):
            for process in found:
                with suppress(psutil.Error):
                    end(process)
        # psutil's own waiting would take a child's exit status away from whoever waits for that.
        deadline = time.monotonic() + _DYING
        while any(birth(process.pid) for process in found) and time.monotonic() < deadline:
            time.sleep(0.002)

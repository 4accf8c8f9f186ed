"""The process of one job: ``python -m kbench_jupyter.local.runner``, or a fork of `template`.

It is told what to do in one line on stdin, writes log entries as JSON lines to stdout while the notebook
runs, and leaves the output and then the verdict in the job's folder. A line before that of the job may tell
it to get ready (`job.Ahead`). A line after it tells it that nobody wants the job any more: the running cell is
interrupted, and no verdict is left. When stdin ends, the server is gone, and all that the job has started ends
at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution import (
    WARM_UP,
    CellFailed,
    CellOutput,
    Event,
    KernelAhead,
    Outcome,
    execute_notebook,
    shield_from_dotenv,
)
from kbench_jupyter.execution.processes import (
    adopt_orphans,
    end_children,
    limit_memory,
    reap,
    signal_when_parent_dies,
)
from kbench_jupyter.local import archive
from kbench_jupyter.local.home import not_stored
from kbench_jupyter.local.job import BEGUN, NOT_STORED, Ahead, Job, Verdict
from kbench_jupyter.local.logs import LogWriter
from kbench_jupyter.local.notebooks import read_notebook
from kbench_jupyter.local.outcome import apply_choice, find_choice, judge
from kbench_jupyter.local.rows import ERRORED
from kbench_jupyter.local.temporary import make_temporary
from kbench_jupyter.quick_import import load

if TYPE_CHECKING:
    from kbench_jupyter.execution.forked import KernelToBe

_LAST_WORDS = 5.0
"""Seconds to end in good order once the server is gone."""

# After the notebook, the names of the tasks it holds, for `%choose` with a variable. In a namespace of its own: a task
# may have a `list` of its own, and values that raise when they are looked at.
_PROBE = """
import json, sys
found = {}
for name, value in [*vars(sys.modules["__main__"]).items()]:
    try:
        if hasattr(value, "store_task") and isinstance(value.name, str):
            found[name] = value.name
    except Exception:
        pass
with open(path, "w") as file:
    json.dump(found, file)
"""


def main(to_be: KernelToBe | None = None) -> None:
    """Do the job on stdin, in a kernel that is forked already if there is one."""
    _own_what_is_started()
    line = sys.stdin.buffer.readline()
    early = Ahead.loads(line) if line else None
    kernel = _kernel_ahead(early) if early else None
    if early:
        line = sys.stdin.buffer.readline()
    if not line:  # nobody needed it
        if kernel is not None:
            kernel.close()
        _leave(0)
    job = Job.loads(line)
    limit_memory(job.memory)
    sys.stdout.buffer.write(BEGUN)
    sys.stdout.buffer.flush()
    gone = threading.Event()
    threading.Thread(target=_watch_stdin, args=(gone,), daemon=True).start()
    log = LogWriter(sys.stdout)
    try:
        verdict = _run(job, kernel, to_be, log, gone)
    except ExecutionError as error:
        log("stderr", "\n".join(error.lines()) + "\n")
        verdict = Verdict(ERRORED, "\n".join(error.lines()))
    except OSError as error:  # one of ours: a task's own is an outcome
        verdict = Verdict(ERRORED, not_stored(error))
        shutil.rmtree(_working(job.scratch), ignore_errors=True)  # room for this to be recorded in
    log.end()
    code = 0
    if not gone.is_set():
        try:
            verdict.write(Path(job.folder))
        except OSError:
            code = NOT_STORED
    sys.stdout.flush()
    _leave(code)


def _own_what_is_started() -> None:
    """See to it that all processes of the job stay below this one, and that it notices the server's end."""
    adopt_orphans()
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, lambda _number, _frame: reap())
    # A task may have stopped its runner: that would not see its stdin end.
    signal_when_parent_dies("SIGCONT")
    # Where kernels put their sockets: in a folder that goes even when there is no time to clean up.
    tempfile.tempdir = str(make_temporary(Path(os.environ["HOME"]).parent))


def _watch_stdin(gone: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        if sys.stdin.buffer.readline():
            gone.set()
            sys.stdin.buffer.read()
    gone.set()
    end_children()
    threading.main_thread().join(_LAST_WORDS)
    _leave(1)


def _leave(code: int) -> None:
    end_children()
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    # At once: a thread may sit in a read that nothing will end.
    os._exit(code)


def _kernel_ahead(early: Ahead) -> KernelAhead | None:
    load("nbformat")
    with contextlib.suppress(ExecutionError):  # the job itself will say so
        return KernelAhead(_working(early.scratch), early.env, warm_up=WARM_UP, around=early.around)
    return None


def _working(scratch: str) -> Path:
    folder = Path(scratch) / "working"
    folder.mkdir(parents=True, exist_ok=True)
    shield_from_dotenv(folder)
    return folder


def _run(
    job: Job, kernel: KernelAhead | None, to_be: KernelToBe | None, log: LogWriter, gone: threading.Event
) -> Verdict:
    working = _working(job.scratch)
    if to_be is not None:
        kernel = KernelAhead(working, job.env, to_be=to_be)  # it starts while the notebook is read
    nbformat, notebook = load("nbformat"), read_notebook(job.text)
    names = Path(job.scratch) / "names.json"
    choice = find_choice(notebook.cells)
    if choice:
        probe = f"__import__('builtins').exec({_PROBE!r}, {{'path': {str(names)!r}}})"
        notebook.cells.append(nbformat.v4.new_code_cell(probe))

    def on_event(event: Event) -> None:
        if isinstance(event, CellOutput):
            log(event.stream, event.text)
        elif isinstance(event, CellFailed):
            log("stderr", event.traceback + "\n")

    outcome = execute_notebook(
        notebook,
        cwd=working,
        env=job.env,
        timeout=job.timeout,
        on_event=on_event,
        interrupt=gone,
        ahead=kernel,
        around=job.around,
    )
    end_children()
    executed: Any = outcome.notebook
    if choice:
        executed.cells.pop()
        _choose(working, names, choice, outcome)
    verdict = judge(job, working, outcome)
    _keep(job, working, executed, log)
    return verdict


def _choose(working: Path, names: Path, choice: str, outcome: Outcome) -> None:
    if outcome.ok:
        apply_choice(working, json.loads(names.read_text()).get(choice, choice))


def _keep(job: Job, working: Path, executed: Any, log: LogWriter) -> None:
    executed.metadata.pop("widgets", None)
    notebooks = {archive.EXECUTED: load("nbformat").writes(executed), archive.SOURCE: job.text}
    left_out = archive.pack(working, Path(job.folder) / "output.zip", notebooks)
    if left_out:
        first = ", ".join(left_out[:10]) + (", ..." if len(left_out) > 10 else "")
        why = f"The output may have {archive.MOST_BYTES >> 30} GB, of files that can be read"
        log("stderr", f"[{why}; left out: {first}]\n")


if __name__ == "__main__":
    main()

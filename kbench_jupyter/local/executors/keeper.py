"""Between a worker and a runner: ``python -m kbench_jupyter.local.executors.keeper``, or a fork of `local.template`.

Whatever a task starts ends with its job, also when the task has killed its runner. On this machine the server sees to
that: it adopts orphans, and has no children but its own. A worker may have others, so each job gets a parent for
its orphans. Pipes are the runner's: the keeper reads and writes nothing of them.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

from kbench_jupyter.execution.processes import adopt_orphans, end_children, signal_when_parent_dies

_LAST_WORDS = 6.0
"""Seconds that a runner gets to end by itself once its worker is gone; it takes no more than 5."""


def main() -> int:
    """Start the runner, wait for its end, and end what it has left."""
    adopt_orphans()
    # The runner then sees its stdin end, or is woken up to see it.
    signal_when_parent_dies("SIGKILL")
    code = subprocess.call([sys.executable, "-m", "kbench_jupyter.local.runner"])
    end_children()
    return _as_exit_code(code)


def keep(runner: int, worker: int) -> int:
    """Wait for the end of a runner that this process has forked, or of a worker, and end what is left; say its code.

    The worker is told by a descriptor of its process: it is not the parent here, and what was may end before.
    """
    ended, events = os.pidfd_open(runner), select.poll()
    for descriptor in (ended, worker):
        events.register(descriptor, select.POLLIN)
    if ended not in dict(events.poll()):
        os.kill(runner, signal.SIGCONT)  # a task may have stopped it: it would not see its stdin end
        events.unregister(worker)
        if not events.poll(1000 * _LAST_WORDS):
            os.kill(runner, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    end_children()
    return _as_exit_code(code)


def _as_exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())

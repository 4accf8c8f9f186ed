"""Between a cluster's worker and a runner: ``python -m kbench_jupyter.local.executors.keeper``.

Whatever a task starts ends with its job, also when the task has killed its runner. On this machine the server sees to
that: it adopts orphans, and has no children but its own. A worker may have others, so each job gets a parent for
its orphans. Pipes are the runner's: the keeper reads and writes nothing.
"""

from __future__ import annotations

import subprocess
import sys

from kbench_jupyter.execution.processes import adopt_orphans, end_children, signal_when_parent_dies


def main() -> int:
    """Start the runner, wait for its end, and end what it has left."""
    adopt_orphans()
    # The runner then sees its stdin end, or is woken up to see it.
    signal_when_parent_dies("SIGKILL")
    code = subprocess.call([sys.executable, "-m", "kbench_jupyter.local.runner"])
    end_children()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())

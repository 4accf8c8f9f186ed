"""A rehearsal in the kernel that the one before it left waiting, and in one that is started for it.

``%kbench validate`` of a small task with the real SDK and the small model, and its dry run on the stand-in, in a real
kernel, from the request to its last output.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sides import execute, in_turns, report

from kbench_jupyter.session import local_server

ROUNDS = 3
_TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="Say something")
def say_something(llm):
    answer = llm.prompt("Reply with one word.")
    kbench.assertions.assert_not_empty(answer, expectation="Says anything at all")


say_something.run(kbench.llm)
"""


def _waiting(kernel: psutil.Process) -> psutil.Process | None:
    """Return the kernel that waits below another one and has nothing left to import."""
    for process in kernel.children():
        if "ipykernel_launcher" in " ".join(process.cmdline()):
            before = sum(process.cpu_times()[:2])
            time.sleep(1)  # what is measured here is that it does nothing
            return process if before > 1 and sum(process.cpu_times()[:2]) - before < 0.05 else None
    return None


@contextmanager
def _kernel(home: Path, ahead: str) -> Iterator[tuple[Callable[..., float], psutil.Process]]:
    from jupyter_client.manager import start_new_kernel

    folder = home / ahead
    folder.mkdir()
    (folder / "task.py").write_text(_TASK)
    foreign = ("KAGGLE_", "MODEL_PROXY_", "LLM", "KBENCH_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {"KBENCH_HOME": str(home / "state"), "KBENCH_TARGET": "local", "KBENCH_KERNEL_AHEAD": ahead}
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder), env=env)

    try:
        execute(client, "%load_ext kbench_jupyter")
        execute(client, "%kbench init --no-example")
        yield (
            lambda how="": execute(client, f"%kbench validate -f task.py {how}"),
            psutil.Process(manager.provisioner.pid),
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main() -> None:
    """Print medians of rehearsals after the first, and what a kernel that waits takes."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            with _kernel(home, "on") as (warm, kernel), _kernel(home, "off") as (cold, _):
                print(f"  the first of a session: {warm():.1f} s; {cold():.1f} s with none to follow")
                taken: list[float] = []

                def in_waiting(how: str = "") -> float:
                    deadline = time.monotonic() + 60
                    while (process := _waiting(kernel)) is None:
                        assert time.monotonic() < deadline, "no kernel waits"
                    taken.append(process.memory_full_info().uss / 2**20)
                    return warm(how)

                report(
                    in_turns(
                        {
                            "a kernel waits": in_waiting,
                            "a kernel is started": cold,
                            "a dry run, a kernel waits": lambda: in_waiting("--dry-run"),
                            "a dry run, a kernel is started": lambda: cold("--dry-run"),
                        },
                        ROUNDS,
                    )
                )
                print(f"  memory of the kernel that waits, its own: {max(taken):.0f} MB")
        finally:
            local_server.stop(home / "state")


if __name__ == "__main__":
    main()

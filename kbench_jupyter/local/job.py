"""One execution of a pushed notebook: a task version's creation, or a run."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.local.home import not_stored, write_private
from kbench_jupyter.local.rows import ERRORED, error_kept

#: The first line a runner writes once it has its job: until then another one may do it.
BEGUN = b"begun\n"
#: The exit code of a runner that could not leave its verdict.
NOT_STORED = 74
#: What a runner is told on stdin when its job is to end early.
END = b"end\n"


@dataclass(frozen=True)
class Job:
    """What the runner process is told, in one line of JSON on its stdin."""

    kind: str  # "creation" or "run"
    slug: str
    text: str  # the pushed notebook
    folder: str  # where log and output go
    scratch: str  # a folder of the job's own; the kernel works in its ``working``
    env: dict[str, str]  # the kernel's whole environment
    model: str  # proxy slug of the model under test
    timeout: float  # seconds for the whole notebook
    around: list[str]  # what comes before the kernel's command
    memory: int = 0  # bytes that each of its processes may take; 0 is any

    def dumps(self) -> bytes:
        """Write it as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def loads(cls, line: bytes) -> Job:
        """Read what `dumps` wrote."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class Ahead:
    """What a runner process is told that has no job yet: the line before that of its job."""

    scratch: str  # a folder of the coming job's own
    env: dict[str, str]  # the kernel's environment as far as it is known
    around: list[str]  # what comes before the kernel's command

    def dumps(self) -> bytes:
        """Write it as one line."""
        return json.dumps({"ahead": asdict(self)}).encode() + b"\n"

    @classmethod
    def loads(cls, line: bytes) -> Ahead | None:
        """Read what `dumps` wrote; None when it is a job."""
        told = json.loads(line)
        return cls(**told["ahead"]) if "ahead" in told else None


@dataclass(frozen=True)
class Verdict:
    """How a job ended."""

    state: str  # a creation state or run state, without its prefix
    error: str | None = None  # what went wrong, for the person who wrote the task
    result: dict[str, Any] | None = None  # the run's, as in its run file

    @classmethod
    def of_runner(cls, folder: Path, code: int | None, noise: str) -> Verdict:
        """Return what a runner that has ended left, or what its exit code and the end of its stderr say instead."""
        if code == NOT_STORED:
            return cls(ERRORED, not_stored(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        said = f"The runner process ended unexpectedly (exit code {code}).\n{noise}".strip()
        return cls.read(folder) or cls(ERRORED, said)

    def write(self, folder: Path) -> None:
        """Leave it in the job's folder, in one step: it is the mark of a job that has ended."""
        left = {**asdict(self), "error": error_kept(self.error)}
        write_private(folder / "verdict.json", json.dumps(left))

    @classmethod
    def read(cls, folder: Path) -> Verdict | None:
        """Return what a job left, or None when it did not end by itself."""
        try:
            return cls(**json.loads((folder / "verdict.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None


def task_environment(
    *, home: str, proxy_url: str, token: str, model: str, models: list[str]
) -> dict[str, str]:
    """Return the whole environment of the kernel that a task runs in; `home` is an empty folder of its own."""
    return {
        **kernel_environment(),
        "HOME": home,
        "MODEL_PROXY_URL": proxy_url,
        "MODEL_PROXY_API_KEY": token,
        "LLM_DEFAULT": model,
        "LLM_DEFAULT_EVAL": model,
        "LLMS_AVAILABLE": ",".join(models),
        # As in Kaggle's batch sessions: a task that raises leaves an errored run file behind instead of
        # ending the notebook, so that its traceback and what it prompted can be looked at.
        "CONTINUE_WITH_EXCEPTIONS": "True",
        # Nobody looks at the notebook while it runs, and to draw 300 rows of an evaluation takes the SDK minutes.
        "RENDER_SUBRUNS": "False",
    }

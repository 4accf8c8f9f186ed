"""A user's world on loopback: a notebook, a server with tasks and runs that live, and faults drawn by lot.

Everything in it is the same each time it is made, so that what a command comes to can be compared with what the same
command came to in a world without faults.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import faults
import nbformat
from faults import FakeApi, Fault, Handled, Seen

from kbench_jupyter.api import Limits
from kbench_jupyter.notebook.files import percent_task_source
from kbench_jupyter.notebook.pushed import push_notebook

#: Nothing that is shown may hold one of these.
SECRETS = ("good-secret-token", "proxy-secret")
LIMITS = Limits(
    connect=5.0,
    read=3.0,  # an honest answer that takes longer, on a busy machine, is one more fault: see `Lots.late`
    stream_read=3.0,
    attempts=5,
    deadline=40.0,
    backoff=0.001,
    backoff_cap=0.004,
    retry_after_cap=0.005,
    poll=0.005,
    poll_cap=0.02,
    looks=3,
    outage=15.0,
    farewell=0.1,
)
TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="Quiz")
def ask(llm) -> bool:
    return "4" in llm.prompt("2 + 2?")


ask.run(kbench.llm)
"""
ENV = "MODEL_PROXY_URL=https://proxy.example\nMODEL_PROXY_API_KEY=k\nLLM_DEFAULT=m1\n"
WRITES = ("CreateBenchmarkTask", "BatchScheduleBenchmarkTaskRuns", "PublishBenchmarkTask")
STATE = "BENCHMARK_TASK_RUN_STATE_"
FAULTS: dict[str, Fault] = {**faults.PASSING, **faults.LASTING, "a slow drip": faults.drip(0.0005)}
#: Rare ones: each costs the time of a time-out.
SLOW = {"a hang": 0.01, "a hang after processing": 0.01, "a slow drip": 0.01}


class LivingApi(FakeApi):
    """Runs that are scheduled go on with each look at them, and leave a log and an archive."""

    def __init__(self) -> None:
        super().__init__(page=2)
        model = {
            "allowModelProxy": True,
            "inputModalities": ["MODALITY_TEXT"],
            "outputModalities": ["MODALITY_TEXT"],
        }
        self.models = [
            {"displayName": name.upper(), "version": {"slug": name, "modelProxySlug": f"org/{name}", **model}}
            for name in ("m1", "m2", "m3", "m4")
        ]
        self.published = 0
        #: Looks after which a run has ended; None lets it wait for ever.
        self.pace: int | None = None
        self.looks: Counter[int] = Counter()
        self.text = pushed()
        for name in ("quiz", "essay", "riddle"):
            self.add_task(name, createTime="2026-01-01T12:00:00Z")
        for number, state in enumerate(("COMPLETED", "COMPLETED", "ERRORED"), 1):
            self.runs.append(self.run(10 + number, f"m{number}", state))
            self.archives[10 + number] = self.archive(10 + number)

    def run(self, run_id: int, model: str, state: str, version: int = 1) -> dict[str, Any]:
        return {
            "id": run_id,
            "taskSlug": {"ownerSlug": "me", "taskSlug": "quiz", "versionNumber": version},
            "modelVersionSlug": model,
            "state": STATE + state,
            "startTime": "2026-01-01T12:00:00Z",
            **({"endTime": "2026-01-01T12:00:09Z"} if state in ("COMPLETED", "ERRORED") else {}),
            **({"errorMessage": "ValueError: no"} if state == "ERRORED" else {}),
        }

    def archive(self, run_id: int) -> bytes:
        record = {
            "taskVersion": {"name": "Quiz"},
            "modelVersion": {"slug": "org/m"},
            "state": STATE + ("ERRORED" if run_id == 13 else "COMPLETED"),
            "results": [{"booleanResult": run_id != 13}],
        }
        noise = random.Random(run_id).randbytes(4000)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("quiz.run.json", json.dumps(record))
            packed.writestr("noise", noise)
            packed.writestr("__notebook_source__.ipynb", self.text)
        return stream.getvalue()

    def add_task(self, slug: str, **fields: Any) -> dict[str, Any]:
        return super().add_task(slug, **{"createTime": "2026-01-02T12:00:00Z", **fields})

    def ListBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        for run in self.runs:
            if run["state"].endswith(("QUEUED", "RUNNING")):
                self.looks[run["id"]] += 1
                if self.pace is not None and self.looks[run["id"]] > self.pace:
                    version = run["taskSlug"]["versionNumber"]
                    run.update(self.run(run["id"], run["modelVersionSlug"], "COMPLETED", version))
                    self.archives[run["id"]] = self.archive(run["id"])
        return super().ListBenchmarkTaskRuns(body)

    def PublishBenchmarkTask(self, body: dict[str, Any]) -> dict[str, Any]:
        self.published += 1
        return super().PublishBenchmarkTask(body)

    def GetBenchmarkTaskRunLogs(self, body: dict[str, Any]) -> Handled:
        entries = [
            {"stream_name": "stdout", "time": float(n), "data": line}
            for n, line in enumerate(lines_of(body["runId"]))
        ]
        run = next((run for run in self.runs if run["id"] == body["runId"]), None)
        if run is None:
            return self.error(404, "no log")
        if run["state"].endswith(("COMPLETED", "ERRORED")):
            return 200, dict(faults.JSON), json.dumps(entries).encode()
        return 200, {"Content-Type": "text/event-stream"}, faults.sse(entries)

    @property
    def effects(self) -> dict[str, Any]:
        """What was written, and how often; publishing again changes nothing, and is done until the task says so."""
        return {"pushes": self.pushes, "runs": dict(self.schedules), "published": bool(self.published)}


def lines_of(run_id: int) -> list[str]:
    return [f"run {run_id} wrote line {number}\n" for number in range(40)]


@dataclass
class Lots:
    """Draws for each request whether it meets a fault, and which.

    Parameters
    ----------
    seed : str
    rate : float
        The share of requests that meet one.
    lasting : bool
        Whether also faults are drawn that no other try mends.
    slow : bool
        Whether also those are drawn that cost time: what they come to depends on how busy the machine is.
    """

    seed: str
    rate: float
    lasting: bool
    slow: bool = True
    drawn: list[tuple[str, str]] = field(default_factory=list)
    met: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    #: Requests that the client gave up because their time was over, and those of which a fault was meant to do that.
    late: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    slowed: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    #: Requests that the client sent, and those that arrived. One that goes over a connection which the server closes at
    #: that moment, as after a slow drip, does not.
    sent: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    arrived: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    asked: int = 0
    active: bool = True

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._quick = [name for name in faults.PASSING if name not in SLOW]

    def __call__(self, seen: Seen) -> Fault | None:
        with self._lock:
            if not self.active:
                return None
            self.asked += 1
            self.arrived[seen.method, seen.body] += 1
            if self._random.random() >= self.rate:
                return None
            name = self._draw()
            if (seen.method, name) == ("GetBenchmarkTask", "403"):
                name = "400"  # 403 is how the server says that there is no such task, which is an answer
            self.drawn.append((seen.method, name))
            self.met[seen.method, seen.body] += 1
            self.slowed[seen.method, seen.body] += name in SLOW
            return FAULTS[name]

    def _draw(self) -> str:
        for name, share in SLOW.items():
            if self._random.random() < share and self.slow:
                return name
        if self.lasting and self._random.random() < 0.2:
            return self._random.choice(list(faults.LASTING))
        return self._random.choice(self._quick)

    @property
    def mended_by_trying(self) -> bool:
        """Whether as many tries as the client makes of each call would have outlived all these faults."""
        lasting = any(name in faults.LASTING for _, name in self.drawn)
        # An archive that came damaged is fetched once more: that it was cut, where no length was told, is known only
        # once it is here.
        damaged = self.drawn.count(("DownloadBenchmarkTaskRunOutput", "truncated JSON, length unannounced"))
        met = self.met + (self.late - self.slowed) + (self.sent - self.arrived)
        return not lasting and damaged < 2 and max(met.values(), default=0) < LIMITS.attempts

    @property
    def writes_met(self) -> bool:
        """Whether a write met one: it is not sent again, so that what came of it may have to stay unknown."""
        return any(method in WRITES for method, _ in self.drawn)


@cache
def pushed() -> str:
    """Return the notebook that was pushed."""
    return push_notebook(percent_task_source(TASK, origin="task.ipynb"))


@cache
def notebook() -> str:
    """Return the user's notebook."""
    source = percent_task_source(TASK, origin="task.ipynb")
    cells = [nbformat.v4.new_code_cell(cell.text, id=f"c{n}") for n, cell in enumerate(source.cells)]
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))


def furnish(folder: Path) -> None:
    """Put a user's files into a folder."""
    folder.mkdir()
    (folder / "task.ipynb").write_text(notebook(), encoding="utf-8")
    (folder / ".env").write_text(ENV + "MODEL_PROXY_EXPIRY_TIME=2020-01-01T00:00:00Z\n")


def files_in(folder: Path) -> dict[str, str]:
    """Return what lies in a folder, by the digest of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not {".state", ".kbench-download.json"} & set(path.parts)
        and not path.name.startswith(".kbench-samples.sqlite")  # an index of what lies there
    }

"""A session whose client speaks to the fault server on loopback, and hardly waits between tries."""

from __future__ import annotations

import io
import zipfile

from kbench_jupyter.api import Client, Credentials, Limits
from kbench_jupyter.session.session import Session

LIMITS = Limits(
    connect=5,
    read=5,
    stream_read=5,
    attempts=3,
    deadline=10,
    backoff=0.01,
    backoff_cap=0.02,
    poll=0.02,
    poll_cap=0.05,
    farewell=0.3,
)


class LoopbackSession(Session):
    """Speaks to a `FaultServer`; `reporter` is what the test hands in."""

    def __init__(self, server, reporter=None, **environ):
        super().__init__(None, reporter, {"KBENCH_API_URL": server.url, "KAGGLE_API_TOKEN": "t", **environ})
        self._loopback = Client(server.url, Credentials.bearer("t", "a test"), limits=LIMITS)

    def client(self, target=None):
        return self._loopback

    def close(self):
        self._loopback.close()


def add_run(api, run_id, model="m1", state="COMPLETED", version=1, task="quiz", **fields):
    """Put a run into a `FakeApi`."""
    if task not in api.tasks:
        api.add_task(task)
    api.runs.append(
        {
            "id": run_id,
            "taskSlug": {"ownerSlug": "me", "taskSlug": task, "versionNumber": version},
            "modelVersionSlug": model,
            "state": f"BENCHMARK_TASK_RUN_STATE_{state}",
            **fields,
        }
    )


def zipped(**files):
    """Return an archive's bytes; ``dot_name="x"`` makes a file ``dot.name``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return stream.getvalue()

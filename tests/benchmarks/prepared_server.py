"""A server on loopback that answers fast from memory, but each request only after 50 ms of latency.

Run as a program it serves in a process of its own, so that its work is not done in the clients' time:
prints its address, and ends with its standard input. ``quiz`` has 40 ended runs, each with a log of 5,000
lines and 0.5 MB of output; ``long`` has 400 of them, in eight pages; ``large`` has one with 1 GB of output, made up
while it is sent.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import JSON, Exchange, FakeApi, Fault, FaultServer

LATENCY = 0.05
RUNS, LINES, OUTPUT, MODELS = 40, 5_000, 500_000, 60
MANY, PAGE = 400, 50
LARGE = 1_000_000_000
LARGE_RUN = 999
_PIECE = 1_000_000
_LARGE_PIECE = random.Random(1).randbytes(_PIECE)


class PreparedServer(FaultServer):
    """Answers each request after `LATENCY` seconds."""

    def __init__(self) -> None:
        super().__init__(_api())
        self._log = json.dumps(list(_entries())).encode()
        self.log = lambda exchange: exchange.answer(200, dict(JSON), self._log)
        self._large_crc = 0
        for _ in range(LARGE // _PIECE):
            self._large_crc = zlib.crc32(_LARGE_PIECE, self._large_crc)

    def _answer(self, exchange: Exchange, fault: Fault | None) -> None:
        time.sleep(LATENCY)
        if (
            exchange.seen.method == "DownloadBenchmarkTaskRunOutput"
            and exchange.seen.json.get("runId") == LARGE_RUN
        ):
            self._send_large(exchange)
        else:
            super()._answer(exchange, fault)

    def _send_large(self, exchange: Exchange) -> None:
        """Send a zip of one file that is stored as it is: nothing of it is ever in memory but one piece."""
        name = b"large.bin"
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, self._large_crc, LARGE, LARGE, len(name), 0)
        local = b"PK\x03\x04" + fields + name
        entry = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
        end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local) + LARGE, 0)
        size = len(local) + LARGE + len(entry) + len(end)
        exchange.send(
            exchange.head(200, {"Content-Type": "application/zip", "Content-Length": str(size)}) + local
        )
        for _ in range(LARGE // _PIECE):
            exchange.send(_LARGE_PIECE)
        exchange.send(entry + end)


def _entries() -> Iterator[dict[str, Any]]:
    for number in range(LINES):
        text = f"step {number:5d}: asked the model, scored {number % 97 / 97:.4f}, 118 tokens in, 64 out\n"
        yield {
            "stream_name": "stderr" if number % 500 == 0 else "stdout",
            "time": number * 0.04,
            "data": text,
        }


def _api() -> FakeApi:
    api = FakeApi(page=PAGE)
    for slug in ("quiz", "large", "long"):
        api.add_task(slug)
    for number in range(MODELS):
        version = {
            "slug": f"model-{number}",
            "modelProxySlug": f"maker/model-{number}",
            "allowModelProxy": True,
            "inputModalities": ["MODALITY_TEXT", "MODALITY_IMAGE"],
            "outputModalities": ["MODALITY_TEXT"],
        }
        model = {"id": number + 1, "slug": f"model-{number}", "published": True, "version": version}
        api.models.append({**model, "displayName": f"Model {number}", "organization": {"name": "Maker"}})
    for run_id in (*range(1, RUNS + 1), LARGE_RUN, *range(LARGE_RUN + 1, LARGE_RUN + 1 + MANY)):
        slug = "quiz" if run_id <= RUNS else "large" if run_id == LARGE_RUN else "long"
        api.runs.append(
            {
                "id": run_id,
                "taskSlug": {"ownerSlug": "me", "taskSlug": slug, "versionNumber": 1},
                "modelVersionSlug": f"model-{run_id % MODELS}",
                "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
                "startTime": "2026-05-06T07:08:09.123Z",
                "endTime": "2026-05-06T07:11:29.456Z",
            }
        )
        api.archives[run_id] = _archive(run_id) if run_id <= RUNS else b""
    return api


def _archive(seed: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("quiz.run.json", json.dumps({"state": "COMPLETED", "results": []}))
        archive.writestr("output.bin", random.Random(seed).randbytes(OUTPUT))
    return stream.getvalue()


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own; its address is the value."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


if __name__ == "__main__":
    with PreparedServer() as server:
        print(server.url, flush=True)
        sys.stdin.read()

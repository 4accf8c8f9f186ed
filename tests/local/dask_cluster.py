"""A Dask cluster for tests: a scheduler and workers, each a process with a home of its own and no common folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from local_server_process import LOCAL, wait_for


class DaskCluster:
    """A scheduler at an address that stays, and workers that come and go."""

    def __init__(self, folder):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workers = []
        self.count = 0
        self.start()

    def start(self):
        port, options = str(self.port), ["--no-dashboard", "--host", "127.0.0.1"]
        self.scheduler = self._run("scheduler", "scheduler", "--port", port, *options)

    def add(self, workers=1):
        for _ in range(workers):
            self.count += 1
            name = f"worker-{self.count}"
            options = [
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
                "--host",
                "127.0.0.1",
                "--death-timeout",
                "60",
            ]
            self.workers.append(self._run(name, "worker", self.address, "--name", name, *options))

    def settle(self, workers):
        """Have so many workers that live."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for worker in self.workers[workers:]:
            self.kill(worker)
        self.add(workers - len(self.workers))

    def _run(self, name, *command):
        home = self.folder / name
        home.mkdir(exist_ok=True)
        env = {**os.environ, "HOME": str(home), "DASK_TEMPORARY_DIRECTORY": str(home / "dask")}
        with (home / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command], cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip

    def kill(self, process):
        process.kill()
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def stop(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()


def has_slots(server, number):
    wait_for(lambda: status(server)["workers"] == number, 60, f"{number} slots")


def status(server):
    return server.call("GetStatus", {"brief": True}, LOCAL)

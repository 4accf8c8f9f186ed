"""A Dask cluster for tests: a scheduler and workers, each a process with a home of its own and no common folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter

from local_server_process import LOCAL, wait_for

WORKER_HOSTS = ("desk-1", "desk-2", "desk-3")
#: The hosts that a cluster with `hosts` takes, and one for its server.
ALL_HOSTS = ("head", *WORKER_HOSTS, "server")


class DaskCluster:
    """A scheduler at an address that stays, and workers that come and go.

    On `hosts` each worker is on the one with the fewest of `WORKER_HOSTS`, and the scheduler on ``head``.
    """

    def __init__(self, folder, *, hosts=None, env=None):
        self.folder = folder
        self.hosts = hosts
        self.env = env or {}
        if hosts:
            self.port = 8786
        else:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
        self.address = f"tcp://{self._ip('head')}:{self.port}"
        self.workers = []
        self.host_of = {}
        self.count = 0
        self.start()

    def _ip(self, host):
        return self.hosts.address(host) if self.hosts else "127.0.0.1"

    def start(self):
        port, options = str(self.port), ["--no-dashboard", "--host", self._ip("head")]
        self.scheduler = self._run("head", "scheduler", "scheduler", "--port", port, *options)

    def add(self, workers=1, *more):
        for _ in range(workers):
            self.count += 1
            name = f"worker-{self.count}"
            there = Counter(self.host_of[worker] for worker in self.workers)
            host = min(WORKER_HOSTS, key=lambda one: there[one])
            options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
            options += ["--host", self._ip(host), "--name", name]
            worker = self._run(host, name, "worker", self.address, *options, *more)
            self.workers.append(worker)
            self.host_of[worker] = host

    def settle(self, workers):
        """Have so many workers that live."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for worker in self.workers[workers:]:
            self.kill(worker)
        self.add(workers - len(self.workers))

    def cut(self, worker):
        """Cut a worker off; without a host of its own it only stands still, which looks the same from outside."""
        if self.hosts:
            self.hosts.cut(self.host_of[worker])
        else:
            worker.send_signal(signal.SIGSTOP)

    def mend(self, worker):
        """Bring back what `cut` took."""
        if self.hosts:
            self.hosts.mend(self.host_of[worker])
        else:
            worker.send_signal(signal.SIGCONT)

    def _run(self, host, name, *command):
        home = self.folder / name
        home.mkdir(exist_ok=True)
        env = {**os.environ, **self.env, "HOME": str(home), "DASK_TEMPORARY_DIRECTORY": str(home / "dask")}
        within = self.hosts.within(host) if self.hosts else []
        with (home / "log").open("ab") as log:
            return subprocess.Popen(
                [*within, sys.executable, "-m", "dask", *command], cwd=home, env=env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
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

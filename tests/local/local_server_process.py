"""A real server process for the tests of the embedded server, spoken to over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import requests
from nbformat.v4 import new_code_cell, new_notebook, writes

TASKS, BENCHMARKS = "benchmarks.BenchmarkTasksApiService", "benchmarks.BenchmarksApiService"
PROXY, OAUTH, LOCAL = "models.ModelProxyApiService", "security.OAuthService", "local.LocalService"
MODEL = "smollm2-135m-instruct"
PROXY_MODEL = "huggingfacetb/smollm2-135m-instruct"

#: Quick when it is created, endless when it is run.
ENDLESS = """
import os, pathlib, time
created = pathlib.Path(os.environ["HOME"]).parents[2] / "created"  # in the server's own home
if created.exists():
    print("up", flush=True)
    time.sleep(600)
created.touch()
"""

#: The environment of a server, or of a cluster's workers, whose tasks do without the SDK: ``few_packages`` says more.
FEW_PACKAGES = {
    "PYTHONPATH": os.pathsep.join(
        [str(Path(__file__).parents[1] / "few_packages"), os.environ.get("PYTHONPATH", "")]
    )
}


class Server:
    """One server process and its home; started again on the same home as often as a test likes."""

    def __init__(self, home, *options, env=None, ahead=False):
        self.home = home
        # Most tests' cells do without the SDK and prompt no model: to get ready for them would only take time.
        self.options = options if ahead else (*options, "--no-ahead")
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.start()

    def start(self):
        command = [sys.executable, "-m", "kbench_jupyter.local", "--home", str(self.home), *self.options]
        self.process = subprocess.Popen(command, cwd=self.home.parent, env=self.env, stdin=subprocess.DEVNULL)
        state = self.home / "server.json"
        self.state = wait_for(lambda: self._state(state), 60, "the server to come up")
        self.url = self.state["url"]
        self.token = (self.home / "token").read_text()

    def _state(self, path):
        assert self.process.poll() is None, "the server ended at once"
        if path.exists() and (state := json.loads(path.read_text()))["pid"] == self.process.pid:
            return state
        return None

    def post(self, method, body=None, service=TASKS, *, prefix="/v1", headers=None, **options):
        auth = {"Authorization": f"Bearer {self.token}"} if headers is None else headers
        url = f"{self.url}{prefix}/{service}/{method}"
        return requests.post(url, json=body or {}, headers=auth, timeout=60, **options)

    def call(self, method, body=None, service=TASKS):
        answer = self.post(method, body, service)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def push(self, slug, *cells, **extra):
        return self.call("CreateBenchmarkTask", {"slug": slug, "text": notebook(*cells), **extra})

    def task(self, slug, version=None):
        return self.call("GetBenchmarkTask", {"slug": {"taskSlug": slug, "versionNumber": version}})

    def created(self, slug, version=None, timeout=120):
        def look():
            task = self.task(slug, version)
            return None if task["creationState"].endswith(("QUEUED", "RUNNING")) else task

        return wait_for(look, timeout, f"{slug} to be created")

    def creation(self, slug, version=None):
        task = self.created(slug, version)
        state = task["creationState"].removeprefix("BENCHMARK_TASK_VERSION_CREATION_STATE_")
        return state, task.get("creationErrorMessage", "")

    def schedule(self, slug, *models):
        body = {"taskSlugs": [{"taskSlug": slug}], "modelVersionSlugs": list(models or [MODEL])}
        return self.call("BatchScheduleBenchmarkTaskRuns", body)["results"]

    def runs(self, slug, **extra):
        body = {"taskSlug": {"taskSlug": slug}, **extra}
        return self.call("ListBenchmarkTaskRuns", body).get("runs", [])

    def run(self, run_id, slug):
        found = next(run for run in self.runs(slug) if run["id"] == run_id)
        return {**found, "state": found["state"].removeprefix("BENCHMARK_TASK_RUN_STATE_")}

    def ended(self, run_id, slug, timeout=120):
        def look():
            run = self.run(run_id, slug)
            return None if run["state"] in ("QUEUED", "RUNNING") else run

        return wait_for(look, timeout, f"run {run_id} to end")

    def run_now(self, slug):
        assert self.schedule(slug)[0]["runScheduled"]
        return self.ended(self.runs(slug)[0]["id"], slug)

    def cancel(self, *run_ids, active=False):
        body = {"runIds": {"ids": list(run_ids)}, "includeActive": active}
        return self.call("ApiCancelBenchmarkTaskRuns", body)

    def proxy_token(self):
        return self.call("CreateDefaultModelProxyToken", service=PROXY)["token"]

    def prompt(self):
        """Have the small model say one token."""
        body = {"model": PROXY_MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        headers = {"Authorization": f"Bearer {self.proxy_token()}"}
        answer = requests.post(f"{self.url}/openapi/chat/completions", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    def kernels(self):
        """Return the processes of kernels: started for it, or forked and named."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                if process.name() == "kbench-kernel" or "ipykernel_launcher" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def log(self):
        return (self.home / "server.log").read_text()


def wait_for(look, timeout, what):
    deadline, pause = time.monotonic() + timeout, 0.05
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(pause)
        # Most looks are calls of the server: 20 a second, of each worker of a test run, take a core that it waits for.
        pause = min(0.25, pause * 1.2)
    return found


def notebook(*cells):
    nb = new_notebook(cells=[new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    nb.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return writes(nb)


def plain(name, code="", *, result='{"booleanResult": True}', model=PROXY_MODEL):
    """A cell that leaves behind what a task of the SDK leaves behind, without the seconds of importing it."""
    return f"""
import json
{code}
json.dump({{"name": {name!r}}}, open({name!r} + ".task.json", "w"))
json.dump({{"taskVersion": {{"name": {name!r}}}, "modelVersion": {{"slug": {model!r}}},
           "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED", "results": [{result}]}},
          open({name!r} + "-run.run.json", "w"))
"""

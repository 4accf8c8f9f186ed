"""Where nothing is forked, the runner that is kept ready for the next job: quicker, and not otherwise to be noticed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import own_loop
import psutil
import pytest
from local_server_process import FEW_PACKAGES, PROXY, plain, wait_for

from kbench_jupyter.execution import ROOM, free_memory
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors import runners

pytestmark = pytest.mark.slow

# What the SDK's import finds done: few modules are left for it to load.
COUNT = """
import sys
before = len(sys.modules)
import kaggle_benchmarks
print("loaded", len(sys.modules) - before)
"""
needs_memory = pytest.mark.skipif(free_memory() < 2 * ROOM, reason="too little memory for a runner ahead")


def ready(server):
    """Have a runner ready, and return its kernel."""
    server.call("CreateDefaultModelProxyToken", {}, PROXY)
    return wait_for(lambda: server.kernels(), 60, "a kernel that waits")[0]


def engines(server):
    return [process for process in server.family() if "kbench_jupyter.local.engine" in process.cmdline()]


def created(server, slug):
    assert server.creation(slug) == ("COMPLETED", "")
    path = max((server.home / "creations").iterdir(), key=lambda folder: int(folder.name))
    return (path / "log.jsonl").read_text()


@needs_memory
def test_a_job_gets_the_kernel_that_waits_with_the_sdk_s_packages_loaded(make_server):
    one = make_server("--no-fork", ahead=True)
    waiting = ready(one)
    one.push("counts", plain("counts", COUNT))
    log = created(one, "counts")
    assert int(log.partition("loaded ")[2].partition("\\n")[0]) < 300, log
    assert not waiting.is_running(), "it does one job only"
    wait_for(lambda: one.kernels(), 60, "the next one")


@needs_memory
def test_a_runner_that_died_while_it_waited_costs_nobody_a_job(make_server):
    one = make_server("--no-fork", env=FEW_PACKAGES, ahead=True)
    ready(one).kill()
    one.push("after", plain("after"))
    assert one.creation("after") == ("COMPLETED", "")
    for process in wait_for(one.kernels, 60, "the next one"):
        process.parent().kill()
    one.push("again", plain("again"))
    assert one.creation("again") == ("COMPLETED", "")


@needs_memory
def test_what_waits_ends_with_the_server(make_server):
    one = make_server("--no-fork", env=FEW_PACKAGES, ahead=True)
    ready(one)
    family = one.family()
    one.kill()
    _gone, alive = psutil.wait_procs(family, timeout=15)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    one.start()
    assert list((one.home / "work").iterdir()) == []


@needs_memory
def test_the_small_model_is_loaded_for_whoever_asks_for_a_token_and_ends_with_the_server(make_server):
    one = make_server("--no-fork", env=FEW_PACKAGES, ahead=True)
    assert engines(one) == []
    one.proxy_token()
    [engine] = wait_for(lambda: engines(one), 30, "its engine")
    one.stop()
    assert not engine.is_running()


def test_a_server_that_is_told_not_to_starts_no_kernel_and_no_model_ahead(make_server):
    one = make_server(ahead=False)
    one.call("CreateDefaultModelProxyToken", {}, PROXY)
    one.push("plain", plain("plain"))
    assert one.creation("plain") == ("COMPLETED", "")
    assert not [folder for folder in (one.home / "work").iterdir() if folder.name.startswith("ahead-")]
    assert engines(one) == []


def test_a_runner_that_nobody_needs_goes_after_a_while_and_none_is_started_ahead_without_memory(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(runners, "IDLE", 0.0)
    monkeypatch.setattr(runners, "free_memory", lambda: ROOM)
    started = []

    class Noting(Children):
        async def start(self, *_what):
            command = [sys.executable, "-S", "-c", "input()"]
            started.append(
                await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
            )
            return started[-1]

    async def use():
        some = runners.Runners(tmp_path, Noting(tmp_path, alone=False), ahead=True, fork=False)
        some.expect()
        await asyncio.wait_for(_gone(), 20)
        assert started[0].returncode is not None
        monkeypatch.setattr(runners, "free_memory", lambda: ROOM - 1)
        some.expect()
        runner, early = await some.take("run-1")
        assert (early, len(started)) == (False, 2)
        await some.end(runner)
        await some.close()

    async def _gone():
        while not started or list(tmp_path.iterdir()):
            await asyncio.sleep(0.01)

    own_loop.run(use())

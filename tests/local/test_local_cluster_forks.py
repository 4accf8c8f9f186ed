"""Runs forked off a template on a cluster's worker: separate as if each had been started, and gone with the worker."""

from __future__ import annotations

import json
import os
import pickle
from contextlib import ExitStack

import psutil
import pytest
from local_server_process import FEW_PACKAGES, Server, plain, wait_for
from test_local_forks import DRAW, LOOK, SPOIL, SURROUNDINGS, forks, found
from test_local_processes import DAEMON, SECONDS, there

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
from dask_cluster import DaskCluster, has_slots

from kbench_jupyter.local.executors.worker_proxy import Endpoint
from kbench_jupyter.local.executors.workplace import Supplies

pytestmark = [pytest.mark.slow, forks]

SECRET = "a-worker-s-secret"

#: Names itself, and leaves a daemon with an environment; then it waits.
WAITS = f"""
import os, time
print("kernel", os.getpid(), flush=True)
{DAEMON}
while not os.path.exists(%r):
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder in which the worker finds packages."""
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    """Make clusters of one worker, which has a secret and room for two jobs."""
    with ExitStack() as stack:

        def make(env):
            running = DaskCluster(tmp_path_factory.mktemp("cluster"), env={"WORKER_SECRET": SECRET, **env})
            stack.callback(running.stop)
            running.add(1, "--nthreads", "2")
            return running

        yield make


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Make servers of a cluster."""
    with ExitStack() as stack:

        def make(cluster, *options):
            home = tmp_path_factory.mktemp("server") / "home"
            running = Server(home, "--cluster", cluster.address, *options, ahead=True)
            stack.callback(running.stop)
            return running

        yield make


@pytest.fixture(scope="module")
def whole(clusters):
    """A cluster on whose worker all is imported that the SDK imports: no test ends what did that, for 5 s of a core."""
    return clusters({})


@pytest.fixture(scope="module")
def cluster(clusters, packages):
    """One where a template is there in a moment, for tests that end it."""
    return clusters({"PYTHONPATH": os.pathsep.join([FEW_PACKAGES["PYTHONPATH"], str(packages)])})


@pytest.fixture(scope="module")
def started(whole, servers):
    """A server that wants no forks."""
    return servers(whole, "--no-fork")


@pytest.fixture(scope="module")
def forked(whole, servers):
    """A server that forks."""
    return servers(whole)


@pytest.fixture(scope="module")
def running(cluster, servers):
    return servers(cluster)


@pytest.fixture
def light(running, cluster):
    """A server that forks where a template is there in a moment, whatever a test before has done to the worker."""
    if cluster.workers[0].poll() is not None:
        cluster.workers.clear()
        cluster.add(1, "--nthreads", "2")
    has_slots(running, 2)
    return running


def family(cluster):
    return psutil.Process(cluster.workers[0].pid).children(recursive=True)


def templates(cluster):
    """Return the templates of the worker; what is forked off one has its command line, and a name of its own."""
    command = "kbench_jupyter.local.template"
    alive = [p for p in family(cluster) if there(p)]
    return [p for p in alive if not p.name().startswith("kbench-") and command in p.cmdline()]


def waiting(server, slug, tmp_path, environment="{}"):
    """Have a job wait; return its template, keeper, runner and kernel, and the daemon that it has left.

    Nothing names that, unless it has the job's environment.
    """
    server.push(slug, plain(slug, WAITS % (environment, str(tmp_path / "go"))))
    wait_for(lambda: server.task(slug)["creationState"].endswith("RUNNING"), 60, "it to begin")
    folder = max((server.home / "creations").iterdir(), key=lambda path: int(path.name))

    def told():
        lines = (folder / "log.jsonl").read_text().splitlines() if (folder / "log.jsonl").exists() else ()
        return dict(word.split() for word in "".join(json.loads(line)["data"] for line in lines).splitlines())

    said = wait_for(lambda: len(found := told()) == 2 and found, 90, "its daemon")
    kernel, daemon = (psutil.Process(int(said[name])) for name in ("kernel", "daemon"))
    runner, keeper, template = kernel.parents()[:3]
    return template, keeper, runner, kernel, daemon


def all_end(*processes):
    wait_for(lambda: not any(map(there, processes)), SECONDS, f"all of {processes} to end")


def test_a_run_finds_nothing_of_the_one_before_it_which_spoiled_all_it_could_and_died(forked, whole):
    forked.push("spoils", plain("spoils", SPOIL))
    assert "kernel died" in forked.creation("spoils")[1]
    assert not [p for p in family(whole) if "time.sleep(600)" in " ".join(p.cmdline())]
    seen = found(forked, "looks", LOOK)
    assert seen.pop("mask") != 0
    assert seen == {
        "environment": [None, False],
        "modules": [False] * 4,
        "numbers": False,
        "files": [False, [], False],
        "signal": False,
    }


def test_two_runs_draw_different_numbers_wherever_they_draw_them(forked):
    first, second = (found(forked, slug, DRAW) for slug in ("draws", "draws-again"))
    assert [name for name in first if first[name] == second[name]] == []
    assert set(first["states"]) & set(second["states"]) == set(), "no generator was seeded before the fork"


def test_a_forked_kernel_finds_itself_where_a_started_one_does(started, forked):
    look = SURROUNDINGS.replace(
        "def plain(value):\n", "def plain(value):\n    value = str(value).replace(HERE, '')\n"
    )
    look = "import os\nHERE = os.path.dirname(os.environ['HOME'])\n" + look
    seen = [found(server, "around", look) for server in (started, forked)]
    assert {key: (seen[0][key], seen[1][key]) for key in seen[0] if seen[0][key] != seen[1][key]} == {}


def test_neither_a_job_nor_what_it_is_forked_off_knows_the_workers_environment(forked):
    look = f"""
import json, os, psutil
chain = [psutil.Process(), *psutil.Process().parents()]
names = [p.name() for p in chain]
ours = chain[:names.index("kbench-keeper") + 2]
knowing = [p.name() for p in ours if {SECRET!r} in str(p.environ())]
print("FOUND", json.dumps([knowing, len(ours), {SECRET!r} in str(os.environ)]))"""
    assert found(forked, "asks", look) == [[], 4, False]


def test_once_packages_have_changed_a_new_template_imports_them(light, cluster, packages):
    light.push("first", plain("first"))
    assert light.creation("first") == ("COMPLETED", "")
    [first] = templates(cluster)
    (packages / "brand_new.py").write_text("")
    assert light.run_now("first")["state"] == "COMPLETED"
    [second] = templates(cluster)
    assert first != second
    assert light.run_now("first")["state"] == "COMPLETED"
    assert templates(cluster) == [second], "one serves many"


@pytest.mark.parametrize(
    ("killed", "environment", "code"), [("runner", "{}", 137), ("keeper and runner", "os.environ", -9)]
)
def test_of_a_started_job_whose_processes_are_killed_nothing_is_left(
    started, tmp_path, killed, environment, code
):
    slug = f"started-{killed.replace(' ', '-')}"
    _worker, keeper, runner, kernel, daemon = waiting(started, slug, tmp_path, environment)
    if killed != "runner":
        keeper.kill()
    runner.kill()
    all_end(keeper, runner, kernel, daemon)
    assert f"ended unexpectedly (exit code {code})" in started.creation(slug)[1]


@pytest.mark.parametrize("killed", ["keeper", "keeper and runner", "runner"])
def test_of_a_forked_job_whose_processes_are_killed_nothing_is_left_and_the_template_serves_the_next(
    light, cluster, tmp_path, killed
):
    slug = killed.replace(" ", "-")
    template, keeper, runner, kernel, daemon = waiting(light, slug, tmp_path)
    for name, process in (("keeper", keeper), ("runner", runner)):
        if name in killed:
            process.kill()
    all_end(keeper, runner, kernel, daemon)
    state, error = light.creation(slug)
    assert (state, "ended unexpectedly" in error) == ("ERRORED", True)
    light.push("after", plain("after"))
    assert light.creation("after") == ("COMPLETED", "")
    assert templates(cluster) == [template]


def test_a_template_that_is_killed_costs_no_run_and_what_it_forked_still_ends_with_the_worker(
    light, cluster, tmp_path
):
    template, *goes_on = waiting(light, "goes-on", tmp_path)
    template.kill()
    light.push("next", plain("next"))
    assert light.creation("next") == ("COMPLETED", "")
    assert all(map(there, goes_on))
    (tmp_path / "go").touch()
    assert light.creation("goes-on") == ("COMPLETED", "")
    all_end(template, *goes_on)
    (tmp_path / "go").unlink()
    template, *left = waiting(light, "left", tmp_path)
    template.kill()
    cluster.workers[0].kill()
    all_end(template, *left)
    (tmp_path / "go").touch()  # it goes again on the next worker


@pytest.mark.parametrize("how", ["is killed, its job stopped", "closes"])
def test_everything_ends_with_a_worker_that(light, cluster, tmp_path, how):
    everything = waiting(light, how.split()[0], tmp_path)
    if how == "closes":
        cluster.workers[0].terminate()
    else:
        _template, keeper, runner, *_others = everything
        for process in (keeper, runner):
            process.suspend()
        cluster.workers[0].kill()
    all_end(*everything)
    cluster.workers[0].wait(SECONDS)
    (tmp_path / "go").touch()  # it goes again on the next worker


def test_an_older_server_that_says_nothing_of_forks_is_understood():
    told = Supplies("s", Endpoint(), "run", "a", "", "", "", "m", (), 1.0, 0, False)
    state = {name: value for name, value in vars(told).items() if name != "fork"}
    older = Supplies.__new__(Supplies)
    older.__dict__.update(state)
    assert pickle.loads(pickle.dumps(older)).fork is True

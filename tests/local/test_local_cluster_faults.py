"""Runs on a Dask cluster of several hosts while workers are killed, links cut, scheduler and server restarted.

``CLUSTER_FAULTS`` is how many faults the long form injects (``make faults``), ``CLUSTER_SEED`` begins their order.
"""

from __future__ import annotations

import io
import json
import os
import random
import time
import zipfile
from collections import Counter
from datetime import datetime

import pytest
from hosts import Hosts, NotAllowedError
from local_server_process import FEW_PACKAGES, Server, plain, wait_for
from test_local_executors import text_of

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
from dask_cluster import ALL_HOSTS, DaskCluster, has_slots, status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if "CLUSTER_FAULTS" in os.environ else 900)]

FAULTS = int(os.environ.get("CLUSTER_FAULTS", "12"))
SEED = int(os.environ.get("CLUSTER_SEED", "1"))
TTL = 6.0
"""Seconds without a word after which the scheduler takes a worker for lost."""
PATIENCE = 12.0
"""Seconds without an answer after which a connection is given up; Dask takes no fewer than 11."""
_DASK = {
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{TTL:g}s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": f"{PATIENCE:g}s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    # In the long form workers are killed also while what they fork off imports for seconds.
    **({} if "CLUSTER_FAULTS" in os.environ else FEW_PACKAGES),
}

#: Says when it begins and ends, to its log, to its output and to a witness that outlives everything.
QUICK = """
import os, pathlib, time
attempt = pathlib.Path(os.environ["HOME"]).parents[1].name
def say(what):
    with open({witness!r}, "a") as file:
        file.write(f"{{what}} {{attempt}} {{time.time()}}\\n")
    print(what, attempt, flush=True)
say("begun")
half = pathlib.Path("half-" + attempt)
half.touch()
{waits}
half.rename("whole-" + attempt)
say("ended")
"""


@pytest.fixture
def setting(tmp_path):
    """A cluster, and a server of it on which this test is: each on a host of its own, where that can be had.

    Else they are processes with homes of their own; ``CLUSTER_HOSTS=no`` has them so anywhere.
    """
    hosts, why_not = None, "CLUSTER_HOSTS says no"
    if os.environ.get("CLUSTER_HOSTS") != "no":
        try:
            hosts = Hosts(*ALL_HOSTS)
        except NotAllowedError as error:
            why_not = str(error)
    (tmp_path / "cluster").mkdir()
    cluster = DaskCluster(tmp_path / "cluster", hosts=hosts, env=_DASK)
    cluster.why_no_hosts = why_not
    made = []

    def serve():
        made.append(Server(tmp_path / "home", "--cluster", cluster.address, env=_DASK, ahead=True))
        return made[-1]

    try:
        if hosts:
            with hosts.entered("server"):
                yield cluster, serve
        else:
            yield cluster, serve
    finally:
        for server in made:
            server.kill()
        cluster.stop()
        if hosts:
            hosts.close()


def pushed(server, slug, tmp_path, waits):
    code = QUICK.format(witness=str(tmp_path / "witness"), waits=waits)
    server.push(slug, plain(slug, code, model="x").replace("'x'", "os.environ['LLM_DEFAULT']"))
    assert server.creation(slug) == ("COMPLETED", "")


def scheduled(server, slug):
    body = {
        "taskSlugs": [{"taskSlug": slug}],
        "modelVersionSlugs": ["smollm2-135m-instruct"],
        "enqueue": True,
    }
    body["skipPolicy"] = "BENCHMARK_ENQUEUE_SKIP_POLICY_ALL"
    return server.call("BatchScheduleBenchmarkTaskRuns", body)["results"][0]["runId"]


def log_of(server, run):
    return text_of(server.call("GetBenchmarkTaskRunLogs", {"runId": run}))


def files_of(server, run):
    packed = server.post("DownloadBenchmarkTaskRunOutput", {"runId": run}).content
    return zipfile.ZipFile(io.BytesIO(packed)).namelist()


def ticket_of(server, run):
    return json.loads((server.home / "runs" / str(run) / "cluster.json").read_text())


class TestAWorkerThatIsCutOff:
    def test_for_a_moment_goes_on_as_if_nothing_had_been(self, setting, tmp_path):
        cluster, serve = setting
        cluster.add(2)
        server = serve()
        has_slots(server, 2)
        pushed(server, "moment", tmp_path, "time.sleep(3)")
        run = scheduled(server, "moment")
        worker = busy(cluster, server, run)
        cluster.cut(worker)
        time.sleep(TTL / 4)  # what is tested is that so long a cut does no harm
        cluster.mend(worker)
        assert server.ended(run, "moment")["state"] == "COMPLETED"
        assert len(ticket_of(server, run)["attempts"]) == 1
        assert "attempt" not in log_of(server, run)

    def test_for_long_has_lost_its_run_to_another_one_and_what_it_still_did_does_not_count(
        self, setting, tmp_path
    ):
        cluster, serve = setting
        cluster.add(2)
        server = serve()
        has_slots(server, 2)
        go = tmp_path / "go"
        go.touch()
        pushed(server, "long", tmp_path, f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.05)")
        go.unlink()
        run = scheduled(server, "long")
        worker = busy(cluster, server, run)
        cluster.cut(worker)
        wait_for(lambda: len(ticket_of(server, run)["attempts"]) == 2, 90, "another worker to take it")
        go.touch()
        if cluster.hosts:  # cut off, it goes on to its end, unless it has noticed before the other one began
            gone = lambda: worker.poll() is not None  # noqa: E731
            wait_for(lambda: ends(tmp_path) == 3 or gone(), 60, "both to end, after the creation")
        cluster.mend(worker)
        server.kill()  # what its log said until now, the next server says again
        server.start()
        assert server.ended(run, "long")["state"] == "COMPLETED"
        assert problems(server, server.runs("long")[0], told(tmp_path)) == []
        assert worker.wait(60) is not None, "the one that was cut off has noticed"


def test_a_server_that_is_cut_off_for_long_finds_its_run_again_and_has_each_line_once(setting, tmp_path):
    cluster, serve = setting
    if not cluster.hosts:
        pytest.skip(f"no network namespaces can be made here: {cluster.why_no_hosts}")
    cluster.add()
    server = serve()
    has_slots(server, 1)
    go = tmp_path / "go"
    go.touch()
    pushed(server, "apart", tmp_path, f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.05)")
    go.unlink()
    run = scheduled(server, "apart")
    busy(cluster, server, run)
    cluster.hosts.cut("server")
    wait_for(lambda: "lost" in status(server)["cluster"]["problem"], 10 * PATIENCE, "the loss to be seen")
    cluster.hosts.mend("server")
    go.touch()
    assert server.ended(run, "apart")["state"] == "COMPLETED"
    assert problems(server, server.runs("apart")[0], told(tmp_path)) == []
    assert len(ticket_of(server, run)["attempts"]) == 1


def busy(cluster, server, run):
    """Return the worker on which the notebook of a run has begun."""
    log = server.home / "runs" / str(run) / "log.jsonl"
    wait_for(lambda: log.exists() and "begun" in log.read_text(), 60, "its notebook to begin")
    attempt = log_of_file(log).split()[1]
    place = next(cluster.folder.glob(f"*/dask/**/kbench/{attempt}"))
    name = place.relative_to(cluster.folder).parts[0]
    return next(worker for worker in cluster.workers if name in worker.args)


def log_of_file(path):
    return text_of(map(json.loads, path.read_text().splitlines()))


# -- many faults -------------------------------------------------------------------------------------


class Trouble:
    """Does harm, each time another one, and mends what must be mended for the next."""

    HARM = {  # noqa: RUF012 - what, and how often beside the others
        "worker killed": 6,
        "worker cut off for a moment": 6,
        "worker cut off for long": 1,
        "server cut off": 1,
        "server cut off for long": 0.5,
        "scheduler cut off": 1,
        "server killed": 2,
        "scheduler killed": 1,
    }

    def __init__(self, cluster, server, seed):
        self._cluster = cluster
        self._server = server
        self._chance = random.Random(seed)
        self._to_mend = []
        self.done = Counter()

    def make(self):
        harm = dict(self.HARM)
        if not self._cluster.hosts:
            harm = {
                name: often for name, often in harm.items() if name.startswith("worker") or "killed" in name
            }
        what = self._chance.choices([*harm], [*harm.values()])[0]
        self.done[what] += 1
        worker = self._chance.choice(self._cluster.workers)
        if what == "worker killed":
            self._cluster.kill(worker)
        elif what == "server killed":
            self._server.kill()
            time.sleep(self._chance.choice([0, 0, 3]))  # runs end meanwhile
            self._server.start()
        elif what == "scheduler killed":
            self._cluster.kill(self._cluster.scheduler)
            self._cluster.start()
        else:
            self._cut(what, worker)

    def _cut(self, what, worker):
        cluster, seconds = self._cluster, self._chance.uniform(0.1, TTL / 2)
        if what.endswith("long"):
            seconds = self._chance.uniform(1.5, 2.5) * max(TTL, PATIENCE if what.startswith("server") else 0)
        if what.startswith("worker"):
            host = cluster.host_of[worker]
            cluster.cut(worker)
            mend = lambda: cluster.mend(worker)  # noqa: E731
        else:
            host = "head" if what.startswith("scheduler") else "server"
            cluster.hosts.cut(host)
            mend = lambda: cluster.hosts.mend(host)  # noqa: E731
        self._to_mend.append((time.monotonic() + seconds, mend))

    def mend(self, *, all_of_it=False):
        """Bring links back whose time has come, and new workers for those that are gone."""
        for due in list(self._to_mend):
            if all_of_it or due[0] < time.monotonic():
                self._to_mend.remove(due)
                due[1]()
        self._cluster.settle(3)

    def wait(self):
        """Wait for the next moment."""
        until = time.monotonic() + self._chance.uniform(0, 2.5)
        while (left := until - time.monotonic()) > 0:
            self.mend()
            time.sleep(min(left, 0.2))


def test_whatever_happens_no_run_is_lost_and_none_counts_twice(setting, tmp_path, capsys):
    cluster, serve = setting
    cluster.add(3)
    server = serve()
    has_slots(server, 3)
    pushed(server, "many", tmp_path, "time.sleep(0.3)")
    trouble, runs, start = Trouble(cluster, server, SEED), [], time.monotonic()
    for _ in range(FAULTS):
        while status(server)["waiting"] < 4:
            runs.append(scheduled(server, "many"))
        trouble.wait()
        trouble.make()
    harmed = time.monotonic() - start
    trouble.mend(all_of_it=True)

    def all_ended():
        trouble.mend()  # those that were cut off have closed meanwhile
        about = status(server)
        return not about["going"] + about["waiting"]

    wait_for(all_ended, 60 + 30 * len(runs), "all runs to end")
    said = told(tmp_path)
    ended = {run["id"]: run for run in server.runs("many", pageSize=100_000)}
    tickets = [ticket_of(server, run) for run in runs]
    known = Counter(attempt for ticket in tickets for attempt in ticket["attempts"])
    created = server.home / "creations/1/cluster.json"
    known.update(json.loads(created.read_text())["attempts"])
    began = Counter(attempt for what, attempt, _ in said if what == "begun")
    outcomes = Counter(outcome(ended[run]) for run in runs)
    with capsys.disabled():
        print(f"\n{sum(trouble.done.values())} faults in {harmed:.0f} s:", dict(trouble.done))
        print(
            f"{len(runs)} runs: {dict(outcomes)}; attempts of each:",
            dict(sorted(Counter(len(ticket["attempts"]) for ticket in tickets).items())),
        )
        print(
            f"{len(began)} attempts began a notebook, {Counter(what for what, *_ in said)['ended']} ended it"
        )
    assert [what for run in runs for what in problems(server, ended[run], said)] == []
    assert outcomes["whole"] + outcomes["lost 3 times"] == len(runs)
    assert [attempt for attempt, times in (began + known).items() if times > 2] == [], "each begins once"
    assert began.keys() <= known.keys(), "no notebook begins that the server does not know of"
    wait_for(lambda: not left_on_workers(cluster), 60, "the workers to have tidied up")


def ends(tmp_path):
    return sum(what == "ended" for what, *_ in told(tmp_path))


def told(tmp_path):
    """Return what the witness has: what happened, to which attempt, and when."""
    return [line.split() for line in (tmp_path / "witness").read_text().splitlines()]


def outcome(run):
    if run["state"].endswith("_COMPLETED"):
        return "whole"
    error = run.get("errorMessage", "")
    return "lost 3 times" if "lost 3 times" in error else error or run["state"]


def problems(server, run, said):
    """Return what is wrong with a run that has ended, by its log, its output, its ticket and the witness."""
    ticket, log = ticket_of(server, run["id"]), log_of(server, run["id"])
    attempts, wrong = ticket["attempts"], []
    if outcome(run) != "whole":
        return [] if ticket["lost"] == len(attempts) == 3 else [f"{run['id']}: {outcome(run)} {ticket}"]
    once = [log.count(f"{word} {attempts[-1]}") for word in ("begun", "ended")] == [1, 1]
    if not once or not log.endswith(f"begun {attempts[-1]}\nended {attempts[-1]}\n"):
        wrong.append(f"its log does not end with attempt {attempts[-1]} alone: {log}")
    marks = [name for name in files_of(server, run["id"]) if name.startswith(("half-", "whole-"))]
    if marks != [f"whole-{attempts[-1]}"]:
        wrong.append(f"its output has {marks}, and not {attempts[-1]}")
    again = f"This is attempt {len(attempts)} of 3" in log and "was lost" in log
    if again != (len(attempts) > 1):
        wrong.append(f"its log does not say that there were {len(attempts)} attempts: {log}")
    end = datetime.fromisoformat(run["endTime"]).timestamp()
    late = [line for line in said if line[1] in attempts and line[0] == "begun" and float(line[2]) > end]
    if late:
        wrong.append(f"it has begun after its end: {late}")
    return [f"run {run['id']}: {what}" for what in wrong]


def left_on_workers(cluster):
    places = [
        place
        for worker in cluster.workers
        for place in cluster.folder.glob(f"{name_of(worker)}/dask/**/kbench")
    ]
    kept = ("proxy-", "template-")
    return [job for place in places for job in place.iterdir() if not job.name.startswith(kept)]


def name_of(worker):
    return worker.args[worker.args.index("--name") + 1]

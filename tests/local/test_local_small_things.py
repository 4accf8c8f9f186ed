"""What the embedded server does right without being started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import pytest

from kbench_jupyter.execution import Outcome
from kbench_jupyter.local import archive, wire
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors.processes import Processes
from kbench_jupyter.local.executors.work import SLACK, Work
from kbench_jupyter.local.executors.worker_job import WorkerJob
from kbench_jupyter.local.home import Home
from kbench_jupyter.local.job import Job, Verdict
from kbench_jupyter.local.model_proxy import _from_genai
from kbench_jupyter.local.models import Model, ModelError, Models
from kbench_jupyter.local.outcome import judge
from kbench_jupyter.local.rows import Run

USER = {"role": "user", "parts": [{"text": "Hi"}]}


@pytest.mark.parametrize(
    "body",
    [
        {"contents": ["a"]},
        {"contents": USER},
        {"contents": "x"},
        {"contents": [{"parts": "x"}]},
        {"contents": [{"parts": ["x"]}]},
        {"contents": [USER], "generationConfig": [1]},
        {"contents": [USER], "systemInstruction": {"parts": 5}},
        {
            "contents": [USER],
            "generationConfig": {"responseSchema": reduce(lambda a, _: [a], range(2000), [])},
        },
    ],
)
def test_a_malformed_genai_request_is_refused_as_such(body):
    with pytest.raises(ModelError) as caught:
        _from_genai(body)
    assert caught.value.status == 400


def test_null_for_parts_or_for_the_configuration_is_none():
    body = {"contents": [USER, {"role": "model", "parts": None}], "generationConfig": None}
    assert [m["content"] for m in _from_genai(body)["messages"]] == ["Hi", ""]


def test_a_schema_of_geminis_becomes_one_of_json_schema_whatever_its_properties_are_called():
    schema = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}, "propertyOrdering": ["type"]}
    asked = _from_genai({"contents": [USER], "generationConfig": {"responseSchema": schema}})
    plain = {"type": "object", "properties": {"type": {"type": "string"}}}
    assert asked["response_format"]["json_schema"]["schema"] == plain


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        (
            {"state": "X_COMPLETED", "results": [{"booleanResult": True}]},
            ("COMPLETED", None, {"booleanResult": True}),
        ),
        ({"state": "X_COMPLETED", "results": ["x" * 2**20]}, ("COMPLETED", "Its result is larger", None)),
        ({"state": "X_ERRORED", "errorMessage": "ValueError"}, ("ERRORED", "ValueError", None)),
        ({"state": "X_ERRORED"}, ("ERRORED", "The task raised.", None)),
        (
            {"state": "X_COMPLETED", "modelVersion": {"slug": "other"}},
            ("ERRORED", "The task ran on 'other'", None),
        ),
    ],
)
def test_of_several_runs_in_a_notebook_the_last_one_counts(tmp_path, last, verdict):
    first = {"state": "X_COMPLETED", "results": [{"booleanResult": False}]}
    for name, ended, said in (("z", 1, first), ("a", 2, last)):  # their names say nothing of their order
        path = tmp_path / f"quiz-{name}.run.json"
        path.write_text(json.dumps({"taskVersion": {"name": "Quiz"}, **said}))
        os.utime(path, (ended, ended))
    job = Job("run", "quiz", "", "", "", {}, "lab/model", 1, [])
    found = judge(job, tmp_path, Outcome(None))
    state, error, result = verdict
    assert (found.state, found.result) == (state, result)
    assert (found.error or "").startswith(error or "")


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ({"booleanResult": True}, {"booleanResult": True}),
        ({"booleanResult": False}, {"booleanResult": False}),
        ({"booleanResult": "yes"}, None),
        ({"numericResult": {"value": 0.5}}, {"numericResult": 0.5}),
        ({"numericResult": {"value": "NaN"}}, None),
        ({"numericResult": {"value": None}, "booleanResult": True}, {"booleanResult": True}),
        (None, None),
    ],
)
def test_a_run_shows_the_score_or_the_pass_that_its_result_says(kept, shown):
    run = Run(1, 1, "quiz", 1, "m", "", "COMPLETED", 0, 1, None, kept)
    assert wire.run(run).get("result") == shown


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ({"model": "gone", "effort": ""}, "Its model is gone. The endpoint is down."),
        ({"model": "here", "effort": "", "agent": "gone"}, "Its agent is gone. The endpoint is down."),
        ({"model": "here", "effort": "high"}, "here takes no reasoning effort 'high' any more."),
    ],
)
def test_a_run_whose_candidate_has_gone_while_it_waited_ends_and_says_so(tmp_path, candidate, said):
    class Provider:
        problem = "The endpoint is down."

        async def models(self, *, now=False):
            return [Model("here", "lab/here", "Here", efforts=("low",))]

    async def carry_out():
        run = Run(
            1,
            1,
            "quiz",
            1,
            state="RUNNING",
            start_time=0,
            end_time=None,
            error=None,
            result=None,
            **candidate,
        )
        options = {"slots": 1, "timeout": 1, "memory": 0, "ahead": False, "fork": False, "url": str}
        machine = Processes(tmp_path, None, Models([Provider()]), Children(tmp_path), **options)
        return await machine.execute(Work("run-1", None, run, tmp_path))

    assert asyncio.run(carry_out()) == Verdict("ERRORED", said)


def test_an_output_has_the_files_that_fit_no_links_no_caches_and_our_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 10)
    working = tmp_path / "working"
    for name in ("a", "deep/b", "deep/c", "__pycache__/d", archive.EXECUTED):
        (working / name).parent.mkdir(parents=True, exist_ok=True)
        (working / name).write_text("5 big")
    (working / "link").symlink_to("a")
    (working / "elsewhere").symlink_to(tmp_path)
    assert archive.pack(working, tmp_path / "zip", {archive.EXECUTED: "ours \ud800"}) == ["deep/c"]
    with zipfile.ZipFile(tmp_path / "zip") as file:
        assert file.namelist() == [archive.EXECUTED, "a", "deep/b"]
        assert file.read(archive.EXECUTED) == b"ours \\ud800"


def test_copies_without_the_notebooks_made_at_once_do_not_meet(tmp_path, monkeypatch):
    whole = tmp_path / "output.zip"
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr(archive.SOURCE, "{}")
        file.writestr("out.txt", "x" * 100)
    both = threading.Barrier(2)
    make = zipfile.ZipFile.__init__

    def meet(self, path, mode="r", *args, **options):
        make(self, path, mode, *args, **options)
        if mode == "w":
            both.wait(10)  # both have their file open before either is put in place

    monkeypatch.setattr(zipfile.ZipFile, "__init__", meet)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(archive.without_source, [whole] * 2))
    monkeypatch.undo()
    assert zipfile.ZipFile(made[0]).namelist() == ["out.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output-only.zip", "output.zip"]


def test_servers_that_first_start_at_once_know_one_token(tmp_path):
    for number in range(20):
        together = threading.Barrier(4)

        def token(_, number=number, together=together):
            together.wait(10)
            return Home(tmp_path / str(number)).token

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(token, range(4)))) == 1


def test_a_home_below_that_of_nobody_is_refused_in_one_line():
    command = [sys.executable, "-m", "kbench_jupyter.local", "--home", "~nobody-of-that-name/x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "~nobody-of-that-name is nobody's home" in done.stderr
    assert "Traceback" not in done.stderr


def test_limits_of_prompts_that_cannot_be_are_refused_without_a_cluster_too(tmp_path):
    command = [sys.executable, "-m", "kbench_jupyter.local", "--home", tmp_path / "home"]
    env = {**os.environ, "KBENCH_PROMPTS": "gpt-5"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert done.returncode == 1
    assert "%env KBENCH_PROMPTS=gpt-5=8" in done.stderr


def test_a_job_that_ends_in_an_error_nobody_thought_of_has_a_result_that_says_so(tmp_path):
    def broken(_job):
        raise RuntimeError("no such thing")

    async def carried_out():
        job = WorkerJob("key", tmp_path, asyncio.get_running_loop())
        job.supply(broken, None)
        with contextlib.suppress(RuntimeError):
            await asyncio.to_thread(job.carry_out, 60.0)
        return (await job.look(0, 0.0))["result"]

    result = asyncio.run(carried_out())
    assert result is not None, "the server would ask for it for ever"
    assert "RuntimeError: no such thing" in result["verdict"]["error"]


def test_a_job_that_its_server_never_supplies_ends_and_says_so(tmp_path):
    async def carried_out():
        job = WorkerJob("key", tmp_path, asyncio.get_running_loop())
        await asyncio.to_thread(job.carry_out, 0.01 - SLACK)
        return (await job.look(0, 0.0))["result"]

    assert "did not say what is to be done" in asyncio.run(carried_out())["verdict"]["error"]

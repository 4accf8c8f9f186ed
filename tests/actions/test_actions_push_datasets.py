"""A push checks the task source with the datasets that will be attached, kept ones included."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from kbench_jupyter.actions.check import check
from kbench_jupyter.actions.push import push
from kbench_jupyter.actions.sources import ChosenTask
from kbench_jupyter.api import Client, Response
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.notebook.files import percent_task_source

CELL = """\
# %%
import kaggle_benchmarks as kbench
rows = open("/kaggle/input/questions/q.txt").read()


@kbench.task(name="t")
def t(llm) -> bool:
    return bool(rows)


t.run(kbench.llm)
"""


def pushed(tmp_path: Any, before: list[str], sent: list[str], cell: str = CELL, **options: Any) -> Any:
    """Push a task that reads ``questions`` to a server that has a version with these datasets."""

    def answer(request: Any) -> Response:
        sent.append(request.url.rsplit("/", 1)[1])
        is_read = sent[-1] == "GetBenchmarkTask"
        names = (
            before if is_read else json.loads(request.body).get("options", {}).get("datasetDataSources", [])
        )
        task = {
            "slug": {"taskSlug": "t", "versionNumber": 1 if is_read else 2},
            "creationState": "BENCHMARK_TASK_VERSION_CREATION_STATE_COMPLETED",
            "options": {"datasetDataSources": names},
        }
        return Response(200, {"content-type": "application/json"}, json.dumps(task).encode())

    client = Client("http://127.0.0.1:1", None, transport=answer)
    target = SimpleNamespace(label="x", place="x", base_url="u")
    session: Any = SimpleNamespace(
        target=lambda: target,
        client=lambda _target: client,
        state_folder=tmp_path,
        validated=set(),
        tried=set(),
        sources={},
        reporter=SimpleNamespace(say=lambda _text: None),
    )
    return push(session, ChosenTask(percent_task_source(cell, origin="a test"), "t"), **options)


def test_a_dataset_that_is_kept_is_no_finding(tmp_path):
    result = pushed(tmp_path, ["ada/questions"], [])
    assert result.findings == ()
    assert result.task.datasets == ("ada/questions",)


def test_the_rules_are_checked_again_for_kept_datasets_only_where_the_source_reads_any(tmp_path, monkeypatch):
    checked = []

    def counted(session, task, **more):
        checked.append(more["datasets"])
        return check(session, task, **more)

    monkeypatch.setattr("kbench_jupyter.actions.push.check", counted)
    pushed(tmp_path, ["ada/questions"], [])
    assert checked == [(), ("ada/questions",)]
    checked.clear()
    pushed(
        tmp_path,
        ["ada/questions"],
        [],
        cell=CELL.replace('open("/kaggle/input/questions/q.txt").read()', "1"),
    )
    assert checked == [()]


def test_a_dataset_that_is_not_among_the_kept_ones_stops_the_push(tmp_path):
    sent: list[str] = []
    with pytest.raises(ValidationError, match="was not pushed"):
        pushed(tmp_path, ["ada/others"], sent)
    assert sent == ["GetBenchmarkTask"]


def test_a_dataset_that_is_detached_is_a_warning(tmp_path):
    result = pushed(tmp_path, ["ada/questions"], [], detach_datasets=True)
    assert [finding.code for finding in result.findings] == ["KB502"]

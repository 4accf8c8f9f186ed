"""The checks find what people get wrong, and nothing in what is right: `make bench ARGS=verdicts` has figures."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version

import pytest
from seeded_mistakes import GROUPS, MISTAKES, NOTEBOOKS, cells_of
from validation_helpers import run_with_sdk
from verdicts import dry_run, errors_in, findings_on, found_by_reading, found_by_running

#: What the static check finds at least, of all seeded mistakes.
SHARE = 0.6
#: Mistakes that only running shows; a kernel each.
SAMPLE = (
    "datasets: column of the results",
    "python: divided by a string",
    "results: mean of nothing",
    "tools: class of a parameter",
)
#: The first SDK whose `%choose` of a name that no task has leaves no run; 0.6.1 left all.
CHOOSES = (0, 6, 2)


def test_the_static_check_finds_most_seeded_mistakes():
    found = [mistake for mistake in MISTAKES if found_by_reading(mistake)]
    assert len(found) >= SHARE * len(MISTAKES)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_task_without_its_mistake_gets_no_error(name):
    assert errors_in(findings_on(NOTEBOOKS[name])) == []


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
@pytest.mark.parametrize("name", SAMPLE)
def test_a_dry_run_says_what_is_wrong_where_reading_cannot(monkeypatch, tmp_path, name):
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", "off")
    mistake = next(mistake for mistake in MISTAKES if mistake.name == name)
    assert found_by_running(mistake, dry_run(mistake.wrong))


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_a_dry_run_of_a_task_without_its_mistake_has_nothing_to_say(monkeypatch, tmp_path):
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", "off")
    assert dry_run(NOTEBOOKS["rows"]) == ""


def test_mistakes_of_all_groups_are_seeded_once_each():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) > 100
    groups = Counter(mistake.group for mistake in MISTAKES)
    assert set(groups) == set(GROUPS)
    assert min(groups.values()) > 10
    assert all(mistake.places or mistake.says for mistake in MISTAKES)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Execute all notebooks with the real SDK, right and wrong, with the answer a mistake shows under."""
    jobs = {f"right: {name}": {"cells": cells_of(text)} for name, text in NOTEBOOKS.items()}
    for mistake in MISTAKES:
        jobs[mistake.name] = {"cells": cells_of(mistake.wrong), "answer": mistake.answer}
        jobs[f"right: {mistake.name}"] = {"cells": cells_of(mistake.right), "answer": mistake.answer}
        if mistake.files:
            jobs[f"here: {mistake.name}"] = {"cells": cells_of(mistake.wrong), "files": mistake.files}
    return run_with_sdk(jobs, tmp_path_factory.mktemp("seeded"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_sdk_records_a_task_without_its_mistake(seen, name):
    result = seen[f"right: {name}"]
    assert result["error"] == ""
    assert len(result["stored"]) == 1
    assert _runs_of(result, result["stored"][0])


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_seeded_mistake_has_its_effect_with_the_sdk(seen, mistake):
    if "%choose" in mistake.wrong and tuple(map(int, version("kaggle_benchmarks").split(".")[:3])) < CHOOSES:
        pytest.skip("an SDK that chooses otherwise")
    right = seen[f"right: {mistake.name}"]
    (task,) = right["stored"]
    here = seen.get(f"here: {mistake.name}")
    effect = _effect(seen[mistake.name], task, _runs_of(right, task))
    if here is not None and not here["error"] and _runs_of(here, task):
        effect = {"crash": "server"}.get(effect, effect)
    assert effect == mistake.effect


def _effect(result, task, meant):
    runs = _runs_of(result, task)
    if result["error"] or any(run["state"].endswith("ERRORED") for run in runs):
        return "crash"
    if not runs:
        return "unrecorded"
    if result["stored"] != [task]:
        return "server"
    return "none" if runs == meant else "wrong"


def _runs_of(result, task):
    """Return what was recorded of a task, without what differs between two runs anyway."""
    return [_lasting(run) for run in result["runs"] if run["taskVersion"]["name"] == task]


def _lasting(part):
    passing = {"startTime", "endTime", "id", "definition", "conversationRequestIds", "lineNumber", "metrics"}
    if isinstance(part, dict):
        return {key: _lasting(value) for key, value in part.items() if key not in passing}
    return [_lasting(value) for value in part] if isinstance(part, list) else part

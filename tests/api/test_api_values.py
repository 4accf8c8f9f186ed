from __future__ import annotations

import copy
import json
import pickle
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slugify import slugify

from kbench_jupyter.api import (
    Cancelled,
    CandidateType,
    CreationState,
    Importance,
    Leaderboard,
    LogEntry,
    Modality,
    Model,
    ModelConfig,
    QuotaBalance,
    RefillPeriod,
    Run,
    RunState,
    ScheduleResult,
    Task,
    TaskOrigin,
    TaskQuota,
    TasksChanged,
    TaskSlug,
    TokenInfo,
    UpdatedTask,
    normalize_model,
    task_slug,
)
from kbench_jupyter.api.values import parse as wire
from kbench_jupyter.api.values.states import DisplayType
from kbench_jupyter.errors import UsageError

ENUMS = (CreationState, RunState, Modality, TaskOrigin, CandidateType, Importance, DisplayType, RefillPeriod)


@pytest.mark.parametrize(
    ("name", "slug"), [("My Task", "my-task"), ("my_task", "my-task"), ("Ünï  ☃ 2", "uni-2"), ("☃", "")]
)
def test_task_names_become_slugs(name: str, slug: str) -> None:
    assert task_slug(name) == slug


@given(st.from_regex(r"[a-zA-Z0-9 _\-,&;'%]{0,20}", fullmatch=True))
def test_a_slug_is_the_official_clients_also_of_a_name_that_is_one_already(name: str) -> None:
    assert task_slug(name) == slugify(name)
    assert task_slug(slugify(name)) == slugify(name)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("anthropic/claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001"),
        ("a/b/c", "c"),
        (" grok-4.3 ", "grok-4.3"),
    ],
)
def test_models_have_one_spelling(name: str, slug: str) -> None:
    assert normalize_model(name) == normalize_model(normalize_model(name)) == slug


def test_an_address_is_read_from_what_people_type() -> None:
    assert TaskSlug.parse("t") == TaskSlug("t")
    assert TaskSlug.parse("me/t") == TaskSlug("t", "me")
    assert str(TaskSlug("t", "me", 3)) == "me/t"
    assert TaskSlug("t", "me", 3).to_wire() == {"ownerSlug": "me", "taskSlug": "t", "versionNumber": 3}
    assert TaskSlug("t").to_wire() == {"taskSlug": "t"}


@pytest.mark.parametrize("text", ["", "/", "me/", "/t", "a/b/c"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        TaskSlug.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-06T07:08:09.123Z",
        "2026-05-06T07:08:09.123456789Z",
        "2026-05-06T07:08:09.123456",
        "2026-05-06T07:08:09Z",
        "2026-05-06T09:08:09.1+02:00",
        "2026-05-06 07:08:09",
    ],
)
def test_times_are_aware_and_in_utc(text: str) -> None:
    parsed = wire.when(text)
    assert parsed is not None
    assert parsed.replace(microsecond=0) == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert parsed.utcoffset() == datetime.now(UTC).utcoffset()


def test_what_is_no_time_is_none() -> None:
    for value in ("", "soon", None, 5, "2026-13-45T99:00:00Z", "0001-01-01T00:00:00+14:00"):
        assert wire.when(value) is None


@pytest.mark.parametrize("kind", ENUMS)
def test_known_values_come_with_or_without_prefix(kind: type[Any]) -> None:
    for number, member in enumerate(kind):
        for text in (member.value, member.to_wire(), member.value.lower(), number):
            assert kind.from_wire(text) is member
    assert kind.from_wire(None) is kind.UNSPECIFIED


@pytest.mark.parametrize("kind", ENUMS)
def test_an_unknown_value_keeps_its_text(kind: type[Any]) -> None:
    unknown = kind.from_wire(kind.UNSPECIFIED.to_wire().replace("UNSPECIFIED", "NEW_THING"))
    assert (str(unknown), unknown.value, unknown.name, unknown.is_known) == ("NEW_THING",) * 3 + (False,)
    assert unknown == kind.from_wire("NEW_THING")
    assert len({unknown, kind.from_wire("NEW_THING")}) == 1
    assert pickle.loads(pickle.dumps(unknown)) == copy.deepcopy(unknown) == unknown
    assert "NEW_THING" not in [member.value for member in kind]


@pytest.mark.parametrize("text", ["DAILY", "REFILL_PERIOD_DAILY", "MODEL_PROXY_QUOTA_REFILL_PERIOD_DAILY"])
def test_a_refill_period_is_one_in_all_its_spellings(text: str) -> None:
    period = QuotaBalance.from_wire({"refillPeriod": text}).period
    assert (period, period.lower()) == (RefillPeriod.DAILY, "daily")


CANDIDATES: list[tuple[dict[str, str], str]] = [
    ({"modelVersionSlug": "p/m@1"}, "m-1"),
    ({"modelVersionSlug": "m", "modelVersionConfigSlug": "m-high"}, "m-high"),
    ({"modelVersionSlug": "m", "modelVersionConfigSlug": "m-high", "agentSlug": "code-2.1-m"}, "code-2.1-m"),
    ({"agentSlug": "code-2.1-m"}, "code-2.1-m"),
]


@pytest.mark.parametrize(("fields", "candidate"), CANDIDATES)
def test_a_run_is_of_its_agent_else_its_config_else_its_model(fields: dict[str, str], candidate: str) -> None:
    assert Run.from_wire(fields).candidate == candidate


@pytest.mark.parametrize("named", [True, False])
def test_a_leaderboards_rows_are_named_after_what_ran(named: bool) -> None:
    names = ["modelVersionName", "modelVersionConfigName", "agentName"]
    slugs = ["modelVersionSlug", "modelVersionConfigSlug", "agentSlug"]
    rows = [{slug: slug for slug in slugs[:count]} for count in (1, 2, 3)]
    if named:
        rows = [row | {name: name for name in names[: len(row)]} for row in rows]
    read = Leaderboard.from_wire({"rows": rows}).rows
    assert [row.candidate for row in read] == slugs
    assert [row.candidate_name for row in read] == (names if named else slugs)


def test_a_runs_result_is_a_bare_number_or_a_pass_or_none() -> None:
    results: list[Any] = [
        {"numericResult": 0},
        {"numericResult": 0.84312},
        {"booleanResult": False},
        {},
        None,
    ]
    scores = [Run.from_wire({"result": result}).score for result in results]
    assert [score and score.value for score in scores] == [0.0, 0.84312, False, None, None]


def test_a_score_without_a_finite_value_is_read_as_it_comes() -> None:
    score = Run.from_wire({"result": {"numericResult": sys.float_info.max}}).score
    assert score is not None
    assert score.value == float(json.loads(json.dumps(sys.float_info.max))) == sys.float_info.max


def test_a_model_takes_an_effort_unless_the_server_says_that_it_does_not() -> None:
    told: list[Any] = [{"version": {}}, {}, {"version": {"supportsReasoningEffort": False}}]
    assert [Model.from_wire(data).supports_effort for data in told] == [True, True, False]


@pytest.mark.parametrize(
    ("asked", "fields", "is_it"),
    [
        (ScheduleResult("m"), {"modelVersionSlug": "m"}, True),
        (ScheduleResult("m"), {"modelVersionSlug": "n"}, False),
        (ScheduleResult("m"), {"modelVersionSlug": "m", "modelVersionConfigSlug": "m-high"}, False),
        (ScheduleResult("m"), {"modelVersionSlug": "m", "agentSlug": "a"}, False),
        (ScheduleResult("m", "high"), {"modelVersionSlug": "m", "modelVersionConfigSlug": "m-high"}, True),
        (ScheduleResult("m", "high"), {"modelVersionSlug": "m"}, False),
        (ScheduleResult(agent="a"), {"modelVersionSlug": "m", "agentSlug": "a"}, True),
        (ScheduleResult(agent="a"), {"agentSlug": "b"}, False),
        (ScheduleResult("m", run_id=7), {"modelVersionSlug": "other", "id": 7}, True),
        (ScheduleResult("m", run_id=7), {"modelVersionSlug": "m", "id": 8}, False),
    ],
)
def test_a_run_is_taken_for_a_scheduled_one_only_if_it_is_of_that_candidate(
    asked: ScheduleResult, fields: dict[str, Any], is_it: bool
) -> None:
    assert asked.may_be(Run.from_wire(fields)) is is_it


def test_which_states_are_final() -> None:
    assert {state.value for state in RunState if state.is_terminal} == {"COMPLETED", "ERRORED"}
    assert not RunState("SOMETHING_NEW").is_terminal
    assert {state.value for state in CreationState if state.is_pending} == {
        "QUEUED",
        "RUNNING",
        "VALIDATING",
    }
    assert {state.value for state in CreationState if not state.is_terminal} == {
        "UNSPECIFIED",
        "QUEUED",
        "RUNNING",
        "VALIDATING",
    }
    assert not CreationState("SOMETHING_NEW").is_terminal


def test_a_pinned_version_of_a_dataset_is_the_dataset() -> None:
    answer = {"options": {"datasetDataSources": ["Me/data/versions/3"]}, "invalidDatasetSources": ["me/bad"]}
    assert Task.from_wire(answer).unresolved(["me/data", "me/dat"]) == ("me/bad", "me/dat")


def test_an_absent_result_is_unscored_and_an_absent_number_is_zero() -> None:
    results = [{"result": {"numericResult": {}}}, {"result": {"booleanResult": False}}, {"result": {}}, {}]
    rows = Leaderboard.from_wire({"rows": [{"taskResults": results}]}).rows
    scores = [result.score for result in rows[0].results]
    assert [None if score is None else score.value for score in scores] == [0.0, False, None, None]


def test_an_uneven_interval_has_two_sides() -> None:
    numeric = {"value": 1, "unevenConfidenceInterval": {"plus": 0.5}}
    board = Leaderboard.from_wire({"rows": [{"taskResults": [{"result": {"numericResult": numeric}}]}]})
    score = board.rows[0].results[0].score
    assert score is not None
    assert score.numeric is not None
    assert (score.numeric.plus, score.numeric.minus, score.numeric.confidence_interval) == (0.5, 0.0, None)


def test_a_model_without_a_version_still_has_a_name() -> None:
    model = Model.from_wire({"slug": "org/m@1", "displayName": "M", "organization": {"name": "Org"}})
    assert (model.slug, model.display_name, model.organization) == ("m-1", "M", "Org")


def test_bare_log_strings_are_whole_lines() -> None:
    assert LogEntry.from_wire("x") == LogEntry("", None, "x\n") == LogEntry.from_wire("x\n")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = re.findall(
    r"\w+",
    """slug creationState url createTime error options isPublic sourceKernelId source taskSlug id state
    modelVersionSlug startTime endTime errorMessage runScheduled runSkippedReason benchmarkModelVersionId
    version organization license inputModalities knowledgeCutoff rows taskResults result numericResult value
    quotaUsed refillPeriod dailyQuotaUsed active username data time stream_name datasetDataSources
    agentSlug modelVersionConfigSlug numericResult booleanResult standardDeviation displayType runId
    description tags citations provenanceSources candidateType areRunArtifactsPublic title url task
    supportsReasoningEffort releaseDate importanceLevel invalidTags addedTasks skippedTasks queuedCancelledCount
    benchmarkModelVersionId reasoningEffort""",
)


KINDS: tuple[type[Any], ...] = (
    Task,
    UpdatedTask,
    TasksChanged,
    Run,
    Cancelled,
    ScheduleResult,
    Model,
    ModelConfig,
    Leaderboard,
    TaskQuota,
    QuotaBalance,
    TokenInfo,
    LogEntry,
)


@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=8))
def test_whatever_the_fields_hold_reading_them_never_fails(data: dict[str, Any]) -> None:
    nested = {**data, "version": data, "options": data, "rows": [data], "taskResults": [data], "result": data}
    nested["task"] = data
    for kind in KINDS:
        for value in (kind.from_wire(data), kind.from_wire(nested)):
            if isinstance(value, Run):
                assert isinstance(value.candidate, str)


def test_a_float_is_an_integer_only_if_it_is_integral() -> None:
    read = [wire.integer(value) for value in (3.0, 3.7, "3", float("nan"), float("inf"))]
    assert read == [3, None, 3, None, None]

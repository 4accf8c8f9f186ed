"""What we send parses with the official SDK's requests, and what its responses serialise parses with ours."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kagglesdk.benchmarks.services.benchmark_tasks_api_service import BenchmarkTasksApiClient
from kagglesdk.benchmarks.services.benchmarks_api_service import BenchmarksApiClient
from kagglesdk.benchmarks.types import benchmark_enums, benchmark_tasks_api_service, benchmark_types
from kagglesdk.benchmarks.types import benchmarks_api_service as boards
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.licenses.types.licenses_types import License
from kagglesdk.models.types import model_enums, model_proxy_api_service
from kagglesdk.security.types.oauth_service import IntrospectTokenRequest, IntrospectTokenResponse
from kagglesdk.users.types.account_service import GenerateAccessTokenRequest, GenerateAccessTokenResponse
from kagglesdk.users.types.legacy_organizations_service import OrganizationCard

from kbench_jupyter.api import (
    Cancelled,
    CandidateType,
    Citation,
    Client,
    CreationState,
    Credentials,
    Importance,
    Leaderboard,
    LeaderboardRow,
    Modality,
    Model,
    ModelConfig,
    ModelProxyToken,
    NumericResult,
    QuotaBalance,
    RefillPeriod,
    Request,
    Response,
    Run,
    RunState,
    ScheduleResult,
    Score,
    Task,
    TaskOrigin,
    TaskQuota,
    TaskResult,
    TasksChanged,
    TaskSlug,
    TokenInfo,
    UpdatedTask,
    normalize_model,
)
from kbench_jupyter.api.credentials.kinds import OAuthCredentials
from kbench_jupyter.api.values.states import DisplayType
from kbench_jupyter.api.values.wire import Wire

tasks = benchmark_tasks_api_service

# -- Values ------------------------------------------------------------------------------------------------

words = st.text("abcXYZ019-_./@ é☃", max_size=12)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,11}", fullmatch=True)
ids = st.integers(1, 2**62)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
# The SDK keeps naive times and writes milliseconds.
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def build(kind: type[KaggleObject], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return SDK objects with any subset of the fields set."""

    def make(values: dict[str, Any]) -> Any:
        made = kind()
        for name, value in values.items():
            setattr(made, name, value)
        return made

    return st.fixed_dictionaries({}, optional=options).map(make)


slugs = build(tasks.ApiBenchmarkTaskSlug, owner_slug=names, task_slug=names, version_number=ids)
sdk_tasks = build(
    tasks.ApiBenchmarkTask,
    slug=slugs,
    url=words,
    error=words,
    creation_state=st.sampled_from(benchmark_enums.BenchmarkTaskVersionCreationState),
    create_time=times,
    creation_error_message=words,
    is_public=st.booleans(),
    source_kernel_id=ids,
    is_backing_notebook_published=st.booleans(),
    options=build(benchmark_types.BenchmarkTaskOptions, dataset_data_sources=st.lists(words, max_size=3)),
    source=st.sampled_from(benchmark_enums.BenchmarkTaskVersionSource),
    description=words,
    tags=st.lists(words, max_size=3),
    provenance_sources=words,
    citations=st.lists(build(tasks.ApiBenchmarkTaskCitation, title=words, url=words), max_size=2),
    candidate_type=st.sampled_from(benchmark_enums.BenchmarkCandidateType),
    are_run_artifacts_public=st.booleans(),
)
sdk_runs = build(
    tasks.ApiBenchmarkTaskRun,
    task_slug=slugs,
    model_version_slug=words,
    id=ids,
    state=st.sampled_from(benchmark_enums.BenchmarkTaskRunState),
    start_time=times,
    end_time=times,
    error_message=words,
    agent_slug=words,
    model_version_config_slug=words,
    result=build(tasks.ApiBenchmarkTaskRunResult, numeric_result=numbers)
    | build(tasks.ApiBenchmarkTaskRunResult, boolean_result=st.booleans()),
)
modalities = st.lists(st.sampled_from(benchmark_enums.Modality), max_size=3)
sdk_versions = build(
    benchmark_types.BenchmarkModelVersion,
    slug=words,
    model_proxy_slug=words,
    allow_model_proxy=st.booleans(),
    input_modalities=modalities,
    output_modalities=modalities,
    knowledge_cutoff=times,
    deprecation_time=times,
    description=words,
    id=ids,
    supports_reasoning_effort=st.booleans(),
    release_date=times,
    importance_level=st.sampled_from(benchmark_enums.BenchmarkModelImportanceLevel),
)
sdk_models = build(
    benchmark_types.BenchmarkModel,
    id=ids,
    display_name=words,
    slug=words,
    published=st.booleans(),
    organization=build(OrganizationCard, name=words),
    license=build(License, name=words),
    version=sdk_versions,
)
numerics = build(
    benchmark_types.NumericResult,
    value=numbers,
    confidence_interval=numbers,
    uneven_confidence_interval=build(benchmark_types.UnevenConfidenceInterval, plus=numbers, minus=numbers),
    standard_deviation=numbers,
)
sdk_results = build(
    benchmark_types.BenchmarkResult,
    numeric_result=numerics,
    boolean_result=st.booleans(),
    numeric_result_public=numerics,
    numeric_result_private=numerics,
    custom_additional_results=st.lists(
        build(benchmark_types.CustomResult, key=words, value=words), max_size=2
    ),
    evaluation_date=times,
    task_version_id=ids,
)
sdk_boards = build(
    boards.ApiBenchmarkLeaderboard,
    rows=st.lists(
        build(
            boards.ApiBenchmarkLeaderboard.LeaderboardRow,
            model_version_name=words,
            model_version_slug=words,
            task_results=st.lists(
                build(
                    boards.ApiBenchmarkLeaderboard.TaskResult,
                    benchmark_task_name=words,
                    benchmark_task_slug=words,
                    task_version=ids,
                    result=sdk_results,
                    display_type=st.sampled_from(benchmark_enums.BenchmarkLeaderboardDisplayType),
                ),
                max_size=3,
            ),
            model_version_config_name=words,
            model_version_config_slug=words,
            agent_name=words,
            agent_slug=words,
        ),
        max_size=3,
    ),
)


def wire(sdk: KaggleObject) -> Any:
    return json.loads(sdk.to_json())


def aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


# -- Their responses, read by ours -------------------------------------------------------------------------


@given(sdk_tasks)
def test_tasks(sdk: Any) -> None:
    ours = Task.from_wire(wire(sdk))
    if sdk.slug is not None:
        theirs = (sdk.slug.task_slug, sdk.slug.owner_slug, sdk.slug.version_number)
        assert (ours.slug.task, ours.slug.owner or "", ours.slug.version or 0) == theirs
    assert ours.creation_state is CreationState[ours.creation_state.name]
    assert ours.creation_state.to_wire() == sdk.creation_state.name
    assert ours.origin.to_wire() == sdk.source.name
    assert ours.origin in TaskOrigin
    assert (ours.url, ours.create_time) == (sdk.url, aware(sdk.create_time))
    assert (ours.error or "", ours.creation_error_message or "") == (
        sdk.error or "",
        sdk.creation_error_message or "",
    )
    assert (ours.is_public or False) == (sdk.is_public or False)
    assert (ours.is_backing_notebook_published or False) == (sdk.is_backing_notebook_published or False)
    assert (ours.source_kernel_id or 0) == (sdk.source_kernel_id or 0)
    assert list(ours.datasets) == (sdk.options.dataset_data_sources if sdk.options else [])
    assert (ours.description, list(ours.tags)) == (sdk.description, sdk.tags)
    assert ours.provenance == sdk.provenance_sources
    assert [(one.title, one.url) for one in ours.citations] == [(one.title, one.url) for one in sdk.citations]
    assert ours.candidate_type.to_wire() == sdk.candidate_type.name
    assert (ours.artifacts_public or False) == sdk.are_run_artifacts_public


@given(sdk_runs)
def test_runs(sdk: Any) -> None:
    ours = Run.from_wire(wire(sdk))
    assert ours.id == sdk.id
    assert ours.model == (normalize_model(sdk.model_version_slug) or normalize_model(sdk.agent_slug))
    assert (ours.agent, ours.config) == (sdk.agent_slug, sdk.model_version_config_slug)
    assert ours.candidate == (ours.agent or ours.config or ours.model)
    told = wire(sdk.result) if sdk.result else {}
    assert (ours.score.value if ours.score else None) == next(iter(told.values()), None)
    assert ours.state.to_wire() == sdk.state.name
    assert ours.state in RunState
    assert (ours.start_time, ours.end_time) == (aware(sdk.start_time), aware(sdk.end_time))
    assert (ours.error_message or "") == (sdk.error_message or "")


@given(sdk_models)
def test_models(sdk: Any) -> None:
    ours = Model.from_wire(wire(sdk))
    version = sdk.version or benchmark_types.BenchmarkModelVersion()
    # A slug of slashes alone names nothing, and the next place counts.
    assert ours.slug == (normalize_model(version.slug) or normalize_model(sdk.slug))
    assert (ours.id, ours.published) == (sdk.id, sdk.published)
    assert ours.display_name == sdk.display_name
    assert ours.organization == (sdk.organization.name if sdk.organization else "")
    assert ours.license == (sdk.license.name if sdk.license else "")
    assert (ours.proxy_slug or "", ours.allows_proxy) == (
        version.model_proxy_slug or "",
        version.allow_model_proxy,
    )
    assert [item.to_wire() for item in ours.input_modalities] == [m.name for m in version.input_modalities]
    assert [item.to_wire() for item in ours.output_modalities] == [m.name for m in version.output_modalities]
    assert (ours.knowledge_cutoff, ours.deprecation_time) == (
        aware(version.knowledge_cutoff),
        aware(version.deprecation_time),
    )

    assert (ours.version_id, ours.release_date) == (version.id, aware(version.release_date))
    assert ours.importance.to_wire() == version.importance_level.name
    # Not told is true: what the SDK says of its own field.
    assert ours.supports_effort is wire(version).get("supportsReasoningEffort", True)


@given(sdk_boards)
def test_leaderboards(sdk: Any) -> None:
    ours = Leaderboard.from_wire(wire(sdk))
    assert [row.model for row in ours.rows] == [row.model_version_slug for row in sdk.rows]
    assert [row.model_name for row in ours.rows] == [row.model_version_name for row in sdk.rows]
    for our_row, sdk_row in zip(ours.rows, sdk.rows, strict=True):
        candidate = sdk_row.agent_slug or sdk_row.model_version_config_slug or sdk_row.model_version_slug
        assert our_row.candidate == candidate
        for our, their in zip(our_row.results, sdk_row.task_results, strict=True):
            assert (our.task, our.name, our.version) == (
                their.benchmark_task_slug,
                their.benchmark_task_name,
                their.task_version,
            )
            scale = their.display_type.name
            assert our.display == ("" if "UNSPECIFIED" in scale else scale)
            numeric = their.result.numeric_result if their.result else None
            if numeric is not None:
                assert our.score is not None
                assert our.score.numeric is not None
                assert our.score.value == numeric.value
                assert our.score.numeric.confidence_interval == numeric._confidence_interval
                assert our.score.numeric.standard_deviation == numeric._standard_deviation
                uneven = numeric.uneven_confidence_interval
                assert our.score.numeric.plus == (uneven.plus if uneven else None)
                assert our.score.numeric.minus == (uneven.minus if uneven else None)
            elif their.result is not None and "boolean_result" in their.result:
                assert our.score is not None
                assert our.score.boolean == their.result.boolean_result
            elif their.result is None:
                assert our.score is None


@given(
    build(
        tasks.BatchScheduleBenchmarkModelVersionResult,
        benchmark_model_version_id=ids,
        benchmark_task_version_id=ids,
        run_scheduled=st.booleans(),
        run_skipped_reason=words,
        parent_task_version_id=ids,
        benchmark_model_version_config_id=ids,
        run_id=ids,
    )
)
def test_schedule_results(sdk: Any) -> None:
    ours = ScheduleResult.from_wire(wire(sdk), model="p/m@1")
    assert (ours.model, ours.scheduled) == ("m-1", sdk.run_scheduled)
    assert (ours.skipped_reason or "") == (sdk.run_skipped_reason or "")
    assert (ours.model_version_id or 0) == sdk.benchmark_model_version_id
    assert (ours.task_version_id or 0) == sdk.benchmark_task_version_id
    assert (ours.run_id or 0) == (sdk.run_id or 0)
    assert (ours.config_id or 0) == (sdk.benchmark_model_version_config_id or 0)
    assert (ours.parent_task_version_id or 0) == (sdk.parent_task_version_id or 0)


@given(
    build(
        model_proxy_api_service.ApiCreateDefaultModelProxyTokenResponse,
        token=words,
        base_uri=words,
        expiry_time=times,
    ),
    build(
        model_proxy_api_service.ApiModelProxyQuotaBalance,
        quota_used=numbers,
        total_quota_allowed=numbers,
        refill_period=st.sampled_from(model_enums.ModelProxyQuotaRefillPeriod),
        refill_time=times,
    ),
    build(
        tasks.ApiGetBenchmarkTaskQuotaResponse, daily_quota_used=numbers, total_daily_quota_allowed=numbers
    ),
    build(IntrospectTokenResponse, active=st.booleans(), username=words),
    build(GenerateAccessTokenResponse, token=words, expires_in=ids),
)
def test_account(token: Any, balance: Any, quota: Any, info: Any, fresh: Any) -> None:
    assert ModelProxyToken.from_wire(wire(token)) == ModelProxyToken(
        token.token, token.base_uri, aware(token.expiry_time)
    )
    ours = QuotaBalance.from_wire(wire(balance))
    assert (ours.used, ours.allowed) == (balance.quota_used, balance.total_quota_allowed)
    assert (ours.period.to_wire(), ours.refill_time) == (
        balance.refill_period.name,
        aware(balance.refill_time),
    )
    assert ours.period in RefillPeriod
    assert TaskQuota.from_wire(wire(quota)) == TaskQuota(
        quota.daily_quota_used, quota.total_daily_quota_allowed
    )
    assert TokenInfo.from_wire(wire(info)) == TokenInfo(info.active or False, info.username or "")
    assert set(wire(fresh)) <= {"token", "expiresIn"}


def test_our_enums_have_every_value_theirs_have() -> None:
    pairs = (
        (CreationState, benchmark_enums.BenchmarkTaskVersionCreationState),
        (RunState, benchmark_enums.BenchmarkTaskRunState),
        (Modality, benchmark_enums.Modality),
        (TaskOrigin, benchmark_enums.BenchmarkTaskVersionSource),
        (RefillPeriod, model_enums.ModelProxyQuotaRefillPeriod),
        (CandidateType, benchmark_enums.BenchmarkCandidateType),
        (Importance, benchmark_enums.BenchmarkModelImportanceLevel),
        (DisplayType, benchmark_enums.BenchmarkLeaderboardDisplayType),
    )
    for ours, theirs in pairs:
        numbered = {number: member.to_wire() for number, member in enumerate(ours)}
        assert {member.value: member.name for member in theirs}.items() <= numbered.items()


#: Fields of the SDK's answers that no value of ours has, and why.
UNREAD: list[tuple[type[Wire], type[KaggleObject], dict[str, str]]] = [
    (
        Task,
        tasks.ApiBenchmarkTask,
        {
            "definition": "only on request, and costly for the server; tasks are notebooks here",
            "definitionPartial": "goes with it",
            "artifactPath": "a preview of the web page",
            "artifactType": "goes with it",
        },
    ),
    (TaskSlug, tasks.ApiBenchmarkTaskSlug, {}),
    (Citation, tasks.ApiBenchmarkTaskCitation, {}),
    (UpdatedTask, tasks.ApiUpdateBenchmarkTaskResponse, {}),
    (TasksChanged, boards.ApiAddTasksToBenchmarkResponse, {}),
    (TasksChanged, boards.ApiRemoveTasksFromBenchmarkResponse, {}),
    (Run, tasks.ApiBenchmarkTaskRun, {}),
    (Cancelled, tasks.ApiCancelBenchmarkTaskRunsResponse, {}),
    (
        ScheduleResult,
        tasks.BatchScheduleBenchmarkModelVersionResult,
        dict.fromkeys(("agentId", "candidateType"), "read to tell agents from models: calls/schedules.py"),
    ),
    (
        Model,
        benchmark_types.BenchmarkModel,
        dict.fromkeys(
            ("defaultVersionId", "licenseId", "organizationId", "ownerUserId"),
            "numbers of the web page",
        ),
    ),
    (
        Model,
        benchmark_types.BenchmarkModelVersion,
        {
            "benchmarkModelId": "the model that it is listed with",
            "benchmarkModelSlug": "the model that it is listed with",
            "externalUrl": "no command shows it",
            "isDefault": "a version is named by its own slug",
            "name": "the same as displayName",
            "published": "that of the model counts",
        },
    ),
    (ModelConfig, boards.ApiBenchmarkModelVersionConfig, {}),
    (NumericResult, benchmark_types.NumericResult, {}),
    (Score, benchmark_types.BenchmarkResult, {}),
    (Score, tasks.ApiBenchmarkTaskRunResult, {}),
    (TaskResult, boards.ApiBenchmarkLeaderboard.TaskResult, {}),
    (
        LeaderboardRow,
        boards.ApiBenchmarkLeaderboard.LeaderboardRow,
        {
            "candidateClass": "follows from which slugs there are",
            "harnessName": "an agent is identified by itself alone",
            "harnessSlug": "an agent is identified by itself alone",
        },
    ),
    (QuotaBalance, model_proxy_api_service.ApiModelProxyQuotaBalance, {}),
    (TaskQuota, tasks.ApiGetBenchmarkTaskQuotaResponse, {}),
]


def read_by(kind: type[Wire], sdk: type[KaggleObject]) -> set[str]:
    """Return the names that a value of ours reads where the SDK has `sdk`: a model's version lies in the model."""
    start = ["version"] if sdk is benchmark_types.BenchmarkModelVersion else []
    names = set()
    for one in fields(kind):
        first, *others = one.name.split("_")
        for path in one.metadata.get("paths", [[first + "".join(map(str.capitalize, others))]]):
            if path[: len(start)] == start:
                names.add(path[len(start)])
    return names


@pytest.mark.parametrize(("kind", "sdk", "left_out"), UNREAD, ids=[sdk.__name__ for _, sdk, _ in UNREAD])
def test_every_field_of_an_answer_is_read_or_left_out_for_a_reason(
    kind: type[Wire], sdk: type[KaggleObject], left_out: dict[str, str]
) -> None:
    assert {one.json_name for one in sdk._fields} - read_by(kind, sdk) == set(left_out)


# -- Our requests, read by theirs --------------------------------------------------------------------------

REQUESTS: dict[str, type[KaggleObject]] = {
    "CreateBenchmarkTask": tasks.ApiCreateBenchmarkTaskRequest,
    "GetBenchmarkTask": tasks.ApiGetBenchmarkTaskRequest,
    "ListBenchmarkTasks": tasks.ApiListBenchmarkTasksRequest,
    "ListBenchmarkTaskRuns": tasks.ApiListBenchmarkTaskRunsRequest,
    "BatchScheduleBenchmarkTaskRuns": tasks.ApiBatchScheduleBenchmarkTaskRunsRequest,
    "GetBenchmarkTaskRunLogs": tasks.ApiGetBenchmarkTaskRunLogsRequest,
    "DownloadBenchmarkTaskRunOutput": tasks.ApiDownloadBenchmarkTaskRunOutputRequest,
    "PublishBenchmarkTask": tasks.ApiPublishBenchmarkTaskRequest,
    "GetBenchmarkTaskQuota": tasks.ApiGetBenchmarkTaskQuotaRequest,
    "ListBenchmarkModels": boards.ApiListBenchmarkModelsRequest,
    "GetBenchmarkLeaderboard": boards.ApiGetBenchmarkLeaderboardRequest,
    "CreateDefaultModelProxyToken": model_proxy_api_service.ApiCreateDefaultModelProxyTokenRequest,
    "GetModelProxyQuotas": model_proxy_api_service.ApiGetModelProxyQuotasRequest,
    "IntrospectToken": IntrospectTokenRequest,
    "GenerateAccessToken": GenerateAccessTokenRequest,
    "ApiCancelBenchmarkTaskRuns": tasks.ApiCancelBenchmarkTaskRunsRequest,
    "UpdateBenchmarkTask": tasks.ApiUpdateBenchmarkTaskRequest,
    "ListBenchmarkModelVersionConfigs": boards.ApiListBenchmarkModelVersionConfigsRequest,
    "AddTasksToBenchmark": boards.ApiAddTasksToBenchmarkRequest,
    "RemoveTasksFromBenchmark": boards.ApiRemoveTasksFromBenchmarkRequest,
}
#: Fields of requests that are never sent, and why.
UNSENT = {
    "pageSize": "the server's own is best",
    "skip": "pages are asked for by their tokens",
    "readMask": "nothing of a model is left out",
    "definition": "a task is a notebook here",
    "validationConfig": "validated before it is pushed, by a rehearsal",
    "includeDefinition": "a task is a notebook here",
    "enqueue": "the scheduler's queue is a feature few accounts have, and what it takes goes with it",
    "skipPolicy": "goes with enqueue",
    "staleAfter": "goes with enqueue",
    "benchmark": "goes with enqueue",
}


#: Methods of the SDK's two services about benchmarks that are never called, and why.
UNCALLED = {
    "ApiGetBenchmarkSchedulerStatus": "about runs that were enqueued, which none is here",
    "UpdateBenchmarkTaskVersion": "what a task's page shows is that of the current version",
    "GetBenchmarkModelVersionConfig": "the list has them all",
    "CreateBenchmarkModelVersionConfig": "models are the server's",
    "RegisterAuxiliaryModelVersionConfigs": "models are the server's",
    "UnregisterAuxiliaryModelVersionConfigs": "models are the server's",
    **dict.fromkeys(
        (
            "CreateBenchmarkVersionAgentMappings",
            "DeleteBenchmarkVersionAgentMappings",
            "ListBenchmarkVersionAgentMappings",
        ),
        "who takes part in a benchmark is set on its page",
    ),
    **dict.fromkeys(
        (
            "CreateBenchmarkArenaSettings",
            "GetBenchmarkArenaSettings",
            "UpdateBenchmarkArenaSettings",
            "ListBenchmarkArenaCombinations",
            "UpdateBenchmarkArenaCombinations",
        ),
        "arenas are set up on a benchmark's page",
    ),
}


def test_every_method_about_benchmarks_is_called_or_left_out_for_a_reason() -> None:
    names: set[str] = set()

    class Listener:
        def call(self, service: str, method: str, *_: Any) -> None:
            names.add(method)

    for service in (BenchmarkTasksApiClient(Listener()), BenchmarksApiClient(Listener())):
        for name, method in inspect.getmembers(service, inspect.ismethod):
            if not name.startswith("_"):
                method()
    assert names - set(REQUESTS) == set(UNCALLED)


class Recorder:
    """A transport that records what is sent and answers just enough to go on."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    def __call__(self, request: Request) -> Response:
        method = request.url.rpartition("/")[2]
        body = json.loads(request.body or b"")
        self.sent[method] = body
        answer: Any = {"token": "t", "baseUri": "u", "expiresIn": 60}
        if method.startswith("List") and "pageToken" not in body:
            answer["nextPageToken"] = "page 2"
        if method == "BatchScheduleBenchmarkTaskRuns":
            asked = [*body.get("modelVersionSlugs", ()), *body.get("agentSlugs", ())]
            answer["results"] = [{"runScheduled": True}] * len(asked)
        if method == "UpdateBenchmarkTask":
            answer["task"] = {"slug": body["slug"]}
        if method.endswith(("ToBenchmark", "FromBenchmark")):
            answer["skippedTasks"] = body["taskSlugs"]
        if method in ("CreateBenchmarkTask", "GetBenchmarkTask", "PublishBenchmarkTask"):
            slug = body["slug"] if isinstance(body["slug"], str) else body["slug"]["taskSlug"]
            version = 2 if method == "CreateBenchmarkTask" else 1
            answer["slug"] = {"taskSlug": slug, "versionNumber": version}
            answer |= {"isPublic": True, "isBackingNotebookPublished": True, "areRunArtifactsPublic": True}
        if method == "GetBenchmarkTaskRunLogs":
            answer = []
        kind = "application/zip" if method.startswith("Download") else "application/json"
        return Response(200, {"Content-Type": kind}, json.dumps(answer).encode())


def sent_by(do: Any) -> dict[str, Any]:
    recorder = Recorder()
    with Client("https://x.example", Credentials.bearer("tok", "x"), transport=recorder) as client:
        do(client)
    return recorder.sent


@settings(max_examples=50)
@given(st.data())
def test_what_we_send_is_what_the_sdk_would_send(data: st.DataObject) -> None:
    task, owner, model = (data.draw(names) for _ in range(3))
    text, version, run = data.draw(words), data.draw(ids), data.draw(ids)
    datasets, flag = data.draw(st.lists(words, max_size=2)), data.draw(st.booleans())
    effort = data.draw(st.none() | names)
    slug = f"{owner}/{task}" if data.draw(st.booleans()) else task

    def all_calls(client: Client) -> None:
        client.create_task(task, text, datasets=datasets)
        client.get_task(slug)
        benchmark = {"benchmark": data.draw(names), "version": version} if flag else {}
        list(client.list_tasks(status=data.draw(names), regex=data.draw(words), owner=owner, **benchmark))
        list(client.list_runs(slug, models=[model] if flag else []))
        client.schedule(slug, [model], effort=effort)
        client.cancel_runs(tasks=[slug], model=model, effort=effort, include_active=flag)
        client.update_task(
            slug,
            description=data.draw(words),
            tags=datasets if flag else None,
            provenance=text,
            citations=[Citation(text, url) for url in datasets],
        )
        client.list_configs([run, version])
        client.add_tasks_to_benchmark(owner, [slug, model], version=version)
        client.remove_tasks_from_benchmark(owner, [slug])
        client.run_logs(run)
        client.download_output(run, include_source=flag).__enter__().close()
        client.publish(slug, notebook=flag, artifacts=flag)
        client.task_quota()
        list(client.list_models())
        client.leaderboard(owner, task, version if flag else None)
        client.create_model_proxy_token("auth")
        client.model_proxy_quotas()
        client.introspect_token()

    sent = sent_by(all_calls)
    assert set(sent) == set(REQUESTS) - {"GenerateAccessToken"}
    for method, body in sent.items():
        # Nothing the SDK does not know, nothing at a default, and the same JSON after a round trip.
        assert wire(REQUESTS[method].from_dict(body)) == body, method
    theirs: Any = REQUESTS["CreateBenchmarkTask"].from_dict(sent["CreateBenchmarkTask"])
    assert (theirs.slug, theirs.text) == (task, text)
    scheduled: Any = REQUESTS["BatchScheduleBenchmarkTaskRuns"].from_dict(
        sent["BatchScheduleBenchmarkTaskRuns"]
    )
    assert [item.task_slug for item in scheduled.task_slugs] == [task]
    assert scheduled.model_version_slugs == [normalize_model(model)]
    assert scheduled.reasoning_effort == (effort or "")


def test_every_field_of_a_request_can_be_sent_or_is_left_out_for_a_reason() -> None:
    def all_fields(client: Client) -> None:
        client.create_task("t", "{}", datasets=["me/d"])
        client.get_task("t")
        list(
            client.list_tasks(status="s", regex="r", owner="me", benchmark="b", version=2),
        )
        list(client.list_runs("t", models=["m"]))
        client.schedule("t", ["m"], effort="high", known_runs=())
        client.run_logs(1)
        client.download_output(1, include_source=True).__enter__().close()
        client.publish("t", notebook=True, artifacts=True)
        list(client.list_models())
        client.leaderboard("me", "b", 2)
        client.cancel_runs(tasks=["t"], model="m", effort="high", include_active=True)
        client.update_task("t", description="d", tags=["x"], provenance="p", citations=[Citation("c", "u")])
        client.list_configs([1])
        client.add_tasks_to_benchmark("b", ["t"], version=2)
        client.remove_tasks_from_benchmark("b", ["t"], version=2)
        client.introspect_token()

    sent = sent_by(all_fields)
    others = {
        **sent_by(lambda client: client.schedule("t", [], agents=["a"], known_runs=())),
        **sent_by(lambda client: client.cancel_runs(run_ids=[1], agent="a")),
    }
    unsent = {
        one.json_name
        for method in sent
        for one in REQUESTS[method]._fields
        if one.json_name not in {**sent[method], **others.get(method, {})}
    }
    assert unsent == set(UNSENT)


def test_a_refresh_is_what_the_sdk_would_send(tmp_path: Any) -> None:
    path = tmp_path / "credentials.json"
    path.write_text('{"refresh_token": "r"}')
    recorder = Recorder()
    with Client("https://x.example", OAuthCredentials.load(path), transport=recorder) as client:
        client.task_quota()
    sent = recorder.sent["GenerateAccessToken"]
    theirs: Any = GenerateAccessTokenRequest.from_dict(sent)
    assert (theirs.refresh_token, theirs.api_version.name) == ("r", "API_VERSION_V1")
    assert theirs.expiration_duration.total_seconds() == 43200

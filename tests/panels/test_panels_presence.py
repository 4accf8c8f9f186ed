"""What a page of JupyterLab is told by a real kernel: the panel, the runs, findings while one types."""

from __future__ import annotations

import time
import uuid

import pytest
from faults import FaultServer
from loopback_session import add_run
from panel_kernel import Kernel

from kbench_jupyter import __version__

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("jupyter_kernels_forked")]

TASK = """import kaggle_benchmarks as kbench

@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_true("4" in llm.prompt("2 + 2?"), expectation="adds")
"""
RUN = "quiz.run(kbench.llm)"
CELL = {"id": "one", "type": "code", "source": TASK, "tags": []}
TOLD = {"client": "a", "path": "quiz.ipynb", "dirty": True, "saved": None}


class PageKernel(Kernel):
    """A kernel, and a page that has opened the line to it."""

    def page(self):
        """Open a line; return its name."""
        comm = uuid.uuid4().hex
        self.send("comm_open", comm, target_name="kbench_jupyter", data={"protocol": 1})
        assert self.word(comm, "hello") == {"version": __version__, "protocol": 1}
        return comm

    def send(self, kind, comm, **content):
        self.client.shell_channel.send(self.client.session.msg(kind, {"comm_id": comm, **content}))

    def do(self, comm, verb, **more):
        self.send("comm_msg", comm, data={"do": verb, **more})

    def until(self, fits, timeout=60):
        end = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if fits(message):
                return message

    def mirror(self):
        """Return the line of the notebook mirror."""
        ident = "__import__('kbench_jupyter').notebook.mirror.link_of(get_ipython())._widget.model_id"
        return self.value(ident).strip("'")

    def word(self, comm, key, fits=lambda value: True):
        """Wait for a word of that kind, and return what it says."""

        def is_it(message):
            content = message["content"]
            if message["msg_type"] != "comm_msg" or content["comm_id"] != comm:
                return False
            return key in content["data"] and fits(content["data"][key])

        return self.until(is_it)["content"]["data"][key]


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


@pytest.fixture
def kernel(tmp_path, server):
    kernel = PageKernel(tmp_path, server)
    try:
        yield kernel
    finally:
        kernel.close()


def test_a_page_gets_the_panel_that_was_opened_last_and_one_is_made_where_there_is_none(kernel):
    page = kernel.page()
    kernel.do(page, "panel")
    first = kernel.word(page, "panel")
    kernel.do(page, "panel")
    assert kernel.word(page, "panel") == first
    kernel.send("comm_msg", page, data={"do": "nothing known"})  # and no harm is done
    second = kernel.page()
    assert kernel.word(second, "panel") == first
    code = "import builtins\nbuiltins.shown = get_ipython().run_line_magic('kbench', '')\nshown.live.model_id"
    [bundle] = kernel.cell(code)
    newer = bundle["text/plain"].strip("'")
    assert newer != first
    kernel.do(page, "panel")
    assert kernel.word(page, "panel", lambda ident: ident == newer) == newer


def test_a_page_that_is_loaded_again_and_again_leaves_nothing_behind(kernel):
    for _ in range(12):  # none of them says that it goes
        kernel.page()
    there = "[type(o).__name__ for o in gc.get_objects() if type(o).__module__.startswith('kbench_jupyter.panels')]"
    kernel.cell("import gc; gc.collect()")
    assert kernel.value(f"{there}.count('Page')") == "8"


def test_the_end_of_the_extension_closes_the_line_and_there_is_no_other_to_open(kernel):
    page = kernel.page()
    kernel.cell("%unload_ext kbench_jupyter")
    assert not kernel.error
    assert kernel.value("'kbench_jupyter' in get_ipython().kernel.comm_manager.targets") == "False"
    kernel.cell("%load_ext kbench_jupyter")
    assert kernel.page() != page
    assert kernel.value("len(get_ipython().events.callbacks['post_run_cell']) < 5") == "True"


def test_runs_are_counted_after_a_command_and_their_end_is_told_once(kernel, server):
    page = kernel.page()
    mirror = kernel.mirror()
    kernel.tell(mirror, **TOLD, seq=1, order=["one"], cells=[CELL], reset=True)
    assert not server.requests  # nobody has asked for anything
    for number, state in ((1, "RUNNING"), (2, "ERRORED")):
        add_run(server.api, number, f"m{number}", state)
    kernel.client.execute("%kbench list")  # nothing it sends meanwhile may be passed over
    # What stands in the notebook now, for the task's name. A question without a number wants no answer to itself.
    number = kernel.word(mirror, "content", lambda told: told.get("ask"))["ask"]
    kernel.tell(mirror, **TOLD, seq=2, order=["one"], cells=[CELL], reset=True, answers=number)
    assert kernel.word(page, "runs") == {"task": "quiz", "going": 1, "failed": 1, "ended": 1}
    later = kernel.page()  # one that was loaded again, or came after the command
    number = kernel.word(mirror, "content", lambda told: told.get("ask"))["ask"]
    kernel.tell(mirror, **TOLD, seq=3, order=["one"], cells=[CELL], reset=True, answers=number)
    assert kernel.word(later, "runs") == {"task": "quiz", "going": 1, "failed": 1, "ended": 1}
    server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
    assert kernel.word(page, "over") == {"task": "quiz", "completed": 1, "failed": 1}


def test_runs_that_only_clicks_have_brought_are_counted_and_their_end_is_told(kernel, server):
    page = kernel.page()
    mirror = kernel.mirror()
    empty = CELL | {"source": "import kaggle_benchmarks as kbench"}
    kernel.tell(mirror, **TOLD, seq=1, order=["one"], cells=[empty], reset=True)
    kernel.do(page, "panel")  # of a notebook without a task: there are no runs to look for yet
    panel = kernel.word(page, "panel")
    kernel.tell(panel, hello="view")
    name = next(m["part"] for m in kernel.heard(panel, lambda m: m.get("set", {}).get("kind") == "workflow"))
    add_run(server.api, 1, "m1", "RUNNING")
    whole = {"order": ["one"], "cells": [CELL | {"source": TASK + RUN}], "reset": True}
    kernel.tell(mirror, **TOLD, seq=2, **whole)
    kernel.tell(panel, part=name, do="look")
    number = kernel.word(mirror, "content", lambda told: told.get("ask"))["ask"]
    kernel.tell(mirror, **TOLD, seq=3, **whole, answers=number)
    assert kernel.word(page, "runs") == {"task": "quiz", "going": 1, "failed": 0, "ended": 0}
    server.api.runs[0]["state"] = "BENCHMARK_TASK_RUN_STATE_COMPLETED"
    assert kernel.word(page, "over") == {"task": "quiz", "completed": 1, "failed": 0}


def test_the_panel_shows_what_a_command_in_a_cell_has_changed(kernel, server):
    page = kernel.page()
    mirror = kernel.mirror()
    whole = {"order": ["one"], "cells": [CELL | {"source": TASK + RUN}], "reset": True}
    kernel.tell(mirror, **TOLD, seq=1, **whole)
    kernel.do(page, "panel")
    panel = kernel.word(page, "panel")
    kernel.tell(panel, hello="view")
    kernel.heard(panel, lambda m: m.get("set", {}).get("kind") == "workflow")
    server.api.add_task("quiz")
    kernel.client.execute("%kbench list")
    for seq in (2, 3):  # the page's look and the panel's ask what the notebook is
        number = kernel.word(mirror, "content", lambda told: told.get("ask"))["ask"]
        kernel.tell(mirror, **TOLD, seq=seq, **whole, answers=number)
    kernel.heard(panel, lambda m: m.get("set", {}).get("version") == 1)

    moved = TOLD | {"path": "moved.ipynb"}  # and it follows a notebook that is renamed
    kernel.tell(mirror, **moved, seq=4, cells=[])
    number = kernel.word(mirror, "content", lambda told: told.get("ask"))["ask"]
    kernel.tell(mirror, **moved, seq=5, **whole, answers=number)
    kernel.heard(panel, lambda m: m.get("set", {}).get("notebook") == "moved.ipynb")


def test_findings_follow_the_document_as_it_is_edited_and_a_fix_is_told_whole(kernel):
    page = kernel.page()
    kernel.do(page, "marks", on=True)
    mirror = kernel.mirror()
    kernel.tell(mirror, **TOLD, seq=1, order=["one"], cells=[CELL], reset=True)
    [mark] = kernel.word(page, "marks")
    assert (mark["code"], mark["severity"], mark["cell"], mark["line"]) == ("KB103", "error", "one", 4)
    assert mark["fix"] == f"add {RUN}"
    kernel.do(page, "fix", ask=7, code="KB103", cell="one", line=4)
    assert kernel.word(page, "reply") == 7
    kernel.do(page, "fix", ask=8, code="KB103", cell="one", line=4)
    new = kernel.word(page, "new")
    assert new.startswith(TASK.rstrip())
    assert new.endswith(RUN)
    kernel.do(page, "fix", ask=9, code="KB101", cell="one", line=4)
    assert "no safe fix any more" in kernel.word(page, "problem")
    kernel.tell(mirror, **TOLD, seq=2, cells=[CELL | {"source": new}])
    assert kernel.word(page, "marks") == []
    kernel.tell(mirror, **TOLD, seq=3, cells=[CELL | {"source": "x = ("}])
    kernel.tell(mirror, **TOLD, seq=4, cells=[CELL | {"source": TASK + "x = ("}])
    assert "KB101" in [mark["code"] for mark in kernel.word(page, "marks")]
    kernel.do(page, "marks", on=False)
    assert kernel.word(page, "marks") == []


def test_only_what_has_a_place_is_marked_and_counted(kernel):
    page = kernel.page()
    kernel.do(page, "marks", on=True)
    cell = CELL | {"source": "import kaggle_benchmarks as kbench\nkbench.tsak"}  # and no cell defines a task
    kernel.tell(kernel.mirror(), **TOLD, seq=1, order=["one"], cells=[cell], reset=True)
    assert [mark["code"] for mark in kernel.word(page, "marks")] == ["KB601"]


def test_a_fix_that_is_asked_for_of_cells_that_make_no_source_is_answered_all_the_same(kernel):
    page = kernel.page()
    broken = CELL | {"source": "import kaggle_benchmarks\nx = '\x0c"}
    kernel.tell(kernel.mirror(), **TOLD, seq=1, order=["one"], cells=[broken], reset=True)
    kernel.do(page, "fix", ask=3, code="KB101", cell="one", line=1)
    assert kernel.word(page, "problem").startswith("This has no safe fix any more")

"""The log view in a real kernel, without a browser: its bundle, its state, and its messages counted."""

from __future__ import annotations

import json
import time

import pytest
from jupyter_client.manager import start_new_kernel
from live_logs import LogServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("jupyter_kernels_forked")]

LINES = 20_000


class Kernel:
    """A kernel, and what it sent."""

    def __init__(self, folder):
        self.manager, self.client = start_new_kernel(cwd=str(folder))

    def run(self, code):
        """Run a cell; return what it showed and the comms it opened."""
        shown, comms = [], {}
        sent = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=30)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind in ("execute_result", "display_data"):
                shown.append(content["data"])
            elif kind == "comm_open":
                comms[content["comm_id"]] = content["data"]
            elif kind == "status" and content["execution_state"] == "idle":
                return shown, comms

    def say(self, comm, content):
        message = self.client.session.msg(
            "comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": content}}
        )
        self.client.shell_channel.send(message)

    def comm_messages(self, until, timeout=30):
        """Yield what comes over comms until one is what is waited for."""
        end = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if message["msg_type"] == "comm_msg":
                yield message["content"]["data"]["content"], len(json.dumps(message["content"]))
                if until(message["content"]["data"]["content"]):
                    return

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path):
    running = Kernel(tmp_path)
    yield running
    running.stop()


def test_twenty_thousand_lines_are_few_messages_and_none_in_the_widgets_state(kernel):
    with LogServer() as server:
        ended = server.add(1, "m1", "COMPLETED").write("<b>old</b> \x1b[31mred\x1b[0m\n")
        run = server.add(2, "m2")
        kernel.run(
            f"import os\nos.environ |= {{'KBENCH_API_URL': '{server.url}', 'KAGGLE_API_TOKEN': 'hush'}}"
        )
        kernel.run("%load_ext kbench_jupyter")
        (bundle,), comms = kernel.run("%kbench log quiz --live")
        assert "old red" in bundle["text/plain"].replace("<b>", "").replace("</b>", "")
        assert "&lt;b&gt;old&lt;/b&gt; red" in bundle["text/html"]
        comm = bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
        kernel.say(comm, {"t": "hello", "view": "v", "run": 2})
        run.write("".join(f"line {number}\n" for number in range(LINES)))
        began = time.monotonic()
        came = list(kernel.comm_messages(lambda m: any(r["id"] == 2 and r["n"] == LINES for r in m["runs"])))
        spent = time.monotonic() - began
        assert len(came) <= spent / 0.15 + 5
        assert max(size for _, size in came) < 70_000
        state = json.dumps(comms)
        assert "line " not in json.dumps({k: v["state"].get("task") for k, v in comms.items()})
        assert "hush" not in state
        assert "old" not in json.dumps(
            [{k: v for k, v in c["state"].items() if k[0] != "_"} for c in comms.values()]
        )
        kernel.run("%unload_ext kbench_jupyter")
        (_, _) = kernel.run(
            "import threading\n"
            "left = [t for t in threading.enumerate() if t.name.startswith('kbench')]\n"
            "[t.join(5) for t in left]\n"
            "assert not any(t.is_alive() for t in left), left"
        )
        assert server.wait_for_connections(0)
        assert ended is not run

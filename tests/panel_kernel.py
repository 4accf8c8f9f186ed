"""A kernel with panels in it, and the side of a front end that opens them."""

from __future__ import annotations

import time

from jupyter_client.manager import start_new_kernel


class Kernel:
    """A kernel, what it showed, and a front end's side of its comms."""

    def __init__(self, folder, server):
        self.manager, self.client = start_new_kernel(cwd=str(folder))
        self.cell(
            f"import os, threading\nos.environ |= {{'KBENCH_API_URL': '{server.url}', 'KAGGLE_API_TOKEN': 't'}}\n"
            "%load_ext kbench_jupyter"
        )

    def cell(self, code, metadata=None, *, fails=False):
        """Run a cell as a notebook front end does; return the bundles it showed and its error, if any."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        request = self.client.session.msg(
            "execute_request", content, metadata=metadata or {"cellId": "a" * 8}
        )
        self.client.shell_channel.send(request)
        shown, self.error = [], None
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            if message["msg_type"] in ("execute_result", "display_data"):
                shown.append(message["content"]["data"])
            elif message["msg_type"] == "error":
                self.error = message["content"]
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                assert fails == (self.error is not None), self.error
                return shown

    def value(self, expression):
        [bundle] = self.cell(expression, {"cellId": "b" * 8})
        return bundle["text/plain"]

    def tell(self, comm, **content):
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))

    def heard(self, comm, until, timeout=30):
        """Return the messages of a comm up to the one that is waited for."""
        messages, end = [], time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == comm:
                content = message["content"]["data"].get("content")
                if content is not None:
                    messages.append(content)
                    if until(content):
                        return messages

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


WIDGET = "application/vnd.jupyter.widget-view+json"


def opened(bundles):
    [bundle] = [bundle for bundle in bundles if WIDGET in bundle]
    assert {"text/html", "text/plain"} <= bundle.keys()
    return bundle[WIDGET]["model_id"], bundle

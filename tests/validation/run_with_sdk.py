"""Run notebooks, given as lists of cells, with the real SDK and a model that answers at once.

Run as a script in a process of its own: ``python run_with_sdk.py jobs.json`` writes ``result.json`` beside it: for each
notebook the error it ended with, and what the SDK recorded. A job is a list of cells, or a dict with ``cells``, the
``files`` beside the notebook, and the ``answer`` that the model gives to every prompt that asks for text.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import kaggle_benchmarks as kbench
from IPython.core.interactiveshell import InteractiveShell
from kaggle_benchmarks import events
from kaggle_benchmarks.actors.llms import LLMChat, LLMResponse
from kaggle_benchmarks.tools.functions import function_to_openai_tool
from kaggle_benchmarks.ui import ipython_magics

_FLAGS = InteractiveShell.instance().compile.flags
_VALUES = {"string": "4", "integer": 4, "number": 4.0, "boolean": True}


class Prompt(LLMChat):
    """A model that gives the shortest answer of the form it is asked for, after it called each tool once."""

    answer = "4"

    def __init__(self, name):
        super().__init__(name=name, support_structured_outputs=True)

    def invoke(self, messages, system=None, tools=None, **kwargs):
        if tools and not any(message.sender.role == "tool" for message in messages):
            offered = [function_to_openai_tool(tool)["function"] for tool in tools]
            calls = [
                {"function": {"name": t["name"], "arguments": _filled(t.get("parameters", {}))}}
                for t in offered
            ]
            return LLMResponse(content="", tool_calls=calls)
        form = kwargs.get("response_format")
        return LLMResponse(content=json.dumps(_filled(form.model_json_schema())) if form else self.answer)


def _filled(schema, kinds=None):
    kinds = kinds or schema.get("$defs", {})
    if "$ref" in schema:
        return _filled(kinds[schema["$ref"].rpartition("/")[2]], kinds)
    if choice := schema.get("anyOf"):
        return _filled(choice[0], kinds)
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if schema.get("format") == "date-time":
        return "2020-02-02T02:02:02"
    if schema.get("type") == "array":
        return [_filled(schema["items"], kinds)] if schema.get("items") else []
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _filled(part, kinds) for name, part in schema.get("properties", {}).items()}
    return _VALUES.get(schema.get("type", "string"), "4")


def run(cells):
    """Run one notebook in the current folder and return what came of it."""
    shell = InteractiveShell.instance()
    shell.register_magic_function(ipython_magics.choose, "line")
    shell.reset(new_session=True)
    # A future import holds for all later cells; it must not hold for the next notebook.
    shell.compile.flags = _FLAGS
    output, error = io.StringIO(), ""
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        for number, cell in enumerate(cells, start=1):
            result = shell.run_cell(cell, store_history=True)
            if raised := result.error_before_exec or result.error_in_exec:
                error = f"cell {number}: {type(raised).__name__}: {raised}"
                break
    runs = [json.loads(path.read_text()) for path in sorted(Path().glob("*.run.json"))]
    return {
        "error": error,
        "run_files": 0 if error else len(runs),
        "names": [] if error else list(kbench.client.registry),
        "runs": runs,
        "stored": sorted(json.loads(path.read_text())["name"] for path in Path().glob("*.task.json")),
    }


def main(jobs):
    """Run each notebook of a file, in a folder and with a registry of its own."""
    # As in a kernel: nothing is printed while a task runs. What a run looks like takes a second to draw.
    events.manager.unbind(kbench.config.ui_handler)
    kbench.Run._repr_mimebundle_ = kbench.Runs._repr_mimebundle_ = lambda *_args, **_kwargs: ({}, {})
    kbench.llm, kbench.judge_llm = Prompt("model-under-test"), Prompt("the-judge")
    kbench.llms = {name: Prompt(name) for name in ("google/gemini-2.5-flash", "model-under-test")}
    InteractiveShell.instance().InteractiveTB.set_mode("Minimal")
    gc.freeze()  # each new session collects garbage, and what was imported is none
    ipython_magics.WORKING_DIR = Path()
    sys.path.insert(0, "")  # as in a kernel: modules beside the notebook
    done = {}
    for name, job in json.loads(Path(jobs).read_text()).items():
        job = job if isinstance(job, dict) else {"cells": job}
        Prompt.answer = job.get("answer") or "4"
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            for path, text in job.get("files", {}).items():
                Path(path).parent.mkdir(exist_ok=True)
                Path(path).write_text(text)
            kbench.client.registry.clear()
            kbench.client.use_cache = False
            done[name] = run(job["cells"])
            os.chdir("/")
    Path(jobs).with_name("result.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

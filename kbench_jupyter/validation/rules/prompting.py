"""KB4xx, what a task asks: the schema and the media of a prompt, and prompts inside a ChatRoom."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.findings import Severity
from kbench_jupyter.validation.rules.rule import Check, Rule
from kbench_jupyter.validation.rules.schemas import schema_problem
from kbench_jupyter.validation.types_of import is_model
from kbench_jupyter.validation.value import SDK, Instance, keyword_of, written

if TYPE_CHECKING:
    from kbench_jupyter.validation.scopes import Place

__all__ = ["ASKING", "RULES", "check"]

ASKING = ("prompt", "respond", "reply")
"""The methods of a model, an agent or a participant that send something to a model."""

SCHEMA = Rule(
    "KB405",
    "unsupported-schema",
    Severity.ERROR,
    "`schema=` is a type the SDK cannot ask for.",
    "`prompt` raises ValueError. It takes str, bool, int, float, datetime, a dataclass, a pydantic model, or a "
    "dict of field names and types.",
    'llm.prompt("Three primes?", schema=list[int])',
    'llm.prompt("Three primes?", schema={"primes": list[int]})',
)
ROOM = Rule(
    "KB409",
    "prompt-in-room",
    Severity.ERROR,
    "`prompt()` is called inside a ChatRoom.",
    "It raises RuntimeError. Participants speak with `reply()`; a side question stands in `chats.new()`.",
    "with room:\n    llm.prompt(...)",
    "with room:\n    participant.reply()",
)
MEDIA = Rule(
    "KB410",
    "media-as-text",
    Severity.ERROR,
    "`image=`, `video=` or `audio=` is a text instead of a content object.",
    "`prompt` raises ValueError. Content objects come from `images`, `videos` and `audios` of "
    "`kaggle_benchmarks.content_types`.",
    'llm.prompt("What is this?", image="https://example.com/cat.jpg")',
    'llm.prompt("What is this?", image=images.from_url("https://example.com/cat.jpg"))',
)
RULES = (SCHEMA, ROOM, MEDIA)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    own_handlers = any("prompting" in cell.source.text for cell in check.program.cells)
    for place in check.program.index.calls:
        func = place.node.func
        if isinstance(func, ast.Attribute) and func.attr in ASKING:
            _prompt(check, place, func, own_handlers=own_handlers)
    _rooms(check)


def _prompt(check: Check, place: Place[ast.Call], func: ast.Attribute, *, own_handlers: bool) -> None:
    call, program = place.node, check.program
    speaker = is_model(func.value, place.scope, program) or func.attr == "reply"
    known = program.values.of(func.value, place.scope)
    if not speaker and not all(isinstance(v, Instance) and not v.scope for v in known):
        return
    schema = keyword_of(call, "schema")
    if schema is None and func.attr == "prompt" and len(call.args) > 1:
        schema = call.args[1]
    if schema is not None and not own_handlers:
        problem = schema_problem(schema, place.scope, program)
        if problem:
            check.at(
                SCHEMA,
                place,
                f"The SDK cannot ask for schema={written(schema)}: {problem}.",
                'Use a dict of fields, for example schema={"items": list[int]}, a dataclass or a pydantic model.',
                node=schema,
                sure=speaker and program.sure(place),
            )
    for keyword in call.keywords:
        if keyword.arg in ("image", "video", "audio"):
            value = program.values.const(keyword.value, place.scope)
            if isinstance(value, str):
                check.at(
                    MEDIA,
                    place,
                    f"{keyword.arg}= is a text; prompt() refuses it.",
                    f"Write {keyword.arg}={keyword.arg}s.from_url(...), "
                    f"with: from kaggle_benchmarks.content_types import {keyword.arg}s",
                    node=keyword.value,
                    sure=speaker and program.sure(place),
                )


def _rooms(check: Check) -> None:
    for place in check.program.index.withs:
        if not any(_is_room(check, item.context_expr, place) for item in place.node.items):
            continue
        todo: list[ast.AST] = list(place.node.body)
        while todo:
            node = todo.pop()
            # A chat of its own, or a function, is no longer the room.
            if isinstance(node, ast.With | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Try):
                continue
            todo.extend(ast.iter_child_nodes(node))
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "prompt" and is_model(node.func.value, place.scope, check.program):
                check.at(
                    ROOM,
                    place,
                    "prompt() raises inside a ChatRoom.",
                    "Let a participant reply(), or ask in: with kbench.chats.new():",
                    node=node,
                    sure=check.program.sure(place),
                )


def _is_room(check: Check, node: ast.AST, place: Place[ast.With]) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "enter":
        node = node.func.value
    found = check.program.values.of(node, place.scope)
    return len(found) == 1 and isinstance(found[0], Instance) and found[0].path == f"{SDK}.ChatRoom"

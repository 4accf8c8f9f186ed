"""KB405: which schema a task asks an answer in."""

from __future__ import annotations

import ast

from kbench_jupyter.validation.reading.scopes import Place
from kbench_jupyter.validation.reading.types_of import is_model
from kbench_jupyter.validation.reading.value import Instance, keyword_of, written
from kbench_jupyter.validation.rules.rule import Check, error
from kbench_jupyter.validation.rules.schemas import schema_problem

ASKING = ("prompt", "respond", "reply")
"""The methods of a model, an agent or a participant that send something to a model."""

SCHEMA = error(
    "KB405 unsupported-schema",
    "`schema=` is a type the SDK cannot ask for.",
    "`prompt` raises ValueError. It takes str, bool, int, float, datetime, a dataclass, a pydantic model, or a "
    "dict of field names and types.",
    'llm.prompt("Three primes?", schema=list[int])',
    'llm.prompt("Three primes?", schema={"primes": list[int]})',
)
RULES = (SCHEMA,)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    own_handlers = any("prompting" in cell.source.text for cell in check.program.cells)
    for place in check.program.index.calls:
        func = place.node.func
        if isinstance(func, ast.Attribute) and func.attr in ASKING:
            _prompt(check, place, func, own_handlers=own_handlers)


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

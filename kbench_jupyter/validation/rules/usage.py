"""KB4xx: how the SDK is used inside tasks: assertions, judges, media, schemas, evaluation."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from kbench_jupyter.validation.findings import Severity
from kbench_jupyter.validation.rules.rule import Check, Rule
from kbench_jupyter.validation.rules.schemas import schema_problem
from kbench_jupyter.validation.rules.unchecked import first_unchecked_use
from kbench_jupyter.validation.types_of import is_model
from kbench_jupyter.validation.value import SDK, Const, HardModel, Instance, Sdk, keyword_of, written

if TYPE_CHECKING:
    from kbench_jupyter.validation.scopes import Place
    from kbench_jupyter.validation.task import RunCall, Task

__all__ = ["RULES", "check"]

EXPECTATION = Rule(
    "KB401",
    "missing-expectation",
    Severity.WARNING,
    "An assertion has no `expectation=`.",
    "The result page shows the expectation of each assertion. Without one it shows the raw values.",
    'kbench.assertions.assert_in("Paris", answer)',
    'kbench.assertions.assert_in("Paris", answer, expectation="names the capital")',
)
TRACES = Rule(
    "KB402",
    "unchecked-reasoning-traces",
    Severity.WARNING,
    "`last_reasoning_traces()` is used without a look whether it is None.",
    "It is None for a model that shows no reasoning, and after any assertion, since that is the last message "
    "then.",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces)",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces) if traces else 0",
)
REPORT = Rule(
    "KB403",
    "unchecked-judge-report",
    Severity.WARNING,
    "The report of `assess_response_with_judge` is used without a look whether it is None.",
    "It is None whenever the judge fails or answers out of form, and `report.results` then ends the run.",
    "report = kbench.assertions.assess_response_with_judge(...)\nfor result in report.results: ...",
    "report = kbench.assertions.assess_response_with_judge(...)\n"
    'if report is None:\n    kbench.assertions.assert_fail(expectation="the judge answers")\nelse:\n'
    "    for result in report.results: ...",
)
VIDEO = Rule(
    "KB404",
    "unsupported-video",
    Severity.ERROR,
    "The video is not a YouTube link the SDK knows.",
    "`videos.from_url` raises ValueError for anything but https://www.youtube.com/watch?v=..., "
    "https://www.youtube.com/shorts/... and https://youtu.be/...; embed and mobile links included.",
    'videos.from_url("https://vimeo.com/1084537")',
    'videos.from_url("https://www.youtube.com/watch?v=aqz-KE-bpKQ")',
)
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
ON_FAILURE = Rule(
    "KB406",
    "on-failure-value",
    Severity.ERROR,
    '`on_failure=` is neither "raise" nor "continue".',
    "`evaluate` raises ValueError before the first row.",
    'task.evaluate(llm=[kbench.llm], evaluation_data=rows, on_failure="ignore")',
    'task.evaluate(llm=[kbench.llm], evaluation_data=rows, on_failure="continue")',
)
ITERABLES = Rule(
    "KB407",
    "evaluate-needs-iterables",
    Severity.ERROR,
    "`.evaluate` gets a single value where it takes a list of values.",
    "`evaluate` runs the task for each combination of the values it is given. A model is not a list and "
    "raises TypeError; a text is taken letter by letter.",
    "task.evaluate(llm=kbench.llm, evaluation_data=rows)",
    "task.evaluate(llm=[kbench.llm], evaluation_data=rows)",
)
HANDLER = Rule(
    "KB408",
    "assertion-handler-annotation",
    Severity.ERROR,
    "A function under `@assertion_handler()` lacks the annotation `-> AssertionResult`.",
    "The decorator raises TypeError.",
    "@assertion_handler()\ndef assert_short(text): ...",
    "@assertion_handler()\ndef assert_short(text) -> AssertionResult: ...",
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
RULES = (
    EXPECTATION,
    TRACES,
    REPORT,
    VIDEO,
    SCHEMA,
    ON_FAILURE,
    ITERABLES,
    HANDLER,
    ROOM,
    MEDIA,
)

# Where each assertion takes its expectation by position (tried with kaggle_benchmarks 0.6.1).
_EXPECTATION_AT = {
    "assert_equal": 2,
    "assert_in": 2,
    "assert_not_in": 2,
    "assert_contains_regex": 2,
    "assert_not_contains_regex": 2,
    "assert_true": 1,
    "assert_false": 1,
    "assert_empty": 1,
    "assert_not_empty": 1,
    "assert_raises_no_exceptions": 1,
    "assert_tool_was_invoked": 1,
    "assert_fail": 0,
}
_YOUTUBE = re.compile(r"https?://(?:(?:www\.)?youtube\.com/(?:watch\?v=|shorts/)|youtu\.be/)[\w-]")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    own_handlers = any("prompting" in cell.source.text for cell in check.program.cells)
    for place in check.program.index.calls:
        func = place.node.func
        if isinstance(func, ast.Attribute) and func.attr in ("prompt", "respond", "reply"):
            _prompt(check, place, func, own_handlers=own_handlers)
        elif isinstance(func, ast.Attribute | ast.Name):
            path = check.program.values.sdk_path(func, place.scope)
            if path:
                _sdk_call(check, place, path)
    for task in check.tasks.all:
        for run in task.runs:
            if run.method == "evaluate" and run.call is not None:
                _evaluate(check, task, run, run.call)
    _handlers(check)
    _rooms(check)


def _sdk_call(check: Check, place: Place[ast.Call], path: str) -> None:
    name = path.rpartition(".")[2]
    if path.startswith("assertions.") and name in _EXPECTATION_AT:
        _expectation(check, place, name)
    elif path == "last_reasoning_traces":
        _unchecked(check, TRACES, place, "last_reasoning_traces() may be None")
    elif path == "assertions.assess_response_with_judge":
        _unchecked(check, REPORT, place, "The judge's report may be None")
    elif path == "content_types.videos.from_url":
        _video(check, place)


def _expectation(check: Check, place: Place[ast.Call], name: str) -> None:
    call = place.node
    has_stars = any(isinstance(a, ast.Starred) for a in call.args) or any(
        k.arg in (None, "expectation") for k in call.keywords
    )
    if has_stars or len(call.args) > _EXPECTATION_AT[name]:
        return
    check.at(
        EXPECTATION,
        place,
        f"{name} has no expectation.",
        'Add expectation="what a right answer does".',
    )


def _unchecked(check: Check, rule: Rule, place: Place[ast.Call], message: str) -> None:
    use = first_unchecked_use(place.node, place.scope, place.cell.tree)
    if use is not None:
        check.at(
            rule,
            place,
            f"{message}, and is used without a look.",
            "Test it first: if ... is not None",
            node=use,
        )


def _video(check: Check, place: Place[ast.Call]) -> None:
    call = place.node
    argument = call.args[0] if call.args else keyword_of(call, "url")
    url = check.program.values.const(argument, place.scope) if argument is not None else None
    if isinstance(url, str) and not _YOUTUBE.match(url):
        check.at(
            VIDEO,
            place,
            f"Not a YouTube link that the SDK knows: {url}",
            "Use https://www.youtube.com/watch?v=ID, https://www.youtube.com/shorts/ID or https://youtu.be/ID.",
            sure=check.program.sure(place),
        )


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


def _evaluate(check: Check, task: Task, run: RunCall, call: ast.Call) -> None:
    program, scope = check.program, run.place.scope
    sure = program.sure(run.place)
    for keyword in call.keywords:
        found = program.values.of(keyword.value, scope)
        if keyword.arg == "on_failure":
            value = program.values.const(keyword.value, scope)
            if isinstance(value, str) and value not in ("raise", "continue"):
                message = f'on_failure is "{value}", which evaluate refuses.'
                hint = 'Use on_failure="raise" or on_failure="continue".'
                check.at(ON_FAILURE, run.place, message, hint, node=keyword.value, sure=sure)
        elif len(found) == 1 and keyword.arg not in ("grid", "evaluation_data", None):
            _single(check, task, run, keyword, found[0], sure=sure)
    if call.args:
        first = program.values.of(call.args[0], scope)
        listed = isinstance(call.args[0], ast.List | ast.Tuple)
        if listed or any(_is_model(value) for value in first):
            check.at(
                ITERABLES,
                run.place,
                f"{task.label}.evaluate gets its models by position, where it takes a grid.",
                f"Write {task.label}.evaluate(llm=[kbench.llm], ...).",
                node=call,
                sure=sure,
            )


def _single(
    check: Check, task: Task, run: RunCall, keyword: ast.keyword, value: object, *, sure: bool
) -> None:
    if _is_model(value):
        message = f"{task.label}.evaluate takes a list of models, not a single one."
        sure_here = sure
    elif isinstance(value, Const) and isinstance(value.value, str) and len(value.value) > 1:
        message = f"{task.label}.evaluate would take {keyword.arg} letter by letter."
        sure_here = False
    else:
        return
    hint = f"Write {keyword.arg}=[{written(keyword.value)}]."
    check.at(ITERABLES, run.place, message, hint, node=keyword.value, sure=sure_here)


def _is_model(value: object) -> bool:
    if isinstance(value, HardModel):
        return value.name != "*"
    return value in (Sdk(f"{SDK}.llm"), Sdk(f"{SDK}.judge_llm"))


def _handlers(check: Check) -> None:
    values = check.program.values
    for place in check.program.index.functions:
        for decorator in place.node.decorator_list:
            func = decorator.func if isinstance(decorator, ast.Call) else decorator
            if values.sdk_path(func, place.scope) != "assertions.assertion_handler":
                continue
            returns = place.node.returns
            path = values.sdk_path(returns, place.scope) if returns is not None else ""
            unknown = returns is not None and not path and not isinstance(returns, ast.Constant)
            if path == "assertions.AssertionResult" or unknown:
                continue
            check.at(
                HANDLER,
                place,
                f"{place.node.name} is an assertion handler without -> AssertionResult.",
                "Annotate it: -> AssertionResult (from kaggle_benchmarks.assertions import AssertionResult).",
                sure=isinstance(decorator, ast.Call) and check.program.sure(place),
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

"""KB2xx: a task's signature, what it returns, and whether it is run with the arguments it takes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection

from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import arguments, default_values, last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Function, Place, Scope
from kbench_jupyter.validation.reading.sdk.installed import installed
from kbench_jupyter.validation.reading.sdk.parameters import signature_of
from kbench_jupyter.validation.reading.sdk.typed import TASK
from kbench_jupyter.validation.reading.task import RunCall, Task
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Func, Stdlib, written
from kbench_jupyter.validation.rules.evaluating import brought
from kbench_jupyter.validation.rules.returning import returned
from kbench_jupyter.validation.rules.rule import Check, error, warning

ANNOTATION = error(
    "KB201 unsupported-return-annotation",
    "The return annotation is not one the SDK knows.",
    "The decorator raises TypeError. It knows bool, int, float, dict, tuple[float, float], tuple[int, int], "
    "None, and no annotation at all; not str, list, dict[...], Optional, unions, typing.Tuple or a quoted name.",
    "@kbench.task()\ndef score(llm) -> dict[str, float]: ...",
    "@kbench.task()\ndef score(llm) -> dict: ...",
    "The SDK refuses -> {text}: the decorator raises TypeError.",
    "{quotes}Use bool, int, float, dict, tuple[float, float], or no annotation for pass/fail by assertions.",
)
FUTURE = error(
    "KB202 future-annotations",
    "`from __future__ import annotations` turns the return annotation into a text, which the SDK refuses.",
    "The decorator raises TypeError. In a notebook the import holds for every later cell as well.",
    "from __future__ import annotations\n\n@kbench.task()\ndef score(llm) -> float: ...",
    "@kbench.task()\ndef score(llm) -> float: ...",
    "With `from __future__ import annotations`, -> {text} is a text that the SDK refuses.",
    "Remove the import.",
)
ASYNC = error(
    "KB204 async-task",
    "The task is an `async def`.",
    "The SDK does not await it: the function's body never runs, and no run file is written.",
    "@kbench.task()\nasync def quiz(llm): ...",
    "@kbench.task()\ndef quiz(llm): ...",
    "{function} is async: the SDK never awaits it, so nothing is recorded.",
    "Write def {function}(...), and asyncio.run(...) inside where something must be awaited.",
)
PASS_COUNT = warning(
    "KB205 pass-count-result",
    "`tuple[int, int]` is recorded as a value with a confidence interval.",
    "The backend does not know pass counts yet: (7, 10) shows as 7 ± 10.",
    "@kbench.task()\ndef quiz(llm) -> tuple[int, int]:\n    return passed, total",
    "@kbench.task()\ndef quiz(llm) -> float:\n    return passed / total",
    "{function} returns a pair of ints, which shows as a value with a confidence interval.",
    "Return passed / total with -> float.",
)
GENERATOR = error(
    "KB206 generator-task",
    "The task is a generator: it contains `yield`.",
    "Calling it only makes the generator. Its body never runs, and no run file is written.",
    "@kbench.task()\ndef quiz(llm):\n    yield llm.prompt(...)",
    "@kbench.task()\ndef quiz(llm) -> bool:\n    return check(llm.prompt(...))",
    "{function} contains yield, so running it does nothing.",
    "Return one value at the end instead.",
)
ARGUMENTS = error(
    "KB208 run-arguments",
    "`.run` or `.evaluate` is called with arguments that do not fit the task's function.",
    "The call raises TypeError before the task starts, and nothing is recorded.",
    "@kbench.task()\ndef ask(llm, question): ...\n\nask.run(kbench.llm)",
    '@kbench.task()\ndef ask(llm, question): ...\n\nask.run(kbench.llm, question="Why?")',
)

_SUPPORTED = frozenset({"bool", "int", "float", "dict", "object"})
_UNSUPPORTED = words("str list set frozenset tuple bytes bytearray complex type range slice memoryview")
# Types of packages that look like what the SDK knows, and that it refuses (tried with kaggle_benchmarks 0.6.2).
_FOREIGN = words(
    "numpy.float16 numpy.float32 numpy.float64 numpy.int8 numpy.int16 numpy.int32 numpy.int64 numpy.bool_ numpy.bool"
    " numpy.ndarray numpy.array pandas.DataFrame pandas.Series"
)
_RUN_OPTIONS = ("_id", "_suppress_raise")
# What `bind_dataframe` makes of a function takes: the model, as the rows bring the rest.
_BY_NAME = ast.arguments([], [], None, [], [], ast.arg("kwargs"), [])
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    # A notebook that registers result types of its own knows more annotations.
    own_types = any(
        "results.Result" in cell.source.text or "import Result" in cell.source.text
        for cell in check.program.cells
    )
    for task in check.tasks.all:
        function = task.function
        if function is None:
            continue
        if task.derived:
            if last_name(task.calls[0].func) == "bind_dataframe":
                for run in task.runs:
                    _arguments(check, task, run, _BY_NAME)
            continue
        if not own_types:
            _annotation(check, task, function)
        # What another decorator makes of the function cannot be seen.
        if task.wrapped:
            continue
        if isinstance(function, ast.AsyncFunctionDef):
            check.on_task(ASYNC, task, function=function.name, sure=check.pushed(task))
        elif task.scope is not None and task.scope.yields:
            check.on_task(GENERATOR, task, function=function.name, sure=check.pushed(task))
        elif task.scope is not None:
            returned(check, task, function, task.scope)
        for run in task.runs:
            _arguments(check, task, run, function.args)


def _annotation(check: Check, task: Task, function: Function) -> None:
    annotation = function.returns
    if annotation is None:
        return
    text = written(annotation)
    verdict = _verdict(annotation, task.place.scope, check.program)
    if _annotations_are_texts(task.place, check.program):
        check.on_task(FUTURE, task, text=text)
    elif verdict == "pass count":
        check.on_task(PASS_COUNT, task, function=function.name)
    elif verdict == "refused":
        quotes = "Write it without quotes. " if isinstance(annotation, ast.Constant) else ""
        check.on_task(ANNOTATION, task, text=text, quotes=quotes)


def _annotations_are_texts(place: Place[ast.AST], program: Program) -> bool:
    """Whether `from __future__ import annotations` holds at a place: in its cell, or in one before it."""
    return any(
        future.cell.number <= place.cell.number and any(a.name == "annotations" for a in future.node.names)
        for future in program.index.futures
    )


def _verdict(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> str:
    """``"fine"``, ``"pass count"``, ``"refused"``, or ``""`` when it cannot be told."""
    match node:
        case _ if depth > 20:
            return ""
        case ast.Constant(value=value):
            return "fine" if value is None else "refused"
        case ast.Name(id=name):
            bindings = list(program.bindings(name, scope))
            if not bindings:
                return "fine" if name in _SUPPORTED else "refused" if name in _UNSUPPORTED else ""
            if len(bindings) == 1 and bindings[0].kind == "value" and depth < 5:
                return _verdict(bindings[0].node, bindings[0].scope, program, depth + 1)
        case ast.Subscript(value=ast.Name(id=base), slice=inside) if not list(program.bindings(base, scope)):
            if base != "tuple" or not isinstance(inside, ast.Tuple):
                return "refused" if base in _UNSUPPORTED | {"dict"} else ""
            parts = [written(part) for part in inside.elts]
            if parts in (["float", "float"], ["int", "int"]):
                return "fine" if parts[0] == "float" else "pass count"
            return "refused" if all(part in _SUPPORTED | _UNSUPPORTED | {"..."} for part in parts) else ""
        case ast.Subscript(value=base):
            found = program.values.of(base, scope)
            return "refused" if len(found) == 1 and isinstance(found[0], Stdlib) else ""
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = {_verdict(side, scope, program, depth + 1) for side in (left, right)}
            return "refused" if "" not in sides else ""
        case ast.Call() if written(node) == "type(None)":
            return "refused"
    foreign = dotted(node, scope, program) in _FOREIGN
    if foreign or program.values.sdk_path(node, scope) in ("Run", "runs.Run"):
        return "refused"
    match program.values.of(node, scope):
        case [Stdlib()] | [Func(scope=Scope(kind="class"))]:
            return "refused"
    return ""


def _arguments(check: Check, task: Task, run: RunCall, args: ast.arguments) -> None:
    """Bind a run's arguments to the function's parameters, where both can be seen in full."""
    call, receiver, scope = run.call, run.place.node.value, run.place.scope
    if call is None or task.place.scope.kind == "class":
        return
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return
    if not _is_itself(receiver, scope, task, check.program):
        return
    own = _own_parameters(run.method)
    rows = brought(call, scope, check.program)
    problem, unexpected = _binding_problem(run.method, call, args, own, rows)
    if problem:
        public = [name for name in own or () if name not in _RUN_OPTIONS]
        hint = f"{task.label} takes: {written(args)}"
        if args is _BY_NAME:
            hint = f"It takes arguments by name alone: {task.label}.run(llm=kbench.llm)"
        hint += f"; {run.method} itself: {', '.join(public)}" if public else ""
        if unexpected:
            known = [*(a.arg for a in arguments(args)), *public]
            hint = did_you_mean(unexpected, known, form="{}=", more=hint, parts=True)
        message, sure = f"{task.label}.{run.method} {problem}.", check.program.sure(run.place)
        check.at(ARGUMENTS, run.place, message, hint, node=call, sure=sure)


def _own_parameters(method: str) -> tuple[str, ...] | None:
    """The parameters that ``run`` or ``evaluate`` itself takes; of the second only the installed SDK knows them."""
    if method == "run":
        return _RUN_OPTIONS
    sdk = installed()
    task = sdk.at(TASK) if sdk is not None else None
    signature = signature_of(sdk, sdk.member(task, method)) if sdk is not None and task is not None else None
    if signature is None:
        return None
    return tuple(p.name for p in signature.parameters.values() if p.kind in _NAMED and p.name != "self")


def _is_itself(node: ast.AST, scope: Scope, task: Task, program: Program, depth: int = 0) -> bool:
    """Whether a receiver is surely the task as defined.

    What ``partial`` or ``bind_dataframe`` made of it brings arguments of its own, and stands for the same
    task; so only names are believed that are bound to nothing but the definition, or to such a name.
    """
    if node is task.node:
        return True
    if not isinstance(node, ast.Name) or depth > 8:
        return False
    bindings = list(program.bindings(node.id, scope))
    return bool(bindings) and all(
        binding.kind in ("def", "value") and _is_itself(binding.node, binding.scope, task, program, depth + 1)
        for binding in bindings
    )


def _binding_problem(
    method: str, call: ast.Call, args: ast.arguments, own: Collection[str] | None, rows: set[str] | None
) -> tuple[str, str]:
    """Return why a call does not fit, or ``""``, and the argument that is not known, if that is why."""
    positional = [a.arg for a in (*args.posonlyargs, *args.args)]
    names = [*positional, *(a.arg for a in args.kwonlyargs)]
    keywords = {k.arg for k in call.keywords if k.arg}
    strange = (keywords - set(own) if own is not None else set()) | (rows or set())
    unexpected = sorted(strange - set(names)) if args.kwarg is None else []
    if unexpected:
        what = "an argument" if len(unexpected) == 1 else "arguments"
        return f"gets {what} the task does not take: {', '.join(unexpected)}", unexpected[0]
    given = {*keywords, *(rows or ()), *default_values(args)}
    if method == "run":
        if len(call.args) > len(positional) and args.vararg is None:
            plural = "s" if len(call.args) > 1 else ""
            return f"gets {len(call.args)} argument{plural} by position for {len(positional)}", ""
        given |= set(positional[: len(call.args)])
    elif call.args or rows is None:
        return "", ""
    missing = [name for name in names if name not in given]
    return (f"lacks an argument: {missing[0]}" if missing else ""), ""

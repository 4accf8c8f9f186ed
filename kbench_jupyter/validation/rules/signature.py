"""KB2xx: a task's signature, what it returns, and whether it is run with the arguments it takes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection

from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import arguments
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place, Scope
from kbench_jupyter.validation.reading.sdk.installed import installed
from kbench_jupyter.validation.reading.sdk.parameters import signature_of
from kbench_jupyter.validation.reading.sdk.typed import TASK
from kbench_jupyter.validation.reading.task import RunCall, Task
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Func, Stdlib, TaskValue, written
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
)
FUTURE = error(
    "KB202 future-annotations",
    "`from __future__ import annotations` turns the return annotation into a text, which the SDK refuses.",
    "The decorator raises TypeError. In a notebook the import holds for every later cell as well.",
    "from __future__ import annotations\n\n@kbench.task()\ndef score(llm) -> float: ...",
    "@kbench.task()\ndef score(llm) -> float: ...",
)
ASYNC = error(
    "KB204 async-task",
    "The task is an `async def`.",
    "The SDK does not await it: the function's body never runs, and no run file is written.",
    "@kbench.task()\nasync def quiz(llm): ...",
    "@kbench.task()\ndef quiz(llm): ...",
)
PASS_COUNT = warning(
    "KB205 pass-count-result",
    "`tuple[int, int]` is recorded as a value with a confidence interval.",
    "The backend does not know pass counts yet: (7, 10) shows as 7 ± 10.",
    "@kbench.task()\ndef quiz(llm) -> tuple[int, int]:\n    return passed, total",
    "@kbench.task()\ndef quiz(llm) -> float:\n    return passed / total",
)
GENERATOR = error(
    "KB206 generator-task",
    "The task is a generator: it contains `yield`.",
    "Calling it only makes the generator. Its body never runs, and no run file is written.",
    "@kbench.task()\ndef quiz(llm):\n    yield llm.prompt(...)",
    "@kbench.task()\ndef quiz(llm) -> bool:\n    return check(llm.prompt(...))",
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
_ADVICE = "Use bool, int, float, dict, tuple[float, float], or no annotation for pass/fail by assertions."
_RUN_OPTIONS = ("_id", "_suppress_raise")
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
        if function is None or task.derived:
            continue
        if not own_types:
            _annotation(check, task, function)
        # What another decorator makes of the function cannot be seen.
        if task.wrapped:
            continue
        if isinstance(function, ast.AsyncFunctionDef):
            check.on_task(
                ASYNC,
                task,
                f"{function.name} is async: the SDK never awaits it, so nothing is recorded.",
                f"Write def {function.name}(...), and asyncio.run(...) inside where something must be awaited.",
                sure=check.pushed(task),
            )
        elif task.scope is not None and task.scope.yields:
            check.on_task(
                GENERATOR,
                task,
                f"{function.name} contains yield, so running it does nothing.",
                "Return one value at the end instead.",
                sure=check.pushed(task),
            )
        elif task.scope is not None:
            returned(check, task, function, task.scope)
        for run in task.runs:
            _arguments(check, task, run)


def _annotation(check: Check, task: Task, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    annotation = function.returns
    if annotation is None:
        return
    text = written(annotation)
    if _annotations_are_texts(task.place, check.program):
        check.at(
            FUTURE,
            task.place,
            f"With `from __future__ import annotations`, -> {text} is a text that the SDK refuses.",
            "Remove the import.",
        )
        return
    verdict = _verdict(annotation, task.place.scope, check.program)
    if verdict == "pass count":
        check.on_task(
            PASS_COUNT,
            task,
            f"{function.name} returns a pair of ints, which shows as a value with a confidence interval.",
            "Return passed / total with -> float.",
        )
    elif verdict == "refused":
        check.on_task(
            ANNOTATION,
            task,
            f"The SDK refuses -> {text}: the decorator raises TypeError.",
            _ADVICE if not isinstance(annotation, ast.Constant) else f"Write it without quotes. {_ADVICE}",
        )


def _annotations_are_texts(place: Place[ast.AST], program: Program) -> bool:
    """Whether `from __future__ import annotations` holds at a place: in its cell, or in one before it."""
    return any(
        future.cell.number <= place.cell.number and any(a.name == "annotations" for a in future.node.names)
        for future in program.index.futures
    )


def _verdict(node: ast.AST, scope: Scope, program: Program, depth: int = 0) -> str:
    """``"fine"``, ``"pass count"``, ``"refused"``, or ``""`` when it cannot be told."""
    if depth > 20:
        return ""
    if isinstance(node, ast.Constant):
        return "fine" if node.value is None else "refused"
    if isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if not bindings:
            if node.id in _SUPPORTED:
                return "fine"
            return "refused" if node.id in _UNSUPPORTED else ""
        if len(bindings) == 1 and bindings[0].kind == "value" and depth < 5:
            return _verdict(bindings[0].node, bindings[0].scope, program, depth + 1)
    if isinstance(node, ast.Subscript):
        return _subscript_verdict(node, scope, program)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = {_verdict(side, scope, program, depth + 1) for side in (node.left, node.right)}
        return "refused" if "" not in sides else ""
    if dotted(node, scope, program) in _FOREIGN or program.values.sdk_path(node, scope) in (
        "Run",
        "runs.Run",
    ):
        return "refused"
    if isinstance(node, ast.Call) and written(node) == "type(None)":
        return "refused"
    found = program.values.of(node, scope)
    if len(found) == 1:
        value = found[0]
        if isinstance(value, Stdlib) or (isinstance(value, Func) and value.scope.kind == "class"):
            return "refused"
    return ""


def _subscript_verdict(node: ast.Subscript, scope: Scope, program: Program) -> str:
    base = node.value
    if isinstance(base, ast.Name) and not list(program.bindings(base.id, scope)):
        if base.id == "tuple" and isinstance(node.slice, ast.Tuple):
            inside = [written(part) for part in node.slice.elts]
            if inside == ["float", "float"]:
                return "fine"
            if inside == ["int", "int"]:
                return "pass count"
            known = all(part in _SUPPORTED | _UNSUPPORTED or part == "..." for part in inside)
            return "refused" if known else ""
        return "refused" if base.id in _UNSUPPORTED | {"dict"} else ""
    found = program.values.of(base, scope)
    return "refused" if len(found) == 1 and isinstance(found[0], Stdlib) else ""


def _arguments(check: Check, task: Task, run: RunCall) -> None:
    """Bind a run's arguments to the function's parameters, where both can be seen in full."""
    call, function = run.call, task.function
    if call is None or function is None or task.place.scope.kind == "class":
        return
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return
    values = check.program.values.of(run.place.node.value, run.place.scope)
    if len(values) != 1 or not isinstance(values[0], TaskValue):
        return
    if not _is_itself(run.place.node.value, run.place.scope, values[0], check.program):
        return
    own = _own_parameters(run.method)
    rows = brought(call, run.place.scope, check.program)
    problem, unexpected = _binding_problem(run.method, call, function.args, own, rows)
    if problem:
        public = [name for name in own or () if name not in _RUN_OPTIONS]
        takes = f"{task.label} takes: {written(function.args)}"
        takes += f"; {run.method} itself: {', '.join(public)}" if public else ""
        known = [*(a.arg for a in arguments(function.args)), *public]
        check.at(
            ARGUMENTS,
            run.place,
            f"{task.label}.{run.method} {problem}.",
            did_you_mean(unexpected, known, form="{}=", more=takes, parts=True) if unexpected else takes,
            node=call,
            sure=check.program.sure(run.place),
        )


def _own_parameters(method: str) -> tuple[str, ...] | None:
    """The parameters that ``run`` or ``evaluate`` itself takes; of the second only the installed SDK knows them."""
    if method == "run":
        return _RUN_OPTIONS
    sdk = installed()
    task = sdk.at(TASK) if sdk is not None else None
    found = sdk.member(task, method) if sdk is not None and task is not None else None
    signature = signature_of(sdk, found) if sdk is not None and found is not None else None
    if signature is None:
        return None
    named = [p.name for p in signature.parameters.values() if p.kind in _NAMED]
    return tuple(name for name in named if name != "self")


def _is_itself(node: ast.AST, scope: Scope, task: TaskValue, program: Program, depth: int = 0) -> bool:
    """Whether a receiver is surely the task as defined.

    What ``partial`` or ``bind_dataframe`` made of it brings arguments of its own, and stands for the same
    task; so only names are believed that are bound to nothing but the definition, or to such a name.
    """
    if not isinstance(node, ast.Name) or depth > 8:
        return False
    bindings = list(program.bindings(node.id, scope))
    return bool(bindings) and all(
        binding.kind in ("def", "value")
        and (binding.node is task.node or _is_itself(binding.node, binding.scope, task, program, depth + 1))
        for binding in bindings
    )


def _binding_problem(
    method: str, call: ast.Call, args: ast.arguments, own: Collection[str] | None, rows: set[str] | None
) -> tuple[str, str]:
    """Return why a call does not fit, or ``""``, and the argument that is not known, if that is why."""
    positional = [a.arg for a in (*args.posonlyargs, *args.args)]
    names = {*positional, *(a.arg for a in args.kwonlyargs)}
    keywords = {k.arg for k in call.keywords if k.arg}
    strange = (keywords - set(own) if own is not None else set()) | (rows or set())
    unexpected = sorted(strange - names) if args.kwarg is None else []
    if unexpected:
        what = "an argument" if len(unexpected) == 1 else "arguments"
        return f"gets {what} the task does not take: {', '.join(unexpected)}", unexpected[0]
    given = keywords | (rows or set())
    if method == "run":
        if len(call.args) > len(positional) and args.vararg is None:
            return f"gets {len(call.args)} positional arguments for {len(positional)}", ""
        given |= set(positional[: len(call.args)])
    elif call.args or rows is None:
        return "", ""
    with_default = set(positional[len(positional) - len(args.defaults) :]) if args.defaults else set()
    with_default |= {a.arg for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None}
    missing = [
        name for name in (*positional, *(a.arg for a in args.kwonlyargs)) if name not in given | with_default
    ]
    return (f"lacks an argument: {missing[0]}" if missing else ""), ""

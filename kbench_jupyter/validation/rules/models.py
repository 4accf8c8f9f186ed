"""KB3xx: which model a task is run with."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import TypeAlias

from kbench_jupyter.validation.reading.parts import default_values
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Scope
from kbench_jupyter.validation.reading.task import RunCall, Task
from kbench_jupyter.validation.reading.types_of import says_model
from kbench_jupyter.validation.reading.value import (
    SDK,
    UNKNOWN,
    Const,
    HardModel,
    Sdk,
    Value,
    keyword_of,
    written,
)
from kbench_jupyter.validation.rules.rule import Check, error, warning

HARD_MODEL = error(
    "KB301 hard-coded-model",
    "A task is run with a model chosen by name instead of `kbench.llm`.",
    "The server runs the notebook once for each model and hands it over as `kbench.llm`; it rejects a task "
    "that always asks one and the same. A parameter's default and `kbench.llm = ...` choose by name as well. A judge "
    "may.",
    'capital.run(kbench.llms["google/gemini-2.5-flash"])',
    "capital.run(kbench.llm)",
    "{task} is run with {model}.",
    "Write {run}; which models run it is chosen on the server (%kbench run).",
)
JUDGE_FIRST = error(
    "KB302 judge-before-model",
    "The judge comes before the model under test.",
    "The SDK takes the first model among a task's parameters for the one under test, in the order of the "
    "signature, so the run is recorded under the judge's name.",
    "@kbench.task()\ndef essay(judge, llm): ...\n\nessay.run(kbench.judge_llm, kbench.llm)",
    "@kbench.task()\ndef essay(llm, judge): ...\n\nessay.run(kbench.llm, kbench.judge_llm)",
    "{task} gets the judge before the model under test.",
    "Make the model under test the first parameter: def {task}(llm, judge).",
)
NO_MODEL = warning(
    "KB303 run-without-model",
    "A task is run without any model among its arguments.",
    "The SDK finds the model under test among the arguments of `.run`. Without one, the run belongs to no "
    "model, and the server may answer that no model was specified.",
    "@kbench.task()\ndef capital():\n    kbench.llm.prompt(...)\n\ncapital.run()",
    "@kbench.task()\ndef capital(llm):\n    llm.prompt(...)\n\ncapital.run(kbench.llm)",
    "{task} is run without a model.",
    "Give the function a first parameter llm, and run it with {task}.run(kbench.llm).",
)

_Arguments: TypeAlias = list[tuple[str, tuple[Value, ...]]]
_SDK = Sdk(SDK)
_LLM = Sdk(f"{SDK}.llm")
_JUDGE = Sdk(f"{SDK}.judge_llm")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    for task in check.tasks.stored:
        # What a task runs inside itself is its own business: judges and helpers are run there.
        runs = [run for run in task.runs if run.call is not None and not check.tasks.around(run.place.scope)]
        arguments = {id(run): _arguments(check, task, run) for run in runs}
        _hard_models(check, task, runs, arguments)
        for run in runs:
            _judge_first(check, task, run, arguments[id(run)])
            _no_model(check, task, run, arguments[id(run)])
    _replaced(check)


def _replaced(check: Check) -> None:
    """Report ``kbench.llm = ...``: every run after it asks that model, whichever the server hands over."""
    program = check.program
    if not any(check.pushed(task) for task in check.tasks.stored):
        return
    for binding in program.index.attribute_bindings.get("llm", ()):
        place = program.index.stores.get(binding.target) if binding.target is not None else None
        if (
            place is None
            or not program.executed(place)
            or program.values.of(place.node.value, place.scope) != (_SDK,)
        ):
            continue
        found = program.values.of(binding.node, binding.scope) if binding.kind == "value" else ()
        if not found or not all(isinstance(value, HardModel) for value in found):
            continue
        name = found[0].name if len(found) == 1 and isinstance(found[0], HardModel) else "*"
        model = "a model chosen by name" if name == "*" else f"a model chosen by name: {name}"
        message = f"{written(place.node)} is replaced by {model}."
        hint = "Leave it out; which models run the task is chosen on the server (%kbench run)."
        check.at(HARD_MODEL, place, message, hint, sure=program.sure(place))


def _arguments(check: Check, task: Task, run: RunCall) -> _Arguments:
    """What a run passes, by parameter, in the order of the signature; ``*`` for what cannot be placed."""
    call, program, scope = run.call, check.program, run.place.scope
    assert call is not None  # noqa: S101 - callers pass only runs with a call
    look = program.values.of if run.method == "run" else program.values.elements
    passed: dict[str, tuple[Value, ...]] = {}
    args = getattr(task.scope.node, "args", None) if task.scope is not None else None
    positional = [a.arg for a in (*args.posonlyargs, *args.args)] if args is not None else []
    for index, argument in enumerate(call.args):
        starred = isinstance(argument, ast.Starred)
        name = positional[index] if index < len(positional) and run.method == "run" and not starred else "*"
        passed[name] = (*passed.get(name, ()), *look(argument, scope))
    for keyword in call.keywords:
        name = keyword.arg or "*"
        passed[name] = (*passed.get(name, ()), *look(keyword.value, scope))
    grid = keyword_of(call, "grid") if run.method == "evaluate" else None
    if isinstance(grid, ast.Dict):
        passed.pop("grid", None)
        for key, value in zip(grid.keys, grid.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else "*"
            passed[str(name)] = program.values.elements(value, scope)
    if "*" not in passed and task.scope is not None:
        passed = {**_defaults(task.scope, program, passed), **passed}
    order = {name: index for index, name in enumerate(positional)}
    return sorted(passed.items(), key=lambda item: order.get(item[0], len(order)))


def _defaults(function: Scope, program: Program, passed: Collection[str]) -> dict[str, tuple[Value, ...]]:
    """The models that a run gets by default: the SDK looks for the model under test among them as well."""
    args = getattr(function.node, "args", None)
    if args is None or function.parent is None:
        return {}
    found = {
        name: program.values.of(default, function.parent)
        for name, default in default_values(args).items()
        if name not in passed
    }
    return {name: values for name, values in found.items() if any(_is_model(value) for value in values)}


def _models(arguments: _Arguments) -> _Arguments:
    """The arguments that are models, as far as can be seen, or that go by the name of one."""
    return [
        (name, values)
        for name, values in arguments
        if any(_is_model(value) for value in values) or (UNKNOWN in values and says_model(name))
    ]


def _is_model(value: Value) -> bool:
    return isinstance(value, HardModel) or value in (_LLM, _JUDGE)


def _hard_models(check: Check, task: Task, runs: list[RunCall], arguments: dict[int, _Arguments]) -> None:
    hard = []
    for run in runs:
        subject = next((values for _, values in _models(arguments[id(run)])), ())
        everything = [m for _, v in arguments[id(run)] for m in v]
        if subject and all(isinstance(m, HardModel) for m in subject) and _LLM not in everything:
            hard.append((run, str(getattr(subject[0], "name", ""))))
    for run, name in hard:
        every = name == "*"
        model = "every model in kbench.llms" if every else f"a model chosen by name: {name}"
        given = "llm=[kbench.llm]" if run.method == "evaluate" else "kbench.llm"
        right = f"{task.label}.{run.method}({given})"
        sure = len(hard) == len(task.runs) and not (every or task.handed_on) and check.pushed(task)
        sure = sure and check.program.sure(run.place)
        check.at(HARD_MODEL, run.place, node=run.call, sure=sure, task=task.label, model=model, run=right)


def _judge_first(check: Check, task: Task, run: RunCall, arguments: _Arguments) -> None:
    models = _models(arguments)
    later = any(_LLM in value for _, value in models[1:])
    first = models[0][1] if models else ()
    # A judge may well be chosen by name; alone it is the model under test, which is another rule's.
    named = later and len(first) == 1 and isinstance(first[0], HardModel)
    if first != (_JUDGE,) and not named:
        return
    message = hint = ""
    if not later:
        message = f"{task.label} is run with the judge as the model under test."
        hint = f"Run it with the model under test: {task.label}.{run.method}(kbench.llm)."
    sure = later and not any(name == "*" for name, _ in arguments) and check.program.sure(run.place)
    check.at(JUDGE_FIRST, run.place, message, hint, node=run.call, sure=sure, task=task.label)


def _no_model(check: Check, task: Task, run: RunCall, arguments: _Arguments) -> None:
    call = run.call
    if run.method != "run" or call is None or task.function is None or task.function.args.defaults:
        return
    if not isinstance(run.place.node.value, ast.Name) or task.function.args.kw_defaults:
        return
    if all(isinstance(value, Const) for _, values in arguments for value in values):
        check.at(NO_MODEL, run.place, node=call, task=task.label)

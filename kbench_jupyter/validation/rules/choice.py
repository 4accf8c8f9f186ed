"""KB104, KB106, KB108, KB110, KB113: which one of its tasks a notebook makes on the server."""

from __future__ import annotations

import ast
import re

from kbench_jupyter.validation.reading.cells import Cell, Magic
from kbench_jupyter.validation.reading.task import RunCall, Task, slug_of
from kbench_jupyter.validation.reading.value import keyword_of, written
from kbench_jupyter.validation.rules.rule import Check, error, warning

WRONG_SLUG = error(
    "KB104 task-not-defined",
    "The task that is to be pushed is not among those the notebook defines.",
    "The server matches the slug of the push with the task that the notebook stores.",
    '%kbench push captial\n# the notebook defines @kbench.task(name="Capital")',
    "%kbench push capital",
    "The notebook defines no task {wanted}; it defines {known}.",
    "Push one of: {known}.",
)
SEVERAL = error(
    "KB106 several-stored-tasks",
    "The notebook stores several tasks and does not choose one.",
    "A notebook makes one task on the server. `%choose TASK` as the last cell keeps that task's files and "
    "deletes the others; `%kbench push TASK` appends it.",
    '@kbench.task(name="A")\ndef a(llm): ...\n\n@kbench.task(name="B")\ndef b(llm): ...',
    "# push one of them by name:\n%kbench push a",
    "The notebook stores {many} tasks ({names}), and the server takes one.",
    "Name the one to push behind the command, such as {first}; or give the helpers store_task=False.",
)
CHOOSE = error(
    "KB108 choose-misses",
    "`%choose` names no task of the notebook, or comes before the task is run.",
    "`%choose` takes a variable of the notebook or a task's name, and deletes the files of every other task: what "
    "it does not know, such as a function's name inside another, deletes them all. What is run after it stays.",
    "%choose captial",
    "%choose capital",
    "%choose names no task of this notebook: {wanted}.",
    "Name one of: {known}.",
)
SUBTASK = error(
    "KB110 stored-sub-task",
    "A task that runs inside another one is stored as a task of its own.",
    "Both leave a task file behind, and a notebook makes one task on the server. A helper task takes "
    "`store_task=False` (and `store_run=False`).",
    '@kbench.task(name="Row")\ndef row(llm, q) -> bool: ...\n\n'
    '@kbench.task(name="All")\ndef all_rows(llm) -> float:\n    row.run(llm, "q")\n    ...',
    '@kbench.task(name="Row", store_task=False, store_run=False)\ndef row(llm, q) -> bool: ...\n\n'
    '@kbench.task(name="All")\ndef all_rows(llm) -> float:\n    row.run(llm, "q")\n    ...',
    "{task} runs inside {outer}, but is stored as a task of its own.",
    "{unstored}",
)

LAST_ONLY = warning(
    "KB113 last-run-only",
    "A task is run many times, and `%choose` keeps the file of its last run.",
    "`.evaluate` over rows writes one run file a row, and `.run` in a loop one each time. `%choose` keeps the last and "
    "deletes the others, so the score is that of one row; a push of one task of several adds it. The score of all is "
    "what a task returns that evaluates the rows inside.",
    '@kbench.task(name="Capital")\ndef capital(llm, country, city) -> bool: ...\n\n'
    "capital.evaluate(llm=[kbench.llm], evaluation_data=rows)\n%choose capital",
    '@kbench.task(name="Capital", store_task=False)\ndef capital(llm, country, city) -> bool: ...\n\n'
    '@kbench.task(name="Capitals")\ndef capitals(llm) -> float:\n'
    "    runs = capital.evaluate(llm=[llm], evaluation_data=rows)\n"
    "    return sum(run.result for run in runs) / len(runs)\n\ncapitals.run(kbench.llm)\n%choose capitals",
    "{task}.{method} writes {many}, and %choose keeps the last: the score is that of one.",
    "Give {task} store_task=False, and evaluate it inside a task that returns the whole score: %kbench new dataset.",
)

# A first look at the data.
_ONE_ROW = re.compile(r"\.(?:head|tail|sample)\((?:n=)?1[,)]|\[:1\]")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    # A cell that does not parse may hold the task.
    if not check.program.broken:
        _wrong_slug(check)
    chosen = _choose(check)
    _sub_tasks(check, chosen)
    _several(check, chosen)


def _wrong_slug(check: Check) -> None:
    if check.task is None or not check.tasks.stored:
        return
    slug = slug_of(check.task.rpartition("/")[2])
    slugs = [task.slug for task in check.tasks.stored]
    if slug in slugs or None in slugs or check.tasks.maybe_tasks:
        return
    known = ", ".join(sorted(s for s in slugs if s))
    unstored = f"The task {slug} is not stored: it has store_task=False."
    is_helper = any(not task.stored and task.slug == slug for task in check.tasks.all)
    check.on_notebook(WRONG_SLUG, unstored if is_helper else "", wanted=check.task, known=known)


def _choose(check: Check) -> bool:
    """Look at each `%choose`, and return whether the notebook has one."""
    chosen = False
    for cell, magic in check.program.magics:
        if magic.name != "choose":
            continue
        chosen = True
        _unknown_choice(check, cell, magic)
        if not any(_after(run, cell, magic) for task in check.tasks.stored for run in task.runs):
            _last_only(check, check.tasks.kept_by(magic.argument.strip()))
        else:
            message = "%choose comes before a task is run, so that task's files stay."
            hint = "Move %choose below the last run, best into a cell of its own at the end."
            check.on_line(CHOOSE, cell, magic.line, message, hint, sure=False)
    if not chosen and check.task is not None and len(check.tasks.surely_stored) > 1:  # a push adds it
        _last_only(check, [task for task in check.tasks.stored if check.pushed(task)])
    return chosen


def _unknown_choice(check: Check, cell: Cell, magic: Magic) -> None:
    wanted, tasks = magic.argument.strip(), check.tasks
    names_known = all(t.name is not None for t in tasks.all) and not tasks.maybe_tasks
    bound = any(wanted in other.names.defined for other in check.program.cells)
    kept = tasks.kept_by(wanted)
    known = ", ".join(tasks.variable_of(t) or t.name or t.label for t in tasks.stored)
    inner = next((t.place.scope.name for t in tasks.all if t.label == wanted and t.place.scope.name), "")
    message = f"%choose does not know {wanted}: that is its name inside {inner} only." if inner else ""
    if kept and tasks.stored and not any(t.stored for t in kept):
        message = f"%choose keeps {kept[0].label}, which is not stored, and deletes the files of all others."
    elif not tasks.all or not names_known or bound or kept or check.program.broken:
        return
    check.on_line(CHOOSE, cell, magic.line, message, wanted=wanted or "nothing", known=known)


def _last_only(check: Check, kept: list[Task]) -> None:
    if len(kept) != 1 or not (kept[0].runs and kept[0].stored and kept[0].recorded) or kept[0].handed_on:
        return
    runs = kept[0].runs
    if any(run.place.scope.kind != "module" for run in runs):
        return
    last = max(runs, key=lambda run: (run.place.cell.number, run.place.node.lineno))
    many = "a run for each row" if last.method == "evaluate" else "a run each time the loop comes round"
    if _goes_over_rows(last) if last.method == "evaluate" else _is_repeated(last):
        check.at(LAST_ONLY, last.place, node=last.call, task=kept[0].label, method=last.method, many=many)


def _goes_over_rows(run: RunCall) -> bool:
    """Whether an evaluation surely has several rows, and leaves their files."""
    if run.call is None or keyword_of(run.call, "remove_run_files") is not None:
        return False
    rows = keyword_of(run.call, "evaluation_data") or next(iter(run.call.args[1:]), None)
    given = [keyword.value for keyword in run.call.keywords if keyword.arg != "llm"]
    lists = [value for value in given if isinstance(value, ast.List | ast.Tuple) and len(value.elts) > 1]
    return bool(lists) or (rows is not None and not _ONE_ROW.search(written(rows)))


def _is_repeated(run: RunCall) -> bool:
    """Whether a run stands in a loop that goes over anything but tasks, models or attempts."""
    if run.call is None:
        return False
    model = keyword_of(run.call, "llm") or next(iter(run.call.args), None)
    chosen = {name for part in (run.place.node.value, model) if part is not None for name in _names(part)}
    for loop in ast.walk(run.place.cell.tree):
        heads: list[ast.For | ast.comprehension] = []
        if isinstance(loop, ast.For) and not any(isinstance(part, ast.Break) for part in ast.walk(loop)):
            heads = [loop] if any(run.call in ast.walk(statement) for statement in loop.body) else []
        elif isinstance(loop, ast.ListComp):
            heads = list(loop.generators) if run.call in ast.walk(loop.elt) else []
        for head in heads:
            once = isinstance(head.iter, ast.List | ast.Tuple) and len(head.iter.elts) < 2
            if not once and not chosen & _names(head.target):
                return True
    return False


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _after(run: RunCall, cell: Cell, magic: Magic) -> bool:
    place = run.place
    at = (place.cell.number, place.cell.text_line(place.node.lineno))
    return place.scope.kind == "module" and at > (cell.number, magic.line)


def _sub_tasks(check: Check, chosen: bool) -> None:
    sure = not chosen and check.task is None
    for task in check.tasks.surely_stored:
        around = [check.tasks.around(run.place.scope) for run in task.runs]
        outer = next((outer for outer in around if outer not in (None, task) and outer.stored), None)
        if outer is not None:
            check.on_task(SUBTASK, task, sure=sure, outer=outer.label, unstored=_unstored(task))


def _unstored(task: Task) -> str:
    """How to write a task's decorator so that it is not stored."""
    if task.decorated_directly:
        return "Write store_task=False (and store_run=False) in its decorator."
    # A function of the notebook's own makes the decorator: what it takes is its own affair, and others use it too.
    name = f'"{task.name}"' if task.name is not None else "..."
    options = f"name={name}, store_task=False, store_run=False"
    return f"Make {task.label} with {written(task.calls[0].func)}({options}), not with a function of the notebook."


def _several(check: Check, chosen: bool) -> None:
    if chosen or check.task is not None:
        return
    sub_tasks = {
        task
        for task in check.tasks.surely_stored
        if any(check.tasks.around(run.place.scope) not in (None, task) for run in task.runs)
    }
    by_name = {
        task.slug or str(id(task)): task for task in check.tasks.surely_stored if task not in sub_tasks
    }
    if len(by_name) < 2:
        return
    tasks = list(by_name.values())
    labels = [task.label for task in tasks]
    if len(set(labels)) < len(labels):  # two made of one function
        labels = [task.name or task.label for task in tasks]
    first = tasks[0].slug or tasks[0].label
    # Of two branches, a notebook goes through one.
    sure = sum(check.program.sure(task.place) for task in tasks) > 1
    check.on_task(SEVERAL, tasks[1], sure=sure, many=len(tasks), names=", ".join(labels), first=first)

"""KB104, KB106, KB108, KB110: which one of its tasks a notebook makes on the server."""

from __future__ import annotations

from kbench_jupyter.validation.reading.cells import Cell, Magic
from kbench_jupyter.validation.reading.task import RunCall, Task, slug_of
from kbench_jupyter.validation.reading.value import written
from kbench_jupyter.validation.rules.rule import Check, error

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
        if any(_after(run, cell, magic) for task in check.tasks.stored for run in task.runs):
            message = "%choose comes before a task is run, so that task's files stay."
            hint = "Move %choose below the last run, best into a cell of its own at the end."
            check.on_line(CHOOSE, cell, magic.line, message, hint, sure=False)
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
    elif not tasks.all or not names_known or bound or kept:
        return
    check.on_line(CHOOSE, cell, magic.line, message, wanted=wanted or "nothing", known=known)


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
    names, first = ", ".join(task.label for task in tasks), tasks[0].slug or tasks[0].label
    check.on_task(SEVERAL, tasks[1], many=len(tasks), names=names, first=first)

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
)
SEVERAL = error(
    "KB106 several-stored-tasks",
    "The notebook stores several tasks and does not choose one.",
    "A notebook makes one task on the server. `%choose TASK` as the last cell keeps that task's files and "
    "deletes the others; `%kbench push TASK` appends it.",
    '@kbench.task(name="A")\ndef a(llm): ...\n\n@kbench.task(name="B")\ndef b(llm): ...',
    "# push one of them by name:\n%kbench push a",
)
CHOOSE = error(
    "KB108 choose-misses",
    "`%choose` names no task of the notebook, or comes before the task is run.",
    "`%choose` takes a variable of the notebook or a task's name, and deletes the files of every other task: what "
    "it does not know, such as a function's name inside another, deletes them all. What is run after it stays.",
    "%choose captial",
    "%choose capital",
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
    helper = next((t for t in check.tasks.all if not t.stored and t.slug == slug), None)
    if helper is not None:
        message = f"The task {slug} is not stored: it has store_task=False."
    else:
        message = f"The notebook defines no task {check.task}; it defines {known}."
    hint = f"Push one of: {known}."
    check.on_notebook(WRONG_SLUG, message, hint)


def _choose(check: Check) -> bool:
    """Look at each `%choose`, and return whether the notebook has one."""
    chosen = False
    for cell, magic in check.program.magics:
        if magic.name != "choose":
            continue
        chosen = True
        _unknown_choice(check, cell, magic)
        later = [r for t in check.tasks.stored for r in t.runs if _after(r, cell, magic)]
        if later:
            check.on_line(
                CHOOSE,
                cell,
                magic.line,
                "%choose comes before a task is run, so that task's files stay.",
                "Move %choose below the last run, best into a cell of its own at the end.",
                sure=False,
            )
    return chosen


def _unknown_choice(check: Check, cell: Cell, magic: Magic) -> None:
    wanted, tasks = magic.argument.strip(), check.tasks
    names_known = all(t.name is not None for t in tasks.all) and not tasks.maybe_tasks
    bound = any(wanted in other.names.defined for other in check.program.cells)
    kept = tasks.kept_by(wanted)
    known = ", ".join(tasks.variable_of(t) or t.name or t.label for t in tasks.stored)
    if kept and tasks.stored and not any(t.stored for t in kept):
        message = f"%choose keeps {kept[0].label}, which is not stored, and deletes the files of all others."
        check.on_line(CHOOSE, cell, magic.line, message, f"Name one of: {known}.")
        return
    if not tasks.all or not names_known or bound or kept:
        return
    inner = next((t for t in tasks.all if t.label == wanted and t.place.scope.name), None)
    check.on_line(
        CHOOSE,
        cell,
        magic.line,
        f"%choose names no task of this notebook: {wanted or 'nothing'}."
        if inner is None
        else f"%choose does not know {wanted}: that is its name inside {inner.place.scope.name} only.",
        f"Name one of: {known}.",
    )


def _after(run: RunCall, cell: Cell, magic: Magic) -> bool:
    place = run.place
    return place.scope.kind == "module" and (place.cell.number, place.cell.text_line(place.node.lineno)) > (
        cell.number,
        magic.line,
    )


def _sub_tasks(check: Check, chosen: bool) -> None:
    reported: set[Task] = set()
    for task in check.tasks.stored:
        for run in task.runs:
            outer = check.tasks.around(run.place.scope)
            if outer is None or outer is task or task in reported or not outer.stored:
                continue
            reported.add(task)
            check.on_task(
                SUBTASK,
                task,
                f"{task.label} runs inside {outer.label}, but is stored as a task of its own.",
                _unstored(task),
                sure=not chosen and check.task is None,
            )


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
        for task in check.tasks.stored
        if any(check.tasks.around(run.place.scope) not in (None, task) for run in task.runs)
    }
    by_name = {task.slug or str(id(task)): task for task in check.tasks.stored if task not in sub_tasks}
    if len(by_name) < 2:
        return
    tasks = list(by_name.values())
    names = ", ".join(task.label for task in tasks)
    check.on_task(
        SEVERAL,
        tasks[1],
        f"The notebook stores {len(tasks)} tasks ({names}), and the server takes one.",
        f"Push one by name: %kbench push {tasks[0].slug or tasks[0].label}. "
        "Or give the helpers store_task=False.",
    )

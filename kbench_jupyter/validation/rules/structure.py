"""KB1xx: the shape of a task source: that it parses, defines a task, and names it well."""

from __future__ import annotations

import ast
import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

from kbench_jupyter.validation.reading.task import Task, file_name
from kbench_jupyter.validation.reading.value import written
from kbench_jupyter.validation.rules.files import imported, is_installed
from kbench_jupyter.validation.rules.rule import Check, error, warning

SYNTAX = error(
    "KB101 syntax-error",
    "A cell is not valid Python, not even with IPython's syntax.",
    "The notebook stops at this cell on the server, and nothing after it is executed.",
    "answer = (1 + 2",
    "answer = (1 + 2)",
    "This cell is not valid Python: {problem}.",
    "Correct the line, then validate again.",
)
NO_TASK = error(
    "KB102 no-task",
    "No cell defines a task.",
    "The server runs the notebook, finds no task file, and creates no task.",
    "def capital(llm):\n    ...",
    '@kbench.task(name="Capital")\ndef capital(llm):\n    ...\n\ncapital.run(kbench.llm)',
    "No task of this notebook is stored: {names} {have} store_task=False.",
    "Leave store_task=False out of the task that you want to push.",
)
SAME_SLUG = error(
    "KB105 duplicate-task-name",
    "Two stored tasks have one slug, or write to the same files.",
    "The SDK names files after the task, so the second overwrites the first, and the server tells tasks "
    "apart by their slug alone.",
    '@kbench.task(name="My task")\ndef first(llm): ...\n\n@kbench.task(name="my-task")\ndef second(llm): ...',
    '@kbench.task(name="My task")\ndef first(llm): ...\n\n@kbench.task(name="My other task")\ndef second(llm): ...',
    "{task} has the same name as {other} ({where}): {slug}.",
    "{remove}ive one of them another name.",
)
BARE = error(
    "KB107 bare-decorator",
    "The decorator is written without parentheses.",
    "`kbench.task` takes a name and returns the decorator. Without parentheses the function itself becomes "
    "the name, and `.run` does not exist.",
    "@kbench.task\ndef capital(llm): ...",
    "@kbench.task()\ndef capital(llm): ...",
    "{function} is decorated without parentheses, so it becomes the task's name.",
    "Write {instead}.",
)
EMPTY_SLUG = error(
    "KB109 no-slug",
    "The task's name has no letter or digit that a slug could be made of.",
    "The server finds a task by the slug of its name.",
    '@kbench.task(name="???")\ndef quiz(llm): ...',
    '@kbench.task(name="Quiz")\ndef quiz(llm): ...',
    "The name {name!r} gives no slug.",
    "Give the task a name with letters or digits.",
)
MIXED = warning(
    "KB112 mixed-alphabets",
    "A word of the task's name mixes Latin letters with Cyrillic or Greek ones that look like them.",
    "It reads like another name and gives another slug, so it is neither found nor told apart. Words that are "
    "wholly in one alphabet are fine.",
    '@kbench.task(name="Qu\u0456z")  # the third letter is Cyrillic\ndef quiz(llm): ...',
    '@kbench.task(name="Quiz")\ndef quiz(llm): ...',
    "In the task's name {name!r}, letter {number} of {word!r} is {letter} ({code}), among {others} letters.",
    "Type that letter anew, in the alphabet of its word.",
)
# Cyrillic and Latin are never mixed in one word; Greek letters are, as signs (alpha), but for those that look Latin.
_LOOK_LATIN = frozenset(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
)


def check(check: Check) -> None:
    """Report everything this group has to say."""
    _syntax(check)
    _bare(check)
    if not check.program.broken:
        _no_task(check)
    _names(check)


def _syntax(check: Check) -> None:
    for cell in check.program.cells:
        if cell.problem is not None:
            what, said = cell.problem, ("", "")
            if what.unread:
                said = (
                    f"This cell is too large to check statically: {what.message}.",
                    "Put magics into cells of their own.",
                )
            check.on_line(SYNTAX, cell, what.line, *said, problem=what.message)
    for cell, magic in check.program.magics:
        if magic.name.startswith("%"):
            message = f"%{magic.name} is not the first line of its cell, so IPython does not know it."
            hint = f"Move %{magic.name} to the top of the cell, above comments."
            check.on_line(SYNTAX, cell, magic.line, message, hint)


def _bare(check: Check) -> None:
    for bare in check.tasks.bare:
        made = bare.decorator
        called = f"{written(made.func)}()({bare.function})" if isinstance(made, ast.Call) else ""
        instead = called or f"@{written(made)}()"
        check.at(BARE, bare.place, node=made, function=bare.function, instead=instead)


def _no_task(check: Check) -> None:
    tasks = check.tasks
    if tasks.stored or tasks.bare:
        return
    if tasks.all:
        names = list(dict.fromkeys(task.label for task in tasks.all))
        # One finding, for one task needs to be stored: most likely the last, which runs the others.
        have = "has" if len(names) == 1 else "have"
        check.on_task(NO_TASK, tasks.all[-1], names=", ".join(names), have=have)
        return
    imports_sdk = any("kaggle_benchmarks" in cell.source.text for cell in check.program.cells)
    unseen = tasks.maybe_tasks or tasks.unresolved_run or check.program.opaque_from < len(check.program.cells)
    unseen = unseen or _imports_unknown(check)
    hint = "Put @kbench.task() above the function that asks the model, and run it with NAME.run(kbench.llm)."
    hint += "" if imports_sdk else " Start with: import kaggle_benchmarks as kbench"
    message = "No cell defines a task that can be seen without running the notebook."
    check.on_notebook(NO_TASK, message if unseen else "No cell defines a task.", hint, sure=not unseen)


def _imports_unknown(check: Check) -> bool:
    """Whether a folder is put on the path, and a module not known here imported: it may define and run a task."""
    if "sys.path" not in check.program.text:
        return False
    names = {name for cell in check.program.cells for node in ast.walk(cell.tree) for name in imported(node)}
    names -= sys.stdlib_module_names | {"kaggle_benchmarks"}
    return not all(is_installed(name, check, check.folder or Path.cwd()) for name in names)


def _names(check: Check) -> None:
    seen: dict[str, list[Task]] = defaultdict(list)
    for task in check.tasks.stored:
        if task.name is None:
            continue
        if mixed := _mixed(task.name):
            check.on_task(MIXED, task, name=task.name, **mixed)
        if not task.slug:
            check.on_task(EMPTY_SLUG, task, name=task.name)
            continue
        keys = ("slug " + task.slug, "file " + file_name(task.name).lower())
        earlier = [other for key in keys for other in seen[key]]
        if earlier:
            _same(check, task, earlier[0])
        for key in keys:
            seen[key].append(task)


def _mixed(name: str) -> dict[str, Any]:
    """Tell the first letter that is of another alphabet than its word, or nothing."""
    for word in re.findall(r"[^\W\d_]+", name):
        alphabets = [unicodedata.name(letter, "").partition(" ")[0] for letter in word]
        latin = alphabets.count("LATIN")
        odd = [
            n
            for n, alphabet in enumerate(alphabets)
            if alphabet == "CYRILLIC" or (alphabet == "GREEK" and word[n] in _LOOK_LATIN)
        ]
        if not latin or not odd:
            continue
        others, first = ("Latin", odd[0])
        if latin < len(odd):
            others, first = alphabets[odd[0]].title(), alphabets.index("LATIN")
        letter = unicodedata.name(word[first]).capitalize()
        code = f"U+{ord(word[first]):04X}"
        return {"word": word, "number": first + 1, "letter": letter, "code": code, "others": others}
    return {}


def _same(check: Check, task: Task, other: Task) -> None:
    cell = other.place.cell
    line = cell.original_line(cell.text_line(getattr(other.node, "lineno", 1)))
    where = f"cell {cell.source.ref.number}, line {line}"
    redefined = other.function is not None and task.label == other.label
    # A task that is written again further down, as one does while trying things, is lost only if it was
    # run as well: then the later run overwrites the earlier one's file.
    lost = bool(task.runs and other.runs) and not (redefined and _shared_runs(task, other))
    remove = "Remove the earlier definition, or g" if redefined else "G"
    sure = (lost or not redefined) and all(check.program.sure(one.place) for one in (task, other))
    check.on_task(SAME_SLUG, task, sure=sure, other=other.label, where=where, slug=task.slug, remove=remove)


def _shared_runs(task: Task, other: Task) -> bool:
    return {id(run.place.node) for run in task.runs} == {id(run.place.node) for run in other.runs}

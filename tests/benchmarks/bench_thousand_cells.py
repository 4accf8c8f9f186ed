"""Task source and static findings of a notebook of 1,000 cells, beside the official client's look at the text.

The official client only finds the tasks' names in it; ours builds that text from the cells, maps its lines
back, and checks every rule.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

from sides import in_turns, report

CELLS, ROUNDS = 1_000, 9

_PROSE = """\
## Part {n}

What the answers to question {n} should look like, and *why*: see `ask_{n}` below.
"""
_HELPER = '''\
def ask_{n}(llm, question: str, *, tries: int = 3) -> str:
    """Ask until there is an answer that is not empty."""
    for attempt in range(tries):
        answer = llm.prompt(f"{{question}} (try {{attempt}})"{more}).strip()
        if answer and not answer.startswith("#"):
            return answer
    return "none"
'''
_DATA = """\
# Questions of part {n}
questions_{n} = [
    {{"question": "What is {n} + 1?", "answer": str({n} + 1)}},
    {{"question": "Is {n} even?", "answer": "yes" if {n} % 2 == 0 else "no"}},
]
rows = [(row["question"], row["answer"]) for row in questions_{n}]
print(f"{{len(rows)}} questions in part {n}")
"""
_MAGIC = "%matplotlib inline\nfiles = !ls\nprint(len(files), {n})"
_KINDS = (("markdown", _PROSE), ("code", _HELPER), ("code", _DATA))
#: A cell in so many holds magics, which percent format may lose: such cells are read back, to be sure.
_FEW, _MANY = 20, 4
_TASK = """\
@kbench.task(name="A thousand cells")
def a_thousand_cells(llm) -> bool:
    answer = ask_{n}(llm, "What is 1 + 1?")
    kbench.assertions.assert_in("2", answer, expectation="Adds up")
    return "2" in answer


a_thousand_cells.run(kbench.llm)
"""


def cells(notebook: int = 0, magics: int = _FEW, edit: int = 0, more: str = "") -> list[dict[str, Any]]:
    """Return a notebook's cells: prose, functions, data, magics, and one task.

    No two notebooks have more than their magics in common; two edits of one differ in the first cell. `more` is what
    each prompt is given beside its text: then rules have to look into every third cell.
    """
    texts = [("code", f"import kaggle_benchmarks as kbench  # edit {edit}")]
    while len(texts) < CELLS - 1:
        kind, text = ("code", _MAGIC) if len(texts) % magics == 0 else _KINDS[len(texts) % len(_KINDS)]
        texts.append((kind, text.format(n=CELLS * notebook + len(texts), more=more)))
    texts.append(("code", _TASK.format(n=CELLS * notebook + 1)))
    return [
        {"cell_type": kind, "id": f"cell-{n}", "source": text, "metadata": {}}
        for n, (kind, text) in enumerate(texts)
    ]


def sides() -> dict[str, Callable[[], float]]:
    """Return what is measured; each but one works on a notebook nobody has seen, so that nothing is remembered."""
    from kbench_jupyter.notebook.build import task_source
    from kbench_jupyter.notebook.pushed import push_notebook
    from kbench_jupyter.validation import check

    # Importing the official client looks for credentials, and says so when there are none.
    os.environ.update(HOME=os.devnull, KAGGLE_CONFIG_DIR=os.devnull)
    with contextlib.redirect_stdout(io.StringIO()):
        from kaggle.api.kaggle_api_extended import KaggleApi
    fresh = itertools.count()

    def source(notebook: list[dict[str, Any]]) -> Any:
        return task_source(notebook, origin="the notebook")

    def checked(notebook: list[dict[str, Any]]) -> Any:
        return check(source(notebook), task="a-thousand-cells")

    def timed(
        work: Callable[[Any], object],
        prepare: Callable[[Any], Any] = lambda given: given,
        make: Callable[[int], Any] = cells,
    ) -> Any:
        def run() -> float:
            given = prepare(make(next(fresh)))
            start = time.perf_counter()
            work(given)
            return time.perf_counter() - start

        return run

    def text(notebook: list[dict[str, Any]]) -> str:
        return str(source(notebook).text)

    first = source(cells())
    names = KaggleApi._get_task_names_from_file(first.text)
    print(f"{CELLS:,} cells, {len(first.lines):,} lines; {len(check(first))} findings; official: {names}")
    return {
        "task source and static findings": timed(checked),
        "  again, after one cell was edited": timed(checked, make=lambda n: cells(edit=n)),
        "  with a schema in every third cell": timed(checked, make=lambda n: cells(n, more=", schema=str")),
        f"  with magics in every {_MANY}th cell": timed(checked, make=lambda n: cells(n, _MANY)),
        "  the task source alone": timed(source),
        "official: task names in the same text": timed(KaggleApi._get_task_names_from_file, text),
        "the notebook that is pushed": timed(push_notebook, source),
        "official: the same": timed(KaggleApi._convert_py_to_notebook, text),
    }


def main() -> None:
    """Print medians."""
    report(in_turns(sides(), ROUNDS))


if __name__ == "__main__":
    main()

"""Make the notebooks that teach a pattern from the patterns that ``%kbench new`` hands out.

    python notebooks/build.py

One source, two uses: edit ``kbench_jupyter/patterns/NAME.py``, then run this. A test holds that nobody
forgot. The other notebooks of this folder are edited as they are.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kbench_jupyter.actions.new import NAMES, Pattern, read_pattern

HERE = Path(__file__).parent

SET_UP = """\
**Set up.** The embedded server runs tasks on this machine, without an account. For Kaggle leave out the second
line."""
SMALL = """ Its model is small and often wrong. Nothing below depends on a right answer: telling is a benchmark's
job."""
LARGER = """

The small model of the embedded server cannot do this, or not well. Another one comes from Kaggle, or from an
endpoint of yours (see [own-endpoint.ipynb](own-endpoint.ipynb)): name it in `.env` as `LLM_DEFAULT=...` before you run
this cell."""
LOAD = """\
%load_ext kbench_jupyter
%kbench target local
%kbench init --no-example"""
TASK = "**The task.** `%kbench new {name}` puts this cell into a notebook of yours."
VALIDATE = """\
**Validate.** The rules are checked, then the notebook runs once in a fresh kernel, as the server will run it.
If you like what you see, go on with `%kbench push --wait`."""


def notebook(stem: str, *cells: tuple[str, str], **about: str) -> nbformat.NotebookNode:
    """Return a notebook without outputs.

    A cell's id says where it belongs; `about` is for execute.py. Cells are "markdown", "code", or "skip": code that
    is not part of the task.
    """
    made = new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    if about:
        made.metadata["kbench"] = about
    for number, (kind, text) in enumerate(cells):
        new_cell = new_markdown_cell if kind == "markdown" else new_code_cell
        tags = {"tags": ["kbench-skip"]} if kind == "skip" else {}
        made.cells.append(new_cell(text, id=f"{stem}-{number:02}", metadata=tags))
    return made


def teaching(pattern: Pattern) -> nbformat.NotebookNode:
    """Return the notebook that teaches a pattern."""
    cells = (
        ("markdown", pattern.intro),
        ("markdown", SET_UP + (LARGER if pattern.needs else SMALL)),
        ("code", LOAD),
        ("markdown", TASK.format(name=pattern.name)),
        ("code", pattern.code),
        ("markdown", VALIDATE),
        ("code", "%kbench validate"),
        ("markdown", pattern.outro),
    )
    about = {"stand_in": "default"} if pattern.needs else {}
    return notebook(pattern.name, *cells, **about)


def text_of(made: nbformat.NotebookNode) -> str:
    """Return a notebook as it is written to its file."""
    return nbformat.writes(made) + "\n"


def main() -> None:
    """Write the notebook of each pattern."""
    for name in NAMES:
        (HERE / f"{name}.ipynb").write_text(text_of(teaching(read_pattern(name))), encoding="utf-8")


if __name__ == "__main__":
    main()

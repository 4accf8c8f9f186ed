"""Probes for notebooks that a program executes: nbconvert, papermill, ``jupyter execute``, nbclient.

They tell the kernel no path, and no ids of cells. Two things can be known: which notebook the program itself
was told (on its command line, or by papermill's ``PAPERMILL_INPUT_PATH``), and what has been run so far. A
notebook that the program was told counts if it begins with what was run. One that only lies in the working
directory could be another that begins the same, so it counts when all of its code has been run, and what is
pushed is what was run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.executed import answers_click
from kbench_jupyter.notebook.files import read_notebook
from kbench_jupyter.notebook.leave_out import keep
from kbench_jupyter.notebook.probes import Answer, Surroundings
from kbench_jupyter.notebook.source import CellRef

MAX_CANDIDATES = 500  # notebooks in a working directory; a folder with more is nobody's project
_Code = list[tuple[str, list[str]]]  # of each code cell its text and tags
_CONVERTED = ".nbconvert"  # what nbconvert puts into the name of a notebook that it writes
_INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds
_NAME_IT = "name it with -f FILE or %env KBENCH_NOTEBOOK=FILE"


def session_name(around: Surroundings) -> Answer | str:
    """Answer from ``JPY_SESSION_NAME``, the path under which the kernel was started.

    A kernel that a notebook's own code starts (nbconvert, papermill) inherits the variable of the outer
    one. So where the front end names no cells, it counts only if the program that started this kernel does
    not have it, and all that was run must stand in the file.
    """
    value = around.env.get("JPY_SESSION_NAME")
    if not value:
        return "not set"
    path = around.cwd / value
    if path.suffix != ".ipynb":
        return f"{value} is not a notebook"
    if not path.is_file():
        return f"{path} does not exist (any more): renamed since?"
    if not (around.running and around.running.shown):
        if _environment_of_program().get("JPY_SESSION_NAME") == value:
            return f"{path} is the notebook of the kernel that started this one"
        if not set(_history(around.shell)) <= {source for source, _ in _pushed_of(path)}:
            return f"what was run does not stand in {path}"
    return Answer(path, shown=True)


def program(around: Surroundings) -> Answer | str:
    """Answer with the notebook that the program which executes this kernel was told to execute."""
    ran = _ran_by_program(around)
    if isinstance(ran, str):
        return ran
    told = _told(around)
    if not told:
        return "the program that runs this kernel was told no notebook by name"
    begun = _begun({path.resolve(): path for path in told if path.is_file()}.values(), ran)
    if len(begun) == 1 or (begun and _alike(begun.values())):
        return Answer(next(iter(begun)))
    names = ", ".join(dict.fromkeys(path.name for path in told))
    if begun:
        return f"the program that runs this kernel was told {names}, which begin alike: {_NAME_IT}"
    return f"the program that runs this kernel was told {names}, which does not begin with what was run"


def working_directory(around: Surroundings) -> Answer | str:
    """Answer with the notebook in the working directory all of whose code has been run."""
    ran = _ran_by_program(around)
    if isinstance(ran, str):
        return ran
    if _told(around):
        return "the program that runs this kernel was told another notebook"
    begun = _begun(sorted(around.cwd.glob("*.ipynb"))[:MAX_CANDIDATES], ran)
    if not begun:
        return f"no notebook in {around.cwd} begins with what has been run"
    own = _without_copies(begun)
    if len(own) > 1:
        names = ", ".join(path.name for path in own[:5])
        return f"{len(own)} notebooks in {around.cwd} begin with what has been run ({names}): {_NAME_IT}"
    if any(holds_code(source) for source, _ in begun[own[0]][len(ran) :]):
        return f"{own[0].name} begins with what has been run, and another could begin the same: {_NAME_IT}"
    return Answer(own[0])


def holds_code(text: str) -> bool:
    """Whether any of a cell's text would be part of the task; a lone ``%kbench push`` is not."""
    try:
        return bool(keep(text, CellRef(0)).text.strip())
    except NotebookError:  # what would be refused is something
        return True


def _ran_by_program(around: Surroundings) -> list[str] | str:
    ran = _history(around.shell)
    if not hasattr(around.shell, "kernel") or not ran:
        return "no kernel that executes a notebook"
    if answers_click(around.shell) or (around.running and around.running.shown):
        return "the front end has a document of its own, which is not this guess"
    return ran


def _begun(paths: Any, ran: list[str]) -> dict[Path, _Code]:
    """Read notebooks, and keep those that begin with what was run: as they are, or with papermill's cell."""
    injected = [i for i, text in enumerate(ran) if text.startswith("# Parameters\n")][:1]
    own = [text for i, text in enumerate(ran) if i not in injected]
    begun = {}
    for path in paths:
        code = _pushed_of(path)
        plain = [(source, tags) for source, tags in code if _INJECTED not in tags]
        if [source for source, _ in code[: len(ran)]] == ran:
            begun[path] = code
        elif injected and [source for source, _ in plain[: len(own)]] == own:
            begun[path] = plain
    return begun


def _alike(codes: Iterable[_Code]) -> bool:
    first, *rest = codes
    return all(code == first for code in rest)


def _without_copies(begun: dict[Path, _Code]) -> list[Path]:
    """Leave out what nbconvert wrote; of notebooks that are alike in all that is pushed, keep one.

    Without this, executing a notebook a second time would find the first time's output beside it.
    """
    written = {f"{path.stem}{_CONVERTED}.ipynb" for path in begun}
    own = [path for path in begun if path.name not in written]
    if _alike(begun[path] for path in own):
        return [next((path for path in own if _CONVERTED not in path.name), own[0])]
    return own


def _history(shell: Any) -> list[str]:
    manager = getattr(shell, "history_manager", None)
    inputs = getattr(manager, "input_hist_raw", None) or []
    return [text.strip() for text in inputs[1:] if text.strip()]  # nbclient runs no empty cell


def _pushed_of(path: Path) -> _Code:
    """Return each code cell's text and tags, which may keep it out of the task."""
    try:
        cells = read_notebook(path).cells
    except NotebookError:
        return []
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    return [(cell.source.strip(), list(cell.metadata.get("tags", ()))) for cell in code]


# -- The program ---------------------------------------------------------------------------------------------


def _told(around: Surroundings) -> list[Path]:
    """Notebooks that the program was told, whether there are such files or not; without papermill's output."""
    user_ns = getattr(around.shell, "user_ns", None) or {}
    papermills = user_ns.get("PAPERMILL_INPUT_PATH") or around.env.get("PAPERMILL_INPUT_PATH")
    names = [papermills] if isinstance(papermills, str) else list(_named_by_program())
    # A program may change its folder (papermill --cwd), or be started in another (PWD stays as it was).
    folders = [Path(_of_program("cwd") or around.cwd), around.cwd]
    if (shells := _environment_of_program().get("PWD")) is not None:
        folders.append(Path(shells))
    told = [folder / name for name in names for folder in folders]
    return [path for path in told if path.is_file()] or [Path(name) for name in names]


def _named_by_program() -> Iterator[str]:
    line = _of_program("cmdline") or []
    is_papermill = any(Path(word).stem == "papermill" for word in line[:4])
    for before, word in itertools.pairwise(line):
        if word.endswith(".ipynb") and before != "--output":
            yield word
            if is_papermill:  # the next one is its output
                return


def _environment_of_program() -> dict[str, str]:
    return dict(_of_program("environ") or {})


def _of_program(what: str) -> Any:
    """Ask for something of the process that started this one; None where the system does not tell."""
    try:
        import psutil  # ipykernel brings it

        return getattr(psutil.Process().parent(), what)()
    except Exception:  # noqa: BLE001 -- no such package, no such process, no right to look
        return None

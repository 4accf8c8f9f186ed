"""One code cell as Python sees it: parsed alone, with IPython's syntax understood and lines mapped back.

Most cells of a notebook are plain Python that no rule is interested in. Such a cell is read by the
compiler's symbol table only, which costs a third of building its syntax tree; `Cell.tree` is built when
somebody asks for it. IPython's transformer is slow, so it sees only cells that are not Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kbench_jupyter.notebook.ipython_syntax import TooMuchSyntaxError
from kbench_jupyter.validation.reading.ipython_syntax import line_by_line, transformed
from kbench_jupyter.validation.reading.names import NameTable, read_names, words

if TYPE_CHECKING:
    from kbench_jupyter.notebook.source import SourceCell

# Cell magics whose body is Python that runs in the notebook's own namespace, and those whose body is
# Python or anything else that leaves no names behind. Every other cell magic may do what it likes.
PYTHON_CELL_MAGICS = words("time capture prun memit mprun lprun debug")
CONTAINED_PYTHON_MAGICS = words("timeit")
FOREIGN_CELL_MAGICS = words(
    "bash sh script system sx ! cmd html HTML javascript js latex markdown svg SVG writefile file perl"
    " ruby python python2 python3 pypy"
)
# Line magics that define no names, so that what a notebook defines stays known.
HARMLESS_LINE_MAGICS = words(
    "alias alias_magic autoawait autocall automagic autoreload autosave bookmark cat cd choose autopilot"
    " clear cls colors conda config connect_info cp debug dhist dirs doctest_mode env set_env history hist"
    " killbgscripts ldir less lf lk ll logstart logstop ls lsmagic lx magic man matplotlib mkdir mv more"
    " notebook page pastebin pdb pdef pdoc pfile pinfo pinfo2 pip uv popd precision prun psearch psource pushd"
    " pwd pycat qtconsole quickref rehashx reload_ext load_ext unload_ext rep rm rmdir save sc system sx tb"
    " time timeit unalias who who_ls whos xmode micromamba mamba kbench memit watermark subshell"
)
# Those that may define names are known without their percent sign as well.
_MAGIC_WORDS = HARMLESS_LINE_MAGICS | words(
    "ed edit gui load loadpy macro pylab recall rerun reset reset_selective run store xdel"
)
# What may be a magic without its percent sign: to give a name a value never is.
_AUTOMAGIC = re.compile(r"(\w+)(?:\s++(?!=)|\Z)")

_CELL_MAGIC = re.compile(r"%%(\S+)(.*)")
# `%time f()` runs f() in the notebook's namespace: what stands behind it is read as the line itself.
_TIMED_LINE = re.compile(
    r"^([ \t]*)%(?:time|timeit|prun|memit)[ \t]+(?:-\w+[ \t]*\d*[ \t]+)*(?=\S)", re.MULTILINE
)
# What the symbol table does not object to, and the code generator may: control words outside of a function or
# a loop, `await` in a plain function, stars on the left, `except:` that is not last, names bound twice by a
# pattern, a late `from __future__`.
_CONTROL_WORDS = ("break", "continue", "yield", "await", "async", "__future__")
_MAY_NOT_COMPILE = re.compile(
    r"\n[ \t\f]*+(?:case\b|except\s*+:|\*\w++\s*+,?+\s*+=)|\*\w++[ \t]*+,[\w., \t]*+\*\w++[\w., \t]*+=(?!=)"
)
# `return` is in most cells, under a `def`: it may stand outside of one only in another block of the cell's own.
_BLOCK_AT_TOP = re.compile(
    r"\n(?:return|if|for|while|with|try|else|elif|except|finally|match|class)\b|;[ \t]*return\b"
)
_PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Magic:
    """A magic or a shell escape: its name (``"!"`` for the shell), its argument and its line in the cell.

    One that is called by name may stand in a branch or a ``try``: then it is not `sure`.
    """

    name: str
    argument: str
    line: int
    cell_magic: bool = False
    sure: bool = True


@dataclass(frozen=True)
class SyntaxProblem:
    """Why a cell is not Python: a message and a line of the cell's text, from 1; or why nobody can tell."""

    message: str
    line: int
    unread: bool = False


@dataclass(eq=False, repr=False)
class Cell:
    """A code cell, parsed once.

    `number` is its position among the code cells that are checked, from 0. `python` is what Python executes: nothing
    of a cell in another language, and what IPython made of one that is `transformed`; `lines` says for each line of
    it which line of the cell's text it is, unless they are the same. `magics` are cell magics: line magics and
    shell escapes are calls in `tree`. A cell with a `problem` is not Python; one that is `opaque` may define names
    that cannot be seen.
    """

    source: SourceCell
    number: int
    python: str = ""
    names: NameTable = field(default_factory=NameTable)
    magics: tuple[Magic, ...] = ()
    problem: SyntaxProblem | None = None
    opaque: bool = False
    transformed: bool = False
    lines: list[int] | None = None

    @cached_property
    def text_lines(self) -> list[str]:
        """The lines of the cell's text, as the task source counts them."""
        return self.source.text.split("\n")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of `python`, empty when there is none."""
        try:
            return ast.parse(self.python)
        except _PARSE_ERRORS:
            return ast.Module(body=[], type_ignores=[])

    def text_line(self, python_line: int) -> int:
        """Return the line of the cell's text that a line of `python` stands for, from 1."""
        return python_line if self.lines is None else _nth(self.lines, python_line, 1)

    def original_line(self, text_line: int) -> int:
        """Return the line in the user's cell that a line of the cell's text came from, from 1."""
        # Python ends lines where nobody sees it, at a lone carriage return.
        return _nth(self.source.lines, text_line, text_line)


def _nth(lines: Sequence[int], line: int, default: int) -> int:
    """What a line (from 1) of a map of lines stands for, as near as there is one."""
    return lines[min(max(line, 1), len(lines)) - 1] if lines else default


def read_cells(sources: Iterable[SourceCell]) -> list[Cell]:
    """Read the code cells of one notebook; see `read_cell`.

    A cell such as ``ls -l`` is what IPython makes of it: a magic, unless the notebook gives its word a meaning.
    """
    cells = [read_cell(source, number) for number, source in enumerate(sources)]
    defined = {name for cell in cells for name in cell.names.defined}
    return [_automagic(cell, defined) or cell for cell in cells]


def read_cell(source: SourceCell, number: int) -> Cell:
    """Read one code cell alone. Never raises: what cannot be read becomes `Cell.problem`.

    Parameters
    ----------
    source : SourceCell
        A cell of kind ``"code"``.
    number : int
        Its position among the code cells, from 0.
    """
    cell = Cell(source, number)
    text = source.text
    if "%%" in text and text.lstrip("\n\r \t").startswith("%%"):
        text = _take_cell_magics(cell, text)
        if not text.strip():
            return cell
    cell.python = text
    try:
        cell.names = _names_of(text)
    except _PARSE_ERRORS as plain:
        _read_ipython(cell, text, plain)
    if any(magic.name in CONTAINED_PYTHON_MAGICS for magic in cell.magics):
        cell.opaque = True
    return cell


def _names_of(python: str) -> NameTable:
    """Return the names of Python that compiles, and raise what the compiler raises for other text."""
    names = read_names(python)
    if _may_not_compile(python):
        compile(python, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return names


def _may_not_compile(text: str) -> bool:
    """Whether Python that parses needs a look by the code generator, which would double the time of a cell."""
    if any(word in text for word in _CONTROL_WORDS):
        return True
    if ("*" in text or "case" in text or "except" in text) and _MAY_NOT_COMPILE.search("\n" + text):
        return True
    return "return" in text and _BLOCK_AT_TOP.search("\n" + text) is not None


def _take_cell_magics(cell: Cell, text: str) -> str:
    """Note the magics at the top of a cell, and return the Python under them with its lines in place."""
    lines = text.split("\n")
    magics: list[Magic] = []
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        match = _CELL_MAGIC.match(line.strip() if not magics else line)
        if match is None:
            break
        name, argument = match[1], match[2].strip()
        magics.append(Magic(name, argument, index + 1, cell_magic=True))
        lines[index] = ""
        if name not in PYTHON_CELL_MAGICS and name not in CONTAINED_PYTHON_MAGICS:
            # The body is another language's, or that of a magic nobody here knows.
            cell.opaque = name not in FOREIGN_CELL_MAGICS or "--out" in argument or "--err" in argument
            lines = []
            break
        if name == "capture":
            for word in argument.split():
                if word.isidentifier():
                    lines[index] = f"{word} = object()"
    cell.magics = tuple(magics)
    return "\n".join(lines)


def _read_ipython(cell: Cell, text: str, plain: BaseException) -> None:
    """Read a cell that is not plain Python: through IPython's transformer, or as a syntax problem."""
    cell.python = ""
    text = _TIMED_LINE.sub(r"\1", text)
    if _read_line_by_line(cell, text):
        return
    try:
        made, cell.lines = transformed(text)
        python = "\n".join(made)
        cell.transformed = True
        cell.names = _names_of(python)
        cell.python = python
    except _PARSE_ERRORS as error:
        cell.problem = _problem(error, cell)
    except TooMuchSyntaxError:
        cell.problem = SyntaxProblem(
            "it has too many magics and other lines of IPython's own", 1, unread=True
        )
    except Exception:  # noqa: BLE001 - the transformer is another project's; odd text must not break ours
        cell.problem = _problem(plain, cell)


def _read_line_by_line(cell: Cell, text: str) -> bool:
    """Read a cell whose magics stand in lines of their own, as most do; anything else takes its time."""
    try:
        python = line_by_line(text)
        if python is None:
            return False
        cell.names = _names_of(python)
    except Exception:  # noqa: BLE001 - what is odd about it is for the whole cell's transformation to say
        return False
    cell.python = python
    cell.transformed = True
    return True


def _automagic(cell: Cell, defined: Set[str]) -> Cell | None:
    """Return a cell of one line as the magic that IPython takes it for without its percent sign, if it does."""
    text = cell.source.text
    line = text.strip()
    match = _AUTOMAGIC.match(line)
    if "\n" in line or match is None or match[1] in defined or match[1] not in _MAGIC_WORDS:
        return None
    above = text[: text.index(line)].count("\n")
    return Cell(cell.source, cell.number, magics=(Magic(match[1], line[match.end() :], above + 1),))


def _problem(error: BaseException, cell: Cell) -> SyntaxProblem:
    """Turn a parser's exception into a message and a line of the cell's text."""
    line = (error.lineno or 1) if isinstance(error, SyntaxError) else 1
    if isinstance(error, SyntaxError):
        message = error.msg or "invalid syntax"
    elif isinstance(error, RecursionError | MemoryError):
        message = "nested too deeply for Python to parse"
    else:
        message = str(error).split("\n", 1)[0]
    return SyntaxProblem(message, min(max(cell.text_line(line), 1), len(cell.text_lines)))

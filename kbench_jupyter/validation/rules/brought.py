"""What a notebook brings to the server itself: what it names twice, writes, makes or downloads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import last_name
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place, Scope
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.rules.built_paths import Built, built, is_builder
from kbench_jupyter.validation.rules.paths import is_own_function, is_reader, of_a_path, own_machine
from kbench_jupyter.validation.rules.shell import brings_files, commands

# Anything of these may bring files that nobody can see here.
_BRINGS_FILES = re.compile(
    r"\b(?:urlretrieve|snapshot_download|hf_hub_download|kagglehub|dataset_download|wget|curl|git\s+clone|subprocess"
    r"|extractall|unzip|tarfile|zipfile|shutil|os\.system|os\.(?:popen|rename|replace|link|symlink)|copyfile|urlopen|gdown"
    r"|(?:requests|httpx)[ \t]*(?:\.|as\b|import\b))\b"
)
# Where these have been, a relative path is that of another folder.
_CHANGES_FOLDER = re.compile(r"\bchdir\b|%cd\b")
_BRINGING_MAGICS = words("cp mv copy file run script python python2 python3 pypy perl ruby R")
# Of these it is known that they write to what they are given, even when nothing of its name can be seen.
_WRITERS = words(
    "open write_text write_bytes touch save savez savez_compressed savefig imsave imwrite savetxt tofile to_csv to_json"
    " to_parquet to_excel to_feather to_pickle to_hdf to_stata to_xml to_html to_markdown to_latex to_orc write_csv"
    " write_json write_ndjson write_parquet write_ipc"
)
_WRITERS_OF_SECOND = frozenset({"torch.save", "joblib.dump"})
_FILE_KEYWORDS = words("path_or_buf path file fp fname filename file_name filepath excel_writer excel_buffer")
_MAY_WRITE = re.compile(
    r"""(?:save|write|open\(|\bto_|mkdir|makedirs|touch|dump|tofile|\.[A-Za-z]\w{0,7}['"])"""
)
_FILE_TYPE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}\Z")
_HERE = re.compile(r"\A(?:\./|/kaggle/working/)+")


class Brought:
    """What a notebook may bring to the server itself."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known = -1
        self._found: set[Built] = set()

    def __contains__(self, path: str) -> bool:
        name = re.split(r"[\\/]", path)[-1]
        if self._program.text.count(name) > 1 or self._anything:
            return True
        relative = _HERE.sub("", path)
        return any(written.may_be(relative) for written in self._written(relative))

    def folder_before(self, folder: str, cell: Cell, line: int) -> bool:
        """Whether something may have made a folder, as a command has it, before a line of a cell has run."""
        if own_machine(folder) and folder[:1] != "~":
            return False
        name = folder.removeprefix("./").rstrip("/")
        at = (cell.number, line)
        if any((c.cell.number, c.line) <= at and brings_files(c.text) for c in commands(self._program)):
            return True
        for written, magic in self._program.magics:
            if magic.name in ("writefile", "file") and written.number < cell.number:
                target = magic.argument.split()[-1:] or [""]
                if name == "." or target[0].removeprefix("./").startswith(f"{name}/"):
                    return True
        earlier = [c.source.text for c in self._program.cells[: cell.number]] + cell.text_lines[: line - 1]
        if any(_BRINGS_FILES.search(text) for text in earlier):
            return True
        return any(f"{written.start}/".startswith(f"{name}/") for written in self._written(name))

    @cached_property
    def _anything(self) -> bool:
        program = self._program
        return (
            _BRINGS_FILES.search(program.text) is not None
            or _CHANGES_FOLDER.search(program.text) is not None
            or any(magic.name in _BRINGING_MAGICS for _, magic in program.magics)
            or any(brings_files(command.text) for command in commands(program))
        )

    def _written(self, path: str) -> set[Built]:
        """The paths and folders that are given to anything but a reader: it may write there."""
        program = self._program
        # A cell that writes files may be of no interest otherwise: asked for only when a file seems to be missing.
        folder = re.compile(rf"['\"](?:\./)?{re.escape(path.partition('/')[0])}\b")
        texts = [(cell.number, cell.source.text) for cell in program.cells]
        program.walk_with_users(n for n, text in texts if _MAY_WRITE.search(text) or folder.search(text))
        if self._known != len(program.index.calls):
            self._known = len(program.index.calls)
            self._found = set(_written_by_calls(program))
        return self._found


def _written_by_calls(program: Program) -> Iterator[Built]:
    """What is given to calls that may write to it, and the file names put together for later."""
    read: set[ast.AST] = set()
    named: list[Place[ast.Call | ast.JoinedStr | ast.BinOp]] = [*program.index.built]
    for place in list(program.index.calls):
        if is_reader(place, program):
            read.update(place.node.args)
        elif not is_builder(place.node, place.scope, program) and not is_own_function(place, program):
            yield from _given(place, program)
            if getattr(place.node.func, "attr", "") in ("format", "with_suffix", "with_name"):
                named.append(place)
    for made in named:
        if made.node not in read and _FILE_TYPE.search(built(made.node, made.scope, program).end):
            written = _seen(made.node, made.scope, program)
            if not written.complete:
                yield written


def _given(place: Place[ast.Call], program: Program) -> Iterator[Built]:
    """What a call may write to, as far as its paths can be seen."""
    call, func = place.node, place.node.func
    given: list[ast.expr] = [*call.args, *(keyword.value for keyword in call.keywords)]
    given += [func.value] if isinstance(func, ast.Attribute) else []
    targets = _targets(place, program)
    for node in given:
        written = _seen(node, place.scope, program)
        if written.start or written.complete or _FILE_TYPE.search(written.end):
            yield written
        elif node in targets:
            # Of other calls it cannot be told what they do with it. Some writers add the ending themselves.
            yield written._replace(end="")


def _targets(place: Place[ast.Call], program: Program) -> list[ast.expr]:
    """What names the file that a call surely writes to."""
    call, func = place.node, place.node.func
    name = last_name(func)
    if name in ("save", "dump") and dotted(func, place.scope, program) in _WRITERS_OF_SECOND:
        return call.args[1:2]
    if name not in _WRITERS:
        return []
    if isinstance(func, ast.Attribute) and (
        name in ("write_text", "write_bytes", "touch") or of_a_path(func, place, program)
    ):
        return [func.value]
    return [*call.args[:1], *(k.value for k in call.keywords if k.arg in _FILE_KEYWORDS)]


def _seen(node: ast.expr, scope: Scope, program: Program) -> Built:
    seen = built(node, scope, program)
    start = _HERE.sub("", seen.start)
    return seen._replace(start=start, end="" if start or seen.complete else seen.end)

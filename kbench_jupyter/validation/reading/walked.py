"""The cells of a task source, walked as far as they can matter.

The cells that can matter are found first: those that mention the SDK or something a rule asks about, then
those that use what these define, until nothing is added. All others are read by the symbol table only.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from kbench_jupyter.validation.reading.cells import HARMLESS_LINE_MAGICS, Cell, Magic
from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.scopes import Binding, Certainty, Scope, SiteIndex
from kbench_jupyter.validation.reading.value import SDK
from kbench_jupyter.validation.reading.walk import walk_cell

# What `from kaggle_benchmarks import *` brings that rules ask about.
STAR = words("task benchmark llm llms judge_llm assertions chats kaggle last_reasoning_traces ChatRoom tasks")
# A cell with none of these texts, that uses nothing such a cell defines, concerns no rule but those about
# names and secrets. Plain texts, because looking for them is ten times faster than a pattern.
_INTERESTING = tuple(
    words(
        "kaggle_benchmarks kbench_jupyter %kbench get_ipython import_module __import__ __future__ .run .evaluate"
        " .from_path .from_url /kaggle/input ../input input( getpass open( read_ Path( .load imread"
        " fromfile scan_ genfromtxt"
    )
)
_PROMPTS = (".prompt", ".respond", ".reply")
# A prompt that gives nothing but its text (no schema, no image, no tools) is as good as any other method.
_PLAIN_PROMPT = re.compile(
    r"""\.(?:prompt|respond)\(\s*(?:[\w.]+|[fFrR]{0,2}(?:"[^"\n\\]*"|'[^'\n\\]*'))\s*\)"""
)
_DYNAMIC_WORDS = (
    "import *",
    *words("exec( eval( globals locals user_ns builtins inject_into vars() sys.modules[ get_ipython()"),
)
_DYNAMIC = re.compile(
    r"import \*|(?<![.\w])(?:exec|eval|globals|locals)\(|user_ns|inject_into|\b__builtins__|\bbuiltins\b"
    r"|(?<![.\w])vars\(\)|sys\.modules\[(?:__name__|['\"]__main__)|get_ipython\(\)[\s\S]*\.(?:push|ex|run_cell)\("
)


class Walked:
    """What the walk over the cells of one task source found.

    `cells` are the code cells, in order, and `prose` the others, unparsed; `module` is the notebook's namespace, and
    `index` holds calls, reads, functions and strings. `constants` is what `constants_of` has found for names.
    """

    def __init__(self, cells: list[Cell], prose: list[Cell]) -> None:
        self.cells = cells
        self.prose = prose
        self.module = Scope("module")
        self.index = SiteIndex()
        self.constants: dict[str, list[object]] = {}
        self._walked: set[int] = set()
        self._defining: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            for name in cell.names.defined:
                self._defining[name].append(cell)
        self.walk_with_users(
            cell.number for cell in cells if cell.transformed or _is_interesting(cell.source.text)
        )

    def walk_with_users(self, numbers: Iterable[int]) -> None:
        """Walk cells, those that use what these define, those that use what these define, and so on."""
        chosen = set(numbers)
        using: dict[str, list[int]] = defaultdict(list)
        for cell in self.cells:
            for name in cell.names.mentioned:
                using[name].append(cell.number)
        todo = list(chosen)
        while todo:
            for name in _passed_on(self.cells[todo.pop()]):
                fresh = [user for user in using.pop(name, ()) if user not in chosen]
                chosen.update(fresh)
                todo.extend(fresh)
        for number in sorted(chosen):
            self._walk(self.cells[number])

    def _walk(self, cell: Cell) -> None:
        if cell.number not in self._walked:
            self._walked.add(cell.number)
            walk_cell(cell, self.module, self.index)

    def bindings(self, name: str, scope: Scope) -> list[Binding]:
        """Return what binds a name, as read in a scope: the innermost scope that binds it."""
        inner: Scope | None = scope
        while inner is not None and inner.kind != "module":
            # Functions in a class body do not see the class's names.
            if name in inner.bindings and (inner.kind != "class" or inner is scope):
                return inner.bindings[name]
            inner = inner.parent
        for cell in self._defining.get(name, ()):
            self._walk(cell)
        return self.module.bindings.get(name, [])

    def binding(self, node: ast.AST, scope: Scope) -> Binding | None:
        """Return the only binding of a name; None for one that has several, and for any other expression."""
        bindings = self.bindings(node.id, scope) if isinstance(node, ast.Name) else []
        return bindings[0] if len(bindings) == 1 else None

    @cached_property
    def first_defined(self) -> dict[str, int]:
        """The number of the first cell that defines each name."""
        return {name: cells[0].number for name, cells in self._defining.items()}

    @cached_property
    def text(self) -> str:
        """The text of all code cells."""
        return "\n".join(cell.source.text for cell in self.cells)

    @cached_property
    def broken(self) -> bool:
        """Whether a cell does not parse, so that it may hold whatever seems to be missing."""
        return any(cell.problem is not None for cell in self.cells)

    @cached_property
    def magics(self) -> list[tuple[Cell, Magic]]:
        """Every magic and shell escape: the notebook's own, and those called by name."""
        found = [(cell, magic) for cell in self.cells for magic in cell.magics]
        for place in self.index.calls:
            match place.node.func:
                case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method):
                    given = [a.value if isinstance(a, ast.Constant) else None for a in place.node.args]
                    line = place.cell.text_line(place.node.lineno)
                    called, sure = _called_magic(method, given, line), place.certainty == Certainty.SURE
                    found += [(place.cell, replace(magic, sure=sure)) for magic in called]
        return sorted(found, key=lambda pair: (pair[0].number, pair[1].line))

    @cached_property
    def opaque_from(self) -> int:
        """The first cell that may define names that cannot be seen, or the number of cells."""
        numbers = [cell.number for cell in self.cells if _is_opaque(cell)]
        for cell, magic in self.magics:
            if magic.name != "!" and not magic.cell_magic and magic.name not in HARMLESS_LINE_MAGICS:
                numbers.append(cell.number)
        return min(numbers, default=len(self.cells))


def _is_interesting(text: str) -> bool:
    """Whether a cell mentions the SDK, runs or prompts something in a way a rule asks about, or opens files."""
    if any(word in text for word in _INTERESTING):
        return True
    prompts = sum(text.count(word) for word in _PROMPTS)
    return prompts > 0 and prompts != len(_PLAIN_PROMPT.findall(text))


def _is_opaque(cell: Cell) -> bool:
    text = cell.source.text
    is_dynamic = any(word in text for word in _DYNAMIC_WORDS) and _DYNAMIC.search(text)
    return cell.opaque or cell.problem is not None or bool(is_dynamic)


def _called_magic(method: str, given: Sequence[object], line: int) -> list[Magic]:
    """The magic that a method of the shell runs."""
    match method, given:
        case (("run_line_magic" | "magic"), [str(name), *rest]):
            name, _, behind = name.partition(" ")
            return [Magic(name, str(rest[0]) if rest else behind, line)]
        case "run_cell_magic", [str(name), *_]:
            return [Magic(name, "", line)]
        case (("system" | "getoutput"), [str(command)]):
            return [Magic("!", command, line)]
    return []


def _passed_on(cell: Cell) -> set[str]:
    """The names a cell defines whose users matter as well: its own, and what it imports of the SDK."""
    found = cell.names.defined - cell.names.imported
    if SDK in cell.source.text:
        for node in ast.walk(cell.tree):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
                if f"{module}{alias.name}".startswith(SDK):
                    name = alias.name if module else alias.name.partition(".")[0]
                    found |= STAR if name == "*" else {alias.asname or name}
    return found

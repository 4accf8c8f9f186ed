"""Where a function may fall off its end, so that it gives None.

What cannot be told counts as an end that is not reached: a reader who knows better must not be told wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.parts import branches, last_name, managers
from kbench_jupyter.validation.reading.scopes import FUNCTIONS, Certainty
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Func, written

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope

_EXITS = words("sys.exit os._exit os.abort typing.assert_never")
_EXIT_NAMES = frozenset({"exit", "quit"})
# What a helper that raises tends to be called, where its own lines cannot be seen.
_RAISING = ("raise", "fail", "abort", "exit", "die", "unreachable", "never")
_OPPOSITES = (
    {ast.Eq, ast.NotEq},
    {ast.Is, ast.IsNot},
    {ast.In, ast.NotIn},
    {ast.Lt, ast.GtE},
    {ast.LtE, ast.Gt},
    {ast.LtE, ast.GtE},
    {ast.Lt, ast.Eq, ast.Gt},
)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def falls_off(scope: Scope, program: Program) -> ast.stmt | None:
    """Return the statement after which a function may end without a `return`, or None.

    Parameters
    ----------
    scope : Scope
        The function's own scope.
    """
    try:
        return _Endings(program, scope).after(getattr(scope.node, "body", []))
    except RecursionError:
        return None


class _Endings:
    """The look at one function's statements."""

    def __init__(self, program: Program, scope: Scope, depth: int = 0) -> None:
        self.program = program
        self.scope = scope
        self.depth = depth
        self._known: dict[int, ast.stmt | None] = {}

    def after(self, block: Sequence[ast.stmt]) -> ast.stmt | None:
        """Return the statement after which a block may be over, or None when it never is."""
        if id(block) not in self._known:
            self._known[id(block)] = self._after(block)
        return self._known[id(block)]

    def _after(self, block: Sequence[ast.stmt]) -> ast.stmt | None:
        tests: list[ast.expr] = []
        last: ast.stmt | None = None
        for statement in block:
            last = self.of(statement)
            if last is None:
                return None
            # An `if` that is passed by leaves its test false for those that follow.
            chain: list[ast.stmt] = [statement]
            while len(chain) == 1 and isinstance(chain[0], ast.If) and self.after(chain[0].body) is None:
                tests.append(chain[0].test)
                chain = chain[0].orelse
            if _cover_all(tests):
                return None
        return last

    def of(self, statement: ast.stmt) -> ast.stmt | None:
        """Return the statement after which this one may be over, or None when it never is."""
        match statement:
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                return None
            case ast.Assert(test=ast.Constant(value=value)):
                return statement if value else None
            case ast.Expr(value=ast.Call() as call):
                return None if self.never_returns(call) else statement
            case ast.If():
                return self.of_if(statement)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self.of_loop(statement)
            case ast.With() | ast.AsyncWith():
                return statement if managers(statement, "suppress") else self.after(statement.body)
            case ast.Try() | ast.TryStar():
                return self.of_try(statement)
            case ast.Match():
                return self.of_match(statement)
        return statement

    def of_if(self, node: ast.If) -> ast.stmt | None:
        then, otherwise = branches(node.test)
        sides = ((node.body, then), (node.orelse, otherwise))
        taken = [side for side, sure in sides if not sure & Certainty.DEAD]
        return node if any(not block or self.after(block) is not None for block in taken) else None

    def of_loop(self, node: ast.For | ast.AsyncFor | ast.While) -> ast.stmt | None:
        inside = list(_of_loop(node.body))
        leaves = any(isinstance(part, ast.Break) for part in inside)
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            return node if leaves else None
        # The last try of a loop of attempts raises: that it is the last cannot be seen.
        may_return = any(isinstance(part, ast.Return) for part in ast.walk(node))
        if may_return and any(isinstance(part, ast.Raise) for part in inside):
            return None
        if not leaves and node.orelse and self.after(node.orelse) is None:
            return None
        shown = isinstance(node, ast.For) and bool(getattr(node.iter, "elts", None))
        again = leaves or any(isinstance(part, ast.Continue) for part in inside)
        return None if shown and not again and self.after(node.body) is None else node

    def of_try(self, node: ast.Try | ast.TryStar) -> ast.stmt | None:
        if node.finalbody and self.after(node.finalbody) is None:
            return None
        blocks = [handler.body for handler in node.handlers]
        if self.after(node.body) is not None:
            blocks.append(node.orelse or node.body)
        return node if any(self.after(block) is not None for block in blocks) else None

    def of_match(self, node: ast.Match) -> ast.stmt | None:
        if any(self.after(case.body) is not None for case in node.cases):
            return node
        for case in node.cases:
            named = any(_is_member(part) for part in ast.walk(case.pattern))
            if named or (case.guard is None and _takes_all(case.pattern)):
                return None
        return node

    def never_returns(self, call: ast.Call) -> bool:
        """Whether a call that stands alone surely, or by its name, raises."""
        name = last_name(call.func)
        if name in _EXIT_NAMES or dotted(call.func, self.scope, self.program) in _EXITS:
            return True
        if self.program.values.sdk_path(call.func, self.scope):
            return False  # assert_fail as well: it is recorded, and the function goes on
        found = self.program.values.of(call.func, self.scope)
        if len(found) == 1 and isinstance(found[0], Func) and isinstance(found[0].scope.node, FUNCTIONS):
            callee = found[0].scope
            if self.depth > 3 or callee.returns or callee.lazy:
                return self.depth > 3
            return _Endings(self.program, callee, self.depth + 1).after(callee.node.body) is None  # type: ignore[union-attr]
        return name.lower().lstrip("_").startswith(_RAISING)


def _cover_all(tests: list[ast.expr]) -> bool:
    """Whether one of these tests holds whatever the values are, as far as can be seen."""
    texts = {written(test) for test in tests}
    compared: dict[tuple[str, str], set[type[ast.cmpop]]] = {}
    members: dict[str, int] = {}
    for test in tests:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and written(test.operand) in texts:
            return True
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = written(test.left), test.comparators[0]
            compared.setdefault((left, written(right)), set()).add(type(test.ops[0]))
            if isinstance(right, ast.Attribute) or getattr(right, "value", None) in (True, False):
                members[left] = members.get(left, 0) + 1
        elif isinstance(test, ast.Call) and getattr(test.func, "id", "") == "isinstance" and test.args:
            members[written(test.args[0])] = members.get(written(test.args[0]), 0) + 1
    # Two members of an Enum, two classes, True and False: they may be all there are.
    return any(count > 1 for count in members.values()) or any(
        opposite <= operators for operators in compared.values() for opposite in _OPPOSITES
    )


def _of_loop(block: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Go through the statements of a loop that are not of a loop or function of their own."""
    for statement in block:
        if isinstance(statement, ast.stmt):
            yield statement
        elif not isinstance(statement, ast.ExceptHandler | ast.match_case):
            continue
        if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            for found in _of_loop(ast.iter_child_nodes(statement)):
                # What leaves a loop within leaves that loop alone.
                if not (isinstance(statement, _LOOPS) and isinstance(found, ast.Break | ast.Continue)):
                    yield found


def _is_member(pattern: ast.AST) -> bool:
    """Whether a pattern is a class, a member of an Enum, or True, False or None: they may be all there are."""
    is_value = isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Attribute)
    return is_value or isinstance(pattern, ast.MatchClass | ast.MatchSingleton)


def _takes_all(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchOr):
        return any(_takes_all(part) for part in pattern.patterns)
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _takes_all(pattern.pattern))

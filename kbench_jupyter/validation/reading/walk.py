"""One walk over a cell's syntax tree.

The walk keeps no opinion. It records bindings, calls, attribute and name reads, returns and string
constants, each with the scope it stands in and how sure it is to be executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kbench_jupyter.validation.reading.parts import arguments, branches, last_name
from kbench_jupyter.validation.reading.scopes import Binding, Certainty, Function, Place, Scope, SiteIndex

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell

_Node = TypeVar("_Node", bound=ast.AST)
_Handler = TypeVar("_Handler", bound=Callable[..., None])
_DECIDED_BY_NAMES = (ast.Name, ast.UnaryOp, ast.BoolOp, ast.Compare)
_FILLING_METHODS = frozenset({"append", "add", "extend", "insert", "update", "setdefault", "appendleft"})
_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {}


def walk_cell(cell: Cell, module: Scope, index: SiteIndex) -> None:
    """Walk a cell's tree once and add what it holds to `module` and `index`."""
    _Walker(cell, index).run(cell.tree, module)


def _on(*kinds: type[ast.AST]) -> Callable[[_Handler], _Handler]:
    """Make a method of the walker the handler of some kinds of nodes."""

    def note(handler: _Handler) -> _Handler:
        _HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return note


class _Walker:
    """The walk, with a stack of its own: user code may nest deeper than Python's recursion limit."""

    def __init__(self, cell: Cell, index: SiteIndex) -> None:
        self.cell = cell
        self.index = index
        self.stack: list[tuple[ast.AST, Scope, int]] = []

    def run(self, tree: ast.AST, module: Scope) -> None:
        push_all = self.push_all
        stack = self.stack
        stack.append((tree, module, Certainty.SURE))
        while stack:
            node, scope, certainty = stack.pop()
            handler = _HANDLERS.get(type(node))
            if handler is None:
                push_all(node, scope, certainty)
            else:
                handler(self, node, scope, certainty)

    def push_all(self, node: ast.AST, scope: Scope, certainty: int) -> None:
        append = self.stack.append
        # By its fields alone: who has drawn a traceback (IPython does) may have left a `parent` on the nodes that
        # all trees share (`ast.Load`, `ast.Add`), and it leads around other trees for ever. Reversed, so that the
        # walk comes out in source order.
        for field in reversed(node._fields):
            value = getattr(node, field, None)
            if value.__class__ is list:
                for item in reversed(value):
                    if isinstance(item, ast.AST):
                        append((item, scope, certainty))
            elif isinstance(value, ast.AST) and value._fields:  # the shared ones have none
                append((value, scope, certainty))

    def push(self, nodes: Sequence[ast.AST | None], scope: Scope, certainty: int) -> None:
        self.stack.extend([(node, scope, certainty) for node in reversed(nodes) if node is not None])

    def place(self, node: _Node, scope: Scope, certainty: int) -> Place[_Node]:
        return Place(node, self.cell, scope, certainty)

    def enter(self, kind: str, node: Function | ast.Lambda | ast.ClassDef, scope: Scope, sure: int) -> Scope:
        """Return the scope of a function or class, with its parameters bound."""
        inner = self.index.functions_by_node[node] = Scope(kind, node, scope, sure)
        if not isinstance(node, ast.ClassDef):
            for argument in arguments(node.args):
                self.bind(argument.arg, "param", argument, inner)
        return inner

    def bind(self, name: str, kind: str, node: ast.AST, scope: Scope, path: str = "") -> None:
        home = scope.homes.get(name, scope)
        home.bindings[name].append(Binding(kind, node, scope, path))

    def bind_target(self, target: ast.AST, kind: str, value: ast.AST, scope: Scope) -> None:
        """Bind an assignment's target, taking tuples apart where both sides show their parts."""
        todo = [(target, kind, value)]
        while todo:
            target, kind, value = todo.pop()
            if isinstance(target, ast.Name):
                self.bind(target.id, kind, value, scope)
            elif isinstance(target, ast.Starred):
                todo.append((target.value, "element", value))
            elif isinstance(target, ast.Tuple | ast.List):
                parts = getattr(value, "elts", []) if kind == "value" else []
                if len(parts) == len(target.elts) and not any(isinstance(p, ast.Starred) for p in parts):
                    todo.extend((t, "value", p) for t, p in zip(target.elts, parts, strict=True))
                else:
                    todo.extend((t, "element", value) for t in target.elts)
            elif isinstance(target, ast.Attribute):
                self.index.attribute_bindings[target.attr].append(Binding(kind, value, scope, target=target))
            elif isinstance(target, ast.Subscript):
                root: ast.AST = target.value
                while isinstance(root, ast.Attribute | ast.Subscript):
                    root = root.value
                if isinstance(root, ast.Name):
                    self.bind(root.id, "part", value, scope)

    # Handlers. Those of statements that bind names push what they read.

    @_on(ast.Name)
    def on_name(self, node: ast.Name, scope: Scope, certainty: int) -> None:
        if isinstance(node.ctx, ast.Load):
            self.index.loads.append(self.place(node, scope, certainty))

    @_on(ast.Attribute)
    def on_attribute(self, node: ast.Attribute, scope: Scope, certainty: int) -> None:
        if isinstance(node.ctx, ast.Load):
            self.index.attributes.append(self.place(node, scope, certainty))
        elif isinstance(node.ctx, ast.Store):
            self.index.stores[node] = self.place(node, scope, certainty)
        self.stack.append((node.value, scope, certainty))

    @_on(ast.Constant)
    def on_constant(self, node: ast.Constant, scope: Scope, certainty: int) -> None:
        if node.value.__class__ is str:
            self.index.strings.append(self.place(node, scope, certainty))

    @_on(ast.Subscript, ast.JoinedStr, ast.BinOp)
    def on_noted(self, node: ast.Subscript | ast.JoinedStr | ast.BinOp, scope: Scope, certainty: int) -> None:
        kept: list[Any] = self.index.subscripts if isinstance(node, ast.Subscript) else self.index.built
        kept.append(self.place(node, scope, certainty))
        self.push_all(node, scope, certainty)

    @_on(ast.Call)
    def on_call(self, node: ast.Call, scope: Scope, certainty: int) -> None:
        self.index.calls.append(self.place(node, scope, certainty))
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr in _FILLING_METHODS:
            for argument in node.args if isinstance(func.value, ast.Name) else ():
                self.bind(last_name(func.value), "part", argument, scope)
        self.push_all(node, scope, certainty)

    @_on(ast.FunctionDef, ast.AsyncFunctionDef)
    def on_function(self, node: Function, scope: Scope, certainty: int) -> None:
        inner = self.enter("function", node, scope, certainty)
        self.index.functions.append(self.place(node, scope, certainty))
        self.bind(node.name, "def", node, scope)
        self.push(node.body, inner, Certainty.SURE)
        self.push([*node.decorator_list, node.args, node.returns], scope, certainty)

    @_on(ast.Lambda)
    def on_lambda(self, node: ast.Lambda, scope: Scope, certainty: int) -> None:
        inner = self.enter("lambda", node, scope, certainty)
        inner.given_name = self.index.assigned_to.get(node, "")
        self.push([node.body], inner, Certainty.CONDITIONAL)
        self.push([node.args], scope, certainty)

    @_on(ast.ClassDef)
    def on_class(self, node: ast.ClassDef, scope: Scope, certainty: int) -> None:
        inner = self.enter("class", node, scope, certainty)
        self.bind(node.name, "class", node, scope)
        self.push(node.body, inner, certainty)
        self.push([*node.decorator_list, *node.bases, *node.keywords], scope, certainty)

    @_on(ast.Import)
    def on_import(self, node: ast.Import, scope: Scope, _certainty: int) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.bind(name, "import", node, scope, alias.name if alias.asname else name)

    @_on(ast.ImportFrom)
    def on_import_from(self, node: ast.ImportFrom, scope: Scope, certainty: int) -> None:
        if node.module == "__future__":
            self.index.futures.append(self.place(node, scope, certainty))
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.index.star_imports.append(base)
            else:
                self.bind(alias.asname or alias.name, "import", node, scope, f"{base}.{alias.name}")

    @_on(ast.Expr, ast.Await)
    def on_outer(self, node: ast.Expr | ast.Await, scope: Scope, certainty: int) -> None:
        (self.index.statements if isinstance(node, ast.Expr) else self.index.awaited).add(node.value)
        self.stack.append((node.value, scope, certainty))

    @_on(ast.Assign, ast.AnnAssign)
    def on_assign(self, node: ast.Assign | ast.AnnAssign, scope: Scope, certainty: int) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if (value := node.value) is not None:
            for target in targets:
                self.bind_target(target, "value", value, scope)
        if (
            len(targets) == 1
            and isinstance(targets[0], ast.Name)
            and isinstance(value, ast.Call | ast.Lambda)
        ):
            self.index.assigned_to[value] = targets[0].id
        self.push_all(node, scope, certainty)

    @_on(ast.NamedExpr, ast.AugAssign)
    def on_changed(self, node: ast.NamedExpr | ast.AugAssign, scope: Scope, certainty: int) -> None:
        kind = "value" if isinstance(node, ast.NamedExpr) else "part"
        self.bind_target(node.target, kind, node.value, scope)
        self.push_all(node, scope, certainty)

    @_on(ast.For, ast.AsyncFor)
    def on_for(self, node: ast.For | ast.AsyncFor, scope: Scope, certainty: int) -> None:
        self.bind_target(node.target, "element", node.iter, scope)
        shown = isinstance(node.iter, ast.Tuple | ast.List) and bool(node.iter.elts)
        self.push([*node.body, *node.orelse], scope, certainty | (0 if shown else Certainty.CONDITIONAL))
        self.push([node.target, node.iter], scope, certainty)

    @_on(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    def on_comprehension(self, node: ast.ListComp, scope: Scope, certainty: int) -> None:
        for generator in node.generators:
            self.bind_target(generator.target, "element", generator.iter, scope)
        self.push_all(node, scope, certainty | Certainty.CONDITIONAL)

    @_on(ast.With, ast.AsyncWith)
    def on_with(self, node: ast.With | ast.AsyncWith, scope: Scope, certainty: int) -> None:
        inside = certainty
        if isinstance(node, ast.With):
            self.index.withs.append(self.place(node, scope, certainty))
        for item in node.items:
            manager = item.context_expr
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, "entered", manager, scope)
            func = manager.func if isinstance(manager, ast.Call) else manager
            if last_name(func) in ("suppress", "raises", "assertRaises"):
                inside |= Certainty.GUARDED
        self.push(node.body, scope, inside)
        self.push(node.items, scope, certainty)

    @_on(ast.Try, ast.TryStar)
    def on_try(self, node: ast.Try, scope: Scope, certainty: int) -> None:
        for handler in node.handlers:
            if handler.name:
                self.bind(handler.name, "unknown", handler, scope)
        self.push([*node.orelse, *node.finalbody], scope, certainty)
        self.push(node.handlers, scope, certainty | Certainty.CONDITIONAL)
        self.push(node.body, scope, certainty | (Certainty.GUARDED if node.handlers else 0))

    @_on(ast.If, ast.IfExp, ast.While)
    def on_branch(self, node: ast.If | ast.IfExp | ast.While, scope: Scope, certainty: int) -> None:
        then, otherwise = branches(node.test)
        if then == Certainty.CONDITIONAL and isinstance(node.test, _DECIDED_BY_NAMES):
            self.index.tests.append(self.place(node, scope, certainty))
        if isinstance(node, ast.While):
            otherwise = Certainty.CONDITIONAL
        sides: Any = (node.orelse, otherwise), (node.body, then), (node.test, Certainty.SURE)
        for side, sure in sides:
            self.push(side if isinstance(side, list) else [side], scope, certainty | sure)

    @_on(ast.BoolOp, ast.match_case)
    def on_perhaps(self, node: ast.AST, scope: Scope, certainty: int) -> None:
        for part in ast.walk(node.pattern) if isinstance(node, ast.match_case) else ():
            name = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(name, str):
                self.bind(name, "unknown", node, scope)
        self.push_all(node, scope, certainty | Certainty.CONDITIONAL)

    @_on(ast.Global, ast.Nonlocal)
    def on_global(self, node: ast.Global | ast.Nonlocal, scope: Scope, _certainty: int) -> None:
        home = scope.top() if isinstance(node, ast.Global) else scope.parent or scope
        scope.homes.update(dict.fromkeys(node.names, home))

    @_on(ast.Return, ast.Yield, ast.YieldFrom)
    def on_given(self, node: ast.Return | ast.Yield | ast.YieldFrom, scope: Scope, certainty: int) -> None:
        kept: list[Any] = scope.returns if isinstance(node, ast.Return) else scope.yields
        kept.append(node)
        self.push([node.value], scope, certainty)

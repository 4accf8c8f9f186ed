"""One walk over a cell's syntax tree.

The walk keeps no opinion. It records bindings, calls, attribute and name reads, returns and string
constants, each with the scope it stands in and how sure it is to be executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from kbench_jupyter.validation.reading.parts import arguments, branches, captures, defaults, last_name
from kbench_jupyter.validation.reading.scopes import Binding, Certainty, Function, Place, Scope, SiteIndex

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.cells import Cell

__all__ = ["walk_cell"]

_Node = TypeVar("_Node", bound=ast.AST)
_DECIDED_BY_NAMES = (ast.Name, ast.UnaryOp, ast.BoolOp, ast.Compare)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def walk_cell(cell: Cell, module: Scope, index: SiteIndex) -> None:
    """Walk a cell's tree once and add what it holds to `module` and `index`."""
    _Walker(cell, index).run(cell.tree, module)


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

    def push(self, nodes: list[ast.AST], scope: Scope, certainty: int) -> None:
        self.stack.extend([(node, scope, certainty) for node in reversed(nodes)])

    def place(self, node: _Node, scope: Scope, certainty: int) -> Place[_Node]:
        return Place(node, self.cell, scope, certainty)

    def bind(self, name: str, kind: str, node: ast.AST, scope: Scope, path: str = "") -> None:
        home = scope.top() if name in scope.globals else scope
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

    # Handlers, one a kind of node. Those of statements that bind names push what they read.

    def on_name(self, node: ast.Name, scope: Scope, certainty: int) -> None:
        if isinstance(node.ctx, ast.Load):
            self.index.loads.append(self.place(node, scope, certainty))

    def on_attribute(self, node: ast.Attribute, scope: Scope, certainty: int) -> None:
        if isinstance(node.ctx, ast.Load):
            self.index.attributes.append(self.place(node, scope, certainty))
        elif isinstance(node.ctx, ast.Store):
            self.index.stores[node] = self.place(node, scope, certainty)
        self.stack.append((node.value, scope, certainty))

    def on_subscript(self, node: ast.Subscript, scope: Scope, certainty: int) -> None:
        self.index.subscripts.append(self.place(node, scope, certainty))
        self.push_all(node, scope, certainty)

    def on_constant(self, node: ast.Constant, scope: Scope, certainty: int) -> None:
        if node.value.__class__ is str:
            self.index.strings.append(self.place(node, scope, certainty))

    def on_built(self, node: ast.JoinedStr | ast.BinOp, scope: Scope, certainty: int) -> None:
        self.index.built.append(self.place(node, scope, certainty))
        self.push_all(node, scope, certainty)

    def on_call(self, node: ast.Call, scope: Scope, certainty: int) -> None:
        self.index.calls.append(self.place(node, scope, certainty))
        func = node.func
        if (
            isinstance(func, ast.Attribute)
            and func.attr in _FILLING_METHODS
            and isinstance(func.value, ast.Name)
        ):
            for argument in node.args:
                self.bind(func.value.id, "part", argument, scope)
        self.push_all(node, scope, certainty)

    def on_function(self, node: Function, scope: Scope, certainty: int) -> None:
        inner = Scope("function", node, scope, self.cell, certainty)
        self.index.functions_by_node[node] = inner
        self.index.functions.append(self.place(node, scope, certainty))
        self.bind(node.name, "def", node, scope)
        self.bind_parameters(node.args, inner)
        outside: list[ast.AST] = [*node.decorator_list, *defaults(node.args)]
        if node.returns is not None:
            outside.append(node.returns)
        outside.extend(a.annotation for a in arguments(node.args) if a.annotation is not None)
        self.push(list(node.body), inner, Certainty.SURE)
        self.push(outside, scope, certainty)

    def on_lambda(self, node: ast.Lambda, scope: Scope, certainty: int) -> None:
        inner = Scope("lambda", node, scope, self.cell, certainty)
        inner.given_name = self.index.assigned_to.get(node, "")
        self.index.functions_by_node[node] = inner
        self.bind_parameters(node.args, inner)
        self.push([node.body], inner, Certainty.CONDITIONAL)
        self.push(defaults(node.args), scope, certainty)

    def bind_parameters(self, args: ast.arguments, inner: Scope) -> None:
        for argument in arguments(args):
            self.bind(argument.arg, "param", argument, inner)

    def on_class(self, node: ast.ClassDef, scope: Scope, certainty: int) -> None:
        inner = Scope("class", node, scope, self.cell, certainty)
        self.index.functions_by_node[node] = inner
        self.bind(node.name, "class", node, scope)
        self.push(list(node.body), inner, certainty)
        self.push([*node.decorator_list, *node.bases, *node.keywords], scope, certainty)

    def on_import(self, node: ast.Import, scope: Scope, _certainty: int) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.bind(name, "import", node, scope, alias.name if alias.asname else name)

    def on_import_from(self, node: ast.ImportFrom, scope: Scope, certainty: int) -> None:
        if node.module == "__future__":
            self.index.futures.append(self.place(node, scope, certainty))
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.index.star_imports.append(base)
            else:
                self.bind(alias.asname or alias.name, "import", node, scope, f"{base}.{alias.name}")

    def on_expr(self, node: ast.Expr, scope: Scope, certainty: int) -> None:
        self.index.statements.add(node.value)
        self.stack.append((node.value, scope, certainty))

    def on_await(self, node: ast.Await, scope: Scope, certainty: int) -> None:
        self.index.awaited.add(node.value)
        self.stack.append((node.value, scope, certainty))

    def on_assign(self, node: ast.Assign, scope: Scope, certainty: int) -> None:
        for target in node.targets:
            self.bind_target(target, "value", node.value, scope)
        if len(node.targets) == 1:
            self.note_only_name(node.targets[0], node.value)
        self.push_all(node, scope, certainty)

    def on_ann_assign(self, node: ast.AnnAssign, scope: Scope, certainty: int) -> None:
        if node.value is not None:
            self.bind_target(node.target, "value", node.value, scope)
            self.note_only_name(node.target, node.value)
        self.push_all(node, scope, certainty)

    def note_only_name(self, target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Name) and isinstance(value, ast.Call | ast.Lambda):
            self.index.assigned_to[value] = target.id

    def on_walrus(self, node: ast.NamedExpr, scope: Scope, certainty: int) -> None:
        self.bind_target(node.target, "value", node.value, scope)
        self.push_all(node, scope, certainty)

    def on_aug_assign(self, node: ast.AugAssign, scope: Scope, certainty: int) -> None:
        self.bind_target(node.target, "part", node.value, scope)
        self.push_all(node, scope, certainty)

    def on_for(self, node: ast.For | ast.AsyncFor, scope: Scope, certainty: int) -> None:
        self.bind_target(node.target, "element", node.iter, scope)
        shown = isinstance(node.iter, ast.Tuple | ast.List) and bool(node.iter.elts)
        self.push([*node.body, *node.orelse], scope, certainty | (0 if shown else Certainty.CONDITIONAL))
        self.push([node.target, node.iter], scope, certainty)

    def on_comprehension(self, node: ast.ListComp, scope: Scope, certainty: int) -> None:
        for generator in node.generators:
            self.bind_target(generator.target, "element", generator.iter, scope)
        self.push_all(node, scope, certainty | Certainty.CONDITIONAL)

    def on_with(self, node: ast.With | ast.AsyncWith, scope: Scope, certainty: int) -> None:
        inside = certainty
        if isinstance(node, ast.With):
            self.index.withs.append(self.place(node, scope, certainty))
        for item in node.items:
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, "entered", item.context_expr, scope)
            manager = item.context_expr
            func = manager.func if isinstance(manager, ast.Call) else manager
            if last_name(func) in ("suppress", "raises", "assertRaises"):
                inside |= Certainty.GUARDED
        self.push(list(node.body), scope, inside)
        self.push(list(node.items), scope, certainty)

    def on_try(self, node: ast.Try, scope: Scope, certainty: int) -> None:
        guarded = certainty | (Certainty.GUARDED if node.handlers else 0)
        for handler in node.handlers:
            if handler.name:
                self.bind(handler.name, "unknown", handler, scope)
        self.push([*node.orelse, *node.finalbody], scope, certainty)
        self.push(list(node.handlers), scope, certainty | Certainty.CONDITIONAL)
        self.push(list(node.body), scope, guarded)

    def on_if(self, node: ast.If | ast.IfExp, scope: Scope, certainty: int) -> None:
        body = node.body if isinstance(node.body, list) else [node.body]
        orelse = node.orelse if isinstance(node.orelse, list) else [node.orelse]
        then, otherwise = branches(node.test)
        self.note_test(node, scope, certainty, then)
        self.push(list(orelse), scope, certainty | otherwise)
        self.push(list(body), scope, certainty | then)
        self.push([node.test], scope, certainty)

    def note_test(
        self, node: ast.If | ast.IfExp | ast.While, scope: Scope, certainty: int, then: int
    ) -> None:
        if then == Certainty.CONDITIONAL and isinstance(node.test, _DECIDED_BY_NAMES):
            self.index.tests.append(self.place(node, scope, certainty))

    def on_while(self, node: ast.While, scope: Scope, certainty: int) -> None:
        then, _ = branches(node.test)
        self.note_test(node, scope, certainty, then)
        self.push(list(node.orelse), scope, certainty | Certainty.CONDITIONAL)
        self.push(list(node.body), scope, certainty | then)
        self.push([node.test], scope, certainty)

    def on_perhaps(self, node: ast.AST, scope: Scope, certainty: int) -> None:
        for name in captures(node):
            self.bind(name, "unknown", node, scope)
        self.push_all(node, scope, certainty | Certainty.CONDITIONAL)

    def on_scope_words(self, node: ast.Global | ast.Nonlocal, scope: Scope, _certainty: int) -> None:
        if isinstance(node, ast.Global):
            scope.globals.update(node.names)

    def on_return(self, node: ast.Return, scope: Scope, certainty: int) -> None:
        scope.returns.append(node)
        if node.value is not None:
            self.stack.append((node.value, scope, certainty))

    def on_yield(self, node: ast.Yield | ast.YieldFrom, scope: Scope, certainty: int) -> None:
        scope.yields.append(node)
        if node.value is not None:
            self.stack.append((node.value, scope, certainty))


_FILLING_METHODS = frozenset({"append", "add", "extend", "insert", "update", "setdefault", "appendleft"})

_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Name: _Walker.on_name,
    ast.Attribute: _Walker.on_attribute,
    ast.Constant: _Walker.on_constant,
    ast.Subscript: _Walker.on_subscript,
    ast.JoinedStr: _Walker.on_built,
    ast.BinOp: _Walker.on_built,
    ast.Call: _Walker.on_call,
    ast.FunctionDef: _Walker.on_function,
    ast.AsyncFunctionDef: _Walker.on_function,
    ast.Lambda: _Walker.on_lambda,
    ast.ClassDef: _Walker.on_class,
    ast.Import: _Walker.on_import,
    ast.ImportFrom: _Walker.on_import_from,
    ast.Await: _Walker.on_await,
    ast.Expr: _Walker.on_expr,
    ast.Assign: _Walker.on_assign,
    ast.AnnAssign: _Walker.on_ann_assign,
    ast.NamedExpr: _Walker.on_walrus,
    ast.AugAssign: _Walker.on_aug_assign,
    ast.For: _Walker.on_for,
    ast.AsyncFor: _Walker.on_for,
    ast.With: _Walker.on_with,
    ast.AsyncWith: _Walker.on_with,
    ast.Try: _Walker.on_try,
    ast.TryStar: _Walker.on_try,
    ast.If: _Walker.on_if,
    ast.IfExp: _Walker.on_if,
    ast.While: _Walker.on_while,
    ast.BoolOp: _Walker.on_perhaps,
    ast.match_case: _Walker.on_perhaps,
    ast.Global: _Walker.on_scope_words,
    ast.Nonlocal: _Walker.on_scope_words,
    ast.Return: _Walker.on_return,
    ast.Yield: _Walker.on_yield,
    ast.YieldFrom: _Walker.on_yield,
    **dict.fromkeys(_COMPREHENSIONS, _Walker.on_comprehension),
}

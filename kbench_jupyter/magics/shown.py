"""Results of ``%kbench`` lines in the middle of a cell: IPython shows the value of a cell's last line only.

Several commands in one cell are the rule, not the exception, and what a push or a rehearsal came to is what
they were typed for.
"""

from __future__ import annotations

import ast
from typing import Any

_LAST_ONLY = ("last_expr", "last_expr_or_assign")


class ShowEach(ast.NodeTransformer):
    """Has IPython show the value of each line of a magic that stands by itself, the last one of a cell aside.

    The shell's ``ast_node_interactivity`` is heeded: where all values are shown, or none, nothing is changed.
    """

    def __init__(self, shell: Any, name: str) -> None:
        self._shell = shell
        self._name = name

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Wrap the lines of one cell."""
        if self._shell.ast_node_interactivity in _LAST_ONLY:
            for statement in node.body[:-1]:
                if isinstance(statement, ast.Expr) and _is_command(statement.value, self._name):
                    statement.value = _shown(statement.value)
        return node


def _is_command(node: ast.expr, name: str) -> bool:
    """Whether it is what IPython makes of a line ``%kbench ...``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "run_line_magic"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == name
    )


def _shown(node: ast.expr) -> ast.expr:
    # By import, because a cell sees nothing but the user's own names.
    call = ast.parse(f"__import__({__name__!r}, fromlist=['show']).show()", mode="eval").body
    assert isinstance(call, ast.Call)  # noqa: S101 - it is what was written
    call.args = [node]
    return ast.fix_missing_locations(ast.copy_location(call, node))


def show(value: object) -> None:
    """Show what a command returned, unless that is nothing."""
    if value is not None:
        from IPython.display import display

        draw: Any = display
        draw(value)

"""What an expression surely is: something imported, by its dotted name, or one of the SDK's models."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.value import HardModel, Sdk

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope

__all__ = ["dotted", "is_model", "says_model"]


def dotted(node: ast.AST, scope: Scope, program: Program) -> str:
    """Return the full dotted name of something imported (``numpy.float64`` for ``np.float64``), or ``""``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    bindings = list(program.bindings(node.id, scope)) if isinstance(node, ast.Name) else []
    if len(bindings) != 1 or bindings[0].kind != "import":
        return ""
    return ".".join([bindings[0].path, *reversed(parts)])


def is_model(node: ast.AST, scope: Scope, program: Program) -> bool:
    """Whether an expression is surely one of the SDK's models."""
    found = program.values.of(node, scope)
    if found and all(
        isinstance(v, HardModel) or (isinstance(v, Sdk) and v.path.endswith(("llm", ".judge_llm")))
        for v in found
    ):
        return True
    # The parameter of a function that the SDK calls, or one that says what it is.
    if isinstance(node, ast.Name):
        bindings = list(program.bindings(node.id, scope))
        if len(bindings) == 1 and bindings[0].kind == "param":
            return says_model(node.id)
    return False


def says_model(parameter: str) -> bool:
    """Whether a parameter's name says that it is a model."""
    return parameter in ("llm", "judge", "model") or parameter.endswith(("_llm", "llm_judge"))

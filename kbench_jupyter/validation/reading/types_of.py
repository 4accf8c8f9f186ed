"""What an expression surely is: something imported, by its dotted name, or one of the SDK's models."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.value import HardModel, Sdk

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope


def dotted(node: ast.AST, scope: Scope, program: Program) -> str:
    """Return the full dotted name of something imported (``numpy.float64`` for ``np.float64``), or ``""``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    binding = program.binding(node, scope)
    if binding is None or binding.kind != "import":
        return ""
    return ".".join([binding.path, *reversed(parts)])


def is_model(node: ast.AST, scope: Scope, program: Program) -> bool:
    """Whether an expression is surely one of the SDK's models."""
    found = program.values.of(node, scope)
    if found and all(
        isinstance(v, HardModel) or (isinstance(v, Sdk) and v.path.endswith(("llm", ".judge_llm")))
        for v in found
    ):
        return True
    # The parameter of a function that the SDK calls, or one that says what it is.
    binding = program.binding(node, scope)
    return (
        isinstance(node, ast.Name) and binding is not None and binding.kind == "param" and says_model(node.id)
    )


def says_model(parameter: str) -> bool:
    """Whether a parameter's name says that it is a model."""
    return parameter in ("llm", "judge", "model") or parameter.endswith(("_llm", "llm_judge"))

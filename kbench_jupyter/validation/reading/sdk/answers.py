"""What a model is asked to answer in: a schema of the notebook's own, and the fields that such an answer has."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.sdk.things import Plain
from kbench_jupyter.validation.reading.types_of import dotted
from kbench_jupyter.validation.reading.value import Func

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.program import Program
    from kbench_jupyter.validation.reading.scopes import Scope
    from kbench_jupyter.validation.reading.sdk.things import Thing

_PYTHON = {"str": str, "int": int, "float": float, "bool": bool}
_CONTAINERS = {"list": list, "dict": dict, "set": set, "tuple": tuple, "List": list, "Dict": dict}
_OF_PYDANTIC = words(
    "dict json copy schema schema_json parse_obj parse_raw construct validate from_orm fields"
)


@dataclass(frozen=True)
class Answer:
    """An answer in a dataclass or a pydantic model of the notebook, or in a dict of fields."""

    node: ast.ClassDef | ast.Dict
    scope: Scope

    @property
    def name(self) -> str:
        """The class's name."""
        return getattr(self.node, "name", "answer")

    @property
    def fields(self) -> dict[str, ast.expr]:
        """What each field is annotated as."""
        if isinstance(self.node, ast.Dict):
            pairs = zip(self.node.keys, self.node.values, strict=True)
            return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
        parts = (part for part in self.node.body if isinstance(part, ast.AnnAssign))
        return {part.target.id: part.annotation for part in parts if isinstance(part.target, ast.Name)}

    @property
    def has_keys(self) -> bool:
        """Whether it defines what a subscript asks for."""
        return any(getattr(part, "name", "") == "__getitem__" for part in getattr(self.node, "body", ()))

    def lacks(self, name: str) -> bool:
        """Whether an answer surely has no such field or method."""
        if name.startswith(("_", "model_")) or name in _OF_PYDANTIC:
            return False
        # What its class mentions anywhere, it may have by some way; and one way may be to answer to any name.
        mentioned = {getattr(part, "id", getattr(part, "name", "")) for part in ast.walk(self.node)}
        return name not in self.fields and mentioned.isdisjoint((name, "__getattr__", "__getattribute__"))

    def member(self, name: str, program: Program) -> Thing | Answer | None:
        """Return what a field is."""
        annotation = self.fields.get(name)
        return answer_in(annotation, self.scope, program) if annotation is not None else None


def answer_in(schema: ast.AST, scope: Scope, program: Program) -> Thing | Answer | None:
    """Return a value of a schema or of a field's annotation, None when nobody can tell what it is."""
    if isinstance(schema, ast.Dict):
        whole = all(isinstance(key, ast.Constant) for key in schema.keys)
        return Answer(schema, scope) if whole else None
    if isinstance(schema, ast.Subscript):
        container = _CONTAINERS.get(getattr(schema.value, "id", ""))
        listed = container is list and not isinstance(schema.slice, ast.Tuple)
        item = answer_in(schema.slice, scope, program) if listed else None
        return Plain(container, item) if container is not None else None  # type: ignore[arg-type]
    if isinstance(schema, ast.Name) and not program.bindings(schema.id, scope):
        found = {**_PYTHON, **_CONTAINERS}.get(schema.id)
        return Plain(found) if found is not None else None
    values = program.values.of(schema, scope)
    own = values[0].scope if len(values) == 1 and isinstance(values[0], Func) else None
    node = own.node if own is not None else None
    if own is None or own.parent is None or not isinstance(node, ast.ClassDef) or node.keywords:
        return None
    decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    made = [dotted(decorator, own.parent, program) for decorator in decorators]
    bases = [dotted(base, own.parent, program) for base in node.bases]
    plain = (made, bases) in ((["dataclasses.dataclass"], []), ([], ["pydantic.BaseModel"]))
    return Answer(node, own.parent) if plain else None

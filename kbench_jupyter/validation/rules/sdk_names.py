"""KB6xx: names and parameters of the SDK, as the installed version has them."""

from __future__ import annotations

import ast

from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.validation.reading.cells import Cell
from kbench_jupyter.validation.reading.scopes import Certainty, Place
from kbench_jupyter.validation.reading.sdk.answers import Answer
from kbench_jupyter.validation.reading.sdk.parameters import bind, overridden, signature_of
from kbench_jupyter.validation.reading.sdk.things import Func, Instance, ModuleThing, Plain, Thing, in_words
from kbench_jupyter.validation.reading.sdk.typed import Typed
from kbench_jupyter.validation.reading.value import SDK, written
from kbench_jupyter.validation.rules.guards import Guard, guard_around, is_caught
from kbench_jupyter.validation.rules.rule import Check, Rule, error
from kbench_jupyter.validation.rules.sdk_arguments import misfits

NAME = error(
    "KB601 unknown-sdk-name",
    "The installed SDK has no such name: in a module, on a model, a chat, a task, or on what a call gives.",
    "The line raises AttributeError (an import: ImportError), and the run ends there. Where an `except` catches it, it "
    "is worse: every run takes the except, whatever the model answers. What is there is read from the version that is "
    "installed beside this kernel.",
    'kbench.assertions.assert_equals("4", "4", expectation="says 4")',
    'kbench.assertions.assert_equal("4", "4", expectation="says 4")',
)
PARAMETERS = error(
    "KB602 wrong-sdk-parameters",
    "A function of the SDK is called with parameters that it does not take, without one that it needs, or with one "
    "twice; or something is called that is no function.",
    "The call raises TypeError. Parameters are those of the version that is installed beside this kernel.",
    'with kbench.chats.new(system="Be brief"):\n    kbench.llm.prompt("2 + 2?")',
    'with kbench.chats.new(system_instructions="Be brief"):\n    kbench.llm.prompt("2 + 2?")',
)
VALUE = error(
    "KB603 wrong-sdk-value",
    "A function of the SDK gets a value that its annotation does not allow: another word than those it lists, or "
    "another type.",
    "The SDK raises, or goes on with what was not meant: `assert_true` takes any text for true.",
    'kbench.llm.prompt("2 + 2?", reasoning="maximum")',
    'kbench.llm.prompt("2 + 2?", reasoning="high")',
)

# What is asked about may be asked for another version than the one that is installed.
_ASKS_FOR_VERSION = ("__version__", "inspect.signature", "importlib.metadata")
_ASKS_FOR_KIND = frozenset({"isinstance", "issubclass", "type", "callable"})
_SHOWN_NAMES = 12


def check(check: Check) -> None:
    """Report everything this group has to say; nothing where the SDK is not installed."""
    if check.typed is not None and SDK in check.program.text:
        _Look(check, check.typed).report()


class _Look:
    """The look at one program."""

    def __init__(self, check: Check, typed: Typed) -> None:
        self.check = check
        self.program = check.program
        self.typed = typed
        self.sdk = typed.sdk
        self.asks = any(word in self.program.text for word in _ASKS_FOR_VERSION)
        # Who asks what a value is goes on knowing better than its annotation.
        self.asked = {
            written(call.node.args[0])
            for call in self.program.index.calls
            if getattr(call.node.func, "id", "") in _ASKS_FOR_KIND and call.node.args
        }

    def report(self) -> None:
        for cell, node in self.check.nodes(SDK):
            self.imports(cell, node)
        # To follow a name may bring a cell into the index that was not there before.
        for attribute in list(self.program.index.attributes):
            self.attribute(attribute)
        for subscript in list(self.program.index.subscripts):
            self.subscript(subscript)
        for call in list(self.program.index.calls):
            self.call(call)
        for entered in self.program.index.withs:
            for node in (item.context_expr for item in entered.node.items):
                is_plain = isinstance(node, ast.Name | ast.Attribute)
                thing = self.typed.of(node, entered.scope) if is_plain else None
                if isinstance(thing, Func):
                    text = written(node)
                    message, hint = (
                        f"{text} is a function; a with needs what it gives.",
                        f"Write with {text}(...):",
                    )
                    self.tell(PARAMETERS, entered, message, hint, node)

    def imports(self, cell: Cell, node: ast.AST) -> None:
        paths: list[tuple[str, str]] = []
        if isinstance(node, ast.Import):
            paths = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            paths = [(node.module or "", alias.name) for alias in node.names if alias.name != "*"]
        for path, name in paths:
            if path.partition(".")[0] == SDK:
                self.imported(cell, node, path, name)

    def imported(self, cell: Cell, node: ast.AST, path: str, name: str) -> None:
        module: Thing | None = self.sdk.at(SDK)
        walked = SDK
        for part in [*path.split(".")[1:], *([name] if name else [])]:
            if module is None:
                return
            if self.sdk.lacks(module, part):
                place = Place(node, cell, self.program.module, Certainty.GUARDED)
                error = "ImportError" if walked == path else "ModuleNotFoundError"
                # Who catches a failing import, however broadly, has thought of it.
                if not is_caught(error, place, self.program):
                    message, hint = f"{walked} has no {part!r}.", self.meant(module, part)
                    self.tell(NAME, place, message, hint, node, error=error)
                return
            module = self.sdk.member(module, part)
            walked = f"{walked}.{part}"

    def attribute(self, place: Place[ast.Attribute]) -> None:
        node = place.node
        thing = self.typed.of(node.value, place.scope)
        if thing is None or not self.typed.lacks(thing, node.attr) or self.typed.is_changed(node.attr):
            return
        whose = written(node.value)
        if whose in self.asked:
            return
        if isinstance(thing, Answer):
            fields = list(thing.fields)
            hint = did_you_mean(node.attr, fields, more=f"its fields: {', '.join(fields)}", parts=True)
            subject = f"{whose} is an answer in {thing.name}, which"
        else:
            hint = self.meant(thing, node.attr)
            subject = whose if isinstance(thing, ModuleThing) else f"{whose} is {in_words(thing)}, which"
        self.tell(NAME, place, f"{subject} has no {node.attr!r}.", hint, node)

    def subscript(self, place: Place[ast.Subscript]) -> None:
        """Report an answer that is asked for a key, as a dict would be."""
        node = place.node
        thing = self.typed.of(node.value, place.scope)
        if isinstance(thing, Answer) and not thing.has_keys and written(node.value) not in self.asked:
            whose, fields = written(node.value), list(thing.fields)
            hint = f"Write {whose}.{fields[0]}." if fields else ""
            message = f"{whose} is an answer in {thing.name}, which has fields and no keys."
            self.tell(NAME, place, message, hint, node, error="TypeError")

    def call(self, place: Place[ast.Call]) -> None:
        call = place.node
        thing = self.typed.of(call.func, place.scope)
        name = written(call.func)
        if thing is None or isinstance(thing, Answer) or name in self.asked:
            return
        if self.never_called(thing):
            hint = "Write .prompt(...)." if "prompt" in (self.sdk.names(thing) or ()) else ""
            self.tell(PARAMETERS, place, f"{name} is {in_words(thing)}, and cannot be called.", hint, call)
            return
        signature = signature_of(self.sdk, thing)
        if signature is None:
            return
        fit = bind(signature, call)
        others = overridden(self.sdk, thing) if fit.problem and isinstance(thing, Func) else []
        if fit.problem and all(other is not None and bind(other, call).problem for other in others):
            hint = f"Its parameters: {signature}"
            if fit.unknown:
                names = [p.name for p in signature.parameters.values()]
                hint = did_you_mean(fit.unknown, names, form="{}=", more=hint, parts=True)
                if "extra_api_params" in names and "mean" not in hint:
                    hint = f'What the model\'s API knows goes into extra_api_params={{"{fit.unknown}": ...}}. {hint}'
            self.tell(PARAMETERS, place, f"{name} {fit.problem}.", hint, call, error="TypeError")
        for misfit in misfits(self.sdk, self.program, thing, fit, place.scope):
            hint, message = misfit.takes, f"{name} {misfit.problem}."
            if misfit.choices:
                hint = did_you_mean(str(misfit.value), misfit.choices, form='"{}"', more=hint)
            sure = misfit.sure and self.program.sure(place)
            self.check.at(VALUE, place, message, hint, node=misfit.node, sure=sure)

    def never_called(self, thing: Thing) -> bool:
        if isinstance(thing, ModuleThing):
            return True
        if isinstance(thing, Instance):
            return self.sdk.lacks(thing, "__call__", dunder=True)
        return isinstance(thing, Plain) and thing.type is not object and "__call__" not in dir(thing.type)

    def tell(
        self,
        rule: Rule,
        place: Place[ast.AST],
        message: str,
        hint: str,
        node: ast.AST,
        *,
        error: str = "AttributeError",
    ) -> None:
        if place.certainty & Certainty.DEAD:
            return
        if place.certainty & Certainty.GUARDED:
            guard = guard_around(error, place, self.program)
            if guard is Guard.NAMED:
                return  # who catches just that knows about it
            if guard is Guard.BROAD:
                message += " The except around it hides that: every run takes it."
        sure = not self.asks and place.scope in self.program.reached
        self.check.at(rule, place, message, hint, node=node, sure=sure)

    def meant(self, thing: Thing, name: str) -> str:
        """Which name was meant, or which there are."""
        public = sorted(n for n in self.sdk.names(thing) or () if self.is_own(thing, n))
        more = f"it has: {', '.join(public)}" if 0 < len(public) <= _SHOWN_NAMES else ""
        if near := did_you_mean(name, public, parts=True):
            return near
        elsewhere = self.sdk.where_is(name) if isinstance(thing, ModuleThing) else ""
        return f"Did you mean {elsewhere}?" if elsewhere else did_you_mean(name, public, more=more)

    def is_own(self, thing: Thing, name: str) -> bool:
        if name.startswith("_"):
            return False
        return not isinstance(thing, ModuleThing) or self.sdk.is_own(thing.module, name)

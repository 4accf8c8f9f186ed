"""KB4xx, what a task calls: assertions, judges, reasoning traces, videos."""

from __future__ import annotations

import ast
import re

from kbench_jupyter.validation.reading.names import words
from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Place
from kbench_jupyter.validation.reading.sdk.parameters import bind, signature_of
from kbench_jupyter.validation.reading.value import keyword_of
from kbench_jupyter.validation.rules.guards import guard_around
from kbench_jupyter.validation.rules.prompting import ASKING
from kbench_jupyter.validation.rules.rule import Check, Rule, error, warning

_TEST_IT = "Test it first: if ... is not None"

EXPECTATION = warning(
    "KB401 missing-expectation",
    "An assertion has no `expectation=`.",
    "The result page shows the expectation of each assertion. Without one it shows the raw values.",
    'kbench.assertions.assert_in("Paris", answer)',
    'kbench.assertions.assert_in("Paris", answer, expectation="names the capital")',
    "{name} has no expectation.",
    'Add expectation="what a right answer does".',
)
TRACES = warning(
    "KB402 unchecked-reasoning-traces",
    "`last_reasoning_traces()` is used without a look whether it is None.",
    "It is None for a model that shows no reasoning, and after any assertion, since that is the last message "
    "then.",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces)",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces) if traces else 0",
    "last_reasoning_traces() may be None, and is used without a look.",
    _TEST_IT,
)
REPORT = warning(
    "KB403 unchecked-judge-report",
    "The report of `assess_response_with_judge` is used without a look whether it is None.",
    "It is None whenever the judge fails or answers out of form, and `report.results` then ends the run.",
    "report = kbench.assertions.assess_response_with_judge(...)\nfor result in report.results: ...",
    "report = kbench.assertions.assess_response_with_judge(...)\n"
    'if report is None:\n    kbench.assertions.assert_fail(expectation="the judge answers")\nelse:\n'
    "    for result in report.results: ...",
    "The judge's report may be None, and is used without a look.",
    _TEST_IT,
)
VIDEO = error(
    "KB404 unsupported-video",
    "The video is not a YouTube link the SDK knows.",
    "`videos.from_url` raises ValueError for anything but https://www.youtube.com/watch?v=..., "
    "https://www.youtube.com/shorts/... and https://youtu.be/...; embed and mobile links included.",
    'videos.from_url("https://vimeo.com/1084537")',
    'videos.from_url("https://www.youtube.com/watch?v=aqz-KE-bpKQ")',
    "Not a YouTube link that the SDK knows: {url}",
    "Use https://www.youtube.com/watch?v=ID, https://www.youtube.com/shorts/ID or https://youtu.be/ID.",
)

_NEEDS_A_VALUE = words("len iter sorted list sum max min enumerate")
_YOUTUBE = re.compile(r"https?://(?:(?:www\.)?youtube\.com/(?:watch\?v=|shorts/)|youtu\.be/)[\w-]")


def check(check: Check) -> None:
    """Report everything this group has to say."""
    for place in check.program.index.calls:
        func = place.node.func
        if isinstance(func, ast.Attribute) and func.attr in ASKING:  # most calls of a notebook
            continue
        if isinstance(func, ast.Attribute | ast.Name):
            path = check.program.values.sdk_path(func, place.scope)
            if path:
                _sdk_call(check, place, path)


def _sdk_call(check: Check, place: Place[ast.Call], path: str) -> None:
    name = path.rpartition(".")[2]
    if name.startswith("assert_"):
        _expectation(check, place, name)
    elif path == "last_reasoning_traces":
        _unchecked(check, TRACES, place)
    elif path == "assertions.assess_response_with_judge":
        _unchecked(check, REPORT, place)
    elif path == "content_types.videos.from_url":
        _video(check, place)


def _expectation(check: Check, place: Place[ast.Call], name: str) -> None:
    """Report an assertion of the SDK that takes an expectation, and gets none."""
    if check.typed is None:
        return
    signature = signature_of(check.typed.sdk, check.typed.of(place.node.func, place.scope))
    if signature is None or "expectation" not in signature.parameters:
        return
    call = place.node
    seen = not any(isinstance(a, ast.Starred) for a in call.args) and all(k.arg for k in call.keywords)
    fit = bind(signature, call)
    if seen and not fit.problem and "expectation" not in fit.arguments:
        check.at(EXPECTATION, place, name=name)


def _unchecked(check: Check, rule: Rule, place: Place[ast.Call]) -> None:
    use = _first_unchecked_use(place, check.program)
    if use is not None:
        check.at(rule, place, node=use)


def _video(check: Check, place: Place[ast.Call]) -> None:
    call = place.node
    argument = call.args[0] if call.args else keyword_of(call, "url")
    url = check.program.values.const(argument, place.scope) if argument is not None else None
    if isinstance(url, str) and not _YOUTUBE.match(url):
        check.at(VIDEO, place, url=url, sure=check.program.sure(place))


def _first_unchecked_use(place: Place[ast.Call], program: Program) -> ast.AST | None:
    """The first place that would fail if a call gave None, when nothing tests for it or catches what it raises."""
    call, scope = place.node, place.scope
    root = scope.node if scope.node is not None else place.cell.tree
    parents = {child: parent for parent in ast.walk(root) for child in ast.iter_child_nodes(parent)}

    def fails(node: ast.AST) -> bool:
        error = _error_on_none(node, parents)
        return error is not None and not guard_around(error, place, program, node)

    if fails(call):
        return call
    parent = parents.get(call)
    if not isinstance(parent, ast.Assign | ast.NamedExpr | ast.AnnAssign):
        return None
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    reads = [
        node
        for node in parents
        if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)
    ]
    if isinstance(parent, ast.NamedExpr) or any(_is_tested(node, parents) for node in reads):
        return None
    failing = [node for node in reads if fails(node)]
    return min(failing, key=lambda node: (node.lineno, node.col_offset), default=None)


def _error_on_none(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str | None:
    """What a use of a value raises when that is None, or None when it raises nothing."""
    parent = parents.get(node)
    if isinstance(parent, ast.Attribute):
        return "AttributeError"
    match parent:
        case ast.Subscript(value=used) | ast.For(iter=used) | ast.comprehension(iter=used):
            fails = used is node
        case ast.Compare(ops=ops, comparators=compared):
            inside = zip(ops, compared, strict=True)
            fails = any(isinstance(op, ast.In | ast.NotIn) and right is node for op, right in inside)
        case ast.Call(func=ast.Name(id=name), args=args):
            fails = name in _NEEDS_A_VALUE and node in args
        case _:
            fails = False
    return "TypeError" if fails else None


def _is_tested(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a read stands in a test by itself: ``if x``, ``x is None``, ``x or ...``, ``assert x``.

    An assertion of the SDK or a call that gets the value whole may test it as well.
    """
    parent = parents.get(node)
    if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
        return True
    if isinstance(parent, ast.Compare):
        return _error_on_none(node, parents) is None
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id in ("isinstance", "bool")
    if isinstance(parent, ast.If | ast.IfExp | ast.While | ast.Assert):
        return parent.test is node
    return isinstance(parent, ast.BoolOp | ast.Match)

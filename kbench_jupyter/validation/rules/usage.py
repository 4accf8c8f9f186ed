"""KB4xx, what a task calls: assertions, judges, reasoning traces, videos."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from kbench_jupyter.validation.reading.sdk.parameters import bind, signature_of
from kbench_jupyter.validation.reading.value import keyword_of
from kbench_jupyter.validation.rules.findings import Severity
from kbench_jupyter.validation.rules.prompting import ASKING
from kbench_jupyter.validation.rules.rule import Check, Rule
from kbench_jupyter.validation.rules.unchecked import first_unchecked_use

if TYPE_CHECKING:
    from kbench_jupyter.validation.reading.scopes import Place

__all__ = ["RULES", "check"]

EXPECTATION = Rule(
    "KB401",
    "missing-expectation",
    Severity.WARNING,
    "An assertion has no `expectation=`.",
    "The result page shows the expectation of each assertion. Without one it shows the raw values.",
    'kbench.assertions.assert_in("Paris", answer)',
    'kbench.assertions.assert_in("Paris", answer, expectation="names the capital")',
)
TRACES = Rule(
    "KB402",
    "unchecked-reasoning-traces",
    Severity.WARNING,
    "`last_reasoning_traces()` is used without a look whether it is None.",
    "It is None for a model that shows no reasoning, and after any assertion, since that is the last message "
    "then.",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces)",
    "traces = kbench.last_reasoning_traces()\nlength = len(traces) if traces else 0",
)
REPORT = Rule(
    "KB403",
    "unchecked-judge-report",
    Severity.WARNING,
    "The report of `assess_response_with_judge` is used without a look whether it is None.",
    "It is None whenever the judge fails or answers out of form, and `report.results` then ends the run.",
    "report = kbench.assertions.assess_response_with_judge(...)\nfor result in report.results: ...",
    "report = kbench.assertions.assess_response_with_judge(...)\n"
    'if report is None:\n    kbench.assertions.assert_fail(expectation="the judge answers")\nelse:\n'
    "    for result in report.results: ...",
)
VIDEO = Rule(
    "KB404",
    "unsupported-video",
    Severity.ERROR,
    "The video is not a YouTube link the SDK knows.",
    "`videos.from_url` raises ValueError for anything but https://www.youtube.com/watch?v=..., "
    "https://www.youtube.com/shorts/... and https://youtu.be/...; embed and mobile links included.",
    'videos.from_url("https://vimeo.com/1084537")',
    'videos.from_url("https://www.youtube.com/watch?v=aqz-KE-bpKQ")',
)
RULES = (EXPECTATION, TRACES, REPORT, VIDEO)

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
        _unchecked(check, TRACES, place, "last_reasoning_traces() may be None")
    elif path == "assertions.assess_response_with_judge":
        _unchecked(check, REPORT, place, "The judge's report may be None")
    elif path == "content_types.videos.from_url":
        _video(check, place)


def _expectation(check: Check, place: Place[ast.Call], name: str) -> None:
    """Report an assertion of the SDK that takes an expectation, and gets none."""
    thing = check.typed.of(place.node.func, place.scope) if check.typed is not None else None
    signature = (
        signature_of(check.typed.sdk, thing) if check.typed is not None and thing is not None else None
    )
    if signature is None or "expectation" not in signature.parameters:
        return
    call = place.node
    seen = not any(isinstance(a, ast.Starred) for a in call.args) and all(k.arg for k in call.keywords)
    fit = bind(signature, call)
    if not seen or fit.problem or "expectation" in fit.arguments:
        return
    check.at(
        EXPECTATION,
        place,
        f"{name} has no expectation.",
        'Add expectation="what a right answer does".',
    )


def _unchecked(check: Check, rule: Rule, place: Place[ast.Call], message: str) -> None:
    use = first_unchecked_use(place, check.program)
    if use is not None:
        check.at(
            rule,
            place,
            f"{message}, and is used without a look.",
            "Test it first: if ... is not None",
            node=use,
        )


def _video(check: Check, place: Place[ast.Call]) -> None:
    call = place.node
    argument = call.args[0] if call.args else keyword_of(call, "url")
    url = check.program.values.const(argument, place.scope) if argument is not None else None
    if isinstance(url, str) and not _YOUTUBE.match(url):
        check.at(
            VIDEO,
            place,
            f"Not a YouTube link that the SDK knows: {url}",
            "Use https://www.youtube.com/watch?v=ID, https://www.youtube.com/shorts/ID or https://youtu.be/ID.",
            sure=check.program.sure(place),
        )

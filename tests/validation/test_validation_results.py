"""What a task returns, by every path, and whether the SDK can record it (each tried with the real SDK)."""

from __future__ import annotations

import pytest
from validation_helpers import findings_of

from kbench_jupyter.validation.findings import Finding, Severity

HEAD = """import kaggle_benchmarks as kbench
import datetime, math, re
import numpy as np
from dataclasses import dataclass, field
from pydantic import BaseModel
@dataclass
class Answer:
    city: str
@dataclass
class Words:
    words: list[str]
class Step(BaseModel):
    text: str
@kbench.task(store_task=False, store_run=False)
def row(llm, q) -> bool:
    return "4" in llm.prompt(q)"""


def task(annotation: str, *lines: str) -> list[str]:
    """Return a notebook whose task has this annotation and these lines."""
    body = "\n".join(f"    {part}" for line in lines for part in line.split("\n"))
    arrow = f" -> {annotation}" if annotation else ""
    return [HEAD, f"@kbench.task()\ndef quiz(llm){arrow}:\n{body}\nquiz.run(kbench.llm)"]


def found(*cells: str) -> list[Finding]:
    """Return what is said about what a task returns."""
    return [finding for finding in findings_of(*cells) if finding.code in ("KB203", "KB207")]


# Paths without a value

IF = 'if "five" in llm.prompt("2+2?"):\n    return {0}'


@pytest.mark.parametrize(
    ("annotation", "value", "advice"),
    [
        ("bool", "True", "return False"),
        ("int", "1", "return 0"),
        ("float", "1.0", "return 0.0"),
        ("dict", "{'a': 1}", "return {}"),
        ("tuple[float, float]", "1.0, 0.5", "return 0.0, 0.0"),
    ],
)
def test_a_path_that_falls_off_the_end_is_a_warning_that_says_what_to_return(annotation, value, advice):
    (finding,) = found(*task(annotation, IF.format(value)))
    assert (finding.code, finding.severity) == ("KB207", Severity.WARNING)
    assert finding.text == 'if "five" in llm.prompt("2+2?"):'
    assert finding.hint.endswith(advice)
    assert found(*task(annotation, IF.format(value), advice)) == []


def test_the_warning_says_what_becomes_of_such_a_run():
    (without,) = found(*task("bool", IF.format("True")))
    assert "recorded without a result" in without.message
    (passed,) = found(*task("float", IF.format("1.0")))
    assert "recorded as a pass" in passed.message


@pytest.mark.parametrize("bare", ["return", "return None"])
def test_a_return_without_a_value_beside_valued_ones_is_a_warning_on_its_line(bare):
    (finding,) = found(*task("float", "if not llm.prompt('x'):", f"    {bare}", "return 1.0"))
    assert (finding.code, finding.severity, finding.text) == ("KB207", Severity.WARNING, bare)


@pytest.mark.parametrize(
    "lines",
    [
        "for x in xs():\n    if x in llm.prompt(x):\n        return True",
        "try:\n    return bool(llm.prompt('x'))\nexcept ValueError:\n    print('no')",
        "while len(xs()) < 3:\n    return True",
        "match llm.prompt('x'):\n    case '4': return True\n    case '5': return False",
        "import contextlib\nwith contextlib.suppress(ValueError):\n    return True",
        "while True:\n    if llm.prompt('x'): break\n    return True",
        "for x in xs():\n    if x: break\nelse:\n    return True",
        "if llm.prompt('x'): return True\nelif llm.prompt('y'): return False",
        "if llm.prompt('x'): return True\nkbench.assertions.assert_fail(expectation='a 4')",
        "if llm.prompt('x'): return True\nassert llm.prompt('y')",
    ],
)
def test_a_loop_a_handler_and_an_assertion_may_let_a_task_end_without_a_value(lines):
    assert [finding.code for finding in found(*task("bool", lines), "def xs(): ...")] == ["KB207"]


@pytest.mark.parametrize(
    "lines",
    [
        "if llm.prompt('x'): return True\nelse: return False",
        "if llm.prompt('x'): return True\nelse: raise ValueError",
        "if llm.prompt('x'): return True\nassert False, 'no 4'",
        "import sys\nif llm.prompt('x'): return True\nsys.exit(1)",
        "if llm.prompt('x'): return True\ngive_up()",
        "if llm.prompt('x'): return True\nunseen.fail_here()",
        "while True:\n    try:\n        return bool(llm.prompt('x'))\n    except ValueError:\n        continue",
        "for n in range(3):\n    try:\n        return True\n    except ValueError:\n        if n == 2: raise",
        "try:\n    x = llm.prompt('x')\nexcept ValueError:\n    return False\nelse:\n    return bool(x)",
        "try:\n    llm.prompt('x')\nfinally:\n    return True",
        "with kbench.chats.new('x'):\n    return True",
        "match llm.prompt('x'):\n    case '4': return True\n    case other: return False",
        "match llm.prompt('x', schema=Kind):\n    case Kind.A: return True\n    case Kind.B: return False",
        "match llm.prompt('x', schema=Kind):\n    case str(): return True\n    case int(): return False",
        "for x in xs():\n    if x: return True\nelse:\n    return False",
        "for x in (1, 2):\n    return bool(llm.prompt('x'))",
        "n = len(llm.prompt('x'))\nif n > 5: return True\nif n <= 5: return False",
        "n = len(llm.prompt('x'))\nif n > 5: return True\nelif n == 5: return True\nelif n < 5: return False",
        "x = bool(llm.prompt('x'))\nif x: return True\nif not x: return False",
        "x = kind()\nif x == Kind.A: return True\nelif x == Kind.B: return False",
        "if True:\n    return bool(llm.prompt('x'))",
        "def helper():\n    return\nhelper()\nreturn bool(llm.prompt('x'))",
        "\n".join(f"{'el' if n else ''}if llm.prompt('{n}'): return True" for n in range(400)),
    ],
)
def test_a_task_whose_every_path_gives_a_value_as_far_as_can_be_seen_is_left_alone(lines):
    assert found(*task("bool", lines), "def give_up():\n    raise ValueError('no')") == []


def test_a_task_that_promises_nothing_may_return_early():
    assert found(*task("None", "if not llm.prompt('x'):", "    return", "return None")) == []
    assert (
        found(*task("", "if not llm.prompt('x'):", "    return", "kbench.assertions.assert_true(1, 'x')"))
        == []
    )


def test_a_helper_task_may_give_nothing_to_the_task_that_runs_it():
    helper = (
        "@kbench.task(store_task=False, store_run=False)\n"
        "def part(llm, q) -> float:\n"
        "    if q in llm.prompt(q):\n        return 1.0\n    return None"
    )
    cells = task("float", "return part.run(llm, 'x').result or 0.0")
    assert found(cells[0], helper, cells[1]) == []


# Values that are not recorded

ROW = 'row.run(llm, "2+2")'


@pytest.mark.parametrize(
    ("annotation", "value", "instead"),
    [
        (
            "bool",
            "kbench.assertions.assert_in('4', '4', 'x')",
            "kbench.assertions.assert_in('4', '4', 'x').passed",
        ),
        ("bool", ROW, f"{ROW}.result"),
        (
            "float",
            "row.evaluate(llm=[llm], q=['x'])",
            "float(row.evaluate(llm=[llm], q=['x']).as_dataframe().result.mean())",
        ),
        ("bool", "'4' in 'r', 'r'", "'4' in 'r'"),
        ("tuple[float, float]", "1.0, 0.5, 3", "1.0, 0.5"),
        ("tuple[float, float]", "1.0, None", "1.0, 0.0"),
        ("dict", "llm.prompt('x', schema=Answer)", "vars(llm.prompt('x', schema=Answer))"),
        ("dict", "llm.prompt('x', schema=Step)", "llm.prompt('x', schema=Step).model_dump()"),
        ("dict", "llm.prompt('x', schema={'a': str})", "llm.prompt('x', schema={'a': str}).model_dump()"),
        ("dict", "Answer('Paris')", "{'city': Answer('Paris').city}"),
        ("bool", "llm.prompt('x').strip()", "llm.prompt('x').strip() == '4'"),
        ("int", "sorted(llm.prompt('x'))", "len(llm.prompt('x'))"),
        ("int", "[x for x in llm.prompt('x')]", "sum(x == '4' for x in llm.prompt('x'))"),
        ("bool", "f'{1}'", "bool(1)"),
        ("bool", "kbench.tools.python.extract_code('x')", "kbench.tools.python.extract_code('x') == 'x'"),
        ("int", "llm.prompt('x', schema=Words).words", "len(llm.prompt('x', schema=Words).words)"),
        ("float", "kbench.chats.Chat()", "float(len(kbench.chats.Chat().messages))"),
    ],
)
def test_a_value_that_is_surely_not_recorded_is_an_error_and_what_is_recorded_is_not(
    annotation, value, instead
):
    for lines in ([f"return {value}"], [f"result = {value}", "return result"]):
        (finding,) = found(*task(annotation, *lines))
        assert (finding.code, finding.severity) == ("KB203", Severity.ERROR)
    assert found(*task(annotation, f"return {instead}")) == []


def test_a_value_that_is_sometimes_not_recorded_is_a_warning():
    (finding,) = found(*task("float", "return 1.0 if llm.prompt('x') else 'none'"))
    assert (finding.code, finding.severity) == ("KB203", Severity.WARNING)
    assert "may return" in finding.message


@pytest.mark.parametrize(
    ("annotation", "lines"),
    [
        ("float", ["return np.mean(unseen()) * 2"]),
        (
            "float",
            ["best = 'none yet'", "def f(x):\n    nonlocal best\n    best = x", "f(1.0)", "return best"],
        ),
        ("bool", ["score = llm.prompt('x')", "score = score == '4'", "return score"]),
        ("bool", ["return not re.search('4', 'r')"]),
        ("bool", ["r = row.run(llm, 'x')", "return r.passed"]),
        ("bool", ["return 0 < len(llm.prompt('x')) < 9"]),
        ("tuple[float, float]", ["return unseen(), unseen()"]),
        ("tuple[float, float]", ["return *unseen(), 3"]),
        ("dict", ["return {unseen(): unseen(), **unseen()}"]),
        ("dict", ["return {'a': 'x', 'b': [1, None], 'c': {'d': True}, 'e': 'x'.split()}"]),
        ("int", ["total = 0", "total = total + 1", "return total"]),
        ("int", ["str = int", "return str(llm.prompt('x'))"]),
    ],
)
def test_a_value_that_may_well_be_recorded_is_left_alone(annotation, lines):
    assert found(*task(annotation, *lines), "from somewhere import unseen") == []


def test_what_a_handler_of_the_notebook_s_own_gives_is_an_assertion_s_result_too():
    handler = (
        "@kbench.assertions.assertion_handler()\n"
        "def short(s) -> kbench.assertions.AssertionResult:\n"
        "    return kbench.assertions.AssertionResult(passed=len(s) < 9, expectation='short')"
    )
    cells = task("bool", "return short(llm.prompt('x'))")
    (finding,) = found(cells[0], handler, cells[1])
    assert (finding.code, finding.severity) == ("KB203", Severity.ERROR)
    assert ".passed" in finding.hint


def test_the_advice_about_an_assertion_that_is_returned_removes_the_finding_and_the_error():
    line = "kbench.assertions.assert_in('4', llm.prompt('x'), expectation='a 4')"
    (plain,) = found(*task("", f"return {line}"))
    assert plain.severity is Severity.ERROR
    assert (
        plain.hint
        == "Drop the return: the assertion itself is recorded. Or return its .passed, with -> bool."
    )
    (annotated,) = found(*task("bool", f"return {line}"))
    assert annotated.hint.startswith("Drop the return and the annotation:")
    assert found(*task("", line)) == []
    assert found(*task("bool", f"return {line}.passed")) == []


@pytest.mark.parametrize(
    ("annotation", "value", "advice"),
    [
        ("bool", ROW, "Return what the other task returned: append .result."),
        (
            "tuple[float, float]",
            "1.0, 0.5, 3",
            "Return two numbers as a tuple: a value, and its confidence interval.",
        ),
    ],
)
def test_the_advice_fits_what_is_returned(annotation, value, advice):
    (finding,) = found(*task(annotation, f"return {value}"))
    assert finding.hint == advice


# Classes with slots


@pytest.mark.parametrize(
    ("decorator", "is_refused"),
    [
        ("dataclass(slots=True)", True),
        ("dataclass(frozen=True, slots=True)", True),
        ("dataclass(slots=False)", False),
        ("dataclass(frozen=True)", False),
        ("dataclass", False),
    ],
)
def test_a_dataclass_with_slots_is_no_schema(decorator, is_refused):
    definition = f"@{decorator}\nclass City:\n    name: str"
    cells = task("bool", "return llm.prompt('x', schema=City).name == '4'")
    errors = [f for f in findings_of(cells[0], definition, cells[1]) if f.severity is Severity.ERROR]
    assert [f.code for f in errors] == (["KB405"] if is_refused else [])
    if is_refused:
        assert "leave slots out" in errors[0].message

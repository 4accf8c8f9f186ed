"""The pages of the rules tell the truth: each rule objects to its own example, and not to its own fix."""

from __future__ import annotations

import pytest
from validation_helpers import codes_of

from kbench_jupyter.validation import RULES

TOP = (
    "import os\nimport kaggle_benchmarks as kbench\nimport pandas as pd\n"
    "from kaggle_benchmarks.content_types import images, videos\n"
    "from kaggle_benchmarks.assertions import AssertionResult, assertion_handler"
)
CAPITAL = '@kbench.task(name="Capital")\ndef capital(llm): ...'
IN_A_TASK = (
    "@kbench.task()\ndef quiz(llm):\n    room = kbench.ChatRoom(system_prompt='x')\n"
    "    participant = 1\n{}\nquiz.run(kbench.llm)"
)
ROWS = "rows = pd.DataFrame()\n@kbench.task()\ndef task(llm): ...\n@kbench.task()\ndef quiz(llm): ..."

# Needs the name that is pushed, the datasets that are attached, the secret itself, or the builder that leaves
# %kbench lines out.
SHOWN_ELSEWHERE = {"KB104", "KB502", "KB503", "KB505"}


def notebook(code: str, snippet: str) -> list[str]:
    """Return the notebook that a page's snippet is meant to stand in."""
    if code == "KB405":
        indented = "\n".join("    " + line for line in snippet.splitlines())
        return [TOP, IN_A_TASK.format(indented)]
    if code == "KB407":
        return [TOP, ROWS, snippet]
    if code in ("KB108", "KB301"):
        return [TOP, CAPITAL, "capital.run(kbench.llm)" if code == "KB108" else "", snippet]
    if code == "KB113":
        return [
            TOP,
            "rows = pd.DataFrame({'country': ['Peru', 'Chad'], 'city': ['Lima', 'Moundou']})",
            snippet,
        ]
    if code == "KB110":
        return [TOP, snippet, "all_rows.run(kbench.llm)"]
    if code == "KB901":
        return [TOP, ROWS.partition("\n")[2], snippet]
    if code == "KB902":
        return [TOP, *snippet.split("\n\n")]
    return [TOP, snippet]


@pytest.mark.parametrize("code", sorted(set(RULES) - SHOWN_ELSEWHERE))
def test_a_rule_objects_to_its_own_example_and_not_to_its_fix(code):
    rule = RULES[code]
    assert code in codes_of(*notebook(code, rule.example))
    assert code not in codes_of(*notebook(code, rule.fix))

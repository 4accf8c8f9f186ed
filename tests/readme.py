"""What the README generates from the code; ``make readme`` writes it, a test holds it.

A generated part stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.
"""

from __future__ import annotations

import re
from pathlib import Path

from kbench_jupyter.magics.declaration import GRAMMAR
from kbench_jupyter.magics.help import reference
from kbench_jupyter.validation import RULES

README = Path(__file__).parents[1] / "README.md"


def rules_table() -> str:
    """Return all rules as a Markdown table."""
    lines = ["| rule | severity | finds |", "|---|---|---|"]
    for code in sorted(RULES):
        rule = RULES[code]
        lines.append(f"| {code} {rule.name} | {rule.severity} | {rule.summary.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


PARTS = {"commands": lambda: reference(GRAMMAR), "rules": rules_table}


def updated(text: str) -> str:
    """Return the README's text with every generated part as it should be."""
    for name, make in PARTS.items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert pattern.search(text), f"README.md has no part {name}"
        part = make()
        text = pattern.sub(lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text)
    return text


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")

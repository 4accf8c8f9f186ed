"""The rules by theme: 1xx structure, 2xx signature, 3xx models, 4xx SDK, 5xx environment, 6xx its names, 9xx state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kbench_jupyter.validation.rules import (
    choice,
    environment,
    evaluating,
    files,
    models,
    prompting,
    running,
    sdk_names,
    signature,
    state,
    structure,
    usage,
)

if TYPE_CHECKING:
    from kbench_jupyter.validation.rules.rule import Check, Rule

__all__ = ["GROUPS", "RULES", "run_all"]

GROUPS = (
    structure,
    running,
    choice,
    signature,
    models,
    usage,
    prompting,
    evaluating,
    files,
    environment,
    sdk_names,
    state,
)
RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in sorted((r for group in GROUPS for r in group.RULES), key=lambda rule: rule.code)
}


def run_all(check: Check) -> None:
    """Let every group of rules report to `check`."""
    for group in GROUPS:
        group.check(check)

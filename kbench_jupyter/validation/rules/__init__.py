"""The rules by theme: 1xx structure, 2xx signature, 3xx models, 4xx SDK, 5xx environment, 6xx its names, 9xx state.

A rule is a `Rule` in a module of this room, with a function that looks for it. It knows the program that was read, and
must never know where that came from, nor who asked. Beside the rules stand what secrets look like in any text
(`secrets`), and the safe fixes (`repairs`).
"""

from __future__ import annotations

from kbench_jupyter.validation.rules import (
    choice,
    environment,
    evaluating,
    files,
    models,
    prompting,
    returning,
    running,
    sdk_names,
    signature,
    state,
    structure,
    usage,
)
from kbench_jupyter.validation.rules.rule import Check, Rule

__all__ = ["RULES", "run_all"]

_GROUPS = (
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
_FOUND = {
    rule.code: rule
    for group in (*_GROUPS, returning)
    for rule in vars(group).values()
    if isinstance(rule, Rule)
}
RULES = dict(sorted(_FOUND.items()))


def run_all(check: Check) -> None:
    """Let every group of rules report to `check`."""
    for group in _GROUPS:
        group.check(check)

"""What is known of a task source before it is pushed: what is in it, what the rules say, and how it runs.

`reading` parses it, `rules` are functions of what was read and say `findings`, `rehearsal` runs it in a fresh kernel,
and `checker` is the way in. This room must never know the doors, the target, or how a finding or a failure is drawn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kbench_jupyter.validation.checker import RULES, check, tasks_in, too_large
    from kbench_jupyter.validation.findings import Finding, Severity
    from kbench_jupyter.validation.reading.sdk.installed import installed
    from kbench_jupyter.validation.reading.task import TaskDefinition
    from kbench_jupyter.validation.rules.repairs import Fix, fixes
    from kbench_jupyter.validation.rules.rule import Rule

__all__ = [
    "RULES",
    "Finding",
    "Fix",
    "Rule",
    "Severity",
    "TaskDefinition",
    "check",
    "fixes",
    "installed",
    "tasks_in",
    "too_large",
]

# Read when first asked for: `%load_ext` must not pay for rules nobody has run yet.
_HOMES = {
    "checker": ("RULES", "check", "tasks_in", "too_large"),
    "findings": ("Finding", "Severity"),
    "rules.repairs": ("Fix", "fixes"),
    "rules.rule": ("Rule",),
    "reading.sdk.installed": ("installed",),
    "reading.task": ("TaskDefinition",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

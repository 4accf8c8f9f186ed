"""Rule: what a rule finds, why, and how to mend it; or all rules."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.actions.cards import code_cell
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, View, count
from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.validation import RULES, Rule
from kbench_jupyter.validation.findings import Severity


@dataclass(frozen=True)
class RuleShown(Shown):
    """One rule, explained."""

    rule: Rule

    def view(self) -> View:
        """Describe the rule: what, why, an example, the fix."""
        rule = self.rule
        stops = "stops a push" if rule.severity is Severity.ERROR else "never stops a push"
        parts: list[Part] = [
            Facts({"severity": Cell(f"{rule.severity} ({stops})", code_cell(rule).tone), "why": rule.why}),
            Text("Instead of", "quiet"),
            Text(rule.example, code=True),
            Text("write", "quiet"),
            Text(rule.fix, code=True),
        ]
        return View(
            f"{rule.code} {rule.name}: {rule.summary}",
            parts,
            next=[(f"# kbench: ignore[{rule.code}]", "at the end of a line silences the rule there")],
        )


@dataclass(frozen=True)
class RuleList(Shown):
    """All rules."""

    rules: tuple[Rule, ...]

    def view(self) -> View:
        """List the rules."""
        table = Table(["rule", "name", "finds"], [(code_cell(r), r.name, r.summary) for r in self.rules])
        return View(count(len(self.rules), "rule"), [table], next=[("%kbench rule CODE", "explain one")])


def rule_codes() -> list[str]:
    """Return the codes of all rules, in order."""
    return sorted(RULES)


def explain_rule(code: str | None) -> RuleShown | RuleList:
    """Explain a rule, or list them all.

    Raises
    ------
    UsageError
        If there is no such rule.
    """
    if code is None:
        return RuleList(tuple(RULES[code] for code in rule_codes()))
    found = RULES.get(code.upper())
    if found is None:
        hint = did_you_mean(code, RULES, form="%kbench rule {}", more="all rules: %kbench rule")
        raise UsageError(f"There is no rule {code!r}.", hint=hint)
    return RuleShown(found)

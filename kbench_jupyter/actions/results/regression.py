"""The regression watch: results that end in an error where a candidate is significantly worse than a baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbench_jupyter.actions.results.pairs import Pairs
from kbench_jupyter.actions.results.wording import difference, name_of, p_value, said, signed
from kbench_jupyter.display.view import count
from kbench_jupyter.errors import KBenchError, RegressionError, UsageError
from kbench_jupyter.results.pairing import SIGNIFICANT, Pair
from kbench_jupyter.results.samples import Sample
from kbench_jupyter.results.statistics import has_scipy, holm
from kbench_jupyter.results.statistics.libraries import INSTALL

__all__ = ["baseline_of", "passed_notes"]

_CONDITION = re.compile(r"\s*worse\s+than\s+(\S+)\s*", re.IGNORECASE)
#: Samples of a candidate that an error names, and characters of each text.
_NAMED, _TEXT = 20, 60


def baseline_of(condition: str) -> str:
    """Return the baseline that a condition such as "worse than v1" names.

    Raises
    ------
    UsageError
        If it is no such condition.
    """
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise UsageError(
            f"--fail-if takes 'worse than v1' or 'worse than CANDIDATE', not {condition!r}.",
            hint='%kbench results --fail-if "worse than v1"',
        )
    return found[1]


@dataclass(frozen=True)
class _Tested:
    """One candidate beside the baseline, with its p values, corrected for all that were tested."""

    pair: Pair
    p: float | None
    errors_p: float | None

    @property
    def worse(self) -> bool:
        return self.pair.is_worse(self.p)

    @property
    def errs_more(self) -> bool:
        failures = self.pair.failures
        if failures is None or self.errors_p is None:
            return False
        return self.errors_p < SIGNIFICANT and len(failures.new) > failures.gone


def passed_notes(pairs: Pairs, samples: Mapping[str, Sequence[Sample]]) -> list[str]:
    """Say for each candidate that it is not worse than the baseline, as far as so many samples show.

    Looked at is the newest version: whether its mean is worse, and whether more of its samples error. All p values
    together are corrected by Holm. Too little data to tell is said, and passes.

    Parameters
    ----------
    samples : mapping
        Samples by key, of both sides, for naming them.

    Raises
    ------
    RegressionError
        If a candidate is worse by more than chance.
    UsageError
        If nothing newer than the baseline ran.
    KBenchError
        If scipy is not installed: nothing can be told then.
    """
    if not has_scipy():
        raise KBenchError("--fail-if needs scipy, which is not installed.", hint=INSTALL)
    newest = max((side.version or 0 for side in pairs.sides), default=0)
    wanted = [pair for pair in pairs.pairs if (pair.other.version or 0) == newest]
    if not wanted:
        raise UsageError(
            f"Nothing of version {newest} of {pairs.task} can be compared with {pairs.baseline}.",
            hint=f"Run the newest version on what {pairs.baseline} has results of: %kbench run {pairs.task} -m MODEL",
        )
    tested = _tested(wanted)
    failed = [one for one in tested if one.worse or one.errs_more]
    if failed:
        raise RegressionError(
            "; ".join(_why(one) for one in failed) + ".",
            detail="\n".join(line for one in failed for line in _culprits(one, samples)),
            hint=f"Side by side: {_command(pairs.task, failed[0].pair)}",
        )
    return [_passed(one) for one in tested]


def _tested(pairs: Sequence[Pair]) -> list[_Tested]:
    means = [pair.difference.p if pair.difference else None for pair in pairs]
    errors = [pair.failures.p if pair.failures else None for pair in pairs]
    corrected = holm([*means, *errors])
    half = len(pairs)
    return [_Tested(pair, p, e) for pair, p, e in zip(pairs, corrected[:half], corrected[half:], strict=True)]


def _why(one: _Tested) -> str:
    pair, reasons = one.pair, []
    if one.worse:
        samples = f", {count(len(pair.worse), 'sample')} got worse" if pair.is_paired else ""
        reasons.append(f"{pair.base.measure} {difference(pair)}, p {p_value(one.p)}{samples}")
    if one.errs_more and pair.failures:
        new = count(len(pair.failures.new), "sample")
        reasons.append(f"{new} errored that did not there, p {p_value(one.errors_p)}")
    return f"{name_of(pair.other)} is worse than {name_of(pair.base)}: {'; '.join(reasons)}"


def _culprits(one: _Tested, samples: Mapping[str, Sequence[Sample]]) -> list[str]:
    pair = one.pair
    keys = (pair.worse if one.worse else []) + (pair.failures.new if one.errs_more and pair.failures else [])
    lines = [f"{name_of(pair.other)}:"] if keys else []
    for key in keys[:_NAMED]:
        mine = [
            s
            for s in samples.get(key, ())
            if (s.version, s.candidate) == (pair.other.version, pair.other.name)
        ]
        text = f"  {_short(mine[0].input)} → {_short(said(mine[0]))}" if mine else ""
        lines.append(f"  #{key.rpartition('#')[2]}{text}")
    if len(keys) > _NAMED:
        lines.append(f"  and {len(keys) - _NAMED:,} more")
    return lines


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[:_TEXT] + "…"


def _command(task: str, pair: Pair) -> str:
    if pair.base.name == pair.other.name:
        return f"%kbench compare v{pair.base.version} v{pair.other.version} -t {task}"
    return f"%kbench compare {pair.base.name} {pair.other.name} -t {task}"


def _passed(one: _Tested) -> str:
    pair = one.pair
    who = f"{name_of(pair.other)} beside {name_of(pair.base)}"
    if one.p is None:
        return f"{who}: too little data to tell whether it is worse, which passes."
    text = f"{who}: not significantly worse, {difference(pair)}, p {p_value(one.p)}."
    if pair.seen is None:
        return text
    unit = " points" if pair.base.measure in ("passed", "checks") else ""
    least = signed(pair.seen, pair.base.measure).removeprefix("+")
    return f"{text} {count(len(pair.keys), 'sample')} mostly show a difference from about {least}{unit} on."

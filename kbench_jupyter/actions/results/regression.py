"""The regression watch: results that end in an error where a candidate is significantly worse than a baseline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kbench_jupyter.actions.results.measuring import Asked
from kbench_jupyter.actions.results.pairs import Pairs
from kbench_jupyter.actions.results.wording import difference, name_of, p_value, said, signed
from kbench_jupyter.display.view import count
from kbench_jupyter.errors import KBenchError, RegressionError, UsageError
from kbench_jupyter.results.measured import SHARES
from kbench_jupyter.results.pairing import SIGNIFICANT, Pair
from kbench_jupyter.results.samples import Sample
from kbench_jupyter.results.statistics import has_scipy, holm
from kbench_jupyter.results.statistics.libraries import INSTALL

_CONDITION = re.compile(r"\s*worse\s+than\s+(\S+)\s*", re.IGNORECASE)
#: From so many samples on, an exact McNemar test can come below 5 %: if all of six change to the same side, 2 / 2**6.
_ENOUGH = 6
#: Samples of a candidate that an error names, and characters of each text.
_NAMED, _TEXT = 20, 60


def watched(asked: Asked, condition: str | None) -> Asked:
    """Return what is asked for, with the baseline that a condition such as "worse than v1" names.

    Raises
    ------
    UsageError
        If it is no such condition, or names another baseline than the one that was asked for.
    """
    if condition is None:
        return asked
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise UsageError(
            f"--fail-if takes 'worse than v1' or 'worse than CANDIDATE', not {condition!r}.",
            hint='%kbench results --fail-if "worse than v1"',
        )
    if asked.baseline not in ("", found[1]):
        raise UsageError(
            f"--baseline {asked.baseline} and --fail-if {condition!r} name two baselines.",
            hint="Leave --baseline out: --fail-if shows the difference from its own.",
        )
    return replace(asked, baseline=found[1])


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


def passed_notes(pairs: Pairs, samples: Iterable[Sample]) -> list[str]:
    """Say for each candidate that it is not worse than the baseline, as far as so many samples show.

    Looked at is the newest version: whether its mean is worse, and whether more of its samples error. All p values
    together are corrected by Holm. Too little data to tell is said, and passes.

    Parameters
    ----------
    samples : iterable of Sample
        All there are, for naming those that did it.

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
            hint=_how_to_compare(pairs, newest),
        )
    tested = _tested(wanted)
    failed = [one for one in tested if one.worse or one.errs_more]
    if failed:
        raise RegressionError(
            "; ".join(_why(one) for one in failed) + ".",
            detail="\n".join(_culprits(failed, samples)),
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


def _culprits(failed: Sequence[_Tested], samples: Iterable[Sample]) -> Iterator[str]:
    """Name the samples that did it, with what was asked and answered."""
    did = {(one.pair.other.version, one.pair.other.name): _keys(one) for one in failed}
    wanted = {(*side, key) for side, keys in did.items() for key in keys[:_NAMED]}
    found: dict[tuple[int | None, str, str], Sample] = {}
    for sample in samples:
        names = [(sample.version, name, sample.key) for name in (sample.candidate, sample.model)]
        found |= {name: sample for name in names if name in wanted}
    for one in failed:
        side, keys = one.pair.other, _keys(one)
        if keys:
            yield f"{name_of(side)}:"
        for key in keys[:_NAMED]:
            sample = found[side.version, side.name, key]
            yield f"  #{key.rpartition('#')[2]}  {_short(sample.input)} → {_short(said(sample))}"
        if len(keys) > _NAMED:
            yield f"  and {len(keys) - _NAMED:,} more"


def _keys(one: _Tested) -> list[str]:
    if not one.pair.is_paired:
        return []
    errored = one.pair.failures.new if one.errs_more and one.pair.failures else []
    return (one.pair.worse if one.worse else []) + errored


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[:_TEXT] + "…"


def _how_to_compare(pairs: Pairs, newest: int) -> str:
    """Say what gives the newest version something to be compared in."""
    run = f"%kbench run {pairs.task} -m MODEL"
    if pairs.baseline == f"v{newest}":
        return f"It is the newest one with results: push the next one, then run that.\n%kbench push --wait\n{run}"
    if pairs.baseline in {side.name for side in pairs.sides}:
        return f"Run the newest version on {pairs.baseline} and on others: {run}"
    return f"Run the newest version on what {pairs.baseline} has results of: {run}"


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
    if pair.is_paired and pair.base.measure == "passed" and len(pair.keys) < _ENOUGH:
        return f"{text} Too few to tell, whatever they come to: {count(len(pair.keys), 'sample')}."
    if pair.seen is None:
        return text
    unit = " points" if pair.base.measure in SHARES else ""
    least = signed(pair.seen, pair.base.measure).removeprefix("+")
    return f"{text} {count(len(pair.keys), 'sample')} mostly show a difference from about {least}{unit} on."

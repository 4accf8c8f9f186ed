"""What a comparison of two sides shows: the facts, and the samples that got worse and better, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from kbench_jupyter.actions.compare.marks import Pieces, marked
from kbench_jupyter.actions.results.wording import (
    amount,
    amounts,
    difference,
    interval,
    needed,
    p_value,
    said,
)
from kbench_jupyter.display.view import Cell, Facts, Part, Table, Text, Value, count
from kbench_jupyter.results.pairing import Pair
from kbench_jupyter.results.samples import Sample

#: Samples of a kind that are listed; all of them are in the data frame and in files.
_LISTED = 20
#: Characters of an input.
_INPUT = 160

Repeats = Mapping[str, Sequence[Sample]]


def facts(pair: Pair, p: float | None, names: tuple[str, str], inputs: int, corrected: int) -> Facts:
    """Return what the samples came to together.

    Parameters
    ----------
    p : float or None
        The p value, corrected for so many comparisons.
    names : (str, str)
        How the sides are told apart.
    inputs : int
        How many of the pairs have another input.
    corrected : int
        How many comparisons the p value is corrected for.
    """
    better, worse = len(pair.better), len(pair.worse)
    sides = (pair.base, pair.other)
    means = [
        f"{name} {value or 'none'}{f' ({spread})' if spread else ''}"
        for name, value, spread in zip(names, amounts(sides), map(interval, sides), strict=True)
    ]
    changed = f"{worse} worse, {better} better, {pair.same} the same" if pair.is_paired else ""
    return Facts(
        {
            pair.base.measure: ", ".join(means),
            "difference": _difference(pair, p, corrected),
            "samples": changed or f"{len(pair.base.values)} and {len(pair.other.values)}, none in common",
            "errored": _errored(pair, names),
            "only one side": _alone(pair, names),
            "other input": f"{count(inputs, 'sample')} {'has' if inputs == 1 else 'have'} another input in {names[1]}"
            if inputs
            else "",
            "to be sure": needed(pair),
        }
    )


def _difference(pair: Pair, p: float | None, corrected: int) -> Value:
    text = difference(pair)
    if not text:
        return None
    found = pair.difference
    if found is None or p is None:
        return text
    many = f", Holm's correction for {corrected}" if corrected > 1 else ""
    said = f"{text}, p {p_value(p)} ({found.method}{many})"
    better = Pair(pair.other, pair.base).is_worse(p)
    return Cell(said, "bad" if pair.is_worse(p) else "good" if better else "")


def _errored(pair: Pair, names: tuple[str, str]) -> Value:
    lost = [f"{n} in {name}" for n, name in zip(pair.errored, names, strict=True) if n]
    return Cell(f"{' and '.join(lost)}, left out of the difference", "warn") if lost else None


def _alone(pair: Pair, names: tuple[str, str]) -> str:
    if not pair.is_paired:
        return ""
    return ", ".join(
        f"{count(n, 'sample')} in {name}" for n, name in zip(pair.alone, names, strict=True) if n
    )


def listed(pair: Pair, before: Repeats, after: Repeats, names: tuple[str, str]) -> list[Part]:
    """Return the samples that got worse, then those that got better: input, and both answers with what differs."""
    parts: list[Part] = []
    for word, keys in (("worse", pair.worse), ("better", pair.better)):
        if not keys:
            continue
        shown = keys[:_LISTED]
        rows = [_row(key, pair, before[key], after[key]) for key in shown]
        tone = "bad" if word == "worse" else "good"
        parts += [
            Text(f"{count(len(keys), 'sample')} got {word}", tone),
            Table(["sample>", "input", *names], rows),
        ]
        if len(keys) > len(shown):
            parts.append(Text(f"and {len(keys) - len(shown):,} more; -o FILE writes them all", "quiet"))
    return parts


def _row(key: str, pair: Pair, before: Sequence[Sample], after: Sequence[Sample]) -> list[Value]:
    one, other = before[0], after[0]
    if pair.base.measure in ("cost", "latency", "tokens"):
        texts: tuple[Pieces, Pieces] = ((said(one), ""),), ((said(other), ""),)
    else:
        texts = marked(said(one), said(other))
    cells: list[Value] = [
        _cell(pieces, pair, key, side, samples)
        for pieces, side, samples in zip(texts, ("base", "other"), (before, after), strict=True)
    ]
    row = key.rpartition("#")[2]
    text = one.input if len(one.input) <= _INPUT else one.input[:_INPUT] + "…"
    return [row, text, *cells]


def _cell(
    pieces: Sequence[tuple[str, str]], pair: Pair, key: str, side: str, samples: Sequence[Sample]
) -> Cell:
    measure = pair.base.measure
    values = (pair.base if side == "base" else pair.other).values[key]
    value = fmean(values)
    if measure == "passed":
        tone = "good" if value == 1 else "bad" if value == 0 else "warn"
        head = f"{round(sum(values))}/{len(values)} " if len(values) > 1 else ""
    else:
        tone, head = "", f"{amount(value, measure)}: "
    shown = tuple(pieces) if samples else ()
    text = head + "".join(text for text, _ in shown)
    return Cell(text, tone, pieces=((head, ""), *shown) if head else shown)

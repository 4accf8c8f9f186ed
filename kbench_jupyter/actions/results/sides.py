"""Which two sides of a task are meant by two words: candidates, or versions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from kbench_jupyter.errors import UsageError
from kbench_jupyter.hints import did_you_mean

_VERSION = re.compile(r"v(\d+)", re.IGNORECASE)

#: A version, and a candidate that ran on it (or a model, where its candidates are put together).
Ran = tuple[int | None, str]


@dataclass(frozen=True)
class _There:
    """What there is to name."""

    candidates: tuple[str, ...]
    versions: tuple[int, ...]

    @property
    def words(self) -> list[str]:
        return [*self.candidates, *(f"v{version}" for version in self.versions)]


def pairs_of(task: str, one: str, other: str, ran: Collection[Ran]) -> list[tuple[Ran, Ran]]:
    """Return the sides that are compared: of two candidates one pair, of two versions one a candidate that ran on both.

    Candidates are compared on the newest version that both ran on.

    Raises
    ------
    UsageError
        If a word names nothing that ran, or the two have nothing to be compared by.
    """
    there = _there(ran)
    named = [named_side(task, word, there.candidates, there.versions) for word in (one, other)]
    first, second = named
    if first == second:
        raise UsageError(f"Both sides are {one}.", hint=_all(there))
    if isinstance(first, int) and isinstance(second, int):
        both = [name for name in there.candidates if {(first, name), (second, name)} <= set(ran)]
        if not both:
            raise UsageError(
                f"No candidate ran on v{first} and on v{second} of {task}.",
                detail="\n".join(f"v{v}: {', '.join(_on(v, ran))}" for v in (first, second)),
                hint=f"Run the same on both: %kbench run {task} -m MODEL",
            )
        return [((first, name), (second, name)) for name in both]
    if isinstance(first, int) or isinstance(second, int):
        raise UsageError(
            f"{one} and {other} are a version and a candidate: two of a kind are compared.", hint=_all(there)
        )
    shared = [version for version, name in ran if name == first and (version, second) in ran]
    if not shared:
        raise UsageError(
            f"{first} and {second} did not run on the same version of {task}.",
            hint=f"Run both on one: %kbench run {task} -m {first} -m {second} --wait",
        )
    newest = max(shared, key=lambda version: version or 0)
    return [((newest, first), (newest, second))]


def named_side(task: str, word: str, candidates: Sequence[str], versions: Sequence[int]) -> str | int:
    """Return the candidate, or the number of the version, that a word names.

    Raises
    ------
    UsageError
        If it names neither; the hint says what there is.
    """
    if word in candidates:
        return word
    version = _version_of(word)
    if version in versions and version is not None:
        return version
    there = _There(tuple(candidates), tuple(versions))
    hint = did_you_mean(word, there.words, more=_all(there)[:1].lower() + _all(there)[1:], parts=True)
    raise UsageError(f"{word} is neither a candidate nor a version that {task} has results of.", hint=hint)


def two_of(ran: Sequence[Ran]) -> tuple[str, str] | None:
    """Return two words to compare: the newest two versions that a candidate ran on, else two candidates of one version.

    None where there is nothing to compare.
    """
    newest: dict[str, list[int]] = {}
    for version, name in ran:
        newest.setdefault(name, []).append(version or 0)
    for versions in newest.values():
        if len(versions) > 1:
            last, before = sorted(versions, reverse=True)[:2]
            return f"v{before}", f"v{last}"
    top = max((version or 0 for version, _ in ran), default=0)
    names = [name for version, name in ran if (version or 0) == top]
    return (names[0], names[1]) if len(names) > 1 else None


def _version_of(word: str) -> int | None:
    """Return the number of the version that a word such as "v2" names, else None."""
    found = _VERSION.fullmatch(word)
    return int(found[1]) if found else None


def _there(ran: Iterable[Ran]) -> _There:
    ran = list(ran)
    versions = sorted({version for version, _ in ran if version}, reverse=True)
    return _There(tuple(dict.fromkeys(name for _, name in ran)), tuple(versions))


def _all(there: _There) -> str:
    return f"There are: {', '.join(there.words)}"


def _on(version: int, ran: Iterable[Ran]) -> list[str]:
    return [name for number, name in ran if number == version]

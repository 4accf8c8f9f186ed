"""Hints after a mistyped word: which known word was probably meant, worded alike everywhere."""

from __future__ import annotations

from collections.abc import Iterable

#: Most words that are named as what was meant.
_FEW = 3


def did_you_mean(
    typed: str,
    known: Iterable[str],
    *,
    form: str = "{}",
    more: str = "",
    cutoff: float = 0.65,
    parts: bool = False,
) -> str:
    """Say which word was meant, and where all of them are.

    Parameters
    ----------
    typed : str
        The mistyped word.
    known : iterable of str
        The words there are. Case makes no difference to which is nearest.
    form : str
        What to type, with ``{}`` in place of the word: ``"%kbench {}"``.
    more : str
        Where the words are, as it reads in parentheses: ``"all commands: %kbench -h"``.
    cutoff : float
        How alike two words must be, from 0 (anything goes) to 1 (the same).
    parts : bool
        Whether a word that holds the typed one, or is held by it, is meant, too: of the names that programs give
        things, ``system`` means ``system_instructions``. The only such word goes before the nearest, and a few are
        named where none is near.

    Returns
    -------
    str
        ``"Did you mean %kbench push?   (all commands: %kbench -h)"``; where nothing is near, `more` as a sentence of
        its own, which is empty without `more`.
    """
    import difflib  # only after a slip: each command's start would pay for it

    words: dict[str, str] = {}
    for word in known:
        words.setdefault(word.lower(), word)
    slip = typed.lower()
    long = [word for word in words if parts and min(len(slip), len(word)) > 3]
    holding = [word for word in long if slip in word or word in slip]
    near = holding if len(holding) == 1 else difflib.get_close_matches(slip, words, n=1, cutoff=cutoff)
    near = near or holding
    if not 1 <= len(near) <= _FEW:
        return more[:1].upper() + more[1:]
    meant = f"Did you mean {' or '.join(form.format(words[word]) for word in near)}?"
    return f"{meant}   ({more})" if more else meant

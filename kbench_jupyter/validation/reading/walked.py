"""Which cells a rule may have something to say about, told from their text alone.

All others are read by the symbol table only, unless they use what such a cell defines.
"""

from __future__ import annotations

import re

from kbench_jupyter.validation.reading.names import words

__all__ = ["is_interesting"]

# A cell with none of these texts, that uses nothing such a cell defines, concerns no rule but those about
# names and secrets. Plain texts, because looking for them is ten times faster than a pattern.
_INTERESTING = tuple(
    words(
        "kaggle_benchmarks kbench_jupyter %kbench get_ipython import_module __import__ __future__ .run .evaluate"
        " .from_path .from_url /kaggle/input input( getpass open( read_ Path( .load imread"
        " fromfile scan_ genfromtxt"
    )
)
_PROMPTS = (".prompt", ".respond", ".reply")
# A prompt that gives nothing but its text (no schema, no image, no tools) is as good as any other method.
_PLAIN_PROMPT = re.compile(
    r"""\.(?:prompt|respond)\(\s*(?:[\w.]+|[fFrR]{0,2}(?:"[^"\n\\]*"|'[^'\n\\]*'))\s*\)"""
)


def is_interesting(text: str) -> bool:
    """Whether a cell mentions the SDK, runs or prompts something in a way a rule asks about, or opens files.

    Parameters
    ----------
    text : str
        The cell's text.

    Returns
    -------
    bool
        True in case of doubt.
    """
    if any(word in text for word in _INTERESTING):
        return True
    prompts = sum(text.count(word) for word in _PROMPTS)
    return prompts > 0 and prompts != len(_PLAIN_PROMPT.findall(text))

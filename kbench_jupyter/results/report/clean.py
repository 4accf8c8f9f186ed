"""What is taken out of a text before it is handed on: known secrets, what looks like one, and paths of this machine."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path

#: Names of environment variables whose values are secrets.
_SECRET = re.compile(
    r"(?i)(?:^|_)(?:api_?)?(?:keys?|tokens?|secrets?|passw(?:or)?d|passphrase|pat|credentials?|auth)(?:_|$)"
)
#: Characters that a secret has at least; a shorter value would be found in plain words.
_LEAST = 6
#: The folder of a file that a traceback names: its last part says enough.
_FRAME = re.compile(
    r"(File (?:\"|&quot;|\\\"))(?:[A-Za-z]:)?[\\/](?:[^\"&\n]*[\\/])?(?=[^\"&\\/\n]+(?:\"|&quot;|\\\"))"
)
#: A folder right below the root: /tmp is no part of config/tmpl.html, nor of https://host/tmp.
_ALONE = r"(?:(?<![\w.~-])|(?<=\\[nrt])){}(?![\w-])"


class Cleaner:
    """Takes out of texts what must not leave the machine. Call it with a text.

    Parameters
    ----------
    environ : mapping
        Environment variables; the values of those whose name says that they are secret are taken out.
    folders : iterable of Path
        Folders whose paths are taken out, beside the home, the working directory and Python's own.
    mask : callable
        Takes out of a text what looks like a secret.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        folders: Iterable[Path] = (),
        mask: Callable[[str], str] = str,
    ) -> None:
        self._mask = mask
        known = (value for name, value in environ.items() if _SECRET.search(name))
        hidden = {text: "***" for text in known if len(text.strip()) >= _LEAST}
        places = [(folder, "…") for folder in (*folders, Path(tempfile.gettempdir()))]
        places += [(Path(sys.prefix), "python"), (Path(sys.base_prefix), "python")]
        # The last ones win: a folder that is both is called by the word that says more.
        home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where a container's user has none
        places += [(Path(), "."), (Path(environ.get("HOME") or home), "~"), (Path(home), "~")]
        short = set()
        for folder, word in places:
            for path in {folder, folder.absolute(), folder.resolve()}:
                if len(path.parts) > 1 and path.is_absolute():
                    hidden[str(path)] = word
                    short |= _forms(str(path)) if len(path.parts) == 2 else set()
        self._words = {form: word for text, word in hidden.items() for form in _forms(text)}
        longest = sorted(self._words, key=len, reverse=True)
        patterns = (_ALONE.format(re.escape(form)) if form in short else re.escape(form) for form in longest)
        self._known = re.compile("|".join(patterns))  # never of nothing: Python lies somewhere

    def __call__(self, text: str) -> str:
        """Return a text without what must not be handed on."""
        text = self._known.sub(lambda found: self._words[found[0]], text)
        return self._mask(_FRAME.sub(lambda found: found[1], text))


def _forms(text: str) -> set[str]:
    """Return a text as it is, and as HTML and JSON write it."""
    return {text, escape(text), json.dumps(text)[1:-1], escape(json.dumps(text)[1:-1])}

"""Names that say "secret", and the literal texts that code gives them: ``api_key = "..."`` in all its forms.

Read without parsing, so that broken cells, single lines of a cell and lines of a shell are read as well as Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kbench_jupyter.validation.reading.names import words

_SECRET = words("APIKEY BEARER CREDENTIAL CREDENTIALS KEY PASSPHRASE PASSWD PASSWORD SECRET TOKEN")
# Behind the word: what is about a secret and is none, `token_count`, `SECRET_NAME`, `api_key_env`; or what is to be
# guessed or found in a task, `SECRET_WORD`, `key_phrase`.
_ABOUT = words(
    "ANIMAL ANSWER BUDGET CITY COLUMN COUNT DESCRIPTION ENDPOINT ENV ERROR FIELD FIELDS FILE FOLDER FORMAT HEADER"
    " HELP HINT ID IDS INDEX KEYS LABEL LEN LENGTH LIMIT MANAGER MESSAGE MODEL NAME NAMES NUMBER OBJECT PASSWORDS"
    " PATH PATTERN PER PHRASE PHRASES PLACEHOLDER POLICY POSITION PREFIX PROMPT QUESTION REGEX SECRETS SIZE SUFFIX"
    " TASK TOKENS TYPE URI URL USAGE VAR VARIABLE WORD WORDS"
)
# Before it: a key of data or of a keyboard or an answer's, and a token of text.
_NO_SECRET = {
    "KEY": words(
        "ANSWER ARROW CACHE CHOICE COLUMN COLUMNS DATA DICT ENTRY FACTORY FEATURE FIELD FOREIGN GRADING GROUP"
        " GROUPING HOT INDEX INNER ITEM JOIN JSON LABEL LOOKUP MAP MERGE METRIC MUSICAL OBJECT OUTER PARTITION"
        " PRIMARY PUBLIC RESULT ROW SCORE SCORING SOLUTION SONG SORT SORTING TARGET"
    ),
    "TOKEN": words(
        "ANSWER AUDIO BOS CLS CONTROL CURRENT DELIMITER END EOS EXPECTED FINAL FIRST IMAGE INPUT LAST MASK MAX MIN"
        " NEWLINE NEXT NUM OUTPUT PAD PADDING PREFIX REASONING SEP SEPARATOR SPECIAL START STOP SYSTEM TARGET THINK"
        " THINKING UNK VIDEO WORD"
    ),
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME = re.compile(r"[A-Za-z_][\w-]*\Z")
_GLUED = {name.replace("_", ""): name for name in ("API_KEY", "AUTH_TOKEN", "ACCESS_TOKEN", "SECRET_KEY")}

_NO_VALUE = re.compile(
    r"""(?xi) (?: .{0,3} | (.)\1* | .*\s.* | <.*> | \[.*\] | \{.*\} | \|.*\| | \$.* | .*(?:\{\w*\}|%s|%\().*
        | (?:https?:/)?[~.]{0,2}/.* | none | null | true | false | empty | unused | unknown | missing | default | auto
        | basic | string | text | ollama | lm-?studio | vllm | local | localhost | anything | foobar | not?[_-].*
        | foo | bar | baz
        | (?-i: [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+ )  # another name: of a variable, mostly
        | (?:[a-z0-9]+[_-])* (?:api_?key|key|token|secret|password|passwd|passphrase|credentials?) ) \Z""",
    re.DOTALL,
)
_SAMPLE = re.compile(
    r"(?i)your|example|sample|placeholder|xxxx|change_?me|dummy|\btest|fake|\.\.\.|_here|\*\*\*|0{6}|123456|redacted"
    r"|insert|replace|todo"
)

_TOKEN = re.compile(
    r"""(?xs)
      (?P<text> [rbuRBU]{0,2} (?P<f>[fF]?) [rR]? (?: (?P<long>\"{3}|'{3}) (?P<lines>(?:\\.|(?!(?P=long)).)*+) (?P=long)
        | (?P<quote>["']) (?P<line>(?:\\.|(?!(?P=quote))[^\\\n])*+) (?P=quote) ) )
    | (?P<comment> \#[^\n]* ) | (?P<name> \w+ ) | (?P<op> [=!<>]=|[:+*/|&-]=|->|\S )"""
)
_LONGEST_WORD = 20
_OPENING = ("(", "[", "{", ",")
_NOT_ALONE = ("%", "+", "*", "==", "!=", "in", "is", "not")
_GIVERS = words("getenv putenv setdefault setenv")
_SET = re.compile(
    r"(?m)(?:(?<![\w%])%(?:set_)?env|\A\s*(?:set_)?env)[ \t]+(\w+)(?:[ \t]*=|[ \t])[ \t]*(\S[^\n]*?)[ \t]*$"
)
_EXPORT = re.compile(r"""(?m)(?:\bexport[ \t]+|^[ \t]*![ \t]*)(\w+)=(["']?)([^\s"';&|]+)""")
_SHELL_CELL = re.compile(r"\s*%%(?:bash|sh|script|writefile|file|system|sx|!|cmd)")
_SHELL_LINE = re.compile(r"""(?m)^[ \t]*([A-Za-z_]\w*)=(["']?)([^\s"';&|]+)""")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int

    @property
    def sign(self) -> str:
        """What it is as a sign of Python's; a text that holds such a sign is none."""
        return self.text if self.kind == "op" else ""


@dataclass(frozen=True)
class Named:
    """A name that says "secret", and where in a text its literal value stands."""

    name: str
    start: int
    end: int


def named_values(text: str) -> Iterator[Named]:
    """Yield the literal texts that a piece of a notebook gives to names of secrets.

    Left alone are values that are evidently none: placeholders, other names, sentences, paths.
    """
    tokens = list(_tokens(text))
    for at, token in enumerate(tokens):
        if token.sign in ("=", ":="):
            yield from _assigned(tokens, at)
        elif token.kind == "text" and at:
            yield from _paired(tokens, at)
    shells = [(_SET, 2), (_EXPORT, 3), *([(_SHELL_LINE, 3)] if _SHELL_CELL.match(text) else [])]
    for pattern, group in shells:
        for match in pattern.finditer(text):
            if _says_secret(match[1], variable=True) and not _is_no_value(match[group]):
                yield Named(match[1], *match.span(group))


def _tokens(text: str, first: int = 0) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "comment":
            yield from _tokens(match[0][1:], first + match.start() + 1)
        elif match["text"] is not None:
            group = "lines" if match["long"] else "line"
            body = match[group]
            kind = "built" if match["f"] and "{" in body else "text"
            yield _Token(kind, body, first + match.start(group), first + match.end(group))
        else:
            yield _Token(kind, match[0], first + match.start(), first + match.end())


def _assigned(tokens: list[_Token], at: int) -> Iterator[Named]:
    """What an equals sign gives: to a name, an attribute, an item, a parameter, or several names at once."""
    targets, before = _targets(tokens, at)
    if not targets:
        return
    value = at + 1
    while value + 1 < len(tokens) and tokens[value].kind == "name" and tokens[value + 1].sign == "=":
        value += 2  # `PASSWORD = other = "..."`
    in_call = before >= 0 and tokens[before].sign in _OPENING
    values = [value]
    if len(targets) > 1 and in_call:
        targets = targets[-1:]
    for _ in targets[1:]:
        comma = _end_of(tokens, values[-1])
        if comma >= len(tokens) or tokens[comma].sign != ",":
            return
        values.append(comma + 1)
    for (name, variable), place in zip(targets, values, strict=True):
        if _says_secret(name, variable=variable, loose=in_call):
            yield from _value(name, tokens, place, loose=not variable)


def _targets(tokens: list[_Token], at: int) -> tuple[list[tuple[str, bool]], int]:
    """The names before an equals sign, with whether each is an environment variable's; and the place before them."""
    place = at - 1
    if place >= 3 and tokens[place].sign == "]" and tokens[place - 1].kind == "text":
        owner = tokens[place - 3].text
        return [(tokens[place - 1].text, owner == "environ")], -1
    # An annotation: back to its colon, if there is one near.
    for back in range(place, max(at - 12, 0), -1):
        if tokens[back].sign == ":" and tokens[back - 1].kind == "name" and back < place + 1:
            return [(tokens[back - 1].text, False)], back - 2
        if tokens[back].kind != "name" and tokens[back].sign not in (".", "[", "]", "|", ","):
            break
    found: list[tuple[str, bool]] = []
    while place >= 0 and tokens[place].kind == "name":
        found.insert(0, (tokens[place].text, False))
        place -= 1
        while place >= 1 and tokens[place].sign == "." and tokens[place - 1].kind == "name":
            place -= 2
        if place < 0 or tokens[place].sign != ",":
            break
        place -= 1
    return found, place


def _paired(tokens: list[_Token], at: int) -> Iterator[Named]:
    """What a dict gives to a key, and a call such as ``os.environ.setdefault`` to a variable."""
    name, before = tokens[at].text, tokens[at - 1].sign
    after = tokens[at + 1].sign if at + 1 < len(tokens) else ""
    if after == ":" and before in ("{", ","):
        if _says_secret(name, loose=True):
            yield from _value(name, tokens, at + 2, loose=True)
    elif after in (",", ")") and before == "(" and at >= 2:
        owner = tokens[at - 4].text if at >= 4 and tokens[at - 3].sign == "." else ""
        gives = tokens[at - 2].text in _GIVERS or (
            tokens[at - 2].text in ("get", "pop") and owner == "environ"
        )
        otherwise = after == ")" and at + 2 < len(tokens) and tokens[at + 2].text == "or"
        if gives and (after == "," or otherwise) and _says_secret(name, variable=True):
            yield from _value(name, tokens, at + (3 if otherwise else 2))


def _value(name: str, tokens: list[_Token], place: int, *, loose: bool = False) -> Iterator[Named]:
    """The constant text that begins at a place, if it says more than nothing."""
    while place < len(tokens) and tokens[place].sign == "(":
        place += 1
    end = _end_of(tokens, place)
    if end == place or (end < len(tokens) and tokens[end].kind != "text" and tokens[end].text in _NOT_ALONE):
        return
    value = "".join(token.text for token in tokens[place:end] if token.kind == "text")
    if not _is_no_value(value) and not (loose and len(_words(name)) == 1 and _is_word(name, value)):
        yield Named(name, tokens[place].start, tokens[end - 1].end)


def _end_of(tokens: list[_Token], place: int) -> int:
    """The place after a text, and after what is joined to it."""
    end = place
    while end < len(tokens) and tokens[end].kind == "text":
        end += 1
        if end + 1 < len(tokens) and tokens[end].sign == "+" and tokens[end + 1].kind == "text":
            end += 1
    return end


def _is_word(name: str, value: str) -> bool:
    """Whether a task only speaks of tokens and secrets: ``{"token": "apple"}``, ``secret = "elephant"``."""
    return value.isalpha() and len(value) <= _LONGEST_WORD and "PASS" not in name.upper()


def _is_no_value(value: str) -> bool:
    return _NO_VALUE.match(value) is not None or _SAMPLE.search(value) is not None


def _words(name: str) -> list[str]:
    found = [word.upper() for word in _WORDS.findall(name)]
    return [part for word in found for part in _GLUED.get(word, word).split("_")]


def _says_secret(name: str, *, variable: bool = False, loose: bool = False) -> bool:
    """Whether a name of a variable, an argument or a key says that it holds a secret.

    `variable`: it is an environment variable's, where a key is always a secret one. `loose`: it stands in a call or a
    dict, where a plain "key" is one of data.
    """
    if not _NAME.match(name):
        return False
    parts = _words(name)
    for at, word in enumerate(parts):
        if word not in _SECRET or not _ABOUT.isdisjoint(parts[at + 1 :]):
            continue
        if word == "KEY" and len(parts) == 1 and not variable and (loose or not name.isupper()):
            continue
        if variable or _NO_SECRET.get(word, frozenset()).isdisjoint(parts[:at]):
            return True
    return False

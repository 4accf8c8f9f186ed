"""Secrets in text: what tokens and keys look like, so that they are found, and never shown.

The shapes are those that the issuers document for their own tokens. A key without a shape of its own is
recognised by the name it is assigned to (`secret_names`), whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kbench_jupyter.validation.rules.secret_names import named_values

# Kind, a text that must be there for the pattern to have a chance, and the pattern.
_SHAPES = {
    ("a Kaggle API token", "KGAT_"): r"\bKGAT_[A-Za-z0-9]{16,}",
    ("a Hugging Face token", "hf_"): r"\bhf_[A-Za-z0-9]{30,}",
    ("an Anthropic key", "sk-ant-"): r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    ("an OpenRouter key", "sk-or-"): r"\bsk-or-(?:v1-)?[A-Za-z0-9]{20,}",
    # Only keys that say their kind have dashes further on: sk-learn-0-24-guide is a page's address.
    ("an OpenAI key", "sk-"): r"\bsk-(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}(?![\w-])"
    r"|(?:proj|svcacct|admin)-(?=[\w-]*[0-9])(?=[\w-]*[A-Za-z0-9]{12})[A-Za-z0-9_-]{20,})",
    ("a Google API key", "AIza"): r"\bAIza[A-Za-z0-9_-]{35}",
    ("a GitHub token", "gh"): r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    ("a GitLab token", "glpat-"): r"\bglpat-[A-Za-z0-9_-]{20,}",
    ("an AWS access key", "AKIA"): r"\bAKIA[A-Z0-9]{16}\b",
    ("a temporary AWS access key", "ASIA"): r"\bASIA[A-Z0-9]{16}\b",
    ("a Slack token", "xox"): r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    ("a Groq key", "gsk_"): r"\bgsk_[A-Za-z0-9]{40,}",
    ("a Replicate token", "r8_"): r"\br8_[A-Za-z0-9]{30,}",
    ("a PyPI token", "pypi-"): r"\bpypi-[A-Za-z0-9_-]{50,}",
    # With its lines, whatever joins them: they are what is secret.
    ("a private key", "PRIVATE KEY"): r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"(?:[\sA-Za-z0-9+/=\\\"',:-]*?-----END|(?:(?:\s|\\n)+(?:[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/]+==?))*)",
    ("a Kaggle API key", "username"): r"['\"]username['\"]\s*:\s*['\"][\w-]+['\"]\s*,"
    r"\s*['\"]key['\"]\s*:\s*['\"][0-9a-f]{32}['\"]",
}
# The same of what puzzles and examples show as often as it is a secret.
_PERHAPS = {
    ("a JSON Web Token", "eyJ"): r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ("a password in a URL", "://"): r"(?<=://)[\w.%-]{0,64}:"
    r"(?!(?i:my|the|db)?[_-]?(?i:pass|password|passwd|passphrase|secret|token|api[_-]?key)@)"
    r"[^\s:@/{}<>'\"]{6,128}(?=@[\w.-])",
}
# Runs of digits long enough not to come up in a key by chance.
_PLACEHOLDER = re.compile(
    r"(?i)your|example|placeholder|xxxx|changeme|dummy|\btest|fake|\.\.\.|_here|\*\*\*|0{6}|123456"
)
# NAME = "value" where the name says what it is and the value looks like nothing one would read aloud.
_NAMED = re.compile(
    r"""(?ix)
    (?: \b | _ ) (?: api_?key | access_?token | auth_?token | secret (?:_?key)? | password | passwd | token
        | kaggle_?key | credentials? | bearer )
    \w* ['"]? \s* \]? \s* (?: (?: : \s* [A-Za-z_][\w.]* \s* )? = | : (?! : ) | , )
    \s* [rbuf]? ['"] (?P<value> [A-Za-z0-9+/_.=~-]{16,} ) ['"]
    """
)
_KEY = re.compile(r"[A-Za-z0-9+/_.=~:-]{16,}\Z")
_BEARER = re.compile(r"(?i)\bBearer\s+(?P<value>[A-Za-z0-9+/_.=~-]{16,})")
# NAME=value as shells and .env files have it, also inside a text; `%env NAME value` as well.
_ENVIRONMENT = re.compile(
    r"""(?x)
    (?<![\w.]) (?: [A-Z][A-Z0-9]*_ )* (?: API_?KEY | KEY | TOKEN | SECRET | PASSWORD ) (?: _[A-Z0-9]+ )*
    (?: = | (?<=[A-Z0-9]) [ ]+ (?=[A-Za-z0-9+/_.~-]{16,} [ ]* $) ) (?P<value> [A-Za-z0-9+/_.~-]{16,} ) (?! [\w(\[] )
    """,
    re.MULTILINE,
)
_BY_NAME = (("a key or token", _NAMED), ("a bearer token", _BEARER), ("a key or token", _ENVIRONMENT))
_NAMES = ("key", "token", "secret", "passw", "credential", "bearer")


@dataclass(frozen=True)
class Secret:
    """Where in a text a secret stands, what kind it is, and whether its shape leaves no doubt.

    The value is not kept. `name` is there where nothing but the name it is given to says that it is one.
    """

    start: int
    end: int
    kind: str
    certain: bool = True
    name: str = ""


def find_secrets(text: str, *, prose: bool = False) -> Iterator[Secret]:
    """Yield the secrets in a text, in order.

    Parameters
    ----------
    text : str
        Any text.
    prose : bool
        Whether it is no code: then a name alone makes no secret of what stands behind it.
    """
    found: list[Secret] = []

    def add(start: int, end: int, kind: str, *, certain: bool, name: str = "") -> None:
        if not any(other.start < end and start < other.end for other in found):
            found.append(Secret(start, end, kind, certain, name))

    def shaped(shapes: dict[tuple[str, str], str], *, certain: bool) -> None:
        for (kind, needed), pattern in shapes.items():
            for match in re.finditer(pattern, text) if needed in text else ():
                # A private key is long enough to hold anything.
                if _PLACEHOLDER.search(match[0][:100]) is None:
                    add(match.start(), match.end(), kind, certain=certain)

    lowered = text.lower()
    telling = any(name in lowered for name in _NAMES)
    shaped(_SHAPES, certain=True)
    for named in named_values(text) if telling and not prose else ():
        # The name says it; where the value does as well, there is little doubt left.
        value = text[named.start : named.end]
        certain = _KEY.match(value) is not None and _looks_random(value)
        add(named.start, named.end, "a key or token", certain=certain, name="" if certain else named.name)
    shaped(_PERHAPS, certain=False)
    for kind, pattern in _BY_NAME if telling else ():
        for match in pattern.finditer(text):
            if _looks_random(match["value"]):
                add(*match.span("value"), kind, certain=False)
    yield from sorted(found, key=lambda secret: secret.start)


def mask(text: str, *, prose: bool = False) -> str:
    """Return the text with every secret that `find_secrets` finds replaced by ``***``, and as many lines as it had."""
    out, last = [], 0
    for secret in find_secrets(text, prose=prose):
        out.append(text[last : secret.start] + "***" + "\n" * text.count("\n", secret.start, secret.end))
        last = max(last, secret.end)
    return "".join(out) + text[last:] if out else text


def _looks_random(value: str) -> bool:
    """Whether a value is a key rather than a name or a placeholder."""
    if _PLACEHOLDER.search(value):
        return False
    digits = sum(character.isdigit() for character in value)
    letters = sum(character.isalpha() for character in value)
    if digits < 3 or letters < 4 or len(set(value)) < 8:
        return False
    # Words joined by dashes, dots or slashes are names of models, files and environment variables.
    parts = re.split(r"[-_./]", value)
    return max(len(part) for part in parts) >= 12

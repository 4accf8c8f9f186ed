"""Where a cluster is, as the user says it."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass

from kbench_jupyter.errors import LocalServerError


def check(address: str) -> str:
    """Return a cluster's address as it can be used; raises LocalServerError if it can be none, or Dask is missing."""
    text = address.strip()
    new = re.fullmatch(r"new:([1-9][0-9]{0,2})", text)
    if not new and not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}", text):
        raise LocalServerError(
            f"--cluster takes the address of a Dask scheduler, or new: with a number of workers, not {text[:80]!r}.",
            hint="%kbench local start --cluster tcp://10.0.0.5:8786\nor on this machine: --cluster new:4",
        )
    if importlib.util.find_spec("distributed") is None:
        raise LocalServerError(
            "A cluster needs Dask, which is not installed here.",
            hint="%pip install 'kbench-jupyter[cluster]'",
        )
    return text


@dataclass(frozen=True)
class Limit:
    """How many prompts of a model may be on their way at once in the whole cluster, and begin a minute; 0 is any."""

    at_once: int = 0
    a_minute: int = 0


def prompt_limits() -> dict[str, Limit]:
    """Return the limits to each model's prompts, as ``KBENCH_PROMPTS`` says them.

    By the model's slug; ``*`` stands for each other model. Raises LocalServerError for what cannot be read.
    """
    text = os.environ.get("KBENCH_PROMPTS", "")
    most = "([1-9][0-9]{0,5})"
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = [
        re.fullmatch(rf"(\*|[a-z0-9._-]+)=(?:{most}(?:\+{most}/min)?|{most}/min)", part) for part in parts
    ]
    if not all(found):
        raise LocalServerError(
            "KBENCH_PROMPTS takes models' slugs, each with = and the most prompts on their way at once, the most "
            f"a minute, or both, with commas between, not {text[:60]!r}.",
            hint="%env KBENCH_PROMPTS=gpt-5=8,gemini-2.5-pro=4+60/min,*=600/min",
        )
    return {one[1]: Limit(int(one[2] or 0), int(one[3] or one[4] or 0)) for one in found if one}

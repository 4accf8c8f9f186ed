"""Where a cluster is, as the user says it."""

from __future__ import annotations

import importlib.util
import os
import re

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


def prompt_limits() -> dict[str, int]:
    """Return how many prompts of each model may be on their way at once, as ``KBENCH_PROMPTS`` says it.

    By the model's slug; ``*`` stands for each other model. Raises LocalServerError for what cannot be read.
    """
    text = os.environ.get("KBENCH_PROMPTS", "")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = [re.fullmatch(r"(\*|[a-z0-9._-]+)=([1-9][0-9]{0,5})", part) for part in parts]
    if not all(found):
        raise LocalServerError(
            "KBENCH_PROMPTS takes models' slugs, each with = and the most prompts on their way at once, with commas "
            f"between, not {text[:60]!r}.",
            hint="%env KBENCH_PROMPTS=gpt-5=8,*=32",
        )
    return {one[1]: int(one[2]) for one in found if one}

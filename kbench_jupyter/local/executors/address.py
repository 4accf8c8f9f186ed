"""Where a cluster is, as the user says it."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.errors import LocalServerError

_NAME = re.compile(r"(?=[0-9.]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._-]*")
"""A cluster's name, which no address is."""
_CONFIGURED = "kbench.clusters"
"""Where Dask's configuration names clusters."""


def check(address: str) -> str:
    """Return a cluster's address as it can be used; raises LocalServerError if it can be none, or a package is missing.

    It may be a scheduler's, a number of slots on this machine, or a name (`of_name`).
    """
    text = address.strip()
    name = _NAME.fullmatch(text)
    new = re.fullmatch(r"new:([1-9][0-9]{0,2})", text)
    if not name and not new and not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}", text):
        raise LocalServerError(
            "--cluster takes the address of a Dask scheduler, new: with a number of slots, or a cluster's name, "
            f"not {text[:80]!r}.",
            hint="%kbench local start --cluster tcp://10.0.0.5:8786\nor on this machine: --cluster new:4",
        )
    if importlib.util.find_spec("distributed") is None:
        raise LocalServerError(
            "A cluster needs Dask, which is not installed here.",
            hint="%pip install 'kbench-jupyter[cluster]'",
        )
    if name and not _configured(text):
        _need_gateway(text[:80])
    return text


def _need_gateway(name: str) -> None:
    """Raise LocalServerError unless there is a gateway that may have a cluster of a name that nobody else knows."""
    missing = hint = ""
    if importlib.util.find_spec("dask_gateway") is None:
        missing, hint = "the package dask-gateway is missing", "%pip install dask-gateway"
    else:
        import dask
        import dask_gateway  # noqa: F401 - brings its part of the configuration

        if not dask.config.get("gateway.address", None):
            missing = "the configuration names no gateway (gateway.address)"
            hint = "%kbench local start --cluster tcp://10.0.0.5:8786"
    if missing:
        raise LocalServerError(
            f"{name} is no scheduler's address (tcp://HOST:8786), Dask's configuration names no such cluster "
            f"under {_CONFIGURED}, and for one of Dask's gateway {missing}.",
            hint=hint,
        )


def is_name(address: str) -> bool:
    """Whether an address that was checked is a cluster's name."""
    return bool(_NAME.fullmatch(address))


async def of_name(name: str) -> tuple[str, Any]:
    """Return the address of a cluster's scheduler, and Dask's ``Security`` for it (None for the configured one).

    The name is one in Dask's configuration (``kbench.clusters``), or a cluster's of the gateway that it names
    (https://gateway.dask.org). Raises LocalServerError if the gateway has no such cluster, or it does not run.
    """
    if address := _configured(name):
        return address, None
    from dask_gateway import Gateway

    async with Gateway(asynchronous=True) as gateway:
        found = {one.name: one for one in await gateway.list_clusters()}
        if name not in found:
            there = f"it has {', '.join(found)}" if found else "it has none"
            raise LocalServerError(f"The gateway at {gateway.address} has no cluster {name}: {there}.")
        cluster = await gateway.get_cluster(name)
    if cluster.security is None:
        raise LocalServerError(f"The gateway's cluster {name} is {cluster.status.name.lower()}.")
    return cluster.scheduler_address, cluster.security


def _configured(name: str) -> str:
    import dask

    return str((dask.config.get(_CONFIGURED, None) or {}).get(name, ""))


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

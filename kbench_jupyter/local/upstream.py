"""Any OpenAI-compatible endpoint: Ollama, vLLM, LM Studio, a company's proxy.

What such a server calls its base address (ending in ``/v1``, mostly) and its key, if it wants one, come from whoever
starts the embedded server, or from ``KBENCH_UPSTREAM_URL`` and ``KBENCH_UPSTREAM_API_KEY``. Requests go through as they
are, images and tools included; the key never leaves this module but in the header it is for.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import math
import os
import socket
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.models import Model, ModelError, canonical
from kbench_jupyter.retry_after import retry_after

log = logging.getLogger("kbench.local.upstream")

_FRESH = 30.0
"""Seconds a list of models is good for while prompts are answered."""
_NOW = 2.0
"""Seconds it is good for when somebody asks what there is, or when the last look failed."""
_MOST = 64 * 2**20
"""Bytes an answer may have."""
_MOST_WAIT = 300.0
"""Seconds that a prompt waits in all for an endpoint that says ``Retry-After``."""
_LEAST_WAIT = 1.0
"""Seconds that it waits at least: who says 0 would be asked without a pause."""
_LOOK = 3.0
"""Seconds a look may take: every listing waits for it."""


_EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
"""What a model takes whose endpoint says that it takes every effort."""


def from_environment() -> Upstream | None:
    """Return the endpoint that the environment names, if it names one; raises LocalServerError as `named`."""
    given = given_by_environment()
    return named(*given, by="KBENCH_UPSTREAM_URL") if given else None


def given_by_environment() -> tuple[str, str, str] | None:
    """Return the address, the key and the key's variable that the environment names."""
    url = os.environ.get("KBENCH_UPSTREAM_URL", "").strip()
    key = os.environ.get("KBENCH_UPSTREAM_API_KEY", "").strip()
    return (url, key, "KBENCH_UPSTREAM_API_KEY") if url else None


def named(url: str, key: str, key_from: str, *, by: str = "--upstream") -> Upstream:
    """Return the endpoint at an address, which `by` names; raises LocalServerError if it can be none, or no key."""
    _check(url, by)
    if not key.isascii() or not key.isprintable():
        raise LocalServerError(
            f"{key_from} holds a character that no key has.",
            hint="Set it again, in plain letters and on one line, then start the embedded server again.",
        )
    return Upstream(url, key, key_from)


def _check(url: str, by: str) -> None:
    try:
        parts = urlsplit(url)
        possible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        possible = False
    if not possible:
        raise LocalServerError(
            f"{by} is no web address: {url.rpartition('@')[2][:200]!r}.",
            hint="Write it with http:// or https://: %kbench local start --upstream http://localhost:11434/v1"
            + ("" if by.startswith("-") else f"\nor do without it: %env {by}="),
        )


def _shown(url: str) -> str:
    """Return an address without what may be secret in it: a user name and password, a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def _on_this_machine(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host in ("localhost", "ip6-localhost", socket.gethostname().lower()) or host.endswith(".localhost"):
        return True
    try:  # "127.1" and "2130706433" are 127.0.0.1 to every connection
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0]
        address = ipaddress.ip_address(str(found).partition("%")[0])
    except (OSError, ValueError, UnicodeError):
        return False
    here = getattr(address, "ipv4_mapped", None) or address
    return bool(here.is_loopback or here.is_unspecified)


class Upstream:
    """The provider of an endpoint's models: its address, its key if it wants one, and the variable that holds it."""

    def __init__(self, url: str, key: str = "", key_from: str = "") -> None:
        self._efforts, self._agents = _efforts_set(), _agents_set()
        self.address = _shown(url)
        self.key_from = key_from if key else ""
        self._secret = f"{url.strip().rstrip('/')}\n{key}"
        self._key_right = f"is {key_from} right?" if key_from else "it may want a key: --key-from VARIABLE"
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        # A proxy would be handed the key, in plain text, to reach what is here already.
        direct = httpx.AsyncHTTPTransport() if _on_this_machine(url) else None
        # Who waits for a connection waits for other prompts, as long as those take.
        timeout = httpx.Timeout(600, connect=10, pool=None)
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout, transport=direct
        )
        self._models: tuple[Model, ...] = ()
        self._looked = float("-inf")
        self._looking = asyncio.Lock()
        self._problem: str | None = None

    def proof(self, token: str) -> str:
        """Return by what somebody with our token can tell whether an address and a key are these ones."""
        return hmac.new(token.encode(), self._secret.encode(), hashlib.sha256).hexdigest()

    @property
    def problem(self) -> str | None:
        """Why the last look at its models failed."""
        return self._problem

    async def models(self, *, now: bool = False) -> Sequence[Model]:
        """List its models; one look serves prompts for half a minute, and listings for 2 seconds."""
        async with self._looking:  # who comes meanwhile shares the look
            good_for = _NOW if now or self._problem else _FRESH
            if time.monotonic() - self._looked > good_for:
                await self._look()
                self._looked = time.monotonic()
        return self._models

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_LOOK):
                answer = await self._ask("GET", "/models")
            answer.raise_for_status()
            self._models = tuple(_model(item, self._efforts, self._agents) for item in answer.json()["data"])
            self._problem = None
        except (httpx.HTTPError, TimeoutError, RecursionError, ValueError, KeyError, TypeError) as error:
            self._models = ()
            problem = f"The model endpoint at {self.address} does not list its models: {self._why(error)}."
            if problem != self._problem:
                log.warning("%s", problem)
            self._problem = problem

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request, and read no answer without an end."""
        body = bytearray()
        async with self._client.stream(method, path, **options) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST:
                    raise httpx.DecodingError(f"an answer of more than {_MOST >> 20} MB")
        kept = {name: answer.headers[name] for name in ("Retry-After", "Date") if name in answer.headers}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(body), request=answer.request)

    async def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request, and again when an endpoint that has too much to do has said when."""
        left = _MOST_WAIT
        while True:
            answer = await self._ask(method, path, **options)
            told = answer.headers if answer.status_code in (429, 503) else {}
            wait = retry_after(told.get("Retry-After"), told.get("Date"))
            if wait is None or wait > left:
                return answer
            wait = max(wait, _LEAST_WAIT)
            left -= wait
            await asyncio.sleep(wait)

    async def prepare(self) -> None:
        """Nothing to get ready."""

    async def chat(self, model: Model, body: dict[str, Any]) -> dict[str, Any]:
        """Pass a request through."""
        request = {name: value for name, value in body.items() if value is not None}
        try:
            # httpx's own JSON cannot spell half of a surrogate pair, nor what is too large for a number.
            content = json.dumps({**request, "model": model.proxy_slug})
            answer = await self._patiently("POST", "/chat/completions", content=content)
        except httpx.HTTPError as error:
            message = f"The model endpoint at {self.address} does not answer: {self._why(error)}."
            raise ModelError(502, message, "upstream_error") from error
        if answer.status_code != 200:
            raise self._refusal(answer)
        try:
            reply = answer.json()
            what = "" if _has_message(reply) else f"no chat completion: {answer.text.strip()[:300]}"
        except (ValueError, RecursionError):
            reply, what = {}, "not JSON."
        if what:
            message = f"The model endpoint at {self.address} answered something that is {what}"
            raise ModelError(502, message, "upstream_error")
        _name_cost(reply)
        return dict(reply)

    def _refusal(self, answer: httpx.Response) -> ModelError:
        try:
            message = str(answer.json()["error"]["message"])[:2000]
        except (ValueError, RecursionError, KeyError, TypeError):
            message = answer.text.strip()[:300]
        if answer.status_code in (401, 403):
            message = f"{message} ({self._key_right})"
        # A failing endpoint is not a failing server of ours, and a wrong key there is none here.
        status = answer.status_code if answer.status_code in (400, 404, 413, 422, 429) else 502
        said = f"The model endpoint at {self.address} said {answer.status_code}: {message}"
        return ModelError(status, said, "upstream_error")

    def _why(self, error: Exception) -> str:
        if isinstance(error, httpx.HTTPStatusError):
            status = error.response.status_code
            return f"HTTP {status}" + {
                401: f" ({self._key_right})",
                403: f" ({self._key_right})",
                404: " (such an address mostly ends in /v1)",
            }.get(status, "")
        if isinstance(error, (httpx.TimeoutException, TimeoutError)):
            return "time-out"
        if isinstance(error, httpx.DecodingError):
            return str(error)
        return (
            "connection failed" if isinstance(error, httpx.TransportError) else "an answer of another shape"
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _model(item: dict[str, Any], efforts: tuple[str, ...], agents: dict[str, str]) -> Model:
    name = str(item["id"])
    about = item.get("architecture")
    inputs = about.get("input_modalities") if isinstance(about, dict) else None
    named = [str(one).upper() for one in inputs or ()]
    known = tuple(one for one in named if one in ("TEXT", "IMAGE", "VIDEO", "AUDIO"))
    owner = str(item.get("owned_by") or (name.split("/")[0] if "/" in name else ""))
    # As OpenRouter lists them.
    if isinstance(reasoning := item.get("reasoning"), dict) and "supported_efforts" in reasoning:
        said = reasoning["supported_efforts"]
        efforts = _EFFORTS if said is None else _names(said)
    slug = canonical(name)
    return Model(
        slug,
        name,
        str(item.get("name") or name),
        owner,
        inputs=known or ("TEXT",),
        efforts=() if slug in agents else efforts,
        agent=slug in agents,
        backed_by=agents.get(slug, ""),
    )


def _efforts_set() -> tuple[str, ...]:
    text = os.environ.get("KBENCH_UPSTREAM_EFFORTS", "")
    named = [name.strip() for name in text.split(",") if name.strip()]
    if list(_names(named)) != named:
        raise LocalServerError(
            f"KBENCH_UPSTREAM_EFFORTS takes names of reasoning efforts, with commas between, not {text[:60]!r}.",
            hint="%env KBENCH_UPSTREAM_EFFORTS=low,medium,high",
        )
    return tuple(named)


def _agents_set() -> dict[str, str]:
    """Return the slugs of those of the endpoint's models that are agents, each with its own model's, if named."""
    text = os.environ.get("KBENCH_UPSTREAM_AGENTS", "")
    named = [part.partition("=") for part in text.split(",") if part.strip()]
    agents = {canonical(name.strip()): canonical(model.strip()) for name, _, model in named}
    if not all(agents) or any(sign and not canonical(model.strip()) for _, sign, model in named):
        raise LocalServerError(
            "KBENCH_UPSTREAM_AGENTS takes names from the endpoint's list of models, with commas between, each with = "
            f"and its own model if you like, not {text[:60]!r}.",
            hint="%env KBENCH_UPSTREAM_AGENTS=helper,coder=gpt-5",
        )
    return agents


def _names(efforts: Any) -> tuple[str, ...]:
    named = [str(one).strip() for one in efforts] if isinstance(efforts, list) else []
    return tuple(dict.fromkeys(one for one in named if one and one == canonical(one)))


def _has_message(reply: Any) -> bool:
    choices = reply.get("choices") if isinstance(reply, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and isinstance(first.get("message"), dict)


def _name_cost(reply: dict[str, Any]) -> None:
    # The SDK expects an object; OpenRouter, for one, has the whole cost as a number of dollars.
    usage = reply.get("usage")
    if isinstance(usage, dict) and "cost" in usage and not isinstance(usage["cost"], dict):
        dollars = usage.pop("cost")
        if isinstance(dollars, (int, float)) and not isinstance(dollars, bool) and math.isfinite(dollars):
            nano = round(dollars * 1e9)
            usage["cost"] = {"input_tokens_cost_nanodollars": 0, "output_tokens_cost_nanodollars": nano}

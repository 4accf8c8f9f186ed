"""The calls about models and tokens."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.lookups import page_of
from kbench_jupyter.local.models import Model, Models, config_slug
from kbench_jupyter.local.store import Store
from kbench_jupyter.local.web import list_of, text_of

TOKEN_SECONDS = 2 * 60 * 60
_PAGE = 100
Json = dict[str, Any]


@dataclass
class ModelCalls:
    """One method a call; each takes the request's JSON and returns the response's."""

    _store: Store
    _models: Models
    _token: str  # the API's
    _url: Callable[[], str]  # the server's own base address
    _expect: Callable[[], None]  # told that somebody is about to work with a model

    async def list(self, body: Json) -> Json:
        """ListBenchmarkModels (``readMask`` is not looked at: everything is sent)."""
        models = await self._models.all(now=True)
        listed, rest = page_of(body, [(model, model is models[0]) for model in models], _PAGE, sys.maxsize)
        shown = await run_in_threadpool(lambda: [self._model(*pair) for pair in listed])
        return wire.trim({"benchmarkModels": shown, "nextPageToken": rest["nextPageToken"]})

    async def configs(self, body: Json) -> Json:
        """ListBenchmarkModelVersionConfigs: one an effort, or one without for a model that takes none."""
        wanted = list_of(body, "benchmarkModelVersionIds")
        models = await self._models.all(now=True)
        every = await run_in_threadpool(
            lambda: [self._config(model, effort) for model in models for effort in model.efforts or ("",)]
        )
        asked = [one for one in every if not wanted or one["benchmarkModelVersionId"] in wanted]
        listed, rest = page_of(body, asked, _PAGE)
        return wire.trim({"configs": listed, "nextPageToken": rest["nextPageToken"]})

    def _config(self, model: Model, effort: str) -> Json:
        return wire.trim(
            {
                "id": self._store.config_id(model.slug, effort),
                "benchmarkModelVersionId": self._store.model_id(model.slug),
                "displayName": model.display_name + (f", {effort} reasoning effort" if effort else ""),
                "slug": config_slug(model.slug, effort),
                "reasoningEffort": effort,
            }
        )

    def _model(self, model: Model, default: bool) -> Json:
        number = self._store.model_id(model.slug)
        version = {
            "id": number,
            "benchmarkModelId": number,
            "slug": model.slug,
            "isDefault": default,
            "published": True,
            "allowModelProxy": True,
            "modelProxySlug": model.proxy_slug,
            "displayName": model.display_name,
            "inputModalities": [f"MODALITY_{name}" for name in model.inputs],
            "outputModalities": ["MODALITY_TEXT"],
            "releaseDate": f"{model.released}T00:00:00.000Z" if model.released else None,
        }
        return wire.trim(
            {
                "id": number,
                "displayName": model.display_name,
                "slug": model.slug,
                "defaultVersionId": number,
                # Left out, it would read as true.
                "version": {**wire.trim(version), "supportsReasoningEffort": bool(model.efforts)},
                "organization": wire.trim({"name": model.organization}),
                "license": wire.trim({"name": model.license}),
                "published": True,
            }
        )

    async def create_token(self, _body: Json) -> Json:
        """CreateDefaultModelProxyToken: for the model proxy only, and for two hours."""
        token, expires = "kbp_" + secrets.token_urlsafe(32), time.time() + TOKEN_SECONDS
        await run_in_threadpool(self._store.add_token, token, expires)
        self._expect()
        return {"token": token, "baseUri": self._url(), "expiryTime": wire.timestamp(expires)}

    def introspect(self, body: Json) -> Json:
        """IntrospectToken."""
        active = secrets.compare_digest(text_of(body, "token").encode(), self._token.encode())
        return {"active": True, "username": wire.OWNER} if active else {}

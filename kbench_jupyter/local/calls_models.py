"""The calls about models, tokens and leaderboards."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from kbench_jupyter.local import wire
from kbench_jupyter.local.models import Model, Models
from kbench_jupyter.local.store import COMPLETED, Run, Store
from kbench_jupyter.local.web import CallError, number_of, page_start, text_of

TOKEN_SECONDS = 2 * 60 * 60
_PAGE = 100
Json = dict[str, Any]


class ModelCalls:
    """One method a call; each takes the request's JSON and returns the response's.

    Parameters
    ----------
    store, models
        What the calls act on.
    token : str
        The API's token.
    url : callable
        Returns the server's own base address.
    expect : callable
        Told that somebody is about to work with a model.
    """

    def __init__(
        self,
        store: Store,
        models: Models,
        token: str,
        url: Callable[[], str],
        expect: Callable[[], None],
    ) -> None:
        self._store = store
        self._models = models
        self._token = token
        self._url = url
        self._expect = expect

    async def list(self, body: Json) -> Json:
        """ListBenchmarkModels (``readMask`` is not looked at: everything is sent)."""
        models = await self._models.all(now=True)
        start = page_start(body)
        end = start + (number_of(body, "pageSize") or _PAGE)
        listed = [(model, index == 0) for index, model in enumerate(models)][start:end]
        shown = await run_in_threadpool(lambda: [self._model(*pair) for pair in listed])
        return wire.trim({"benchmarkModels": shown, "nextPageToken": str(end) if end < len(models) else ""})

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
        }
        return wire.trim(
            {
                "id": number,
                "displayName": model.display_name,
                "slug": model.slug,
                "defaultVersionId": number,
                "version": wire.trim(version),
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

    def quotas(self, _body: Json) -> Json:
        """GetModelProxyQuotas: none apply here."""
        return {}

    def introspect(self, body: Json) -> Json:
        """IntrospectToken."""
        active = secrets.compare_digest(text_of(body, "token").encode(), self._token.encode())
        return {"active": True, "username": wire.OWNER} if active else {}

    async def leaderboard(self, body: Json) -> Json:
        """GetBenchmarkLeaderboard: the benchmark is a task, its rows the newest completed run of each model."""
        owner, slug = text_of(body, "ownerSlug"), text_of(body, "benchmarkSlug", needed=True)
        number = number_of(body, "versionNumber") or None
        version = await run_in_threadpool(self._store.version, slug, number)
        if version is None or owner not in ("", wire.OWNER):
            raise CallError(404, f"There is no benchmark {owner or wire.OWNER}/{slug} here.")
        newest: dict[str, Run] = {}
        for run in await run_in_threadpool(self._store.runs_of, slug, version.version):
            if run.state == COMPLETED:
                newest.setdefault(run.model, run)
        ranked = sorted(newest.values(), key=_score, reverse=True)
        return wire.trim({"rows": [await self._row(run) for run in ranked]})

    async def _row(self, run: Run) -> Json:
        model = await self._models.find(run.model)
        result = {
            "benchmarkTaskName": run.slug,
            "benchmarkTaskSlug": run.slug,
            "taskVersion": run.version,
            "result": _result(run),
        }
        return {
            "modelVersionName": model.display_name if model else run.model,
            "modelVersionSlug": run.model,
            "taskResults": [result],
        }


def _result(run: Run) -> Json:
    found = run.result or {}
    result: Json = {name: found[name] for name in ("numericResult", "booleanResult") if name in found}
    if isinstance(found.get("dictResult"), dict):
        pairs = found["dictResult"].items()
        result["customAdditionalResults"] = [{"key": str(k), "value": str(v)} for k, v in pairs]
    return {**result, "evaluationDate": wire.timestamp(run.end_time), "taskVersionId": run.version_id}


def _score(run: Run) -> tuple[float, int]:
    found = run.result or {}
    if "numericResult" in found:
        return float(found["numericResult"].get("value", 0)), run.id
    if "booleanResult" in found:
        return float(found["booleanResult"]), run.id
    return float("-inf"), run.id

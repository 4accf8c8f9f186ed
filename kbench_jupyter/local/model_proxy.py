"""Where a task's prompts go: the model proxy, by the two routes that the task SDK takes.

``/openapi/chat/completions`` speaks OpenAI's chat completions,
``/genai/v1/models/{slug}:generateContent`` Gemini's generateContent (text only). Cost and latency are put
into ``usage`` where ``kaggle_benchmarks`` reads them.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Coroutine
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kbench_jupyter.local.models import ModelError, Models, canonical
from kbench_jupyter.local.web import Answer, json_of


class Tokens(Protocol):
    """Who knows which tokens may ask."""

    def effort_of(self, token: str) -> tuple[str, str] | None:
        """Return the model and the effort of the run that a token is for; None for a token that may not ask."""


class ModelProxy:
    """The two routes, to `models`."""

    def __init__(self, models: Models, tokens: Tokens) -> None:
        self.models = models
        self._tokens = tokens

    async def openai(self, request: Request) -> Response:
        """Answer a chat completion."""
        try:
            run = await self._admit(request)
            body = await _body(request)
            if body.get("stream"):
                raise ModelError(400, "This model proxy answers in one piece: leave out `stream`.")
            if not isinstance(body.get("messages"), list) or not body["messages"]:
                raise ModelError(400, "`messages` is missing or empty.")
            answering = self._answer(str(body.get("model", "")), body, *run)
            return Answer(await _while_wanted(request, answering))
        except ModelError as error:
            detail = {"message": error.message, "type": error.kind, "code": error.kind}
            return Answer({"error": detail}, error.status)

    async def openai_models(self, request: Request) -> Response:
        """List the models in OpenAI's shape."""
        try:
            await self._admit(request)
        except ModelError as error:
            return Answer({"error": {"message": error.message}}, error.status)
        listed = [
            {"id": m.proxy_slug, "object": "model", "created": 0, "owned_by": m.organization}
            for m in await self.models.all()
        ]
        return Answer({"object": "list", "data": listed})

    async def genai(self, request: Request) -> Response:
        """Answer a generateContent call."""
        name, _, verb = request.path_params["call"].rpartition(":")
        try:
            run = await self._admit(request)
            if verb != "generateContent":
                raise ModelError(404, f"This model proxy knows generateContent only, not {verb!r}.")
            asked = _from_genai(await _body(request))
            return Answer(_to_genai(await _while_wanted(request, self._answer(name, asked, *run))))
        except ModelError as error:
            detail = {"code": error.status, "message": error.message, "status": error.kind.upper()}
            return Answer({"error": detail}, error.status)

    async def _admit(self, request: Request) -> tuple[str, str]:
        """Return the model and the effort of the run that asks, if one does."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        token = request.headers.get("x-goog-api-key", "").strip() or bearer
        run = await run_in_threadpool(self._tokens.effort_of, token)
        if run is None:
            raise ModelError(
                401,
                "The model proxy's token is missing, wrong or expired (it lives 2 hours): `%kbench auth` gets "
                "a new one.",
                "authentication_error",
            )
        return run

    async def _answer(self, name: str, body: dict[str, Any], model: str, effort: str) -> dict[str, Any]:
        began = time.monotonic()
        # The run's effort is its model's, not that of another one that judges; and a task that asks for one gets that.
        if effort and body.get("reasoning_effort") is None and canonical(name) == model:
            body = {**body, "reasoning_effort": effort}
        reply = await self.models.chat(name, body)
        usage = reply["usage"] if isinstance(reply.get("usage"), dict) else {}
        latency = round((time.monotonic() - began) * 1000)
        return {**reply, "usage": {"total_backend_latency_ms": latency, **usage}}


def routes(proxy: ModelProxy) -> list[Route]:
    """Return where a model proxy is found."""
    return [
        Route("/openapi/chat/completions", proxy.openai, methods=["POST"]),
        Route("/openapi/models", proxy.openai_models, methods=["GET"]),
        Route("/genai/v1/models/{call:path}", proxy.genai, methods=["POST"]),
    ]


async def _while_wanted(request: Request, answering: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Await an answer; give it up when its asker hangs up, whose prompt would go on to cost time and money."""

    async def hung_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answer, gone = asyncio.create_task(answering), asyncio.create_task(hung_up())
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ModelError(499, "The asker hung up.")
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await json_of(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ModelError(400, "The request is not a JSON object.")
    return body


def _from_genai(body: dict[str, Any]) -> dict[str, Any]:
    messages = []
    if system := _text(body.get("systemInstruction")):
        messages.append({"role": "system", "content": system})
    for content in _objects(body.get("contents"), "contents"):
        role = "assistant" if content.get("role") == "model" else "user"
        messages.append({"role": role, "content": _text(content)})
    if not messages:
        raise ModelError(400, "`contents` is missing or empty.")
    [config] = _objects([body.get("generationConfig") or {}], "generationConfig")
    request = {
        "messages": messages,
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
        "max_tokens": config.get("maxOutputTokens"),
        "seed": config.get("seed"),
        "stop": config.get("stopSequences"),
    }
    try:
        schema = config.get("responseJsonSchema") or _plain_schema(config.get("responseSchema"))
    except RecursionError:
        raise ModelError(400, "`responseSchema` is nested too deeply.") from None
    if schema:
        named = {"name": "response", "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": named}
    elif config.get("responseMimeType") == "application/json":
        request["response_format"] = {"type": "json_object"}
    return request


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    items = value or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ModelError(400, f"`{name}` is not of the shape that generateContent takes.")
    return items


def _text(content: Any) -> str:
    parts = _objects(content.get("parts"), "parts") if isinstance(content, dict) else []
    if any("text" not in part for part in parts):
        raise ModelError(
            400, "By this route the model proxy takes text only: leave out images, files and tools."
        )
    return "".join(str(part["text"]) for part in parts)


def _plain_schema(schema: Any) -> Any:
    # Gemini writes JSON schema's types in capitals and has keywords of its own.
    if isinstance(schema, list):
        return [_plain_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        k: _plain_schema(v) for k, v in schema.items() if k not in ("propertyOrdering", "nullable", "type")
    }
    if isinstance(schema.get("type"), str):
        out["type"] = schema["type"].lower()
    elif "type" in schema:  # a property that happens to be called "type"
        out["type"] = _plain_schema(schema["type"])
    return out


def _to_genai(reply: dict[str, Any]) -> dict[str, Any]:
    choice = reply["choices"][0]
    usage = reply["usage"]
    reason = {"length": "MAX_TOKENS"}.get(str(choice.get("finish_reason")), "STOP")
    text = choice["message"].get("content") or ""
    return {
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason}
        ],
        "modelVersion": reply.get("model", ""),
        "responseId": str(reply.get("id") or uuid.uuid4()),
        "usageMetadata": {
            "promptTokenCount": usage.get("prompt_tokens", 0),
            "candidatesTokenCount": usage.get("completion_tokens", 0),
            "totalTokenCount": usage.get("total_tokens", 0),
        },
    }

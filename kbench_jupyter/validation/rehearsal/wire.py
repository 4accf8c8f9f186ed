"""The two forms in which the task SDK speaks to a model, read and written as the stand-in's requests and answers.

One is OpenAI's chat completions, the other Google's generateContent (seen with kaggle_benchmarks 0.6.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kbench_jupyter.validation.rehearsal.stand_in import MODEL, Answer, Request


def from_openai(body: Mapping[str, Any]) -> Request:
    """Read a request of the OpenAI route."""
    messages = body.get("messages") or []
    last_user = max((n for n, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    calls = [call for message in messages[last_user + 1 :] for call in message.get("tool_calls") or ()]
    tools = [tool["function"] for tool in body.get("tools") or ()]
    form = (body.get("response_format") or {}).get("json_schema") or {}
    return Request(
        texts=[_text_of(message.get("content")) for message in messages],
        schema=form.get("schema"),
        tools=[(tool["name"], tool.get("parameters") or {}) for tool in tools],
        called=[call["function"]["name"] for call in calls],
        reasoning=(body.get("reasoning_effort") or "none") != "none",
    )


def _text_of(content: Any) -> str:
    """Return the text of a message; an image or a sound counts by the beginning of its data."""
    parts = content if isinstance(content, list) else [{"text": content or ""}]
    return "\n".join(str(part.get("text") or json.dumps(part, sort_keys=True)[:500]) for part in parts)


def to_openai(model: str, said: Answer, tokens: tuple[int, int]) -> dict[str, Any]:
    """Write an answer of the OpenAI route."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.tool:
        function = {"name": said.tool[0], "arguments": json.dumps(said.tool[1])}
        message["tool_calls"] = [
            {"id": _call_id(said.tool[0], tokens), "type": "function", "function": function}
        ]
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    reason = "tool_calls" if said.tool else "stop"
    return {
        "id": "stand-in",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
    }


def _call_id(tool: str, tokens: tuple[int, int]) -> str:
    # The same in each dry run, since the requests after it hold it; a conversation grows, so it comes once in each.
    return f"call-{tokens[0]}-{tool}"


def openai_pieces(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say a whole answer as a stream of one piece."""
    [choice] = made["choices"]
    calls = [{"index": n, **call} for n, call in enumerate(choice["message"].get("tool_calls") or ())]
    delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
    piece = {"index": 0, "delta": delta, "finish_reason": choice["finish_reason"]}
    return [{**made, "object": "chat.completion.chunk", "choices": [piece]}]


def from_genai(body: Mapping[str, Any]) -> Request:
    """Read a request of the GenAI route."""
    contents = body.get("contents") or []
    parts = [content.get("parts") or [] for content in contents]
    # A tool's result comes in the user's name, too.
    users = [
        content.get("role") != "model" and any("text" in part for part in of)
        for content, of in zip(contents, parts, strict=True)
    ]
    asked = max((n for n, is_users in enumerate(users) if is_users), default=-1)
    own = [[part for part in of if "functionCall" in part] for of in parts[asked + 1 :]]
    settings = body.get("generationConfig") or {}
    declared = [tool for one in body.get("tools") or () for tool in one.get("functionDeclarations") or ()]
    return Request(
        texts=[_text_of(of) for of in parts],
        schema=settings.get("responseSchema") or settings.get("responseJsonSchema"),
        tools=[
            (tool["name"], tool.get("parameters") or tool.get("parametersJsonSchema") or {})
            for tool in declared
        ],
        called=[part["functionCall"]["name"] for of in own for part in of],
        # The second is what google-genai writes (2.3): it renames the outer ones only.
        reasoning=any(
            (settings.get("thinkingConfig") or {}).get(key) for key in ("includeThoughts", "include_thoughts")
        ),
    )


def to_genai(said: Answer, tokens: tuple[int, int]) -> dict[str, Any]:
    """Write an answer of the GenAI route."""
    parts: list[dict[str, Any]] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
    call: dict[str, Any] = {"text": said.text}
    if said.tool:
        name, arguments = said.tool
        call = {"functionCall": {"id": _call_id(name, tokens), "name": name, "args": arguments}}
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [*parts, call]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": tokens[0],
            "candidatesTokenCount": tokens[1],
            "totalTokenCount": sum(tokens),
        },
        "modelVersion": MODEL,
    }

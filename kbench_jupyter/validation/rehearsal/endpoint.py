"""The stand-in model's endpoint: an HTTP server on loopback that speaks both ways in which the task SDK asks.

The SDK itself runs unmodified; it is told this address and a key of its own. What is asked and answered is
counted, and nothing of it is kept.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from kbench_jupyter.validation.rehearsal.stand_in import MODEL, Answer, Request, answer

_CHARACTERS = 4  # a token's, about, of English text


@dataclass(frozen=True)
class Calls:
    """What the stand-in was asked.

    Parameters
    ----------
    calls : int
        Answers given.
    input_tokens, output_tokens : int
        About as many as a real model would count: a quarter of the characters.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class StandIn:
    """The endpoint, for the time of a ``with`` block.

    Attributes
    ----------
    url : str
        What ``MODEL_PROXY_URL`` is to be.
    key : str
        What ``MODEL_PROXY_API_KEY`` is to be; another one is refused.
    """

    def __init__(self) -> None:
        self.key = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._calls = Calls()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="kbench-stand-in", daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def calls(self) -> Calls:
        """What was asked so far."""
        with self._lock:
            return self._calls

    def environment(self) -> dict[str, str]:
        """Return the variables by which the task SDK finds it."""
        return {
            "MODEL_PROXY_URL": self.url,
            "MODEL_PROXY_API_KEY": self.key,
            "LLM_DEFAULT": MODEL,
            "LLM_DEFAULT_EVAL": MODEL,
            "LLMS_AVAILABLE": MODEL,
        }

    def count(self, request: Request, given: Answer) -> tuple[int, int]:
        """Count one call, and return its tokens in and out."""
        asked = sum(map(len, request.texts)) // _CHARACTERS + 1
        said = len(given.text or json.dumps(given.tool)) + len(given.reasoning)
        used = said // _CHARACTERS + 1
        with self._lock:
            had = self._calls
            self._calls = Calls(had.calls + 1, had.input_tokens + asked, had.output_tokens + used)
        return asked, used


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stand_in: StandIn = self.server.stand_in  # type: ignore[attr-defined]
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or self.headers.get(
            "x-goog-api-key"
        )
        if given != stand_in.key:
            return self._reply(401, {"error": {"message": "Not the key of this dry run.", "code": 401}})
        try:
            asked = json.loads(body)
            openai = self.path.endswith("/chat/completions")
            request = _from_openai(asked) if openai else _from_genai(asked)
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            return self._reply(
                400, {"error": {"message": f"The stand-in cannot read this: {error}", "code": 400}}
            )
        said = answer(request)
        tokens = stand_in.count(request, said)
        if openai:
            made = _to_openai(str(asked.get("model") or MODEL), said, tokens)
            return self._stream(_openai_pieces(made)) if asked.get("stream") else self._reply(200, made)
        made = _to_genai(said, tokens)
        return self._stream([made]) if "streamGenerateContent" in self.path else self._reply(200, made)

    def _reply(self, status: int, body: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _stream(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        lines = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces)
        self._send(200, "text/event-stream", lines.encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing: the cell that rehearses shows the task's own output."""


def _from_openai(body: Mapping[str, Any]) -> Request:
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


def _to_openai(model: str, said: Answer, tokens: tuple[int, int]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.tool:
        function = {"name": said.tool[0], "arguments": json.dumps(said.tool[1])}
        message["tool_calls"] = [
            {"id": f"call-{secrets.token_hex(4)}", "type": "function", "function": function}
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


def _openai_pieces(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say a whole answer as a stream of one piece."""
    [choice] = made["choices"]
    calls = [{"index": n, **call} for n, call in enumerate(choice["message"].get("tool_calls") or ())]
    delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
    piece = {"index": 0, "delta": delta, "finish_reason": choice["finish_reason"]}
    return [{**made, "object": "chat.completion.chunk", "choices": [piece]}]


def _from_genai(body: Mapping[str, Any]) -> Request:
    contents = body.get("contents") or []
    parts = [content.get("parts") or [] for content in contents]
    own = [[part for part in of if "functionCall" in part] for of in parts]
    settings = body.get("generationConfig") or {}
    declared = [tool for one in body.get("tools") or () for tool in one.get("functionDeclarations") or ()]
    return Request(
        texts=[
            "\n".join(str(part.get("text") or json.dumps(part, sort_keys=True)[:500]) for part in of)
            for of in parts
        ],
        schema=settings.get("responseSchema") or settings.get("responseJsonSchema"),
        tools=[
            (tool["name"], tool.get("parameters") or tool.get("parametersJsonSchema") or {})
            for tool in declared
        ],
        called=[part["functionCall"]["name"] for of in own for part in of],
        reasoning=bool((settings.get("thinkingConfig") or {}).get("includeThoughts")),
    )


def _to_genai(said: Answer, tokens: tuple[int, int]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
    call = (
        {"functionCall": {"name": said.tool[0], "args": said.tool[1]}} if said.tool else {"text": said.text}
    )
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

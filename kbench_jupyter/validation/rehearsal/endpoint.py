"""The stand-in model's endpoint: an HTTP server on loopback that speaks both ways in which the task SDK asks.

The SDK itself runs unmodified; it is told this address and a key of its own. What is asked and answered is
counted, and nothing of it is kept.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

from kbench_jupyter.validation.rehearsal.stand_in import MODEL, Answer, Request, answer
from kbench_jupyter.validation.rehearsal.wire import (
    from_genai,
    from_openai,
    openai_pieces,
    to_genai,
    to_openai,
)

_CHARACTERS = 4  # a token's, about, of English text
# What the task SDK (0.6.2) tells the model, and nobody else, of a tool that raised.
_TOOL_RAISED = re.compile(r"Error invoking tool '[^'\n]+': .+")


@dataclass(frozen=True)
class Calls:
    """What the stand-in was asked."""

    calls: int = 0  #: answers given
    #: Tokens, about as many as a real model would count: a quarter of the characters.
    input_tokens: int = 0
    output_tokens: int = 0
    unfit: int = 0  #: answers that do not fit the schema that was asked for
    models: frozenset[str] = frozenset()  #: names that it was asked under
    tool_errors: frozenset[str] = frozenset()  #: what tools raised when they were called, one line each
    #: Rows that were to be evaluated, and those that were, as far as only the first of them are; below 0 where the
    #: installed task SDK's rows cannot be chosen.
    rows: int = 0
    kept: int = 0


class StandIn:
    """The endpoint, for the time of a ``with`` block.

    Parameters
    ----------
    models : iterable of str
        More names that the task SDK is to know it by.

    Attributes
    ----------
    url : str
        What ``MODEL_PROXY_URL`` is to be.
    key : str
        What ``MODEL_PROXY_API_KEY`` is to be; another one is refused.
    """

    def __init__(self, models: Iterable[str] = ()) -> None:
        self.key = secrets.token_hex(16)
        self._models = [MODEL, *models]
        self._lock = threading.Lock()
        self._calls = Calls()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.05,), name="kbench-stand-in", daemon=True).start()
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
            "LLMS_AVAILABLE": ",".join(dict.fromkeys(self._models)),
            # Drawing a run with 500 subruns takes the SDK (0.6.2) four minutes, running them some seconds. The run
            # itself is drawn.
            "RENDER_SUBRUNS": "False",
        }

    def count(self, model: str, request: Request, given: Answer) -> tuple[int, int]:
        """Count one call, and return its tokens in and out."""
        asked = sum(map(len, request.texts)) // _CHARACTERS + 1
        said = len(given.text or json.dumps(given.tool)) + len(given.reasoning)
        used = said // _CHARACTERS + 1
        with self._lock:
            had = self._calls
            self._calls = replace(
                had,
                calls=had.calls + 1,
                input_tokens=had.input_tokens + asked,
                output_tokens=had.output_tokens + used,
                unfit=had.unfit + (not given.fits),
                models=had.models | {model},
                tool_errors=had.tool_errors.union(*map(_TOOL_RAISED.findall, request.texts)),
            )
        return asked, used

    def count_rows(self, whole: int, kept: int) -> None:
        """Count the rows that are to be evaluated, and those that are."""
        with self._lock:
            self._calls = replace(self._calls, rows=self._calls.rows + whole, kept=self._calls.kept + kept)


class _Server(ThreadingHTTPServer):
    """A thread a connection. A kernel keeps its connections, and may be killed with them: they end with the server."""

    daemon_threads = False  # so that closing waits for them
    stand_in: StandIn

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.connections: list[Any] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a kernel that ends breaks its connections off."""

    def server_close(self) -> None:
        for connection in self.connections:
            with suppress(OSError):  # ended already
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stand_in: StandIn = self.server.stand_in
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if (bearer or self.headers.get("x-goog-api-key")) != stand_in.key:
            return self._refuse(401, "Not the key of this dry run.")
        try:
            asked = json.loads(body)
            if self.path == "/rows":
                stand_in.count_rows(asked["whole"], asked["kept"])
                return self._reply(200, {})
            openai = self.path.endswith("/chat/completions")
            request = from_openai(asked) if openai else from_genai(asked)
            said = answer(request)
        except (ValueError, AttributeError, TypeError, LookupError, RecursionError) as error:
            return self._refuse(400, f"The stand-in cannot read this: {error}")
        named = (
            asked.get("model") if openai else unquote(self.path).rpartition("models/")[2].rpartition(":")[0]
        )
        model = str(named)
        tokens = stand_in.count(model, request, said)
        if openai:
            made = to_openai(model, said, tokens)
            return self._stream(openai_pieces(made)) if asked.get("stream") else self._reply(200, made)
        made = to_genai(said, tokens)
        return self._stream([made]) if "streamGenerateContent" in self.path else self._reply(200, made)

    def _refuse(self, status: int, message: str) -> None:
        self._reply(status, {"error": {"message": message, "code": status}})

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

"""What stands before every call: who may speak to us, how much they may say, and how we say no."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, TypeGuard

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 32 * 2**20
"""Bytes a request may have; a notebook with its outputs is mostly far below.

So much of it as one text is read in less than 0.1 s (Python 3.11), for which all other requests are held up."""
_MANY = 100_000
"""Commas and escapes in a request that take longer, by the reader that is written in C."""


class CallError(Exception):
    """A call that is answered with an error envelope; its code is the HTTP status, too."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Answer(JSONResponse):
    """JSON that every client reads: half of a surrogate pair is spelt out, and what is no finite number is null."""

    def render(self, content: Any) -> bytes:
        """Write it."""
        try:
            return _JSON.encode(content).encode()
        except ValueError:
            return _JSON.encode(json.loads(json.dumps(content), parse_constant=lambda _name: None)).encode()


_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def envelope(code: int, message: str) -> Answer:
    """Build an error answer."""
    return Answer({"code": code, "message": message}, code)


class Guard:
    """ASGI middleware: host check, authentication, body limit.

    Paths that begin as one of `open_paths` have an authentication of their own, or need none.
    """

    def __init__(self, app: ASGIApp, token: str, open_paths: tuple[str, ...]) -> None:
        self._app = app
        self._token = token
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    def _refusal(self, path: str, headers: Headers) -> Answer | None:
        # A web page whose name was made to point here (DNS rebinding) still sends its own name.
        if not _LOOPBACK.fullmatch(headers.get("host", "")):
            return envelope(421, "This server answers to 127.0.0.1 and localhost only.")
        if int(length if (length := headers.get("content-length", "0")).isdigit() else 0) > MOST_BODY:
            return envelope(413, _TOO_LARGE)
        if not path.startswith(self._open) and not self._known(headers.get("authorization", "")):
            return envelope(
                401, "The token is missing or wrong; it is in the file `token` of the server's home."
            )
        return None

    def _known(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        offered = value.strip()
        if scheme.lower() == "basic":
            try:
                offered = base64.b64decode(offered, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(offered.encode(), self._token.encode())


async def json_of(raw: bytes) -> Any:
    """Read a request's JSON, and hold up no other request for it; ValueError or RecursionError if it is none."""
    if raw.count(b",") <= _MANY:
        return json.loads(raw, parse_constant=_no_number)
    # The reader in C lets nobody else do anything before it is done; the one in Python takes turns.
    reader = json.JSONDecoder(parse_constant=_no_number)
    reader.scan_once = py_make_scanner(reader)  # type: ignore[attr-defined]
    return await run_in_threadpool(reader.decode, raw.decode("utf-8"))


def _no_number(name: str) -> Any:
    raise ValueError(name)  # Python takes NaN for JSON; nobody who is handed it on does


_TOO_LARGE = f"The request is larger than {MOST_BODY // 2**20} MB."


_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def _limited(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited


_MOST_NAME = 1000
"""Characters of a name: to make a slug of many megabytes holds up all other requests for seconds."""
_MOST_NUMBER = 2**63 - 1  # what SQLite holds, and the wire's int64


def text_of(body: dict[str, Any], name: str, *, needed: bool = False) -> str:
    """Return a text field of a request."""
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not _is_text(value) or (needed and not value.strip()):
        raise CallError(400, f"`{name}` must be a text" + (" that is not empty." if needed else "."))
    return value


def name_of(body: dict[str, Any], name: str, *, needed: bool = False) -> str:
    """Return a text field of a request that names something."""
    return _short(text_of(body, name, needed=needed), name)


def _short(text: str, field: str) -> str:
    if len(text) > _MOST_NAME:
        raise CallError(
            400, f"`{field}` is no name: it has {len(text):,} characters, and {_MOST_NAME:,} are the most."
        )
    return text


def number_of(body: dict[str, Any], name: str) -> int:
    """Return a whole number of a request; 0 when absent."""
    value = body.get(name) or 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_NUMBER:
        raise CallError(400, f"`{name}` must be a whole number from 0.")
    return value


def names_of(body: dict[str, Any], name: str) -> list[str]:
    """Return a list of names of a request; empty when absent."""
    value = list_of(body, name)
    if not all(_is_text(item) for item in value):
        raise CallError(400, f"`{name}` must be a list of texts.")
    return [_short(item, name) for item in value]


def list_of(body: dict[str, Any], name: str) -> list[Any]:
    """Return a list of a request; empty when absent."""
    value = body.get(name) or []
    if not isinstance(value, list):
        raise CallError(400, f"`{name}` must be a list.")
    return value


def object_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object of a request; empty when absent."""
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise CallError(400, f"`{name}` must be an object.")
    return value


def page_start(body: dict[str, Any]) -> int:
    """Return where a page begins: at its token, or after what is to be skipped."""
    if not body.get("pageToken"):
        return number_of(body, "skip")
    try:
        return number_of(body, "pageToken")
    except CallError:
        raise CallError(400, "`pageToken` is not one of this server's.") from None


def _is_text(value: Any) -> TypeGuard[str]:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which no file and no database takes.
        return False
    return True

"""What an answer means: its JSON, or a typed error with method, status, server message and advice.

The HTTP status is not all: a JSON body ``{"code": >= 400, "message": ...}`` is an error under 200 too, and
a captive portal answers 200 with HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kbench_jupyter.api.credentials.files import SETTINGS
from kbench_jupyter.api.credentials.kinds import Credentials
from kbench_jupyter.api.transport import Response, TransportFault
from kbench_jupyter.api.values import parse
from kbench_jupyter.errors import (
    ApiError,
    CredentialsError,
    KBenchError,
    NotFoundError,
    NotOfferedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from kbench_jupyter.retry_after import retry_after

_LONGEST = 10_000_000  # bytes of a refusal that are read
_SHOWN = 400  # characters of a server's message or page worth showing


@dataclass(frozen=True)
class Answer:
    """An answer that is an error."""

    method: str
    status: int  # of HTTP, or the code of the envelope
    message: str  # the server's own words, whole and as they came: `error_of` redacts and cuts them
    retry_after: float | None = None  # seconds


def refusal(method: str, response: Response, *, body: bytes | None = None) -> Answer | None:
    """Return what an answer refuses, or None when it is no error.

    Without a `body` that was read already, it is read under an error status only.
    """
    if body is None:
        if response.status < 400:
            return None
        try:
            body = response.read(_LONGEST)
        except TransportFault:
            body = b""  # the status says enough
    data = _json(body)
    envelope = parse.mapping(data)
    envelope = parse.mapping(envelope.get("error")) or envelope  # of what stands before Google's services
    code = parse.integer(envelope.get("code"))
    if response.status < 400 and (code is None or code < 400):
        return None
    status = response.status if response.status >= 400 else code or 0
    message = parse.text(envelope.get("message")) or parse.text(envelope.get("error"))
    if not message and data is None:
        message = _plain(body)
    return Answer(
        method,
        status,
        message.strip(),
        retry_after(response.headers.get("retry-after"), response.headers.get("date")),
    )


def json_object(
    method: str, response: Response, body: bytes, credentials: Credentials | None
) -> dict[str, Any]:
    """Return an answer's JSON object.

    Raises
    ------
    TransportFault
        If it is truncated (worth another try), or something else entirely (not worth one).
    """
    data = _json(body)
    if isinstance(data, dict):
        return data
    kind = response.content_type
    # An answer without fields is "{}", so an empty body is one that was cut off.
    if data is None and (kind == "application/json" or body.lstrip()[:1] in (b"{", b"[", b"")):
        raise TransportFault(f"{method}: the server's JSON is cut off or garbled.")
    raise foreign(method, response, body, credentials)


def foreign(method: str, response: Response, body: bytes, credentials: Credentials | None) -> TransportFault:
    """Return the fault for an answer that cannot be the Benchmarks API's."""
    kind = response.content_type or "something without a content type"
    # Whatever answered may have put the request's header, and with it the secret, into its page.
    shown = _shown(_plain(body), credentials, 120)
    return TransportFault(
        f"{method}: the server answered with {kind} instead of JSON" + (f" ({shown})." if shown else "."),
        retryable=False,
        hint="Something in between answered: a sign-in page of the network, a proxy, or the wrong address."
        " Open the address in a browser, or check it with %kbench target.",
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(body: bytes) -> str:
    page = body[:20_000].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title", page, re.IGNORECASE | re.DOTALL)
    text = title.group(1) if title else "" if re.search(r"<html|<!doctype", page, re.IGNORECASE) else page
    return " ".join(text.split())


def _shown(text: str, credentials: Credentials | None, most: int = _SHOWN) -> str:
    # Redacted before it is cut: of a secret that lies across the cut the head would stay.
    return (credentials.redact(text) if credentials else text)[:most].strip()


def error_of(answer: Answer, credentials: Credentials | None, subject: str = "") -> KBenchError:
    """Return the typed error for a refusal; `subject` is what a person would call what was asked for."""
    message = _shown(answer.message, credentials)
    said = f": {message}" if message else "."
    if answer.status == 401:
        return _unauthorized(credentials, answer.method, message)
    kind, text, hint = _reading(answer, subject, said)
    if "quota" in message.lower():
        hint = "%kbench quota shows what is left and when it is filled up."
    hint = _ADVICE.get((answer.method, answer.status)) or hint
    return kind(text, method=answer.method, status=answer.status, server_message=message, hint=hint)


def _reading(answer: Answer, subject: str, said: str) -> tuple[type[ApiError], str, str | None]:
    status, method = answer.status, answer.method
    if method in _NEW and status in (403, 404, 501):
        what, hint = _NEW[method]
        return NotOfferedError, f"This server does not offer {what} to this account ({status}){said}", hint
    if status == 501:
        return NotOfferedError, f"This server does not offer {method} to this account (501){said}", None
    if status == 404 or (status == 403 and method == "GetBenchmarkTask"):
        # The server answers 403 for a task of somebody else and for one that does not exist.
        if method == "BatchScheduleBenchmarkTaskRuns":
            what = f"There is no {subject}"
        else:
            what = f"There is no {subject}, or it is not yours" if subject else f"{method} found nothing"
        return NotFoundError, f"{what} ({status}){said}", _missing_hint(method, subject)
    if status == 403:
        about = f" for {subject.partition(', or no ')[0]}" if subject else ""  # it is not that one is unknown
        hint = (
            "Check that your account is verified (https://www.kaggle.com/settings) and that what you asked"
            " for is yours."
        )
        return PermissionDeniedError, f"{method} is not allowed{about} (403){said}", hint
    if status == 429:
        wait = "" if answer.retry_after is None else f"; it asks to wait {answer.retry_after:.0f} s"
        return RateLimitError, f"{method}: too many requests (429{wait}){said}", "Wait a while and try again."
    if status >= 500:
        later = "Nothing is wrong on your side. Try again in a few minutes."
        # 507: its disk is full, and it says what to do.
        return ServerError, f"{method}: the server failed ({status}){said}", None if status == 507 else later
    return ApiError, f"{method} was refused ({status}){said}", None


_OWN_BENCHMARK = (
    "Or there is no such benchmark of yours: its address is kaggle.com/benchmarks/OWNER/BENCHMARK, and only your own"
    " can be changed."
)


def _missing_hint(method: str, subject: str) -> str | None:
    if subject.startswith("benchmark"):
        return "Check owner and benchmark: both are in its address, kaggle.com/benchmarks/OWNER/BENCHMARK."
    if "Task" in method and "Runs" not in method and "Quota" not in method:
        return "%kbench list shows your tasks. For somebody else's, write owner/task."
    if method == "ListBenchmarkTaskRuns":
        return "%kbench list shows your tasks."
    return None


#: Calls that not every server has, nor offers to every account (they came with kagglesdk 0.1.38): what each does in
#: words, and what else its refusal can mean. Whoever makes one looks whether it is rather a task that is not there:
#: `kbench_jupyter.api.calls.offered`.
_NEW: Mapping[str, tuple[str, str | None]] = {
    "ApiCancelBenchmarkTaskRuns": (
        "cancelling runs",
        "Only runs of your own can be cancelled. On Kaggle, a run is also stopped on the task's page.",
    ),
    "UpdateBenchmarkTask": (
        "changing a task's description",
        "Only tasks of your own can be changed. On Kaggle, they are also edited on the task's page.",
    ),
    "AddTasksToBenchmark": ("adding tasks to a benchmark", _OWN_BENCHMARK),
    "RemoveTasksFromBenchmark": ("removing tasks from a benchmark", _OWN_BENCHMARK),
    "ListBenchmarkModelVersionConfigs": ("a list of reasoning efforts", None),
    "ListBenchmarkTopics": (
        "the discussions of that benchmark",
        "Or there is no such benchmark: its address is kaggle.com/benchmarks/OWNER/BENCHMARK.",
    ),
    "GetTopic": (
        "that topic",
        "Or there is none of that id: %kbench topics list OWNER/BENCHMARK shows them.",
    ),
    "ListComments": ("the comments of that topic", None),
}


_ADVICE: Mapping[tuple[str, int], str] = {
    ("CreateDefaultModelProxyToken", 404): (
        "Either Kaggle Benchmarks is not enabled for your account (ask for access on Kaggle), or this version"
        " of kbench_jupyter is too old: %pip install -U kbench-jupyter.\n"
        "%kbench target local works without an account."
    ),
    ("CreateDefaultModelProxyToken", 403): (
        "Either your account lacks phone or identity verification (https://www.kaggle.com/settings), or your"
        " credentials are stale: create a new token at https://www.kaggle.com/settings/api, then %kbench auth."
    ),
    ("BatchScheduleBenchmarkTaskRuns", 404): (
        "A model's or the task's name is unknown: %kbench models and %kbench list show what there is."
    ),
    ("GetBenchmarkTaskRunLogs", 404): "The run has not started yet, or there is none: %kbench status shows.",
    ("DownloadBenchmarkTaskRunOutput", 404): (
        "The run has left no output (yet), or there is none: %kbench status shows."
    ),
}


def _unauthorized(credentials: Credentials | None, method: str, message: str) -> CredentialsError:
    what = "The server asks for credentials, and none were found."
    hint = (
        f"Create a token at {SETTINGS} and save it as ~/.kaggle/access_token (or set KAGGLE_API_TOKEN), then"
        " %kbench auth.\n%kbench target local works without an account."
    )
    if credentials is not None:
        what, hint = f"The server refused the credentials from {credentials.source}.", credentials.advice
    return CredentialsError(what, hint=hint, detail=f"The server on {method}: {message}" if message else None)

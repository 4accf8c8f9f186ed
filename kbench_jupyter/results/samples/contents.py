"""What messages hold: the parts of a run file's contents, as values.

How the task SDK (0.6.2) writes them, read from its ``kaggle/serialization.py``:

* what is no text is written as JSON of JSON (a structured answer is a string of JSON inside a JSON string);
* a tool that was called is one content of role ``CONTEXT``, with its arguments, its output or error, and the call's id;
  the answer that asked for it is the content before, and says nothing of it;
* what a model thought stands at the request, not at the answer;
* images and audio come with their bytes or by address, video by address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kbench_jupyter.results.runfiles import as_object, as_objects
from kbench_jupyter.results.samples.transcript import (
    Media,
    Part,
    Reasoning,
    Role,
    Structured,
    Text,
    ToolCall,
    ToolResult,
    TranscriptMessage,
)

_ROLES: dict[str, Role] = {
    "CONTENT_ROLE_SYSTEM": "system",
    "CONTENT_ROLE_DEVELOPER": "system",
    "CONTENT_ROLE_ASSISTANT": "assistant",
    "CONTENT_ROLE_CONTEXT": "tool",
}


def messages(conversation: Mapping[str, Any]) -> list[TranscriptMessage]:
    """Return the messages of a conversation in order, calls of tools and thoughts with the answer they belong to."""
    found: list[tuple[Role, str, list[Part]]] = []
    for request in as_objects(conversation.get("requests")):
        contents = as_objects(request.get("contents"))
        for content in contents:
            role, parts = role_of(content), parts_of(content)
            if role == "tool" and (call := _call(content)):
                asked = next((one for one in reversed(found) if one[0] != "tool"), None)
                (asked[2] if asked and asked[0] == "assistant" else parts).append(call)
            found.append((role, str(content.get("senderName") or ""), parts))
        if thoughts := request.get("reasoningTraces"):
            answer = next((one for one in reversed(found[-len(contents) :]) if one[0] == "assistant"), None)
            if answer is not None:
                answer[2].insert(0, Reasoning(str(thoughts)))
    return [TranscriptMessage(role, sender, _told(parts)) for role, sender, parts in found]


def _told(parts: list[Part]) -> tuple[Part, ...]:
    """Leave out the empty text of an answer that says something else."""
    return tuple(part for part in parts if part != Text("") or len(parts) == 1)


def role_of(content: Mapping[str, Any]) -> Role:
    """Return who speaks; what no role was given to is taken for the user's."""
    return _ROLES.get(str(content.get("role")), "user")


def parts_of(content: Mapping[str, Any]) -> list[Part]:
    """Return the parts of one content."""
    tool = role_of(content) == "tool"
    name = str(content.get("senderName") or "")
    found: list[Part] = []
    for part in as_objects(content.get("parts")):
        if "text" in part:
            text = str(part["text"] or "")
            found.append(_tool_result(text, name) if tool else _text(text))
        elif blob := as_object(part.get("fileData") or part.get("inlineData")):
            found.append(_media(blob))
    return found


def _call(content: Mapping[str, Any]) -> ToolCall | None:
    """Return the call that a tool's content answers, where it tells."""
    for part in as_objects(content.get("parts")):
        told = _twice(str(part.get("text") or ""))
        if isinstance(told, dict) and "arguments" in told:
            arguments = told["arguments"]
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            return ToolCall(str(told.get("name") or ""), text, str(told.get("call_id") or ""))
    return None


def plain(parts: Sequence[Part]) -> str:
    """Return parts as one text, for a listing: media by their type, no thoughts."""
    return "\n".join(filter(None, map(_plain, parts)))


def _plain(part: Part) -> str:
    match part:
        case Text(text) | ToolResult(text=text) | Structured(text):
            return text
        case Media(kind=kind, mime=mime, uri=uri):
            return f"[{mime or kind}{' ' + uri if uri else ''}]"
    return ""


def _text(text: str) -> Part:
    """Tell a structured answer from text: it is a JSON string that holds a JSON object or list."""
    told = _twice(text)
    if isinstance(told, dict | list):
        return Structured(json.dumps(told, ensure_ascii=False))
    return Text(text)


def _tool_result(text: str, name: str) -> Part:
    told = _twice(text)
    if not isinstance(told, dict) or not told.keys() & {"output", "error", "arguments"}:
        return ToolResult(name, text, "")
    said = told.get("error") or told.get("output")
    shown = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return ToolResult(str(told.get("name") or name), shown, str(told.get("call_id") or ""))


def _twice(text: str) -> Any:
    """Decode JSON within a JSON string; None where it is something else."""
    if text[:1] == '"':
        with suppress(ValueError, RecursionError):
            inner = json.loads(text)
            return json.loads(inner) if isinstance(inner, str) and inner[:1] in '{["' else None
    return None


def _media(blob: Mapping[str, Any]) -> Media:
    mime = str(blob.get("mimeType") or "")
    general = mime.partition("/")[0]
    return Media(
        kind=general if general in ("image", "audio", "video") else "file",  # type: ignore[arg-type]
        mime=mime,
        uri=str(blob.get("fileUri") or ""),
        data=str(blob.get("data") or ""),
    )

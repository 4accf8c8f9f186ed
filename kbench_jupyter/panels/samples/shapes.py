"""What the browser is told of samples: plain values, texts clipped to what a message has room for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from kbench_jupyter.display.numbers import score_texts
from kbench_jupyter.display.view import duration, money

#: Characters of a text that are sent at once, and of all texts of a transcript together.
TEXT, TRANSCRIPT = 20_000, 300_000
#: Messages of a transcript that are sent at most.
MESSAGES = 400
#: The tokens of JSON, and how far each depth of it is moved in.
_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_STEP = "  "
#: Characters of an input in a row of the grid: it shows one line.
_INPUT = 240


def row_shape(row: Any, columns: Sequence[Any]) -> list[Any]:
    """Return a row of the grid: key, task, number, input, whether it differs, and a cell a column."""
    cells = [row.cells.get(column) for column in columns]
    scores = score_texts([None if cell is None else cell.score for cell in cells])
    shown = [None if cell is None else _cell(cell, text) for cell, text in zip(cells, scores, strict=True)]
    first = " ".join(row.input[: 2 * _INPUT].split())[:_INPUT]
    return [row.key, row.task, row.row, first, row.differing, shown]


def _cell(cell: Any, score: str) -> list[Any]:
    """Return its state, its text, how many samples it stands for, and what failed."""
    many = len(cell.ids)
    state = (
        "error"
        if cell.errored == many
        else "pass"
        if cell.passed == many
        else "fail"
        if not cell.passed
        else "mixed"
    )
    text = score or (f"{cell.passed}/{many}" if many > 1 else "")
    return [state, text, many, list(cell.failed)[:8]]


def sample_name(sample: Any) -> str:
    """Return what to call a sample within its key: candidate, version and run."""
    version = f" v{sample.version}" if sample.version else ""
    return f"{sample.candidate}{version}"


def clipper() -> Callable[[str], list[Any]]:
    """Return what clips the texts of one transcript: each to a text's beginning and the length of the whole."""
    room = [TRANSCRIPT]

    def clip(text: str) -> list[Any]:
        kept = text[: min(TEXT, max(0, room[0]))]
        room[0] -= len(kept)
        return [kept, len(text)]

    return clip


def transcript_shape(transcript: Any, place: Callable[[Any], dict[str, Any] | None]) -> dict[str, Any]:
    """Return a transcript as plain values; `place` says where in the notebook an assertion stands."""
    sample, clip = transcript.sample, clipper()
    return {
        "id": sample.id,
        "key": sample.key,
        "task": sample.task,
        "row": sample.row,
        "name": sample_name(sample),
        "run": sample.run_id,
        "state": _state(sample),
        "facts": _facts(sample),
        "error": clip(transcript.error),
        "assertions": [
            {"passed": a.passed, "text": clip(a.expectation or a.definition), "place": place(a)}
            for a in transcript.assertions
        ],
        "chats": [
            {"title": chat.title, "messages": [_message(m, clip) for m in chat.messages[:MESSAGES]]}
            | {"more": max(0, len(chat.messages) - MESSAGES)}
            for chat in transcript.chats
        ],
        "children": [_node(node) for node in transcript.children],
    }


def _state(sample: Any) -> str:
    if sample.errored:
        return "error"
    return "none" if sample.passed is None else "pass" if sample.passed else "fail"


def _facts(sample: Any) -> list[tuple[str, str]]:
    facts = {
        "result": sample.result,
        "assertions": f"{sample.held} of {sample.checks} held" if sample.checks else "",
        "tokens": f"{sample.input_tokens:,} in, {sample.output_tokens:,} out",
        "cost": money(sample.cost) if sample.cost is not None else "unknown",
        "latency": duration(sample.latency),
        "task took": duration(sample.elapsed),
        "retries": str(sample.retries or ""),
        "run": str(sample.run_id),
    }
    return [(name, text) for name, text in facts.items() if text]


def _message(message: Any, clip: Callable[[str], list[Any]]) -> dict[str, Any]:
    parts = [_part(part, clip) for part in message.parts]
    return {"role": message.role, "sender": message.sender, "parts": parts}


def _part(part: Any, clip: Callable[[str], list[Any]]) -> dict[str, Any]:
    # By the sum two parts are told apart of which the same beginning is sent.
    kind = type(part).__name__
    if kind == "Media":
        shown = {"what": part.kind, "mime": part.mime, "uri": part.uri, "size": len(part.data)}
        return {"kind": "media", **shown, "sum": hash(part.data)}
    named = {"name": part.name, "call": part.id} if kind in ("ToolCall", "ToolResult") else {}
    text = _text(part)
    return {"kind": _KINDS[kind], "text": clip(text), **named, "sum": hash(text)}


#: What each kind of part is called in the browser.
_KINDS = {
    "Text": "text",
    "Reasoning": "reasoning",
    "ToolCall": "call",
    "ToolResult": "result",
    "Structured": "json",
}


def _text(part: Any) -> str:
    for name in ("arguments", "json", "data"):
        if (text := getattr(part, name, None)) is not None:
            return str(text) if name == "data" else indented(str(text))
    return indented(str(part.text)) if type(part).__name__ == "ToolResult" else str(part.text)


def indented(text: str) -> str:
    """Return JSON with a line a value, every value as it was written; any other text as it is."""
    if text[:1] not in "{[":
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    out: list[str] = []
    depth = 0
    tokens = _JSON.findall(text)
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        depth += (token in ("{", "[")) - (token in ("}", "]"))
        line = f"\n{_STEP * depth}"
        if token in ("{", "["):
            out.append(token if after in ("}", "]") else token + line)
        elif token in ("}", "]"):
            out.append(token if before in ("{", "[") else line + token)
        else:
            out.append({",": f",{line}", ":": ": "}.get(token, token))
    return "".join(out)


def found_in(transcript: Any, at: Sequence[Any]) -> str:
    """Return the whole text, or the base64, of what `at` names: a part, the error or an assertion."""
    if at[0] == "error":
        return str(transcript.error)
    if at[0] == "assertion":
        made = transcript.assertions[int(at[1])]
        return str(made.expectation or made.definition)
    chat, message, part = map(int, at)
    return _text(transcript.chats[chat].messages[message].parts[part])


def _node(node: Any) -> dict[str, Any]:
    state = {True: "pass", False: "fail"}.get(node.passed, "none")
    return {"id": node.id, "task": node.task, "state": state, "children": list(map(_node, node.children))}

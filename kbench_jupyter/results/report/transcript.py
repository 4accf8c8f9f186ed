"""A sample's transcript as HTML: every text is escaped, and media are shown only from bytes that are in the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape

from kbench_jupyter.display.view import duration, money
from kbench_jupyter.results.report.content import clipped
from kbench_jupyter.results.samples import (
    Media,
    Part,
    Reasoning,
    Structured,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
    TreeNode,
)

_ELEMENTS = {"image": "img", "audio": "audio", "video": "video"}
_MIME = re.compile(r"(image|audio|video)/[\w.+-]{1,60}")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")


class Raw(str):
    """A piece of a page that is bytes of a picture, not text: there is nothing to clean in it."""

    __slots__ = ()


def plain(text: str) -> str:
    """Escape a text; what a browser would act on in it is spelled out."""
    return escape(clipped(text))


def transcript_html(found: Transcript) -> Iterator[str]:
    """Yield one transcript, piece by piece."""
    sample = found.sample
    facts = {
        "result": sample.result,
        "tokens": f"{sample.input_tokens:,} in, {sample.output_tokens:,} out",
        "cost": money(sample.cost),
        "latency": duration(sample.latency),
        "took": duration(sample.elapsed),
        "retries": str(sample.retries or ""),
    }
    told = "".join(f"<dt>{name}</dt><dd>{plain(value)}</dd>" for name, value in facts.items() if value)
    yield f"<dl>{told}</dl>"
    if found.assertions:
        yield '<ul class="checks">'
        for made in found.assertions:
            tone, sign = ("good", "✓ held") if made.passed else ("bad", "✗ failed")
            line = "" if made.line is None else f' <span class="quiet">line {made.line}</span>'
            yield f'<li><span class="{tone}">{sign}</span> {plain(made.expectation or made.definition)}{line}</li>'
        yield "</ul>"
    for chat in found.chats:
        title = f"<h4>{plain(chat.title)}</h4>" if chat.title and len(found.chats) > 1 else ""
        yield f'<div class="chat">{title}'
        for message in chat.messages:
            who = plain(message.sender or message.role)
            role = f' <span class="quiet">{message.role}</span>' if message.sender else ""
            yield f'<div class="message {message.role}"><div class="who">{who}{role}</div>'
            for part in message.parts:
                yield from _part(part)
            yield "</div>"
        yield "</div>"
    if found.error:
        yield f'<pre class="traceback">{plain(found.error)}</pre>'
    if found.children:
        yield f'<div class="quiet">Sub tasks</div>{_tree(found.children)}'


def _part(part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield f"<pre>{plain(text)}</pre>"
        case Reasoning(text):
            yield f"<details><summary>Reasoning</summary><pre>{plain(text)}</pre></details>"
        case ToolCall(name, arguments, _):
            yield f'<div class="tool">calls {plain(name)}</div><pre>{plain(_indented(arguments))}</pre>'
        case ToolResult(name, text, _):
            yield f'<div class="tool">{plain(name)} answered</div><pre>{plain(text)}</pre>'
        case Structured(text):
            yield f'<div class="tool">structured</div><pre>{plain(_indented(text))}</pre>'
        case Media():
            yield from _media(part)


def _media(part: Media) -> Iterator[str]:
    element = _ELEMENTS.get(part.kind)
    shows = element and part.data and _MIME.fullmatch(part.mime) and _BASE64.fullmatch(part.data)
    if not shows:
        what = part.mime or part.kind
        where = "" if not part.uri or part.uri.startswith("data:") else f": {part.uri}"
        yield f'<div class="tool">[{plain(what + where)}]</div>'
        return
    yield f'<{element} alt="{escape(part.mime)}" ' if element == "img" else f"<{element} controls "
    yield Raw(f'src="data:{part.mime};base64,{"".join(part.data.split())}">')
    yield "" if element == "img" else f"</{element}>"


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _tree(nodes: tuple[TreeNode, ...]) -> str:
    signs = {True: '<span class="good">✓</span>', False: '<span class="bad">✗</span>', None: "•"}
    items = "".join(
        f"<li>{signs[node.passed]} {plain(node.task)}{_tree(node.children)}</li>" for node in nodes
    )
    return f"<ul>{items}</ul>" if items else ""

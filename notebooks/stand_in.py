"""An OpenAI-compatible endpoint on loopback that stands in for a model with eyes and ears.

It is no model: small programs look at what really arrived (the image's pixels, the sound's samples, the video's
address, the tools, the role) and answer what a good model would. So the notebooks that need such a model run on every
machine, and an image, sound or tool that was lost on the way shows.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import struct
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

MODEL = "stand-in/looks-and-listens"
_COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
_QUIET = 1000  # of 32768: below this a sample is silence


def halves(data: bytes) -> str:
    """Name the colours of an image's left and right half."""
    from PIL import Image

    picture = Image.open(io.BytesIO(data)).convert("RGB").resize((2, 1), Image.Resampling.BOX)
    pixels = [picture.getpixel((x, 0)) for x in (0, 1)]
    return " ".join(min(_COLOURS, key=lambda name: _distance(_COLOURS[name], pixel)) for pixel in pixels)


def _distance(one: tuple[int, ...], other: Any) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def tones(data: bytes) -> str:
    """Count the tones of a WAV file: loud stretches with a twentieth of a second of silence between."""
    with wave.open(io.BytesIO(data)) as sound:
        frames = sound.readframes(sound.getnframes())
        gap = sound.getframerate() // 20
    samples = struct.unpack(f"<{len(frames) // 2}h", frames)
    loud = [i for i, sample in enumerate(samples) if abs(sample) > _QUIET]
    return str(bool(loud) + sum(b - a > gap for a, b in itertools.pairwise(loud)))


def call(tool: dict[str, Any], question: str) -> dict[str, Any]:
    """Call a tool with the words that stand in quotes in the question, in the order of its arguments."""
    names = tool["function"]["parameters"]["required"]
    quoted = sorted(re.findall(r'"([^"]+)"', question), key=len, reverse=True)
    arguments = json.dumps(dict(zip(names, quoted, strict=True)))
    function = {"name": tool["function"]["name"], "arguments": arguments}
    return {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the assistant's message."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return {"content": f"The tool says {last['content']}."}
    text = last["content"] if isinstance(last["content"], str) else ""
    if request.get("tools"):
        return call(request["tools"][0], text)
    for message in request["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else ():
            if part["type"] == "input_audio":
                return {"content": tones(base64.b64decode(part["input_audio"]["data"]))}
            if part["type"] == "image_url":
                return {"content": look(part["image_url"]["url"])}
    if role := re.search(r"^You are (\w+)\.$", str(request["messages"][0]["content"]), re.MULTILINE):
        heard = sum(message["role"] == "user" for message in request["messages"])
        return {"content": f"I am {role[1]}, and I heard {heard} times from others."}
    thoughts = {"reasoning_content": "A stand-in thinks of nothing."} if "reasoning_effort" in request else {}
    return {"content": "I am a stand-in: I only look and listen.", **thoughts}


def look(url: str) -> str:
    """Say what is at an address: an image's colours, or a well-known film's hero."""
    if url.startswith("data:image/"):
        return halves(base64.b64decode(url.partition(",")[2]))
    return "A rabbit." if url.endswith("watch?v=aqz-KE-bpKQ") else "I do not know this film."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        modalities = ["text", "image", "audio", "video"]
        model = {"id": MODEL, "object": "model", "owned_by": "stand-in", "name": "Stand-in (no model)"}
        self._reply({"object": "list", "data": [{**model, "architecture": {"input_modalities": modalities}}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", **answer(request)}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        words = len(str(message["content"]).split())
        self._reply(
            {
                "id": "stand-in",
                "object": "chat.completion",
                "created": 0,
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": words, "completion_tokens": words, "total_tokens": 2 * words},
            }
        )

    def _reply(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class StandIn:
    """The endpoint, for the time of a ``with`` block."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

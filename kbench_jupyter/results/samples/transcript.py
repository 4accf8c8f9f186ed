"""A transcript: everything that was said in one sample, as inert data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kbench_jupyter.results.runfiles import Assertion
from kbench_jupyter.results.samples.sample import Sample

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    """What was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought before it answered."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model called."""

    name: str
    arguments: str  #: JSON
    id: str  #: which `ToolResult` answers it; "" where that is not told


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered."""

    name: str
    text: str
    id: str  #: which `ToolCall` it answers; "" where that is not told


@dataclass(frozen=True, slots=True)
class Structured:
    """An answer in the shape that was asked for."""

    json: str


@dataclass(frozen=True, slots=True)
class Media:
    """An image, audio, video, or another file: by its address, or with its bytes."""

    kind: Literal["image", "audio", "video", "file"]
    mime: str  #: such as ``image/png``; "" where it is not told
    uri: str  #: where it lies; "" where its bytes are here
    data: str  #: its bytes, in base64; "" where they are not here


Part = Text | Reasoning | ToolCall | ToolResult | Structured | Media


@dataclass(frozen=True, slots=True)
class TranscriptMessage:
    """One message: who said what."""

    role: Role
    sender: str  #: as the run file names it: a model's slug, a participant of a chat room, a tool, "User"
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Chat:
    """The messages of one chat, in order."""

    title: str  #: what to call it; "" where it has no name
    messages: tuple[TranscriptMessage, ...]


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A subrun nested in a sample: its own transcript is opened by its id."""

    id: str
    task: str
    passed: bool | None
    children: tuple[TreeNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """One sample with everything that was said in it."""

    sample: Sample
    chats: tuple[Chat, ...]
    assertions: tuple[Assertion, ...]
    error: str  #: the whole traceback; "" where it did not error
    children: tuple[TreeNode, ...]  #: nested subruns

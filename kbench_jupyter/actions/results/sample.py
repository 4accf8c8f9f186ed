"""One sample as it shows itself where no panel is drawn: its facts, assertions, error and every message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kbench_jupyter.actions.results import Results
from kbench_jupyter.actions.results.grid import SampleGrid
from kbench_jupyter.actions.results.listings import record
from kbench_jupyter.display.view import Cell, Facts, Part, Shown, Table, Text, Value, View, duration, money
from kbench_jupyter.errors import NotFoundError
from kbench_jupyter.results.samples import Part as Said
from kbench_jupyter.results.samples import Reasoning, ToolCall, ToolResult, Transcript, TranscriptMessage
from kbench_jupyter.results.samples.contents import plain
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class ShownSample(Shown):
    """What was said in one sample."""

    task: str
    transcript: Transcript
    places: tuple[str, ...] = ()  #: where in the notebook each assertion stands

    def records(self) -> list[dict[str, Any]]:
        """Return the sample as one record, as the samples of a comparison have it."""
        return [record(self.transcript.sample)]

    def view(self) -> View:
        """Describe the sample."""
        said = self.transcript
        one = said.sample
        tones = {"errored": "bad", "passed": "good", "failed": "bad"}
        parts: list[Part] = [
            Facts(
                {
                    "candidate": f"{one.candidate}{f' v{one.version}' if one.version else ''}",
                    "run": str(one.run_id),
                    "verdict": Cell(one.verdict, tones.get(one.verdict, "busy")),
                    "result": one.result,
                    "tokens": f"{one.input_tokens:,} in, {one.output_tokens:,} out",
                    "cost": money(one.cost),
                    "latency": duration(one.latency),
                    "task took": duration(one.elapsed),
                }
            )
        ]
        if said.assertions:
            rows: list[list[Value]] = [
                [
                    Cell("passed", "good") if made.passed else Cell("failed", "bad"),
                    made.expectation or made.definition,
                    place,
                ]
                for made, place in zip(said.assertions, self.places, strict=True)
            ]
            parts.append(Table(["assertion", "expectation", "where"], rows, drop_empty=True))
        if said.error:
            parts.append(Text(said.error, "bad", code=True))
        for chat in said.chats:
            for message in chat.messages:
                parts += _parts(message)
        name = one.key or one.task
        return View(f"{self.task}: {name}", parts, footer=self.footer)


def _parts(message: TranscriptMessage) -> list[Part]:
    who = (
        message.role if message.sender.lower() in ("", message.role) else f"{message.role}: {message.sender}"
    )
    return [Text(who, "quiet"), *(Text(_words(part), code=True) for part in message.parts)]


def _words(part: Said) -> str:
    match part:
        case Reasoning(text):
            return f"[reasoning] {text}"
        case ToolCall(name, arguments):
            return f"[toolcall] {name} {arguments}"
        case ToolResult(name, text):
            return f"[toolresult] {name} {text}"
    return plain([part])


def sample(session: Session, found: Results, ident: str) -> ShownSample:
    """Return one sample of a comparison.

    Parameters
    ----------
    ident : str
        As `Sample.id` has it, and as the panel's *Copy link* gives it.

    Raises
    ------
    NotFoundError
        If it is not among the results.
    """
    grid = SampleGrid(session, found)
    try:
        transcript = grid.transcript(ident)
    except (KeyError, ValueError) as error:
        raise NotFoundError(
            f"{found.task} has no sample {ident!r} here.",
            hint=f"See all of them: %kbench results {found.task}",
            detail=str(error) if isinstance(error, ValueError) else None,
        ) from error
    places = (grid.place(made, transcript.sample.version) or {} for made in transcript.assertions)
    return ShownSample(
        found.task, transcript, tuple(str(place.get("words", "")) for place in places), footer=found.footer
    )

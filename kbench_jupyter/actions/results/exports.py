"""Samples for other programs: all of them, or the failed ones with their inputs, so that those alone can run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from kbench_jupyter.actions.results.listings import Samples, record
from kbench_jupyter.display.view import Cell, Shown, Table, Value, View, count, shortened
from kbench_jupyter.results.samples import Sample, Transcript
from kbench_jupyter.results.samples.contents import plain
from kbench_jupyter.results.samples.sample import TEXT

#: Rows that are shown; all of them are in what is written.
_SHOWN = 50
#: Characters of a text in the table.
_WIDE = 60
_FAILED = ("task", "version>", "candidate", "run>", "row>", "failed", "input")


@dataclass(frozen=True)
class SampleListing(Shown):
    """Samples with the whole of their texts, cleaned of what must not be handed on."""

    samples: Samples
    clean: Callable[[str], str]
    #: Whether it is of those that failed, and says of each what to run again.
    failed: bool = False

    def view(self) -> View:
        """Describe the samples."""
        if not self.failed:
            shown = self.samples.view()
            notes = [f"{note.partition(':')[0]}: --to samples.csv writes them all" for note in shown.notes]
            return replace(shown, notes=notes, footer=self.footer)
        rows = [self._row(sample) for sample in self.samples]
        title = f"{self.samples.task}: {count(len(rows), 'sample')} failed"
        table = Table(_FAILED, rows, "No sample failed.", drop_empty=True)
        line = f"%kbench results {self.samples.task} --failed --to cases.csv"
        steps = [(line, "their inputs, to evaluate those alone")]
        return shortened(
            View(Cell(title, "bad" if rows else "good"), [table], next=steps if rows else ()), _SHOWN
        )

    def _row(self, sample: Sample) -> list[Value]:
        why = "; ".join(sample.failed) or sample.error or f"result {sample.result}"
        return [
            sample.task,
            str(sample.version or ""),
            sample.candidate,
            str(sample.run_id),
            "" if sample.row is None else str(sample.row),
            self.clean(_one_line(why)),
            self.clean(_one_line(sample.input)),
        ]

    def records(self) -> list[dict[str, Any]]:
        """Return one record a sample, with plain values (cost in USD, times in seconds) and whole texts."""
        return list(self._cases() if self.failed else self._all())

    def _cases(self) -> Iterator[dict[str, Any]]:
        for sample in self.samples:
            said, answer = self._texts(sample)
            yield {
                "task": sample.task,
                "row": sample.row,
                "candidate": sample.candidate,
                "version": sample.version,
                "run": sample.run_id,
                "input": said,
                "failed": self.clean("; ".join(sample.failed)),
                "error": self.clean(sample.error),
                "answer": answer,
                "result": self.clean(sample.result),
                "sample": sample.id,
            }

    def _all(self) -> Iterator[dict[str, Any]]:
        for sample in self.samples:
            said, answer = self._texts(sample)
            whole = record(sample) | {"input": said, "answer": answer}
            yield {
                name: self.clean(value) if isinstance(value, str) else value for name, value in whole.items()
            }

    def _texts(self, sample: Sample) -> tuple[str, str]:
        """Return a sample's whole input and answer; what is listed of them is clipped."""
        said, answer = sample.input, sample.answer
        if max(len(said), len(answer)) >= TEXT:
            try:
                found = self.samples.index.transcript(sample.id)
            except (KeyError, ValueError):
                # Changed or gone since it was listed: what is listed is true of then.
                return self.clean(said), self.clean(answer)
            said, answer = _first(found, "user") or said, _last(found, "assistant") or answer
        return self.clean(said), self.clean(answer)


def listed(samples: Samples, clean: Callable[[str], str], *, failed: bool, footer: str) -> SampleListing:
    """Return the samples of a comparison for a listing: all of them, or those that failed."""
    return SampleListing(samples.where(failed=True) if failed else samples, clean, failed, footer=footer)


def _first(found: Transcript, role: str) -> str:
    return next((text for text in _said(found, role) if text), "")


def _last(found: Transcript, role: str) -> str:
    texts = [text for text in _said(found, role) if text]
    return texts[-1] if texts else ""


def _said(found: Transcript, role: str) -> Iterator[str]:
    for chat in found.chats:
        for message in chat.messages:
            if message.role == role:
                yield plain(message.parts)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"

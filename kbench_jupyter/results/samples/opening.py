"""Opening one sample: only the bytes of its run file that hold it are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbench_jupyter.results.runfiles import as_object, as_objects, parse_run
from kbench_jupyter.results.samples.contents import messages
from kbench_jupyter.results.samples.extract import clean, found, values_of
from kbench_jupyter.results.samples.query import Stored
from kbench_jupyter.results.samples.sample import TEXT, Sample
from kbench_jupyter.results.samples.transcript import Chat, Transcript, TreeNode


def open_transcript(folder: Path, sample_id: str, stored: Stored, sample: Sample) -> Transcript:
    """Read a sample's part of its run file.

    Parameters
    ----------
    folder : Path
        The task's downloads.
    sample_id : str
        Of the sample, or of a subrun nested in it.
    stored : Stored
        Where it lies.
    sample : Sample
        The sample that it is or is nested in.

    Raises
    ------
    KeyError
        If the sample has no such subrun.
    ValueError
        If its file is not what the index was made of.
    """
    run = _read(folder / stored.file, stored)
    for step in stored.steps:
        below = as_objects(run.get("subruns"))
        if step >= len(below):
            raise KeyError(sample_id)
        run = below[step]
    result = parse_run(run, said=False)
    if sample_id != sample.id:
        values = values_of(found(run, "").listed)
        sample = replace(sample, id=sample_id, key="", row=None, retries=0, **values)
    elif (clean(result.task, TEXT), result.started) != (sample.task, sample.started):
        raise ValueError(f"{stored.file} changed since its samples were listed; list them again")
    chats = [
        Chat(_title(str(one.get("id") or "")), tuple(messages(one)))
        for one in as_objects(run.get("conversations"))
    ]
    return Transcript(
        sample,
        tuple(chat for chat in chats if chat.messages),
        result.assertions,
        result.error_message,
        tuple(_nodes(run, sample_id)),
    )


def _read(path: Path, stored: Stored) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            file.seek(stored.start or 0)
            return as_object(json.loads(file.read(-1 if stored.length is None else stored.length)))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{stored.file} changed since its samples were listed: {error}") from error


def _title(chat: str) -> str:
    """Return a chat's name without the mark that the task SDK (0.6.2) puts after it."""
    return re.sub(r"-[0-9a-f]{8}$", "", chat)


def _nodes(run: Mapping[str, Any], sample_id: str) -> Iterator[TreeNode]:
    for n, one in enumerate(as_objects(run.get("subruns"))):
        name = sample_id + (str(n) if sample_id.endswith("/") else f".{n}")
        result = parse_run(one, said=False)
        yield TreeNode(name, result.task, result.passed, tuple(_nodes(one, name)))

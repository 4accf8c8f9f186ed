"""Results down to the sample, as `%kbench results` gives them: listings and data frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from IPython.core.interactiveshell import InteractiveShell
from loopback_session import add_run, zipped

from kbench_jupyter.errors import UsageError


def run_json(*answers: bool) -> str:
    """Return a run over rows, one for each answer."""
    rows = [
        {
            "taskVersion": {"name": "One"},
            "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
            "results": [{"booleanResult": answer}],
            "conversations": [
                {
                    "id": "One-0a1b2c3d",
                    "requests": [
                        {
                            "contents": [
                                {"role": "CONTENT_ROLE_USER", "parts": [{"text": f"<b>row {n}</b>\x1b[31m"}]}
                            ]
                        }
                    ],
                }
            ],
            "pyRunId": f"One-Run #{n + 1}",
        }
        for n, answer in enumerate(answers)
    ]
    whole = {
        "taskVersion": {"name": "All", "definition": "one.evaluate(llm=[llm], evaluation_data=ROWS)"},
        "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED",
        "results": [{"numericResult": {"value": sum(answers) / len(answers)}}],
        "subruns": rows,
    }
    return json.dumps(whole)


@pytest.fixture
def found(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Type `%kbench results` for two candidates of three rows each, and return what it gives."""
    with faults.FaultServer() as server:
        add_run(server.api, 1, "a")
        add_run(server.api, 2, "b")
        server.api.archives |= {
            1: zipped(r_run_json=run_json(True, True, False)),
            2: zipped(r_run_json=run_json(True, False, False)),
        }
        monkeypatch.setenv("KBENCH_API_URL", server.url)
        monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
        yield shell.run_line_magic("kbench", f"results quiz -o {tmp_path}")


def test_samples_are_a_data_frame_of_every_sample(found: Any) -> None:
    frame = found.samples.to_dataframe()
    assert list(zip(frame.candidate, frame.row, frame.passed, strict=True)) == [
        ("a", 0, True),
        ("a", 1, True),
        ("a", 2, False),
        ("b", 0, True),
        ("b", 1, False),
        ("b", 2, False),
    ]
    assert {"id", "key", "input", "answer", "cost", "latency", "tokens"} - {*frame.columns} == {"tokens"}


def test_samples_are_narrowed_and_sorted_and_what_was_given_before_holds_on(found: Any) -> None:
    failed = found.samples.where(failed=True)
    assert (len(found.samples), len(failed), len(failed.where(candidates=["b"]))) == (6, 3, 2)
    assert [one.key for one in found.samples.where(differing=True)] == ["One#1", "One#1"]
    assert [one.row for one in failed.sorted("row")] == [1, 2, 2]
    with pytest.raises(UsageError):
        list(failed.sorted("price"))


def test_a_listing_of_samples_shows_text_of_a_model_as_text(found: Any) -> None:
    bundle = found.samples._repr_mimebundle_()
    assert "quiz: 6 samples" in bundle["text/plain"]
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]
    assert "<b>row" not in bundle["text/html"]


def test_groups_are_a_sequence_and_a_data_frame(found: Any) -> None:
    assert [group.candidate for group in found.groups] == ["a", "b"]
    frame = found.groups.to_dataframe()
    assert list(frame.score) == [pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert "a" in found.groups._repr_mimebundle_()["text/plain"]


def test_a_run_that_is_asked_for_again_is_read_anew(
    found: Any, shell: InteractiveShell, tmp_path: Path
) -> None:
    [file] = (tmp_path / "quiz/1/a/1").glob("*.run.json")
    file.write_text(run_json(False, False, False))
    again: Any = shell.run_line_magic("kbench", f"results quiz -o {tmp_path}")
    assert len(again.samples.where(failed=True)) == 5

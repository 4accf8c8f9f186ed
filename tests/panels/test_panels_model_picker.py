"""The model picker without a browser: what it says of models that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbench_jupyter.display.view import forms
from kbench_jupyter.panels.model_picker import ModelPicker
from kbench_jupyter.session import local_server
from kbench_jupyter.session.session import Session

pytestmark = pytest.mark.slow

DEAD = "http://127.0.0.1:9/v1"
PROBLEM = f"The model endpoint at {DEAD} does not list its models: connection failed."


@pytest.fixture
def picker(tmp_path: Path) -> Iterator[ModelPicker]:
    session = Session(environ={"KBENCH_TARGET": "local", "KBENCH_HOME": str(tmp_path)})
    yield ModelPicker(session)
    session.close()
    local_server.stop(tmp_path)


def test_why_models_are_missing_is_said_beside_those_there_are(
    picker: ModelPicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_UPSTREAM_URL", DEAD.replace("//", "//ada:hush@"))
    picker.load()
    assert [row["id"] for row in picker.rows] == ["smollm2-135m-instruct"]
    assert picker.get("notes") == [PROBLEM]
    saved = forms(picker.view())
    assert all(PROBLEM in " ".join(saved[form].split()) for form in ("text/html", "text/plain"))
    assert "hush" not in str(saved)


def test_where_no_model_is_missing_there_is_no_note(picker: ModelPicker) -> None:
    picker.load()
    assert picker.get("notes") == []
    assert not picker.view().notes

"""What is asked before a task becomes public."""

from __future__ import annotations

from dataclasses import replace

import pytest
from loopback_session import LoopbackSession
from watch_doubles import Said

from kbench_jupyter.actions.publish import publish
from kbench_jupyter.errors import UsageError


class Asked(Said):
    """Says no, and keeps the question."""

    def confirm(self, question):
        self.lines.append(question)
        return False


@pytest.mark.parametrize(
    ("public", "notebook", "what"),
    [
        (False, True, "quiz with its scores and the notebook behind it"),
        (False, False, "quiz with its scores"),
        (True, True, "the notebook behind quiz"),
    ],
)
def test_the_question_names_what_becomes_public_and_where(server, public, notebook, what):
    server.api.add_task("quiz", isPublic=public)
    asked = Asked()
    session = LoopbackSession(server, asked)
    try:
        with pytest.raises(UsageError) as refused:
            publish(session, "quiz", notebook=notebook)
        place = session.target().place
    finally:
        session.close()
    [question] = asked.lines
    assert question.startswith(f"Publish {what} on {place}: ")
    assert str(refused.value).startswith(f"Nothing was published on {place}. It would have been: {what}.")
    assert not server.calls("PublishBenchmarkTask")


@pytest.mark.parametrize(
    ("before", "artifacts", "what", "said"),
    [
        (
            {},
            True,
            "quiz with its scores, the notebook behind it and its runs' files",
            "cannot be made private",
        ),
        ({}, False, "quiz with its scores and the notebook behind it", "others see scores only"),
        (
            {"isPublic": True, "isBackingNotebookPublished": True},
            True,
            "the files, logs and outputs of the runs of quiz",
            "cannot be made private again",
        ),
    ],
)
def test_artifacts_are_asked_for_by_name_and_the_question_says_what_is_seen_without_them(
    server, before, artifacts, what, said
):
    server.api.add_task("quiz", **before)
    asked = Asked()
    session = LoopbackSession(server, asked)
    try:
        with pytest.raises(UsageError):
            publish(session, "quiz", artifacts=artifacts)
    finally:
        session.close()
    [question] = asked.lines
    assert question.startswith(f"Publish {what}")
    assert said in question


def test_artifacts_are_published_only_when_typed_and_a_server_without_them_is_said(
    server, shell, monkeypatch
):
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    server.api.add_task("quiz")
    shown = shell.run_line_magic("kbench", "publish quiz -y")
    assert "scores only" in str(shown)
    shown = shell.run_line_magic("kbench", "publish quiz --artifacts -y")
    assert [seen.json.get("publishRunArtifacts") for seen in server.calls("PublishBenchmarkTask")] == [
        None,
        True,
    ]
    assert "files, logs and outputs" in str(shown)
    assert "nothing was changed" in str(shell.run_line_magic("kbench", "publish quiz --artifacts -y"))
    assert len(server.calls("PublishBenchmarkTask")) == 2
    unknown = replace(shown, task=replace(shown.task, artifacts_public=None))
    assert "may not know the word" in str(unknown)

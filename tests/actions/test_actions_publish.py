"""What is asked before a task becomes public."""

from __future__ import annotations

import faults
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


@pytest.fixture
def server():
    with faults.FaultServer() as running:
        yield running


@pytest.mark.parametrize(
    ("public", "notebook", "what"),
    [
        (False, True, "quiz with its results and the notebook behind it"),
        (False, False, "quiz with its results"),
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

"""Questions that do not wait for each other's answers: several to the server take one round trip."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")
#: Seconds after which a wait looks around: on Windows Ctrl+C does not end one.
_TURN = 0.5


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return the answers to two questions that are asked at the same time.

    The first is asked in this thread, so that it speaks for both: it is what says that something is tried again, and
    Ctrl+C ends it. Where it raises, nothing is waited for: what the second has to say is of no interest any more.

    Raises
    ------
    Exception
        What the first question raises; else what the second does.
    """
    answer = asked(second)
    return first(), answer()


def asked(question: Callable[[], A]) -> Callable[[], A]:
    """Ask in a thread; what is returned waits for the answer, and raises what the question raised."""
    answer = _asked(question)

    def get() -> A:
        while not wait([answer], _TURN).done:
            pass
        return answer.result()

    return get


class Later(Generic[A]):
    """The answer to a question that is asked in the background from now on, and that nobody depends on."""

    def __init__(self, question: Callable[[], A]) -> None:
        self._answer: Future[A] = _asked(question)

    def within(self, seconds: float) -> A | None:
        """Return the answer; None where there is none within so many seconds, or the question fails."""
        with suppress(Exception):
            return self._answer.result(max(0.0, seconds))
        return None


def _asked(question: Callable[[], A]) -> Future[A]:
    """Ask a question in a thread of its own."""
    answer: Future[A] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that wants the answer
            answer.set_exception(error)

    # A daemon, for one that nobody waits for must not keep the interpreter from ending.
    threading.Thread(target=ask, name="kbench-ask", daemon=True).start()
    return answer

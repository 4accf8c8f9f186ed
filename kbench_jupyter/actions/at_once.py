"""Questions that do not wait for each other's answers: several to the server take one round trip."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

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
    answer: Future[A] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - it is raised again below, in the thread that waits for it
            answer.set_exception(error)

    def get() -> A:
        while not wait([answer], _TURN).done:
            pass
        return answer.result()

    # A daemon, for one that nobody waits for must not keep the interpreter from ending.
    threading.Thread(target=ask, name="kbench-ask", daemon=True).start()
    return get

"""Writes: never sent twice blindly, and never taken as done before the server has said so.

An answer that is not what was asked for (an empty object, another task) counts as a lost one.

Sending a push twice makes two task versions, sending a schedule twice pays for two runs, and the wire has
no key by which a server could tell that a request is the same as before. So both look before and after: a
push compares the task's version number, a schedule the run ids of its models. If the answer was lost and the
write is found to have landed, it is reported as done, with a note. A new version that may be somebody else's
is not taken for ours. A write that is not found is *not* sent again, since a slow server may still be at
work on it; the error says what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.errors import AmbiguousWriteError, ApiError, CredentialsError, KBenchError, TransportError

T = TypeVar("T")
#: How far the server's clock may be off ours.
SKEW = timedelta(minutes=5)
#: What a look may fail with.
NO_ANSWER = (ApiError, TransportError, CredentialsError)


def unconfirmed(method: str) -> AmbiguousWriteError:
    """Return the error of an answer that is not what was asked for."""
    return AmbiguousWriteError(f"{method}: the server answered, but did not confirm what was asked for.")


def look_again(caller: Caller, look: Callable[[], T | None]) -> tuple[T | None, bool]:
    """Look until something is found; return it, and whether any look succeeded at all."""
    looked = False
    for failures in range(1, caller.limits.looks + 1):
        caller.sleep(caller.limits.pause(failures, caller.rand))
        try:
            found = look()
        except NO_ANSWER:
            continue
        looked = True
        if found is not None:
            return found, True
    return None, looked


def unseen(
    what: str, lost: KBenchError, looked: bool, seen: str, hint: str, details: Sequence[str] = ()
) -> AmbiguousWriteError:
    """Return the error of a write that did not show, or not all of it.

    Parameters
    ----------
    lost : KBenchError
        Why there was no usable answer.
    looked : bool
        Whether any look succeeded; only then `seen` and `details` say anything.
    """
    return AmbiguousWriteError(
        f"{what} got no usable answer, and {seen if looked else 'looking whether it landed failed too'}.",
        detail="\n".join([str(lost), *(details if looked else ())]),
        hint=f"It was not sent again, since the server may still be at work on it. {hint}",
    )

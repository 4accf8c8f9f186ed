"""The client: one method a call of the Benchmarks API, typed results, lazy lists.

A new call is a value in `values` and a method in the module of `calls` that is about the same.
"""

from __future__ import annotations

from kbench_jupyter.api.calls.account import AccountCalls
from kbench_jupyter.api.calls.benchmarks import BenchmarkCalls
from kbench_jupyter.api.calls.discussions import DiscussionCalls
from kbench_jupyter.api.calls.schedules import ScheduleCalls
from kbench_jupyter.api.calls.tasks import TaskCalls

PRODUCTION = "https://api.kaggle.com"


class Client(TaskCalls, ScheduleCalls, BenchmarkCalls, DiscussionCalls, AccountCalls):
    """A connection to one server, safe to use from several threads; a context manager.

    Every method raises `ApiError` (or a kind of it) when the server refuses, `CredentialsError` when it
    refuses the credentials, and `TransportError` when no usable answer came within the limits.

    Parameters
    ----------
    base_url : str
        The server, for example `PRODUCTION` or ``http://127.0.0.1:8123``; plain http is for loopback only.
    credentials : Credentials or None
        Who is calling; None calls anonymously.
    transport : Transport, optional
        How a request is exchanged for a response; by default pooled connections.
    user_agent : str, optional
        How the client names itself.
    limits : Limits, optional
        Time-outs and retries.
    clock, sleep, rand : callable, optional
        Monotonic seconds, waiting, and a number in [0, 1); for tests.
    advice : str
        What to do when nothing listens at `base_url`, from whoever knows why it is that address.
    on_retry : callable, optional
        Called, in the thread of the call, with what went wrong and the seconds until it is tried again.

    Raises
    ------
    CredentialsError
        If `base_url` is plain http to a host other than loopback; nothing is sent.
    """

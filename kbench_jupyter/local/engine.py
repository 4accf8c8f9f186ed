"""The process in which SmolLM2 runs: ``python -m kbench_jupyter.local.engine``, started by `smollm`.

A process of its own, so that a crash in native code, its memory and its chatter on stderr stay out of the
server. It is told what to do in one line of JSON on stdin (a key on a command line would be seen in
``ps``), says where it listens in one line on stdout, and ends when stdin does, or when its parent dies.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from kbench_jupyter.execution.processes import signal_when_parent_dies


def main() -> None:
    """Load the weights, serve them, and end with stdin."""
    # Loading is native code, in which no thread of Python's notices that stdin has ended.
    signal_when_parent_dies("SIGKILL")
    order = sys.stdin.readline()
    watching = threading.Thread(target=_end_with_stdin, daemon=True)
    watching.start()
    server = _serve(json.loads(order)) if order else None  # noqa: F841 - it serves as long as it is held
    watching.join()


def _end_with_stdin() -> None:
    sys.stdin.read()
    # The native threads have no orderly end that is worth waiting for.
    os._exit(0)


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["weights"]
    parameters.n_ctx = order["context"] * order["parallel"]
    parameters.n_parallel = order["parallel"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["key"]]
    # Its threads wait for each other by spinning: one of two held up by a busy core stalls both. Measured on
    # two cores with two other busy processes: 0.7 tokens/s with two threads, 40 with one.
    threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.cpuparams.poll = 0
    parameters.verbosity = 0
    parameters.cache_ram_mib = 256
    parameters.ui = False
    parameters.endpoint_slots = False
    server = xllamacpp.Server(parameters)
    print(json.dumps({"url": server.listening_address}), flush=True)
    return server


if __name__ == "__main__":
    main()

"""A cluster on this machine: ``python -m kbench_jupyter.local.executors.new_cluster``, for ``--cluster new:4``.

A process of its own: neither Dask's scheduler nor what its worker inherits is any of the server's. It is told how many
slots the worker has in one line on stdin, says where the scheduler is and how one is let in, in one line on stdout, and
ends with stdin. Certificates made for it keep other users of the machine out: whoever reaches a scheduler can run
anything as its user.
"""

from __future__ import annotations

import json
import os
import sys

from kbench_jupyter.execution.processes import end_children, signal_when_parent_dies


def main() -> None:
    """Start the cluster, and end it with stdin."""
    signal_when_parent_dies("SIGKILL")
    line = sys.stdin.readline()
    if not line:
        return
    from distributed import LocalCluster, Security

    security = Security.temporary()
    cluster = LocalCluster(
        # One worker for all: what jobs are forked off, and a small model, are each worker's own.
        n_workers=1,
        threads_per_worker=json.loads(line)["slots"],
        processes=True,
        host="tls://127.0.0.1",
        security=security,
        dashboard_address="127.0.0.1:0",
        local_directory=os.environ["HOME"],
        memory_limit=0,  # a worker's own memory, which jobs have no part in
        silence_logs=40,
    )
    told = {"address": cluster.scheduler_address, "ca": security.tls_ca_file}
    told |= {"key": security.tls_client_key, "certificate": security.tls_client_cert}
    print(json.dumps(told), flush=True)
    sys.stdin.read()
    end_children()
    os._exit(0)


if __name__ == "__main__":
    main()

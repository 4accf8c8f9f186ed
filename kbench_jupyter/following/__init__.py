"""What goes on at the server: runs and versions watched until they end, and logs read while they grow.

This room tells what it sees through a reporter or a callback. It must never know how that is drawn, nor which
command asked.

Others use ``creation`` (wait for a version), ``scheduled`` (find the runs that were scheduled), ``watch`` (wait for
them), ``runs`` and ``status`` (watch them in a thread, where they stand) and ``logs`` (read the logs of many).
"""

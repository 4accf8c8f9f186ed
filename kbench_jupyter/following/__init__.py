"""What goes on at the server: runs and versions watched until they end, and logs read while they grow.

This room tells what it sees through a reporter or a callback. It must never know how that is drawn, nor which
command asked.

Others use ``watch`` (wait for runs or for a version), ``scheduled`` (find the runs that were scheduled) and ``logs``
(read the logs of many runs).
"""

"""What Jupyter starts in place of a kernel that is forked off a template (``kernel_template.py``).

It has the kernel made, passes on the signals that are meant for it, and ends when it does. It imports little: a page
of JupyterLab waits for it. Run as ``python -I -S kernel_launcher.py SOCKET COMMAND ...``.
"""

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path


def main():
    """Order a kernel at the socket, and stand for it to its end."""
    path, *command = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as order:
        order.connect(path)
        kernel = int(order.recv(32))
        end = os.pidfd_open(kernel)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: signal.pidfd_send_signal(end, number))
        socket.send_fds(order, [b"\n"], [0, 1])
        order.sendall(json.dumps({"cmd": command, "cwd": str(Path.cwd()), "env": dict(os.environ)}).encode())
    # A signal does not end this: Python goes on waiting when its handler is done.
    select.select([end], [], [])


if __name__ == "__main__":
    main()

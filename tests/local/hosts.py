"""Several hosts on one machine: network namespaces, each with an address of its own, on a switch of their own.

All there is to them hangs on processes that end with the test's own: nothing is left behind. No packet
leaves them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys

_NETWORK = 0x40000000  # CLONE_NEWNET of linux/sched.h


class NotAllowedError(Exception):
    """No network namespaces can be made here."""


class _Namespace:
    """A network namespace, which is there as long as a process sits in it."""

    def __init__(self):
        command = ["unshare", "--net", "cat"]
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(b"up\n")
            self._keeper.stdin.flush()
        if self._keeper.stdout.readline() != b"up\n":
            said = self._keeper.stderr.read().decode(errors="replace").strip()
            self.close()
            raise NotAllowedError(said or "unshare --net failed")
        self.pid = self._keeper.pid
        self.path = f"/proc/{self.pid}/ns/net"
        self.within = ["nsenter", f"--net={self.path}"]
        self.ip("link", "set", "lo", "up")

    def ip(self, *command):
        done = subprocess.run([*self.within, "ip", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAllowedError(f"ip {' '.join(command)}: {done.stderr.strip()}")

    def close(self):
        with self._keeper:
            self._keeper.kill()


class Hosts:
    """Hosts by their names, which reach each other; raises NotAllowedError."""

    def __init__(self, *names):
        missing = [name for name in ("ip", "unshare", "nsenter") if not shutil.which(name)]
        if sys.platform != "linux" or missing:
            raise NotAllowedError(f"that takes Linux with {', '.join(missing) or 'network namespaces'}")
        self._all = {}
        try:
            self._switch = self._all[""] = _Namespace()
            self._switch.ip("link", "add", "switch", "type", "bridge", "forward_delay", "0")
            self._switch.ip("link", "set", "switch", "up")
            for number, name in enumerate(names, 1):
                self._add(name, number)
        except NotAllowedError:
            self.close()
            raise

    def _add(self, name, number):
        host = self._all[name] = _Namespace()
        end = ["peer", "name", "eth0", "netns", str(host.pid)]
        self._switch.ip("link", "add", f"to-{name}", "type", "veth", *end)
        self._switch.ip("link", "set", f"to-{name}", "master", "switch", "up")
        host.ip("address", "add", f"{self.address(name, number)}/24", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")

    def address(self, name, number=0):
        return f"10.213.7.{number or list(self._all).index(name)}"

    def within(self, name):
        """Return what comes before a command that is to be run on a host."""
        return self._all[name].within

    def cut(self, name):
        self._switch.ip("link", "set", f"to-{name}", "down")

    def mend(self, name):
        self._switch.ip("link", "set", f"to-{name}", "up")

    @contextlib.contextmanager
    def entered(self, name):
        """Have this thread's connections, and the processes it starts, be on a host."""
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self._all[name].path, os.O_RDONLY)
        try:
            if libc.setns(there, _NETWORK):
                raise NotAllowedError(os.strerror(ctypes.get_errno()))
            yield
        finally:
            libc.setns(before, _NETWORK)
            os.close(before)
            os.close(there)

    def close(self):
        for namespace in self._all.values():
            namespace.close()

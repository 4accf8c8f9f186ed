"""``KBENCH_SANDBOX=bwrap``: each task's kernel in a sandbox of bubblewrap's.

It sees the system's programs and libraries, this interpreter with its packages, and a scratch folder of its own;
nothing else of the user's files, no other process, and no network but the server's own address.
"""

from __future__ import annotations

import os
import shutil
import site
import socket
import subprocess
import sys
from pathlib import Path

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.temporary import make_temporary, remove_temporary

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", *(
    f"/etc/{name}" for name in (
        "ssl", "pki", "ca-certificates", "passwd", "group", "hosts", "nsswitch.conf", "localtime", "alternatives",
        "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "mime.types",
    )
))  # fmt: skip
_SOCKET = "/run/kbench.sock"


class Sandbox:
    """What a server's kernels are started in; the server's port is the same within, and its folder holds a note.

    What lies in the folder that is `hidden` is not seen, also where that lies in one that is.

    Raises LocalServerError if there is no bubblewrap, or it may not make a sandbox here.
    """

    def __init__(self, port: int, noted_in: Path, hidden: Path) -> None:
        found = shutil.which("bwrap")
        if found is None:
            raise _unusable("bubblewrap is not installed", "Install it (apt install bubblewrap)")
        self._port = port
        self._command = [found, "--die-with-parent", "--unshare-all", "--cap-drop", "ALL"]
        self._command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
        for path in (*_SYSTEM, *_python()):
            self._command += ["--ro-bind-try", path, path]
        self._command += ["--tmpfs", str(hidden)]
        self._hidden = str(hidden)
        # Whether Python is found in there, too: it is not where its folder is in the one that is hidden.
        tried = subprocess.run(
            [*self._command, "--", sys.executable, "-S", "-E", "-c", ""],
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode:
            apart = "Have Python and the server's folder (KBENCH_HOME) in folders apart"
            raise _unusable(
                f"bubblewrap cannot make a sandbox here: {tried.stderr.strip()[:300]}",
                apart if "execvp" in tried.stderr else "Allow user namespaces",
            )
        self._noted_in = noted_in
        self._folder = make_temporary(noted_in)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self._folder / "s"))
        self.listener.listen(128)

    def around(self, scratch: Path) -> list[str]:
        """Return what comes before a kernel's command; ``{own}`` in it is the kernel's own folder."""
        return [
            # Who is in the same process group gets the interrupt that is meant for the kernel.
            "/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *self._command,
            "--bind", str(scratch), str(scratch), "--bind", "{own}", "{own}",
            "--bind", str(self._folder / "s"), _SOCKET, "--remount-ro", self._hidden, "--remount-ro", "/",
            "--chdir", str(scratch / "working"),
            # A kernel ends itself when its parent is another than it was told, and in there it is the first process.
            "--setenv", "JPY_PARENT_PID", "1", "--setenv", "TMPDIR", "/tmp",  # noqa: S108
            "--", sys.executable, "-S", "-E", str(Path(__file__).with_name("bridge.py")), str(self._port), _SOCKET,
        ]  # fmt: skip

    def close(self) -> None:
        """Remove the socket."""
        self.listener.close()
        remove_temporary(self._noted_in)


def wanted() -> bool:
    """Say whether the environment asks for a sandbox; raises LocalServerError if for one that is not known."""
    value = os.environ.get("KBENCH_SANDBOX", "").strip()
    if value not in ("", "bwrap"):
        raise _unusable("the only sandbox there is is called bwrap", "%env KBENCH_SANDBOX=bwrap", value)
    return bool(value)


def _python() -> list[str]:
    own = [
        sys.prefix,
        sys.base_prefix,
        *site.getsitepackages(),
        site.getusersitepackages(),
        str(Path(__file__).parents[1]),
    ]
    return [*own, *(place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place)]


def _unusable(why: str, what: str, value: str = "bwrap") -> LocalServerError:
    return LocalServerError(
        f"KBENCH_SANDBOX={value[:60]}: {why}.", hint=f"{what}\nor do without a sandbox: %env KBENCH_SANDBOX="
    )

"""The official ``kaggle`` command line, unmodified, speaking to a server of ours.

Its production address is a constant, and no setting changes it: the other environments it knows either
have a fixed address too or put ``/api`` before every path. So that the very code users run speaks to
loopback, `main` replaces that one constant, in a process of its own, and hands over to the client's own
entry point. Nothing else of the client is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class OfficialClient:
    """The command line as one user has it: a home, a working directory, a token.

    Parameters
    ----------
    url : str
        The server.
    token : str
        What ``KAGGLE_API_TOKEN`` is set to.
    home : Path
        Home and working directory; made if missing.
    ran : list of str
        The commands so far.
    """

    url: str
    token: str = field(repr=False)
    home: Path
    ran: list[str] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command; its output is text, stdout and stderr apart."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.ran.append(" ".join(arguments))
        return subprocess.Popen(
            [sys.executable, "-u", __file__, self.url, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environ,
        )

    @property
    def environ(self) -> dict[str, str]:
        """The environment it runs in: nothing of the developer's own settings."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(__file__).parent / "quick_start"),
            "KAGGLE_API_TOKEN": self.token,
            "PYTHONUTF8": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, *arguments: str, typed: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with `typed` on its standard input."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(typed, timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def __call__(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must succeed, and return what it printed to stdout."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == 0, f"kaggle {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fails(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must fail, and return what it printed to stderr."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode != 0, f"kaggle {' '.join(arguments)} succeeded\n{done.stdout}"
        return done.stderr


def main() -> None:
    """Run ``official_client.py URL ARGUMENTS...`` as ``kaggle ARGUMENTS...`` against URL."""
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = sys.argv.pop(1)
    sys.argv[0] = "kaggle"
    from kaggle import cli

    cli.main()


if __name__ == "__main__":
    sys.path.pop(0)  # as for the installed command, this folder is nowhere to import from
    main()

"""Clean environments to try the package in: the Pythons of this machine, and what is installed into them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

#: Settings of the developer, and of the environment this runs in.
_FOREIGN = (
    "KAGGLE_", "KBENCH_", "MODEL_PROXY_", "LLM", "JPY_", "JUPYTER_", "IPYTHON", "PYTHON", "VIRTUAL_ENV",
    "XDG_", "PYENV_",
)  # fmt: skip

TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="Says something")
def says_something(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Say something."), expectation="Says something")


says_something.run(kbench.llm)
"""
#: Lines that work with the core alone, and lines that need ``[local]``.
CORE = ("%kbench -h", "%kbench show -f task.py", "%kbench validate --static -f task.py", "%kbench rule")
MORE = ("%kbench local start", "%kbench validate -f task.py")
SLOW = {"requests", "jupytext", "nbformat", "ipywidgets", "anywidget", "pandas", "nbclient"}


def supported() -> list[str]:
    """Return the Python versions the metadata promises, such as ``3.11``."""
    found = [name.rpartition(" :: ")[2] for name in PROJECT["classifiers"] if " :: Python :: 3." in name]
    return sorted(found, key=lambda version: int(version.partition(".")[2]))


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    # pyenv's commands on the PATH refuse the versions that are not selected, though they are there.
    root = Path(os.environ.get("PYENV_ROOT", Path("~/.pyenv").expanduser()))
    for folder in sorted(root.glob(f"versions/{version}.*"), reverse=True):
        yield folder / "bin/python"


def find_python(version: str) -> Path | None:
    """Find an interpreter of a version that really starts."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in _candidates(version):
        if not path.exists():
            continue
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return path
    return None


def clean_environ(home: Path) -> dict[str, str]:
    """Return this process's environment with a home of its own and nothing of the developer's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    # Downloads are kept beside this environment: `make clean` removes them with it.
    cache = Path(sys.prefix) / "uv-cache"
    return kept | {"HOME": str(home), "UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1"}


class CommandFailed(Exception):
    """A command that ended badly, with everything it printed."""


def run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> str:
    """Run a command and return what it printed.

    Raises
    ------
    CommandFailed
        With what it printed.
    """
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class CleanEnvironment:
    """A virtual environment with an empty home and an empty folder to work in.

    Parameters
    ----------
    folder : Path
        Where all of it goes; made here.
    python : Path
        The interpreter.
    seed : bool
        Whether pip is put in.
    """

    def __init__(self, folder: Path, python: Path, *, seed: bool = False) -> None:
        self.prefix, self.home, self.work = folder / "env", folder / "home", folder / "work"
        for place in (self.home, self.work):
            place.mkdir(parents=True)
        self.environ = clean_environ(self.home)
        self.python = self.prefix / "bin/python"
        self._uv("venv", "--python", python, *(["--seed"] if seed else []), self.prefix)

    def _uv(self, *arguments: str | Path) -> None:
        uv = Path(sys.executable).parent / "uv"
        self.call([uv, *arguments, "--quiet", "--no-progress"], cwd=self.work)

    def install(self, *arguments: str | Path) -> None:
        """Install packages, with the options of ``uv pip install``."""
        self._uv("pip", "install", "--python", self.python, *arguments)

    def call(
        self, command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a command in this environment's folder, and return what it printed."""
        return run(command, cwd=cwd or self.work, env=self.environ | dict(env or {}))

    def first_use(self) -> dict[str, Any]:
        """Type the first lines, those that need ``[local]`` included, into a shell of this environment."""
        (self.work / "task.py").write_text(TASK, encoding="utf-8")
        said = self.call([self.python, HERE / "first_use.py", *CORE, *MORE])
        return json.loads(said.splitlines()[-1])  # type: ignore[no-any-return]

    def stop_server(self) -> None:
        """Stop the embedded server of this environment's home, if one runs."""
        code = "from kbench_jupyter.session import local_server; local_server.stop()"
        self.call([self.python, "-c", code])

    def packages(self) -> set[str]:
        """Return the names of what is installed."""
        code = "import importlib.metadata as m; print(*{d.name.lower() for d in m.distributions()})"
        return set(self.call([self.python, "-c", code]).split())


def wrong_with(first: dict[str, Any]) -> list[str]:
    """Say what is wrong with a first use where only the core is installed."""
    lines = first["lines"]
    wrong = [
        f"{line} failed:\n{said['shown']}"
        for line, said in lines.items()
        if said["failed"] and line not in MORE
    ]
    wrong += [f"{line} shows nothing" for line in CORE if not lines[line]["shown"].strip()]
    for line in MORE:
        shown = lines[line]["shown"]
        if not lines[line]["failed"] or "Traceback" in shown or "%pip install" not in shown:
            wrong.append(f"{line} does not say in one block what to install:\n{shown}")
    if slow := SLOW & set(first["imported"]):
        wrong.append(f"%load_ext imports {', '.join(sorted(slow))}")
    if "site-packages" not in first["where"]:
        wrong.append(f"not the installed package was tried, but {first['where']}")
    return wrong

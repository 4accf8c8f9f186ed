"""What Binder makes of this repository, as far as that can be known without a Docker engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from clean_environments import ROOT, CleanEnvironment, clean_environ, run

POST_BUILD = ROOT / "binder/postBuild"
#: Who Binder builds for; root is refused.
USER = ["--user-id", "1000", "--user-name", "jovyan"]


def read_by_repo2docker(home: Path) -> str:
    """Return what repo2docker, which Binder builds with, says about the repository, and its Dockerfile."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", *USER, ROOT]
    return run(command, cwd=home, env=clean_environ(home))


def python_version() -> str:
    """Return the Python that ``environment.yml`` asks for."""
    text = (ROOT / "binder/environment.yml").read_text(encoding="utf-8")
    [version] = re.findall(r"^ *- python=(3\.\d+)$", text, re.MULTILINE)
    return str(version)


def opened_first() -> Path:
    """Return what the README's badge opens, as a path in the repository."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [badge] = re.findall(r"\]\((https://mybinder\.org/v2/[^)]+)\)", text)
    [path] = parse_qs(urlsplit(badge).query)["urlpath"]
    assert path.startswith("lab/tree/"), path
    return Path(path.removeprefix("lab/tree/"))


def try_out(there: CleanEnvironment) -> str:
    """Do what Binder does: the checkout as working folder, postBuild, then the quickstart.

    It is run by nbconvert as JupyterLab runs it: in the notebook's own folder, with no setting of ours and
    no account.
    """
    checkout = there.work / "checkout"
    _copy_checkout(checkout)
    path = {"PATH": f"{there.prefix / 'bin'}:{there.environ['PATH']}"}
    there.call(["./binder/postBuild"], cwd=checkout, env=path)
    there.call(["jupyter", "lab", "--version"], cwd=checkout, env=path)
    notebook = opened_first()
    try:
        convert = ["jupyter", "nbconvert", "--execute", "--to", "notebook", "--inplace", notebook]
        there.call(convert, cwd=checkout, env=path)
    finally:
        there.stop_server()
    text = (checkout / notebook).read_text(encoding="utf-8")
    assert "1 run compared" in text, "the quickstart ran, and compared nothing"
    return text


def _copy_checkout(target: Path) -> None:
    """Copy the files under version control, as they are in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod((ROOT / name).stat().st_mode)

"""The wheel and the sdist, built once, and what is in them."""

from __future__ import annotations

import email
import os
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from email.message import Message
from pathlib import Path

from clean_environments import ROOT, clean_environ, run

#: What the package needs besides its modules.
DATA = (".js", ".css", ".json", ".typed")


def build(source: Path, output: Path, home: Path, *kinds: str) -> None:
    """Run ``python -m build``: without kinds an sdist, and a wheel out of that sdist."""
    command = [sys.executable, "-m", "build", "--installer", "uv", "--outdir", output, *kinds, source]
    # build looks for uv on the PATH, where the environment of the tests need not be.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run(command, cwd=home, env=clean_environ(home) | {"PATH": path})


def build_with_lowest(source: Path, output: Path, home: Path) -> None:
    """Build a wheel with the lowest versions of what pyproject's build system requires."""
    pyproject = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    lowest = home / "lowest-build.txt"
    pinned = [name.replace(">=", "==") for name in pyproject["build-system"]["requires"]]
    lowest.write_text("\n".join(pinned), encoding="utf-8")
    uv = Path(sys.executable).parent / "uv"
    options = ["--wheel", "--build-constraints", lowest, "--python", sys.executable, "--out-dir", output]
    run([uv, "build", *options, source], cwd=home, env=clean_environ(home))


def wheel_in(folder: Path) -> Path:
    """Return the one wheel in a folder."""
    [wheel] = folder.glob("*.whl")
    return wheel


def sdist_in(folder: Path) -> Path:
    """Return the one sdist in a folder."""
    [sdist] = folder.glob("*.tar.gz")
    return sdist


def wheel_files(wheel: Path) -> Mapping[str, bytes]:
    """Return what a wheel holds."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(sdist: Path) -> set[str]:
    """Return the names of what an sdist holds, below its one folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def metadata(wheel: Path) -> Message:
    """Return a wheel's metadata; its payload is the description."""
    files = wheel_files(wheel)
    [name] = [name for name in files if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(files[name])


def shared_files() -> dict[str, str]:
    """Return what a wheel puts into ``share/``, each with the file of the working tree it must be equal to."""
    place, package = "share/jupyter/labextensions/kbench-jupyter", "kbench_jupyter"
    return {
        f"{place}/{path.removeprefix(f'{package}/').removeprefix('labextension/')}": path
        for path in package_files()
        if path.startswith((f"{package}/labextension/", f"{package}/patterns/"))
    }


def package_files() -> set[str]:
    """Return the package's files in the working tree, as paths below its root."""
    package = ROOT / "kbench_jupyter"
    return {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

"""Packages of npm's for tests: fetched by npm itself, once, and kept beside the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

_KEPT = Path(sys.prefix) / "npm"


def package(name: str, version: str) -> Path:
    """Return the folder of a package; the test is skipped where it cannot be had, and says why.

    Parameters
    ----------
    name : str
        With its scope.
    version : str
        Exactly one: what a test tells is told of that one.
    """
    kept = _KEPT / f"{name.replace('/', '+')}@{version}"
    if kept.is_dir():
        return kept
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is not installed, and {name} is one of its packages.")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"--pack-destination={folder}", f"{name}@{version}"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not fetch {name}@{version} within a minute.")
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines() or ["it said nothing"]
            pytest.skip(f"npm did not fetch {name}@{version}: {said[0]}")
        [packed] = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        _KEPT.mkdir(exist_ok=True)
        taken = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.copytree(Path(folder) / "package", taken)
        try:
            taken.rename(kept)
        except OSError:  # another worker was quicker
            shutil.rmtree(taken)
    return kept

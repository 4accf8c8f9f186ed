"""What someone gets who installs the package: the right files, true metadata, and a core that works alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import clean_environments as clean
import distributions
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """An sdist and a wheel, each built from the working tree."""
    folder = tmp_path_factory.mktemp("dist")
    distributions.build(clean.ROOT, folder, home, "--sdist", "--wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return distributions.wheel_in(dist)


@pytest.fixture(scope="module")
def first(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The first lines of someone who installed the core alone, with what each showed."""
    there = clean.CleanEnvironment(tmp_path_factory.mktemp("core"), Path(sys.executable))
    there.install(wheel)
    assert not {"ipykernel", "kaggle-benchmarks", "kaggle_benchmarks", "starlette"} & there.packages()
    return there.first_use()


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    files = {
        name: text for name, text in distributions.wheel_files(wheel).items() if ".dist-info/" not in name
    }
    shared = {name.partition(".data/data/")[2]: text for name, text in files.items() if ".data/" in name}
    names = {name for name in files if ".data/" not in name}
    assert names == distributions.package_files()
    assert shared.keys() == distributions.shared_files().keys()
    assert shared == {
        name: (clean.ROOT / path).read_bytes() for name, path in distributions.shared_files().items()
    }
    for suffix in distributions.DATA:
        assert any(name.endswith(suffix) for name in names), suffix
    assert any(name.startswith("kbench_jupyter/patterns/") for name in names)


def test_the_sdist_holds_what_a_build_needs_and_neither_tests_nor_notebooks(dist: Path) -> None:
    beside = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert distributions.sdist_files(distributions.sdist_in(dist)) == distributions.package_files() | beside


def test_a_wheel_built_from_the_sdist_is_the_same_to_the_byte(
    dist: Path, wheel: Path, home: Path, tmp_path: Path
) -> None:
    with tarfile.open(distributions.sdist_in(dist)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [source] = (tmp_path / "unpacked").iterdir()
    distributions.build(source, tmp_path / "dist", home, "--wheel")
    again = distributions.wheel_in(tmp_path / "dist")
    assert again.name == wheel.name
    assert distributions.wheel_files(again) == distributions.wheel_files(wheel)


def test_the_oldest_build_tools_that_pyproject_allows_make_the_same_package(
    wheel: Path, home: Path, tmp_path: Path
) -> None:
    distributions.build_with_lowest(clean.ROOT, tmp_path, home)
    old, new = distributions.wheel_files(distributions.wheel_in(tmp_path)), distributions.wheel_files(wheel)
    assert old.keys() == new.keys()
    assert {name for name in new if ".dist-info/" not in name and old[name] != new[name]} == set()
    for field in ("License-Expression", "License-File", "Requires-Python", "Version", "Summary"):
        assert (
            distributions.metadata(distributions.wheel_in(tmp_path))[field]
            == distributions.metadata(wheel)[field]
        )


def test_twine_finds_nothing_to_complain_about(dist: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_metadata_names_licence_python_versions_extras_and_the_version_of_the_package(
    wheel: Path,
) -> None:
    found = distributions.metadata(wheel)
    assert found["License-Expression"] == "Apache-2.0"
    assert found.get_all("License-File") == ["LICENSE"]
    files = distributions.wheel_files(wheel)
    [licence] = [name for name in files if name.endswith("/licenses/LICENSE")]
    assert files[licence] == (clean.ROOT / "LICENSE").read_bytes()
    assert found["Requires-Python"] == f">={clean.supported()[0]}"
    assert {"local", "test", "dev"} <= set(found.get_all("Provides-Extra", []))
    number = found["Version"].partition(".dev")[0]  # before a release, the one to come
    assert f"## {number} - " in (clean.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for field in ("Summary", "Author", "Keywords", "Classifier", "Project-URL"):
        assert found[field], field


def test_the_description_is_the_readme_with_links_that_work_away_from_the_repository(wheel: Path) -> None:
    found = distributions.metadata(wheel)
    description = str(found.get_payload())
    assert found["Description-Content-Type"] == "text/markdown"
    links = re.findall(r"\]\(([^)]+)\)", description)
    assert len(links) > 5
    assert not [link for link in links if not link.startswith("https://")]
    home = (
        r"https://(?:raw\.githubusercontent\.com|github\.com)/kbench-jupyter/kbench-jupyter/(?:blob/)?main/"
    )
    readme = (clean.ROOT / "README.md").read_text(encoding="utf-8")
    assert re.sub(rf"\]\({home}", "](", description).strip() == readme.strip()
    for path in re.findall(rf"\]\({home}([^)#]+)", description):
        assert (clean.ROOT / path).exists(), path
    for image in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", description):
        assert "/blob/" not in image, "a page about an image is no image"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", ["%load_ext kbench_jupyter", *clean.CORE])
def test_with_the_core_alone_in_an_empty_folder_this_line_works(first: dict[str, Any], line: str) -> None:
    said = first["lines"][line]
    assert not said["failed"], said["shown"]
    assert "Traceback" not in said["shown"]
    assert "Warning" not in said["shown"]


@pytest.mark.parametrize("line", clean.MORE)
def test_with_the_core_alone_a_line_that_needs_more_says_in_one_block_what_to_install(
    first: dict[str, Any], line: str
) -> None:
    said = first["lines"][line]
    assert said["failed"]
    assert "Traceback" not in said["shown"]
    assert "kaggle_benchmarks" in said["shown"]
    assert "ipykernel" in said["shown"]
    assert "%pip install 'kbench-jupyter[local]'" in said["shown"]
    assert len(said["shown"].strip().splitlines()) <= 6, said["shown"]


def test_jupyterlab_lists_the_extension_as_enabled_once_the_wheel_is_installed(
    wheel: Path, tmp_path: Path
) -> None:
    there = clean.CleanEnvironment(tmp_path, Path(sys.executable))
    there.install(wheel, "jupyterlab")
    said = there.call([there.python, "-m", "jupyter", "labextension", "list"])
    version = distributions.metadata(wheel)["Version"].replace(".dev", "-dev.")
    [line] = [line for line in said.splitlines() if "kbench-jupyter" in line]
    assert re.search(rf"kbench-jupyter v{re.escape(version)} .*enabled.*OK", line), said


def test_loading_the_installed_extension_imports_nothing_slow(first: dict[str, Any]) -> None:
    assert "kbench_jupyter" in first["imported"]
    assert not clean.SLOW & set(first["imported"])
    assert "site-packages" in first["where"]


def test_make_package_would_find_nothing_wrong_with_this_first_use(first: dict[str, Any]) -> None:
    assert clean.wrong_with(first) == []

"""The files of the JupyterLab extension fit the package and each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import labextension

from kbench_jupyter import __version__
from kbench_jupyter.actions.new import NAMES
from kbench_jupyter.panels import presence

HERE = labextension.PACKAGE / "labextension"
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in (HERE / "scripts").glob("*.js")}


def test_its_version_and_its_comm_are_the_packages() -> None:
    npms = __version__.replace(".dev", "-dev.")  # how npm writes a version that is to come
    assert json.loads((HERE / "package.json").read_text())["version"] == npms
    assert f'const TARGET = "{presence.TARGET}"' in SCRIPTS["kernel.js"]


def test_what_it_loads_is_there_and_all_that_is_there_is_loaded() -> None:
    named = {
        name
        for text in SCRIPTS.values()
        for name in re.findall(r'(?:from "\./|import\(new URL\("|new URL\(")([\w.]+)"', text)
    }
    loaded = json.loads((HERE / "package.json").read_text())["jupyterlab"]["_build"]["load"]
    there = {path.name for path in (HERE / "scripts").iterdir()}
    assert named | {Path(loaded).name, "known.json"} == there


def test_every_setting_has_a_default_that_the_extension_starts_with_and_every_key_a_command() -> None:
    schema = json.loads((HERE / "schemas" / labextension.NAME / "plugin.json").read_text())
    defaults = {name: setting["default"] for name, setting in schema["properties"].items()}
    assert (
        json.dumps(defaults).replace('"', "").replace("{", "settings = { ").replace("}", " }")
        in SCRIPTS["notebooks.js"]
    )
    commands = set(re.findall(r'addCommand\("([\w:-]+)"', SCRIPTS["extension.js"]))
    assert {key["command"] for key in schema["jupyter.lab.shortcuts"]} <= commands


def test_linked_it_has_the_patterns_beside_it_as_the_wheel_has(tmp_path: Path) -> None:
    place = labextension.link(tmp_path)
    assert labextension.link(tmp_path) == place  # as often as one likes
    names = [name.replace("-", "_") for name in NAMES]
    assert all((place / "patterns" / f"{name}.py").is_file() for name in names)
    assert (place / "scripts" / "remoteEntry.js").is_file()

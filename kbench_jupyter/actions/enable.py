"""Enable: ``%kbench`` in every IPython that starts, and in every kernel, by one file in an IPython profile.

It is a startup file of its own, and no line in ``ipython_config.py``: a program cannot change that safely, and its
JSON twin takes the place of the lists in it. Environments without this package share the profile, so the file does
nothing where the package is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbench_jupyter.display.view import Cell, Shown, Text, View
from kbench_jupyter.errors import UsageError

#: Startup files run by their names' order: after what a user has numbered lower.
_FILE = "60-kbench_jupyter.py"
_MARK = "# Written by `python -m kbench_jupyter enable`; `python -m kbench_jupyter disable` removes it.\n"
_TEXT = f"""{_MARK}if __import__("importlib.util").util.find_spec("kbench_jupyter"):
    get_ipython().extension_manager.load_extension("kbench_jupyter")
"""
_FIRST_CELL = "%pip install -q kbench-jupyter\n%load_ext kbench_jupyter"
#: Services that give each session a new machine, by a variable that they set (their images of 2025).
_PASSING = {"KAGGLE_KERNEL_RUN_TYPE": "Kaggle", "COLAB_RELEASE_TAG": "Colab"}


@dataclass(frozen=True)
class Enabled(Shown):
    """What was done to an IPython profile: whether ``%kbench`` is there now, and whether it was before."""

    file: Path
    now: bool
    before: bool

    def view(self) -> View:
        """Describe it."""
        profile = self.file.parent.parent.name.removeprefix("profile_")
        state = "enabled" if self.now else "disabled"
        already = "already " if self.now == self.before else ""
        where = f"%kbench is {already}{state} in IPython's profile {profile}"
        if self.now:
            said = "Every IPython and every kernel of this profile that starts from now on has %kbench."
        else:
            said = "Where it is wanted: %load_ext kbench_jupyter"
        parts = [Text(said)]
        if self.now or self.before:
            parts.append(Text(f"{'File' if self.now else 'Removed'}: {self.file}", tone="quiet"))
        return View(Cell(where, "good"), parts)


def enable(environ: Mapping[str, str], profile: str = "default") -> Enabled:
    """Have ``%kbench`` loaded by every IPython of a profile; doing it again changes nothing.

    Parameters
    ----------
    environ : mapping
        The environment, which says whether this is Kaggle or Colab.
    profile : str
        The profile's name. The default profile is made where there is none yet.

    Raises
    ------
    UsageError
        If there is no such profile, it cannot be written, or the machine does not outlive the session; the hint says
        what to type instead.
    """
    for variable, service in _PASSING.items():
        if variable in environ:
            raise UsageError(
                f"{service} gives each session a new machine, so nothing was written: it would be forgotten.",
                hint=f"Put this into the notebook's first cell:\n{_FIRST_CELL}",
            )
    file = _file_of(profile)
    before = _is_ours(file)
    if not before or file.read_text(encoding="utf-8") != _TEXT:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_TEXT, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"Cannot write {file}: {error.strerror or error}.") from error
    return Enabled(file, now=True, before=before)


def disable(profile: str = "default") -> Enabled:
    """Undo `enable`; where it was not done, nothing is changed.

    Raises
    ------
    UsageError
        If there is no such profile, or the file cannot be removed.
    """
    file = _file_of(profile)
    before = _is_ours(file)
    if before:
        try:
            file.unlink()
        except OSError as error:
            raise UsageError(f"Cannot remove {file}: {error.strerror or error}.") from error
    return Enabled(file, now=False, before=before)


def _file_of(profile: str) -> Path:
    from IPython.paths import get_ipython_dir

    folder = Path(get_ipython_dir())
    place = folder / f"profile_{profile}"
    if not re.fullmatch(r"[\w.-]+", profile) or (profile != "default" and not place.is_dir()):
        there = sorted(path.name.removeprefix("profile_") for path in folder.glob("profile_*"))
        raise UsageError(
            f"There is no IPython profile {profile!r} in {folder}.",
            hint=f"Make it: ipython profile create {profile}"
            + (f"   (there are: {', '.join(there)})" if there else ""),
        )
    return place / "startup" / _FILE


def _is_ours(file: Path) -> bool:
    """Whether it is there; a file of that name which we did not write is not to be touched."""
    if not file.exists():
        return False
    if file.read_text(encoding="utf-8", errors="replace").startswith(_MARK.partition(";")[0]):
        return True
    raise UsageError(
        f"{file} was not written by this package, so it was left as it is.",
        hint="Rename it, then try again.",
    )

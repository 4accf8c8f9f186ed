"""Init: credentials, models, and an example task with a syntax reference to start from."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from kbench_jupyter.actions.auth import AuthResult, try_line, write_credentials
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import KBenchError, UsageError
from kbench_jupyter.session.session import Session

_EXAMPLE, _REFERENCE = "example_task.py", "kaggle_benchmarks_reference.md"


def init(
    session: Session,
    env_file: Path | None = None,
    *,
    example_file: Path | None = Path(_EXAMPLE),
    reset_models: bool = False,
    all_models: bool = False,
) -> AuthResult:
    """Do what `auth` does, choose models, and put an example task and a syntax reference beside it.

    Parameters
    ----------
    env_file : Path, optional
        By default the session's.
    example_file : Path or None
        Where the example goes; the reference goes beside it. An existing file is never touched.
    reset_models : bool
        Replace models the user chose before.
    all_models : bool
        List all models that can run in ``LLMS_AVAILABLE``, however many.

    Raises
    ------
    KBenchError
        Whatever target, credentials and server have to say; nothing is then written.
    """
    places: dict[Path, str] = {}
    if example_file is not None:
        _check_place(example_file)
        places = {example_file: _EXAMPLE, example_file.with_name(_REFERENCE): _REFERENCE}
    new = [str(path) for path in places if not path.exists()]
    then = ", choosing models " + ("anew" if reset_models else "where none are chosen yet")
    then += f", writing {' and '.join(new)}" if new else ""
    result = write_credentials(
        session, "init", env_file, then=then, models=True, reset=reset_models, every=all_models
    )
    written = [str(path) for path, name in places.items() if _write_once(path, name)]
    kept = [str(path) for path in places if str(path) not in written]
    line = try_line(session, example_file)
    begin = "%kbench new" if _has_no_task(session) else ""
    return replace(result, validate=line, begin=begin, written=tuple(written), kept=tuple(kept))


def _has_no_task(session: Session) -> bool:
    """Say whether there is a notebook, and no task in it."""
    try:
        return not choose_task(session, required=False).tasks
    except KBenchError:
        return False


def _check_place(path: Path) -> None:
    """Refuse a place where no example can be written, before credentials are."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        raise UsageError(
            f"{path} {what}; nothing was changed.",
            hint="Name a file in a folder that is there: %kbench init --example-file example_task.py",
        )


def _write_once(path: Path, name: str) -> bool:
    """Write a starter unless there is a file already; return whether it was written."""
    text = (files("kbench_jupyter") / "patterns" / "starter" / name).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror or error}.") from error
    return True

"""The folder of downloads: one default for commands, panels and functions, in this kernel and in the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_session import LoopbackSession, add_run, zipped

from kbench_jupyter import scripts
from kbench_jupyter.actions.remembered import downloads_folder, keep, recall
from kbench_jupyter.actions.wanted_candidates import Batch, ran_last, remember_ran


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def kernel(server, tmp_path):
    """Makes sessions, each of another kernel."""
    made = []

    def begin():
        made.append(LoopbackSession(server, KBENCH_HOME=str(tmp_path / "home")))
        return made[-1]

    yield begin
    for session in made:
        session.close()


def test_what_was_named_once_is_the_default_of_the_next_kernel_too(kernel, folder):
    assert downloads_folder(kernel(), "quiz") == Path()
    (folder / "results").mkdir()
    assert downloads_folder(kernel(), "me/quiz", Path("results")) == Path("results")
    assert downloads_folder(kernel(), "quiz") == Path("results")
    assert downloads_folder(kernel(), "other") == Path()


def test_a_folder_that_is_gone_or_of_another_place_is_no_default(kernel, folder, monkeypatch):
    (folder / "results").mkdir()
    downloads_folder(kernel(), "quiz", Path("results"))
    monkeypatch.chdir(folder.parent)
    assert downloads_folder(kernel(), "quiz") == Path()
    monkeypatch.chdir(folder)
    (folder / "results").rmdir()
    assert downloads_folder(kernel(), "quiz") == Path()


def test_where_the_target_is_known_none_is_looked_for_and_so_no_server_is_started(
    kernel, folder, monkeypatch
):
    (folder / "results").mkdir()
    downloads_folder(kernel(), "quiz", Path("results"))
    session = kernel()
    place = session.target().place
    monkeypatch.setattr(session, "target", lambda **_: pytest.fail("the target was looked for"))
    assert downloads_folder(session, "quiz", place=place) == Path("results")
    assert downloads_folder(session, "other", place=place) == Path()


def test_other_things_of_a_task_are_kept_beside_and_a_damaged_file_is_none(kernel, folder, tmp_path):
    session = kernel()
    place = session.target().place
    keep(session, "quiz", place, step="push")
    downloads_folder(session, "quiz", folder)
    remember_ran(session, "quiz", place, [Batch(("m1", "m2"), "high"), Batch(agents=("a1",))])
    assert ran_last(kernel(), "quiz") == [Batch(("m1", "m2"), "high"), Batch(agents=("a1",))]
    assert recall(kernel(), "quiz", place) == {
        "step": "push",
        "folder": str(folder),
        "ran": [[["m1", "m2"], "high", []], [[], "", ["a1"]]],
    }
    keep(session, "quiz", place, ran="odd")
    assert ran_last(kernel(), "quiz") == []
    (tmp_path / "home" / "tasks.json").write_text("[")
    assert recall(kernel(), "quiz", place) == {}


def test_a_state_folder_that_cannot_be_written_is_no_reason_to_fail(server, tmp_path, folder):
    (tmp_path / "file").write_text("")
    session = LoopbackSession(server, KBENCH_HOME=str(tmp_path / "file"))
    assert downloads_folder(session, "quiz", folder) == folder
    assert downloads_folder(session, "quiz") == folder  # in this kernel at least
    session.close()


def test_commands_functions_and_the_panel_agree_on_the_folder(server, shell, folder, monkeypatch, tmp_path):
    for name, value in {"API_URL": server.url, "HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(f"KBENCH_{name}", value)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    add_run(server.api, 1)
    server.api.archives[1] = zipped(r_run_json='{"state": "BENCHMARK_TASK_RUN_STATE_COMPLETED"}')
    shell.run_line_magic("kbench", "download quiz -o fetched")
    shell.run_line_magic("kbench", "results quiz")
    scripts.compare("quiz")
    assert len(server.calls("DownloadBenchmarkTaskRunOutput")) == 1  # once, and into one folder
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["fetched"]

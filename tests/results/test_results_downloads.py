"""What a user may rely on about downloads on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from kbench_jupyter.errors import DownloadError
from kbench_jupyter.results.downloads import clean, holds, prune, run_folder, stage, stored_runs


def put(folder: Path, text: str, *, source: bool = False) -> None:
    with stage(folder) as staging:
        staging.files.mkdir()
        (staging.files / "out.txt").write_text(text)
        staging.commit(source=source)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
    return run_folder(tmp_path, "quiz", 2, "gemini-2.5-pro", 17)


def test_the_layout_is_task_version_model_run(tmp_path):
    assert run_folder(tmp_path, "quiz", 2, "m", 17) == tmp_path / "quiz" / "2" / "m" / "17"
    assert run_folder(tmp_path, "quiz", None, "m", 17) == tmp_path / "quiz" / "unset" / "m" / "17"


@pytest.mark.parametrize("name", ["../../x", "..", "/etc", "", ".", "a/b", "a\\b", "a\0b", "..."])
def test_no_name_from_the_server_leads_out_of_the_output_folder(tmp_path, name):
    path = run_folder(tmp_path, name, 1, name, 17)
    assert path.relative_to(tmp_path).parts[1] == "1"
    assert len(path.relative_to(tmp_path).parts) == 4
    assert ".." not in path.parts


def test_a_new_copy_takes_the_old_ones_place_whole(folder):
    put(folder, "old")
    put(folder, "new")
    assert (folder / "out.txt").read_text() == "new"
    assert names(folder.parent) == ["17"]


def test_a_failure_half_way_leaves_the_old_copy_and_nothing_else(folder):
    put(folder, "old")

    def fail():
        with stage(folder) as staging:
            staging.files.mkdir()
            (staging.files / "out.txt").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (folder / "out.txt").read_text() == "old"
    assert names(folder.parent) == ["17"]


def test_a_place_that_cannot_be_taken_leaves_the_old_copy(folder, monkeypatch):
    put(folder, "old")
    rename = Path.rename

    def refuse(self, target):
        if self.name == "files":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DownloadError, match="Permission denied"):
        put(folder, "new")
    assert (folder / "out.txt").read_text() == "old"
    assert names(folder.parent) == ["17"]


def _die_while_swapping(folder: Path) -> None:
    rename = Path.rename

    def die(self, target):
        if self.name == "files":
            os._exit(9)
        return rename(self, target)

    Path.rename = die  # in this process only, which ends here
    put(folder, "new")


def test_a_process_killed_between_the_two_renames_costs_no_copy(folder):
    put(folder, "old")
    process = multiprocessing.get_context("spawn").Process(target=_die_while_swapping, args=(folder,))
    process.start()
    process.join(30)
    assert process.exitcode == 9
    assert not folder.exists()
    aside, staging = sorted(names(folder.parent), key=lambda name: not name.endswith(".before"))
    assert aside.endswith(".before")
    (folder.parent / staging.replace(".17.", ".18.")).mkdir()  # of a run that had no copy yet
    clean(folder.parent)
    assert names(folder.parent) == ["17"]
    assert (folder / "out.txt").read_text() == "old"


def test_a_copy_moved_aside_that_cannot_be_put_back_now_is_kept_for_later(folder, monkeypatch):
    put(folder, "old")
    aside = folder.with_name(".17.0a1b2c-4194305-0a1b2c.before")  # of another machine, two days ago
    folder.rename(aside)
    os.utime(aside, (0, 0))

    def refuse(_self, _target):
        raise PermissionError(13, "held open by another program")

    with monkeypatch.context() as held:
        held.setattr(Path, "rename", refuse)
        clean(folder.parent)
    assert (aside / "out.txt").read_text() == "old"
    clean(folder.parent)
    assert (folder / "out.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "half \ud800"], ids=["long", "NUL", "half a character"])
def test_a_folder_that_no_file_system_takes_holds_nothing_and_takes_nothing(tmp_path, name):
    folder = run_folder(tmp_path / name, "quiz", 1, "m", 1)
    assert not holds(folder, source=False)
    with pytest.raises(DownloadError, match="nothing can be written to"), stage(folder):
        pass
    prune(folder, tmp_path)


def test_what_a_running_process_is_at_is_left_alone(folder):
    with stage(folder) as staging:
        clean(folder.parent)
        assert staging.path.is_dir()


def test_cleaning_touches_nothing_of_anybody_elses(folder):
    put(folder, "mine")
    (folder.parent / ".notes.staging").mkdir()
    (folder.parent / ".hidden").write_text("x")
    clean(folder.parent)
    assert names(folder.parent) == [".hidden", ".notes.staging", "17"]
    clean(folder.parent / "missing")


def test_a_copy_without_notebooks_does_not_count_when_they_are_asked_for(folder):
    put(folder, "x")
    assert holds(folder, source=False)
    assert not holds(folder, source=True)


def test_a_copy_that_asked_for_notebooks_counts_even_if_there_were_none(folder):
    put(folder, "x", source=True)
    assert holds(folder, source=True)


def test_a_copy_the_official_client_made_with_notebooks_counts(folder):
    folder.mkdir(parents=True)
    assert not holds(folder, source=False)
    (folder / "__notebook_source__.ipynb").write_text("{}")
    assert holds(folder, source=True)


@pytest.mark.parametrize("note", ["", "[]", "{", '{"source": 1}', "\xff"])
def test_a_garbled_note_never_hides_a_copy(folder, note):
    put(folder, "x")
    (folder / ".kbench-download.json").write_text(note, encoding="latin-1")
    assert holds(folder, source=False)
    assert not holds(folder, source=True)


def test_the_note_says_only_what_is_needed(folder):
    put(folder, "x", source=True)
    assert json.loads((folder / ".kbench-download.json").read_text()) == {"source": True}


def test_downloads_are_found_again_without_what_is_half_done(tmp_path):
    put(run_folder(tmp_path, "quiz", 10, "b", 3), "x")
    put(run_folder(tmp_path, "quiz", 2, "a", 2), "x")
    put(run_folder(tmp_path, "quiz", None, "a", 1), "x")
    put(run_folder(tmp_path, "other", 1, "a", 4), "x")
    (tmp_path / "quiz" / "notes").mkdir()
    (tmp_path / "quiz" / "2" / os.fsdecode(b"caf\xe9") / "6").mkdir(parents=True)  # no name of ours: no UTF-8
    with stage(run_folder(tmp_path, "quiz", 2, "a", 5)):
        found = stored_runs(tmp_path, "quiz")
    assert [(r.version, r.candidate, r.run_id) for r in found] == [(None, "a", 1), (2, "a", 2), (10, "b", 3)]
    assert stored_runs(tmp_path, "nothing") == []


def test_empty_folders_made_on_the_way_are_removed_and_others_kept(tmp_path):
    put(run_folder(tmp_path, "quiz", 1, "a", 1), "x")
    empty = run_folder(tmp_path, "quiz", 2, "b", 2)
    empty.parent.mkdir(parents=True)
    prune(empty, tmp_path)
    assert names(tmp_path / "quiz") == ["1"]
    gone = run_folder(tmp_path / "out", "quiz", 2, "b", 2)
    gone.parent.mkdir(parents=True)
    prune(gone, tmp_path / "out")
    assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize("model", ["x" * 300, "é" * 200, "a\0b", "\ud800"])
def test_a_model_name_that_no_file_system_takes_is_a_clear_error_or_none(tmp_path, model):
    folder = run_folder(tmp_path, "quiz", 2, model, 17)
    clean(folder.parent)
    if len(os.fsencode(folder.parent.name)) > 255:
        with pytest.raises(DownloadError, match="File name too long") as caught:
            put(folder, "new")
        assert len(str(caught.value)) < 400
    else:
        put(folder, "new")

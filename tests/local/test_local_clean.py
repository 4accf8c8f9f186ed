"""`%kbench local clean`: logs and outputs go by age and size, the oldest first; tasks and results stay."""

from __future__ import annotations

import os
import sys
import time
import zipfile

import pytest
from local_server_process import ENDLESS, plain, wait_for

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.local.clean import clean
from kbench_jupyter.local.home import Home
from kbench_jupyter.local.rows import COMPLETED, QUEUED
from kbench_jupyter.local.store import Store

DAY = 86400


def put(folder, size):
    folder.mkdir(parents=True)
    (folder / "output.zip").write_bytes(b"x" * size)


@pytest.fixture
def kept(tmp_path):
    """Six runs of one version, one a day, of 1000 bytes each; the last one is going."""
    home = Home(tmp_path / "home")
    store = Store(home.database)
    version = store.add_version("quiz", "text", [], QUEUED, None)
    store.set_version(version.id, COMPLETED)
    put(home.creations / str(version.id), 500)
    for number in range(1, 7):
        run_id, _ = store.add_run(version.id, f"m{number}", "", "", lambda _last: None)
        put(home.runs / str(run_id), 1000)
        if number < 6:
            store.end_run(run_id, COMPLETED, None, {"booleanResult": True})
        store._db.execute(  # the clock is not to be turned back
            "UPDATE runs SET queue_time = ? WHERE id = ?", (time.time() - (6 - number) * DAY, run_id)
        )
    store._db.execute("UPDATE versions SET create_time = ?", (time.time() - 10 * DAY,))
    yield home, store
    store.close()


def left(home):
    return sorted(
        f"{path.parent.name}/{path.name}" for place in (home.runs, home.creations) for path in place.iterdir()
    )


def test_what_is_older_goes_and_what_is_going_never_does(kept):
    home, store = kept
    told = clean(home, store, 3 * DAY + 60, None, really=False)
    assert (told.jobs, told.bytes, told.kept) == (3, 2500, 3000)
    assert len(left(home)) == 7, "only told"
    assert clean(home, store, 3 * DAY + 60, None, really=True) == told
    assert left(home) == ["runs/3", "runs/4", "runs/5", "runs/6"]
    assert clean(home, store, 0, 0, really=True).jobs == 3
    assert left(home) == ["runs/6"]
    assert [run.state for run in store.runs_of("quiz")] == [QUEUED] + [COMPLETED] * 5
    assert store.text(1) == "text"


def test_what_is_too_much_goes_the_oldest_first(kept):
    home, store = kept
    assert clean(home, store, None, 2000, really=True).kept == 2000
    assert left(home) == ["runs/4", "runs/5", "runs/6"]
    assert clean(home, store, None, 2000, really=True).jobs == 0


def test_leftovers_go_first_and_nothing_that_may_be_in_use(kept):
    home, store = kept
    put(home.runs / "77", 40)
    put(home.creations / "88", 30)
    half, fresh, copy = (
        home.runs / "5" / name for name in ("output.a.part", "output.b.part", "output-only.zip")
    )
    for path in (half, fresh, copy):
        path.write_bytes(b"x" * 10)
    for path in (half, copy):
        os.utime(path, (time.time() - DAY, time.time() - DAY))
    told = clean(home, store, None, 10**9, really=True)
    assert (told.jobs, told.bytes) == (0, 40 + 30 + 10 + 10)
    assert not half.exists()
    assert not copy.exists()
    assert fresh.exists()
    assert len(left(home)) == 7


@pytest.mark.slow
def test_the_command_says_what_would_go_asks_and_frees_it(make_server, shell, monkeypatch):
    one = make_server()
    monkeypatch.setenv("KBENCH_HOME", str(one.home))
    monkeypatch.setenv("KBENCH_TARGET", "local")
    kbench = lambda line: shell.run_line_magic("kbench", line)  # noqa: E731
    assert "There is nothing to clean" in str(kbench("local clean"))
    one.push("quiz", plain("quiz", 'open("out.bin", "wb").write(__import__("os").urandom(3_000_000))'))
    assert one.creation("quiz") == ("COMPLETED", "")
    run = one.run_now("quiz")
    one.push("endless", ENDLESS)
    one.created("endless")

    monkeypatch.setattr("builtins.input", lambda _question: "n")
    with pytest.raises(
        KBenchError, match="Nothing was deleted: it would be the logs and outputs of 3 ended jobs"
    ) as caught:
        kbench("local clean --older-than 0d")
    assert "-y" in caught.value.hint
    with zipfile.ZipFile(one.home / "runs" / str(run["id"]) / "output.zip") as file:
        assert file.testzip() is None
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    shown = str(kbench("local clean --keep 4MB"))
    assert "of 1 job" in shown, "the older of the two that left 3 MB"
    assert (one.home / "runs" / str(run["id"])).exists()

    shown = str(kbench("local clean --older-than 0h -y"))
    assert "space freed" in shown
    assert "3.0 MB" in shown
    assert "quiz" in str(kbench("list"))
    assert "completed" in str(kbench("status quiz"))
    for line in ("download quiz", "log quiz"):
        try:
            said = str(kbench(line))
        except KBenchError as error:
            said = "\n".join(error.lines())
        assert "were deleted by `%kbench local clean`" in " ".join(said.split()), line
    assert one.schedule("quiz")[0]["runScheduled"]
    newer = one.runs("quiz")[0]["id"]
    assert one.ended(newer, "quiz")["state"] == "COMPLETED"
    assert wait_for(lambda: (one.home / "runs" / str(newer) / "output.zip").exists(), 5, "its output")


# argparse takes what begins so for a flag, and from Python 3.14 on for an argument.
_NEGATIVE = "expected one argument" if sys.version_info < (3, 14) else "--older-than takes a number"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("clean --older-than 30", "--older-than takes a number with one of h, d, w behind it, not '30'"),
        ("clean --older-than -1d", _NEGATIVE),
        ("clean --older-than=-1d", "--older-than takes a number"),
        ("clean --older-than nand", "--older-than takes a number"),
        ("clean --older-than 2GB", "--older-than takes a number"),
        ("clean --keep 30d", "--keep takes a number with one of mb, gb, tb behind it, not '30d'"),
        ("clean --keep infGB", "--keep takes a number"),
        ("stop --keep 2GB", "%kbench local stop deletes nothing by age or size"),
    ],
)
def test_limits_that_cannot_be_are_refused_and_nothing_is_started(shell, tmp_path, monkeypatch, line, said):
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "none"))
    with pytest.raises(KBenchError) as caught:
        shell.run_line_magic("kbench", f"local {line}")
    assert said in str(caught.value)
    assert not (tmp_path / "none").exists()

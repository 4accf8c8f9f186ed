"""The official command line, unmodified, does every benchmarks verb against the embedded server.

One task on one server serves all tests, since each creation and each run starts a kernel and the SDK. The
tests build on each other's fixtures only, so each can run by itself.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values
from official_client import OfficialClient

from kbench_jupyter.api import Client, Credentials, Run
from kbench_jupyter.session import local_server
from kbench_jupyter.session.local_server import LocalServer

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
SLUG = "one-word"
TASK = """\
# %% [markdown]
# # One word

# %%
import pathlib
import time

import kaggle_benchmarks as kbench


# %%
@kbench.task(name="One word")
def one_word(llm):
    print("before the gate", flush=True)
    for _ in range(1200):
        if pathlib.Path({gate!r}).exists():
            break
        time.sleep(0.05)
    answer = llm.prompt("Reply with one word.")
    kbench.assertions.assert_not_empty(answer, expectation="Says anything at all")
    print("behind the gate ☃")


one_word.run(kbench.llm)
"""


@pytest.fixture(scope="module")
def server(server_home: Path) -> LocalServer:
    return local_server.ensure_running(server_home)


@pytest.fixture(scope="module")
def kaggle(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> OfficialClient:
    return OfficialClient(server.url, server.token, tmp_path_factory.mktemp("official") / "home")


@pytest.fixture(scope="module")
def ours(server: LocalServer) -> Iterator[Client]:
    with Client(server.url, Credentials.bearer(server.token, "the test")) as client:
        yield client


@pytest.fixture(scope="module")
def gate(kaggle: OfficialClient) -> Path:
    """What the task waits for: so that a test decides how long a run is going."""
    return kaggle.home.with_name("gate")


@pytest.fixture(scope="module")
def pushed(kaggle: OfficialClient, gate: Path) -> str:
    """Push the task once; return what the command said."""
    kaggle.home.mkdir(exist_ok=True)
    (kaggle.home / "task.py").write_text(TASK.format(gate=str(gate)), encoding="utf-8")
    gate.touch()
    options = ["-d", "somebody/some-data", "--wait", "100", "--poll-interval", "1"]
    return kaggle("benchmarks", "tasks", "push", "One word", "-f", "task.py", *options)


@pytest.fixture(scope="module")
def live_log(kaggle: OfficialClient, gate: Path, pushed: str, ours: Client) -> tuple[str, list[str]]:
    """Run the task, and read its log while it is going: what `run` said, and the log's lines.

    The gate opens only when the log's first line has been read, so it can only have come live.
    """
    gate.unlink()
    said = kaggle("b", "t", "run", SLUG, "-m", f"anyone/{MODEL}")
    with ours.stream_logs(next(ours.list_runs(SLUG)).id) as stream:
        next(stream)  # the official client gives up on a run that is still queued
    process = kaggle.start("b", "t", "log", SLUG, "-m", MODEL)
    assert process.stdout is not None
    lines = []
    with process:
        try:
            for line in process.stdout:
                lines.append(line)
                if "before the gate" in line:
                    # The same task and model, picked from the menu: the server declines to run it twice.
                    said += kaggle("b", "t", "run", SLUG, typed="1\n")
                    gate.touch()
        finally:
            gate.touch()
            process.kill()
    return said, lines


@pytest.fixture(scope="module")
def ran(live_log: tuple[str, list[str]], kaggle: OfficialClient, ours: Client) -> Run:
    """A run that has ended: waited for by scheduling another on top, which `--wait` follows."""
    waited = kaggle("b", "t", "run", SLUG, "-m", MODEL, "--wait", "100", "--poll-interval", "1")
    assert "All runs completed" in waited
    run = next(ours.list_runs(SLUG))
    assert run.state == "COMPLETED"
    return run


def test_auth_writes_the_servers_model_proxy_credentials(kaggle: OfficialClient, server: LocalServer) -> None:
    kaggle("benchmarks", "auth", "-y", "--env-file", "auth.env")
    env = dotenv_values(kaggle.home / "auth.env")
    assert env["MODEL_PROXY_URL"] == server.url
    assert (env["MODEL_PROXY_API_KEY"] or "").startswith("kbp_")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", env["MODEL_PROXY_EXPIRY_TIME"] or "")


def test_init_adds_an_example_and_a_reference(kaggle: OfficialClient) -> None:
    said = kaggle("benchmarks", "init", "-y", "--env-file", "init.env")
    assert "Environment initialized!" in said
    assert {"example_task.py", "kaggle_benchmarks_reference.md"} <= {p.name for p in kaggle.home.iterdir()}
    assert dotenv_values(kaggle.home / "init.env")["LLM_DEFAULT"]


def test_a_push_is_waited_for_until_its_version_is_created(pushed: str, ours: Client) -> None:
    assert "Pushed" in pushed
    assert f"/benchmarks/tasks/local/{SLUG}/1" in pushed
    assert "Completed" in pushed
    assert ours.get_task(SLUG).creation_state == "COMPLETED"


def test_datasets_that_cannot_be_attached_here_are_named_in_the_answer(pushed: str, ours: Client) -> None:
    # The official client looks for that field on its parsed answer, where it never is; ours reports it.
    assert ours.get_task(SLUG).invalid_datasets == ("somebody/some-data",)
    assert "Attached" not in pushed


@pytest.mark.usefixtures("pushed")
def test_a_task_that_does_not_exist_is_not_found(kaggle: OfficialClient) -> None:
    assert "not found" in kaggle.fails("b", "t", "status", "never-pushed")
    assert "some model names may be invalid" in kaggle.fails("b", "t", "run", SLUG, "-m", "no-model").lower()


@pytest.mark.usefixtures("pushed")
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], True),
        (["--name-regex", "^one-w"], True),
        (["--name-regex", "^two"], False),
        (["--status", "completed"], True),
        (["--status", "errored", "--all"], False),
    ],
)
def test_list_filters_by_name_and_state(kaggle: OfficialClient, filters: list[str], found: bool) -> None:
    assert (SLUG in kaggle("b", "t", "list", *filters, typed="q\n")) is found


def test_a_run_is_scheduled_by_name_and_from_the_menu(live_log: tuple[str, list[str]]) -> None:
    said, _ = live_log
    assert f"{MODEL}: Scheduled" in said
    assert re.search(rf"{MODEL}: Skipped \(Run \d+ .*already", said)


def test_a_log_is_read_while_its_run_is_going(live_log: tuple[str, list[str]]) -> None:
    _, lines = live_log
    text = "".join(lines)
    assert "[RUNNING]" in text
    assert text.index("before the gate") < text.index("behind the gate ☃")
    assert "END_OF_LOG" in text  # which the official client prints as a line of the log
    assert "Showed logs for 1 run(s)" in text


def test_the_log_of_an_ended_run_is_whole(
    kaggle: OfficialClient, ran: Run, live_log: tuple[str, list[str]]
) -> None:
    text = kaggle("b", "t", "logs", SLUG)
    assert "[COMPLETED]" in text
    live = [line for line in live_log[1] if "gate" in line]
    assert [line for line in text.splitlines(keepends=True) if "gate" in line][-2:] == live


@pytest.mark.usefixtures("ran")
def test_status_shows_the_task_and_its_runs(kaggle: OfficialClient) -> None:
    said = kaggle("b", "t", "status", SLUG)
    assert re.search(r"Status:\s+Completed", said)
    assert re.search(rf"{MODEL}\s+Completed\s+20", said)
    assert MODEL in kaggle("b", "t", "status", SLUG, "-m", f"provider/{MODEL}")
    assert "No runs yet" in kaggle("b", "t", "status", SLUG, "-m", "another-model")


def test_downloads_come_without_and_with_the_notebooks_and_again_when_forced(
    kaggle: OfficialClient, ran: Run, ours: Client
) -> None:
    count = len(list(ours.list_runs(SLUG)))
    assert f"{count} run(s) downloaded" in kaggle("b", "t", "download", SLUG, "-o", "out")
    folder = kaggle.home / "out" / SLUG / str(ran.task.version) / MODEL / str(ran.id)
    [run_file] = folder.glob("*.run.json")
    assert json.loads(run_file.read_text())["state"].endswith("COMPLETED")
    assert not list(folder.glob("__notebook*"))
    again = kaggle("b", "t", "download", SLUG, "-o", "out", "-s")
    assert f"{count} run(s) cached" in again
    assert "lack source notebooks" in again
    kaggle("b", "t", "download", SLUG, "-o", "out", "-s", "-f")
    names = {path.name for path in folder.glob("__notebook*")}
    assert names == {"__notebook__.ipynb", "__notebook_source__.ipynb"}
    source = json.loads((folder / "__notebook_source__.ipynb").read_text())
    assert "".join(source["cells"][0]["source"]) == "# One word"


@pytest.mark.usefixtures("ran")
def test_publishing_keeps_the_notebook_private_until_asked(kaggle: OfficialClient, ours: Client) -> None:
    kaggle("b", "t", "publish", SLUG, "--no-publish-backing-notebook")
    task = ours.get_task(SLUG)
    assert task.is_public
    assert not task.is_backing_notebook_published
    assert "Backing notebook also published" in kaggle("b", "t", "publish", SLUG)
    assert ours.get_task(SLUG).is_backing_notebook_published
    assert "already published" in kaggle("b", "t", "publish", SLUG)


def test_models_are_listed(kaggle: OfficialClient) -> None:
    assert MODEL in kaggle("b", "t", "models")


@pytest.mark.usefixtures("ran")
def test_a_leaderboard_is_shown_and_downloaded(kaggle: OfficialClient) -> None:
    assert SLUG in kaggle("b", "leaderboard", f"local/{SLUG}", "-s")
    kaggle("b", "leaderboard", f"local/{SLUG}", "-d", "-p", "board")
    [row] = csv.DictReader((kaggle.home / "board" / f"{SLUG}_leaderboard.csv").read_text().splitlines())
    assert row[SLUG] == "Pass"


def test_delete_says_that_the_server_cannot(kaggle: OfficialClient) -> None:
    assert "not supported" in kaggle.run("b", "t", "delete", SLUG, "-y").stderr


def test_a_wrong_token_is_refused(kaggle: OfficialClient, server: LocalServer) -> None:
    stranger = OfficialClient(server.url, "not-the-token", kaggle.home.with_name("stranger"))
    assert "uthenticat" in str(stranger.run("b", "t", "list", typed="q\n"))

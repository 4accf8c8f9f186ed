"""For the same command, a recording server sees the same requests from us as from the official client.

Where they differ, the difference is listed call by call in `COMMANDS`, with its reason; a difference that
is not listed, and a listed one that is none any more, fails. One holds for all: the official client asks
the server about its token whenever it starts (`IntrospectToken`), and we let the first call tell.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults import JSON, FakeApi, FaultServer, Seen
from IPython.core.interactiveshell import InteractiveShell
from official_client import OfficialClient

TASK = """\
# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Say something."), expectation="Says something")


quiz.run(kbench.llm)
"""
TOKEN = "good"
Call = tuple[str, dict[str, Any]]
QUIZ = {"taskSlug": "quiz"}
RUNS: Call = ("ListBenchmarkTaskRuns", {"taskSlug": QUIZ})
QUOTA_CALL: Call = ("GetBenchmarkTaskQuota", {})
TASK_CALL: Call = ("GetBenchmarkTask", {"slug": QUIZ})


def runs_of(*models: str) -> Call:
    return ("ListBenchmarkTaskRuns", {"taskSlug": QUIZ, "modelVersionSlugs": list(models)})


@dataclass
class Command:
    """A command in both spellings, and how their requests differ.

    `theirs` and `ours` list the calls that only one side makes; `pages` makes the server send one item a
    page, `names_runs` lets it name the runs of a schedule, as servers do since kagglesdk 0.1.38.
    """

    official: str
    magic: str
    theirs: tuple[Call, ...] = ()
    ours: tuple[Call, ...] = ()
    why: str = ""
    pages: bool = False
    names_runs: bool = False

    @property
    def name(self) -> str:
        how = " by pages" if self.pages else ", runs named" if self.names_runs else ""
        return self.official + how

    def __post_init__(self) -> None:
        assert bool(self.why) == bool(self.theirs or self.ours), "a difference has a reason"


COMMANDS = [
    Command(
        "b auth -y",
        "auth",
        ours=(("ListBenchmarkModels", {}),),
        why="Without LLM_DEFAULT the SDK fails on import, so we choose a model the server has.",
    ),
    Command(
        "b init -y",
        "init",
        ours=(("ListBenchmarkModels", {}),),
        why="Models are those the server has now, not a list that was built in at release.",
    ),
    Command("b t push Quiz -f task.py", "push Quiz -f task.py"),
    Command("b t push new -f new.py -d me/a -d you/b", "push new -f new.py -d me/a -d you/b"),
    Command(
        "b t push quiz -f task.py --wait --poll-interval 1",
        "push quiz -f task.py --wait --poll-interval 1",
        theirs=(TASK_CALL,),
        ours=(("GetBenchmarkTask", {"slug": {**QUIZ, "versionNumber": 2}}),),
        why="We wait for the version just pushed, whatever else is pushed meanwhile.",
    ),
    Command(
        "b t run quiz -m p/m1@1 -m m2",
        "run quiz -m p/m1@1 -m m2",
        ours=(runs_of("m1-1", "m2"), runs_of("m1-1", "m2"), QUOTA_CALL),
        why="The answer names no run: those that were not there before are the ones just scheduled. The forecast says "
        "what quota is left.",
    ),
    Command(
        "b t run quiz -m m1 --wait --poll-interval 1",
        "run quiz -m m1 --wait --poll-interval 1",
        theirs=(runs_of("m1"),),
        ours=(
            runs_of("m1"),
            runs_of("m1"),
            ("ListBenchmarkTaskRuns", {"taskSlug": QUIZ}),
            QUOTA_CALL,
        ),
        why="As above; then exactly those run ids are followed, and an old run of the model is none of them.",
    ),
    Command(
        "b t run quiz -m p/m1@1 -m m2",
        "run quiz -m p/m1@1 -m m2",
        ours=(runs_of("m1-1", "m2"), QUOTA_CALL),
        why="Should the answer be lost, the runs there were before tell whether it landed.",
        names_runs=True,
    ),
    Command(
        "b t run quiz -m m1 --wait --poll-interval 1",
        "run quiz -m m1 --wait --poll-interval 1",
        theirs=(runs_of("m1"),),
        ours=(runs_of("m1"), ("ListBenchmarkTaskRuns", {"taskSlug": QUIZ}), QUOTA_CALL),
        why="As above; the runs that the answer names are followed at once.",
        names_runs=True,
    ),
    Command("b t list --all", "list"),
    Command("b t list --name-regex ^q --status completed --all", "list --name-regex ^q --status completed"),
    Command("b t list --all", "list", pages=True),
    Command("b t status quiz", "status quiz"),
    Command("b t status Quiz", "status Quiz"),
    Command(
        "b t status quiz -m p/m1@default -m m2",
        "status quiz -m p/m1@default -m m2",
        ours=(("ListBenchmarkTaskRuns", {"taskSlug": {"taskSlug": "quiz"}}),),
        why="A name that is no run's model may be a candidate's, which the server's filter does not know.",
    ),
    Command("b t status quiz", "status quiz", pages=True),
    Command(
        "b t log quiz -m m2",
        "log quiz -m m2",
        theirs=(TASK_CALL,),
        why="Listing a task's runs says as well whether it is there: a round trip less.",
    ),
    Command(
        "b t download quiz -m m2 -o out",
        "download quiz -m m2 -o out",
        theirs=(TASK_CALL,),
        why="Each run knows its own task version, so the newest one is not asked for.",
    ),
    Command(
        "b t download quiz -m m2 -o out -s -f",
        "download quiz -m m2 -o out -s -f",
        theirs=(TASK_CALL,),
        why="As above.",
    ),
    Command("b t publish quiz", "publish quiz -y"),
    Command(
        "b t publish quiz --no-publish-backing-notebook", "publish quiz --no-publish-backing-notebook -y"
    ),
    Command("b t models", "models"),
    Command("b t models", "models", pages=True),
    Command("b leaderboard me/bench -s", "leaderboard me/bench"),
    Command("b leaderboard me/bench -s --version 3", "leaderboard me/bench --version 3"),
]


class Api(FakeApi):
    """One task with ended runs on two models; new runs have ended when they are looked at."""

    def __init__(self, page: int) -> None:
        super().__init__(page=page)
        self.add_task("quiz")
        self.add_task("older")
        for name in ("m1", "m2"):
            version = {"slug": name, "modelProxySlug": f"p/{name}", "allowModelProxy": True}
            self.models.append({"displayName": name, "slug": name, "version": version})
            self.BatchScheduleBenchmarkTaskRuns({"taskSlugs": [QUIZ], "modelVersionSlugs": [name]})
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("answer.txt", "42")
        self.archives = {run["id"]: stream.getvalue() for run in self.runs}

    def ListBenchmarkTaskRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        for run in self.runs:
            run.update(state="BENCHMARK_TASK_RUN_STATE_COMPLETED", endTime="2026-05-06T07:08:09.123Z")
        return super().ListBenchmarkTaskRuns(body)


class Recording(FaultServer):
    """Records what one client sends."""

    def __init__(self, *, pages: bool = False) -> None:
        super().__init__(Api(1 if pages else 50))
        self.log = lambda exchange: exchange.answer(200, dict(JSON), b'[{"data": "hi\\n"}]')

    def sent(self) -> list[Seen]:
        # By this test's token: a kernel that a browser test left goes on asking at a port that may be this one now.
        own = [seen for seen in self.requests if seen.headers.get("authorization") == f"Bearer {TOKEN}"]
        return [seen for seen in own if seen.method != "IntrospectToken"]


@pytest.fixture
def official(tmp_path: Path) -> Iterator[tuple[OfficialClient, Recording]]:
    with Recording() as server:
        client = OfficialClient(server.url, TOKEN, tmp_path / "official")
        client.home.mkdir()
        yield client, server


@pytest.fixture
def magic(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, Recording]]:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    for name in ("MODEL_PROXY_URL", "MODEL_PROXY_API_KEY", "MODEL_PROXY_EXPIRY_TIME"):
        monkeypatch.setenv(name, "")  # auth and init set them in this process: restored afterwards
    for name in ("LLM_DEFAULT", "LLM_DEFAULT_EVAL", "LLMS_AVAILABLE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("KBENCH_HOME", str(tmp_path / "state"))  # what was pushed before is remembered there
    with Recording() as server:
        monkeypatch.setenv("KBENCH_API_URL", server.url)
        yield (lambda line: shell.run_line_magic("kbench", line)), server


def without_ids(text: str) -> str:
    """Return notebook JSON with every cell's id blanked, and not a byte else changed."""
    ids = [cell["id"] for cell in json.loads(text)["cells"]]
    for ident in ids:
        text = text.replace(f'"id": {json.dumps(ident)}', '"id": ""', 1)
    return text


def changes(call: Call) -> bool:
    return not call[0].startswith(("Get", "List"))


def calls(sent: list[Seen]) -> list[Call]:
    found = []
    for seen in sent:
        body = seen.json
        if "text" in body:
            body = {**body, "text": without_ids(body["text"])}
        found.append((seen.method, body))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_the_same_command_sends_the_same_requests(
    command: Command, official: tuple[OfficialClient, Recording], magic: tuple[Any, Recording], tmp_path: Path
) -> None:
    (kaggle, their_server), (kbench, our_server) = official, magic
    for folder in (kaggle.home, tmp_path):
        (folder / "task.py").write_text(TASK)
        (folder / "new.py").write_text(TASK.replace('"Quiz"', '"New"'))
    for server in (their_server, our_server):
        server.api.page = 1 if command.pages else 50
        server.api.names_runs = command.names_runs
    kaggle(*command.official.split())
    kbench(command.magic)
    theirs, ours = calls(their_server.sent()), list(map(by_token, calls(our_server.sent())))
    for side, extra in ((theirs, command.theirs), (ours, command.ours)):
        for call in extra:
            side.reverse()  # which of several equal ones makes no difference but to their order: the last
            side.remove(call)
            side.reverse()
    # Two questions are asked at once, in either order; what changes something comes in its own.
    assert sorted(map(repr, ours)) == sorted(map(repr, theirs))
    assert list(filter(changes, ours)) == list(filter(changes, theirs))
    paths = {seen.path for seen in their_server.sent()}
    added = {name for name, _ in command.ours}
    assert {seen.path for seen in our_server.sent() if seen.method not in added} <= paths
    if command.pages:
        assert any("pageToken" in body for _, body in ours)
    check_headers(their_server.sent(), our_server.sent())


def by_token(call: Call) -> Call:
    """Return the call that asks for the same page by its token, which here is how many items come before it."""
    name, body = call
    if "skip" not in body:
        return call
    return name, {
        **{key: value for key, value in body.items() if key != "skip"},
        "pageToken": str(body["skip"]),
    }


def check_headers(theirs: list[Seen], ours: list[Seen]) -> None:
    """What a server goes by is the same: verb, type, credential, and who asks for a token."""
    for name in ("content-type", "authorization"):
        assert {seen.headers[name] for seen in ours} == {seen.headers[name] for seen in theirs}
    source = "x-kaggle-cli-source"
    for method in {seen.method for seen in ours} & {seen.method for seen in theirs}:
        [tag] = {seen.headers.get(source) for seen in ours if seen.method == method}
        # The official client leaves it on for whatever the session sends next, which is nothing.
        assert {seen.headers.get(source) for seen in theirs if seen.method == method} == {tag}
    assert {seen.verb for seen in ours} == {"POST"}


# -- The same notebook ---------------------------------------------------------------------------------------

PERCENT_FILES = {
    "plain": TASK,
    "markdown, raw and a title": (
        "# %% [markdown]\n# # Quiz ☃\n#\n# Ünïcode, and `code`\n\n# %% [raw]\n# <raw>\n\n# %% Ask\n" + TASK
    ),
    "magics and shell lines": (
        "# %%\n# %pip install nothing\n# !ls\n\n" + TASK + '\n# %%\n# %matplotlib inline\nprint("x")\n'
    ),
    "a header and metadata": (
        "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Other\n#     language: python\n"
        '#     name: other\n# ---\n\n# %% tags=["a"]\nx = 1\n\n' + TASK
    ),
    "no cell marks": TASK.replace("# %%\n", ""),
    "empty cells and trailing blank lines": "# %%\n\n# %%\n\n\n" + TASK + "\n\n\n",
    "a cell that begins with a comment": "# %%\n# a comment\n# %% another\n\n" + TASK,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", PERCENT_FILES.values(), ids=PERCENT_FILES.keys())
def test_the_same_percent_file_is_sent_as_the_same_notebook(
    text: str, official: tuple[OfficialClient, Recording], magic: tuple[Any, Recording], tmp_path: Path
) -> None:
    (kaggle, their_server), (kbench, our_server) = official, magic
    for folder in (kaggle.home, tmp_path):
        (folder / "task.py").write_text(text, encoding="utf-8")
    kaggle("b", "t", "push", "quiz", "-f", "task.py")
    kbench("push quiz -f task.py")
    [theirs], [ours] = (s.calls("CreateBenchmarkTask") for s in (their_server, our_server))
    assert without_ids(ours.json["text"]) == without_ids(theirs.json["text"])
    assert len(json.loads(ours.json["text"])["cells"]) >= 1


def test_the_same_source_pushed_twice_is_sent_as_the_same_bytes(
    magic: tuple[Any, Recording], tmp_path: Path
) -> None:
    kbench, server = magic
    (tmp_path / "task.py").write_text(TASK)
    for _ in range(2):
        kbench("push quiz -f task.py --again")
    first, second = (seen.body for seen in server.calls("CreateBenchmarkTask"))
    assert first == second
    ids = [cell["id"] for cell in json.loads(json.loads(first)["text"])["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", ident) for ident in ids)

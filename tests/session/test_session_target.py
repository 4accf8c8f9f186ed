"""Which server is spoken to, why, and what is said when there is none."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from kbench_jupyter.actions import target as targets
from kbench_jupyter.errors import CredentialsError, LocalServerError, TargetError, TransportError
from kbench_jupyter.magics.reporter import StreamReporter
from kbench_jupyter.session.layers import Layers
from kbench_jupyter.session.local_process import LocalServer
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import Target


def session(**environ: str) -> Session:
    return Session(environ=environ)


def test_an_address_of_ones_own_comes_first() -> None:
    mine = session(KBENCH_API_URL="http://127.0.0.1:1/", KBENCH_TARGET="local", KAGGLE_API_TOKEN="t").target()
    assert (mine.name, mine.base_url) == ("kaggle", "http://127.0.0.1:1")
    assert "KBENCH_API_URL" in mine.label


def test_the_embedded_server_is_looked_at_twice_a_second_and_any_other_as_often_as_is_asked() -> None:
    local, kaggle = (Target(name, "http://127.0.0.1:1", None, "") for name in ("local", "kaggle"))
    assert [local.poll_interval(asked) for asked in (None, 60, 0.1)] == [0.5, 0.5, 0.1]
    assert [kaggle.poll_interval(asked) for asked in (None, 60, 0.1)] == [None, 60, 0.1]


def test_credentials_mean_kaggle_and_the_line_names_where_they_came_from_but_not_what_they_are() -> None:
    found = session(KAGGLE_API_TOKEN="very-secret-token").target()
    assert (found.name, found.base_url) == ("kaggle", "https://api.kaggle.com")
    assert "KAGGLE_API_TOKEN" in found.label
    assert "very-secret-token" not in found.label + repr(found) + str(targets.TargetShown(found))


def test_kaggle_without_credentials_says_how_to_get_them() -> None:
    with pytest.raises(CredentialsError, match="no Kaggle credentials") as caught:
        session(KBENCH_TARGET="kaggle").target()
    assert "settings/api" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["mars", "Kaggle ", ""])
def test_a_name_that_is_no_target_is_refused_and_the_one_before_stays(name: str) -> None:
    mine = session(KAGGLE_API_TOKEN="t")
    with pytest.raises(TargetError):
        targets.target(mine, name or "?")
    assert mine.target().name == "kaggle"


def test_choosing_a_target_that_cannot_be_had_keeps_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = session(KAGGLE_API_TOKEN="t")
    _without_local_extra(monkeypatch)
    with pytest.raises(LocalServerError):
        targets.target(mine, "local")
    assert mine.target().name == "kaggle"


def test_a_switch_to_kaggle_without_credentials_says_that_the_target_stays(tmp_path: Path) -> None:
    mine = session(KBENCH_TARGET="local", KBENCH_HOME=str(tmp_path))
    with pytest.raises(CredentialsError, match="target stays local: no Kaggle credentials") as caught:
        targets.target(mine, "kaggle")
    assert "settings/api" in (caught.value.hint or "")
    assert mine.chosen is None


def test_a_damaged_file_of_credentials_never_means_another_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "kaggle.json").write_text('{"username": "me", "key": "k"')
    with pytest.raises(CredentialsError, match=r"~/\.kaggle/kaggle\.json is damaged"):
        session(KBENCH_HOME=str(tmp_path / "home")).target()
    mine = session(KBENCH_TARGET="local", KBENCH_HOME=str(tmp_path / "home"))
    with pytest.raises(CredentialsError, match=r"target stays local\. ~/\.kaggle/kaggle\.json is damaged"):
        targets.target(mine, "kaggle")


def test_what_is_odd_about_the_file_of_credentials_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "access_token").write_text('"token"')
    mine = Session(reporter=StreamReporter(), environ={})
    mine.client()
    mine.client()
    assert capsys.readouterr().out.count("quotation marks") == 1
    assert "quotation marks" in str(targets.target(mine))


def test_without_credentials_and_without_the_local_extra_both_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_local_extra(monkeypatch)
    with pytest.raises(LocalServerError, match="No Kaggle credentials were found") as caught:
        session(KBENCH_HOME=str(tmp_path)).target()
    assert "kbench-jupyter[local]" in (caught.value.hint or "")
    assert "settings/api" in (caught.value.hint or "")


def test_the_environment_decides_over_what_was_chosen_only_with_an_address() -> None:
    mine = session(KBENCH_API_URL="http://127.0.0.1:1", KAGGLE_API_TOKEN="t")
    with pytest.raises(TargetError, match="KBENCH_API_URL"):
        targets.target(mine, "local")


@pytest.mark.parametrize("rest", ["?key=abc", "/v1?", "#part"])
def test_an_address_that_no_path_can_be_added_to_is_refused_and_its_rest_not_shown(rest: str) -> None:
    with pytest.raises(CredentialsError, match=r"with \? or #") as caught:
        session(KBENCH_API_URL=f"http://127.0.0.1:1{rest}", KAGGLE_API_TOKEN="t").target()
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("slip", ["kagle", "Kaggle", "lokal"])
def test_a_slip_in_a_targets_name_is_answered_with_the_nearest(slip: str) -> None:
    with pytest.raises(TargetError) as caught:
        targets.target(session(KAGGLE_API_TOKEN="t"), slip)
    assert f"Did you mean {'local' if slip == 'lokal' else 'kaggle'}?" in (caught.value.hint or "")


def test_a_token_that_a_server_on_this_machine_refuses_is_not_sought_at_kaggle() -> None:
    here = session(KBENCH_API_URL="http://127.0.0.1:1", KAGGLE_API_TOKEN="t").target()
    assert here.credentials is not None
    assert "kaggle.com" not in here.credentials.advice
    assert "token of its own" in here.credentials.advice
    elsewhere = session(KBENCH_API_URL="https://kaggle.example", KAGGLE_API_TOKEN="t").target()
    assert elsewhere.credentials is not None
    assert "settings/api" in elsewhere.credentials.advice


def refused_hint(mine: Session) -> str:
    """Return what a call to the target's address, where nothing listens, is answered with."""
    client = mine.client()
    client.limits = replace(client.limits, attempts=1)
    with pytest.raises(TransportError, match="refuses connections") as caught:
        client.task_quota()
    mine.close()
    return caught.value.hint or ""


def test_where_an_address_of_ones_own_leads_nowhere_the_hint_says_how_to_unset_it_where_it_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "http://127.0.0.1:1"
    from_environment = session(KBENCH_API_URL=url, KAGGLE_API_TOKEN="t")
    assert "%env KBENCH_API_URL=" in refused_hint(from_environment)
    from_config = Session(environ=Layers({"api_url": url}, {"KAGGLE_API_TOKEN": "t"}))
    assert "%config KBench.api_url = ''" in refused_hint(from_config)
    (tmp_path / ".env").write_text(f"KBENCH_API_URL={url}/\n")
    from_file = Session(environ=Layers({}, {"KAGGLE_API_TOKEN": "t"}))
    hint = refused_hint(from_file)
    assert "take the line KBENCH_API_URL out of .env" in hint
    assert "local start" not in hint


def test_where_the_embedded_server_has_gone_the_hint_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = LocalServer("http://127.0.0.1:1", "token", 1, False, Path())
    monkeypatch.setattr("kbench_jupyter.session.local_server.ensure_running", lambda _home: gone)
    assert "%kbench local start" in refused_hint(session(KBENCH_TARGET="local"))


def test_a_target_says_where_it_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    token = {"KAGGLE_API_TOKEN": "good"}
    set_there = Layers({}, {**token, "KBENCH_TARGET": "kaggle"})
    assert Session(environ=set_there).target().reason == "KBENCH_TARGET is set"
    chosen = Layers({"target": "kaggle"}, token)
    assert Session(environ=chosen).target().reason == "chosen with %config KBench.target"
    Path(".env").write_text("KBENCH_TARGET=kaggle\n")
    assert Session(environ=Layers({}, token)).target().reason == "KBENCH_TARGET is set in .env"
    Path("own.env").write_text("KBENCH_TARGET=kaggle\n")
    for named in (
        Layers({"env_file": "own.env"}, token),
        Layers({}, {**token, "KBENCH_ENV_FILE": "own.env"}),
    ):
        assert Session(environ=named).target().reason == "KBENCH_TARGET is set in own.env"


def test_one_client_serves_as_long_as_the_target_stays_the_same() -> None:
    mine = session(KAGGLE_API_TOKEN="t")
    first = mine.client()
    assert mine.client() is first
    mine.environ = {"KAGGLE_API_TOKEN": "another"}
    assert mine.client() is not first
    mine.close()


def _without_local_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look as if the packages of ``[local]`` were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == "starlette" else real(name, *a)
    )

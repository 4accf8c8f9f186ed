from __future__ import annotations

import json
import os
import pickle
import stat
import threading
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import faults
import pytest
from api_helpers import QUICK
from faults import FaultServer

from kbench_jupyter.api import Client, Credentials, find_credentials
from kbench_jupyter.api.credentials.kinds import OAuthCredentials
from kbench_jupyter.errors import CredentialsError, ServerError

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


def found(home: Path, **environ: str) -> tuple[str, str] | None:
    credentials = find_credentials(environ, home)
    return None if credentials is None else (credentials.source, credentials.authorization())


def test_the_official_order_holds(tmp_path: Path) -> None:
    home, notebook = tmp_path / "home", write(tmp_path / "jwt", "notebook-token\n")
    kaggle = home / ".kaggle"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    steps: list[tuple[str, str]] = []
    write(
        kaggle / "credentials.json",
        json.dumps({"refresh_token": "r", "access_token": "oauth", "access_token_expiration": soon}),
    )
    steps.append(found(home) or ("", ""))
    write(kaggle / "kaggle.json", '{"username": "u", "key": "k"}')
    steps.append(found(home) or ("", ""))
    steps.append(found(home, KAGGLE_USERNAME="v", KAGGLE_KEY="k") or ("", ""))
    write(kaggle / "access_token.txt", "second")
    steps.append(found(home) or ("", ""))
    write(kaggle / "access_token", " first \n")
    steps.append(found(home) or ("", ""))
    steps.append(found(home, KAGGLE_API_TOKEN="variable") or ("", ""))
    inside = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "KAGGLE_DATA_PROXY_URL": "https://x"}
    steps.append(
        found(home, KAGGLE_API_TOKEN="variable", KAGGLE_API_V1_TOKEN=str(notebook), **inside) or ("", "")
    )
    assert steps == [
        ("~/.kaggle/credentials.json (kaggle auth login)", "Bearer oauth"),
        ("~/.kaggle/kaggle.json", "Basic dTpr"),
        ("KAGGLE_USERNAME and KAGGLE_KEY", "Basic djpr"),
        ("~/.kaggle/access_token.txt", "Bearer second"),
        ("~/.kaggle/access_token", "Bearer first"),
        ("KAGGLE_API_TOKEN", "Bearer variable"),
        ("this Kaggle notebook", "Bearer notebook-token"),
    ]


def test_nothing_found_is_none(tmp_path: Path) -> None:
    assert find_credentials({}, tmp_path) is None
    (tmp_path / ".kaggle").mkdir()
    assert find_credentials({"KAGGLE_USERNAME": "u"}, tmp_path) is None
    assert find_credentials({"KAGGLE_API_V1_TOKEN": "/nowhere"}, tmp_path) is None


TOKEN = "KGAT_0123456789abcdef"


@pytest.mark.parametrize(
    "path", ["~/.kaggle/gone", "~nobody-of-that-name/token", "/nowhere/token", "./gone", r"C:\gone"]
)
def test_a_path_that_leads_nowhere_is_not_sent_as_a_token(tmp_path: Path, path: str) -> None:
    with pytest.raises(CredentialsError, match="holds the path of a file that is not there"):
        find_credentials({"KAGGLE_API_TOKEN": path}, tmp_path)


def test_a_user_without_a_home_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(
        "pwd.getpwuid", {}.__getitem__
    )  # as in a container that is given any number for its user
    assert find_credentials({}) is None


def test_a_tilde_that_no_shell_expanded_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(tmp_path / "own token", TOKEN).chmod(0o644)
    credentials = find_credentials({"KAGGLE_API_TOKEN": "~/own token"}, tmp_path)
    assert credentials is not None
    assert credentials.source == "the file KAGGLE_API_TOKEN names"
    assert credentials.remark.endswith(f"!chmod 600 '{tmp_path}/own token'")


def test_settings_of_the_official_client_in_kaggle_json_are_no_damaged_credential(tmp_path: Path) -> None:
    write(tmp_path / ".kaggle" / "kaggle.json", '{"competition": "titanic", "path": "/data"}')
    assert find_credentials({}, tmp_path) is None
    write(tmp_path / ".kaggle" / "credentials.json", '{"refresh_token": "r"}')
    for environ in ({}, {"KAGGLE_USERNAME": "u"}):
        credentials = find_credentials(environ, tmp_path)
        assert credentials is not None
        assert "credentials.json" in credentials.source or "OAuth" in credentials.source
    write(tmp_path / ".kaggle" / "kaggle.json", '{"username": "u", "key": "k", "path": "/data"}')
    assert found(tmp_path) == ("~/.kaggle/kaggle.json", "Basic dTpr")


def test_a_home_that_cannot_be_looked_into_is_no_damaged_file(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 300)  # asking for anything in it is an error of the system's, also for root
    with pytest.raises(OSError, match="too long"):
        (home / ".kaggle").stat()
    assert find_credentials({}, home) is None
    assert found(home, KAGGLE_USERNAME="u", KAGGLE_KEY="k") == (
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "Basic dTpr",
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("access_token", b"  \n", "is empty"),
        ("access_token", b'""', "nothing but quotation marks"),
        ("access_token", b"\x80\xff\x00", "something else than text"),
        ("access_token.txt", b"", "is empty"),
        ("kaggle.json", b'{"username": "u", "key": "k"', "no valid JSON at line 1, column 29"),
        ("kaggle.json", b"", "is empty"),
        ("kaggle.json", b"[]", "no object"),
        ("kaggle.json", b'{"username": "u"}', "holds no 'key'"),
        ("kaggle.json", b'{"username": "", "key": "k"}', "holds no 'username'"),
        ("kaggle.json", b"[" * 100_000, "no valid JSON"),
        ("credentials.json", b"{}", "holds no 'refresh_token'"),
        ("credentials.json", b'{"refresh_token": "r', "no valid JSON"),
        ("credentials.json", b"x" * 2_000_000, "far too large"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault_and_never_counts_as_none(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / ".kaggle" / name
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match=f"~/.kaggle/{name} .*{words}") as caught:
        find_credentials({}, tmp_path)
    assert "save it there again" in str(caught.value.hint)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".kaggle" / "access_token").mkdir(parents=True)
    with pytest.raises(CredentialsError, match="access_token is no file"):
        find_credentials({}, tmp_path)
    with pytest.raises(CredentialsError, match="the file KAGGLE_API_TOKEN names is empty"):
        find_credentials({"KAGGLE_API_TOKEN": str(write(tmp_path / "t", ""))}, tmp_path)


def test_a_damaged_kaggle_json_is_no_trouble_to_who_names_both_in_the_environment(tmp_path: Path) -> None:
    write(tmp_path / ".kaggle" / "kaggle.json", "{")
    assert found(tmp_path, KAGGLE_USERNAME="v", KAGGLE_KEY="k") == (
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "Basic djpr",
    )
    with pytest.raises(CredentialsError, match=r"kaggle\.json is damaged"):
        find_credentials({"KAGGLE_USERNAME": "v"}, tmp_path)


def test_each_variable_takes_the_place_of_its_field_in_kaggle_json(tmp_path: Path) -> None:
    file = write(tmp_path / ".kaggle" / "kaggle.json", '{"username": "me", "key": "old"}')
    file.chmod(0o644)
    assert found(tmp_path, KAGGLE_USERNAME="v") == ("~/.kaggle/kaggle.json", basic("v:old"))
    assert found(tmp_path, KAGGLE_KEY="k") == ("KAGGLE_USERNAME and KAGGLE_KEY", basic("me:k"))
    named = find_credentials({"KAGGLE_USERNAME": "v"}, tmp_path)
    assert named is not None
    assert "read by others on this machine" in named.remark


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (TOKEN.encode("utf-8-sig"), 0o600, "byte order mark"),
        (TOKEN.encode("utf-16"), 0o600, "byte order mark"),
        (f'"{TOKEN}"\n'.encode(), 0o600, "quotation marks"),
        (f"\u2018{TOKEN}\u2019".encode(), 0o600, "quotation marks"),
        (TOKEN.encode(), 0o644, "read by others on this machine: !chmod 600"),
        (TOKEN.encode(), 0o600, ""),
    ],
)
def test_what_is_odd_about_a_file_is_remarked_on_and_the_token_used(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    path = tmp_path / ".kaggle" / "access_token"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(mode)
    credentials = find_credentials({}, tmp_path)
    assert credentials is not None
    assert credentials.authorization() == f"Bearer {TOKEN}"
    assert words in credentials.remark
    assert bool(credentials.remark) is bool(words)
    assert TOKEN not in credentials.remark


def test_a_kaggle_notebook_needs_both_variables(tmp_path: Path) -> None:
    token = str(write(tmp_path / "jwt", "t"))
    assert found(tmp_path, KAGGLE_KERNEL_RUN_TYPE="x", KAGGLE_API_V1_TOKEN=token) is None
    assert found(tmp_path, KAGGLE_DATA_PROXY_URL="x", KAGGLE_API_V1_TOKEN=token) is None


def test_the_token_variable_may_name_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t", "inside\n")
    assert found(tmp_path, KAGGLE_API_TOKEN=str(path)) == ("the file KAGGLE_API_TOKEN names", "Bearer inside")


@pytest.mark.parametrize("length", [256, 5000, 100_000])
def test_a_long_token_is_never_taken_for_a_path(tmp_path: Path, length: int) -> None:
    assert found(tmp_path, KAGGLE_API_TOKEN="x" * length) == ("KAGGLE_API_TOKEN", "Bearer " + "x" * length)


def test_kaggle_json_is_looked_for_in_the_named_folder_and_the_xdg_one(tmp_path: Path) -> None:
    content = '{"username": "u", "key": "k"}'
    write(tmp_path / "conf" / "kaggle.json", content)
    write(tmp_path / "xdg" / "kaggle" / "kaggle.json", content)
    assert found(tmp_path, KAGGLE_CONFIG_DIR=str(tmp_path / "conf")) == (
        "kaggle.json in KAGGLE_CONFIG_DIR",
        "Basic dTpr",
    )
    xdg = found(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"))
    assert xdg is not None
    assert xdg[1] == "Basic dTpr"


@pytest.mark.parametrize("secret", ["with\nline", "snow☃man", "nul\0"])
def test_a_token_that_cannot_be_one_is_refused_without_showing_it(tmp_path: Path, secret: str) -> None:
    write(tmp_path / ".kaggle" / "access_token", "s3cr3t" + secret)
    with pytest.raises(CredentialsError, match=r"~/.kaggle/access_token") as caught:
        find_credentials({}, tmp_path)
    assert "s3cr3t" not in "\n".join(caught.value.lines())


def test_credentials_show_their_source_only_and_are_not_pickled() -> None:
    for credentials in (Credentials.bearer("s3cr3t", "here"), Credentials.basic("u", "s3cr3t", "here")):
        assert repr(credentials) == "Credentials(source='here')"
        assert "s3cr3t" not in str(credentials)
        assert credentials.redact("it is s3cr3t") == "it is ***"
        with pytest.raises(TypeError):
            pickle.dumps(credentials)


def oauth(path: Path, expires: datetime, now: datetime = NOW, **fields: Any) -> OAuthCredentials:
    data = {
        "refresh_token": "refresh-s3cr3t",
        "access_token": "old-token",
        "access_token_expiration": expires.isoformat(),
        "username": "me",
        "scopes": ["all"],
        "of_the_future": 1,
        **fields,
    }
    write(path, json.dumps(data))
    loaded = OAuthCredentials.load(path, lambda: now)
    assert loaded is not None
    return loaded


def test_a_sign_in_without_an_access_token_hides_the_other_one(tmp_path: Path) -> None:
    write(tmp_path / ".kaggle" / "credentials.json", '{"refresh_token": "refresh-s3cr3t"}')
    signed_in = find_credentials({}, tmp_path)
    assert signed_in is not None
    assert signed_in.redact("It said refresh-s3cr3t.") == "It said ***."


def test_an_oauth_token_expires_two_minutes_early(tmp_path: Path, server: FaultServer) -> None:
    path = tmp_path / "credentials.json"
    for left, renewed in ((timedelta(seconds=121), False), (timedelta(seconds=119), True)):
        with Client(server.url, oauth(path, NOW + left), limits=QUICK) as client:
            client.task_quota()
        assert server.calls("GetBenchmarkTaskQuota")[-1].headers["authorization"] == (
            "Bearer fresh-token" if renewed else "Bearer old-token"
        )
    request = server.calls("GenerateAccessToken")[0]
    assert request.path == "/v1/users.AccountService/GenerateAccessToken"
    assert request.json == {
        "refreshToken": "refresh-s3cr3t",
        "apiVersion": "API_VERSION_V1",
        "expirationDuration": "43200s",
    }
    assert "authorization" not in request.headers


def test_a_refreshed_token_is_saved_for_the_owner_only_with_all_other_fields(
    tmp_path: Path, server: FaultServer
) -> None:
    path = tmp_path / "credentials.json"
    credentials = oauth(path, NOW)
    path.chmod(0o644)
    old = os.umask(0)
    try:
        with Client(server.url, credentials, limits=QUICK) as client:
            client.task_quota()
    finally:
        os.umask(old)
    stored = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stored["access_token"] == "fresh-token"
    assert datetime.fromisoformat(stored["access_token_expiration"]) == NOW + timedelta(hours=12)
    assert (stored["refresh_token"], stored["username"], stored["of_the_future"]) == (
        "refresh-s3cr3t",
        "me",
        1,
    )
    assert [item.name for item in tmp_path.iterdir()] == ["credentials.json"]


def test_the_official_client_reads_what_was_saved(tmp_path: Path, server: FaultServer) -> None:
    from kagglesdk.kaggle_creds import KaggleCredentials

    path = tmp_path / "credentials.json"
    with Client(server.url, oauth(path, NOW), limits=QUICK) as client:
        client.task_quota()
    theirs = KaggleCredentials.load(client=None, file_path=str(path))
    assert theirs._access_token == "fresh-token"
    assert theirs._access_token_expiration == NOW + timedelta(hours=12)


def test_many_threads_refresh_once(tmp_path: Path, server: FaultServer) -> None:
    with Client(server.url, oauth(tmp_path / "credentials.json", NOW), limits=QUICK) as client:
        threads = [threading.Thread(target=client.task_quota) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.calls("GenerateAccessToken")) == 1
    assert len(server.calls("GetBenchmarkTaskQuota")) == 8


def test_a_token_another_process_renewed_is_used(tmp_path: Path, server: FaultServer) -> None:
    path = tmp_path / "credentials.json"
    credentials = oauth(path, NOW)
    oauth(path, NOW + timedelta(hours=1), access_token="theirs")
    with Client(server.url, credentials, limits=QUICK) as client:
        client.task_quota()
    assert server.calls("GenerateAccessToken") == []
    assert server.requests[0].headers["authorization"] == "Bearer theirs"


def test_a_token_refused_before_its_expiry_is_renewed_once(tmp_path: Path, server: FaultServer) -> None:
    server.authorize = lambda seen: (
        seen.method == "GenerateAccessToken" or seen.headers.get("authorization") == "Bearer fresh-token"
    )
    credentials = oauth(tmp_path / "credentials.json", NOW + timedelta(hours=1))
    with Client(server.url, credentials, limits=QUICK) as client:
        assert client.task_quota().allowed == 10
        server.authorize = lambda seen: seen.method == "GenerateAccessToken"
        with pytest.raises(CredentialsError) as caught:
            client.task_quota()
    assert "kaggle auth login" in str(caught.value.hint)


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refused_refresh_says_to_sign_in_again(tmp_path: Path, server: FaultServer, code: int) -> None:
    server.inject("GenerateAccessToken", *[faults.envelope(code, "bad refresh-s3cr3t")] * 5)
    path = tmp_path / "credentials.json"
    with (
        Client(server.url, oauth(path, NOW), limits=QUICK) as client,
        pytest.raises(CredentialsError, match="renew") as caught,
    ):
        client.task_quota()
    assert "kaggle auth login" in str(caught.value.hint)
    assert "s3cr3t" not in "\n".join(caught.value.lines())
    assert json.loads(path.read_text())["access_token"] == "old-token"


def test_a_server_that_fails_during_a_refresh_is_not_blamed_on_the_credentials(
    tmp_path: Path, server: FaultServer
) -> None:
    server.inject("GenerateAccessToken", *[faults.status(500)] * 5)
    with (
        Client(server.url, oauth(tmp_path / "credentials.json", NOW), limits=QUICK) as client,
        pytest.raises(ServerError),
    ):
        client.task_quota()


def test_introspection_tells_a_good_token_from_a_bad_one(server: FaultServer, client: Client) -> None:
    assert client.introspect_token().username == "me"
    with Client(server.url, Credentials.bearer("bad", "x"), limits=QUICK) as other:
        assert not other.introspect_token().active
        server.authorize = lambda seen: False
        assert not other.introspect_token().active
    with Client(server.url, None) as nobody, pytest.raises(CredentialsError):
        nobody.introspect_token()

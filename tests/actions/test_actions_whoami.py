"""What `%kbench whoami` says of account, target and quota: what is known, who says so, and never a secret."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import faults
import pytest

from kbench_jupyter.actions.whoami import WhoAmI
from kbench_jupyter.errors import CredentialsError
from kbench_jupyter.session.target import Target

REFRESH, ACCESS, KEY = "refresh-s3cr3t", "access-s3cr3t", "key-s3cr3t"


@pytest.fixture
def kaggle(server, monkeypatch, tmp_path):
    """Let the shell's target be the fault server, without credentials; return the folder where they are kept."""
    monkeypatch.setenv("KBENCH_API_URL", server.url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / ".kaggle"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def whoami(shell):
    """Type the command; return text and HTML on one line each, which both hold no secret that a test made."""

    def typed():
        bundle = shell.run_line_magic("kbench", "whoami")._repr_mimebundle_()
        forms = [" ".join(bundle[kind].split()) for kind in ("text/plain", "text/html")]
        packed = b64encode(f"me:{KEY}".encode()).decode()
        assert not [secret for secret in ("s3cr3t", packed) for form in forms if secret in form]
        return forms

    return typed


def save(path: Path, **fields):
    path.write_text(json.dumps(fields))
    path.chmod(0o600)


def sign_in(folder: Path, **fields):
    """Leave what ``kaggle auth login`` leaves."""
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    common = {"refresh_token": REFRESH, "access_token": ACCESS, "access_token_expiration": expiry}
    save(folder / "credentials.json", **common, **fields)


def introspected(**answer):
    def fault(exchange):
        exchange.answer(200, dict(faults.JSON), json.dumps(answer).encode())

    return fault


def test_a_token_is_asked_about_and_target_and_quotas_stand_beside_the_answer(
    server, kaggle, whoami, monkeypatch
):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
    for form in whoami():
        for words in (
            "Signed in as me",
            "me (confirmed by the server)",
            server.url,
            "KAGGLE_API_TOKEN",
            "KBENCH_API_URL is set",
            "benchmark runs",
            "$1.50",
            "$10.00",
            "model proxy",
            "monthly",
            "$20.00",
        ):
            assert words in form
        assert "Quota for" not in form
    [asked] = server.calls("IntrospectToken")
    assert asked.json == {"token": "good"}


def test_quotas_are_the_rows_that_the_command_quota_shows(kaggle, shell, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
    rows = shell.run_line_magic("kbench", "whoami").records()
    assert rows == shell.run_line_magic("kbench", "quota").records()
    assert len(rows) == 2


def test_a_user_name_and_key_are_tried_and_the_key_is_not_shown(server, kaggle, whoami):
    save(kaggle / "kaggle.json", username="me", key=KEY)
    for form in whoami():
        assert "me (confirmed by the server)" in form
        assert "~/.kaggle/kaggle.json" in form
    assert not server.calls("IntrospectToken")


def test_a_user_name_that_the_server_refuses_is_only_what_the_file_says(server, kaggle, whoami):
    save(kaggle / "kaggle.json", username="me", key=KEY)
    server.authorize = lambda seen: False
    for form in whoami():
        assert "The server does not say who is signed in" in form
        assert "me, says ~/.kaggle/kaggle.json; the server does not confirm the credentials" in form
        refusal = "not known. The server refused the credentials from ~/.kaggle/kaggle.json."
        assert f"Quota for benchmark runs and the model proxy: {refusal}" in form
        assert "token of its own" in form, "what to do about it"
        assert "Signed in as" not in form


def test_a_key_in_the_place_of_the_user_name_is_not_shown(kaggle, whoami):
    save(kaggle / "kaggle.json", username=KEY, key=KEY)
    text, _ = whoami()
    assert "*** (confirmed by the server)" in text


def test_a_token_that_the_server_does_not_know_has_no_user_name_and_its_quotas_are_shown(
    kaggle, whoami, monkeypatch
):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "unknown-s3cr3t")
    for form in whoami():
        assert "not known: the server does not confirm the credentials" in form
        assert "$10.00" in form


def test_a_server_that_repeats_the_token_does_not_have_it_shown(server, kaggle, whoami, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "echoed-s3cr3t")
    server.inject("IntrospectToken", introspected(active=True, username="you with echoed-s3cr3t"))
    for method in ("GetBenchmarkTaskQuota", "GetModelProxyQuotas"):
        server.inject(method, faults.envelope(403, "echoed-s3cr3t may not"))
    text, _ = whoami()
    assert "Signed in as you with ***" in text
    assert "*** may not" in text


def test_a_sign_in_by_browser_is_confirmed_by_the_server_or_said_to_be_the_files_word(server, kaggle, whoami):
    sign_in(kaggle, username="me")
    server.inject("IntrospectToken", introspected(active=True, username="me"), introspected(active=True))
    assert "me (confirmed by the server)" in whoami()[0]
    text, _ = whoami()
    assert "me, says ~/.kaggle/credentials.json (kaggle auth login)" in text
    assert "the server takes the credentials, but names nobody" in text


def test_without_credentials_nobody_is_signed_in_and_nothing_is_asked_about(server, kaggle, whoami):
    server.authorize = lambda seen: False
    for form in whoami():
        assert "Nobody is signed in" in form
        assert "The server asks for credentials, and none were found." in form
        assert "settings/api" in form
    assert not server.calls("IntrospectToken")


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (("GetBenchmarkTaskQuota", "GetModelProxyQuotas"), "Quota for benchmark runs and the model proxy:"),
        (("GetBenchmarkTaskQuota",), "Quota for benchmark runs:"),
        (("GetModelProxyQuotas",), "Quota for the model proxy:"),
    ],
)
def test_a_quota_that_the_server_does_not_offer_is_one_plain_line_and_the_other_is_shown(
    server, kaggle, whoami, monkeypatch, missing, line
):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
    for method in missing:
        server.inject(method, faults.status(404))
    place = server.url.removeprefix("http://")
    for form in whoami():
        assert f"{line} {place} does not offer it." in form
        assert form.count("Quota for") == 1
        assert ("$10.00" in form) == ("GetBenchmarkTaskQuota" not in missing)
        assert ("$20.00" in form) == ("GetModelProxyQuotas" not in missing)


def test_a_quota_that_is_refused_is_said_with_what_to_do(server, kaggle, whoami, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good")
    server.inject("GetModelProxyQuotas", faults.envelope(403, "not for you"))
    for form in whoami():
        assert "Quota for the model proxy: not known. GetModelProxyQuotas is not allowed (403)" in form
        assert "your account is verified" in form
        assert "Signed in as me" in form


def test_of_an_address_with_a_query_the_query_is_not_shown():
    target = Target("kaggle", "https://api.example/kaggle?key=s3cr3t", None, "KBENCH_API_URL is set")
    assert "https://api.example/kaggle" in str(WhoAmI(target))
    assert "s3cr3t" not in str(WhoAmI(target))


def test_kaggle_without_credentials_is_the_error_of_every_command(whoami, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KBENCH_TARGET", "kaggle")
    with pytest.raises(CredentialsError, match="no Kaggle credentials were found"):
        whoami()


@pytest.mark.slow
def test_the_embedded_server_has_one_account_and_no_quotas_and_its_token_is_not_shown(
    shell, whoami, server_home, monkeypatch
):
    monkeypatch.setenv("KBENCH_HOME", str(server_home))
    forms = whoami()
    for form in forms:
        assert "without a Kaggle account" in form
        assert "local (the embedded server&#x27;s only account)" in form.replace("'", "&#x27;")
        assert "no Kaggle credentials found" in form
        assert "Quota for benchmark runs and the model proxy: the embedded server has none." in form
    shown = shell.run_line_magic("kbench", "whoami")
    token = shown.target.credentials.token()
    assert token
    assert not [form for form in forms if token in form]

"""Secrets are found, their values are shown nowhere, and what only looks like one is left alone."""

from __future__ import annotations

import pytest
from validation_helpers import IMPORT, findings_of

from kbench_jupyter.validation.secrets import find_secrets, mask

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"

# Put together here, so that no scanner takes this file for a leak.
SECRETS = [
    "KGAT_" + LETTERS,
    "hf_" + LETTERS + "abcd",
    "sk-ant-api03-" + LETTERS,
    "sk-or-v1-" + LETTERS,
    "sk-proj-" + LETTERS + "_x",
    "AIza" + LETTERS + "xyz",
    "ghp_" + LETTERS + "abcd",
    "github_pat_" + LETTERS + "_abcdefgh",
    "glpat-" + LETTERS,
    "AKIA" + "QWERTY7UIOP9ASDF",
    "xoxb-" + LETTERS,
    "gsk_" + LETTERS + LETTERS,
    "r8_" + LETTERS,
    "pypi-" + LETTERS + LETTERS,
    "-----BEGIN RSA PRIVATE " + "KEY-----",
    # Digits in a row, as they come up by chance.
    "KGAT_" + "9f8e0000d6c5b4a39281706f5e4d3c2b",
    "hf_" + "AbCdEfGhIjKlMnOpQr1234tUvWxYzAbCd",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_shape_is_an_error_and_is_never_shown(secret):
    (finding,) = [
        f
        for f in findings_of(IMPORT, f"a = 1\nclient = Client('{secret}')\nfrom x import Client")
        if f.code == "KB503"
    ]
    assert (finding.severity.value, finding.cell.number, finding.line) == ("error", 2, 2)
    assert secret not in repr(findings_of(IMPORT, f"client = Client('{secret}')"))
    assert "***" in finding.text


@pytest.mark.parametrize(
    "line",
    [
        "api_key = 'q7Rz81mXc4Vb20LkP9sT'",
        "os.environ['SERVICE_TOKEN'] = 'q7Rz81mXc4Vb20LkP9sT'",
        "login(token='q7Rz81mXc4Vb20LkP9sT')",
        "headers = {'Authorization': 'Bearer q7Rz81mXc4Vb20LkP9sT'}",
        '{"password": "q7Rz81mXc4Vb20LkP9sT"}',
        "API_KEY: str = 'q7Rz81mXc4Vb20LkP9sT'",
        "%env KAGGLE_KEY=q7Rz81mXc4Vb20LkP9sT",
        "%env KAGGLE_KEY q7Rz81mXc4Vb20LkP9sT",
        "!export SERVICE_TOKEN=q7Rz81mXc4Vb20LkP9sT",
        "text = 'A=1 OPENAI_API_KEY=q7Rz81mXc4Vb20LkP9sT'",
        "%%writefile .env\nMODEL_PROXY_API_KEY=q7Rz81mXc4Vb20LkP9sT",
        "prompt = 'What does eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.q7Rz81mXc4Vb20LkP9sT say?'",
        "url = 'https://ada:q7Rz81mXc4Vb20LkP9sT@wiki.org'",
    ],
)
def test_a_value_with_a_telling_name_is_a_warning_and_is_never_shown(line):
    found = [f for f in findings_of("import os", line) if f.code == "KB503"]
    assert [f.severity.value for f in found] == ["warning"]
    assert "q7Rz81mXc4Vb20LkP9sT" not in repr(findings_of("import os", line))


def test_a_kaggle_json_in_the_source_is_an_error():
    key = "9f8e7d6c5b4a3928" + "1706f5e4d3c2b1a0"
    found = findings_of(IMPORT, f'creds = {{"username": "ada", "key": "{key}"}}')
    assert [f.severity.value for f in found if f.code == "KB503"] == ["error"]
    assert key not in repr(found)


def test_a_password_in_a_url_is_found():
    assert mask("postgres://ada:pa55-w0rd@db.example.org/x") == "postgres://***@db.example.org/x"


@pytest.mark.parametrize(
    "line",
    [
        "api_key = os.environ['OPENAI_API_KEY']",
        "token = 'your-token-goes-here-0123456789'",
        "api_key = 'sk-your-key-here-xxxxxxxxxxxxxxxxxxxxxxx'",
        "model = 'anthropic/claude-haiku-4-5@20251001'",
        "tokens = 'one two three four five six'",
        "key = 'questions/2024/first-round/answers.csv'",
        "secret_name = 'projects/my-project-42/secrets/openai/versions/1'",
        "password_hint = 'the name of the first dog'",
        "task-based-evaluation-of-language-models = 1",
        "url = 'https://example.com:8080/path?x=1@2'",
        "token_file = '/home/user/.kaggle/access_token_2024'",
        "url = 'https://x.org/sk-learn-0-24-documentation-for-beginners'",
        "url = 'https://x.org/sk-proj-notes-of-2024-for-the-new-team'",
        "url = 'postgres://user:password@localhost/db'",
        "url = 'https://ada:my_secret@wiki.org'",
        "MODEL_KEY = MODEL_KEY_OF_2024.get(API_KEY=read_the_key_of_2024())",
        "call(API_KEY=os.environ[name], MAX_TOKENS=1000000000000000000)",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(line):
    assert list(find_secrets(line)) == []
    assert mask(line) == line


def test_any_finding_on_a_line_with_a_secret_hides_it():
    secret = SECRETS[2]
    found = findings_of(IMPORT, f"print(undefined_name, '{secret}')", f"x = ('{secret}'")
    assert {"KB101", "KB503"} <= {f.code for f in found}
    assert secret not in repr(found)


def test_a_secret_in_text_cells_is_found_as_well():
    from kbench_jupyter.notebook.source import CellRef, SourceCell, TaskSource
    from kbench_jupyter.validation import check

    cells = (SourceCell("markdown", f"My key:\n{SECRETS[1]}", CellRef(4), (1, 2)),)
    found = [f for f in check(TaskSource("", cells, "a test")) if f.code == "KB503"]
    assert [(f.cell.number, f.line) for f in found] == [(5, 2)]

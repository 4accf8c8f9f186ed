"""Secrets are found, their values are shown nowhere, and what only looks like one is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from validation_helpers import IMPORT, findings_of

from kbench_jupyter.validation.rules.secrets import find_secrets, mask

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
        '{"password": "q7Rz81mXc4Vb20LkP9sT"}',
        "API_KEY: str = 'q7Rz81mXc4Vb20LkP9sT'",
        "%env KAGGLE_KEY=q7Rz81mXc4Vb20LkP9sT",
        "%env KAGGLE_KEY q7Rz81mXc4Vb20LkP9sT",
        "!export SERVICE_TOKEN=q7Rz81mXc4Vb20LkP9sT",
        "%%writefile .env\nMODEL_PROXY_API_KEY=q7Rz81mXc4Vb20LkP9sT",
    ],
)
def test_what_its_name_and_its_value_call_a_secret_is_an_error_and_is_never_shown(line):
    found = [f for f in findings_of("import os", line) if f.code == "KB503"]
    assert [f.severity.value for f in found] == ["error"]
    assert "q7Rz81mXc4Vb20LkP9sT" not in repr(findings_of("import os", line))


@pytest.mark.parametrize(
    "line",
    [
        "headers = {'Authorization': 'Bearer q7Rz81mXc4Vb20LkP9sT'}",
        "text = 'A=1 OPENAI_API_KEY=q7Rz81mXc4Vb20LkP9sT'",
        "prompt = 'What does eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.q7Rz81mXc4Vb20LkP9sT say?'",
        "url = 'https://ada:q7Rz81mXc4Vb20LkP9sT@wiki.org'",
    ],
)
def test_what_may_stand_in_a_task_as_well_is_a_warning_and_is_never_shown(line):
    found = [f for f in findings_of("import os", line) if f.code == "KB503"]
    assert [f.severity.value for f in found] == ["warning"]
    assert "q7Rz81mXc4Vb20LkP9sT" not in repr(findings_of("import os", line))


@pytest.mark.parametrize(
    "line",
    [
        'API_KEY = "hunter2-team"',
        'api_key: str = "hunter2-team"',
        'self.api_key = "hunter2-team"',
        'PASSWORD = "hunter2"',
        'USER, PASSWORD = "ada", "hunter2"',
        'PASSWORD = other = "hunter2"',
        'KEY = "hunter2"',
        'os.environ["MY_KEY"] = "hunter2"',
        'environ["OPENAI_API_KEY"] = "hunter2"',
        'os.environ.update(MY_TOKEN="hunter2")',
        'os.environ.update({"MY_KEY": "hunter2"})',
        'os.environ |= {"A": "b", "MY_KEY": "hunter2"}',
        'os.environ.setdefault("MY_KEY", "hunter2")',
        'os.putenv("MY_KEY", "hunter2")',
        'k = os.environ.get("MY_KEY", "hunter2")',
        'k = os.getenv("MY_KEY", "hunter2")',
        'k = os.getenv("MY_KEY") or "hunter2"',
        'k = f(os.environ.get("MY_KEY") or "hunter2", url)',
        "%env MY_KEY=hunter2",
        "%env MY_KEY hunter2",
        "env MY_KEY=hunter2",
        "x = %env MY_KEY=hunter2",
        "!export MY_KEY=hunter2",
        "!MY_KEY=hunter2 python serve.py",
        'client = Client(url, api_key="hunter2")',
        'def f(url, token="hunter2"): ...',
        'def f(url, token: str = "hunter2"): ...',
        'cfg = {"api_key": "hunter2"}',
        'cfg = {"url": "x", "X-API-Key": "hunter2"}',
        'headers["x-api-key"] = "hunter2"',
        'accessToken = "hunter2"',
        'apiKey = b"hunter2"',
        'API_KEY = f"hunter2"',
        'API_KEY = ("hunter2" "team")',
        'API_KEY = "hunter2" + "team"',
        'API_KEY = ("""hunter2""")',
        'DB_PASSWD = r"hunter2"',
        'CREDENTIAL = "hunter2"',
        '# API_KEY = "hunter2"',
        'if (token := "hunter2"): ...',
        'PASSWORD = "banana"',
        'os.environ["SECRET"] = "banana"',
        'TOKEN = "bananabananabananabanana"',
        'SECRET_KEY = "hunter2"',
        'SECRET_ACCESS_KEY = "hunter2"',
        'x = 1; API_KEY = "hunter2"',
        'API_KEY: Final[str] = "hunter2"',
        "%%bash\nexport MY_KEY=hunter2",
        "%%writefile .env\nMY_KEY=hunter2",
    ],
)
def test_a_literal_value_of_a_name_that_says_secret_is_a_warning_whatever_it_looks_like(line):
    found = [f for f in findings_of(IMPORT, line) if f.code == "KB503"]
    assert [f.severity.value for f in found] == ["warning"]
    assert "is named like a secret" in found[0].message
    assert not re.search("hunter|banana", repr(found) + mask(line))
    marked = line.replace("\n", "  # kbench: ignore[KB503]\n") + "  # kbench: ignore[KB503]"
    if not line.startswith(("%", "!", "x = %", "env")):  # there a comment would be part of the value
        assert "KB503" not in [f.code for f in findings_of(IMPORT, marked)]


@pytest.mark.parametrize(
    "line",
    [
        'MONKEY = "hunter2"',
        'tokenizer = "hunter2"',
        'MAX_TOKENS = "4000"',
        'KEYBOARD = "qwerty"',
        'rows.sort(key="score")',
        'KEYS = {"a": "bcde"}',
        'ANSWER_KEY = "ABDCA"',
        'ANSWER_KEY = "B"',
        'token = "yes"',
        'token = ""',
        'API_KEY = "..."',
        'API_KEY = "<your key>"',
        'API_KEY = "YOUR_KEY_HERE"',
        'API_KEY = "OPENAI_API_KEY"',
        'secret = "openai-api-key"',
        'api_key = "ollama"',
        'EOS_TOKEN = "<|endoftext|>"',
        'STOP_TOKEN = "###END"',
        'key = "accuracy"',
        '{"key": "value"}',
        '{"token": "apple"}',
        '{"password": "The password of the user"}',
        'password == "hunter2"',
        'token != "hunter2"',
        'token = "hunter2 %s" % x',
        'token = f"Bearer {x}"',
        'token = "Bearer " + x',
        'd["token":"hunter2"]',
        'print("token", "hunter2")',
        'row.get("token", "hunter2")',
        'secret_name = "hunter2"',
        'f(x, token, name="hunter2")',
        'token, name = f("hunter2")',
        'name, token = "hunter2", next(x)',
        'TOKEN_LIMIT = "hunter2"',
        'api_key = os.environ["MY_KEY"]',
        "api_key=None",
        "%env MY_KEY=$OTHER",
        "%env MY_KEY",
        'lambda token: "hunter2"',
        'if token: "hunter2"',
        'found = token in ("hunter2",)',
        'sort_key = "hunter2"',
        '"TOKEN=hunter2"',
        'f(names=["a"], key="hunter2")',
        "llm.prompt(\"My password = 'hunter2'\")",
        '{"answer_key": "hunter2"}',
        'api_key_env="MY_KEY"',
        'PUBLIC_KEY = "hunter2"',
        'SECRET_WORD = "banana"',
        'secret_number = "4711"',
        'KEY_PHRASE = "climate-change"',
        'secret = "elephant"',
    ],
)
def test_names_and_values_that_are_evidently_no_secret_are_left_alone(line):
    assert list(find_secrets(line)) == []
    assert mask(line) == line


PIECES = ["API_KEY", "token", "x", "environ", "=", ":=", ":", ",", ".", "(", ")", "[", "]", "{", "}", "+", "%", "#",
          "\n", " ", '"hunter2-x"', '"', "'", '"="', '"]"', "f'{x}'", "%env ", "export ", "=="]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_read_and_hidden_with_as_many_lines_as_it_had(text):
    assert mask(text).count("\n") == text.count("\n")
    for secret in find_secrets(text):
        assert text[secret.start : secret.end].strip()


def test_in_prose_a_name_alone_makes_no_secret_of_what_stands_behind_it():
    assert list(find_secrets('The password = "hunter2" of the puzzle', prose=True)) == []


def test_a_private_key_is_hidden_with_its_lines_and_the_lines_below_keep_their_numbers():
    body = "MIIabcdefghijklmnopqrst9x7\nQrst91827364554637281\nab=="
    begin, end = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
    text = f'x = """{begin}\n{body}\n{end}"""\ny = 1'
    for written in (text, text.replace(f"\n{end}", "")):
        assert not re.search("MII|Qrst|ab==", mask(written))
        assert mask(written).split("\n").index("y = 1") == written.split("\n").index("y = 1")


def test_a_line_of_a_secret_that_began_above_is_hidden_in_other_findings_as_well():
    found = findings_of(
        IMPORT, 'API_KEY = ("hunter2" +\n    "team", missing)', 'TOKEN = (\n  "hunter2"\n  "team")'
    )
    assert "KB901" in {f.code for f in found}
    assert "team" not in repr(found)


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
        "x['api_key'], y[0] = 1, 2",
        "f('token', '=', 'hunter2')",
        "secret_model = 'llama-3'",
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

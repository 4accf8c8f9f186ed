"""Settings: %config over the environment over .env over the default, and each says where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.errors import TargetError, UsageError


def setting(shell: InteractiveShell, name: str) -> tuple[str, str]:
    rows: Any = shell.run_line_magic("kbench", "config").rows
    return next((value, source) for setting, value, source, _ in rows if setting == name)


def test_a_setting_comes_from_config_then_environment_then_env_file_then_default(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setting(shell, "env_file") == (".env", "default")
    Path(".env").write_text("KBENCH_TARGET=local\nOTHER=1\n")
    assert setting(shell, "target") == ("local", ".env")
    monkeypatch.setenv("KBENCH_TARGET", "kaggle")
    assert setting(shell, "target") == ("kaggle", "environment variable KBENCH_TARGET")
    shell.run_line_magic("config", "KBench.target = 'local'")
    assert setting(shell, "target") == ("local", "%config KBench.target")
    shell.run_line_magic("config", "KBench.target = ''")
    assert setting(shell, "target")[0] == "kaggle"


def test_a_setting_made_with_config_is_obeyed(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.run_line_magic("config", f"KBench.home = {str(tmp_path / 'kbench')!r}")
    shell.run_line_magic("config", "KBench.target = 'kaggle'")
    with pytest.raises(Exception, match="no Kaggle credentials were found"):
        shell.run_line_magic("kbench", "list")


def refusal(shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str) -> str:
    caplog.clear()
    shell.run_line_magic("config", f"KBench.{line}")
    return caplog.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("target = 'locl'", ["Did you mean local?", "kaggle, local"]),
        ("target = 'mars'", ["no target 'mars'", "kaggle, local"]),
        ("target = 5", ["takes text, not int", "Put it in quotes"]),
        ("api_url = 'api.kaggle.com'", ["no web address"]),
        ("api_url = 'http://example.org'", ["plain http"]),
        ("env_file = '.'", ["is a folder"]),
        ("env_file = 5", ["takes text, not int"]),
        ("home = 'a-file'", ["is a file"]),
        ("home = []", ["takes text, not list"]),
        ("download_limit_gb = -1", ["number of GB above 0", "-1"]),
        ("download_limit_gb = float('nan')", ["number of GB above 0", "nan"]),
        ("download_limit_gb = float('inf')", ["number of GB above 0", "inf"]),
        ("download_limit_gb = 0", ["number of GB above 0"]),
        ("download_limit_gb = True", ["number of GB above 0"]),
        ("download_limit_gb = []", ["number of GB above 0"]),
        ("pass_env = 'A, B=1'", ["'B' is not the name of an environment variable"]),
        ("download_limit_gb = 'much'", ["number of GB above 0", "much"]),
        ("kernel_ahead = 'maybe'", ["on or off", "maybe"]),
        ("kernel_ahead = 2", ["on or off", "2"]),
        ("targt = 'local'", ["Did you mean KBench.target?"]),
        ("workers = 4", ["KBENCH_WORKERS"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_as_it_is_set_and_the_refusal_says_what_could(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str, words: list[str]
) -> None:
    Path("a-file").touch()
    said = refusal(shell, caplog, line)
    assert all(word in said for word in words), said
    assert "trait" not in said


def test_a_refused_value_stops_the_commands_after_it_until_there_is_a_good_one(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture
) -> None:
    """%config lets its cell succeed, so *Run All* would go on, to a server that was not meant."""
    assert refusal(shell, caplog, "target = 'locl'")
    with pytest.raises(UsageError, match="Did you mean local"):
        shell.run_line_magic("kbench", "list")
    assert not refusal(shell, caplog, "target = 'local'")
    assert setting(shell, "target") == ("local", "%config KBench.target")


def test_config_marks_a_value_that_cannot_be_and_other_commands_say_where_it_stands(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBENCH_TARGET", "locl")
    monkeypatch.setenv("KBENCH_KERNEL_AHEAD", "maybe")
    shown: Any = shell.run_line_magic("kbench", "config")
    assert shown.wrong == ("target", "kernel_ahead")
    assert "✗ locl" in str(shown)
    assert (
        shown.notes[0] == "target cannot be what environment variable KBENCH_TARGET says. "
        "There is no target 'locl'. Did you mean local?   (there are: kaggle, local)"
    )
    with pytest.raises(TargetError, match="'locl', which the environment variable KBENCH_TARGET names"):
        shell.run_line_magic("kbench", "list")
    monkeypatch.delenv("KBENCH_TARGET")
    Path(".env").write_text("KBENCH_TARGET=mars\n")
    with pytest.raises(TargetError, match=r"'mars', which KBENCH_TARGET in \.env names"):
        shell.run_line_magic("kbench", "list")


@pytest.mark.parametrize("line", ["target = 'xx'", "home = 5", "api_url = 'nowhere'", "env_file = '.'"])
def test_config_works_after_a_refused_value_and_shows_the_refusal(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    assert refusal(shell, caplog, line)
    name = line.split()[0]
    assert setting(shell, name) == ("refused", f"%config KBench.{name}")
    shown: Any = shell.run_line_magic("kbench", "config")
    assert shown.wrong == (name,)
    assert f"KBench.{name} was not set" in str(shown)
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("kbench", "auth")
    way_out = (caught.value.hint or "").splitlines()[-1].removeprefix("To do without: %config ")
    assert way_out == f"KBench.{name} = ''"
    shell.run_line_magic("config", way_out)
    assert not shell.run_line_magic("kbench", "config").wrong


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("download_limit_gb = 5", "download_limit_gb", "5"),
        ("download_limit_gb = 0.5", "download_limit_gb", "0.5"),
        ("download_limit_gb = '50'", "download_limit_gb", "50"),
        ("kernel_ahead = False", "kernel_ahead", "off"),
        ("kernel_ahead = 'on'", "kernel_ahead", "on"),
        ("env_file = __import__('pathlib').Path('my.env')", "env_file", "my.env"),
        ("home = 'a-new-folder'", "home", "a-new-folder"),
        ("api_url = 'https://kaggle.example'", "api_url", "https://kaggle.example"),
    ],
)
def test_a_value_may_be_a_number_or_a_path_where_it_is_one(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str, name: str, value: str
) -> None:
    assert not refusal(shell, caplog, line)
    assert setting(shell, name) == (value, f"%config KBench.{name}")


def test_an_address_that_is_refused_is_not_shown_with_its_password(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture
) -> None:
    said = refusal(shell, caplog, "api_url = 'https://ada:hush@kaggle.example'")
    assert "user name or password" in said
    assert "hush" not in said


def test_a_bad_setting_of_a_profile_leaves_nothing_half_loaded(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    shell.config.KBench.target = "locl"
    with pytest.raises(UsageError, match="Did you mean local"):
        shell.run_line_magic("load_ext", "kbench_jupyter")
    assert "kbench" not in shell.magics_manager.magics["line"]
    shell.config.KBench.target = "local"
    shell.run_line_magic("load_ext", "kbench_jupyter")
    assert setting(shell, "target") == ("local", "%config KBench.target")


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("KBENCH_API_URL", "https://ada:hush@kaggle.example/api/?key=hush", "https://kaggle.example/api"),
        ("KBENCH_API_URL", "ada:hush@kaggle.example", "kaggle.example"),
        ("KBENCH_API_URL", "https://ada:hush@[kaggle.example", "[kaggle.example"),
        ("KBENCH_UPSTREAM_URL", "http://ada:hush@127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"),
        ("KBENCH_HOME", "https://ada:hush@kaggle.example/home", "https://kaggle.example/home"),
        ("KBENCH_HOME", "ada@lab/home", "ada@lab/home"),
    ],
)
def test_config_shows_no_secret_of_an_address_and_all_of_a_path(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, shown: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert setting(shell, variable.removeprefix("KBENCH_").lower())[0] == shown


def test_only_kbench_lines_of_the_env_file_are_settings(shell: InteractiveShell) -> None:
    Path(".env").write_text("KAGGLE_API_TOKEN=must-not-be-read-as-a-credential\nKBENCH_TARGET=kaggle\n")
    with pytest.raises(Exception, match="no Kaggle credentials were found"):
        shell.run_line_magic("kbench", "list")


def test_config_lists_the_settings(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("config", "KBench")
    assert "KBench.target" in capsys.readouterr().out


def test_unloading_takes_the_settings_away(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "kbench_jupyter")
    assert "KBench" not in [type(each).__name__ for each in shell.configurables]
    shell.run_line_magic("load_ext", "kbench_jupyter")

"""A task gets no environment variable of the user's but those that were asked for by name."""

from __future__ import annotations

import pytest

from kbench_jupyter.actions.passing import Passing
from kbench_jupyter.actions.session import Session


@pytest.fixture
def environment(monkeypatch):
    for name in ("KAGGLE_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_SETTING"):
        monkeypatch.setenv(name, f"value of {name}")


def test_nothing_of_the_users_reaches_the_task_unasked(environment):
    env = Passing.of(Session(), {"DB_PASSWORD": "in the env file"}).environment()
    assert not env.keys() & {"KAGGLE_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_SETTING", "DB_PASSWORD", "HOME"}
    assert env["PATH"]


def test_a_variable_is_passed_by_name_from_the_environment_or_the_env_file_and_the_result_says_so(
    environment,
):
    passing = Passing.of(Session(), {"DB_PASSWORD": "in the env file"}, ["MY_SETTING", "DB_PASSWORD", "GONE"])
    env = passing.environment()
    assert (env["MY_SETTING"], env["DB_PASSWORD"]) == ("value of MY_SETTING", "in the env file")
    assert passing.notes == [
        "Passed to the task from your environment, and not there on Kaggle: MY_SETTING, DB_PASSWORD.",
        "To be passed to the task, but not set: GONE.",
    ]
    assert "value" not in repr(passing.notes)


def test_the_setting_passes_variables_like_the_flag(environment):
    session = Session(environ={"KBENCH_PASS_ENV": " MY_SETTING , "})
    assert Passing.of(session, {}).environment()["MY_SETTING"] == "value of MY_SETTING"


def test_a_task_that_misses_a_variable_of_the_users_is_told_how_to_pass_it(environment):
    passing = Passing.of(Session(), {})
    hint = passing.missed("KeyError: 'MY_SETTING'")
    assert "--pass-env MY_SETTING" in hint
    assert "not be there on Kaggle" in hint
    assert not passing.missed("KeyError: 'SOMETHING_ELSE'")
    assert not Passing.of(Session(), {}, ["MY_SETTING"]).missed("KeyError: 'MY_SETTING'")

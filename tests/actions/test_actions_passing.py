"""A task gets no environment variable of the user's but those that were asked for by name."""

from __future__ import annotations

import os
import traceback

import pytest

from kbench_jupyter.actions.rehearsing.passing import Passing
from kbench_jupyter.errors import UsageError
from kbench_jupyter.session.session import Session


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
        "Passed to the task from your environment, and not there on the server: MY_SETTING, DB_PASSWORD.",
        "To be passed to the task, but not set: GONE.",
    ]
    assert "value" not in repr(passing.notes)


def test_the_setting_passes_variables_like_the_flag(environment):
    session = Session(environ={"KBENCH_PASS_ENV": " MY_SETTING , "})
    assert Passing.of(session, {}).environment()["MY_SETTING"] == "value of MY_SETTING"


def failed(look_up, name):
    """The traceback of code that looks for something that is not there."""
    with pytest.raises(KeyError) as caught:
        look_up(name)
    return "".join(traceback.format_exception(caught.value))


def variable(name):
    """Look up a variable in an environment that has none."""
    own = os.environ
    return type(own)({}, own.encodekey, own.decodekey, own.encodevalue, own.decodevalue)[name]


def test_a_task_that_misses_a_variable_of_the_users_is_told_how_to_pass_it(environment):
    passing = Passing.of(Session(), {})
    looked_up = failed(variable, "MY_SETTING")
    hint = passing.missed(looked_up)
    assert "--pass-env MY_SETTING" in hint
    assert "not be there on the server" in hint
    assert not Passing.of(Session(), {}, ["MY_SETTING"]).missed(looked_up)
    assert not passing.missed(failed(variable, "SOMETHING_ELSE"))


def test_a_key_that_a_dict_lacks_is_no_variable(environment):
    assert not Passing.of(Session(), {}).missed(failed({}.__getitem__, "MY_SETTING"))

    def either(name):
        try:
            variable(name)
        except KeyError:
            return {}[name]

    assert not Passing.of(Session(), {}).missed(failed(either, "MY_SETTING"))


@pytest.mark.parametrize("asked", ["TOKEN=hunter2", "A,B", "", "MY-NAME"])
def test_what_is_no_name_is_refused_and_its_value_not_repeated(environment, asked):
    with pytest.raises(UsageError) as caught:
        Passing.of(Session(), {}, [asked])
    assert "hunter2" not in "\n".join(caught.value.lines())
    with pytest.raises(UsageError) as caught:
        Passing.of(Session(environ={"KBENCH_PASS_ENV": asked.replace(",", "-") or "-"}), {})
    assert "KBENCH_PASS_ENV" in (caught.value.hint or "")


def test_the_variable_of_this_process_passes_nothing_that_the_setting_in_force_does_not_name(
    environment, monkeypatch
):
    monkeypatch.setenv("KBENCH_PASS_ENV", "KAGGLE_API_TOKEN")
    passing = Passing.of(Session(environ={"KBENCH_PASS_ENV": "MY_SETTING"}), {})
    assert passing.environment().keys() & {"KAGGLE_API_TOKEN", "MY_SETTING"} == {"MY_SETTING"}

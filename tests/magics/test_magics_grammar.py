"""What may be typed after %kbench, and what a slip is answered with."""

from __future__ import annotations

import contextlib
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.declaration import COMMANDS, GRAMMAR
from kbench_jupyter.magics.grammar import Command, uncommented, usage
from kbench_jupyter.magics.help import explain, overview


@pytest.mark.parametrize(
    "line",
    [
        "push my-task -f task.py --wait 60 --poll-interval 5 -d owner/ds",
        "b t push my-task -f task.py --wait 60 --poll-interval 5 -d owner/ds",
        "benchmarks tasks push my-task -f task.py --wait 60 --poll-interval 5 -d owner/ds",
        "kaggle b t push my-task -f task.py --wait 60 --poll-interval 5 -d owner/ds",
    ],
)
def test_an_example_line_of_the_official_client_means_the_same(line: str) -> None:
    call = GRAMMAR.parse(line)
    assert call.command.name == "push"
    assert (call.task, call.file, call.wait, call.poll_interval) == ("my-task", "task.py", 60.0, 5.0)
    assert call.kaggle_dataset == ["owner/ds"]


@pytest.mark.parametrize(
    "line",
    [
        "kaggle b init -y",
        "kaggle b auth -y",
        "kaggle benchmarks init --env-file my.env --example-file my_task.py --yes",
        "kaggle b t push my-task -f task.py",
        "kaggle b t push my-task -f task.py --wait",
        "kaggle b t push my-task -f task.py --wait 600 --poll-interval 10 -v",
        "kaggle b t push my-task -f task.py -d owner/dataset1 -d owner/dataset2",
        "kaggle b t push my-task --file task.py --kaggle-dataset owner/dataset1 --verbose",
        "kaggle b t push what-is-kaggle -f example_task.py --wait",
        "kaggle b t run my-task",
        "kaggle b t run my-task -m gemini-3.5-flash",
        "kaggle b t run my-task -m gemini-3.5-flash -m claude-haiku-4-5",
        "kaggle b t run my-task -m gemini-3.5-flash --wait",
        "kaggle b t run my-task --model google/gemini-3.5-flash --wait 60 --poll-interval 5 -v",
        "kaggle b t models",
        "kaggle b t list",
        'kaggle b t list --name-regex "^math" --status errored',
        "kaggle b t list --page-size 50",
        "kaggle b t list --all",
        "kaggle b t status my-task",
        "kaggle b t status my-task -m gemini-3.5-flash",
        "kaggle b t download my-task",
        "kaggle b t download my-task -o ./results",
        "kaggle b t download my-task -m gemini-3.5-flash",
        "kaggle b t download my-task -s",
        "kaggle b t download my-task -f",
        "kaggle b t download my-task -f -s",
        "kaggle b t download my-task --include-source --force --output out",
        "kaggle b t log my-task",
        "kaggle b t logs my-task",
        "kaggle b t log my-task -m gemini-3.5-flash",
        "kaggle b t log my-task -m model-a -m model-b",
        "kaggle b t publish my-task",
        "kaggle b t publish my-task --no-publish-backing-notebook",
        "kaggle b t delete my-task",
        "kaggle b t delete my-task -y",
        "kaggle b leaderboard owner/benchmark --show",
        "kaggle b leaderboard owner/benchmark -s --version 2",
    ],
)
def test_every_line_of_the_official_clients_help_and_guide_parses(line: str) -> None:
    call = GRAMMAR.parse(line)
    assert call is not None
    assert not call.help


def test_wait_without_seconds_waits_as_long_as_it_takes_and_no_wait_does_not_wait() -> None:
    assert GRAMMAR.parse("push --wait").wait == 0.0
    assert GRAMMAR.parse("push").wait is None


def test_a_repeated_flag_collects_its_values() -> None:
    assert GRAMMAR.parse("run -m a -m b").model == ["a", "b"]


def test_values_in_quotes_keep_their_spaces() -> None:
    assert GRAMMAR.parse('push "My task" -f "my file.py"').file == "my file.py"


@pytest.mark.parametrize("line", ["", "-h", "--help", "help", "b", "kaggle b t"])
def test_nothing_or_help_asks_for_the_overview(line: str) -> None:
    assert GRAMMAR.parse(line) is None


@pytest.mark.parametrize("line", ["push -h", "push my-task --help", "help push", "b t push -h"])
def test_help_on_a_command_explains_that_command(line: str) -> None:
    call = GRAMMAR.parse(line)
    assert call.help
    assert call.command.name == "push"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("psuh", "Did you mean %kbench push?"),
        ("PUSH", "Did you mean %kbench push?"),
        ("xyzzy", "All commands: %kbench -h"),
        ("bogus", "All commands: %kbench -h"),  # not "logs", which is an alias and hardly alike
        ("logz", "Did you mean %kbench log?"),
        ("push --wiat", "Did you mean --wait?"),
        ("run -m a b c", "Repeat -m for several: -m a -m b -m c"),
        ("validate t -m a b", "-m takes one: -m a"),
        ("run quiz --agent a b", "Repeat --agent for several: --agent a --agent b"),
        ("push --wait soon", "%kbench push -h"),
        ("target mars kaggle", "%kbench target -h"),
        ('push "open', "Close the quotation."),
    ],
)
def test_a_slip_is_answered_with_what_to_type_instead(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        GRAMMAR.parse(line)
    assert says in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("compare v1", "required: B."),
        ("topics", "required: list|show."),
        ("local foo", "local: invalid choice: 'foo'"),
    ],
)
def test_what_is_missing_or_wrong_is_called_as_the_usage_line_calls_it(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        GRAMMAR.parse(line)
    assert says in str(caught.value)


def test_a_bad_number_names_the_flag_and_the_value() -> None:
    with pytest.raises(UsageError, match=r"--wait: invalid number value: 'soon'"):
        GRAMMAR.parse("push --wait soon")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "soon"])
def test_a_time_to_wait_is_a_number_of_seconds(seconds: str) -> None:
    with pytest.raises(UsageError, match="--wait"):
        GRAMMAR.parse(f"run my-task -m m --wait {seconds}")


@given(st.text())
def test_no_line_whatever_it_holds_raises_anything_but_a_usage_error(line: str) -> None:
    with contextlib.suppress(UsageError):
        GRAMMAR.parse(line)


@given(st.lists(st.text(st.characters(exclude_characters="\x00"), min_size=1), min_size=1, max_size=3))
def test_any_task_and_file_name_survives_quoting(names: list[str]) -> None:
    call = GRAMMAR.parse("run -- x " if names[0].startswith("-") else f"run {shlex.quote(names[0])}")
    assert names[0].startswith("-") or call.task == names[0]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_a_help_page_with_usage_and_every_argument(command: Command) -> None:
    page = str(explain(command))
    assert usage(command) in " ".join(page.split())
    assert not re.search(r"\[-[\w-]+$", page, re.MULTILINE), "a flag without its value"
    squeezed = "".join(page.split())
    for arg in command.args:
        assert arg.names[-1] in squeezed or arg.positional


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_example_of_the_help_parses(command: Command) -> None:
    assert command.examples
    for example in command.examples:
        assert GRAMMAR.parse(example.removeprefix("%kbench")).command is command


def test_the_overview_lists_every_command() -> None:
    page = str(overview(GRAMMAR))
    assert all(f"%kbench {command.name}" in page for command in COMMANDS)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("push --wait   # the next version", "push --wait"),
        ("# nothing but a remark", ""),
        ("  # nothing but a remark", ""),
        ("list --name-regex a#b", "list --name-regex a#b"),
        ("list --name-regex '#1'  # the first", "list --name-regex '#1'"),
        ('list --name-regex "a \\" # b"', 'list --name-regex "a \\" # b"'),
        ("push 'not closed # here", "push 'not closed # here"),
        ("push", "push"),
    ],
)
def test_a_comment_may_stand_behind_a_command_as_behind_any_line_of_code(line: str, code: str) -> None:
    assert uncommented(line).strip() == code


@pytest.mark.parametrize(
    ("line", "meant"),
    [("models --modality imagee", "image"), ("local strat", "start"), ("local statsu", "status")],
)
def test_a_slip_in_a_word_that_is_one_of_a_few_is_answered_with_the_nearest(line: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        GRAMMAR.parse(line)
    assert caught.value.hint.startswith(f"Did you mean {meant}?")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_help_page_says_no_line_twice(command: Command) -> None:
    lines = [line.strip() for line in str(explain(command)).splitlines() if "%kbench" in line]
    assert len(lines) == len(set(lines))

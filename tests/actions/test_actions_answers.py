"""Which errors an answer that means nothing may cause, and which are the task's own whatever a model answers."""

from __future__ import annotations

import pytest

from kbench_jupyter.actions.rehearsing.answers import raised_over_answer, samples
from kbench_jupyter.actions.rehearsing.judging import refuse_errored
from kbench_jupyter.errors import ValidationError
from kbench_jupyter.execution import Outcome
from kbench_jupyter.results.runfiles import RunResult, Usage
from kbench_jupyter.validation.rehearsal.run import Rehearsal

OWN_FRAME = '  File "task.py", line 3, in it\n    x()\n'
SDK_FRAME = '  File "/lib/site-packages/kaggle_benchmarks/actors/llms.py", line 3, in prompt\n    x()\n'


def errored(said, frame=OWN_FRAME, tokens=3):
    message = f"Traceback (most recent call last):\n{frame}{said}\n"
    return RunResult("It", "m", "ERRORED", usage=Usage(tokens, tokens), error_message=message)


def told(*runs):
    return raised_over_answer(Rehearsal(Outcome(None)), runs)


@pytest.mark.parametrize("said", [
    "ValueError: invalid literal for int() with base 10: 'This is'",
    "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "AttributeError: 'NoneType' object has no attribute 'group'",
    "AttributeError: 'list' object has no attribute 'get'",
    "TypeError: 'NoneType' object is not subscriptable",
    "TypeError: list indices must be integers or slices, not str",
    "TypeError: unsupported operand type(s) for /: 'str' and 'int'",
    "TypeError: '<' not supported between instances of 'str' and 'int'", "TypeError: unhashable type: 'list'",
    "KeyError: 'score'", "IndexError: list index out of range", "ZeroDivisionError: division by zero",
    "RuntimeError: The judge gave no verdict.", "mine.BadAnswer",
])  # fmt: skip
def test_an_answer_may_be_the_cause(said):
    assert said.partition(":")[0].rpartition(".")[2] in told(errored(said))


@pytest.mark.parametrize("run", [
    errored("NameError: name 'x' is not defined"), errored("ModuleNotFoundError: No module named 'x'"),
    errored("AttributeError: 'str' object has no attribute 'value'"),
    errored("TypeError: prompt() got an unexpected keyword argument 'x'"),
    errored("FileNotFoundError: [Errno 2] No such file or directory: 'x'"),
    errored("ValueError: Unsupported image type", SDK_FRAME),
    errored("ValueError: no model was asked", tokens=0),
    errored("KeyError: 'MY_SETTING'", OWN_FRAME + '  File "<frozen os>", line 679, in __getitem__\n'),
])  # fmt: skip
def test_no_answer_can_be_the_cause(run):
    assert told(run) == ""
    with pytest.raises(ValidationError, match="failed while it ran"):
        refuse_errored([run], lambda *_: "Mend it.")


def test_a_parse_error_of_the_sdk_is_of_the_answer():
    frame = SDK_FRAME
    assert told(errored("kaggle_benchmarks.prompting.ResponseParsingError: Response parsing failed.", frame))


def test_one_sample_of_the_tasks_own_making_decides():
    rows = (
        errored("ValueError: x"),
        errored("NameError: name 'y' is not defined"),
        RunResult("It", "m", "COMPLETED"),
    )
    run = RunResult("All", "m", "COMPLETED", subruns=rows)
    assert len(list(samples(run))) == 3
    assert told(run) == ""
    with pytest.raises(ValidationError, match="NameError"):
        refuse_errored([run], lambda *_: "")
    only = RunResult("All", "m", "COMPLETED", subruns=(rows[0], rows[2]))
    assert told(only).startswith("1 of 2 samples errored, the first with ValueError: x")


def test_nothing_is_said_of_runs_that_completed():
    assert told(RunResult("It", "m", "COMPLETED")) == ""
    refuse_errored([RunResult("It", "m", "COMPLETED")], lambda *_: "")

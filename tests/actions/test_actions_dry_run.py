"""A dry run needs nothing but the task SDK, says what ran, and blames the task for nothing that an answer may cause."""

from __future__ import annotations

import os
import threading
import time

import pytest

from kbench_jupyter.actions.dry_run import dry_run
from kbench_jupyter.actions.sources import choose_task
from kbench_jupyter.errors import UsageError, ValidationError
from kbench_jupyter.execution import ahead
from kbench_jupyter.execution.environment import kernel_environment
from kbench_jupyter.session.session import Session
from kbench_jupyter.validation.rehearsal.endpoint import StandIn

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_kernels")]

HEAD = "# %%\nimport kaggle_benchmarks as kbench\n\n# %%\n"
ROWS = (
    HEAD + "import pandas as pd\n"
    "@kbench.task(name='One row', store_task=False, store_run=False)\n"
    "def one(llm, number) -> bool:\n"
    "    return llm.prompt(f'Double {number}') == str(2 * number)\n"
    "@kbench.task(name='Rows')\n"
    "def rows(llm) -> float:\n"
    "    runs = one.evaluate(llm=[llm], evaluation_data=pd.DataFrame({'number': range(7)}))\n"
    "    return float(len(runs))\n"
    "rows.run(kbench.llm)\n"
)


@pytest.fixture(autouse=True)
def nothing_to_reach(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("KAGGLE", "KBENCH", "MODEL_PROXY", "LLM")):
            monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tried(tmp_path):
    def run(text, **how):
        (tmp_path / "task.py").write_text(text)
        session = Session()
        chosen = choose_task(session, file="task.py", required=False)
        try:
            return dry_run(session, chosen=chosen, **how)
        finally:
            session.close()
            left = [thread.name for thread in threading.enumerate() if "stand-in" in thread.name]
            assert not left

    return run


def task(body, returns=""):
    return f"{HEAD}@kbench.task(name='It')\ndef it(llm){returns}:\n{body}\nit.run(kbench.llm)\n"


def test_a_task_of_many_ways_runs_and_records(tried):
    result = tried(
        HEAD + "import dataclasses, pydantic\n"
        "class Inner(pydantic.BaseModel):\n    number: int = pydantic.Field(ge=3, le=4)\n"
        "class Outer(pydantic.BaseModel):\n    inner: list[Inner] = pydantic.Field(min_length=2)\n"
        "@dataclasses.dataclass\nclass Plain:\n    word: str\n    many: list[int]\n"
        "def add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\n"
        "def sign(text: str) -> str:\n    'Sign.'\n    return text\n"
        "@kbench.task(name='Ways')\n"
        "def ways(llm) -> dict:\n"
        "    used = kbench.assertions.assert_tool_was_invoked\n"
        "    gemini = kbench.kaggle.load_model('google/gemini-x', api='genai')\n"
        "    for model in (llm, gemini):\n"
        "        with kbench.chats.new('a'):\n"
        "            outer = model.prompt('Structured?', schema=Outer)\n"
        "            assert all(i.number in (3, 4) for i in outer.inner)\n"
        "        with kbench.chats.new('b'):\n"
        "            assert isinstance(model.prompt('How many?', schema=int), int)\n"
        "            assert model.prompt('Plain?', schema=Plain).many\n"
        "            assert model.prompt('Why?', reasoning='low')\n"
        "            assert kbench.last_reasoning_traces()\n"
        "        with kbench.chats.new('c'):\n"
        "            assert model.prompt('Tools?', tools=[add, sign])\n"
        "            used(add, expectation='adds'), used(sign, expectation='signs')\n"
        "    criteria = ['It is short', 'It is true']\n"
        "    report = kbench.assertions.assess_response_with_judge(criteria, 'Yes.', kbench.judge_llm)\n"
        "    assert [r.criterion for r in report.results] == criteria\n"
        "    return {'one': llm.prompt('One?'), 'other': llm.prompt('Other?')}\n"
        "ways.run(kbench.llm)\n"
    )
    [run] = result.runs
    assert run.state == "COMPLETED"
    assert run.passed, run
    assert all(assertion.passed for assertion in run.assertions)
    assert len(run.assertions) == 4
    assert run.values["one"] != run.values["other"]
    assert result.calls == 17
    assert result.input_tokens > result.calls
    assert "google/gemini-x" in str(result)


def test_a_failed_assertion_is_no_failure(tried):
    result = tried(
        task("    kbench.assertions.assert_in('purple', llm.prompt('Which?'), expectation='Says purple')")
    )
    assert result.runs[0].passed is False
    assert "the task runs and records; 1 call, about" in str(result)


def test_what_an_answer_may_cause_is_told_and_blames_nobody(tried):
    result = tried(
        task("    import json\n    return float(json.loads(llm.prompt('Tell me.'))['x'])", " -> float")
    )
    assert "may answer so, too" in str(result)
    assert "JSONDecodeError" in result.raised
    assert result.runs[0].errored


def test_an_assertion_in_a_cell_is_of_the_answer_too(tried):
    text = task("    llm.prompt('a')")
    result = tried(text.replace("@kbench", "assert 'MARK' in kbench.llm.prompt('Tell me.')\n@kbench"))
    assert "AssertionError" in result.raised
    assert not result.runs


def test_what_no_answer_can_cause_is_the_tasks_own(tried, monkeypatch):
    monkeypatch.setattr(
        "kbench_jupyter.actions.dry_run.refuse_errors", lambda *_: None
    )  # a rule finds it first
    with pytest.raises(ValidationError, match="Unsupported type"):
        tried(task("    llm.prompt('a')\n    llm.prompt('a', schema=list[int])"))


def test_rows_that_errored_although_evaluate_went_on_are_told(tried, monkeypatch):
    monkeypatch.setattr("kbench_jupyter.actions.dry_run.refuse_errors", lambda *_: None)
    text = ROWS.replace("range(7)})", "range(7)}), on_failure='continue'")
    over_answers = tried(
        text.replace("llm.prompt(f'Double {number}') ==", "int(llm.prompt(f'Double {number}')) and")
    )
    assert "7 of 7 samples errored, the first with ValueError" in over_answers.raised
    with pytest.raises(ValidationError, match=r"failed in 7 samples while it ran: NameError"):
        tried(text.replace("return llm.prompt", "llm.prompt('x'); return llm_prompt"))


def test_all_rows_run_unless_the_first_are_asked_for_and_the_tasks_own_settings_hold(tried):
    every = tried(ROWS)
    assert (every.rows, every.calls) == (7, 7)
    with pytest.raises(UsageError):
        tried(ROWS, rows=0)
    settings = "# %%\nimport os\nos.environ['LLM_DEFAULT_EVAL'] = 'judge/of-mine'\n"
    result = tried(settings + ROWS.replace("range(7)", "range(ord(kbench.judge_llm.name[0]))"), rows=2)
    assert (result.rows, result.calls) == (2, 2)
    assert f"Evaluated: 2 of {ord('j')} rows" in str(result)


def test_a_model_that_a_rehearsal_would_find_is_there(tried, monkeypatch):
    text = HEAD + (
        "@kbench.task(name='It')\ndef it(llm):\n    kbench.llms['some/judge'].prompt('a')\nit.run(kbench.llm)\n"
    )
    assert "some/judge" in str(tried(text))
    monkeypatch.setenv("LLMS_AVAILABLE", "other/model")
    with pytest.raises(ValidationError, match="some/judge"):
        tried(text)


def test_it_stops_when_it_is_told_to(tried):
    stop = threading.Event()
    threading.Timer(3, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tried(task("    import time\n    time.sleep(90)"), interrupt=stop)
    assert time.monotonic() - begun < 60


def test_a_variable_that_is_not_set_is_no_answers_fault_in_a_sample_either(tried, monkeypatch):
    monkeypatch.setenv("MY_SETTING", "x")
    text = (
        HEAD + "import os\n"
        "@kbench.task(name='One', store_task=False)\n"
        "def one(llm, number) -> bool:\n"
        "    return llm.prompt(f'Say {number}') == os.environ['MY_SETTING']\n"
        "@kbench.task(name='All')\n"
        "def every(llm) -> float:\n"
        "    one.evaluate(llm=[llm], number=[1, 2], on_failure='continue')\n"
        "    return 1.0\n"
        "every.run(kbench.llm)\n"
    )
    with pytest.raises(ValidationError, match="'One' failed in 2 samples") as caught:
        tried(text)
    assert "--pass-env MY_SETTING" in caught.value.hint


def test_a_kernel_that_waits_is_as_good_for_a_rehearsal_afterwards(monkeypatch):
    monkeypatch.setattr(ahead, "ROOM", 0)
    session = Session()
    env = kernel_environment()
    try:
        with StandIn() as stand_in:
            session.next_kernel.expect({**env, **stand_in.environment()})
        with session.next_kernel.place({**env, "MODEL_PROXY_URL": "http://127.0.0.1:1"}) as place:
            assert place.ahead is not None
    finally:
        session.close()

"""Short tracebacks: the user's frames, the one that raised, and a model's endpoint in its own words."""

from __future__ import annotations

import pytest

from kbench_jupyter.validation.rehearsal.tracebacks import raised, tell

SITE = "/v/lib/python3.12/site-packages"
RULE = "-" * 75


def frame(path: str, line: int, code: str) -> str:
    return f"File {path}:{line}, in f(x)\n---> {line} {code}\n"


def header(name: str) -> str:
    return f"{name}                Traceback (most recent call last)"


CELL = "Cell 3, line 1\n----> 1 quiz.run(llm)\n"


def test_frames_of_libraries_are_counted_and_the_one_that_raised_is_kept() -> None:
    told = tell(
        "\n".join([
            RULE,
            header("ValueError"),
            CELL,
            frame(f"{SITE}/kaggle_benchmarks/tasks.py", 187, "run()"),
            frame("~/.pyenv/versions/3.12.1/lib/python3.12/json/__init__.py", 3, "loads()"),
            "Cell 2, line 2, in quiz(llm)\n----> 2 answer()\n",
            frame(f"{SITE}/kaggle_benchmarks/actors/llms.py", 2, "prompt()"),
            frame(f"{SITE}/pydantic/main.py", 9, "raise ValueError"),
            "ValueError: no",
        ]),
        "ValueError",
        "no",
    )  # fmt: skip
    assert (told.message, told.endpoint) == ("ValueError: no", False)
    assert "… 2 frames in kaggle_benchmarks and Python itself left out\n\nCell 2, line 2" in told.traceback
    assert "… 1 frame in kaggle_benchmarks left out\n\nFile " in told.traceback
    assert "raise ValueError" in told.traceback
    assert "tasks.py" not in told.traceback
    assert told.traceback.endswith("ValueError: no")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("NotFoundError", "Error code: 404 - There is no model.", "404 - There is no model."),
        ("NotFoundError", "Error code: 404 - {'error': {'message': 'No model.'}}", "No model."),
        ("ClientError", "404 X. {'error': {'code': 404, 'message': \"No 'm'.\"}}", "No 'm'."),
        ("InternalServerError", "Error code: 502 - {not python}", "502 - {not python}"),
        ("APIConnectionError", "Connection error.", "Connection error."),
    ],
)
def test_an_endpoint_that_failed_is_told_in_its_own_words_below_the_users_frames(
    name: str, text: str, said: str
) -> None:
    package = "google/genai/errors" if name == "ClientError" else "openai/_base_client"
    inner = [
        RULE,
        header("ConnectError"),
        frame(f"{SITE}/httpx/_client.py", 1, "yield"),
        "ConnectError: no\n",
    ]
    told = tell(
        "\n".join([
            *inner,
            "The above exception was the direct cause of the following exception:\n",
            header(name),
            CELL,
            frame(f"{SITE}/{package}.py", 5, "raise error"),
            f"{name}: {text}",
        ]),
        name,
        text,
    )  # fmt: skip
    assert told.endpoint
    assert told.message == f"{name}: {said}"
    assert told.traceback.splitlines()[1:] == [
        *CELL.splitlines(), "", f"… 1 frame in {package.rpartition('/')[0].replace('/', '.')} left out", "",
        f"{name}: {said}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "package"),
    [
        ("BadRequestError", "Error code: 400 - This model reads text only.", "openai"),
        ("ClientError", "400 BAD. {}", "google/genai"),
        ("TypeError", "Missing required arguments", "openai"),
        ("ConnectError", "refused", "httpx"),  # the cell's own request
    ],
)
def test_a_prompt_that_cannot_be_and_the_cells_own_requests_are_no_fault_of_the_endpoint(
    name: str, text: str, package: str
) -> None:
    lines = [RULE, header(name), CELL, frame(f"{SITE}/{package}/x.py", 5, "raise error"), f"{name}: {text}"]
    told = tell("\n".join(lines), name, text)
    assert not told.endpoint
    assert "raise error" in told.traceback


def test_pythons_own_form_is_shortened_too() -> None:
    text = "\n".join([
        "Traceback (most recent call last):",
        f'  File "{SITE}/kaggle_benchmarks/tasks.py", line 171, in run',
        "    run.result = self.func()",
        '  File "/tmp/ipykernel_1/2.py", line 6, in t',
        "    answer = helper(llm)",
        f'  File "{SITE}/openai/_base_client.py", line 1, in request',
        "    raise error",
        "openai.InternalServerError: Error code: 502 - The model endpoint is down.",
    ])  # fmt: skip
    assert raised(text) == ("InternalServerError", "Error code: 502 - The model endpoint is down.")
    told = tell(text, *raised(text))
    assert told.endpoint
    assert told.traceback.splitlines() == [
        "Traceback (most recent call last):",
        "  … 1 frame in kaggle_benchmarks left out",
        '  File "/tmp/ipykernel_1/2.py", line 6, in t',
        "    answer = helper(llm)",
        "  … 1 frame in openai left out",
        "",
        "InternalServerError: 502 - The model endpoint is down.",
    ]


@pytest.mark.parametrize("text", ["", "no message", "  Cell 1, line 1\n    x = = 1\n\nSyntaxError: invalid"])
def test_what_has_no_frames_stays_as_it_is(text: str) -> None:
    assert tell(text, *raised(text)).traceback == text

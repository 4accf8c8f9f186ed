"""Starters: an example task and a short syntax reference, written once and never overwritten."""

from __future__ import annotations

from pathlib import Path

from kbench_jupyter.errors import UsageError

REFERENCE_NAME = "kaggle_benchmarks_reference.md"

EXAMPLE = """\
# %% [markdown]
# A Kaggle Benchmarks task: it asks a model a question and checks the answer.
# Try it here with `%kbench validate -f example_task.py`, send it with `%kbench push -f example_task.py`.

# %%
import kaggle_benchmarks as kbench


# %%
@kbench.task(name="What is Kaggle?", description="Does the model know what Kaggle is?")
def what_is_kaggle(llm) -> None:
    answer = llm.prompt("In one short paragraph: what is Kaggle?")
    kbench.assertions.assert_contains_regex(
        r"(?i)data|machine learning", answer, expectation="Says what Kaggle is about"
    )


# %%
# Without this call the task is stored, but nothing is ever recorded.
what_is_kaggle.run(kbench.llm)
"""

REFERENCE = """\
# Writing a Kaggle Benchmarks task

A task is a Python function under `@kbench.task(...)`. Its first argument is the model under test.
The notebook (or percent-format `.py` file) that defines it must also *run* it: what is not run records
nothing.

```python
import kaggle_benchmarks as kbench

@kbench.task(name="Capital of France")
def capital(llm) -> bool:
    answer = llm.prompt("What is the capital of France? Answer with one word.")
    kbench.assertions.assert_in("Paris", answer, expectation="Names Paris")
    return "Paris" in answer

capital.run(kbench.llm)
```

## What a task returns

| annotation | result |
|---|---|
| none, or `-> None` | passes when every assertion holds |
| `-> bool` | pass or fail |
| `-> int`, `-> float` | a score |
| `-> tuple[float, float]` | a score and the half-width of its confidence interval |
| `-> dict` | several named values |

A function that returns a value needs the annotation. Strings, lists and `Optional[...]` are not supported, nor is
`from __future__ import annotations`.

## Prompting

| you want | you write |
|---|---|
| an answer | `llm.prompt("...")` |
| a typed answer | `llm.prompt("...", schema=MyDataclass)` (also `bool`, `int`, `float`, a pydantic model) |
| tools | `llm.prompt("...", tools=[my_function])` |
| an image | `llm.prompt("...", image=images.from_path("x.png"))`, from `kaggle_benchmarks.content_types` |
| more thought | `llm.prompt("...", reasoning="high")` |
| a judge | `kbench.assertions.assess_response_with_judge(...)` with `kbench.judge_llm`; may be None |
| a side conversation | `with kbench.chats.fork("aside"): ...` |

## Checking

Give every assertion an `expectation=`: it is what people read in the results.
`kbench.assertions` has `assert_true`, `assert_equal`, `assert_in`, `assert_not_in`, `assert_contains_regex`
and more.

## A dataset of questions

```python
@kbench.task(name="One question", store_task=False)
def one(llm, question: str, answer: str) -> bool:
    return answer.lower() in llm.prompt(question).lower()

@kbench.task(name="All questions")
def every(llm, data) -> float:
    runs = one.evaluate(llm=[llm], evaluation_data=data)
    return sum(bool(run.result) for run in runs) / len(runs)
```

## Good to know

- Pass `kbench.llm`; a model fixed in the code is refused by the server, which decides the model itself.
- One stored task a notebook. Helper tasks take `store_task=False`.
- Credentials last two hours: `%kbench auth` renews them.
- `%kbench validate` runs all this here, in a fresh kernel, before anybody else sees it.
"""


def starters(example_file: Path) -> tuple[Path, Path]:
    """Return where the example task and the syntax reference beside it lie."""
    return example_file, example_file.with_name(REFERENCE_NAME)


def check_place(path: Path) -> None:
    """Refuse a place where no example can be written, before credentials are."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        raise UsageError(
            f"{path} {what}; nothing was changed.",
            hint="Name a file in a folder that is there: %kbench init --example-file example_task.py",
        )


def write_starters(example_file: Path) -> tuple[list[str], list[str]]:
    """Write the example task and, beside it, the syntax reference.

    Parameters
    ----------
    example_file : Path

    Returns
    -------
    written, kept : list of str
        Files made, and files that were there already and are unchanged.

    Raises
    ------
    UsageError
        If a file cannot be written.
    """
    written, kept = [], []
    for path, text in zip(starters(example_file), (EXAMPLE, REFERENCE), strict=True):
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
            written.append(str(path))
        except FileExistsError:
            kept.append(str(path))
        except OSError as error:
            raise UsageError(f"Cannot write {path}: {error.strerror or error}.") from error
    return written, kept

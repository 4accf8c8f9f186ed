# %% [markdown]
# # Assertions, and one of your own
#
# Built-in checks beside a custom one that counts words.
#
# `kbench.assertions` compares values, looks into text and containers, and matches patterns. Where none of
# them says what you mean, write a function that returns an `AssertionResult` and put `@assertion_handler()`
# over it: it is recorded like the others, with its line.

# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.assertions import AssertionResult, assertion_handler


@assertion_handler()
def assert_at_most_words(most: int, text: str, expectation: str | None = None) -> AssertionResult:
    count = len(text.split())
    return AssertionResult(count <= most, expectation or f"Has at most {most} words (it has {count})")


@kbench.task(name="Capital in few words", description="Is the answer right, and as short as was asked?")
def capital_in_few_words(llm):
    answer = llm.prompt("What is the capital of France? Answer in at most five words.")
    kbench.assertions.assert_in("Paris", answer, expectation="Names Paris")
    kbench.assertions.assert_not_contains_regex(r"(?i)as an ai", answer, expectation="Talks of no AI")
    assert_at_most_words(5, answer)


capital_in_few_words.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** The handler needs the return annotation `-> AssertionResult`, or decorating fails.
# An assertion that does not hold is recorded and the task goes on; `@assertion_handler(raises_assertion_error=True)`
# ends it there. A bare `assert` also ends the task, and leaves one failed assertion without a line.

# %% [markdown]
# # The smallest task worth having
#
# One prompt, two assertions, one call that runs it.
#
# A task is a function under `@kbench.task`; its first argument is the model under test. It returns nothing, so
# it passes when every assertion holds. A failed assertion does not end the task: all of them are recorded.

# %%
import kaggle_benchmarks as kbench


@kbench.task(name="Says hello", description="Does the model greet back?")
def says_hello(llm):
    answer = llm.prompt("Say hello.")
    kbench.assertions.assert_not_empty(answer, expectation="Answers at all")
    kbench.assertions.assert_contains_regex(r"(?i)\b(hello|hi|hey)\b", answer, expectation="Greets")


says_hello.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** Without the last line the task is stored, but nothing is ever recorded. Pass
# `kbench.llm`, never a model by name: the server puts the model of each run there. `expectation=` is what the
# table of results will say, so write what a *passing* answer does.

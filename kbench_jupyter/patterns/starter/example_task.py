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

# %% [markdown]
# # A task made of tasks
#
# Helper tasks run on their own and hand their results to the one that is stored, which returns named values.
#
# Each helper has a run, a chat and assertions of its own, nested in the run of the whole, so you can see later which
# part failed.

# %%
import kaggle_benchmarks as kbench


@kbench.task(name="Adds", store_task=False, store_run=False)
def adds(llm, a, b) -> bool:
    return str(a + b) in llm.prompt(f"What is {a} + {b}? Answer with the number.")


@kbench.task(name="Knows an opposite", store_task=False, store_run=False)
def knows_opposite(llm, word, opposite) -> bool:
    return opposite in llm.prompt(f"What is the opposite of {word}? Answer with one word.").lower()


@kbench.task(name="School day", description="Arithmetic and words, each with its own number.")
def school_day(llm) -> dict:
    sums = [adds.run(llm, a, b).result for a, b in ((2, 2), (12, 30))]
    return {
        "arithmetic": sum(sums) / len(sums),
        "words": float(knows_opposite.run(llm, "hot", "cold").result),
    }


school_day.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** One notebook stores one task, so helpers take `store_task=False`; `store_run=False` keeps
# their runs from being files of their own. A helper's failed assertion also fails the whole. Many rows of one
# helper: `%kbench new dataset`.

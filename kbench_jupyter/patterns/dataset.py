# %% [markdown]
# # Over a dataset
#
# A sub-task asks about one row, `evaluate` takes it over a DataFrame, and the task returns the share with
# its interval.
#
# The columns of the DataFrame are the sub-task's arguments. `store_task=False` keeps the sub-task out of the
# notebook's stored tasks (there may be only one); each row is still in the run's file, with its chat.

# %%
import math

import kaggle_benchmarks as kbench
import pandas as pd

CAPITALS = pd.DataFrame(
    {
        "country": ["France", "Japan", "Kenya", "Peru"],
        "capital": ["Paris", "Tokyo", "Nairobi", "Lima"],
    }
)


@kbench.task(name="Capital of one country", store_task=False, store_run=False)
def capital_of_one(llm, country, capital) -> bool:
    answer = llm.prompt(f"What is the capital of {country}? Answer with its name only.")
    return capital.lower() in answer.lower()


@kbench.task(name="Capitals", description="The share of four capitals that the model knows.")
def capitals(llm) -> tuple[float, float]:
    runs = capital_of_one.evaluate(llm=[llm], evaluation_data=CAPITALS, n_jobs=2)
    right, asked = sum(bool(run.result) for run in runs), len(runs)
    # Two right and two wrong answers on top (Agresti and Coull): four of four is not certainty.
    near = (right + 2) / (asked + 4)
    return right / asked, 1.96 * math.sqrt(near * (1 - near) / (asked + 4))


capitals.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** `evaluate` wants iterables, hence `llm=[llm]`. A row that *errors* (not one that is
# answered wrong) ends the whole run, so a lost connection never counts as a wrong answer;
# `on_failure="continue"` goes on, and `runs.completed_runs` and `runs.errored_runs` tell them apart. Read your own
# data with `pd.read_csv("/kaggle/input/NAME/file.csv")` and attach it: `%kbench push -d OWNER/NAME`.
#
# Four rows make a wide interval. That is the point of showing it; its formula is yours to choose.
#
# **Which rows changed.** Each row is a sample: after a run of a second version, `%kbench compare v1 v2` lists those
# that got worse and better with both answers, and says whether the difference is more than chance
# ([compare.ipynb](compare.ipynb)).

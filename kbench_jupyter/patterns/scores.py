# %% [markdown]
# # A score instead of pass or fail
#
# The return annotation decides what a run is worth: here `-> float`, the share of right parts.
#
# | annotation | a run's result |
# |---|---|
# | none, or `-> None` | passes when every assertion holds |
# | `-> bool` | pass or fail |
# | `-> int`, `-> float` | a score |
# | `-> tuple[float, float]` | a score and the half-width of its confidence interval |
# | `-> dict` | several named values |

# %%
import kaggle_benchmarks as kbench

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@kbench.task(name="Days of the week", description="The share of the seven days that the model names.")
def days_of_the_week(llm) -> float:
    answer = llm.prompt("What are the seven days of the week?").lower()
    named = [day for day in DAYS if day in answer]
    kbench.assertions.assert_not_empty(named, expectation="Names at least one day")
    return len(named) / len(DAYS)


days_of_the_week.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** A function that returns a value needs the annotation. Strings, lists, `Optional[...]`
# and `dict[str, float]` are refused, and so is every annotation in a notebook that begins with
# `from __future__ import annotations`. Return Python's own numbers: `float(x)` for what numpy or pandas gave.

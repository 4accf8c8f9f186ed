# %% [markdown]
# # Several ways on from one point
#
# `chats.fork` copies the chat so far: two questions follow the same story, and neither hears the other.
#
# What is said in a fork stays there; after the block the chat goes on as if it had not happened.

# %%
import kaggle_benchmarks as kbench


@kbench.task(
    name="Two ways on", description="Do both follow-ups know the story, and the chat neither of them?"
)
def two_ways_on(llm):
    llm.prompt("A cat named Oskar sleeps on a blue chair. Reply with: OK")
    with kbench.chats.fork("Name"):
        name = llm.prompt("What is the cat's name? Answer with one word.")
    with kbench.chats.fork("Colour"):
        colour = llm.prompt("Which colour is the chair? Answer with one word.")
    turns = len(kbench.chats.get_current_chat().messages)
    kbench.assertions.assert_contains_regex(r"(?i)oskar", name, expectation="Knows the name")
    kbench.assertions.assert_contains_regex(r"(?i)blue", colour, expectation="Knows the colour")
    kbench.assertions.assert_equal(2, turns, expectation="The chat still holds one question and one answer")


two_ways_on.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** Assert outside the forks, or in them: both are recorded in the same run. Each fork pays for
# the whole story again.

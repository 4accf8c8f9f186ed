# %% [markdown]
# # Chats that know nothing of each other
#
# `chats.new` opens an empty chat with instructions of its own, so that no question helps the next.
#
# Without it the second prompt of a task sees the first with its answer, and a benchmark of single questions turns
# into one long conversation.

# %%
import kaggle_benchmarks as kbench

OPPOSITES = {"hot": "cold", "up": "down", "day": "night"}


@kbench.task(
    name="Opposites", description="How many of three opposites the model knows, each asked on its own."
)
def opposites(llm) -> int:
    right = 0
    for word, opposite in OPPOSITES.items():
        with kbench.chats.new(word, system_instructions="You answer with exactly one word."):
            answer = llm.prompt(f"What is the opposite of {word}?")
        right += opposite in answer.lower()
    outside = kbench.chats.get_current_chat().messages
    kbench.assertions.assert_empty(outside, expectation="Nothing of it is in the task's own chat")
    return right


opposites.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** `chats.fork` begins with what was said so far, `chats.new` with nothing.
# `chats.new("...", orphan=True)` also leaves the chat out of what the run shows.
# `kaggle_benchmarks.contexts.enter`, which both are made of, is the SDK's own business: you should not need it.

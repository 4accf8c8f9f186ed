# %% [markdown]
# # More than one turn
#
# Prompts in one task share a chat: the model sees what was said before.
#
# So a second prompt may lean on the first. Assertions in between are recorded, but the model does not see them.

# %%
import kaggle_benchmarks as kbench


@kbench.task(name="Remembers a word", description="Does the model keep a word over a turn in between?")
def remembers_a_word(llm):
    first = llm.prompt("The secret word is apple. What is the secret word?")
    kbench.assertions.assert_in("apple", first.lower(), expectation="Takes the word in")
    llm.prompt("What is 2 + 3? Answer with the number.")
    answer = llm.prompt("What was the secret word? Answer with one word.")
    kbench.assertions.assert_in("apple", answer.lower(), expectation="Remembers the word")


remembers_a_word.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** Every turn sends the whole chat again, so long ones cost. To put words into the chat
# without asking for an answer: `kbench.user.send("...")`, or `kbench.system.send("...")` before the first prompt.

# %% [markdown]
# # Tools
#
# The model may call a Python function, and the task checks that it did.
#
# Needs a model that calls tools. The small one of the embedded server runs this too, and fails.
#
# Any function with annotated arguments and a docstring will do: both are what the model gets to read. The SDK
# calls it, hands the result back, and repeats until the model answers in words.

# %%
import kaggle_benchmarks as kbench


def count_letter(word: str, letter: str) -> int:
    """Count how often a letter occurs in a word."""
    return word.lower().count(letter.lower())


@kbench.task(name="Counts with a tool", description="Does the model call the tool, and use what it says?")
def counts_with_a_tool(llm):
    question = 'How often does "r" occur in "strawberry"? Use the tool, then answer with the number.'
    try:
        answer = llm.prompt(question, tools=[count_letter])
    except kbench.tools.base.ToolInvocationLimitExhausted:
        kbench.assertions.assert_fail(expectation="Ends with an answer instead of calling tools for ever")
        return
    kbench.assertions.assert_tool_was_invoked(count_letter, expectation="Calls the tool")
    kbench.assertions.assert_in("3", answer, expectation="Gives the tool's number")


counts_with_a_tool.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** An exception in a tool goes to the model as text; the task goes on. After ten rounds of
# calls the SDK gives up with `ToolInvocationLimitExhausted`. Tools run where the task runs: let them read, not
# change things.

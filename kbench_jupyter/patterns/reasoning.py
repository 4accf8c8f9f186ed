# %% [markdown]
# # Reasoning, and what stands in for temperature
#
# How hard the model should think, what it thought, and whether another seed changes its answer.
#
# Needs a model that reasons aloud, to be worth anything; any other one just answers.
#
# `reasoning=` is `"none"`, `"low"`, `"medium"` or `"high"`.
# `temperature=` is not sent through the model proxy, so ask with several seeds to see how stable an answer is.

# %%
import kaggle_benchmarks as kbench

QUESTION = "A bat and a ball cost 11 euros. The bat costs 10 euros more. What does the ball cost? Be brief."


@kbench.task(name="Bat and ball", description="The share of seeds for which the model gets half a euro.")
def bat_and_ball(llm) -> float:
    right = 0
    for seed in (1, 2):
        with kbench.chats.new(f"Seed {seed}"):
            answer = llm.prompt(QUESTION, reasoning="low", seed=seed)
            thoughts = kbench.last_reasoning_traces()
            print(f"Seed {seed}: {answer} (thoughts: {len(thoughts or '')} characters)")
        right += any(half in answer for half in ("0.5", "0,5", "50 cent"))
    return right / 2


bat_and_ball.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** Call `last_reasoning_traces()` right after the prompt: it looks at the last message, and an
# assertion is one too. It is None where the model shows no thoughts. Each seed has a chat of its own, or the second
# answer would only repeat the first. Some models ignore `seed`.

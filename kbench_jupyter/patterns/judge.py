# %% [markdown]
# # A model as judge
#
# `kbench.judge_llm` checks the answer against criteria, and each verdict becomes an assertion.
#
# For answers that no pattern can check. The judge speaks in a chat of its own, so the model under test never
# sees what is asked of it. Short yes-or-no criteria make better judges than marks out of ten.

# %%
import kaggle_benchmarks as kbench
from pydantic import BaseModel


class Verdict(BaseModel):
    mentions_water: bool
    is_one_sentence: bool


def ask_judge(criteria, answer):
    return (
        f"Check this answer: {answer!r}\nCriteria: {'; '.join(criteria)}. Reply in JSON with true or false."
    )


@kbench.task(name="Explains rain", description="Is one sentence on rain right, in a judge's eyes?")
def explains_rain(llm):
    answer = llm.prompt("Why does it rain? Answer in one short sentence.")
    verdict = kbench.assertions.assess_response_with_judge(
        criteria=["It mentions water or clouds", "It is one sentence"],
        response_text=answer,
        judge_llm=kbench.judge_llm,
        prompt_fn=ask_judge,
        output_schema=Verdict,
    )
    if verdict is None:
        raise RuntimeError("The judge gave no verdict.")
    kbench.assertions.assert_true(verdict.mentions_water, expectation="The judge: mentions water or clouds")
    kbench.assertions.assert_true(verdict.is_one_sentence, expectation="The judge: is one sentence")


explains_rain.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** A judge that fails returns None. Raising then makes the run *errored*, which
# `%kbench run --retry-errored` tries again; an assertion would blame the model under test. Which model judges
# is `LLM_DEFAULT_EVAL` in `.env`; on the embedded server it is the small model itself, whose verdicts mean little.

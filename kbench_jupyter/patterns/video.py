# %% [markdown]
# # A video in the prompt
#
# A YouTube address, and a question about what is to be seen.
#
# Needs a model that watches video: `%kbench models --modality video` lists them.
#
# The address is sent, not the film: the model's provider fetches it. Only YouTube addresses are taken.

# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import videos

BIG_BUCK_BUNNY = "https://www.youtube.com/watch?v=aqz-KE-bpKQ"


@kbench.task(name="Watches a rabbit", description="Does the model see which animal the film is about?")
def watches_a_rabbit(llm):
    answer = llm.prompt(
        "Which animal is the main character of this video? Answer with one word.",
        video=videos.from_url(BIG_BUCK_BUNNY),
    )
    kbench.assertions.assert_contains_regex(r"(?i)rabbit|bunny|hare", answer, expectation="Sees a rabbit")


watches_a_rabbit.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** A video may go away, or the model may know it by heart: ask about something that only
# those who watched it can tell. A film costs many tokens; look at one run's cost before running on ten models.

# %% [markdown]
# # An image in the prompt
#
# Two coloured halves, drawn in the cell, and a question about them.
#
# Needs a model that reads images: `%kbench models --modality image` lists them.
#
# Drawing the image keeps the task free of files; `images.from_path("/kaggle/input/...")`
# takes a file of an attached dataset, and `images.from_url(...)` fetches one.

# %%
import kaggle_benchmarks as kbench
import numpy as np
from kaggle_benchmarks.content_types import images

picture = np.zeros((64, 64, 3), dtype=np.uint8)
picture[:, :32] = (220, 20, 20)
picture[:, 32:] = (20, 20, 220)


@kbench.task(
    name="Sees two colours", description="Does the model tell red on the left from blue on the right?"
)
def sees_two_colours(llm):
    answer = llm.prompt(
        "Which colour is the left half of this image, and which the right half? Answer with two words.",
        image=images.from_array(picture),
    ).lower()
    kbench.assertions.assert_contains_regex(r"red.*blue", answer, expectation="Says red, then blue")


sees_two_colours.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** One prompt takes one `image=`; send more with `kbench.user.send(images.from_path(...))`
# before the prompt. A model that reads text only refuses, and the run is *errored*, not failed.

# %% [markdown]
# # Sound in the prompt
#
# Three beeps, made in the cell, and the question how many there were.
#
# Needs a model that hears audio: `%kbench models --modality audio` lists them.
#
# Python's own `wave` writes the sound. `audios.from_path(...)` takes a file; it must be mp3 or wav.

# %%
import base64
import io
import math
import struct
import wave

import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import audios

RATE = 8000


def beeps(number: int) -> str:
    """Return a WAV file with that many short tones, a pause after each, in base64."""
    tone = [round(20_000 * math.sin(2 * math.pi * 440 * i / RATE)) for i in range(RATE // 5)]
    samples = (tone + [0] * (RATE // 5)) * number
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return base64.b64encode(file.getvalue()).decode()


@kbench.task(name="Counts beeps", description="Does the model hear how many beeps there are?")
def counts_beeps(llm):
    answer = llm.prompt(
        "How many beeps do you hear? Answer with the number.",
        audio=audios.from_base64(beeps(3), format="wav"),
    )
    kbench.assertions.assert_contains_regex(r"(?i)\b(3|three)\b", answer, expectation="Hears three")


counts_beeps.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** `from_path` takes the kind of sound from the file's ending, so name it `.mp3` or `.wav`.
# Sound is sent whole with the prompt: keep it to seconds.

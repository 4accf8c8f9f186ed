# %% [markdown]
# # A debate in a chat room
#
# Two participants, one model: each sees the room from its own side.
#
# Needs a model that keeps to a role. The small one of the embedded server runs this too, and rambles.
#
# A participant's own words come to it as its own, those of others with their names before them. `room.post`
# speaks as the narrator, `participant.reply` lets the model speak.

# %%
import kaggle_benchmarks as kbench


@kbench.task(
    name="Tea or coffee", description="Do two sides hold a debate of two rounds, each in its own words?"
)
def tea_or_coffee(llm):
    room = kbench.ChatRoom("A friendly debate. Every reply is one short sentence.", name="Host")
    tea = room.add_participant(llm, name="Tea", system_prompt="You argue that tea is better.")
    coffee = room.add_participant(llm, name="Coffee", system_prompt="You argue that coffee is better.")
    said = {"Tea": [], "Coffee": []}
    with room:
        room.post("Which is better in the morning, tea or coffee?")
        for _ in range(2):
            said["Tea"].append(tea.reply())
            said["Coffee"].append(coffee.reply())
    for name, replies in said.items():
        kbench.assertions.assert_true(all(replies), expectation=f"{name} speaks in every round")
        kbench.assertions.assert_contains_regex(
            rf"(?i){name}", " ".join(replies), expectation=f"{name} speaks of {name.lower()}"
        )


tea_or_coffee.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** `reply()` works inside `with room:` only, and `llm.prompt()` outside of it only; a judge
# therefore comes after the block and reads `room.messages`. `room.post(..., visible_to=[tea])` whispers,
# `room.private_channel([tea], name="...")` opens a side room.

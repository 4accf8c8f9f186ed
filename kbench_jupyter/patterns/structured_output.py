# %% [markdown]
# # Structured output
#
# A pydantic model as `schema=`: the answer comes back as an object, and one that does not fit is a failure
# you name.
#
# Where the model supports it, the schema is enforced while the answer is written; elsewhere it is only asked
# for, and the answer may not fit.

# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.prompting import ResponseParsingError
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


@kbench.task(name="Reads a person", description="Does the model get name and age out of a sentence?")
def reads_a_person(llm):
    try:
        person = llm.prompt("Ada is 36 years old. Give her name and age.", schema=Person)
    except ResponseParsingError:
        kbench.assertions.assert_fail(expectation="Answers in the shape that was asked for")
        return
    kbench.assertions.assert_equal("Ada", person.name, expectation="Gets the name")
    kbench.assertions.assert_equal(36, person.age, expectation="Gets the age")


reads_a_person.run(kbench.llm)

# %% [markdown]
# **What to keep in mind.** `schema=` also takes `bool`, `int`, `float`, a dataclass or `{"name": str, "age": int}`;
# not `list[int]`: put the list into a model. Left uncaught, an answer that does not fit makes the run
# *errored*, as if something had broken; caught, it is what it is: a model that failed the task.

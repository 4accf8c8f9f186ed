"""Tasks with one mistake each, beside the same task without it: what the checks are measured on.

A notebook is given right, in percent format; below it stand the mistakes that people make in such a task, each as
a piece of its text and what stands there instead. They were written from the SDK and from public tasks and issue
threads, not from the rules, and each one's effect is what the real SDK shows (test_validation_verdicts.py):

========== ==============================================================================================
crash      the notebook ends with an error, or its run is recorded as errored
unrecorded everything runs, and no run of the task is recorded
wrong      a run is recorded, and what is in it is not what the author meant
server     all is well here, and not on the server: no such file or module, or more than one task is stored
========== ==============================================================================================
"""

from __future__ import annotations

import ast
import difflib
import re
import sys
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["crash", "unrecorded", "wrong", "server"]
GROUPS = ("names", "parameters", "results", "runs", "schemas", "tools", "datasets", "state", "python")


@dataclass(frozen=True)
class Mistake:
    """One mistake in a notebook that is right without it."""

    name: str
    group: str
    what: str
    effect: Effect
    right: str
    wrong: str
    #: Words by which a finding or an error elsewhere than on the changed lines shows that it means this mistake.
    says: tuple[str, ...]
    #: Files beside the notebook, which the server does not have.
    files: dict[str, str] = field(default_factory=dict)
    #: What the model must say for the mistake to show; anything, if empty.
    answer: str = ""

    @property
    def places(self) -> set[tuple[int, int]]:
        """Where the mistake stands: cell and line, from one, of each statement that it changed."""
        right, wrong = self.right.splitlines(), self.wrong.splitlines()
        blocks = difflib.SequenceMatcher(None, right, wrong, autojunk=False).get_opcodes()
        changed = {line for kind, _, _, start, end in blocks if kind != "equal" for line in range(start, end)}
        places, cell, first = set(), 0, 0
        for number, text in enumerate(wrong):
            if text.startswith("# %%"):
                cell, first = cell + 1, number
            elif number in changed and text.strip():
                places.add((cell, number - first))
        parts = cells_of(self.wrong)
        return {(cell, line) for cell, at in places for line in _statement(parts[cell - 1], at)}

    def names(self, text: str) -> bool:
        """Whether a text names what is wrong."""
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in self.says)

    def locates(self, text: str) -> bool:
        """Whether a text says where the mistake stands, as a file's or as a notebook's places are told."""
        heads = [number for number, line in enumerate(self.wrong.splitlines(), 1) if line.startswith("# %%")]
        told = {f"line {heads[cell - 1] + line} (cell {cell})" for cell, line in self.places}
        told |= {f"Cell {cell}, line {line}" for cell, line in self.places}
        return any(re.search(re.escape(place) + r"(?!\d)", text, re.I) for place in told)


def _statement(cell: str, line: int) -> set[int]:
    """Return the lines of the statement that a line is in; of one with a body, those of its head."""
    try:
        tree = ast.parse(re.sub(r"^%.*", "pass", cell, flags=re.M))
    except SyntaxError:
        return {line}
    lines = {line}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            if start <= line <= end:
                lines |= set(range(start, end + 1))
    return lines


def cells_of(text: str) -> list[str]:
    """Return a notebook's code cells."""
    return [cell.strip("\n") for cell in re.split(r"^# %%.*\n", text, flags=re.M)[1:]]


NOTEBOOKS: dict[str, str] = {}
MISTAKES: list[Mistake] = []
Pieces = str | tuple[str, ...]


def _notebook(name: str, text: str) -> None:
    NOTEBOOKS[name] = text.lstrip("\n")


def _bad(
    name: str,
    right: Pieces,
    wrong: Pieces,
    what: str,
    says: str = "",
    effect: Effect = "crash",
    files: dict[str, str] | None = None,
    answer: str = "",
) -> None:
    """Add a mistake, named ``group: what``, to the notebook above; `says` holds words divided by commas."""
    text = before = list(NOTEBOOKS.values())[-1]
    olds, news = ((right,), (wrong,)) if isinstance(right, str) else (right, wrong)
    for old, new in zip(olds, news, strict=True):
        assert text.count(old) == 1, f"{name}: {text.count(old)} times {old!r}"
        text = text.replace(old, new)
    words = tuple(word.strip() for word in says.split(",") if word.strip())
    group = name.partition(":")[0]
    MISTAKES.append(Mistake(name, group, what, effect, before, text, words, files or {}, answer))


# A mistake is one paragraph, read across: what is there, what stands there instead, and why that is wrong.
# fmt: off

_notebook("capitals", '''
# %%
import kaggle_benchmarks as kbench

# %%
CAPITALS = {"France": "Paris", "Peru": "Lima"}

# %%
@kbench.task(name="Capitals of two countries", description="Are capitals known?")
def capitals(llm):
    for country, city in CAPITALS.items():
        answer = llm.prompt(f"What is the capital of {country}? Answer with the name only.")
        kbench.assertions.assert_contains_regex(
            rf"(?i)\\b{city}\\b", answer, expectation=f"{city} is the capital of {country}"
        )

# %%
capitals.run(kbench.llm)
''')
_bad("names: assert_contains", "assert_contains_regex(", "assert_contains(",
     "assertions has no assert_contains", "assert_contains")
_bad("names: assertion module", "kbench.assertions.", "kbench.assertion.", "the module is called assertions",
     "assertion")
_bad("names: llm.generate", "llm.prompt(", "llm.generate(", "a model has prompt, not generate", "generate")
_bad("parameters: message of an assertion", "expectation=", "message=", "the parameter is called expectation",
     "message")
_bad("parameters: pattern and text swapped", 'rf"(?i)\\b{city}\\b", answer,', 'answer, rf"(?i)\\b{city}\\b",',
     "the answer is searched in the pattern", "pattern, text", "wrong", answer="It is Paris")
_bad("parameters: no text", "answer, expectation=", "expectation=", "the text to search is not passed",
     "text")
_bad("parameters: expectation twice", "answer, expectation=", 'answer, "is named", expectation=',
     "expectation by position and by name", "expectation")
_bad("runs: called, not run", "capitals.run(kbench.llm)", "capitals(kbench.llm)",
     "a plain call stores nothing", "capitals", "unrecorded")
_bad("runs: never run", "capitals.run(kbench.llm)", "%choose capitals", "nothing runs the task", "capitals",
     "unrecorded")
_bad("runs: run without a model", "capitals.run(kbench.llm)", "capitals.run()", "the model is not passed",
     "llm")
_bad("python: misspelt loop variable", "{country}? Answer", "{contry}? Answer", "no variable contry",
     "contry")
_bad("state: defined in a later cell",
     ('# %%\nCAPITALS = {"France": "Paris", "Peru": "Lima"}\n\n', "capitals.run(kbench.llm)\n"),
     ("", 'capitals.run(kbench.llm)\n\n# %%\nCAPITALS = {"France": "Paris", "Peru": "Lima"}\n'),
     "CAPITALS is defined after the run", "CAPITALS")

_notebook("arithmetic", '''
# %%
import random

import kaggle_benchmarks as kbench

# %%
def problems(count: int, seed: int = 1) -> list[tuple[int, int]]:
    """Make multiplications that are the same each time."""
    numbers = random.Random(seed)
    return [(numbers.randint(10, 99), numbers.randint(10, 99)) for _ in range(count)]

# %%
@kbench.task(name="Two-digit multiplication")
def multiplication(llm) -> float:
    """Share of products that are right."""
    right = 0
    for a, b in problems(3):
        with kbench.chats.new(f"{a} times {b}"):
            product = llm.prompt(f"What is {a} * {b}?", schema=int)
        right += product == a * b
    return right / 3

# %%
multiplication.run(kbench.llm)
''')
_bad("names: chats.start", "kbench.chats.new(", "kbench.chats.start(", "chats has new and fork", "start")
_bad("names: task decorator", "@kbench.task(", "@kbench.tasks(", "tasks is a module", "tasks")
_bad("parameters: schema by another name", "schema=int", "response_format=int", "prompt calls it schema",
     "response_format")
_bad("parameters: title of a task", 'name="Two-digit', 'title="Two-digit', "task() has name, not title",
     "title")
_bad("results: list annotation", ") -> float:", ") -> list[float]:", "a list is not a type of result", "list")
_bad("results: quoted annotation", ") -> float:", ') -> "float":', "a quoted annotation is not looked up",
     "float")
_bad("results: the count and not the share", "return right / 3", "return [right, 3]", "a list under -> float",
     "list", "unrecorded")
_bad("results: no return", "    return right / 3", "    print(right / 3)", "-> float and nothing is returned",
     "returns nothing, None", "wrong")
_bad("names: model made by hand", "multiplication.run(kbench.llm)",
     'multiplication.run(kbench.LLMChat(name="mine"))', "LLMChat calls no model by itself", "LLMChat")
_bad("schemas: forgotten", ", schema=int)", ")", "a text is compared with a number, which is never equal",
     "schema, product, int", "wrong", answer="product")
_bad("python: missing import", "import random\n\n", "", "random is never imported", "random")
_bad("python: divided by a string", "right / 3", 'right / "3"', "int / str", "str")
_bad("runs: bare decorator", '@kbench.task(name="Two-digit multiplication")', "@kbench.task",
     "the decorator needs its parentheses", "task")
_bad("runs: run is not called", "multiplication.run(kbench.llm)", "multiplication.run",
     "run without parentheses", "multiplication", "unrecorded")

_notebook("person", '''
# %%
from dataclasses import dataclass

import kaggle_benchmarks as kbench

# %%
@dataclass
class Person:
    name: str
    born: int
    cities: list[str]

TEXT = "Ada Lovelace was born in London in 1815, and lived in Torquay and Ockham."

# %%
@kbench.task(name="A person out of a sentence")
def person(llm) -> dict:
    found = llm.prompt(f"Whom is this about? {TEXT}", schema=Person)
    kbench.assertions.assert_equal(1815, found.born, expectation="The year of birth is 1815")
    kbench.assertions.assert_in("Ada", found.name, expectation="The name is there")
    return {"name": found.name, "born": found.born, "cities": len(found.cities)}

# %%
person.run(kbench.llm)
''')
_bad("schemas: field of another name", "{\"name\": found.name", "{\"name\": found.full_name",
     "Person has no full_name", "full_name")
_bad("schemas: used as a dict", "1815, found.born,", '1815, found["born"],', "a dataclass is no dict", "born")
_bad("schemas: list of dataclasses", "schema=Person", "schema=list[Person]", "list[...] is no schema", "list")
_bad("schemas: an instance", "schema=Person)", 'schema=Person("", 0, []))',
     "an object where its class belongs", "Person")
_bad("schemas: no dataclass", "@dataclass\n", "", "a plain class is no schema", "Person")
_bad("schemas: name of a class", "schema=Person)", 'schema="Person")', "a string is no schema", "schema")
_bad("results: the object itself",
     'return {"name": found.name, "born": found.born, "cities": len(found.cities)}', "return found",
     "a dataclass is no dict", "Person", "unrecorded")
_bad("names: assert_equals", "assert_equal(", "assert_equals(", "it is assert_equal", "assert_equals")
_bad("state: class deleted", "# %%\nperson.run(kbench.llm)",
     "# %%\ndel Person\n\n# %%\nperson.run(kbench.llm)", "the schema's class is deleted before the run",
     "Person")

_notebook("review", '''
# %%
from typing import Literal

import kaggle_benchmarks as kbench
from pydantic import BaseModel, Field

# %%
class Review(BaseModel):
    sentiment: Literal["good", "bad"]
    stars: int = Field(ge=0, le=5)
    reasons: list[str]

REVIEWS = [("I loved every minute", "good"), ("Never again", "bad")]

# %%
@kbench.task(name="Mood of reviews")
def mood(llm) -> tuple[float, float]:
    hits = []
    for text, expected in REVIEWS:
        review = llm.prompt("Judge this review: " + text, schema=Review)
        hits.append(float(review.sentiment == expected))
    mean = sum(hits) / len(hits)
    return mean, (mean * (1 - mean) / len(hits)) ** 0.5

# %%
run = mood.run(kbench.llm)
print(run.result)
''')
_bad("schemas: pydantic field misspelt", "review.sentiment", "review.sentiments", "Review has no sentiments",
     "sentiments")
_bad("schemas: BaseModel forgotten", "class Review(BaseModel):", "class Review:",
     "a plain class is no schema", "Review")
_bad("schemas: JSON out of an object", "float(review.sentiment == expected)",
     'float(review.json["sentiment"] == expected)', "json is a method of the object", "json")
_bad("results: three numbers", "return mean, (mean", "return mean, len(hits), (mean", "three numbers for two",
     "tuple", "unrecorded")
_bad("results: bare tuple", "-> tuple[float, float]:", "-> tuple:", "tuple without its two types", "tuple")
_bad("names: score of a run", "print(run.result)", "print(run.score)", "a run has result, not score", "score")
_bad("python: text and object added", '"Judge this review: " + text', '"Judge this review: " + REVIEWS',
     "str + list", "str")
_bad("python: no such method of str", "+ text, schema", "+ text.trim(), schema", "str has strip, not trim",
     "trim")

_notebook("judge", '''
# %%
import kaggle_benchmarks as kbench

CRITERIA = ["It mentions the sea.", "It has three lines."]

# %%
@kbench.task(name="Haiku of the sea", description="A judge looks at form and content.")
def haiku(llm):
    poem = llm.prompt("Write a haiku about the sea.")
    report = kbench.assertions.assess_response_with_judge(
        criteria=CRITERIA, response_text=poem, judge_llm=kbench.judge_llm
    )
    if report is None:
        kbench.assertions.assert_fail(expectation="The judge answers")
        return
    for result in report.results:
        kbench.assertions.assert_true(result.passed, expectation=f"{result.criterion}: {result.reason}")

# %%
haiku.run(kbench.llm)
''')
_bad("names: assess_with_judge", "assess_response_with_judge", "assess_with_judge",
     "no such function of assertions", "assess_with_judge")
_bad("names: judge model", "kbench.judge_llm", "kbench.llm_judge", "it is judge_llm", "llm_judge")
_bad("names: field of a judge's result", "result.criterion}: {result.reason}",
     "result.criterion}: {result.comment}", "a judge's result has reason", "comment", answer="judged")
_bad("parameters: judge by another name", "judge_llm=kbench.judge_llm", "judge=kbench.judge_llm",
     "it is judge_llm=", "judge")
_bad("parameters: text forgotten", "response_text=poem, ", "", "response_text is required", "response_text")
_bad("runs: the judge is tested", "haiku.run(kbench.llm)", "haiku.run(kbench.judge_llm)",
     "the run is the judge's, not the model's under test", "judge_llm, kbench.llm", "wrong")
_bad("runs: model by name", "haiku.run(kbench.llm)", 'haiku.run(kbench.llms["google/gemini-2.5-flash"])',
     "a model written into the task", "llms, kbench.llm", "wrong")
_bad("results: str annotation", "def haiku(llm):", "def haiku(llm) -> str:", "str is not a type of result",
     "str")
_bad("python: method of a list", "return\n    for", "return\n    report.results.push(None)\n    for",
     "list has no push", "push", answer="judged")

_notebook("numpy", '''
# %%
import kaggle_benchmarks as kbench
import numpy as np

# %%
WORDS = ["strawberry", "banana", "mississippi"]

# %%
@kbench.task(name="Letters in words")
def letters(llm) -> float:
    """Mean error of counts."""
    errors = []
    for word in WORDS:
        count = llm.prompt(f"How many letters has {word}?", schema=int)
        errors.append(abs(count - len(word)))
    return float(np.mean(errors))

# %%
letters.run(llm=kbench.llm)
''')
_bad("results: numpy int", "return float(np.mean(errors))", "return np.array(errors).sum()",
     "np.int64 is not recorded", "int64, numpy", "unrecorded")
_bad("results: numpy float32", "return float(np.mean(errors))", "return np.float32(np.mean(errors))",
     "np.float32 is not recorded", "float32, numpy", "unrecorded")
_bad("results: numpy bool", ("-> float:", "return float(np.mean(errors))"),
     ("-> bool:", "return np.mean(errors) < 1"), "np.bool_ is not recorded", "bool, numpy", "unrecorded")
_bad("results: mean of nothing", "    for word in WORDS:", "    for word in WORDS[3:]:",
     "the mean of no numbers is NaN, which is not recorded", "nan, NaN, empty", "unrecorded")
_bad("results: numpy annotation", "-> float:", "-> np.float64:", "np.float64 is not a type of result",
     "float64")
_bad("parameters: model by another name", "letters.run(llm=kbench.llm)", "letters.run(model=kbench.llm)",
     "the task's parameter is llm", "model")
_bad("names: numpy function", "np.mean(", "np.avg(", "numpy has mean and average", "avg")
_bad("state: name rebound", "letters.run(llm=kbench.llm)",
     "letters = list(WORDS)\nletters.run(llm=kbench.llm)",
     "the task's name is bound to a list before the run", "letters")
_bad("runs: unknown name chosen", "letters.run(llm=kbench.llm)",
     "letters.run(llm=kbench.llm)\n\n# %%\n%choose letter",
     "%choose of a name that does not exist deletes every run", "letter", "unrecorded")

_notebook("rows", '''
# %%
import kaggle_benchmarks as kbench
import pandas as pd

# %%
table = pd.DataFrame({
    "question": ["Is 7 a prime?", "Is 9 a prime?", "Is 11 a prime?"],
    "answer": [True, False, True],
})

# %%
@kbench.task(name="Prime or not: one", store_task=False)
def one(llm, question: str, answer: bool) -> bool:
    return llm.prompt(question, schema=bool) == answer

# %%
@kbench.task(name="Prime or not")
def primes(llm) -> float:
    with kbench.client.enable_cache():
        runs = one.evaluate(llm=[llm], evaluation_data=table, n_jobs=2, on_failure="continue")
    frame = runs.as_dataframe()
    return float(frame["result"].astype(float).mean())

# %%
primes.run(kbench.llm)
''')
_bad("datasets: column of another name", '"answer": [True', '"expected": [True', "no column answer",
     "answer, expected")
_bad("datasets: a column too many", '    "answer": [True', '    "level": [1, 2, 3],\n    "answer": [True',
     "one() takes no level", "level")
_bad("datasets: model not in a list", "llm=[llm], evaluation_data", "llm=llm, evaluation_data",
     "evaluate takes lists of values", "llm, iterable")
_bad("datasets: records for a table", "evaluation_data=table,", 'evaluation_data=table.to_dict("records"),',
     "evaluation_data is a DataFrame", "evaluation_data, list")
_bad("parameters: workers", "n_jobs=2", "num_workers=2", "evaluate has n_jobs", "num_workers")
_bad("parameters: data", "evaluation_data=table", "data=table", "evaluate has evaluation_data", "data")
_bad("parameters: on_failure", 'on_failure="continue"', 'on_failure="ignore"', "raise or continue",
     "ignore, on_failure")
_bad("names: to_dataframe", "runs.as_dataframe()", "runs.to_dataframe()", "it is as_dataframe",
     "to_dataframe")
_bad("datasets: column of the results", 'frame["result"]', 'frame["score"]',
     "the results are in the column result", "score")
_bad("results: a Series", 'return float(frame["result"].astype(float).mean())',
     'return frame["result"].astype(float)', "a Series is not recorded", "Series", "unrecorded")
_bad("results: pandas sum", ("-> float:", 'return float(frame["result"].astype(float).mean())'),
     ("-> int:", 'return frame["result"].astype(bool).sum()'), "np.int64 is not recorded", "int64, numpy",
     "unrecorded")
_bad("runs: rows stored as a task", "one\", store_task=False)", 'one")',
     "two tasks are stored, and none is chosen", "choose, store_task", "server")
_bad("runs: the helper is run", "primes.run(kbench.llm)", 'one.run(kbench.llm, "Is 7 a prime?", True)',
     "only the helper is run", "primes", "unrecorded")
_bad("names: enable_caching", "enable_cache()", "enable_caching()", "it is enable_cache", "enable_caching")

_notebook("files", '''
# %%
import json
from pathlib import Path

import kaggle_benchmarks as kbench

# %%
ROWS = [
    {"riddle": "What has hands and cannot clap?", "solution": "clock"},
    {"riddle": "What has a neck and no head?", "solution": "bottle"},
]

# %%
def solved(answer, solution):
    return solution.lower() in answer.lower()

# %%
@kbench.task(name="Riddles")
def riddles(llm) -> dict:
    results = {}
    for row in ROWS:
        answer = llm.prompt(row["riddle"] + " One word.")
        results[row["solution"]] = solved(answer, row["solution"])
    return {"solved": sum(results.values()), "asked": len(results)}

# %%
riddles.run(kbench.llm)
''')
_RIDDLES = '[{"riddle": "What has hands and cannot clap?", "solution": "clock"}]'
_ROWS = NOTEBOOKS["files"].split("# %%\n")[2].strip()
_bad("datasets: file beside the notebook", _ROWS, 'ROWS = json.loads(Path("riddles.json").read_text())',
     "riddles.json is not on the server", "riddles.json", "server", {"riddles.json": _RIDDLES})
_bad("datasets: file opened by a helper", _ROWS,
     'def rows_of(name, folder="data"):\n'
     '    with open(f"{folder}/{name}.json") as file:\n        return json.load(file)'
     '\n\nROWS = rows_of("riddles")',
     "data/riddles.json is not on the server", "data, riddles, open", "server",
     {"data/riddles.json": _RIDDLES})
_bad("datasets: module beside the notebook", _ROWS, "from riddle_data import ROWS",
     "riddle_data.py is not on the server", "riddle_data", "server",
     {"riddle_data.py": f"ROWS = {_RIDDLES}\n"})
_bad("datasets: table beside the notebook", _ROWS,
     'import pandas as pd\n\nROWS = pd.read_csv("./riddles.csv").to_dict("records")',
     "riddles.csv is not on the server", "riddles.csv", "server",
     {"riddles.csv": "riddle,solution\nWhat has hands?,clock\n"})
_bad("datasets: key of another name", 'llm.prompt(row["riddle"]', 'llm.prompt(row["question"]',
     "rows have riddle", "question")
_bad("python: arguments forgotten", 'solved(answer, row["solution"])', "solved(answer)", "solved takes two",
     "solution")
_bad("python: await", "answer = llm.prompt(", "answer = await llm.prompt(", "await in a plain function",
     "await")
if sys.version_info < (3, 12):
    _bad("python: f-string quotes", 'row["riddle"] + " One word."', "f'{row['riddle']} One word.'",
         "the same quotes within an f-string", "f-string, syntax")
_bad("results: set in a dict", '"asked": len(results)', '"asked": set(results)', "a set is not recorded",
     "set", "unrecorded")
_bad("results: numbers as keys", '{"solved": sum(results.values()), "asked": len(results)}',
     "{number: ok for number, ok in enumerate(results.values())}", "keys must be strings", "key",
     "unrecorded")
_bad("state: another cell's task", '@kbench.task(name="Riddles")\ndef riddles(llm)',
     '@kbench.task(name="Riddles")\ndef ask_riddles(llm)', "the run names an earlier version's function",
     "riddles")
_bad("runs: store_run", 'name="Riddles")', 'name="Riddles", store_run=False)', "the task stores no run",
     "store_run", "unrecorded")

_notebook("tools", '''
# %%
import kaggle_benchmarks as kbench

# %%
STOCK = {"apples": 3, "pears": 0}

def in_stock(item: str) -> int:
    """Tell how many of an item are in stock."""
    return STOCK.get(item, 0)

def order(item: str, count: int = 1) -> str:
    """Order an item."""
    return f"{count} {item} ordered"

# %%
@kbench.task(name="A shop with tools")
def shop(llm):
    answer = llm.prompt("How many apples are there? Look, and order two.", tools=[in_stock, order])
    kbench.assertions.assert_tool_was_invoked(in_stock, expectation="The stock is looked up")
    kbench.assertions.assert_not_empty(answer, expectation="There is an answer")

# %%
shop.run(kbench.llm)
''')
_bad("tools: tool not in a list", "tools=[in_stock, order]", "tools=in_stock", "tools is a list",
     "tools, in_stock")
_bad("tools: names of tools", "tools=[in_stock, order]", 'tools=["in_stock", "order"]',
     "functions, not names", "tools")
_bad("tools: called tool", "tools=[in_stock, order]", 'tools=[in_stock("apples"), order]',
     "a result, not the function", "tools, in_stock")
_bad("tools: parameter", "tools=[in_stock, order]", "functions=[in_stock, order]", "prompt has tools",
     "functions")
_bad("tools: assertion's name", "assert_tool_was_invoked", "assert_tool_called", "no such assertion",
     "assert_tool_called")
_bad("tools: raises", "return STOCK.get(item, 0)", "return STOCK[item.name]",
     "a str has no name: the model is told of an error", "name, in_stock", "wrong")
_bad("tools: schema of a tool", "tools=[in_stock, order]", 'tools=[{"name": "in_stock"}]',
     "functions, not descriptions", "tools, dict")
_bad("tools: method that is a function", "tools=[in_stock, order]", "tools=[STOCK.in_stock, order]",
     "a dict has no in_stock", "in_stock")
_bad("tools: class of a parameter", "def order(item: str, count: int = 1) -> str:",
     "class Amount:\n    pieces = 1\n\ndef order(item: str, count: Amount) -> str:",
     "a plain class has no JSON schema", "schema, order, Amount")
_bad("state: stock of another cell",
     ('# %%\nSTOCK = {"apples": 3, "pears": 0}\n\ndef', "shop.run(kbench.llm)"),
     ("# %%\ndef", 'shop.run(kbench.llm)\n\n# %%\nSTOCK = {"apples": 3, "pears": 0}'),
     "STOCK comes after the run", "STOCK", "wrong")

_notebook("code", '''
# %%
import kaggle_benchmarks as kbench

# %%
@kbench.task(name="Writes a function")
def writes_code(llm) -> bool:
    reply = llm.prompt("Write a Python function `add(a, b)`. Only code, in one block.")
    try:
        code = kbench.tools.python.extract_code(reply)
        done = kbench.tools.python.script_runner.run_code(code + "\\nassert add(2, 3) == 5")
    except Exception as error:
        print("no code:", error)
        return False
    return done.exit_code == 0

# %%
writes_code.run(kbench.llm)
''')
_ADD = "```python\ndef add(a, b):\n    return a + b\n```"
_bad("tools: extract_code", "kbench.tools.python.extract_code", "kbench.tools.extract_code",
     "it is in tools.python; the error is caught, and all score 0", "extract_code", "wrong", answer=_ADD)
_bad("tools: run a script", "script_runner.run_code", "script_runner.execute",
     "no such method; the error is caught, and all score 0", "execute", "wrong", answer=_ADD)
_bad("tools: field of the output", "done.exit_code", "done.returncode", "it is exit_code", "returncode",
     answer=_ADD)
_bad("tools: module name", "kbench.tools.python.script_runner", "kbench.tools.code.script_runner",
     "no module code; the error is caught, and all score 0", "code", "wrong", answer=_ADD)
_bad("tools: parameter of extract_code", "extract_code(reply)", 'extract_code(reply, language="python")',
     "no such parameter; the error is caught, and all score 0", "language", "wrong", answer=_ADD)
_bad("python: slip in a branch", 'code + "', 'code.text + "',
     "a str has no text; the error is caught, and all score 0", "text", "wrong", answer=_ADD)

_notebook("image", '''
# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import images

# %%
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# %%
@kbench.task(name="Colour of a dot")
def colour(llm) -> bool:
    dot = images.from_base64(DOT, format="png")
    reply = llm.prompt("Which colour is this dot?", image=dot)
    return "green" in reply.lower()

# %%
colour.run(kbench.llm)
''')
_bad("names: from_b64", "images.from_base64(", "images.from_b64(", "it is from_base64", "from_b64")
_bad("parameters: image list", "image=dot", "images=[dot]", "prompt has image", "images")
_bad("parameters: text as an image", "image=dot", "image=DOT", "a str is no image", "image, str")
_bad("names: module of images", "from kaggle_benchmarks.content_types import images",
     "from kaggle_benchmarks import images", "images is in content_types", "images")
_bad("datasets: picture beside the notebook", 'images.from_base64(DOT, format="png")',
     'images.from_path("dot.png")', "dot.png is not on the server", "dot.png", "server",
     {"dot.png": "not looked at"})
_bad("python: never equal", '"green" in reply.lower()', '"Green" in reply.lower()',
     "a capital in a text of small letters", "Green, lower", "wrong", answer="Green")
_bad("parameters: media type", 'format="png"', 'mime_type="image/png"', "from_base64 has format", "mime_type")
_notebook("video", '''
# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import videos

CLIPS = {"https://www.youtube.com/watch?v=aqz-KE-bpKQ": "rabbit"}

# %%
@kbench.task(name="What the clip shows")
def clip(llm) -> int:
    seen = 0
    for address, animal in CLIPS.items():
        reply = llm.prompt("Which animal is in this clip?", video=videos.from_url(address))
        seen += animal in reply.lower()
    return seen

# %%
clip.run(kbench.llm)
''')
_bad("parameters: address of a video", "https://www.youtube.com/watch?v=aqz-KE-bpKQ",
     "https://vimeo.com/76979871", "only YouTube", "vimeo, YouTube")
_bad("parameters: video as text", "video=videos.from_url(address)", "video=address", "a str is no video",
     "video")
_bad("names: class for a function", "videos.from_url(", "videos.Video(", "videos has from_url and VideoURL",
     "Video")
_bad("results: counter of a dict", "return seen", "return {seen}", "a set is not recorded", "set",
     "unrecorded")

_notebook("room", '''
# %%
import kaggle_benchmarks as kbench

ROUNDS = 2

# %%
@kbench.task(name="A debate in a room")
def debate(llm):
    room = kbench.ChatRoom(system_prompt="A short debate.", name="Host")
    pro = room.add_participant(llm, name="Pro", system_prompt="Argue for tea.")
    con = room.add_participant(llm, name="Con", system_prompt="Argue for coffee.")
    with room:
        room.post("Tea or coffee?")
        for _ in range(ROUNDS):
            pro.reply()
            last = con.reply()
    with kbench.chats.new("verdict"):
        winner = llm.prompt("Who won? " + last)
    kbench.assertions.assert_not_empty(winner, expectation="Somebody wins")

# %%
debate.run(kbench.llm)
''')
_bad("names: speak", "last = con.reply()", "last = con.speak()", "a participant has reply", "speak")
_bad("parameters: instructions of a participant", 'system_prompt="Argue for tea."',
     'instructions="Argue for tea."', "it is system_prompt", "instructions")
_bad("names: Room", "kbench.ChatRoom(", "kbench.Room(", "it is ChatRoom", "Room")
_bad("parameters: the same name", 'name="Con"', 'name="Pro"', "two participants of one name", "Pro, name")
_bad("runs: prompt in a room", "            last = con.reply()\n",
     '            last = con.reply()\n            llm.prompt(last)\n', "prompt() raises within a room",
     "prompt, room")
_bad("state: reply outside the room", "    with room:\n        room.post", "    if room:\n        room.post",
     "reply() needs `with room:`", "room, reply")
_bad("state: name of a cell deleted", "# %%\ndebate.run(kbench.llm)",
     "# %%\ndel ROUNDS\ndebate.run(kbench.llm)", "ROUNDS is deleted before the run", "ROUNDS")

_notebook("memory", '''
# %%
from kaggle_benchmarks import assertions, chats, llm, task

# %%
FACTS = ["My cat is called Miez.", "My dog is called Rex."]

# %%
@task("Remembers what was said", version=2)
def remembers(llm) -> bool:
    with chats.new("facts", system_instructions="Be brief.") as talk:
        for fact in FACTS:
            llm.prompt(fact)
        with chats.fork("question"):
            cat = llm.prompt("What is my cat called?", reasoning="low")
        assertions.assert_true(len(talk.messages) > 2, expectation="All is kept")
    return "Miez" in cat

# %%
remembers.run(llm)
''')
_bad("parameters: system of a chat", 'system_instructions="Be brief."', 'system_prompt="Be brief."',
     "chats.new has system_instructions", "system_prompt")
_bad("parameters: reasoning level", 'reasoning="low"', 'effort="low"', "prompt has reasoning", "effort")
_bad("names: history", "len(talk.messages)", "len(talk.message_history)", "a chat has messages",
     "message_history")
_bad("names: imported name", "import assertions, chats, llm, task", "import assertions, chat, llm, task",
     "there is no chat", "chat, chats")
_bad("parameters: description by position", '@task("Remembers what was said", version=2)',
     '@task("Remembers what was said", "Facts about pets")', "only name is positional",
     "positional, description")
_bad("parameters: max_tokens", 'reasoning="low"', "max_tokens=5", "prompt has extra_api_params", "max_tokens")
_bad("python: iteration over a number", "for fact in FACTS:", "for fact in len(FACTS):",
     "an int is not iterable", "int")
_bad("state: shadowed in a later cell", "# %%\nremembers.run(llm)",
     "# %%\nllm = llm.prompt\n\n# %%\nremembers.run(llm)", "llm is a method when the task runs", "llm")
_notebook("guarded", '''
# %%
import os

import kaggle_benchmarks as kbench

SAMPLES = int(os.environ.get("SAMPLES", "2"))

# %%
@kbench.task(name="Says yes")
def says_yes(llm, samples: int = SAMPLES) -> tuple[int, int]:
    yes = sum(llm.prompt("Say yes.").strip().lower().startswith("yes") for _ in range(samples))
    return yes, samples

# %%
def main():
    run = says_yes.run(kbench.llm, samples=SAMPLES)
    print(run.name, run.result)

if __name__ == "__main__":
    main()
''')
_bad("runs: guard misspelt", '__name__ == "__main__"', '__name__ == "main"', "the guard is never true",
     "__name__, main", "unrecorded")
_bad("runs: main is not called", '\n\nif __name__ == "__main__":\n    main()\n', "\n", "nobody calls main()",
     "main, says_yes", "unrecorded")
_bad("runs: guard by a variable of one's own", 'if __name__ == "__main__":',
     'if os.environ.get("RUN_MY_TASK"):', "the server has no such variable", "RUN_MY_TASK, environ",
     "unrecorded")
_bad("parameters: a count by another name", "kbench.llm, samples=SAMPLES", "kbench.llm, n=SAMPLES",
     "the task has samples", "n")
_bad("parameters: variable read as text", 'int(os.environ.get("SAMPLES", "2"))',
     'os.environ.get("SAMPLES", "2")', "range() of a str", "str, range")
_bad("results: a generator", "return yes, samples", "return (n for n in (yes, samples))",
     "a generator is not recorded", "generator", "unrecorded")
_bad("state: undefined constant", "samples=SAMPLES)\n    print", "samples=N_SAMPLES)\n    print",
     "no N_SAMPLES", "N_SAMPLES")

_notebook("grid", '''
# %%
import kaggle_benchmarks as kbench

LANGUAGES = ["German", "Finnish"]

# %%
@kbench.task(name="Translates hello", description="Into some languages")
def hello(llm, language: str, *, formal: bool = False) -> bool:
    reply = llm.prompt(f"Say hello in {language}{', formally' if formal else ''}.")
    return bool(reply.strip())

# %%
GRID = {"llm": [kbench.llm], "language": LANGUAGES}
runs = hello.evaluate(grid=GRID, max_attempts=2, retry_delay=1)
print(len(runs), sum(run.result for run in runs))
''')
_bad("datasets: parameter of the grid", '"language": LANGUAGES}', '"lang": LANGUAGES}',
     "the task has language", "lang")
_bad("datasets: no model in the grid", '{"llm": [kbench.llm], "language"', '{"language"',
     "the model is not passed", "llm")
_bad("datasets: one value", '"language": LANGUAGES}', '"language": "German"}',
     "each letter of the word is a language", "language, German", "wrong")
_bad("datasets: option in the grid", "max_attempts=2, retry_delay=1", "max_retries=2",
     "evaluate has max_attempts", "max_retries")
_bad("datasets: everything by position", "evaluate(grid=GRID, max", "evaluate(kbench.llm, LANGUAGES, max",
     "the first parameter is the grid", "grid, evaluate")
_bad("names: kbench.evaluate", "hello.evaluate(grid", "kbench.evaluate(hello, grid",
     "evaluate belongs to the task", "evaluate")
_bad("names: results of runs", "sum(run.result for run in runs)", "sum(runs.results)", "Runs has no results",
     "results")
_bad("datasets: evaluate without arguments", "hello.evaluate(grid=GRID, max", "hello.evaluate(max",
     "neither model nor language is passed", "llm, language")
_bad("runs: run takes no lists", "hello.evaluate(grid=GRID, max_attempts=2, retry_delay=1)",
     "hello.run(llm=[kbench.llm], language=LANGUAGES)", "a list has no prompt", "list, llm")

_notebook("two tasks", '''
# %%
import kaggle_benchmarks as kbench

# %%
@kbench.task(name="Counts: step", store_task=False, store_run=False)
def step(llm, n: int) -> bool:
    return str(n + 1) in llm.prompt(f"What comes after {n}?")

# %%
@kbench.task(name="Counts")
def counts(llm) -> dict:
    passed = [step.run(llm, n).result for n in range(3)]
    return {"passed": sum(passed), "of": len(passed)}

# %%
counts.run(kbench.llm)

# %%
%choose counts
''')
_bad("runs: the helper is chosen", "%choose counts", "%choose step",
     "the helper is kept, the task's run is deleted", "step", "unrecorded")
_bad("runs: chosen by a part of the name", "%choose counts", "%choose Count", "no task is called Count",
     "Count", "unrecorded")
_bad("runs: the last row is kept", (
         'name="Counts: step", store_task=False, store_run=False',
         '@kbench.task(name="Counts")\ndef counts(llm) -> dict:\n    '
         'passed = [step.run(llm, n).result for n in range(3)]\n    '
         'return {"passed": sum(passed), "of": len(passed)}\n\n# %%\ncounts.run(kbench.llm)', "%choose counts"),
     ('name="Counts"', "step.evaluate(llm=[kbench.llm], n=[0, 1, 2])", "%choose step"),
     "each row is a run of its own, and all but the last are deleted", "evaluate, choose", "wrong")
_bad("names: passed of a result", ".result for n", ".value for n", "a run has result", "value")
_bad("results: runs in a dict", '"of": len(passed)', '"of": len(passed), "last": step.run(llm, 9)',
     "a run inside of a dict is not recorded", "Run", "unrecorded")
_bad("results: called helper", "step.run(llm, n).result", "step(llm, n).result",
     "a plain call gives the bool itself", "result")
_bad("state: task made twice", "# %%\ncounts.run(kbench.llm)\n",
     '# %%\ncounts.run(kbench.llm)\n\n# %%\n@kbench.task(name="Counts")\ndef counts(llm, start) -> bool:\n'
     "    return step.run(llm, start).result\n\ncounts.run(kbench.llm, 5)\n",
     "a second task of the same name overwrites the first one's run", "Counts", "wrong")
_bad("state: numbers of another cell", "for n in range(3)]", "for n in NUMBERS]", "NUMBERS is never defined",
     "NUMBERS")
_bad("python: string and number", "str(n + 1) in", "(n + 1) in", "int in str", "int, str")
_notebook("retries", '''
# %%
import json
import time

import kaggle_benchmarks as kbench

# %%
def ask(llm, question, tries=3):
    """Ask until the answer is JSON."""
    for attempt in range(tries):
        text = llm.prompt(f"{question} Answer as a JSON object with the key `value`.")
        try:
            return json.loads(text)["value"]
        except (ValueError, KeyError, TypeError):
            time.sleep(0.01 * attempt)
    return None

# %%
@kbench.task(name="Answers in JSON")
def answers(llm) -> float:
    questions = {"2 + 2": 4, "3 * 3": 9}
    values = [ask(llm, question) == value for question, value in questions.items()]
    return sum(values) / len(values)

# %%
answers.run(kbench.llm)
''')
_JSON = '{"value": 4}'
_bad("python: json.load", "json.loads(text)", "json.load(text)", "json.load reads files", "load, read",
     answer=_JSON)
_bad("python: bare except hides a name", ("json.loads(text)", "except (ValueError, KeyError, TypeError):"),
     ("json.loads(txt)", "except Exception:"), "no variable txt; the error is caught, and all score 0", "txt",
     "wrong", answer=_JSON)
_bad("python: misspelt exception", "KeyError, TypeError", "KeyErorr, TypeError", "no such exception",
     "KeyErorr", answer="no JSON")
_bad("python: method of a dict", "questions.items()", "questions.iteritems()", "a dict has items",
     "iteritems")
_bad("state: helper under its old name", "[ask(llm, question)", "[ask_json(llm, question)",
     "no function ask_json", "ask_json")
_bad("parameters: argument of the helper", "ask(llm, question) ==", "ask(llm, question, retries=2) ==",
     "it is tries", "retries")
_bad("results: None for a number", "    return sum(values) / len(values)",
     "    if any(values):\n        return sum(values) / len(values)", "nothing is returned when all is wrong",
     "returns nothing, None", "wrong", answer="no JSON")
_bad("results: async task", "def answers(llm) -> float:", "async def answers(llm) -> float:",
     "a coroutine is not recorded", "async", "unrecorded")
_bad("names: usage of a model", "    questions = {", "    print(llm.usage.total_tokens)\n    questions = {",
     "a model has no usage", "usage")
_bad("names: misspelt in an except", "time.sleep(0.01 * attempt)", 'kbench.system.log("again")',
     "an actor has no log", "log", answer="no JSON")

_notebook("custom assertion", '''
# %%
import kaggle_benchmarks as kbench
from kaggle_benchmarks.assertions import AssertionResult, assertion_handler

# %%
@assertion_handler()
def assert_short(text: str, words: int, expectation: str = "") -> AssertionResult:
    return AssertionResult(passed=len(text.split()) <= words, expectation=expectation or f"At most {words} words")

# %%
@kbench.task(name="Brief summaries")
def brief(llm):
    summary = llm.prompt("Summarize the story of Odysseus in ten words.")
    assert_short(summary, 12, expectation="It is brief")
    traces = kbench.last_reasoning_traces()
    if traces:
        kbench.assertions.assert_not_in("I cannot", traces, expectation="It does not refuse")

# %%
brief.run(kbench.llm)
''')
_bad("results: annotation of an assertion", "-> AssertionResult:", "-> bool:",
     "an assertion returns an AssertionResult", "AssertionResult")
_bad("parameters: success", "AssertionResult(passed=", "AssertionResult(success=", "it is passed", "success")
_bad("names: last_reasoning_trace", "kbench.last_reasoning_traces()", "kbench.last_reasoning_trace()",
     "it is last_reasoning_traces", "last_reasoning_trace")
_bad("results: traces may be None", ("    if traces:\n        kbench", "traces, expectation"),
     ("    kbench", "traces.strip(), expectation"), "there may be no traces", "traces, None")
_bad("names: bare handler", "@assertion_handler()", "@assertion_handler",
     "the decorator needs its parentheses", "assertion_handler")
_bad("parameters: words for a condition", 'assert_short(summary, 12, expectation="It is brief")',
     'kbench.assertions.assert_true("It is brief", len(summary.split()) <= 12)',
     "condition and words are swapped: always true", "assert_true, expectation", "wrong", answer="no " * 20)
_bad("parameters: swapped arguments", "assert_short(summary, 12,", "assert_short(12, summary,",
     "text and number are swapped", "int, text")

_notebook("dict schema", '''
# %%
import datetime

import kaggle_benchmarks as kbench

# %%
@kbench.task(name="Facts of the moon landing")
def landing(llm) -> bool:
    facts = llm.prompt("Who landed on the moon first, and how many were aboard?", schema={"name": str, "crew": int})
    day = llm.prompt("When was that?", schema=datetime.datetime)
    sure = llm.prompt("Are you sure?", schema=bool)
    return (facts.crew, day.year, sure) == (3, 1969, True)

# %%
landing.run(kbench.llm)
''')
_bad("schemas: result of a dict schema", "(facts.crew,", '(facts["crew"],', "a dict schema gives an object",
     "crew")
_bad("schemas: values for types", '{"name": str, "crew": int}', '{"name": "text", "crew": "number"}',
     "types, not words for them", "schema, crew, name")
_bad("schemas: bare list", "schema=bool", "schema=list", "list is no schema", "list")
_bad("schemas: date", "schema=datetime.datetime", "schema=datetime.date", "only datetime.datetime", "date")
_bad("schemas: tuple", "schema=bool", "schema=tuple[bool, str]", "a tuple is no schema", "tuple")
_bad("schemas: Literal", ("import datetime\n", "schema=bool"),
     ("import datetime\nfrom typing import Literal\n", 'schema=Literal["yes", "no"]'), "Literal is no schema",
     "Literal")
_bad("schemas: JSON schema", "schema=bool", 'schema={"type": "boolean"}',
     "a dict of types, not a JSON schema", "schema, type")
_bad("schemas: method of the answer", "day.year, sure", "day.years, sure", "datetime has year", "years")

_notebook("table of scores", '''
# %%
import kaggle_benchmarks as kbench
import pandas as pd

words = {"word": ["noon", "moon", "level"], "expected": [True, False, True]}
frame = pd.DataFrame(words).sample(frac=1, random_state=3)

# %%
@kbench.task(name="Palindrome: word", store_task=False, store_run=False)
def palindrome_word(llm, word: str, expected: bool) -> dict:
    said = llm.prompt(f"Is {word} a palindrome?", schema=bool)
    return {"correct": said == expected, "length": len(word)}

# %%
@kbench.task(name="Palindromes")
def palindromes(llm) -> float:
    runs = palindrome_word.evaluate(llm=[llm], evaluation_data=frame.head(2), on_failure="continue")
    done = [run.result["correct"] for run in runs.completed_runs]
    return sum(done) / len(done) if done else 0.0

# %%
palindromes.run(kbench.llm)
''')
_bad("names: finished runs", "runs.completed_runs", "runs.successful_runs", "Runs has completed_runs",
     "successful_runs")
_bad("datasets: key of a result", 'run.result["correct"]', 'run.result["is_correct"]',
     "the rows give correct", "is_correct")
_bad("datasets: reserved column", '"word": ["noon"', '"_id": [7, 8, 9], "word": ["noon"',
     "_id is evaluate's own column", "_id")
_bad("datasets: column that shadows the model", '"word": ["noon"', '"llm": ["a", "b", "c"], "word": ["noon"',
     "the column llm takes the model's place", "llm", "wrong")
_bad("datasets: rows by their old name", "evaluation_data=frame.head(2)", "evaluation_data=df.head(2)",
     "no variable df", "df")
_bad("datasets: attribute of the table", "frame.head(2)", "frame.first_rows(2)", "a DataFrame has head",
     "first_rows")
_bad("results: dict of a row", 'run.result["correct"] for', "run.result for", "a dict cannot be summed",
     "dict")
_bad("results: dict annotation", "-> dict:", "-> dict[str, int]:", "dict, without its types", "dict")
_bad("state: table sorted in place", ".sample(frac=1, random_state=3)", '.sort_values("word", inplace=True)',
     "inplace gives None", "None, frame, inplace")

_notebook("optional tool", '''
# %%
import kaggle_benchmarks as kbench

# %%
class Maze:
    """A maze of three rooms."""

    def __init__(self, goal: int):
        self.goal, self.room, self.moves = goal, 0, 0

    def go(self, direction: str) -> str:
        """Go `left` or `right` into the next room."""
        self.moves += 1
        self.room += 1 if direction == "right" else -1
        return "There is the exit." if self.room >= self.goal else f"Room {self.room}."

# %%
@kbench.task(name="Out of the maze")
def maze(llm) -> int:
    game = Maze(goal=2)
    with kbench.chats.new("maze", system_instructions="You are in a maze."):
        llm.prompt("Find the exit.", tools=[game.go])
    kbench.assertions.assert_true(game.moves > 0, expectation="It moves")
    return game.moves

# %%
maze.run(kbench.llm)
''')
_bad("tools: of the class", "tools=[game.go]", "tools=[Maze.go]",
     "a method of no object: the model must give `self`", "Maze, self, go", "wrong")
_bad("tools: attribute of the game", "return game.moves", "return game.move_count", "Maze has moves",
     "move_count")
_bad("tools: constructor", "Maze(goal=2)", "Maze()", "the goal is missing", "goal")
_bad("tools: an object", "tools=[game.go]", "tools=[game]", "an object is no function", "tools, Maze")
_bad("state: class of a later cell", "    game = Maze(goal=2)\n", "    game = Labyrinth(goal=2)\n",
     "no class Labyrinth", "Labyrinth")

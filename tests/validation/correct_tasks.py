"""Correct tasks in many styles: the rules must find no error in any of them.

Each entry is a notebook's code cells, separated by ``# %%``. Those in `NOT_RUN` need the network or a dataset;
all others are executed with the real SDK in test_validation_correct_tasks.py.
"""

from __future__ import annotations

_NOTEBOOKS = {
    "assertion": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(name="Capital of France")
def capital(llm):
    answer = llm.prompt("Capital of France?")
    kbench.assertions.assert_in("Paris", answer, expectation="names Paris")
# %%
capital.run(kbench.llm)
""",
    "one cell": r'''
import kaggle_benchmarks as kbench

@kbench.task()
def quick(llm) -> bool:
    """One question."""
    return "4" in llm.prompt("2+2?")

quick.run(kbench.llm)
''',
    "description and version": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(
    name="Described",
    description="What it is about",
    version=3,
)
def described(llm) -> float:
    return 0.5

run = described.run(llm=kbench.llm)
run.result
""",
    "positional name": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task("By position")
def by_position(llm) -> int:
    return len(llm.prompt("Say hello"))
# %%
by_position.run(kbench.llm)
""",
    "benchmark alias": r"""
import kaggle_benchmarks as kb
# %%
@kb.benchmark(name="Aliased")
def aliased(model) -> dict:
    return {"length": len(model.prompt("hi"))}
# %%
aliased.run(kb.llm)
""",
    "from import": r"""
from kaggle_benchmarks import assertions, llm, task
# %%
@task()
def from_import(llm):
    assertions.assert_true(True, 'is true')
# %%
from_import.run(llm)
""",
    "renamed import": r"""
from kaggle_benchmarks import task as t
import kaggle_benchmarks
# %%
@t(name="Renamed")
def renamed(m):
    m.prompt("hi")
# %%
renamed.run(kaggle_benchmarks.llm)
""",
    "plain import": r"""
import kaggle_benchmarks
# %%
@kaggle_benchmarks.task()
def plain(llm):
    assert llm.prompt('hi')
# %%
plain.run(kaggle_benchmarks.llm)
""",
    "tasks module": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.tasks.task(name='Module')
def module_task(llm) -> None:
    return None
# %%
module_task.run(kbench.llm)
""",
    "computed name": r"""
import kaggle_benchmarks as kbench
FAMILY = 'Spatial'
LEVEL = 2
# %%
TITLE = f'{FAMILY} level {LEVEL}' + ' puzzles'
# %%
@kbench.task(name=TITLE)
def computed(llm) -> bool:
    return True
# %%
computed.run(kbench.llm)
""",
    "name from the environment": r"""
import kaggle_benchmarks as kbench
import os
# %%
@kbench.task(name=os.environ.get('QUIZ', 'Quiz'))
def quiz(llm) -> bool:
    return True
# %%
quiz.run(kbench.llm)
""",
    "decorator applied as a call": r"""
import kaggle_benchmarks as kbench
# %%
def solve(llm, n=3) -> int:
    return n

solver = kbench.task(name='Solver')(solve)
# %%
solver.run(kbench.llm)
""",
    "lambda task": r"""
import kaggle_benchmarks as kbench
# %%
tiny = kbench.task(name='Tiny')(lambda llm: None)
tiny.run(kbench.llm)
""",
    "partial of the decorator": r"""
import kaggle_benchmarks as kbench
import functools
# %%
helper_task = functools.partial(kbench.task, store_task=False, store_run=False)
# %%
@helper_task(name='Part')
def part(llm, q) -> bool:
    return q in llm.prompt(q)
# %%
@kbench.task(name='Whole')
def whole(llm) -> float:
    return sum(part.run(llm, q).result for q in ['a', 'b']) / 2
# %%
whole.run(kbench.llm)
""",
    "custom decorator factory": r"""
import kaggle_benchmarks as kbench
# %%
def suite(name):
    return kbench.task(name=f'Suite {name}')
# %%
@suite('one')
def one(llm) -> bool:
    return True

one.run(kbench.llm)
""",
    "stacked decorators": r"""
import kaggle_benchmarks as kbench
import functools
# %%
def noisy(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        print('go')
        return f(*args, **kwargs)
    return inner
# %%
@kbench.task()
@noisy
def stacked(llm) -> bool:
    return True
# %%
stacked.run(kbench.llm)
""",
    "structured output": r"""
import kaggle_benchmarks as kbench
from dataclasses import dataclass
from pydantic import BaseModel
# %%
@dataclass
class Answer:
    city: str
    population: int
# %%
class Step(BaseModel):
    text: str
    ok: bool
# %%
@kbench.task()
def structured(llm) -> dict:
    a = llm.prompt('Paris?', schema=Answer)
    s = llm.prompt('One step', schema=Step)
    n = llm.prompt('How many?', schema=int)
    d = llm.prompt('Fields', schema={'names': list[str]})
    b = llm.prompt('Yes?', bool)
    return {'city': a.city, 'ok': s.ok, 'n': n, 'names': d.names, 'b': b}
# %%
structured.run(kbench.llm)
""",
    "string enum schema": r"""
import kaggle_benchmarks as kbench
from enum import Enum
# %%
class Colour(str, Enum):
    RED = 'red'
    BLUE = 'blue'
# %%
@kbench.task()
def colour(llm) -> bool:
    return llm.prompt('Pick', schema=Colour) in ('red', 'blue')
# %%
colour.run(kbench.llm)
""",
    "judge": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def essay(llm, judge=kbench.judge_llm):
    text = llm.prompt('Write an essay')
    report = kbench.assertions.assess_response_with_judge(
        criteria=['is an essay'], response_text=text, judge_llm=judge)
    if report is None:
        kbench.assertions.assert_fail(expectation='the judge answers')
        return
    for r in report.results:
        kbench.assertions.assert_true(r.passed, expectation=r.criterion)
# %%
essay.run(kbench.llm)
""",
    "judge as an argument": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def graded(llm, judge) -> float:
    text = llm.prompt('Write')
    return float(judge.prompt('Grade: ' + text, schema=float))
# %%
graded.run(kbench.llm, kbench.judge_llm)
""",
    "judge by default": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def judged(llm, judge=kbench.judge_llm, *, question='2+2?') -> bool:
    return '4' in judge.prompt(llm.prompt(question))
# %%
judged.run(kbench.llm)
judged.run(llm=kbench.llm, question='1+3?')
""",
    "dataset evaluation": r"""
import kaggle_benchmarks as kbench
import pandas as pd
# %%
rows = pd.DataFrame({'question': ['2+2', '3+3'], 'answer': ['4', '6']})
# %%
@kbench.task(name='Row', store_task=False, store_run=False)
def row(llm, question: str, answer: str) -> bool:
    return answer in llm.prompt(question)
# %%
@kbench.task(name='Sums')
def sums(llm) -> tuple[float, float]:
    runs = row.evaluate(llm=[llm], evaluation_data=rows, on_failure='continue')
    scores = runs.as_dataframe().result.astype(float)
    return float(scores.mean()), float(scores.std() or 0.0)
# %%
sums.run(kbench.llm)
""",
    "evaluate at the top": r"""
import kaggle_benchmarks as kbench
import pandas as pd
# %%
@kbench.task()
def each(llm, q) -> bool:
    return bool(llm.prompt(q))
# %%
results = each.evaluate(llm=[kbench.llm], evaluation_data=pd.DataFrame({'q': ['a', 'b']}), n_jobs=1)
# %%
results.as_dataframe().head()
""",
    "evaluate with a grid": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def gridded(llm, n: int, *, unit='cm') -> int:
    return n
# %%
gridded.evaluate(grid={'llm': [kbench.llm], 'n': range(3)})
# %%
gridded.evaluate(llm=[kbench.llm], n=[1], unit=['mm', 'cm'])
""",
    "bind a dataframe": r"""
import kaggle_benchmarks as kbench
import pandas as pd
# %%
@kbench.task(store_task=False)
def bound(llm, q) -> bool:
    return bool(llm.prompt(q))
# %%
table = bound.bind_dataframe(pd.DataFrame({'q': ['a']}), store_task=True, name='Bound table')
# %%
table.run(llm=kbench.llm)
""",
    "tools": r'''
import kaggle_benchmarks as kbench
# %%
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
# %%
@kbench.task()
def with_tools(llm):
    llm.prompt('What is 2+3?')
    kbench.assertions.assert_equal(5, add(2, 3), expectation='adds')
# %%
with_tools.run(kbench.llm)
''',
    "image": r"""
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import images
# %%
PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
# %%
@kbench.task()
def look(llm):
    reply = llm.prompt('What is it?', image=images.from_base64(PIXEL, format='png'))
    kbench.assertions.assert_not_empty(reply, expectation='says something')
# %%
look.run(kbench.llm)
""",
    "image from a url": r"""
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import images
# %%
URLS = ['https://example.com/cat.jpg', 'https://example.com/dog.jpg']
# %%
@kbench.task()
def animals(llm) -> int:
    return sum('cat' in llm.prompt('?', image=images.from_url(u)) for u in URLS)
# %%
animals.run(kbench.llm)
""",
    "video": r"""
import kaggle_benchmarks as kbench
from kaggle_benchmarks.content_types import videos
# %%
@kbench.task()
def watch(llm):
    clip = videos.from_url('https://youtu.be/aqz-KE-bpKQ')
    other = videos.from_url('https://www.youtube.com/shorts/aqz-KE-bpKQ?feature=share')
    llm.prompt('What happens?', video=clip)
# %%
watch.run(kbench.llm)
""",
    "forked chats": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def forked(llm) -> bool:
    llm.prompt('My name is Ada')
    with kbench.chats.fork('a'):
        a = llm.prompt('Name?')
    with kbench.chats.new('b', system_instructions='Be brief') as chat:
        b = llm.prompt('Name?')
    return bool(a) and len(chat.messages) > 0 and b is not None
# %%
forked.run(kbench.llm)
""",
    "chat room": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def debate(llm):
    room = kbench.ChatRoom(system_prompt='A debate')
    pro = room.add_participant(llm, name='Pro', system_prompt='For')
    con = room.add_participant(llm, name='Con', system_prompt='Against')
    with room:
        room.post('Is tea better than coffee?')
        pro.reply()
        con.reply()
        with kbench.chats.new('aside'):
            llm.prompt('Who leads?')
    kbench.assertions.assert_true(True, expectation='ends')
# %%
debate.run(kbench.llm)
""",
    "custom assertion": r"""
import kaggle_benchmarks as kbench
from kaggle_benchmarks.assertions import AssertionResult, assertion_handler
# %%
@assertion_handler()
def assert_short(text: str, expectation: str) -> AssertionResult:
    return AssertionResult(passed=len(text) < 100, expectation=expectation)
# %%
@kbench.task()
def short(llm):
    assert_short(llm.prompt('Be brief'), expectation='is short')
# %%
short.run(kbench.llm)
""",
    "custom assertion by module": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.assertions.assertion_handler(raises_assertion_error=True)
def assert_even(n) -> kbench.assertions.AssertionResult:
    return kbench.assertions.AssertionResult(passed=n % 2 == 0, expectation='is even')
# %%
@kbench.task()
def even(llm):
    assert_even(2)

even.run(kbench.llm)
""",
    "reasoning traces": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def think(llm) -> int:
    llm.prompt('Think')
    traces = kbench.last_reasoning_traces()
    words = len(traces.split()) if traces else 0
    if not kbench.last_reasoning_traces():
        return 0
    return words
# %%
think.run(kbench.llm)
""",
    "loop over tasks": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def first(llm) -> bool:
    return True
# %%
@kbench.task()
def second(llm) -> bool:
    return True
# %%
ALL = {'first': first, 'second': second}
for name, t in ALL.items():
    t.run(kbench.llm)
# %%
%choose first
""",
    "tasks made in a loop": r"""
import kaggle_benchmarks as kbench
# %%
made = []
for lang in ['fr', 'de']:
    @kbench.task(name=f'Translate {lang}', store_task=lang == 'fr')
    def translate(llm, lang=lang) -> bool:
        return bool(llm.prompt(lang))
    made.append(translate)
# %%
[t.run(kbench.llm) for t in made]
""",
    "helpers below": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def top_down(llm) -> bool:
    return is_four(llm.prompt('2+2?')) or (strict() and changed_later())
# %%
def main():
    top_down.run(kbench.llm)

def strict():
    return False
# %%
def is_four(answer):
    return cleaned(answer) == '4'

def cleaned(answer):
    return answer.strip()
# %%
def changed_later():
    return 1
# %%
main()
# %%
def changed_later():
    return afterwards

afterwards = 2
""",
    "main guard": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def guarded(llm) -> bool:
    return True
# %%
def main():
    run = guarded.run(kbench.llm)
    print(run.result)

if __name__ == '__main__':
    main()
""",
    "try and with": r"""
import kaggle_benchmarks as kbench
import contextlib
# %%
@kbench.task()
def tried(llm) -> bool:
    try:
        return int(llm.prompt('1')) == 1
    except ValueError:
        return False
# %%
with contextlib.suppress(KeyboardInterrupt):
    try:
        tried.run(kbench.llm)
    finally:
        print('done')
""",
    "cache": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def cached(llm) -> bool:
    return True
# %%
with kbench.client.enable_cache():
    cached.evaluate(llm=[kbench.llm], max_attempts=2, on_failure='continue')
""",
    "class of helpers": r"""
import kaggle_benchmarks as kbench
# %%
class Grader:
    def __init__(self, words):
        self.words = words

    def grade(self, text) -> float:
        return sum(w in text for w in self.words) / len(self.words)
# %%
grader = Grader(['a', 'b'])

@kbench.task()
def graded_by_class(llm) -> float:
    return grader.grade(llm.prompt('Say'))
# %%
graded_by_class.run(kbench.llm)
""",
    "task in a class": r"""
import kaggle_benchmarks as kbench
# %%
class Suite:
    @staticmethod
    @kbench.task(name='In a class')
    def probe(llm) -> bool:
        return True

    def go(self):
        return self.probe.run(kbench.llm)
# %%
suite = Suite()
# %%
suite.go()
""",
    "task made by a function": r"""
import kaggle_benchmarks as kbench
# %%
def build(topic):
    @kbench.task(name='Built')
    def built(llm) -> bool:
        return topic in llm.prompt(topic)
    return built
# %%
build('cats').run(kbench.llm)
""",
    "task of a factory, chosen": r"""
import kaggle_benchmarks as kbench
# %%
def level(number):
    @kbench.task(name=f'Level {number}')
    def inner(llm) -> bool:
        return '4' in llm.prompt('2+2?' * number)
    return inner
# %%
easy, hard = level(1), level(2)
easy.run(kbench.llm)
hard.run(kbench.llm)
# %%
%choose easy
""",
    "timed cell": r"""
%%time
import kaggle_benchmarks as kbench
import os
# %%
%%time
@kbench.task()
def timed(llm) -> bool:
    return True
# %%
%%capture out
timed.run(kbench.llm)
# %%
print(len(out.stdout))
""",
    "magics and shell": r"""
%precision 3
!echo ready
files = !ls
# %%
import kaggle_benchmarks as kbench
%config InlineBackend.figure_format = 'svg'
# %%
kbench.task?
# %%
@kbench.task()
def shelled(llm) -> int:
    return len(files)
# %%
%time shelled.run(kbench.llm)
""",
    "shell install": r"""
%pip install -q numpy>=1.0
# %%
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def installed(llm) -> bool:
    return True

installed.run(kbench.llm)
""",
    "another language": r"""
%%bash
echo 'x = (' > /dev/null
# %%
%%html
<b>A task</b>
# %%
%%writefile notes.txt
for x in
# %%
import kaggle_benchmarks as kbench
# %%
notes = open('notes.txt').read()
# %%
@kbench.task()
def told(llm) -> bool:
    return bool(notes)

told.run(kbench.llm)
""",
    "top-level await": r"""
import asyncio
import kaggle_benchmarks as kbench
# %%
await asyncio.sleep(0)
# %%
@kbench.task()
def awaited(llm) -> bool:
    return True
# %%
run = await asyncio.to_thread(awaited.run, kbench.llm)
""",
    "awaited later, and a lambda": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def in_turns(llm, question='2+2?') -> bool:
    return '4' in llm.prompt(question)
# %%
async def ask(question):
    return in_turns.run(kbench.llm, question)

def in_order(questions):
    for question in questions:
        yield ask(question)

again = lambda question: in_turns.run(kbench.llm, question)
# %%
first = ask('3+1?')
# %%
await first
for waiting in in_order(['1+3?']):
    await waiting
again('8/2?')
""",
    "switched by constants": r"""
import kaggle_benchmarks as kbench
MODE, DRY_RUN = 'full', False
ready = False
# %%
if MODE == 'quick':
    @kbench.task(name='Quick')
    def switched(llm) -> bool:
        return True
else:
    @kbench.task(name='Full')
    def switched(llm) -> bool:
        return '4' in llm.prompt('2+2?')
# %%
def main(dry_run=DRY_RUN):
    if not dry_run:
        switched.run(kbench.llm)
# %%
if not DRY_RUN:
    main()
""",
    "run under a flag that is set below it": r"""
import kaggle_benchmarks as kbench
RUN = False
# %%
@kbench.task()
def flagged(llm) -> bool:
    return True
# %%
RUN = True
# %%
if RUN:
    flagged.run(kbench.llm)
# %%
done = False
while not done:
    flagged.run(kbench.llm)
    done = True
""",
    "recorded in another way": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(store_run=False)
def recorded(llm, question='2+2?') -> bool:
    return '4' in llm.prompt(question)
# %%
recorded.run(kbench.llm)
kbench.client.store_run(recorded.partial({'question': '1+3?'}).run(kbench.llm))
""",
    "a copy that records": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(store_run=False)
def copied(llm, question) -> bool:
    return '4' in llm.prompt(question)
# %%
copied.partial({'question': '2+2?'}, store_run=True).run(kbench.llm)
""",
    "rows without files": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(store_task=False)
def one_row(llm, question) -> bool:
    return '4' in llm.prompt(question)
# %%
@kbench.task()
def all_of_them(llm) -> float:
    rows = one_row.evaluate(llm=[llm], question=['2+2?', '1+3?'], remove_run_files=True)
    return float(rows.as_dataframe().result.mean())
# %%
all_of_them.evaluate(llm=[kbench.llm], remove_run_files=True)
all_of_them.run(kbench.llm)
""",
    "thread pool": r"""
import kaggle_benchmarks as kbench
from concurrent.futures import ThreadPoolExecutor
# %%
@kbench.task()
def pooled(llm, n) -> int:
    return n
# %%
with ThreadPoolExecutor(2) as pool:
    futures = [pool.submit(pooled.run, kbench.llm, n) for n in range(2)]
print([f.result() for f in futures])
""",
    "sub-tasks": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(name='Inner', store_task=False, store_run=False)
def inner(llm, n: int) -> int:
    return n * 2
# %%
@kbench.task(name='Outer')
def outer(llm) -> dict:
    return {str(n): inner.run(llm, n).result for n in range(3)}
# %%
outer.run(kbench.llm)
""",
    "sub-tasks with options in a dict": r"""
import kaggle_benchmarks as kbench
HELPER = dict(store_task=False, store_run=False)
# %%
@kbench.task(name='Inner', **HELPER)
def inner(llm, n: int) -> int:
    return n * 2
# %%
@kbench.task(**{'name': 'Second', **HELPER})
def second(llm, n: int) -> int:
    return n * 3
# %%
@kbench.task(name='Outer')
def outer(llm) -> dict:
    return {str(n): inner.run(llm, n).result + second.run(llm, n).result for n in range(3)}
# %%
outer.run(kbench.llm)
""",
    "sub-tasks of a factory that hands on options": r"""
import kaggle_benchmarks as kbench
def benchmark(name, **options):
    return kbench.task(name=name, description='Numbers', **options)
# %%
@benchmark('Inner', store_task=False, store_run=False)
def inner(llm, n: int) -> int:
    return n * 2
# %%
@benchmark('Outer')
def outer(llm) -> dict:
    return {str(n): inner.run(llm, n).result for n in range(3)}
# %%
outer.run(kbench.llm)
""",
    "kaggle dataset": r"""
import kaggle_benchmarks as kbench
import pandas as pd
from pathlib import Path
# %%
DATA = Path('/kaggle/input/questions')
rows = pd.read_csv(DATA / 'questions.csv')
# %%
@kbench.task()
def from_data(llm) -> float:
    return len(rows) / 2

from_data.run(kbench.llm)
""",
    "written and read": r"""
import kaggle_benchmarks as kbench
import json
# %%
with open('rows.json', 'w') as f:
    json.dump([1, 2], f)
# %%
with open('rows.json') as f:
    rows = json.load(f)
# %%
@kbench.task()
def written(llm) -> int:
    return len(rows)

written.run(kbench.llm)
""",
    "written and read by a path put together": r"""
import kaggle_benchmarks as kbench
import os
from pathlib import Path
# %%
FOLDER = Path('made_here')
FOLDER.mkdir(exist_ok=True)
for number in range(2):
    (FOLDER / f'{number}.txt').write_text('4')
note = os.path.join('.', 'note.txt')
with open(note, 'w') as f:
    f.write('4')
# %%
@kbench.task()
def put_together(llm) -> bool:
    with open(FOLDER / '1.txt') as f, open(note) as other:
        return f.read() == other.read() == llm.prompt('2+2?')

put_together.run(kbench.llm)
""",
    "local file if there": r"""
import kaggle_benchmarks as kbench
import os
# %%
rows = [1]
if os.path.exists('/home/ada/rows.txt'):
    rows = open('/home/ada/rows.txt').readlines()
# %%
@kbench.task()
def optional_file(llm) -> int:
    return len(rows)

optional_file.run(kbench.llm)
""",
    "key from the environment": r"""
import kaggle_benchmarks as kbench
import os
# %%
api_key = os.environ.get('SERVICE_API_KEY', '')
token_name = 'MY_VERY_LONG_TOKEN_NAME_2'
secret_model = 'claude-haiku-4-5-20251001'
# %%
@kbench.task()
def keyed(llm) -> bool:
    return True

keyed.run(kbench.llm)
""",
    "names defined in odd ways": r"""
import kaggle_benchmarks as kbench, random as rnd
# %%
for i, (a, b) in enumerate([(1, 2)]):
    pass
with open('/dev/null') as null:
    pass
if (n := 3) > 2:
    late = 1
try:
    import fancy_missing_module as fancy
except ImportError:
    fancy = None
def setup():
    global state
    state = {}
setup()
(x, *rest), y = [1, 2, 3], 4
del y
# %%
match {'k': 1}:
    case {'k': found, **others}:
        pass
print(i, a, b, n, late, fancy, state, x, rest, found, others)
# %%
@kbench.task()
def odd(llm) -> int:
    return helper(i)

def helper(v):
    return v + later

later = 1
odd.run(kbench.llm)
""",
    "history and display": r"""
import kaggle_benchmarks as kbench
# %%
1 + 1
# %%
display(_)
print(In[-1], __name__)
get_ipython().run_line_magic('pwd', '')
# %%
@kbench.task()
def shown(llm) -> bool:
    return True

shown.run(kbench.llm)
""",
    "keyword-only and variadic": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def variadic(llm, *questions, strict=False, **options) -> int:
    return len(questions) + len(options)
# %%
variadic.run(kbench.llm, 'a', 'b', strict=True, extra=1)
# %%
args = {'strict': True}
variadic.run(kbench.llm, **args)
""",
    "typed parameters": r"""
from __future__ import annotations
# %%
import kaggle_benchmarks as kbench
from typing import Any
# %%
@kbench.task()
def typed(llm: Any, n: int | None = None):
    kbench.assertions.assert_true(n is None, expectation='no n')
# %%
typed.run(kbench.llm)
""",
    "usage and cost": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def cost(llm) -> dict:
    with kbench.chats.new('c') as chat:
        llm.prompt('hi')
    usage = chat.usage
    return {'in': usage.input_tokens or 0, 'out': usage.output_tokens or 0}
# %%
cost.run(kbench.llm)
""",
    "import module": r"""
import importlib
kb = importlib.import_module('kaggle_benchmarks')
# %%
@kb.task(name='Imported')
def imported(llm) -> bool:
    return True
# %%
imported.run(kb.llm)
""",
    "star import": r"""
from kaggle_benchmarks import *
# %%
@task(name='Starred')
def starred(model) -> bool:
    return True
# %%
starred.run(llm)
""",
    "walrus in a comprehension": r"""
import kaggle_benchmarks as kbench
total = sum(1 for i in range(3) if (last := i) >= 0)
print(last)
# %%
@kbench.task()
def walrus(llm) -> bool:
    return any((found := x) for x in [1]) and found == last - 1
# %%
walrus.run(kbench.llm)
""",
    "derived under a name": r"""
import kaggle_benchmarks as kbench
import pandas as pd
# %%
@kbench.task()
def ask(llm, question) -> bool:
    return question in ('x', 'y')
# %%
about_x = ask.partial({'question': 'x'})
alias = about_x
about_x.run(kbench.llm)
alias.run(kbench.llm)
# %%
rows = ask.bind_dataframe(pd.DataFrame({'question': ['x', 'y']}))
rows.run(llm=kbench.llm)
""",
    "what only looks like a secret": r"""
import kaggle_benchmarks as kbench
SOURCES = ['https://x.org/sk-learn-0-24-documentation-for-beginners', 'https://user:password@example.org/a']
# %%
@kbench.task()
def decode(llm) -> bool:
    return bool(llm.prompt('Decode eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.q7Rz81mXc4Vb20LkP9sT for me'))
# %%
decode.run(kbench.llm)
""",
    "a value on every path": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task()
def attempts(llm) -> float:
    for attempt in range(3):
        try:
            return float(llm.prompt('2+2?'))
        except ValueError:
            if attempt == 2:
                raise
# %%
@kbench.task()
def graded_by_length(llm) -> float:
    length = len(llm.prompt('Say hello'))
    if length > 100:
        return 0.0
    elif length <= 100:
        return 1.0
# %%
def give_up(why):
    raise ValueError(why)

@kbench.task()
def matched(llm) -> bool:
    match llm.prompt('2+2?'):
        case '4':
            return True
        case '':
            give_up('no answer')
        case _:
            return False
# %%
attempts.run(kbench.llm)
graded_by_length.run(kbench.llm)
matched.run(kbench.llm)
%choose attempts
""",
    "numpy made Python's own": r"""
import kaggle_benchmarks as kbench
import numpy as np
# %%
@kbench.task(store_task=False)
def ask_once(llm, question) -> bool:
    return '4' in llm.prompt(question)
# %%
@kbench.task()
def mostly(llm) -> bool:
    right = [ask_once.run(llm, question).result for question in ('2+2?', '1+3?')]
    return bool(np.mean(right) > 0.5)
# %%
@kbench.task()
def spread(llm) -> tuple[float, float]:
    lengths = [len(llm.prompt('hi')) for _ in range(3)]
    return np.mean(lengths), np.std(lengths)
# %%
mostly.run(kbench.llm)
spread.run(kbench.llm)
%choose mostly
""",
    "a dict of what JSON knows": r"""
import dataclasses
import datetime
import re
import kaggle_benchmarks as kbench
import numpy as np
# %%
@dataclasses.dataclass(frozen=True)
class Place:
    city: str
# %%
@kbench.task()
def details(llm) -> dict:
    place = llm.prompt('Capital?', schema=Place)
    words = set(place.city.split())
    found = {'words': words, 'when': datetime.date.today()}
    found['words'] = sorted(words)
    found['when'] = found['when'].isoformat()
    checked = kbench.assertions.assert_in('4', place.city, expectation='a 4')
    return {
        **found,
        'place': dataclasses.asdict(place),
        'mean': np.mean([1, 2]),
        'most': int(np.max([1, 2])),
        'four': bool(re.search('4', place.city)),
        'passed': checked.passed,
        'rows': [{'n': n} for n in range(2)],
        'by number': {str(n): None for n in range(2)},
    }
# %%
details.run(kbench.llm)
""",
    "multi-agent": r"""
import kaggle_benchmarks as kbench
from kaggle_benchmarks import actors, chats, contexts
# %%
@kbench.task()
def agents(llm) -> bool:
    a, b = chats.Chat(name='a'), chats.Chat(name='b')
    with contexts.enter(chat=a):
        said = llm.prompt('Hello')
    with contexts.enter(chat=b):
        actors.user.send(said)
        llm.respond()
    return True
# %%
agents.run(kbench.llm)
""",
    "files written under computed names": r"""
import json
from pathlib import Path
import kaggle_benchmarks as kbench
# %%
def save(folder, stem, rows):
    with open(f"{folder}/{stem}.json", "w") as file:
        json.dump(rows, file)
for stem in ("easy", "hard"):
    save(".", stem, [stem])
# %%
for name in ("alpha", "beta"):
    Path(name).with_suffix(".txt").write_text(name)
for split in ("train", "test"):
    with open("{}.jsonl".format(split), "w") as file:
        file.write(split)
# %%
@kbench.task()
def stored(llm) -> bool:
    with open("hard.json") as file, open("test.jsonl") as lines:
        return Path("alpha.txt").read_text() == "alpha" and json.load(file) == ["hard"] and bool(lines.read())
# %%
stored.run(kbench.llm)
""",
    "reads with a fallback": r"""
import contextlib
from pathlib import Path
import kaggle_benchmarks as kbench
# %%
def load():
    return Path("/home/ada/questions.txt").read_text()
try:
    questions = load()
except OSError:
    questions = "2 + 2?"
with contextlib.suppress(FileNotFoundError):
    questions = open("questions.txt").read()
# %%
@kbench.task()
def fallback(llm) -> bool:
    try:
        hint = open("hint.md").read()
    except Exception:
        hint = ""
    traces = kbench.last_reasoning_traces()
    try:
        steps = len(traces)
    except TypeError:
        steps = 0
    return steps == 0 and "4" in llm.prompt(questions + hint)
# %%
fallback.run(kbench.llm)
""",
    "a text that holds what looks like a key": r'''
import kaggle_benchmarks as kbench
PROMPT = """Is this a key, yes or no?
sk-ant-api03-Ab3dEf6hIj9kLm2nOp5qRs8tUv1w
Answer in one word."""  # kbench: ignore[KB503]
# %%
@kbench.task()
def leak(llm) -> bool:
    return bool(llm.prompt(PROMPT))
# %%
leak.run(kbench.llm)
''',
    "choices letter by letter": r"""
import kaggle_benchmarks as kbench
# %%
@kbench.task(store_task=False)
def choice(llm, gold) -> bool:
    return gold in "ABCD"
# %%
@kbench.task()
def choices(llm) -> float:
    runs = choice.evaluate(llm=[llm], gold="ABCD")
    return float(len(runs.as_dataframe()))
# %%
choices.run(kbench.llm)
""",
    "a key that is asked for at home": r"""
import getpass
import os
import kaggle_benchmarks as kbench
key = os.environ.get("QUIZ_KEY", "none") or getpass.getpass("key: ")
# %%
@kbench.task()
def keyed(llm) -> bool:
    return bool(key)
# %%
keyed.run(kbench.llm)
""",
}

CORRECT: dict[str, list[str]] = {
    name: text.strip("\n").split("\n# %%\n") for name, text in _NOTEBOOKS.items()
}

# Need the network or a dataset.
NOT_RUN = {"image from a url", "kaggle dataset", "shell install", "video"}

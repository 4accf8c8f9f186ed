"""KB1xx: what the rules on a task source's shape object to, and what they leave alone."""

from __future__ import annotations

import pytest
from validation_helpers import IMPORT, codes_of, findings_of, source_of

from kbench_jupyter.validation import tasks_in

TASK = '@kbench.task(name="My Task")\ndef my_task(llm):\n    kbench.assertions.assert_true(True, expectation="x")'
RUN = "my_task.run(kbench.llm)"


def test_a_syntax_error_is_reported_with_its_cell_and_line():
    (finding,) = findings_of(IMPORT, "a = 1\n\nb = (2,\n", TASK, RUN)
    assert (finding.code, finding.cell.number, finding.line) == ("KB101", 2, 3)
    assert finding.text == "b = (2,"


def test_a_syntax_error_below_a_magic_keeps_its_line():
    (finding,) = findings_of(IMPORT, "\n\n%matplotlib inline\n!ls \\\n  -l\nx = = 1", TASK, RUN)
    assert (finding.code, finding.line) == ("KB101", 6)


def test_a_syntax_error_hides_no_task_behind_it():
    assert codes_of("x = (", "y = 1") == ["KB101"]


def test_a_notebook_without_a_task_says_so():
    assert codes_of(IMPORT, "print(1)") == ["KB102"]


def test_helpers_alone_are_one_finding_that_names_them_all():
    helpers = [
        f"@kbench.task(store_task=False)\ndef {name}(llm) -> bool:\n    return True"
        for name in ("row", "rows")
    ]
    (finding,) = findings_of(IMPORT, *helpers, "rows.run(kbench.llm)")
    assert (finding.code, finding.cell.number) == ("KB102", 3)
    assert "row, rows have store_task=False" in finding.message


def test_a_correct_task_has_no_findings():
    assert findings_of(IMPORT, TASK, RUN) == []


@pytest.mark.parametrize(
    "how",
    [
        "",
        "my_task(kbench.llm)",
        "def main():\n    my_task.run(kbench.llm)",
        "if False:\n    my_task.run(kbench.llm)",
        "if __name__ != '__main__':\n    my_task.run(kbench.llm)",
        "class Suite:\n    def go(self):\n        my_task.run(kbench.llm)",
        "print(my_task)",
        "tasks = [my_task]",
    ],
)
def test_a_task_that_is_never_run_is_found(how):
    assert codes_of(IMPORT, TASK, how) == ["KB103"]


@pytest.mark.parametrize(
    "how",
    [
        "my_task.run(kbench.llm)",
        "if __name__ == '__main__':\n    my_task.run(kbench.llm)",
        "def main():\n    my_task.run(kbench.llm)\nmain()",
        "def inner():\n    my_task.run(kbench.llm)\ndef main():\n    inner()\n\nif True:\n    main()",
        "for i in range(3):\n    my_task.run(kbench.llm)",
        "runs = [my_task.run(kbench.llm) for _ in range(2)]",
        "with open('x') as f:\n    my_task.run(kbench.llm)",
        "try:\n    my_task.run(kbench.llm)\nexcept Exception as error:\n    print(error)",
        "t = my_task\nt.run(kbench.llm)",
        "def go(t):\n    return t.run(kbench.llm)\ngo(my_task)",
        "for t in [my_task]:\n    t.run(kbench.llm)",
        "table = {'a': my_task}\nfor name, t in table.items():\n    t.run(kbench.llm)",
        "table = {}\ntable['a'] = my_task\ntable['a'].run(kbench.llm)",
        "todo = []\ntodo.append(my_task)\n[t.run(kbench.llm) for t in todo]",
        "class Suite:\n    task = my_task\n    def go(self):\n        self.task.run(kbench.llm)\nSuite().go()",
        "run = my_task.run\nrun(kbench.llm)",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor() as pool:\n    pool.submit(my_task.run, kbench.llm)",
        "list(map(lambda t: t.run(kbench.llm), [my_task]))",
        "getattr(my_task, 'run')(kbench.llm)",
        "import helpers\nhelpers.run_all([my_task])\nhelpers.go(my_task)",
        "my_task.evaluate(llm=[kbench.llm])",
        "%%time\nmy_task.run(kbench.llm)",
        "%time my_task.run(kbench.llm)",
        "r = await asyncio.to_thread(my_task.run, kbench.llm)",
        "main = lambda: my_task.run(kbench.llm)\nmain()",
        "my_task.partial({}).run(kbench.llm)",
        "{'a': my_task}.get('a').run(kbench.llm)",
        "import atexit\n@atexit.register\ndef go():\n    my_task.run(kbench.llm)",
        "class A:\n    go = lambda self: my_task.run(kbench.llm)\nA().go()",
        "(go := lambda: my_task.run(kbench.llm))()",
        "go = lambda: my_task.run(kbench.llm)\nthreading.Thread(target=go).start()",
        "def w(f=lambda: my_task.run(kbench.llm)):\n    f()\nw()",
        "async def main():\n    my_task.run(kbench.llm)\nclass A:\n    c = main()\nawait A.c",
        "async def main():\n    my_task.run(kbench.llm)\ndef go():\n    c = main()\n    return c\nawait go()",
        "async def main():\n    my_task.run(kbench.llm)\nmain()\nif RUN:\n    await main()",
        "async def main():\n    my_task.run(kbench.llm)\n"
        "async with asyncio.TaskGroup() as group:\n    group.create_task(main())",
        "async def go():\n    yield my_task.run(kbench.llm)\nasync for run in go(): ...",
        "def a():\n    yield my_task.run(kbench.llm)\ndef b():\n    yield from a()\nlist(b())",
        "from contextlib import contextmanager\n@contextmanager\ndef go():\n    yield my_task.run(kbench.llm)\n"
        "with go(): ...",
    ],
)
def test_a_run_is_followed_wherever_it_stands(how):
    assert "KB103" not in codes_of(IMPORT, "import asyncio", TASK, how)


@pytest.mark.parametrize(
    ("idle", "executed"),
    [
        ("async def main():\n    {run}\nmain()", "async def main():\n    {run}\nawait main()"),
        ("async def main():\n    {run}\nx = main()", "async def main():\n    {run}\nx = main()\nawait x"),
        ("async def main():\n    {run}\nx = main()\nx", "async def main():\n    {run}\nasyncio.run(main())"),
        (
            "async def main():\n    {run}\n%time main()",
            "async def main():\n    {run}\nawait asyncio.gather(*[main() for _ in 'ab'])",
        ),
        (
            "class Suite:\n    async def go(self):\n        {run}\nSuite().go()",
            "class Suite:\n    async def go(self):\n        {run}\nawait Suite().go()",
        ),
        ("def main():\n    yield {run}\nmain()", "def main():\n    yield {run}\nfor r in main(): ..."),
        ("go = lambda: {run}", "go = lambda: {run}\ngo()"),
        ("go = lambda: {run}\ngo", "go = lambda: {run}\nprint([f() for f in [go]])"),
        ("go: object = lambda: {run}", "todo = [lambda: {run}]\ntodo[0]()"),
        ("def go():\n    {run}\ngo", "def go():\n    {run}\nasyncio.to_thread(go)"),
        ("def go():\n    {run}\n'go() is for later'", "def go():\n    {run}\nexec('go()')"),
        (
            "def inner():\n    {run}\nasync def main():\n    inner()\nmain()",
            "def inner():\n    {run}\nasync def main():\n    inner()\nawait main()",
        ),
        (
            "async def main():\n    {run}\nmain()",
            "def sync(f): ...\n@sync\nasync def main():\n    {run}\nmain()",
        ),
    ],
)
def test_a_run_in_what_nothing_executes_is_no_run(idle, executed):
    assert codes_of(IMPORT, "import asyncio", TASK, idle.format(run=RUN)) == ["KB103"]
    assert codes_of(IMPORT, "import asyncio", TASK, executed.format(run=RUN)) == []


@pytest.mark.parametrize(
    ("looks", "may_run"),
    [
        ("inspect.signature(my_task)", "helpers.signature(my_task)"),
        ("print(inspect.getsource(my_task.run))", "print(helpers.call(my_task.run))"),
        ("help(my_task.run)", "pool.map(my_task.run, [kbench.llm])"),
        ("print(getattr(my_task, 'name'))", "print(getattr(my_task, 'run')(kbench.llm))"),
        ("assert my_task, 'call my_task.run(kbench.llm)'", "assert eval('my_task.run(kbench.llm)'), 'x'"),
        ("raise SystemExit('call my_task.run(kbench.llm)')", "raise SystemExit(helpers.go(my_task))"),
        ("print(f'now {1}: my_task.run(kbench.llm)')", "print(eval('my_task.run(kbench.llm)'))"),
        ("print('my_task.run({})'.format(1))", "code = 'my_task.run({})'.format('kbench.llm')\nexec(code)"),
        (
            "kbench.llm.prompt('What does my_task.run(x) do?')",
            "exec(kbench.llm.prompt('Code?'))\nmy_task.run(1)",
        ),
        ("x = 'never_my_task.run(kbench.llm)'", "x = 'my_task.run(kbench.llm)'"),
    ],
)
def test_what_only_looks_at_a_task_does_not_run_it(looks, may_run):
    top = "import inspect\nimport helpers, pool"
    assert "KB103" in codes_of(IMPORT, top, TASK, looks)
    assert "KB103" not in codes_of(IMPORT, top, TASK, may_run)


def test_a_task_that_speaks_of_its_run_in_a_message_is_not_run_by_it():
    spoken = TASK.replace('expectation="x"', 'expectation="as my_task.run(kbench.llm) says"')
    described = spoken.replace('"My Task"', '"My Task", description="my_task.run(kbench.llm)"')
    assert codes_of(IMPORT, described) == ["KB103"]
    assert codes_of(IMPORT, described, RUN) == []


def test_a_function_that_an_unknown_magic_calls_is_not_called_idle():
    assert codes_of(IMPORT, TASK, f"def go():\n    {RUN}", "%%my_own_magic\ngo()") == []


def test_a_coroutine_that_is_not_awaited_is_told_from_one_that_is_not_called():
    main = f"async def main():\n    {RUN}"
    (finding,) = findings_of(IMPORT, TASK, main, "main()")
    assert "never awaited" in finding.message
    assert finding.hint == "Write await main()."
    (finding,) = findings_of(IMPORT, TASK, main)
    assert "nothing calls" in finding.message


@pytest.mark.parametrize(
    ("idle", "executed"),
    [
        ("FLAG = False\nif FLAG:\n    {run}", "FLAG = True\nif FLAG:\n    {run}"),
        ("FLAG = 0\nif FLAG: {run}", "FLAG = 0\nif not FLAG: {run}"),
        ("FLAG = True\nif not FLAG:\n    {run}", "FLAG = True\nif not FLAG:\n    pass\nelse:\n    {run}"),
        ("FLAG = True\nif FLAG: pass\nelse: {run}", "FLAG: bool = True\nif FLAG: {run}"),
        ("MODE = 'quick'\nif MODE == 'full':\n    {run}", "MODE = 'full'\nif MODE == 'full':\n    {run}"),
        ("FLAG = None\n{run} if FLAG else None", "FLAG = None\nNone if FLAG else {run}"),
        (
            "FLAG = False\nif __name__ == '__main__' and FLAG:\n    {run}",
            "FLAG = False\nif __name__ == '__main__' or FLAG:\n    {run}",
        ),
        (
            "FLAG = False\ndef main():\n    {run}\nif FLAG:\n    main()",
            "FLAG = False\ndef main():\n    {run}\nif FLAG:\n    main()\nmain()",
        ),
        (
            "FLAG = False\ndef main():\n    if FLAG:\n        {run}\nmain()",
            "def main(FLAG=False):\n    if FLAG:\n        {run}\nmain(True)",
        ),
    ],
)
def test_a_run_under_a_condition_that_never_holds_is_no_run(idle, executed):
    (finding,) = findings_of(IMPORT, TASK, idle.format(run=RUN))
    assert (finding.code, finding.severity.value) == ("KB103", "error")
    assert codes_of(IMPORT, TASK, executed.format(run=RUN)) == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        "FLAG = True",
        "FLAG = bool(kbench)",
        "FLAG += 1",
        "for FLAG in [1]: ...",
        "def turn_on():\n    global FLAG\n    FLAG = True\nturn_on()",
        "exec('FLAG = True')",
        "globals()['FLAG'] = True",
        "import sys\nsetattr(sys.modules['__main__'], 'FLAG', True)",
        "get_ipython().run_cell('FLAG = True')",
        "%run settings.py",
        "from settings import *",
        "%%capture FLAG\nprint('4')",
        "FLAG = !ls",
        "%time FLAG = True",
    ],
)
def test_a_condition_that_anything_may_change_is_left_alone(elsewhere):
    assert "KB103" not in codes_of(IMPORT, "FLAG = False", elsewhere, TASK, f"if FLAG:\n    {RUN}")


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "main":',
        'if "__main__" != __name__:',
        'if __name__ in ("main", "task"):',
        "if False:",
        "if 0:",
        "if not True:",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:",
        "DEBUG = False\nif DEBUG:",
        "LIMIT = 0\nif LIMIT > 0:",
        "MODE = 'quick'\nif MODE in ('full', 'nightly'):",
        "DEBUG = False\nwhile DEBUG:",
    ],
)
def test_a_run_under_a_guard_that_is_never_true_is_no_run(guard):
    assert codes_of(IMPORT, TASK, f"{guard}\n    {RUN}") == ["KB103"]
    assert codes_of(IMPORT, TASK, f"{guard}\n    print(1)\n{RUN}") == []


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "__main__":',
        'if __name__ in ("__main__", "x"):',
        "LIMIT = 3\nif LIMIT > 0:",
        "if LIMIT > 0:",
    ],
)
def test_a_run_under_a_guard_that_holds_or_may_hold_is_a_run(guard):
    assert "KB103" not in codes_of(IMPORT, TASK, f"{guard}\n    {RUN}")


def test_a_guard_that_is_nearly_right_is_put_right():
    (finding,) = findings_of(IMPORT, TASK, f"if __name__ == 'main':\n    {RUN}")
    assert 'Write if __name__ == "__main__":' in finding.hint


def test_a_condition_that_never_holds_is_named():
    (finding,) = findings_of(IMPORT, TASK, f"FLAG = False\nif FLAG:\n    {RUN}")
    assert "`FLAG` is always false" in finding.message
    assert finding.hint.endswith(f"add at the end: {RUN}")


def test_a_task_in_a_branch_that_is_never_taken_is_no_second_task():
    other = f"HARD = False\nif HARD:\n    {BOTH_BRANCHES}\nelse:\n    {BOTH_BRANCHES.replace('A', 'B')}"
    assert codes_of(IMPORT, other) == []
    assert [t.name for t in tasks_in(source_of(IMPORT, other))] == ["B"]


BOTH_BRANCHES = '@kbench.task(name="A")\n    def quiz(llm): ...\n    quiz.run(kbench.llm)'
UNRECORDED = TASK.replace('"My Task"', '"My Task", store_run=False')
REMOVED = "my_task.evaluate(llm=[kbench.llm], remove_run_files=True)"


@pytest.mark.parametrize(
    ("task", "how"),
    [
        (UNRECORDED, RUN),
        (UNRECORDED, "my_task.evaluate(llm=[kbench.llm])"),
        (UNRECORDED, f"def main():\n    {RUN}\nmain()"),
        (TASK, REMOVED),
        (TASK, f"{REMOVED}\n{REMOVED}"),
        (UNRECORDED, REMOVED),
        ("KEEP = False\n" + UNRECORDED.replace("False", "KEEP"), RUN),
    ],
)
def test_a_task_whose_runs_leave_no_file_is_found(task, how):
    (finding,) = findings_of(IMPORT, task, how)
    assert (finding.code, finding.severity.value) == ("KB111", "error")


@pytest.mark.parametrize(
    ("task", "how"),
    [
        (TASK, f"{REMOVED}\n{RUN}"),
        (TASK, REMOVED.replace("True", "False")),
        (UNRECORDED, f"kbench.client.store_run({RUN})"),
        (UNRECORDED, f"save = kbench.client.store_run\nsave({RUN})"),
        (UNRECORDED, "my_task.partial({}, store_run=True).run(kbench.llm)"),
        (UNRECORDED, "import dataclasses\ndataclasses.replace(my_task, store_run=True).run(kbench.llm)"),
        (UNRECORDED, f"run = {RUN}\nopen('x.run.json', 'w').write(str(run))"),
        (UNRECORDED.replace("False", "True"), RUN),
        ("from keeping import kept\n" + UNRECORDED.replace("def ", "@kept\ndef "), RUN),
        (UNRECORDED.replace("False", "bool(kbench)"), RUN),
        ("KEEP = False\nKEEP |= True\n" + UNRECORDED.replace("False", "KEEP"), RUN),
        (
            "def make(keep=False):\n    "
            + UNRECORDED.replace("False", "keep").replace("\n", "\n    ")
            + "\n    return my_task",
            "make(**{'keep': True}).run(kbench.llm)",
        ),
    ],
)
def test_runs_that_are_recorded_in_some_way_are_left_alone(task, how):
    assert "KB111" not in codes_of(IMPORT, task, how)


def test_files_of_failures_that_may_stay_make_it_a_warning():
    for how in (
        REMOVED.replace("True", "True, max_attempts=2"),
        f"try:\n    {REMOVED}\nexcept ValueError: ...",
    ):
        (finding,) = findings_of(IMPORT, TASK, how)
        assert (finding.code, finding.severity.value) == ("KB111", "warning")


def test_a_helper_needs_no_run_files_of_its_own():
    whole = '@kbench.task(name="Whole")\ndef whole(llm) -> bool:\n    return my_task.run(llm).passed'
    assert "KB111" not in codes_of(IMPORT, UNRECORDED, whole, "whole.run(kbench.llm)")
    by_a_function = whole.replace("my_task.run(llm).passed", "score(llm)")
    score = "def score(llm):\n    return my_task.run(llm).passed"
    assert "KB111" not in codes_of(IMPORT, UNRECORDED, score, by_a_function, "whole.run(kbench.llm)")
    assert (
        codes_of(IMPORT, UNRECORDED, RUN, score, by_a_function, "whole.run(kbench.llm)", task="whole") == []
    )


def test_a_task_tried_without_files_and_written_again_is_recorded():
    assert "KB111" not in codes_of(IMPORT, UNRECORDED, RUN, TASK, RUN)


def test_the_pushed_task_must_be_defined():
    (finding,) = findings_of(IMPORT, TASK, RUN, task="my-tusk")
    assert (finding.code, finding.message.partition(";")[0]) == (
        "KB104",
        "The notebook defines no task my-tusk",
    )
    for name in ("my-task", "My Task", "my_task", "someone/my-task"):
        assert codes_of(IMPORT, TASK, RUN, task=name) == []


def test_two_tasks_with_one_slug_are_found():
    other = '@kbench.task(name="my-task")\ndef other(llm): ...\nother.run(kbench.llm)'
    assert "KB105" in codes_of(IMPORT, TASK, RUN, other)
    assert "KB105" not in codes_of(IMPORT, TASK, RUN, other.replace("my-task", "another"))


def test_a_task_written_again_further_down_is_a_warning_only():
    found = findings_of(IMPORT, TASK, TASK, RUN)
    assert [(f.code, f.severity.value) for f in found] == [("KB105", "warning")]


def test_several_stored_tasks_need_a_choice():
    other = '@kbench.task(name="Other")\ndef other(llm): ...\nother.run(kbench.llm)'
    assert codes_of(IMPORT, TASK, RUN, other) == ["KB106"]
    assert codes_of(IMPORT, TASK, RUN, other, "%choose my_task") == []
    assert codes_of(IMPORT, TASK, RUN, other, task="other") == []
    assert codes_of(IMPORT, TASK, RUN, other.replace('"Other"', '"Other", store_task=False')) == []


def test_a_decorator_without_parentheses_is_found():
    assert codes_of(IMPORT, TASK.replace('(name="My Task")', ""), RUN) == ["KB107"]
    assert codes_of(IMPORT, "def f(llm): ...\nf = kbench.task(f)", "f.run(kbench.llm)") == ["KB107"]


def test_choosing_a_helper_that_is_not_stored_is_an_error():
    helper = "@kbench.task(store_task=False)\ndef helper(llm) -> bool:\n    return True"
    findings = findings_of(IMPORT, TASK, helper, RUN, "%choose helper")
    assert [(f.code, f.severity.value, f.cell.number) for f in findings] == [("KB108", "error", 5)]
    assert "helper, which is not stored" in findings[0].message


def test_choose_must_name_a_task():
    assert codes_of(IMPORT, TASK, RUN, "%choose my_tusk") == ["KB108"]
    assert codes_of(IMPORT, TASK, RUN, "%choose My Task") == []
    assert (
        codes_of(IMPORT, TASK, RUN, "%choose 'My Task'")
        == codes_of(IMPORT, TASK, RUN, "%choose My_Task")
        == []
    )
    assert codes_of(IMPORT, TASK, RUN, "%choose my-task") == ["KB108"]
    named_elsewhere = "import os\n" + TASK.replace('"My Task"', "os.environ['NAME']")
    assert codes_of(IMPORT, named_elsewhere, RUN, "%choose my_tusk") == []


def test_choose_may_name_a_task_of_a_cell_that_does_not_parse():
    assert codes_of(IMPORT, TASK.replace("kbench.assertions", 'a = """'), RUN, "%choose my_task") == ["KB101"]
    other = TASK.replace("My Task", "B").replace("my_task", "b")
    assert codes_of(IMPORT, f"{TASK}\n    a = (", RUN, other, "b.run(kbench.llm)", "%choose my_task") == [
        "KB101"
    ]


FACTORY = "def make(level):\n    " + TASK.replace("\n", "\n    ") + "\n    return my_task"


@pytest.mark.parametrize(
    ("lost", "kept"),
    [
        ("%choose my_task", "%choose easy"),
        ("get_ipython().run_line_magic('choose', 'my_task')", "%choose My Task"),
        ("# only one\n%choose my_task", "my_task = easy\n%choose my_task"),
    ],
)
def test_choose_does_not_know_a_name_inside_a_function(lost, kept):
    cells = [IMPORT, FACTORY, "easy = make(1)\neasy.run(kbench.llm)"]
    assert codes_of(*cells, kept) == []
    (finding,) = findings_of(*cells, lost)
    assert (finding.code, finding.severity.value) == ("KB108", "error")
    assert "inside make only" in finding.message
    assert finding.hint == "Name one of: easy."


def test_choose_does_not_know_a_name_inside_a_class():
    suite = "class Suite:\n    " + TASK.replace("\n", "\n    ")
    cells = [IMPORT, suite, "Suite.my_task.run(kbench.llm)"]
    assert codes_of(*cells, "%choose my_task") == ["KB108"]
    assert codes_of(*cells, "%choose My Task") == []


def test_the_task_that_choose_keeps_by_its_variable_is_the_pushed_one():
    other = TASK.replace("My Task", "B").replace("my_task", "b")
    cells = [IMPORT, FACTORY, "easy = make(1)", other]
    found = findings_of(*cells, "%choose easy")
    assert {(f.code, f.severity.value) for f in found} == {("KB103", "error"), ("KB103", "warning")}
    assert other.splitlines()[1] in {f.text for f in found if f.severity == "warning"}


def test_choose_before_the_run_is_a_warning():
    (finding,) = findings_of(IMPORT, TASK, "%choose my_task", RUN)
    assert (finding.code, finding.severity.value) == ("KB108", "warning")


def test_choose_before_the_run_in_its_cell_is_a_warning():
    (finding,) = findings_of(IMPORT, TASK, f"%choose my_task\n{RUN}")
    assert (finding.code, finding.severity.value) == ("KB108", "warning")
    assert codes_of(IMPORT, TASK, f"{RUN}\n%choose my_task") == []


def test_the_choice_that_a_push_adds_keeps_the_last_run_as_well():
    cells = [*BOUND[:2], ROWS, "row.evaluate(llm=[kbench.llm], evaluation_data=frame)", TASK, RUN]
    assert codes_of(*cells, task="row") == ["KB113"]
    assert codes_of(*cells, task="my-task") == codes_of(*cells[:4], task="row") == []


def test_a_name_without_letters_is_found():
    assert codes_of(IMPORT, TASK.replace("My Task", "???"), RUN) == ["KB109"]
    assert codes_of(IMPORT, TASK.replace("My Task", "?1?"), RUN) == []


def test_a_sub_task_that_is_stored_is_found():
    helper = "@kbench.task({})\ndef helper(llm) -> bool:\n    return True"
    task = "@kbench.task()\ndef whole(llm) -> bool:\n    return helper.run(llm).result"
    assert codes_of(IMPORT, helper.format(""), task, "whole.run(kbench.llm)") == ["KB110"]
    assert codes_of(IMPORT, helper.format("store_task=False"), task, "whole.run(kbench.llm)") == []


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ("**{'store_task': False}", []),
        ("**OPTIONS", []),
        ("**{**OPTIONS, 'version': 2}", []),
        ("store_task=LOCAL", []),
        ("**LOCAL", []),
        ("**{1: 2}", []),
        ("**dict(store_task=True)", ["KB110"]),
        ("**{'version': 2}", ["KB110"]),
    ],
)
def test_only_a_sub_task_that_is_surely_stored_is_found(options, codes):
    given = f"{IMPORT}\nimport os\nLOCAL = os.environ.get('LOCAL')\nOPTIONS = dict(store_task=False)"
    helper = f"@kbench.task({options})\ndef helper(llm) -> bool:\n    return True"
    task = "@kbench.task()\ndef whole(llm) -> bool:\n    return helper.run(llm).result"
    assert codes_of(given, helper, task, "whole.run(kbench.llm)") == codes


def test_a_sub_task_whose_decorator_the_notebook_makes_is_told_what_to_write():
    suite = "def suite(topic):\n    return kbench.task(name=f'About {topic}')"
    row = "@suite('rows')\ndef row(llm) -> bool:\n    return True"
    whole = "@suite('all')\ndef whole(llm) -> bool:\n    return row.run(llm).result"
    cells = [IMPORT, suite, row, whole, "whole.run(kbench.llm)"]
    (finding,) = findings_of(*cells)
    assert finding.code == "KB110"
    assert "Make row with kbench.task(name=..., store_task=False, store_run=False)" in finding.hint
    repaired = row.replace("@suite('rows')", '@kbench.task(name="About rows", store_task=False)')
    assert codes_of(IMPORT, suite, repaired, whole, "whole.run(kbench.llm)") == []


def test_an_ignore_comment_silences_one_rule_on_one_line():
    silent = TASK.replace("def my_task(llm):", "def my_task(llm):  # kbench: ignore[KB103]")
    assert codes_of(IMPORT, silent) == []
    assert codes_of(IMPORT, silent.replace("KB103", "KB106, KB103")) == []
    assert codes_of(IMPORT, silent.replace("KB103", "KB106")) == ["KB103"]


def test_names_are_computed_from_constants():
    cells = [
        "import kaggle_benchmarks as kb",
        "BASE = 'spatial'\nVERSION = 3",
        "@kb.task(name=f'{BASE} v{VERSION}' + ' hard'.upper())\ndef f(llm): ...",
        "f.run(kb.llm)",
    ]
    (task,) = tasks_in(source_of(*cells))
    assert (task.name, task.slug, task.stored) == ("spatial v3 HARD", "spatial-v3-hard", True)


def test_a_name_that_only_running_tells_is_none():
    cells = [IMPORT, "import os\n@kbench.task(name=os.environ['NAME'])\ndef f(llm): ...", "f.run(kbench.llm)"]
    (task,) = tasks_in(source_of(*cells))
    assert (task.name, task.slug) == (None, None)
    assert codes_of(*cells, task="whatever") == []


def test_what_only_touches_a_task_that_is_not_pushed_is_a_warning():
    other = '@kbench.task(name="Other")\nasync def other(llm): ...'
    found = findings_of(IMPORT, TASK, RUN, other, task="my-task")
    assert {(f.code, f.severity.value) for f in found} == {("KB103", "warning"), ("KB204", "warning")}
    found = findings_of(IMPORT, TASK, RUN, other, task="other")
    assert {(f.code, f.severity.value) for f in found} == {("KB103", "error"), ("KB204", "error")}
    found = findings_of(IMPORT, TASK, RUN, other, "%choose my_task", "%psource other")
    assert {f.severity.value for f in found} == {"warning"}


@pytest.mark.parametrize(
    "how",
    [
        "%run runner.ipynb",
        "%%my_own_magic\nmy_task.run(kbench.llm)",
        "exec('my_task.run(kbench.llm)')",
        "get_ipython().run_cell('my_task.evaluate(llm=[kbench.llm])')",
        "kbench.client.run_task(my_task, {}, None)",
        "(task,) = kbench.client.registry.values()\ntask.run(kbench.llm)",
        "for task in list(kbench.client.registry.values()):\n    task.evaluate(llm=[kbench.llm])",
    ],
)
def test_a_task_that_something_unseen_may_run_is_left_alone(how):
    assert "KB103" not in codes_of(IMPORT, TASK, how)


def test_a_task_made_by_a_call_is_called_by_its_variable():
    (finding,) = findings_of(IMPORT, "def solve(llm): ...\nsolver = kbench.task(name='S')(solve)")
    assert "solver.run(kbench.llm)" in finding.hint


BOUND = [
    IMPORT,
    "import pandas as pd\nframe = pd.DataFrame({'q': ['a', 'b']})",
    '@kbench.task(name="Row", store_task=False)\ndef row(llm, q) -> bool:\n    return q in llm.prompt(q)',
]


ROWS = BOUND[2].replace(", store_task=False", "")


def test_the_run_of_a_task_bound_to_rows_is_told_as_it_takes_it():
    bind = 'row.bind_dataframe(frame, name="Rows", store_task=True)'
    (finding,) = findings_of(*BOUND, f"rows = {bind}")
    assert (finding.code, finding.hint) == ("KB103", "Add at the end: rows.run(llm=kbench.llm)")
    assert codes_of(*BOUND, f"rows = {bind}", finding.hint.partition(": ")[2]) == []
    # Nothing stands for it: `row` is the task it was made of, and may well be run.
    (finding,) = findings_of(*BOUND, bind, "row.run(kbench.llm, 'a')")
    assert "task that row.bind_dataframe returns is never run" in finding.message
    assert "a name, and run that: NAME.run(llm=kbench.llm)" in finding.hint


@pytest.mark.parametrize(
    ("run", "codes"),
    [
        ("rows.run(kbench.llm)", ["KB208"]),
        ("rows.run(llm=kbench.llm)", []),
        ("other = rows\nother.run(kbench.llm)", ["KB208"]),
        ("row.bind_dataframe(frame, name='Row').run(kbench.llm)", ["KB208"]),
        ("for rows in [row]:\n    rows.run(kbench.llm, 'a')", []),  # which one it is nobody sees
        ("rows = row\nrows.run(kbench.llm, 'a')", []),
    ],
)
def test_a_task_bound_to_rows_takes_its_model_by_name_alone(run, codes):
    found = findings_of(*BOUND, 'rows = row.bind_dataframe(frame, name="Rows", store_task=True)', run)
    found = [f for f in found if f.code == "KB208"]
    assert [f.code for f in found] == codes
    assert all("gets 1 argument by position" in f.message and ".run(llm=" in f.hint for f in found)


def test_several_tasks_made_of_one_function_are_told_apart():
    bind = 'row.bind_dataframe(frame, name="All rows")'
    found = findings_of(*BOUND[:2], ROWS, "row.run(kbench.llm, 'a')", bind)
    assert ["(Row, All rows)" in f.message for f in found if f.code == "KB106"] == [True]


def test_what_another_decorator_makes_of_a_function_is_not_guessed():
    wrapper = "def awaited(f):\n    import asyncio\n    return lambda *a: asyncio.run(f(*a))"
    task = "@kbench.task()\n@awaited\nasync def quiz(llm, extra):\n    return 'x'"
    assert codes_of(IMPORT, wrapper, task, "quiz.run(kbench.llm)") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "My Qu\u0456z",
            "letter 3 of 'Qu\u0456z' is Cyrillic small letter byelorussian-ukrainian i (U+0456), among Latin",
        ),
        (
            "\u0391lpha",
            "letter 1 of '\u0391lpha' is Greek capital letter alpha (U+0391), among Latin letters",
        ),
        ("\u0417\u0430\u0434a\u0447\u0430", "is Latin small letter a (U+0061), among Cyrillic letters"),
    ],
)
def test_a_letter_of_another_alphabet_than_its_word_is_named_with_its_place(name, said):
    [finding] = findings_of(IMPORT, TASK.replace("My Task", name), RUN)
    assert (finding.code, finding.severity.value) == ("KB112", "warning")
    assert said.lower() in finding.message.lower()


@pytest.mark.parametrize(
    "name",
    [
        "\u0417\u0430\u0434\u0430\u0447\u0430 and Quiz",  # each word wholly in one alphabet
        "\u0391\u03b8\u03ae\u03bd\u03b1",
        "\u03b1Grad 5\u03bcm",  # a sign, which nobody takes for a Latin letter
        "Caf\u00e9 \u00dcbung na\u00efve",
        "\u6f22\u5b57 Quiz",
    ],
)
def test_words_wholly_in_one_alphabet_are_fine(name):
    assert "KB112" not in codes_of(IMPORT, TASK.replace("My Task", name), RUN)

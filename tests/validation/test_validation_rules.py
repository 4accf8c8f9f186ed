"""Every rule: code it objects to, and the same code put right, which it leaves alone."""

from __future__ import annotations

from textwrap import indent

import pytest
from validation_helpers import IMPORT, codes_of, findings_of, source_of

from kbench_jupyter.validation import RULES, Severity

TASK = '@kbench.task()\ndef quiz(llm):\n    kbench.assertions.assert_true(True, expectation="x")\n'
RUN = "quiz.run(kbench.llm)"


def body(*lines: str, head: str = "def quiz(llm):", after: str = RUN) -> list[str]:
    """Return a notebook whose one task has these lines."""
    text = "\n".join(f"    {line}" for line in lines) or "    ..."
    return [IMPORT, f"@kbench.task()\n{head}\n{text}", after]


def run(call: str, head: str = "def quiz(llm):") -> list[str]:
    """Return a notebook whose one task is run by this code."""
    return body(head=head, after=call)


IMAGES = "from kaggle_benchmarks.content_types import images, videos"
TRACES = "traces = kbench.last_reasoning_traces()"
JUDGE = "report = kbench.assertions.assess_response_with_judge(['a'], 'b', kbench.judge_llm)"
ANSWER = "from dataclasses import dataclass\n@dataclass\nclass Answer:\n    a: int"
ASKED = "@kbench.task()\ndef quiz(llm, q) -> bool:\n    return str(q) in llm.prompt('x')"
EVERY = (
    "import pandas as pd\nframe = pd.DataFrame({'q': [1, 2]})\n"
    "quiz.evaluate(llm=[kbench.llm], evaluation_data=frame)"
)
LOOKS_RANDOM = "'a8f5f167f44f4964e6c998dee827110c'"
EITHER = "import os\nif os.environ:\n{}\nelse:\n{}"
BOTH = '@kbench.task(name="{0}")\ndef {1}(llm): ...\n{1}.run(kbench.llm)'
ROW = "@kbench.task({0})\ndef row(llm) -> bool:\n    return True"
WHOLE = "@kbench.task()\ndef whole(llm) -> bool:\n    return row.run(llm).result\nwhole.run(kbench.llm)"

# (code, cells it objects to, cells it accepts)
EXAMPLES: list[tuple[str, list[str], list[str]]] = [
    (
        "KB601",
        ["from kaggle_benchmarks import *", *body("assertions.assert_equals('a', 'b')")],
        ["from kaggle_benchmarks import *", *body("assertions.assert_equal('a', 'b')")],
    ),
    ("KB101", [IMPORT, TASK, RUN, "x = ("], [IMPORT, TASK, RUN, "x = ()"]),
    ("KB101", [IMPORT, TASK, RUN, "return 5"], [IMPORT, TASK, RUN, "def f():\n    return 5"]),
    *[
        ("KB101", [IMPORT, TASK, RUN, bad], [IMPORT, TASK, RUN, good])
        for bad, good in (
            ("if True:\n    break", "for i in range(3):\n    break"),
            ("for i in range(3):\n    return i", "for i in range(3):\n    def f():\n        return i"),
            ("def f():\n    return 1\nif f(): return", "def f():\n    if 1: return 1\n    return 2"),
            ("x = 1; return", "x = 'a; return'"),
            ("try:\n    yield 1\nexcept ValueError: ...", "try:\n    1\nexcept ValueError: ..."),
            ("x = yield 1", "def f():\n    x = yield 1"),
            ("def f():\n    await g()\ndef g(): ...", "async def f():\n    await g()\ndef g(): ..."),
            ("def f(a):\n    async for x in a: ...", "async def f(a):\n    async for x in a: ..."),
            ("*a = [1]", "*a, = [1]"),
            ("a, *b, *c = [1]", "a, *b = [*[1], *[2]]"),
            (
                "try: ...\nexcept: ...\nexcept ValueError: ...",
                "try: ...\nexcept ValueError: ...\nexcept: ...",
            ),
            ("match [1, 1]:\n    case [a, a]: ...", "match [1, 1]:\n    case [a, b]: ..."),
            (
                "import os\nfrom __future__ import division",
                "from __future__ import division\nimport os",
            ),
        )
    ],
    ("KB101", [IMPORT, TASK, "# timing\n%%time\n" + RUN], [IMPORT, TASK, "\n%%time\n" + RUN]),
    ("KB102", [IMPORT, "x = 1"], [IMPORT, TASK, RUN]),
    ("KB102", [IMPORT, TASK.replace("()", "(store_task=False)", 1), RUN], [IMPORT, TASK, RUN]),
    ("KB103", [IMPORT, TASK], [IMPORT, TASK, RUN]),
    ("KB103", [IMPORT, TASK, "quiz.run"], [IMPORT, TASK, "go = quiz.run", "go(kbench.llm)"]),
    ("KB103", [IMPORT, TASK, f'"""Then: {RUN}"""'], [IMPORT, TASK, f'code = "{RUN}"', "exec(code)"]),
    (
        "KB103",
        [IMPORT, TASK.replace("    kbench", f'    """{RUN}"""\n    kbench', 1)],
        [IMPORT, TASK.replace("    kbench", f'    """{RUN}"""\n    kbench', 1), RUN],
    ),
    ("KB105", [IMPORT, BOTH.format("A b", "f"), BOTH.format("a-b", "g")], [IMPORT, BOTH.format("A b", "f")]),
    (
        "KB105",  # of two slugs, in the same files
        [IMPORT, BOTH.format("Q\u00fciz 1", "f"), BOTH.format("Qiz_1", "g")],
        [IMPORT, BOTH.format("Q\u00fciz 1", "f"), BOTH.format("Quiz_2", "g")],
    ),
    (
        "KB106",
        [IMPORT, TASK, RUN, BOTH.format("B", "g")],
        [IMPORT, TASK, RUN, BOTH.format("B", "g"), "%choose g"],
    ),
    ("KB107", [IMPORT, TASK.replace("()", "", 1), RUN], [IMPORT, TASK, RUN]),
    ("KB108", [IMPORT, TASK, RUN, "%choose quizz"], [IMPORT, TASK, RUN, "%choose quiz"]),
    ("KB109", [IMPORT, BOTH.format("?!", "f")], [IMPORT, BOTH.format("Why?!", "f")]),
    ("KB110", [IMPORT, ROW.format(""), WHOLE], [IMPORT, ROW.format("store_task=False"), WHOLE]),
    ("KB111", [IMPORT, TASK.replace("()", "(store_run=False)", 1), RUN], [IMPORT, TASK, RUN]),
    ("KB112", [IMPORT, TASK.replace("()", '(name="Qu\u0456z")', 1), RUN], [IMPORT, TASK, RUN]),
    *[
        (
            "KB113",
            [IMPORT, ASKED, f"rows = [1, 2]\n{many}", "%choose quiz"],
            [IMPORT, ASKED, f"rows = [1, 2]\n{one}", "%choose quiz"],
        )
        for many, one in (
            (EVERY, f"{EVERY}\nquiz.run(kbench.llm, 1)"),
            (EVERY, EVERY.replace("frame)", "frame.head(1))")),
            ("quiz.evaluate(llm=[kbench.llm], q=[1, 2])", "quiz.evaluate(llm=[kbench.llm], q=[1])"),
            ("for q in rows:\n    quiz.run(kbench.llm, q)", "for q in [1]:\n    quiz.run(kbench.llm, q)"),
            (
                "[quiz.run(kbench.llm, q) for q in rows]",
                "[task.run(kbench.llm, 1) for task in (quiz, quiz)]",
            ),
            (
                "for task in (quiz, quiz):\n    for q in rows:\n        task.run(kbench.llm, q)",
                "for q in rows:\n    run = quiz.run(kbench.llm, q)\n    if run.passed:\n        break",
            ),
        )
    ],
    ("KB113", [IMPORT, ASKED, EVERY, "%choose quiz"], [IMPORT, ASKED, EVERY]),
    *[
        (
            "KB201",
            body("return g()", head=f"def quiz(llm) -> {bad}:"),
            body("return 1.0", head="def quiz(llm) -> float:"),
        )
        for bad in (
            "str",
            "list",
            "dict[str, int]",
            "tuple",
            "int | None",
            "'bool'",
            "tuple[int, float]",
            "list[int]",
        )
    ],
    (
        "KB201",
        ["import typing", *body(head="def quiz(llm) -> typing.Tuple[int, int]:")],
        body(head="def quiz(llm) -> None:"),
    ),
    (
        "KB201",
        ["from typing import Optional", *body(head="def quiz(llm) -> Optional[int]:")],
        body("return {}", head="def quiz(llm) -> dict:"),
    ),
    (
        "KB201",
        [ANSWER, *body(head="def quiz(llm) -> Answer:")],
        ["Score = float", *body("return .5", head="def quiz(llm) -> Score:")],
    ),
    *[
        (
            "KB201",
            ["import numpy as np\nimport pandas as pd", *body("return g()", head=f"def quiz(llm) -> {bad}:")],
            ["import numpy as np", *body("return float(np.mean([1]))", head="def quiz(llm) -> float:")],
        )
        for bad in ("np.float64", "pd.DataFrame", "np.ndarray", "np.bool_", "kbench.Run", "type(None)")
    ],
    (
        "KB202",
        ["from __future__ import annotations", *body("return True", head="def quiz(llm) -> bool:")],
        ["from __future__ import annotations", *body("pass", head="def quiz(llm: int):")],
    ),
    (
        "KB203",
        body("return llm.prompt('x')"),
        body("return 'y' in llm.prompt('x')", head="def quiz(llm) -> bool:"),
    ),
    (
        "KB203",
        body("a = llm.prompt('x').strip()", "return a.lower()", head="def quiz(llm) -> bool:"),
        body("a = llm.prompt('x')"),
    ),
    ("KB203", body("return [1]"), body("return None")),
    (
        "KB203",
        body("return llm.prompt('x', schema=int)"),
        body("return llm.prompt('x', schema=int)", head="def quiz(llm) -> int:"),
    ),
    ("KB204", body(head="async def quiz(llm):"), body()),
    (
        "KB205",
        body("return 1, 2", head="def quiz(llm) -> tuple[int, int]:"),
        body("return .1, .2", head="def quiz(llm) -> tuple[float, float]:"),
    ),
    ("KB206", body("yield llm.prompt('x')"), body("yes = [(yield_ for yield_ in [1])]")),
    (
        "KB207",
        body("x = 1", head="def quiz(llm) -> float:"),
        body("raise NotImplementedError", head="def quiz(llm) -> float:"),
    ),
    (
        "KB208",
        run(RUN, "def quiz(llm, question):"),
        run("quiz.run(kbench.llm, 'q')", "def quiz(llm, question):"),
    ),
    ("KB208", run("quiz.run(kbench.llm, q=1)"), run("quiz.run(llm=kbench.llm)")),
    ("KB208", run("quiz.run(kbench.llm, 1)"), run("quiz.run(*[kbench.llm])")),
    (
        "KB208",
        run("quiz.evaluate(llm=[kbench.llm])", "def quiz(llm, q):"),
        run("quiz.evaluate(llm=[kbench.llm], q=['a'])", "def quiz(llm, q):"),
    ),
    ("KB301", run("quiz.run(kbench.llms['a/b'])"), run(RUN)),
    (
        "KB301",
        run("for m in ['a/b', 'c/d']:\n    quiz.run(kbench.llms[m])"),
        run("for m in names():\n    quiz.run(kbench.llms[m])\ndef names(): return input()"),
    ),
    (
        "KB301",
        run("m = kbench.kaggle.load_model('a/b')\nquiz.evaluate(llm=[m])"),
        run("m = kbench.llm\nquiz.evaluate(llm=[m])"),
    ),
    (
        "KB301",
        ["import kaggle_benchmarks as kb\nkb.llm = kb.llms['a/b']", *body()],
        ["import kaggle_benchmarks as kb\nkb.judge_llm = kb.llms['a/b']", *body()],
    ),
    (
        "KB301",
        [IMPORT, "kbench.llm = model = kbench.kaggle.load_model('a/b')", *body()],
        [IMPORT, "class Chat:\n    llm = None\nChat.llm = kbench.llms['a/b']", *body()],
    ),
    (
        "KB301",
        run("quiz.run()", "def quiz(llm=kbench.llms['a/b']):"),
        run("quiz.run(kbench.llm)", "def quiz(llm=kbench.llms['a/b']):"),
    ),
    (
        "KB301",
        run("quiz.evaluate(q=['x'])", "def quiz(q, *, llm=kbench.llms['a/b']):"),
        run("quiz.evaluate(q=['x'])", "def quiz(q, *, llm=kbench.llm):"),
    ),
    (
        "KB301",
        run("quiz.run(kbench.llms['c/d'])", "def quiz(llm, judge=kbench.llms['a/b']):"),
        run(RUN, "def quiz(llm, judge=kbench.llms['a/b']):"),
    ),
    (
        "KB301",
        run("quiz.run(row(), kbench.llms['a/b'])\ndef row(): ...", "def quiz(row, llm):"),
        run("quiz.run(pick(), kbench.llms['a/b'])\ndef pick(): return open('x')", "def quiz(llm, judge):"),
    ),
    (
        "KB302",
        run("quiz.run(llm=kbench.llm)", "def quiz(judge=kbench.llms['a/b'], llm=None):"),
        run("quiz.run(llm=kbench.llm)", "def quiz(llm, judge=kbench.llms['a/b']):"),
    ),
    (
        "KB302",
        run("quiz.run(llm=kbench.llm)", "def quiz(judge=kbench.judge_llm, llm=None):"),
        run("quiz.run(pick(), kbench.judge_llm)\ndef pick(): return open('x')", "def quiz(llm, judge):"),
    ),
    (
        "KB302",
        run("quiz.run(llm=kbench.llm, judge=kbench.judge_llm)", "def quiz(judge, llm):"),
        run("quiz.run(judge=kbench.judge_llm, llm=kbench.llm)", "def quiz(llm, judge):"),
    ),
    ("KB302", run("quiz.run(kbench.judge_llm)"), run(RUN)),
    ("KB303", run("quiz.run()", "def quiz():"), run(RUN)),
    (
        "KB401",
        body("kbench.assertions.assert_equal(1, 2)"),
        body("kbench.assertions.assert_equal(1, 2, 'same')"),
    ),
    (
        "KB401",
        body("kbench.assertions.assert_fail()"),
        body("kbench.assertions.assert_fail(expectation='never')"),
    ),
    ("KB402", body(TRACES, "n = len(traces)"), body(TRACES, "n = len(traces) if traces else 0")),
    (
        "KB402",
        body("n = kbench.last_reasoning_traces().split()"),
        body("n = kbench.last_reasoning_traces() or ''"),
    ),
    (
        "KB402",
        body(TRACES, "ok = 'x' in traces"),
        body(TRACES, "assert traces is not None", "ok = 'x' in traces"),
    ),
    (
        "KB403",
        body(JUDGE, "for r in report.results: ..."),
        body(JUDGE, "if report:", "    print(report.results)"),
    ),
    (
        "KB404",
        [IMAGES, *body("videos.from_url('https://vimeo.com/1')")],
        [IMAGES, *body("videos.from_url('https://youtu.be/a1')")],
    ),
    (
        "KB404",
        [IMAGES, *body("videos.from_url('https://m.youtube.com/watch?v=1')")],
        [IMAGES, *body("videos.from_url(link(1))"), "def link(x): ..."],
    ),
    *[
        (
            "KB405",
            [ANSWER, *body(f"llm.prompt('x', schema={bad})")],
            [ANSWER, *body(f"llm.prompt('x', schema={good})")],
        )
        for bad, good in [
            ("list[int]", "{'items': list[int]}"),
            ("dict", "bool"),
            ("None", "str"),
            ("int | None", "float"),
            ("'int'", "int"),
            ("Answer(1)", "Answer"),
            ("[int]", "kbench.prompting.TypedResponse[list[int]]"),
        ]
    ],
    (
        "KB405",
        body("kbench.judge_llm.prompt('x', schema=dict)"),
        [
            "from other import client\nclass Own: ...",
            *body("Own().prompt('x', schema=dict), client.prompt('x', dict)"),
        ],
    ),
    (
        "KB405",
        ["import typing", *body("llm.prompt('x', typing.List[int])")],
        ["import datetime", *body("llm.prompt('x', datetime.datetime)")],
    ),
    (
        "KB405",
        ["class A:\n    a: int", *body("llm.prompt('x', schema=A)")],
        [ANSWER, *body("llm.prompt('x', schema=Answer)")],
    ),
    (
        "KB405",
        ["from typing import TypedDict\nclass A(TypedDict):\n    a: int", *body("llm.prompt('x', schema=A)")],
        [
            "from pydantic import BaseModel\nclass A(BaseModel):\n    a: int",
            *body("llm.prompt('x', schema=A)"),
        ],
    ),
    (
        "KB405",
        ["import enum\nclass A(enum.Enum):\n    B = 1", *body("llm.prompt('x', schema=A)")],
        ["import enum\nclass A(str, enum.Enum):\n    B = '1'", *body("llm.prompt('x', schema=A)")],
    ),
    ("KB407", run("quiz.evaluate(llm=kbench.llm)"), run("quiz.evaluate(llm=[kbench.llm])")),
    ("KB407", run("quiz.evaluate([kbench.llm])"), run("quiz.evaluate({'llm': [kbench.llm]})")),
    (
        "KB301",
        run("M = {n: kbench.llms[n] for n in ('a', 'b')}\nquiz.run(next(iter([*M.values()])))"),
        run("M = {n: kbench.llm for n in ('a', 'b')}\nquiz.run(next(iter([*M.values()])))"),
    ),
    (
        "KB407",
        run("quiz.evaluate(llm=[kbench.llm], q='cat')", "def quiz(llm, q):"),
        run("quiz.evaluate(llm=[kbench.llm], q=['cat'])", "def quiz(llm, q):"),
    ),
    (
        "KB501",
        ["%matplotlib inline", "rows = open('rows.txt').read()", *body()],
        ["rows = open('/kaggle/input/rows/rows.txt').read()", *body()],
    ),
    (
        "KB501",
        ["import numpy as np\nrows = np.load('rows.npy')", *body()],
        ["import toml\nrows = toml.load('rows.toml')", *body()],
    ),
    (
        "KB501",
        ["rows = open('rows.txt').read()", *body()],
        ["!wget https://example.com/rows.txt", "rows = open('rows.txt').read()", *body()],
    ),
    (
        "KB501",
        ["import pandas as pd\npd.read_csv(r'C:\\Users\\ada\\rows.csv')", *body()],
        ["import pandas as pd\npd.read_csv('https://example.com/rows.csv')", *body()],
    ),
    (
        "KB501",
        ["from pathlib import Path\nPath('~/rows.txt').read_text()", *body()],
        ["from pathlib import Path\nPath('rows.txt').write_text('x')\nPath('rows.txt').read_text()", *body()],
    ),
    *[
        (
            "KB501",
            [f"import os\nfrom pathlib import Path\nP = Path('/home/ada/q')\n{bad}", *body()],
            [f"import os\nfrom pathlib import Path\nP = Path('/kaggle/input/q')\n{good}", *body()],
        )
        for bad, good in (
            ("P.read_text()", "P.read_text()"),
            ("with P.open() as f: ...", "with Path('/home/ada/q').open('w') as f: ..."),
            ("(Path('/home/ada') / 'q').read_text()", "(Path('/kaggle/input') / 'q').read_text()"),
            ("open(os.path.join('/home/ada', 'q.csv'))", "open(os.path.join('/home/ada', 'q.csv'), 'w')"),
            ("open(f'/home/ada/{P.name}.csv')", "open(f'{P}/q.csv')"),
            ("open('/home/ada/' + input())", "open(str(P) + '/q.csv')"),
            ("open(P.joinpath('a', 'q.csv'))", "open(os.path.join(P, '/kaggle/input/q/q.csv'))"),
            ("open('/home/%s/q.csv' % os.environ['USER'])", "open('{}/q.csv'.format(P))"),
            ("P.open()", "P = Path('/home/ada/q')\nwith P.open('w') as f: ..."),
            (
                "open(os.path.join('data', 'q.csv'))",
                "D = 'data'\nos.makedirs(D)\nopen(os.path.join(D, 'q.csv'))",
            ),
            ("open(Path('data') / 'q.csv')", "p = Path('data') / 'q.csv'\np.write_text('x')\nopen(p)"),
            ("D = 'data'\nopen(f'{D}/q.csv')", "p = f'data/{1}.csv'\nopen(p, 'w')\nopen(p)"),
            ("open(D + 'q.csv')\nD = 'data/'", "D = 'data/'\nopen(D + input(), 'w')\nopen(D + 'q.csv')"),
            ("open(P / 'q.csv')", "p = Path('~/q.csv').expanduser()\np.write_text('x')\np.read_text()"),
        )
    ],
    (
        "KB502",
        ["rows = open('/kaggle/input/rows/a.csv').read()", *body()],
        ["rows = open('/kaggle/working/a.csv', 'w')", *body()],
    ),
    *[
        (
            "KB502",
            [f"import os\nfrom pathlib import Path\nROOT, NAME = '/kaggle/input', 'rows'\n{bad}", *body()],
            [f"import os\nfrom pathlib import Path\nROOT, NAME = '/kaggle/input', input()\n{good}", *body()],
        )
        for bad, good in (
            ("p = f'{ROOT}/{NAME}/{input()}.csv'", "p = f'{ROOT}/{NAME}/a.csv'"),
            ("p = ROOT + '/' + NAME", "p = ROOT + '/' + NAME"),
            ("p = ROOT + '/rows/' + input()", "p = ROOT + '/rows-' + input()"),
            ("p = Path(ROOT) / NAME / 'a.csv'", "p = Path(ROOT) / NAME / 'a.csv'"),
            ("P = Path(ROOT)\nq = P / 'rows'", "p = Path(ROOT)\nq = p.glob('*')"),
            ("p = Path(ROOT, 'rows', 'a.csv')", "p = Path(ROOT, '/kaggle/working', 'a.csv')"),
            ("p = os.path.join(ROOT, NAME, 'a.csv')", "p = os.path.join(ROOT, NAME, 'a.csv')"),
            ("p = Path(ROOT).joinpath(NAME)", "p = Path(ROOT).joinpath(NAME)"),
            (
                "p = '%s/rows/%s.csv' % (ROOT, 1)\nq = '/kaggle/input/a/%s' % NAME",
                "p = '/kaggle/input/%s/a.csv' % NAME",
            ),
            (
                "p = '/kaggle/input/rows/{}.csv'.format(NAME)",
                "p = '/kaggle/input/rows-{}/a.csv'.format(NAME)",
            ),
            ("p = f'/kaggle/input/rows/{NAME}'", "p = f'/kaggle/input/rows{NAME}'"),
            ("p = '/kaggle/input/rows'", "def p():\n    'Reads /kaggle/input/rows.'"),
            ("p = '/kaggle/input/rows/*.csv'", "import glob\np = glob.glob('/kaggle/input/*/a.csv')"),
        )
    ],
    (
        "KB503",
        ["key = 'sk-ant-api03-Ab3dEf6hIj9kLm2nOp5qRs8tUv1w'", *body()],
        ["import os\nkey = os.environ['ANTHROPIC_API_KEY']", *body()],
    ),
    ("KB504", ["%pip install -e .", *body()], ["%pip install -U numpy ../input/tools/quiz.whl", *body()]),
    (
        "KB504",
        ["!cd x && pip install ../tools", *body()],
        ["!pip install -e git+https://example.com/tools.git#egg=tools", *body()],
    ),
    (
        "KB505",
        ["if True:\n    get_ipython().run_line_magic('kbench', 'status')", *body()],
        ["# %kbench status", *body()],
    ),
    (
        "KB505",
        ["get_ipython().run_cell_magic('kbench', 'push', '')", *body()],
        ["get_ipython().run_cell_magic('time', '', 'x = 1')", *body()],
    ),
    ("KB505", ["import kbench_jupyter", *body()], ["x = 'kbench_jupyter'", *body()]),
    (
        "KB505",
        ["try:\n    import kbench_jupyter\nexcept KeyError: ...", *body()],
        ["try:\n    import kbench_jupyter\nexcept ModuleNotFoundError: ...", *body()],
    ),
    *[
        (
            "KB507",
            [f"import os\nfrom os import environ\n{bad}", *body()],
            ["import os\nos.environ['MY_URL'] = 'x'\nn = os.environ.get('KBENCH_QUESTIONS')", *body()],
        )
        for bad in (
            "os.environ['KBENCH_UPSTREAM_URL'] = 'x'",
            "environ['KBENCH_WORKERS'] = '4'",
            "del os.environ['KBENCH_WORKERS']",
            "os.environ.update(KBENCH_WORKERS='4')",
            "os.environ.update({'A': 'b', 'KBENCH_WORKERS': '4'})",
            "os.environ |= {'KBENCH_WORKERS': '4'}",
            "os.environ.setdefault('KBENCH_WORKERS', '4')",
            "os.environ.pop('KBENCH_WORKERS', None)",
            "os.putenv('KBENCH_WORKERS', '4')",
            "workers = os.getenv('KBENCH_WORKERS')",
            "workers = int(os.environ['KBENCH_WORKERS'])",
            "if True:\n    get_ipython().run_line_magic('env', 'KBENCH_WORKERS=4')",
            "get_ipython().run_line_magic('config', 'KBench.target = 1')",
        )
    ],
    ("KB506", ["topic = input('Topic? ')", *body()], ["topic = 'input(x)'", *body()]),
    ("KB901", ["print(rows)", *body()], ["rows = 1", "print(rows)", *body()]),
    ("KB901", body("return_ = missing_helper(llm)"), [*body("x = helper(llm)"), "def helper(x): ..."]),
    ("KB901", ["here = __file__", *body()], ["here = '__file__', __IPYTHON__", *body()]),
    ("KB902", ["print(rows)", "rows = 1", *body()], ["rows = 1", "print(rows)", *body()]),
    ("KB601", body("llm.promt('x')"), body("llm.prompt('x')")),
    ("KB602", body("llm.prompt('x', sed=1)"), body("llm.prompt('x', seed=1)")),
    ("KB603", body("llm.prompt('x', reasoning='hihg')"), body("llm.prompt('x', reasoning='high')")),
    *[
        (
            code,
            ["from __future__ import division", annotated, *later, *body()],
            ["from __future__ import annotations", annotated, *later, *body()],
        )
        for annotated in ("row: Row = 1", "def total(rows: list[Row]): ...", "def first() -> Row: ...")
        for code, later in (("KB902", ["class Row: ..."]), ("KB901", []))
    ],
]


@pytest.mark.parametrize(("code", "bad", "good"), EXAMPLES)
def test_a_rule_objects_to_the_one_and_not_to_the_other(code, bad, good):
    assert code in codes_of(*bad)
    assert code not in codes_of(*good)


def test_every_rule_has_an_example_here():
    with_task_name = {"KB104"}  # needs the name that is pushed: see test_validation_structure.py
    assert {code for code, _, _ in EXAMPLES} | with_task_name == set(RULES)


def test_every_rule_has_a_page():
    for known in RULES.values():
        assert known.summary.endswith(".")
        assert known.why.endswith(".")
        assert known.example != known.fix
        assert known.name == known.name.lower()
    assert len({known.name for known in RULES.values()}) == len(RULES)


def severities(*cells: str, **options: object) -> dict[str, Severity]:
    """Return the severity of each code found."""
    return {finding.code: finding.severity for finding in findings_of(*cells, **options)}


@pytest.mark.parametrize(
    ("code", "sure", "unsure"),
    [
        (
            "KB203",
            body("return llm.prompt('x')"),
            body("if llm:", "    return llm.prompt('x')", "return None"),
        ),
        (
            "KB404",
            [IMAGES, *body("videos.from_url('x')")],
            [IMAGES, *body("if llm:", "    videos.from_url('x')")],
        ),
        (
            "KB405",
            body("llm.prompt('x', schema=dict)"),
            body("try:", "    llm.prompt('x', schema=dict)", "except ValueError: ..."),
        ),
        (
            "KB501",
            ["open('/Users/a/b.txt')", *body()],
            ["for i in x():\n    open('/Users/a/b.txt')", "def x(): ...", *body()],
        ),
        (
            "KB407",
            run("for n in [1]:\n    quiz.evaluate([kbench.llm])"),
            run("if quiz:\n    quiz.evaluate([kbench.llm])"),
        ),
        (
            "KB501",
            ["import os\ndef rows():\n    return open('/Users/a/b.txt')\nrows()", *body()],
            [
                "import os\ndef rows():\n    if 'HOME' in os.environ: return 1\n    return local()",
                "def local():\n    return open('/Users/a/b.txt')\nrows()",
                *body(),
            ],
        ),
        (
            "KB506",
            ["import os\ndef topic():\n    return input()\ntopic()", *body()],
            ["import os\ndef topic():\n    if os.environ: return ''\n    return input()\ntopic()", *body()],
        ),
        (
            "KB505",
            ["import kbench_jupyter", *body()],
            ["import os\nif 'HOME' in os.environ:\n    import kbench_jupyter", *body()],
        ),
        (
            "KB505",
            ["get_ipython().run_line_magic('load_ext', 'kbench_jupyter')", *body()],
            ["if TASK:\n    get_ipython().run_line_magic('load_ext', 'kbench_jupyter')", "TASK = 1", *body()],
        ),
        *[
            (
                code,
                [IMPORT, BOTH.format("A", "a"), BOTH.format(second, "b")],
                [
                    IMPORT,
                    EITHER.format(
                        indent(BOTH.format("A", "a"), "  "), indent(BOTH.format(second, "b"), "  ")
                    ),
                ],
            )
            for code, second in (("KB105", "A"), ("KB106", "B"))
        ],
        ("KB301", run("quiz.run(kbench.llms['a'])"), run("quiz.run(kbench.llms['a'])\nquiz.run(kbench.llm)")),
        (
            "KB301",
            [IMPORT, "kbench.llm = kbench.llms['a']", *body()],
            [IMPORT, "import os\nif 'HOME' in os.environ:\n    kbench.llm = kbench.llms['a']", *body()],
        ),
        (
            "KB503",
            [f"api_key = {LOOKS_RANDOM}", *body()],
            [f"has_api_key = {LOOKS_RANDOM} in 'abc'", *body()],
        ),
        ("KB901", ["print(rows)", *body()], ["if 'rows' in dir():\n    print(rows)", *body()]),
        (
            "KB902",
            ["print(rows)", "rows = 1", *body()],
            ["try:\n    print(rows)\nexcept NameError: ...", "rows = 1", *body()],
        ),
        ("KB102", ["x = 1"], ["from my_tasks import quiz\nquiz.run(1)"]),
        (
            "KB102",
            ["import sys\nsys.path.append('/kaggle/input/quiz')\nimport requests"],
            ["import sys\nsys.path.append('/kaggle/input/quiz')\nimport quiz_tasks"],
        ),
    ],
)
def test_what_is_not_sure_is_a_warning(code, sure, unsure):
    assert severities(*sure)[code] is Severity.ERROR
    assert severities(*unsure)[code] is Severity.WARNING


def test_a_dataset_that_is_attached_is_no_finding():
    cells = ["rows = open('/kaggle/input/rows/a.csv').read()", *body()]
    assert severities(*cells) == {"KB502": Severity.WARNING}
    assert severities(*cells, datasets=("ada/other",)) == {"KB502": Severity.ERROR}
    assert severities(*cells, datasets=("ada/rows",)) == {}
    assert severities("DIR = '/kaggle/input/datasets/ada/rows/'", *body(), datasets=("ada/rows",)) == {}
    assert severities(*cells, datasets=("ada/rows/versions/3",)) == {}


def test_the_mounts_are_where_a_path_from_the_working_folder_leads_as_well():
    cells = ["ROOT = '../input/rows/'", "open(ROOT + 'a.csv')", *body()]
    assert severities(*cells) == {"KB502": Severity.WARNING}
    assert severities(*cells, datasets=("ada/rows",)) == {}
    assert severities(*cells, datasets=("ada/other",)) == {"KB502": Severity.ERROR}


@pytest.mark.parametrize(
    "cell",
    [
        "PROMPT = 'Write code that reads /kaggle/input/rows/a.csv'",
        "import os\nROOT = '/kaggle/input/rows'\nif not os.path.exists(ROOT): ROOT = '.'",
        "def rows():\n    if PROMPT: return []\n    return open('/kaggle/input/rows/a.csv')\nPROMPT = rows()",
    ],
)
def test_a_dataset_that_may_not_be_needed_stops_no_push(cell):
    assert severities(cell, *body(), datasets=("ada/other",)) == {"KB502": Severity.WARNING}


@pytest.mark.parametrize(
    "cell",
    [
        "from helpers import *\nprint(rows)",
        "exec(open('/dev/null').read())\nprint(rows)",
        "%run other.ipynb",
        "%%sql result <<\nselect 1",
        "globals()['rows'] = 1",
        "get_ipython().user_ns['rows'] = 1",
        "shell = get_ipython()\nshell.push({'rows': 1})",
        "get_ipython().run_cell('rows = 1')",
        "vars()['rows'] = 1",
        "import sys\nsetattr(sys.modules[__name__], 'rows', 1)",
    ],
)
def test_names_are_left_alone_once_a_cell_may_define_anything(cell):
    assert "KB901" not in codes_of(cell, "print(rows)", "%precision 3", *body())


@pytest.mark.parametrize("call", ["quiz.run(kbench.llms['a'])", "quiz.evaluate(llm=[kbench.llms['a']])"])
def test_the_run_advised_instead_of_a_hard_coded_model_is_right(call):
    (finding,) = findings_of(*run(call))
    assert codes_of(*run(finding.hint.removeprefix("Write ").partition(";")[0])) == []


def test_a_finding_in_a_shell_cell_has_its_line():
    (finding,) = findings_of("%%bash\nls\npip install -e .", *body())
    assert (finding.code, finding.line, finding.text) == ("KB504", 3, "pip install -e .")


def test_a_finding_shows_the_line_of_the_cell_and_not_that_of_the_file():
    found = findings_of("x = 1\n\n\ny = 2", "\n\n%precision 3\n\nprint(rows)", *body())
    assert [(f.code, f.cell.number, f.line, f.text) for f in found] == [("KB901", 2, 5, "print(rows)")]


@pytest.mark.parametrize(
    "cell",
    [
        "for f in glob.glob('/kaggle/input/**/*.csv'): open(f)",
        "D = os.environ.get('D', 'data')\nopen(os.path.join(D, 'x.csv'))",
        "for D in [Path('a'), Path('b')]:\n    if (D / 'x.csv').exists():\n        open(D / 'x.csv')",
        "P = Path('data') / 'x.csv'\nif P.exists():\n    P.read_text()",
        "B = 'https://example.com'\npd.read_csv(B + '/x.csv')\npd.read_csv(f'{B}/a.csv')",
        "OUT = os.path.join('out')\nos.makedirs(OUT)\nopen(f'{OUT}/r.json', 'w')\nopen(f'{OUT}/r.json')",
        "p = 'notes.txt'\nopen(p, 'w').write('x')\nopen(p).read()",
        "P = 'a.csv'\nif os.path.exists('/kaggle'): P = '/kaggle/working/b.csv'\npd.read_csv(P)",
        "PATHS = {'there': '/kaggle/working/b.csv', 'here': '/home/ada/c.csv'}\npd.read_csv(PATHS['there'])",
        "def find():\n    if os.path.exists('/kaggle'): return '/tmp/b.csv'\n    return 'a.csv'\npd.read_csv(find())",
        "def read_csv(name):\n    return pd.read_csv('/kaggle/working/' + name)\nread_csv('a.csv')",
        "class Rows:\n    def read_json(self, name): return Path('/tmp', name).read_text()\nRows().read_json('a.json')",
        "import shelve\nshelve.open('cache.db')['x'] = 1",
    ],
)
def test_a_file_that_may_well_be_there_is_no_finding(cell):
    top = "import glob, os\nimport pandas as pd\nfrom pathlib import Path"
    assert codes_of(top, cell, *body()) == []


def test_a_name_that_a_left_out_line_assigns_is_explained():
    from kbench_jupyter.notebook.source import LeftOut, TaskSource
    from kbench_jupyter.validation import check

    cells = source_of(*body(), "print(runs)").cells
    source = TaskSource("", cells, "a test", (LeftOut(cells[-1].ref, 1, "runs = %kbench runs", "a command"),))
    (finding,) = check(source)
    assert (finding.code, finding.severity) == ("KB901", Severity.ERROR)
    assert "runs = %kbench runs" in finding.message
    assert "tag kbench-skip (in JupyterLab: Property Inspector > Cell Tags)" in finding.hint


def test_only_what_is_surely_executed_is_an_error():
    helper = [IMAGES, "def clip():\n    return videos.from_url('https://vimeo.com/1')"]
    assert severities(*helper, *body("clip()"))["KB404"] is Severity.ERROR
    assert severities(*helper, *body("if llm:", "    clip()"))["KB404"] is Severity.WARNING
    assert severities(*helper, *body("pass"))["KB404"] is Severity.WARNING


def test_reading_the_rules_costs_nothing_until_they_are_used():
    import subprocess
    import sys

    code = "import sys, kbench_jupyter.validation; print([m for m in sys.modules if 'validation.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "use"),
    [
        ("AttributeError", "n = len(traces.split())"),
        ("(KeyError, TypeError)", "n = len(traces)"),
        ("TypeError", "n = traces[0]"),
        ("Exception", "ok = 'x' in traces"),
    ],
)
def test_a_value_that_may_be_none_may_fail_where_that_is_caught(error, use):
    tried = body(TRACES, "try:", f"    {use}", f"except {error}:", "    n = 0")
    assert "KB402" not in codes_of(*tried)
    assert "KB402" in codes_of(*body(TRACES, use))
    assert "KB402" in codes_of(*body(TRACES, "try:", f"    {use}", "except ValueError:", "    n = 0"))
    assert "KB402" in codes_of(*body(TRACES, "try:", "    ...", f"except {error}:", "    ...", use))


def test_a_judge_s_report_may_be_none_where_that_is_caught():
    tried = body(JUDGE, "try:", "    n = report.results", "except AttributeError:", "    n = []")
    assert "KB403" not in codes_of(*tried)
    assert "KB403" in codes_of(*[cell.replace("AttributeError", "TypeError") for cell in tried])


@pytest.mark.parametrize("choices", ["ABCD", "BDAC", "0123", "abcd"])
def test_choices_of_one_letter_may_be_taken_letter_by_letter(choices):
    cells = run(f"quiz.evaluate(llm=[kbench.llm], gold='{choices}')", "def quiz(llm, gold):")
    assert "KB407" not in codes_of(*cells)
    for text in ("A, B", "Paris", "A B", "yes", "2022"):
        assert "KB407" in codes_of(*[cell.replace(choices, text) for cell in cells])


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        ("quiz.evaluate([kbench.llms['a'], kbench.llms['b']])", "model=[kbench.llms['a'], kbench.llms['b']]"),
        ("quiz.evaluate(kbench.judge_llm)", "model=[kbench.judge_llm]"),
        ("quiz.evaluate(['What?', 'Why?'])", "PARAMETER=['What?', 'Why?']"),
        ("quiz.evaluate(model=[kbench.llm], q='Why?')", "q=list('Why?') if each letter is meant"),
    ],
)
def test_the_advice_on_evaluate_keeps_what_was_given(call, advice):
    found = [f for f in findings_of(*run(call, "def quiz(q, model):")) if f.code == "KB407"]
    assert advice in found[0].hint


def test_what_evaluate_itself_takes_is_no_list_of_values():
    assert codes_of(*run("quiz.evaluate(llm=[kbench.llm], n_jobs='many')")) == ["KB603"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("evaluation_data=pd.DataFrame({'word': ['a']})", "gets an argument the task does not take: word."),
        (
            "evaluation_data=pd.DataFrame([{'q': 'a', '_id': 3}])",
            "gets an argument the task does not take: _id.",
        ),
        ("evaluation_data=table.head(2)", "gets an argument the task does not take: level."),
        ("grid={'question': ['a']}", "gets an argument the task does not take: question."),
        ("grid={}", "lacks an argument: q."),
    ],
)
def test_what_a_table_or_a_grid_brings_must_be_what_the_task_takes(rows, problem):
    table = "import pandas as pd\nlist_of = [{'q': 'a', 'level': 1}]\ntable = pd.DataFrame(list_of)"
    cells = run(f"{table}\nquiz.evaluate(llm=[kbench.llm], {rows})", "def quiz(llm, q):")
    assert [f.message for f in findings_of(*cells)] == [f"quiz.evaluate {problem}"]


@pytest.mark.parametrize(
    "code",
    [
        "quiz.evaluate(llm=[kbench.llm], evaluation_data=pd.DataFrame({'q': ['a']}))",
        "quiz.evaluate(grid={'llm': [kbench.llm]}, evaluation_data=pd.DataFrame([{'q': 'a'}, {'q': 'b'}]))",
        "quiz.evaluate(llm=[kbench.llm], evaluation_data=pd.DataFrame([{'q': 'a'}, {'word': 'b'}]))",
        "t = pd.DataFrame({'word': ['a']})\nt['q'] = t['word']\nt.drop(columns='word', inplace=True)\n"
        "quiz.evaluate(llm=[kbench.llm], evaluation_data=t)",
        "t = pd.DataFrame({'word': ['a']})\nt = t.rename(columns={'word': 'q'})\n"
        "quiz.evaluate(llm=[kbench.llm], evaluation_data=t)",
        "t = pd.DataFrame({'word': ['a']}, columns=['q'])\nquiz.evaluate(llm=[kbench.llm], evaluation_data=t)",
        "grid = {'llm': [kbench.llm]}\ngrid['q'] = ['a']\nquiz.evaluate(grid=grid)",
        "grid = {'llm': [kbench.llm]}\ngrid |= {'q': ['a']}\nquiz.evaluate(grid)",
    ],
)
def test_a_table_or_a_grid_that_fits_or_that_changes_on_the_way_is_no_finding(code):
    assert codes_of(*run(f"import pandas as pd\n{code}", "def quiz(llm, q):")) == []


def test_arguments_that_neither_the_task_nor_evaluate_takes_are_named_with_what_both_take():
    found = findings_of(*run("quiz.evaluate(llm=[kbench.llm], data=1, num_workers=2)"))
    assert found[0].code == "KB208"
    assert "data, num_workers" in found[0].message
    assert "evaluation_data=?" in found[0].hint
    assert "n_jobs" in found[0].hint


def test_a_model_that_a_task_was_given_is_no_list_of_models():
    row = "@kbench.task(store_task=False)\ndef row(llm) -> bool:\n    return True"
    assert "KB407" in codes_of(IMPORT, row, *body("row.evaluate(llm=llm)")[1:])
    assert "KB407" not in codes_of(IMPORT, row, *body("row.evaluate(llm=[llm])")[1:])


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("KBENCH_UPSTREAM_URL", "%kbench local start --upstream URL"),
        ("KBENCH_UPSTREAM_API_KEY", "--key-from VARIABLE"),
        ("KBENCH_UPSTREAM_EFFORTS", "%env KBENCH_UPSTREAM_EFFORTS=... on a line of its own"),
        ("KBENCH_WORKERS", "%env KBENCH_WORKERS=... on a line of its own"),
    ],
)
def test_the_advice_on_a_setting_of_ours_is_what_sets_that_one(name, advice):
    found = [f for f in findings_of("import os", f"os.environ['{name}'] = 'x'", *body()) if f.code == "KB507"]
    assert advice in found[0].hint

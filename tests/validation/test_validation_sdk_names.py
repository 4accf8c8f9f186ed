"""Names and parameters of the SDK: what the installed version does not have is found, with what was meant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from validation_helpers import IMPORT, codes_of, findings_of

from kbench_jupyter.validation import installed
from kbench_jupyter.validation.findings import Severity
from kbench_jupyter.validation.reading.sdk.parameters import signature_of

RUN = "quiz.run(kbench.llm)"
ROWS = "rows = [{'q': 1}]\nquiz.evaluate(llm=[kbench.llm], evaluation_data=rows)"
BOTH = "quiz.run(kbench.llm, kbench.judge_llm)"


def task(*lines: str, top: str = "", head: str = "def quiz(llm):", run: str = RUN) -> list[str]:
    """Return a notebook whose one task has these lines."""
    body = textwrap.indent("\n".join(lines), "    ")
    return [IMPORT, top, f'@kbench.task(name="Quiz")\n{head}\n{body}', run]


def sdk_findings(cells: list[str]):
    return [finding for finding in findings_of(*cells) if finding.code.startswith("KB6")]


# Lines of a task, the code and severity, and what the message and the hint must say.
MISTAKES = [
    ("llm.promt('2 + 2?')", "KB601 error", "'promt'", "prompt?"),
    ("kbench.assertions.assert_equals('4', '4')", "KB601 error", "'assert_equals'", "assert_equal?"),
    ("kbench.last_reasoning_trace()", "KB601 error", "'last_reasoning_trace'", "last_reasoning_traces?"),
    ("kbench.tools.extract_code('x')", "KB601 error", "'extract_code'", "tools.python.extract_code?"),
    ("kbench.assertion.assert_true(True)", "KB601 error", "'assertion'", "assertions?"),
    ("kbench.judge.prompt('x')", "KB601 error", "'judge'", "judge_llm?"),
    ("kbench.llms['a/b'].promt('x')", "KB601 error", "a model (LLMChat)", "prompt?"),
    ("kbench.kaggle.load_model('a/b').promt('x')", "KB601 error", "a model (LLMChat)", "prompt?"),
    ("llm.prompt('x').content", "KB601 error", "a text (str)", ""),
    ("answer = llm.prompt('x')\nanswer.strip()\nanswer.text", "KB601 error", "a text (str)", ""),
    ("with kbench.chats.new() as chat:\n    chat.mesages", "KB601 error", "a Chat", "messages?"),
    (
        "with kbench.chats.new() as c:\n    for m in c.messages:\n        m.contents",
        "KB601",
        "'contents'",
        "",
    ),
    ("with kbench.chats.new('a') as chat:\n    chat.messages[-1].tex", "KB601 error", "a Message", "text?"),
    ("llm.respond().contnt", "KB601 error", "a Message", "content?"),
    ("kbench.assertions.assert_true(True).pased", "KB601 error", "an AssertionResult", "passed?"),
    ("kbench.user.snd('x')", "KB601 error", "an Actor", "send?"),
    ("def ask(model):\n    return model.promt('x')\nask(llm)", "KB601 error", "'promt'", "prompt?"),
    ("def pick():\n    return kbench.judge_llm\npick().promt('x')", "KB601 error", "'promt'", "prompt?"),
    ("def ask(m: kbench.LLMChat):\n    return m.promt('x')\nprint(ask)", "KB601 error", "'promt'", "prompt?"),
    ("with kbench.chats.new(system='x'): ...", "KB602 error", "'system'", "system_instructions=?"),
    ("llm.prompt('x', max_tokens=5)", "KB602 error", "'max_tokens'", 'extra_api_params={"max_tokens": ...}'),
    ("llm.prompt('x', temprature=0.5)", "KB602 error", "'temprature'", "temperature=?"),
    ("llm.prompt()", "KB602 error", "lacks an argument: message", "message"),
    ("llm.prompt('x', message='y')", "KB602 error", "gets 'message' twice", "message"),
    ("kbench.assertions.assert_in('a')", "KB602 error", "lacks an argument: container", ""),
    ("kbench.assertions.assert_in('a', 'b', 'c', 'd')", "KB602 error", "by position, and gets 4", ""),
    (
        "kbench.assertions.assert_in('a', 'b', expectations='c')",
        "KB602 error",
        "'expectations'",
        "expectation=?",
    ),
    ("llm('2 + 2?')", "KB602 error", "cannot be called", ".prompt(...)"),
    ("kbench.chats()", "KB602 error", "cannot be called", ""),
    ("with kbench.chats.new:\n    llm.prompt('x')", "KB602 error", "a function", "kbench.chats.new(...)"),
    ("kbench.assertions.AssertionResult(pased=True)", "KB602 error", "'pased'", "passed=?"),
    (
        "llm.prompt('x', image='https://example.com/cat.jpg')",
        "KB603 error",
        "a text for image",
        "ImageContent",
    ),
    ("llm.prompt('x', reasoning='hihg')", "KB603 error", '"hihg"', '"high"?'),
    ("kbench.assertions.assert_true('says hello')", "KB603 warning", "a text for expr", "bool"),
    (
        "def add(a, b): ...\nllm.prompt('x', tools=add)",
        "KB603 warning",
        "a function for tools",
        "list[Callable]",
    ),
    ("llm.prompt('x', tools=['add'])", "KB603 error", "a text for tools", "list[Callable]"),
    ("llm.prompt(['x'])", "KB603 warning", "a list for message", "str"),
]


@pytest.mark.parametrize(("lines", "expected", "message", "hint"), MISTAKES)
def test_a_mistake_is_found_with_what_was_meant(lines, expected, message, hint):
    found = sdk_findings(task(lines))
    assert len(found) == 1, found
    code, _, severity = expected.partition(" ")
    assert found[0].code == code
    assert severity in ("", found[0].severity)
    assert message in found[0].message
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("cells", "expected", "hint"),
    [
        (["from kaggle_benchmarks import assertion"], "KB601", "assertions"),
        (["import kaggle_benchmarks.chat as chats"], "KB601", "chats"),
        (["from kaggle_benchmarks.content_types import image"], "KB601", "images"),
        (task("...", run="quiz.evaluate(llm=[kbench.llm], on_failure='ignore')"), "KB603", "continue"),
        (task("...", run="quiz.evaluate(llm=[kbench.llm], evaluation_data=[{'q': 1}])"), "KB603", "DataFrame"),
        (task("...", run=ROWS), "KB603", "DataFrame"),
        (task("...", run="for r in quiz.evaluate(llm=[kbench.llm]):\n    print(r.reslt)"), "KB601", "result"),
        (task("...", run="quiz.rum(kbench.llm)"), "KB601", "run"),
        (task("...", run="quiz.run(kbench.llm).reslt"), "KB601", "result"),
        (task("...", run="quiz.evaluate(llm=[kbench.llm]).as_datafrme()"), "KB601", "as_dataframe"),
        ([IMPORT, "@kbench.task(nmae='Quiz')\ndef quiz(llm): ...", RUN], "KB602", "name="),
        ([IMPORT, "@kbench.benchmark(nmae='Quiz')\ndef quiz(llm): ...", RUN], "KB602", "name="),
        ([IMPORT, "@kbench.task('Quiz', 'about')\ndef quiz(llm): ...", RUN], "KB602", "description"),
        (task("...", head="def quiz(question, model):", run="quiz.run('x', kbench.llm)\nx = 1"), "", ""),
        (task("m.promt('x')", head="def quiz(m):"), "KB601", "prompt"),
        (task("judge.promt('x')", head="def quiz(llm, judge):", run=BOTH), "KB601", "prompt"),
        (task("llm.promt('x')", run="for m in models:\n    quiz.run(m)"), "KB601", "prompt"),
    ],
)  # fmt: skip
def test_mistakes_outside_of_a_task_and_of_its_parameters(cells, expected, hint):
    found = sdk_findings(cells)
    assert [f.code for f in found] == ([expected] if expected else [])
    assert all(hint in f.hint for f in found)


CASE_NAMES = """\
with kbench.chats.new(system="Be brief"):
    answer = llm.prompt("2 + 2?", max_tokens=5)
kbench.assertions.assert_equals("4", answer, expectation="4")
kbench.last_reasoning_trace()"""


def test_several_mistakes_are_told_each_in_its_line():
    found = sdk_findings(task(CASE_NAMES))
    assert [(f.code, f.line, f.severity.value) for f in found] == [
        ("KB602", 3, "error"),
        ("KB602", 4, "error"),
        ("KB601", 5, "error"),
        ("KB601", 6, "error"),
    ]


HIDDEN = "try:\n    code = kbench.tools.extract_code(llm.prompt('x'))\nexcept {}:\n    return False\nreturn bool(code)"


@pytest.mark.parametrize("kind", ["Exception", "", "(ValueError, Exception)"])
def test_a_try_that_hides_a_mistake_is_no_way_out(kind):
    found = sdk_findings(task(HIDDEN.format(kind), head="def quiz(llm) -> bool:"))
    assert [f.severity for f in found] == [Severity.ERROR]
    assert "every run takes it" in found[0].message


@pytest.mark.parametrize(
    "lines",
    [
        HIDDEN.format("AttributeError"),
        "if hasattr(kbench.tools, 'extract_code'):\n    kbench.tools.extract_code('x')",
        "answer = llm.prompt('a')\nif isinstance(answer, dict):\n    answer.get('x')",
        "answer = llm.prompt('a')\nif not isinstance(answer, str):\n    answer.model_dump()",
        "getattr(llm, 'promt', print)('x')",
        "kbench.llm.promt = print\nllm.promt('x')",
        "setattr(kbench, 'extra', 1)\nprint(kbench.extra)",
        "llm = Own()\nllm.promt('x')",
        "for llm in [llm, Own()]:\n    llm.promt('x')",
        "options = {}\nllm.prompt('x', **options)",
        "parts = ['x']\nllm.prompt(*parts)",
        "llm.respond(top_p=1)",
        "llm.prompt('x', schema=Answer).anything",
        "print(llm.model, kbench.llm.stream_responses)",
        "kbench.kaggle.BenchmarkTaskRun",
        "kbench.kaggle.benchmark_types_pb2.Anything",
        "with kbench.chats.new() as chat:\n    chat.anything = 1\n    print(chat.anything)",
        "runs = quiz_row.evaluate(llm=[llm])\nruns.append(1)\nruns.as_dataframe().result.mean()",
        "print(kbench.assertions.assert_true.__name__, kbench.__version__)",
        "kbench.assertions.assert_raises_no_exceptions(print, 'x', 1, end='')",
        "assert_it('x', shorter=True)",
        "kbench.config.enable_console_mode()",
        "run = quiz_row.run(llm)\nprint(run.status.name, run.status.value, run.status.upper())",
    ],
)
def test_what_cannot_be_told_stays_unjudged(lines):
    top = (
        "class Own:\n    def promt(self, text): ...\n\nclass Answer: ...\n\n"
        "@kbench.task(store_task=False)\ndef quiz_row(llm): ...\n\n"
        "@kbench.assertions.assertion_handler()\n"
        "def assert_it(text, shorter=False) -> kbench.assertions.AssertionResult: ..."
    )
    assert sdk_findings(task(lines, top=top)) == []


@pytest.mark.parametrize(
    "top",
    [
        "try:\n    from kaggle_benchmarks import brandnew\nexcept ImportError:\n    brandnew = None",
        "try:\n    from kaggle_benchmarks import brandnew\nexcept Exception:\n    brandnew = None",
        "try:\n    import kaggle_benchmarks.brandnew\nexcept ModuleNotFoundError: ...",
        "def prompt(llm):\n    return llm.promt('x')\n\nclass Fake:\n    def promt(self, text): ...\nprompt(Fake())",
        "class Model(kbench.LLMChat):\n    def extra(self): ...\nModel().extra()",
        "def wrap(f):\n    return f\nkbench.assertions.assert_it = wrap\nkbench.assertions.assert_it(1)",
    ],
)
def test_own_things_and_optional_imports_stay_unjudged(top):
    assert sdk_findings(task("...", top=top)) == []


def test_a_look_at_the_version_makes_a_warning_of_it():
    found = sdk_findings(task("if kbench.__version__ > '9':\n    kbench.brandnew()"))
    assert [f.severity for f in found] == [Severity.WARNING]


def test_a_task_that_gets_another_model_than_the_sdk_s_stays_unjudged():
    top = "class Fake:\n    def promt(self, text): ..."
    assert sdk_findings(task("llm.promt('x')", top=top, run="quiz.run(Fake())")) == []


# Answers in a schema of the notebook's own

SCHEMAS = """
from dataclasses import dataclass
from pydantic import BaseModel
@dataclass
class City:
    name: str
    tags: list[str]
    country: "str" = ""
    def label(self): return self.name
    async def later(self): return self.name
    if True:
        def now(self): return self.name
@dataclass
class Any:
    name: str
    def __getattr__(self, name): return name
class Step(BaseModel):
    text: str
class Plan(BaseModel):
    steps: list[Step]
class Own:
    def __init__(self): self.name = "x"
class More(City): ...
"""


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("llm.prompt('x', schema=City).nmae", "an answer in City, which has no 'nmae'", "name?"),
        ("llm.prompt('x', City).nmae", "an answer in City", "name?"),
        ("a = llm.prompt('x', schema=Step)\na.txt", "an answer in Step", "text?"),
        ("for s in llm.prompt('x', schema=Plan).steps:\n    s.txt", "an answer in Step", "text?"),
        ("llm.prompt('x', schema={'city': str}).ctiy", "which has no 'ctiy'", "city?"),
        ("llm.prompt('x', schema={'city': str})['city']", "fields and no keys", ".city."),
        ("llm.prompt('x', schema=City)['name']", "fields and no keys", ".name."),
        ("llm.prompt('x', schema=int).strip()", "an int", ""),
        ("llm.prompt('x', schema=City).tags.add('x')", "a list", ""),
        ("llm.prompt('x', schema=Step).text.stripp()", "a text (str)", "strip?"),
    ],
)
def test_an_answer_in_a_schema_has_the_fields_of_the_schema(line, message, hint):
    (finding,) = sdk_findings(task(line, top=SCHEMAS))
    assert (finding.code, finding.severity) == ("KB601", Severity.ERROR)
    assert message in finding.message
    assert hint in finding.hint


@pytest.mark.parametrize(
    "line",
    [
        "a = llm.prompt('x', schema=City)\nprint(a.name.strip(), a.tags[0].strip(), a.label(), a.__dict__)",
        "a = llm.prompt('x', schema=City)\nprint(a.later, a.now())",
        "llm.prompt('x', schema=Any).anything",
        "a = llm.prompt('x', schema=Step)\nprint(a.text, a.model_dump(), a.dict(), a.json())",
        "llm.prompt('x', schema=More).anything",
        "llm.prompt('x', schema=Own).anything",
        "llm.prompt('x', schema=choose()).anything",
        "a = llm.prompt('x', schema=City)\na.more = 1\nprint(a.more)",
        "llm.prompt('x', schema={'city': str}).city",
        "City('x', []).anything",
    ],
)
def test_what_an_answer_has_and_what_nobody_can_tell_stays_unjudged(line):
    assert sdk_findings(task(line, top=SCHEMAS)) == []


# What is read is what there is

LOOK = """
import importlib, inspect, json, pkgutil, sys
import kaggle_benchmarks as kbench

def shape(thing):
    if inspect.ismodule(thing):
        return "module"
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return "other"
    return [p.name + "=" * (p.default is not p.empty) for p in signature.parameters.values()]

found = {}
for info in [None, *pkgutil.walk_packages(kbench.__path__, "kaggle_benchmarks.")]:
    name = "kaggle_benchmarks" if info is None else info.name
    try:
        module = importlib.import_module(name)
    except ImportError:
        continue
    members = {}
    for key, value in vars(module).items():
        if not key.startswith("__"):
            members[key] = shape(value) if inspect.isfunction(value) or inspect.isclass(value) else None
            if inspect.isclass(value) and value.__module__.startswith("kaggle_benchmarks"):
                members[key + " members"] = [n for n in dir(value) if not n.startswith("__")]
    found[name] = members
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """What the SDK has when it is imported, in a process of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MODEL_PROXY", "LLM"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK],
        cwd=tmp_path_factory.mktemp("imported"),
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_every_name_that_an_import_gives_is_read_from_the_sources(imported):
    sdk = installed()
    for path, members in imported.items():
        module = sdk.at(path)
        for name in members:
            if name.endswith(" members"):
                cls = sdk.member(module, name.partition(" ")[0])
                missing = [n for n in members[name] if cls is not None and sdk.lacks(cls, n)]
                assert not missing, (path, name)
            else:
                assert not sdk.lacks(module, name), (path, name)


@pytest.mark.slow
def test_every_signature_that_is_read_is_the_one_of_the_imported_function(imported):
    sdk = installed()
    compared = 0
    for path, members in imported.items():
        for name, shape in members.items():
            thing = sdk.member(sdk.at(path), name)
            signature = signature_of(sdk, thing) if thing is not None else None
            if isinstance(shape, list) and signature is not None and name != "benchmark":
                parameters = signature.parameters.values()
                assert [p.name + "=" * (p.default is not p.empty) for p in parameters] == shape, (path, name)
                compared += 1
    assert compared > 100


def test_the_sdk_is_never_imported_for_a_check():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from validation_helpers import IMPORT, codes_of;"
        "assert 'KB601' in codes_of(IMPORT, 'kbench.promt()');"
        "print([name for name in sys.modules if name.startswith('kaggle_benchmarks')])"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def other_sdk(tmp_path, monkeypatch):
    """A folder that goes before the installed SDK, and a function that writes a module of another version into it."""

    def write(text: str, name: str = "__init__") -> None:
        path = tmp_path / "kaggle_benchmarks" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "kaggle_benchmarks", raising=False)
    return write


def test_the_version_that_is_installed_decides_also_after_an_update(other_sdk):
    other_sdk("llm = None\ndef task(name=None, *, colour=None): ...")
    cells = [IMPORT, "@kbench.task(colour='red')\ndef quiz(llm): ...", RUN]
    assert sdk_findings(cells) == []
    other_sdk("llm = None\ndef task(name=None, *, color_of_it=None): ...")
    assert codes_of(*cells).count("KB602") == 1


def test_names_that_are_made_when_asked_for_stay_unjudged(other_sdk):
    other_sdk("def __getattr__(name): ...")
    assert sdk_findings([IMPORT, "kbench.anything.at_all()"]) == []


def test_a_broken_installation_is_nobody_s_mistake(other_sdk):
    other_sdk("def task(:")
    assert sdk_findings(task("kbench.anything()")) == []

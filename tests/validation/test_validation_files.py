"""KB5xx: files and packages that a notebook brings itself, secrets that are none, and what asks the user."""

from __future__ import annotations

import pytest
from validation_helpers import IMPORT, codes_of, findings_of, source_of

from kbench_jupyter.validation import check

TASK = "@kbench.task()\ndef quiz(llm) -> bool:\n    {}\n    return True"
RUN = "quiz.run(kbench.llm)"
TOP = "import json, os\nfrom pathlib import Path\nimport pandas as pd\nfrom PIL import Image"
KEY = "sk-ant-api03-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1w"


def reading(line: str, *before: str) -> list[str]:
    """Return a notebook whose task reads a file, with cells before it."""
    return [IMPORT, TOP, *before, TASK.format(line), RUN]


@pytest.mark.parametrize(
    ("writing", "line"),
    [
        (
            "for name, rgb in {'red': (255, 0, 0)}.items(): Image.new('RGB', (8, 8), rgb).save(f'{name}.png')",
            "open('red.png', 'rb')",
        ),
        (
            "def dump(folder, stem):\n    with open(f'{folder}/{stem}.json', 'w') as file: json.dump({}, file)\n"
            "for stem in ('easy', 'hard'): dump('.', stem)",
            "open('hard.json')",
        ),
        (
            "for n in ('alpha', 'beta'): Path(n).with_suffix('.txt').write_text(n)",
            "Path('alpha.txt').read_text()",
        ),
        (
            "for split in ('train', 'test'):\n    with open('{}.jsonl'.format(split), 'w') as f: f.write('{}')",
            "open('test.jsonl')",
        ),
        ("for n in 'ab': Path('%s.txt' % n).write_text(n)", "open('b.txt')"),
        ("for n in 'ab': (Path.cwd() / (n + '.txt')).write_text(n)", "open('b.txt')"),
        ("for n in 'ab': (Path('.') / f'{n}.txt').write_text(n)", "open('./b.txt')"),
        ("for n in 'ab': open(f'/kaggle/working/{n}.txt', 'w').close()", "open('b.txt')"),
        ("for n in 'ab': pd.DataFrame({n: [1]}).to_csv(n + '.csv')", "pd.read_csv('b.csv')"),
        ("for p in map(Path, names()): p.write_text('x')\ndef names(): return input", "open('b.txt')"),
        ("for p in os.environ.values():\n    with open(p, 'w') as f: f.write('x')", "open('b.txt')"),
        ("for n in 'ab': Image.new('L', (8, 8)).save(fp=n + '.' + 'png')", "open('a.png')"),
        ("paths = [f'img_{n}.wav' for n in 'ab']\nfor p in paths: sound.write(p, 1)", "open('img_b.wav')"),
        ("paths = ['{}.wav'.format(n) for n in 'ab']\nfor p in paths: sound.write(p, 1)", "open('b.wav')"),
        ("EXT = '.wav'\nfor n in 'ab': sound.write(f'{n}{EXT}', 1)", "open('b.wav')"),
        ("for n in 'ab': sound.save(f'{n}_x', [1])", "open('b_x.npy', 'rb')"),
        ("os.makedirs('out')\nfor n in 'ab': open(os.path.join('out', n), 'w')", "open('out/b.txt')"),
    ],
)
def test_a_file_that_an_earlier_cell_writes_under_a_computed_name_is_no_finding(writing, line):
    assert "KB501" in codes_of(*reading(line))
    assert "KB501" not in codes_of(*reading(line, writing))


@pytest.mark.parametrize("folder", ["Path.cwd()", "Path(os.getcwd())"])
def test_a_path_that_begins_where_the_notebook_runs_is_a_relative_one(folder):
    line = f"({folder} / 'data' / 'rows.csv').read_text()"
    (finding,) = findings_of(*reading(line))
    assert finding.message.startswith("data/rows.csv is read")
    assert codes_of(*reading(line, "pd.DataFrame().to_csv('data/rows.csv')")) == []


@pytest.mark.parametrize(
    "cell",
    [
        "for n in 'ab': Path(f'{n}.png').write_bytes(b'')",
        "for n in 'ab': Path(n).with_suffix('.json').write_text('')",
        "with open('out.json', 'w') as file: json.dump({}, file)",
        "for n in 'ab': open(f'out/{n}.csv', 'w')",
        "for n in 'ab': open(f'{n}.csv')",
        "print(f'{os.getcwd()} is here')\nprint(os.name)\nrows = pd.DataFrame().rename(columns={})",
        "pd.Series([1, 2]).plot(color='r')",
    ],
)
def test_files_of_another_type_or_folder_do_not_bring_a_file(cell):
    assert "KB501" in codes_of(*reading("open('rows.csv')", cell))


@pytest.mark.parametrize("command", ["tar xzf all.tgz", "python make.py", "cd x && make rows", "cat a > b"])
def test_a_file_may_come_from_a_command_that_nobody_can_see_into(command):
    assert "KB501" not in codes_of(*reading("open('rows.csv')", f"!{command}"))
    assert "KB501" not in codes_of(*reading("open('rows.csv')", f"%%bash\n{command}"))


@pytest.mark.parametrize(
    "command", ["pip install 'numpy>=1' -q", "ls -l", "nvidia-smi", "python -m pip list"]
)
def test_a_command_that_writes_no_files_brings_none(command):
    assert "KB501" in codes_of(*reading("open('rows.csv')", f"!{command}"))


@pytest.mark.parametrize("path", ["rows.csv", "/home/ada/rows.csv"])
@pytest.mark.parametrize("error", [" FileNotFoundError", " OSError", " (KeyError, Exception)", "", " ERRORS"])
def test_a_read_with_a_fallback_is_no_finding(path, error):
    errors = "ERRORS = (OSError, ValueError)"
    cell = f"{errors}\ntry:\n    rows = open('{path}').read()\nexcept{error}:\n    rows = ''"
    helper = (
        f"{errors}\ndef load(): return open('{path}').read()\ntry: rows = load()\nexcept{error}: rows = ''"
    )
    inside = f"try: open('{path}')\n    except{error}: pass"
    for cells in (reading("pass", cell), reading("pass", helper), reading(inside, errors)):
        assert "KB501" not in codes_of(*cells)


def test_a_read_is_found_when_nothing_goes_on_without_it():
    for handler in ("except KeyError: pass", "except OSError as e: raise RuntimeError('no rows') from e"):
        assert "KB501" in codes_of(*reading(f"try: open('rows.csv')\n    {handler}"))
    twice = "def load(): return open('rows.csv')\ntry: load()\nexcept OSError: pass\nload()"
    assert "KB501" in codes_of(*reading("pass", twice))
    outside = "try: pass\nexcept OSError: open('rows.csv')"
    assert "KB501" in codes_of(*reading("pass", outside))


def test_a_read_under_suppress_is_no_finding():
    line = "with contextlib.suppress(FileNotFoundError): open('rows.csv')"
    assert "KB501" not in codes_of(*reading(line, "import contextlib"))


@pytest.mark.parametrize(
    "text",
    [
        'PROMPT = """Is this a key?\n{key}\nYes or no?"""  # kbench: ignore[KB503]',
        'def ask(llm):\n    return llm.prompt(\n        """What is\n{key}\n"""\n    )  # kbench: ignore[KB503]',
        'def ask(llm):\n    llm.prompt("""What is\n{key}""",  # kbench: ignore[KB503]\n    schema=bool)',
        'PROMPT = f"""{{1}} is\n{key}\n""".strip()  # kbench: ignore[KB503]',
        "%precision 3\n\nPROMPT = '''Is this\n{key}\na key?'''  # kbench: ignore[KB503]",
    ],
)
def test_a_comment_behind_the_closing_quotes_speaks_for_the_whole_text(text):
    cell = text.replace("{key}", KEY)
    assert "KB503" not in codes_of(IMPORT, cell)
    assert "KB503" in codes_of(IMPORT, cell.replace("  # kbench: ignore[KB503]", ""))


def test_a_comment_on_one_secret_does_not_speak_for_another():
    cell = f'KEYS = {{\n  "a": "{KEY}",\n  "b": "{KEY}x",  # kbench: ignore[KB503]\n}}'
    assert [(f.code, f.line) for f in findings_of(IMPORT, cell) if f.code == "KB503"] == [("KB503", 2)]
    cell = f'a = """\n{KEY}\n"""\nb = """\n{KEY}x\n"""  # kbench: ignore[KB503]'
    assert [(f.code, f.line) for f in findings_of(IMPORT, cell) if f.code == "KB503"] == [("KB503", 2)]


def test_the_finding_of_a_secret_says_how_to_silence_it():
    def hint(cell: str) -> str:
        return next(f.hint for f in findings_of(IMPORT, cell) if f.code == "KB503")

    assert hint(f"key = '{KEY}'").endswith("write # kbench: ignore[KB503] behind this line.")
    assert hint(f"key = '''\n{KEY}'''").endswith("write # kbench: ignore[KB503] behind the closing quotes.")


@pytest.mark.parametrize(
    "before",
    [
        "!git clone https://example.com/ada/quiztools",
        "!wget -q https://example.com/q.zip && unzip q.zip",
        "!tar xf /kaggle/input/q/q.tgz",
        "%%bash\nmkdir quiztools",
        "%%writefile quiztools/setup.py\nimport setuptools",
        "import os\nos.makedirs('quiztools/src')",
        "from pathlib import Path\nPath('quiztools/setup.py').write_text('')",
        "import shutil\nshutil.copytree('/kaggle/input/q', 'quiztools')",
    ],
)
@pytest.mark.parametrize("install", ["!pip install ./quiztools", "%pip install -e quiztools"])
def test_a_package_that_an_earlier_cell_brought_may_be_installed(before, install):
    cells = [install, "import quiztools", IMPORT]
    assert "KB504" not in codes_of(before, *cells)
    assert "KB504" in codes_of(*cells)


def test_a_package_is_brought_before_it_is_installed_and_not_after():
    clone = "!git clone https://example.com/ada/quiztools"
    assert "KB504" in codes_of(IMPORT, "!pip install ./quiztools", clone)
    assert "KB504" not in codes_of(IMPORT, f"{clone} && cd quiztools && pip install -e .")
    assert "KB504" not in codes_of(IMPORT, f"{clone}\n%cd quiztools\n%pip install -e .")
    assert "KB504" in codes_of(IMPORT, "!pip install requests\nimport requests", "%pip install -e .")
    assert "KB504" in codes_of(IMPORT, clone, "%pip install -e /home/ada/quiztools")


@pytest.mark.parametrize(
    ("cell", "severity"),
    [
        ("from getpass import getpass\nkey = getpass('key: ')", "error"),
        ("import getpass\nkey = getpass.getpass('key: ')", "error"),
        ("from getpass import getpass as ask\nkey = ask()", "error"),
        ("import getpass, os\nkey = os.environ.get('KEY') or getpass.getpass()", "warning"),
        ("key = input()", "error"),
        ("try:\n    key = input()\nexcept KeyError: ...", "warning"),
    ],
)
def test_what_asks_the_user_is_found(cell, severity):
    found = [f for f in findings_of(cell, IMPORT, TASK.format("pass"), RUN) if f.code == "KB506"]
    assert [f.severity.value for f in found] == [severity]
    assert found[0].message.split("()")[0] in ("getpass", "input")


@pytest.mark.parametrize(
    "cell",
    [
        "import getpass\nuser = getpass.getuser()",
        "def getpass(prompt): return 'x'\ngetpass('key: ')",
        "import getpass\ndef ask(): return getpass.getpass()",
        "import getpass\ntry: key = getpass.getpass()\nexcept NotImplementedError: key = ''",
        "try: key = input()\nexcept Exception: key = ''",
    ],
)
def test_what_asks_nobody_or_goes_on_without_an_answer_is_left_alone(cell):
    assert "KB506" not in codes_of(cell, IMPORT, TASK.format("pass"), RUN)


# Modules beside the notebook


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder with modules beside the notebook, and the findings of a notebook in it."""
    (tmp_path / "my_cases.py").write_text("QUESTIONS = ['2 + 2?']")
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("")
    (tmp_path / "pandas.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)  # as a kernel has it

    def found(*cells: str) -> list[str]:
        source = source_of(IMPORT, *cells, TASK.format("..."), RUN)
        return [f"{f.code} {f.severity.value}" for f in check(source, folder=tmp_path)]

    return found


@pytest.mark.parametrize(
    "cell",
    [
        "from my_cases import QUESTIONS",
        "import my_cases  # my_cases.py lies beside this notebook",
        "import my_cases as cases",
        "import json, my_cases",
        "import helpers",
        "from helpers.deep import a",
    ],
)
def test_a_module_beside_the_notebook_is_not_on_the_server(beside, cell):
    assert beside(cell) == ["KB501 error"]


@pytest.mark.parametrize(
    "cell",
    [
        "import not_here",
        "from my_cases.deep import a",
        "import my_cases.deep",
        "import pandas",
        "import json",
        "my_cases = 1",
        "try:\n    import my_cases\nexcept ImportError:\n    my_cases = None",
        "try:\n    import my_cases\nexcept ModuleNotFoundError:\n    my_cases = None",
        "%%writefile my_cases.py\nQUESTIONS = ['2 + 2?']",
        "import sys\nsys.path.append(str(sys.argv))\nimport my_cases",
        "%pip install my-cases\nimport my_cases",
    ],
)
def test_a_module_that_the_server_has_or_that_is_asked_for_is_no_finding(beside, cell):
    assert beside(cell, "import my_cases" if cell.startswith("%%") else "") == []


def test_a_module_that_is_imported_somewhere_only_is_a_warning(beside):
    assert beside("def load():\n    import my_cases\nload()") == ["KB501 warning"]


# Paths that reach what reads them through a parameter


@pytest.mark.parametrize(
    "lines",
    [
        "def load(folder):\n    return open(folder + '/questions.jsonl')\nload('kept/v3')",
        "FOLDER = 'kept/v3'\ndef load(folder):\n    return open(f'{folder}/q.jsonl')\nload(FOLDER)",
        "class Rows:\n    def load(self, path):\n        return open(path)\nRows().load('a.csv')",
        "def load(path, n=1):\n    return pd.read_csv(path)\nload('a.csv')\nload('b.csv', n=2)",
        "def inner(p):\n    return Path(p).read_text()\ndef load(path):\n    return inner(path)\nload('a.txt')",
    ],
)
def test_a_path_that_comes_through_a_parameter_is_found(lines):
    assert "KB501" in codes_of(*reading("...", lines))


@pytest.mark.parametrize(
    "lines",
    [
        "def load(folder):\n    return open(folder + '/q.jsonl')\nload('/kaggle/input/kept')",
        "def load(path):\n    return open(path)\nload('a.txt')\ndef make(path):\n"
        "    open(path, 'w').close()\nmake('a.txt')",
        "def load(path):\n    if not os.path.exists(path): fetch(path)\n    return open(path)\nload('a.txt')",
    ],
)
def test_a_path_that_comes_through_a_parameter_and_is_brought_is_no_finding(lines):
    assert "KB501" not in codes_of(*reading("...", lines))


def test_a_dataset_is_named_as_it_is_written():
    path = "/kaggle/input/datasets/someone/my-cases"
    found = [f for f in findings_of(*reading(f"open('{path}/a.csv')")) if f.code == "KB502"]
    assert f"{path} is used" in found[0].message
    assert found[0].hint == "Push with -d someone/my-cases."


@pytest.mark.parametrize(
    ("path", "datasets", "hint"),
    [
        (
            "ada/rows/a.csv",
            (),
            "if ada is the owner: read /kaggle/input/rows/..., and push with -d ada/rows.",
        ),
        ("ada/rows", ("Ada/rows/versions/2",), "Read /kaggle/input/rows/... instead."),
        ("rows/a.csv", (), "Push with -d OWNER/rows."),
        ("quiz/rows/a.csv", ("ada/rows",), "Push with -d OWNER/quiz. Or, if"),
    ],
)
def test_a_dataset_behind_its_owner_is_told_to_lie_without_it(path, datasets, hint):
    (finding,) = findings_of(*reading(f"open('/kaggle/input/{path}')"), datasets=datasets)
    assert finding.code == "KB502"
    assert hint in finding.hint
    assert ("has no owner before it" in finding.message) == hint.startswith("Read")


@pytest.mark.parametrize("datasets", [(), ("ada/rows",)])
def test_a_file_right_below_the_mounts_is_said_to_be_in_no_dataset(datasets):
    cells = reading("open('/kaggle/input/rows.csv')")
    (finding,) = findings_of(*cells, datasets=datasets)
    assert (finding.code, finding.severity.value) == ("KB502", "error" if datasets else "warning")
    assert "/kaggle/input/rows.csv is used, but no file lies right below /kaggle/input" in finding.message
    assert "Read /kaggle/input/<dataset>/rows.csv" in finding.hint
    assert codes_of(*reading("open('/kaggle/input/rows/rows.csv')"), datasets=("ada/rows",)) == []

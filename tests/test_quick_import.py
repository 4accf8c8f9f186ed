"""nbformat comes without the grammars of rfc3987_syntax, and nothing else is any different."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

#: Not imported here: that is what takes seconds.
pytestmark = pytest.mark.skipif(find_spec("rfc3987_syntax") is None, reason="there is nothing to leave out")

CHECKS = """
import json, jsonschema, sys
def valid(text):
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator({"format": "iri"}, format_checker=checker).is_valid(text)
print(json.dumps([valid("http://example.org/\\u00e9"), valid("http://example.org/ <no>"), valid(3)]))
"""


@pytest.fixture(autouse=True)
def _python_as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what makes every other Python of the tests start sooner."""
    monkeypatch.delenv("PYTHONPATH")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_no_grammar_is_compiled_before_it_is_asked_for():
    found = python(
        "import sys\nfrom kbench_jupyter.quick_import import load\n"
        "for name in ('jupytext', 'nbclient', 'nbformat'):\n    assert load(name).__name__ == name\n"
        "print(sorted({'lark', 'rfc3987_syntax'} & set(sys.modules)))"
    )
    assert json.loads(found) == []


def test_jsonschema_checks_what_it_always_checks():
    quick = python("from kbench_jupyter.quick_import import load\nload('nbformat')\n" + CHECKS)
    assert json.loads(quick) == json.loads(python("import nbformat\n" + CHECKS)) == [True, False, True]


def test_who_imports_the_grammars_gets_the_real_ones():
    found = python(
        "from kbench_jupyter.quick_import import load\nload('nbformat')\nimport rfc3987_syntax\n"
        "print(int(hasattr(rfc3987_syntax, 'RFC3987_SYNTAX_TERMS')), rfc3987_syntax.__file__.count('rfc3987'))"
    )
    assert found.split() == ["1", "1"]


def test_a_thread_that_needs_it_while_another_imports_it_gets_it_whole():
    found = python(
        "import sys, threading\nfrom kbench_jupyter.quick_import import load\n"
        "threading.Thread(target=load, args=['nbclient']).start()\n"
        "while 'nbclient' not in sys.modules:\n    pass\n"
        "print(hasattr(load('nbclient'), 'execute'))"
    )
    assert found.split() == ["True"]

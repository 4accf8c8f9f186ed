"""The scripts of widgets: what is joined is one module that a browser takes."""

import re
from collections import Counter
from pathlib import Path

import pytest

import kbench_jupyter
from kbench_jupyter.widgets.es_modules import joined

PACKAGE = Path(kbench_jupyter.__file__).parent
_TOP = re.compile(r"^(?:const|let|class|(?:async )?function\*?) (\w+)", re.MULTILINE)


def test_what_a_module_needs_comes_before_it_and_once(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "entry.js").write_text(
        'import { a } from "./one.js";\nimport {\n  b,\n} from "./inner/two.js";\n\nexport default [a, b, GIVEN];\n'
    )
    (tmp_path / "one.js").write_text('import { b } from "./inner/two.js";\nexport const a = b + 1;\n')
    (tmp_path / "inner" / "two.js").write_text('export const b = "export const";\n')
    assert joined(tmp_path / "entry.js", GIVEN={"tone": "→"}).split("\n") == [
        'const GIVEN = {"tone": "\\u2192"};',
        "",
        'const b = "export const";',
        "",
        "const a = b + 1;",
        "",
        "",
        "export default [a, b, GIVEN];",
        "",
    ]


@pytest.mark.parametrize("entry", ["panels/log/view.js", "panels/panel.js", "notebook/mirror.js"])
def test_the_modules_of_a_widget_share_one_scope_without_a_name_twice(entry):
    script = joined(PACKAGE / entry)
    names = Counter(_TOP.findall(script))
    assert len(names) > 5
    assert [name for name, times in names.items() if times > 1] == []
    assert re.findall(r"^(?:import|export) .*", script, re.MULTILINE)[1:] == []  # the default export is left

"""Type lines into a real IPython shell, as someone who has just installed the package would.

Run by the Python of a clean environment, in an empty folder: ``python first_use.py LINE ...``. It knows nothing of the
tests, since nothing of theirs is installed there. The last line it prints is a JSON object: what each line
showed, whether it failed, and which packages ``%load_ext`` imported.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def typed(shell: InteractiveShell, line: str) -> dict[str, object]:
    """Run one line as a cell, and return what its reader sees."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        result = shell.run_cell(line)
    return {"shown": shown.getvalue(), "failed": not result.success}


def main() -> None:
    """Load the extension, then type every line given."""
    # History would be written to a database in a home that is soon gone.
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    before = set(sys.modules)
    lines = {"%load_ext kbench_jupyter": typed(shell, "%load_ext kbench_jupyter")}
    imported = sorted({name.split(".")[0] for name in set(sys.modules) - before})
    lines |= {line: typed(shell, line) for line in sys.argv[1:]}
    where = sys.modules["kbench_jupyter"].__file__
    print(json.dumps({"lines": lines, "imported": imported, "where": where}))


if __name__ == "__main__":
    main()

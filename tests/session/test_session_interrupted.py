"""What Ctrl+C during an action looks like in IPython."""

from __future__ import annotations

import subprocess
import sys

CELL = """
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from kbench_jupyter.session.interrupted import Interrupted

def stop():
    raise Interrupted("Stopped waiting. The runs go on.", hint="%kbench status quiz")

shell = InteractiveShell.instance(
    config=Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "NoColor"}})
)
shell.push({"stop": stop})
result = shell.run_cell("stop()")
print("failed:", not result.success, isinstance(result.error_in_exec, KeyboardInterrupt))
"""


def test_it_is_one_block_without_traceback_and_the_cell_fails():
    done = subprocess.run([sys.executable, "-c", CELL], capture_output=True, text=True, check=True)
    assert "interrupted:" in done.stdout
    assert "Stopped waiting. The runs go on." in done.stdout
    assert "→ %kbench status quiz" in done.stdout
    assert "Traceback" not in done.stdout
    assert "def stop" not in done.stdout
    assert "failed: True True" in done.stdout

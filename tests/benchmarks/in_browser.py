"""What the browser tests have for a bench: a JupyterLab, its pages, and Chromium."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def browser_tests() -> Any:
    """Return the module of the browser tests' fixtures; what the tests share can be imported from then on."""
    sys.path.insert(0, str(TESTS))
    spec = importlib.util.spec_from_file_location("browser_conftest", TESTS / "browser" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    browser = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = browser
    spec.loader.exec_module(browser)
    return browser

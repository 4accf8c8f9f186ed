"""From the launcher to compared results: by clicks in the sidebar, and by typed commands, in turns.

The same task on the same two models of a stand-in endpoint, each time with an embedded server of its own. The person's
own time is left out: clicks and keys are counted instead.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROUNDS = 3


def main() -> None:
    """Print clicks, keys and the median of seconds of both ways."""
    sys.path.insert(0, str(TESTS))
    spec = importlib.util.spec_from_file_location("browser_conftest", TESTS / "browser" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    browser = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(browser)
    from json_endpoint import serving
    from newcomer import Newcomer, Polite, environment
    from playwright.sync_api import sync_playwright

    took: dict[str, list[float]] = {"by_clicks": [], "by_keys": []}
    counted: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        serving(Polite) as endpoint,
    ):
        jupyter = browser.Jupyter(Path(folder))
        profile = playwright.chromium.launch_persistent_context(
            Path(folder) / "chromium",
            executable_path=browser.CHROMIUM,
            args=browser.QUIET,
            viewport={"width": 1400, "height": 1000},
        )
        try:
            jupyter.wait()
            for round_ in range(ROUNDS + 1):
                for way in took:
                    jupyter.as_new()
                    for made in jupyter.root.glob("*.ipynb"):
                        made.unlink()
                    with jupyter.kernels_with(environment(endpoint, Path(folder))):
                        page = profile.new_page()
                        page.set_default_timeout(60_000)
                        page.goto(jupyter.url("", f"lab/workspaces/{way}-{round_}"))
                        person = Newcomer(page)
                        getattr(person, way)()
                    if round_:  # the first fills caches
                        took[way].append(person.seconds)
                    counted[way] = f"{person.clicks} clicks, {person.keys} keys"
                    page.close()
                    jupyter.end_kernels()
        finally:
            profile.close()
            jupyter.stop()
    for way, seconds in took.items():
        every = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"{way:<10} {counted[way]:<22} median {statistics.median(seconds):5.1f} s  ({every})")

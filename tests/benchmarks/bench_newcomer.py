"""From the launcher to compared results: by clicks in the sidebar, and by typed commands, in turns.

The same task on the same two models of a stand-in endpoint, each time with an embedded server of its own. The person's
own time is left out: clicks and keys are counted instead.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from in_browser import browser_tests

ROUNDS = 3


def main() -> None:
    """Print clicks, keys and the median of seconds of both ways."""
    browser = browser_tests()
    from json_endpoint import serving
    from newcomer import Newcomer, Polite, environment
    from playwright.sync_api import sync_playwright

    from kbench_jupyter.session import local_server

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
                    home = Path(folder) / f"{way}-{round_}"
                    clear(jupyter.root)
                    env = environment(endpoint, Path(folder)) | {"KBENCH_HOME": str(home)}
                    with jupyter.kernels_with(env):
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
                    local_server.stop(home)
        finally:
            profile.close()
            jupyter.stop()
    report(took, counted)


def clear(folder: Path) -> None:
    """Remove what the way before has made: a newcomer has none of it."""
    for made in folder.iterdir():
        shutil.rmtree(made) if made.is_dir() else made.unlink()


def report(took: dict[str, list[float]], counted: dict[str, str]) -> None:
    """Print both ways."""
    for way, seconds in took.items():
        every = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"{way:<10} {counted[way]:<22} median {statistics.median(seconds):5.1f} s  ({every})")

"""What the JupyterLab extension costs: opening JupyterLab and typing in 300 cells, with it and without.

Two servers, asked in turns; in both the kernel has loaded kbench_jupyter. How far the marks are behind the keys is
printed last.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from in_browser import browser_tests

CELLS, KEYS, ROUNDS = 300, 150, 5
_TASK = """import kaggle_benchmarks as kbench


@kbench.task(name="Quiz")
def quiz(llm):
    kbench.assertions.assert_contains_regex("4", llm.prompt("2 + 2?"), expectation="adds")


quiz.run(kbench.llm)"""
_CELL = "def f{0}(x):\n    y = x + {0}\n    for k in range(10):\n        y += k\n    return y\n\n\nf{0}(3)"
# From a key to the frame that shows what it did.
_FRAMES = """
window.kbFrames = [];
window.addEventListener('keydown', () => {
    const start = performance.now();
    requestAnimationFrame(() => setTimeout(() => window.kbFrames.push(performance.now() - start)));
}, true);
"""
_SIGNS = "document.querySelectorAll('.kbx-sign').length"
_LAG = """() => {
    window.kbLag = [];
    const sign = () => document.querySelectorAll('.kbx-sign').length;
    let keyed = null, before = sign();
    window.addEventListener('keydown', ({ key }) => {
        if (key === '(') { keyed = performance.now(); before = sign(); }
    }, true);
    new MutationObserver(() => {
        if (keyed !== null && sign() > before) { window.kbLag.push(performance.now() - keyed); keyed = null; }
    }).observe(document.body, { subtree: true, childList: true });
}"""


def main() -> None:
    """Print medians, and ratios to those without the extension."""
    browser = browser_tests()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        sides = {}
        for name in ("without", "with"):
            place = Path(folder) / name
            place.mkdir()
            server = browser.Jupyter(place, own=name == "with")
            profile = playwright.chromium.launch_persistent_context(
                place / "chromium",
                executable_path=browser.CHROMIUM,
                args=browser.QUIET,
                viewport={"width": 1400, "height": 900},
            )
            profile.add_init_script(_FRAMES)
            sides[name] = Side(name, browser, server, profile)
        try:
            for side in sides.values():
                side.jupyter.wait()
            report(sides)
        finally:
            for side in sides.values():
                side.profile.close()
                side.jupyter.stop()


def report(sides: dict[str, Side]) -> None:
    """Measure in turns, and print."""
    opened: dict[str, list[float]] = {name: [] for name in sides}
    keys: dict[str, list[float]] = {name: [] for name in sides}
    lag: list[float] = []
    for round_ in range(ROUNDS + 1):
        for name, side in sides.items():
            took, frames, behind = side.once()
            if round_:  # the first fills the browser's caches
                opened[name].append(took)
                keys[name] += frames
                lag += behind
    _print(f"open JupyterLab on {CELLS} cells", opened, "s")
    _print(f"a key, until its frame ({KEYS * ROUNDS} keys)", keys, "ms")
    lag.sort()
    print(
        f"marks behind the last key: median {statistics.median(lag):.0f} ms, most {lag[-1]:.0f} ms of {len(lag)}"
    )


def _print(what: str, figures: dict[str, list[float]], unit: str) -> None:
    base = statistics.median(figures["without"])
    for name, taken in figures.items():
        median = statistics.median(taken)
        late = statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]
        print(f"{what:<42} {name:<8} {median:8.2f} {unit}  (95 %: {late:.2f})  {median / base:5.2f} x")


class Side:
    """A server with or without the extension, and a browser for it."""

    def __init__(self, name, browser, jupyter, profile) -> None:
        self.name, self.browser, self.jupyter, self.profile = name, browser, jupyter, profile

    def once(self) -> tuple[float, list[float], list[float]]:
        """Open a notebook and type into it; return seconds, milliseconds a key, and how far marks were behind."""
        cells = ["%load_ext kbench_jupyter", _TASK, *(_CELL.format(n) for n in range(CELLS - 2))]
        name = f"bench-{time.monotonic_ns()}.ipynb"
        self.jupyter.write(name, *cells)
        page = self.profile.new_page()
        lab = self.browser.Lab(page, self.jupyter)
        start = time.perf_counter()
        page.goto(self.jupyter.url(name, f"lab/workspaces/{lab.workspace}/tree"))
        lab.cell(0).wait_for()
        took = time.perf_counter() - start
        there = page.evaluate("'kbench-jupyter' in (window._JUPYTERLAB ?? {})")
        assert there == (self.name == "with"), f"the side {self.name!r} has the other's extensions"
        lab.ready()
        lab.run(0)
        if there:
            page.locator(".kbx-gutter").nth(1).wait_for()
        page.wait_for_timeout(2000)
        page.evaluate("window.kbFrames.length = 0")
        lab.type_at_end(2, "\n")
        page.keyboard.type("y = f0(1) + 2  # typed\n" * (KEYS // 23 + 1), delay=40)
        frames = page.evaluate("window.kbFrames")[:KEYS]
        behind = self.lag(page) if there else []
        page.close()
        self.jupyter.end_kernels()
        return took, frames, behind

    def lag(self, page) -> list[float]:
        """Return how many milliseconds after its key an open parenthesis is marked, some times."""
        page.wait_for_timeout(1000)
        page.evaluate(_LAG)
        marked = page.evaluate(_SIGNS)
        for number in range(4):
            page.keyboard.type("f0(", delay=40)  # code until its last key
            page.wait_for_function(f"() => window.kbLag.length > {number}", timeout=30_000)
            for _ in range(3):
                page.keyboard.press("Backspace")
            page.wait_for_function(f"() => {_SIGNS} === {marked}", timeout=30_000)
            page.wait_for_timeout(1000)
        return page.evaluate("window.kbLag")

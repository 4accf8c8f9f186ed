"""100,000 rows of samples in the results panel's grid, in a real JupyterLab: until they are there, and how smooth.

The longest block is the longest task of the page's own thread as the browser tells it (`PerformanceObserver`,
"longtask", from 50 ms on), beside that of the same page scrolling nothing.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from in_browser import browser_tests

ROWS = 100_000
FRAMES = 200

_LONG = """
window.kbLong = [];
new PerformanceObserver((list) => { for (const e of list.getEntries()) window.kbLong.push(e.duration); })
    .observe({type: 'longtask', buffered: false});
"""
_FRAMES = """async ([frames, pixels]) => {
    const grid = document.querySelector('.kbs-grid');
    for (let i = 0; i < frames; i++) {
        if (pixels) grid.scrollTop += (i % 60) * pixels;
        await new Promise(requestAnimationFrame);
    }
}"""
_JUMP = "part => { const g = document.querySelector('.kbs-grid'); g.scrollTop = g.scrollHeight * part; }"
_THERE = """() => {
    const grid = document.querySelector('.kbs-grid');
    const row = Math.floor(grid.scrollTop / 30) + 3;
    const node = grid.querySelector(`.kbs-row[aria-rowindex='${row}']:not([hidden]) .kbs-no`);
    return node && node.textContent !== '';
}"""


def main() -> None:
    """Print how long it takes until rows are there, and the longest block while they are moved through."""
    import evaluation_files
    from faults import FaultServer
    from loopback_session import add_run
    from playwright.sync_api import sync_playwright

    browser = browser_tests()

    with tempfile.TemporaryDirectory() as folder, FaultServer() as server, sync_playwright() as playwright:
        output = Path(folder) / "downloads"
        for run_id, (model, rows) in enumerate((("model-a", ROWS), ("model-b", ROWS // 100)), 1):
            made = [
                evaluation_files.row(n, model, f"What is {n} plus 7?", f"It is {n + 7}.", good=n % 3 > 0)
                for n in range(rows)
            ]
            evaluation_files.store(
                output, f"quiz/1/{model}/{run_id}", evaluation_files.evaluation(model, made)
            )
            add_run(server.api, run_id, model)
        (Path(folder) / "jupyter").mkdir()
        jupyter = browser.Jupyter(Path(folder) / "jupyter")
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.QUIET)
        try:
            jupyter.wait()
            page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
            page.add_init_script(_LONG)
            measure(browser.Lab(page, jupyter), server, output)
        finally:
            chromium.close()
            jupyter.stop()


def measure(lab, server, output: Path) -> None:
    """Open the panel twice, and move through its grid."""
    environ = {"KBENCH_API_URL": server.url, "KAGGLE_API_TOKEN": "t"}
    load = f"import os\nos.environ |= {environ}\n%load_ext kbench_jupyter"
    lab.jupyter.write("grid.ipynb", load, f"%kbench results quiz -o {output}")
    lab.open("grid.ipynb")
    page = lab.page
    page.set_default_timeout(600_000)
    lab.expect.set_options(timeout=600_000)
    lab.run(0)
    for what in ("index built, first rows drawn", "index there, first rows drawn"):
        start = time.perf_counter()
        lab.editor(1).click()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(
            "rows => document.querySelector('.kbs-count')?.textContent.startsWith(rows)", arg=f"{ROWS:,}"
        )
        page.wait_for_function(_THERE)
        print(f"{what:<44} {time.perf_counter() - start:7.1f} s", flush=True)
        if what.startswith("index built"):
            page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
            page.wait_for_function("() => !document.querySelector('.kbs-count')")
    page.locator(".kbs-grid").scroll_into_view_if_needed()
    page.wait_for_timeout(2000)  # JupyterLab settles
    blocks(page, "nothing scrolled", lambda: page.evaluate(_FRAMES, [FRAMES, 0]))
    blocks(page, f"{FRAMES} frames scrolled", lambda: page.evaluate(_FRAMES, [FRAMES, 8]))
    jumps = []

    def jump() -> None:
        for part in (0.5, 0.1, 0.9, 0.3):
            start = time.perf_counter()
            page.evaluate(_JUMP, part)
            page.wait_for_function(_THERE)
            jumps.append(time.perf_counter() - start)

    blocks(page, "four jumps far away", jump)
    print(f"{'a jump, until its rows are drawn':<44} {sum(jumps) / len(jumps) * 1000:7.0f} ms")
    page.locator(".kbs-row:not([hidden]) [role=gridcell]").first.focus()

    def keys() -> None:
        for _ in range(100):
            page.keyboard.press("j")

    blocks(page, "100 rows by the key j", keys)


def blocks(page, what: str, act) -> None:
    """Print the longest block of the page meanwhile."""
    page.evaluate("window.kbLong.length = 0")
    act()
    page.wait_for_timeout(300)
    longest = page.evaluate("Math.max(0, ...window.kbLong)")
    print(f"{what:<44} longest block {f'{longest:.0f} ms' if longest else 'under 50 ms'}", flush=True)

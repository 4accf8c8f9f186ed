"""100,000 log lines from a server to the eyes: the log view beside what widgets offer for output.

All three show the same lines in the same JupyterLab page, one after the other. Then a million lines in the
log view: memory in the kernel and in the browser.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from in_browser import browser_tests

LINES = 100_000
MILLION = 1_000_000
PATIENCE = 90.0

_LONG = """
window.kbLong = [];
new PerformanceObserver((list) => { for (const e of list.getEntries()) window.kbLong.push(e.duration); })
    .observe({type: 'longtask', buffered: false});
"""
_TEXT = "f'line {n} with the words that a run prints, eighty characters or so, on and on\\n'"
_APPEND = f"""
import ipywidgets
from IPython.display import display
out = ipywidgets.Output()
display(out)
for first in range(0, {LINES}, 1000):
    out.append_stdout("".join({_TEXT} for n in range(first, first + 1000)))
"""
_HTML = f"""
import html, ipywidgets
from IPython.display import display
box = ipywidgets.HTML()
display(box)
text = ""
for first in range(0, {LINES}, 1000):
    text += "".join({_TEXT} for n in range(first, first + 1000))
    box.value = "<pre>" + html.escape(text) + "</pre>"
"""
_RSS = "import psutil\nprint(psutil.Process().memory_info().rss)"


def main() -> None:
    """Print time, bytes, messages and the longest block of the page for each, then the memory of a million."""
    browser = browser_tests()
    from live_logs import LogServer
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, LogServer() as server, sync_playwright() as playwright:
        jupyter = browser.Jupyter(Path(folder))
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.QUIET)
        try:
            jupyter.wait()
            Bench(browser, chromium, jupyter, server).all()
        finally:
            chromium.close()
            jupyter.stop()


class Bench:
    """The page, what goes over its wire, and the rows of figures."""

    def __init__(self, browser, chromium, jupyter, server) -> None:
        self.browser, self.chromium, self.jupyter, self.server = browser, chromium, jupyter, server

    def open(self, *cells):
        """Open a fresh page on a notebook of these cells; the first is run."""
        context = self.chromium.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        page.add_init_script(_LONG)
        self.frames: list[int] = []
        page.on("websocket", lambda ws: ws.on("framereceived", lambda data: self.frames.append(len(data))))
        lab = self.browser.Lab(page, self.jupyter)
        name = f"bench-{time.monotonic_ns()}.ipynb"
        load = (
            f"import os\nos.environ |= {{'KBENCH_API_URL': '{self.server.url}', 'KAGGLE_API_TOKEN': 't'}}\n"
            "%load_ext kbench_jupyter"
        )
        self.jupyter.write(name, load, *cells)
        lab.open(name)
        lab.run(0)
        return lab

    def measured(self, name, lab, begin, done) -> None:
        """Print what it took from `begin` until `done` is true in the page."""
        page = lab.page
        page.wait_for_timeout(1000)
        page.evaluate("window.kbLong.length = 0")
        self.frames.clear()
        start = time.perf_counter()
        begin()
        try:
            page.wait_for_function(done, timeout=PATIENCE * 1000, polling=50)
            took = f"{time.perf_counter() - start:6.2f} s"
        except Exception:  # noqa: BLE001 - the last line never came: that is the figure
            took = f"not within {PATIENCE:.0f} s"
        page.wait_for_timeout(500)
        longest = page.evaluate("Math.max(0, ...window.kbLong)")
        block = f"{longest:6.0f} ms" if longest else "under 50 ms"
        print(
            f"{name:<28} {took:>17}  {sum(self.frames) / 1e6:8.2f} MB  {len(self.frames):6,} messages  "
            f"longest block {block}",
            flush=True,
        )

    def all(self) -> None:
        """Measure everything."""
        print(f"{LINES:,} lines of 80 characters, server or loop to rendered last line:")
        run = self.server.add(1, task="quiz")
        lab = self.open("%kbench log quiz --live", _RSS)
        lab.run(1)
        text = [eval(_TEXT, {"n": n}) for n in range(LINES)]
        last = f"() => document.querySelector('.kbl-inner')?.textContent.includes('line {LINES - 1} ')"
        self.measured("log view (an entry a line)", lab, lambda: run.write_all(text), last)
        lab.page.context.close()
        for name, code in (("Output.append_stdout x 100", _APPEND), ("growing HTML.value x 100", _HTML)):
            lab = self.open(code)
            done = (
                f"() => document.querySelector('.jp-OutputArea')?.textContent.includes('line {LINES - 1} ')"
            )

            def begin(lab=lab) -> None:
                lab.editor(1).click()
                lab.page.keyboard.press("Control+Enter")

            self.measured(name, lab, begin, done)
            lab.page.context.close()
        self.million()

    def million(self) -> None:
        """Measure a million lines: memory, and scrolling through them."""
        print(f"\n{MILLION:,} lines in the log view:")
        run = self.server.add(2, task="long")
        lab = self.open("%kbench log long --live", _RSS)
        lab.run(1)
        page = lab.page
        client = page.context.new_cdp_session(page)
        before = self.memory(lab, client)
        step = 100
        text = ["".join(eval(_TEXT, {"n": n}) for n in range(f, f + step)) for f in range(0, MILLION, step)]
        size = sum(map(len, text))
        last = f"() => document.querySelector('.kbl-inner')?.textContent.includes('line {MILLION - 1} ')"
        self.measured("log view", lab, lambda: run.write_all(text), last)
        page.evaluate("window.kbLong.length = 0")
        start = time.perf_counter()
        for part in (0.5, 0.1, 0.9, 0.3):
            page.evaluate(
                f"() => {{ const s = document.querySelector('.kbl-scroller'); s.scrollTop = s.scrollHeight * {part}; }}"
            )
            page.wait_for_function(
                "() => { const rows = [...document.querySelectorAll('.kbl-row:not([hidden]) .kbl-text')];"
                f" return rows.every(r => /^line {round(part * 10)}\\d+ /.test(r.textContent)); }}"
            )
        took = (time.perf_counter() - start) / 4
        longest = page.evaluate("Math.max(0, ...window.kbLong)")
        print(
            f"scrolled far away: {took * 1000:.0f} ms until drawn; longest block {longest or 'under 50'} ms"
        )
        after = self.memory(lab, client)
        print(
            f"text {size / 1e6:.0f} MB; kernel grew by {(after[0] - before[0]) / 1e6:.0f} MB (RSS), ", end=""
        )
        print(f"browser by {(after[1] - before[1]) / 1e6:.0f} MB (JavaScript heap after collection)")

    def memory(self, lab, client) -> tuple[int, int]:
        """Return the kernel's resident bytes and the page's heap in use."""
        rss = int(lab.run(2).strip())
        client.send("HeapProfiler.collectGarbage")
        return rss, client.send("Runtime.getHeapUsage")["usedSize"]

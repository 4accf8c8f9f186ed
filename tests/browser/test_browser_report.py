"""A report in a real browser: it asks for nothing, fits a phone, is accessible, and its links open transcripts."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ARTIFACTS
from evaluated import add_evaluated, said
from faults import FaultServer
from loopback_session import LoopbackSession

from kbench_jupyter.actions.results import results

pytestmark = pytest.mark.slow

HOSTILE = "<script>window.pwned = 1</script><img src=https://evil.example/x.png onerror='window.pwned = 1'>"


@pytest.fixture
def report(tmp_path):
    odd = {
        0: {"contents": [said("USER", HOSTILE, sender="User"), said("ASSISTANT", HOSTILE * 50, sender="m")]}
    }
    with FaultServer() as server:
        server.api.add_task("quiz")
        add_evaluated(server.api, 11, "quick-1", [True, False, True] * 10)
        add_evaluated(server.api, 12, "a-model-with-a-rather-long-name-2025-10-01", [False] * 30, odd=odd)
        session = LoopbackSession(server)
        try:
            results(session, "quiz", output=tmp_path).report(tmp_path / "report.html")
        finally:
            session.close()
    return tmp_path / "report.html"


def test_a_report_asks_for_nothing_and_reads_well_everywhere(browser, report):
    page = browser.new_page()
    asked, complaints = [], []
    ARTIFACTS.mkdir(exist_ok=True)
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    try:
        for scheme, width in (("light", 1200), ("dark", 1200), ("dark", 400)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(report.as_uri())
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
            page.screenshot(path=ARTIFACTS / f"report-{scheme}-{width}.png")
        rows = page.locator("tbody tr[class]")
        assert rows.count() == 30
        page.get_by_label("differing").check()
        assert (
            page.locator("tbody tr.differing:visible").count()
            == page.locator("tbody tr[class]:visible").count()
            == 20
        )
        page.locator("tbody a:visible").last.click()
        opened = page.locator("details[open]")
        opened.wait_for()
        assert "What is the capital of country" in opened.inner_text()
        page.emulate_media(media="print")
        assert page.locator("details.sample pre").first.evaluate("e => e.getClientRects().length") > 0
        assert page.evaluate("window.pwned") is None
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert complaints == []
    finally:
        page.close()

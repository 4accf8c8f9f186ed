"""Panels under ipywidgets' other managers, as their npm packages have them, with a real kernel behind."""

import re
import sys
from pathlib import Path

import nbclassic
import npm
import pytest
from candidates import CandidateApi
from conftest import ARTIFACTS
from faults import FaultServer
from panel_lab import away

pytestmark = pytest.mark.slow

#: What Voila, nbviewer and Sphinx are built on, and what VS Code loads.
MANAGERS = {
    "html": ("@jupyter-widgets/html-manager", "1.0.15"),
    "vscode": ("@vscode/jupyter-ipywidgets8", "1.0.9"),
}
TYPES = {".js": "text/javascript", ".html": "text/html"}
PAGE = "<!doctype html><title>Widgets</title><script type=module src=widget_manager.js></script><body>"


@pytest.fixture
def server():
    with FaultServer(CandidateApi()) as running:
        running.api.add_task("quiz")
        yield running


@pytest.fixture
def site(tmp_path):
    """The files of the pages, as a server of packages would lay them out."""
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "widget_manager.js").symlink_to(Path(__file__).with_name("widget_manager.js"))
    (tmp_path / "require.js").symlink_to(
        Path(nbclassic.__file__).with_name("static") / "components/requirejs/require.js"
    )
    # Python's package has the file that is npm's package of that name.
    (tmp_path / "npm/anywidget/dist").mkdir(parents=True)
    own = Path(sys.prefix) / "share/jupyter/nbextensions/anywidget/index.js"
    (tmp_path / "npm/anywidget/dist/index.js").symlink_to(own)
    return tmp_path


@pytest.fixture
def opened(lab, browser, jupyter, site):
    """Return what opens a page with the manager of that name."""
    place = f"http://127.0.0.1:{jupyter.port}/widget-managers/"

    def answer(route):
        path = route.request.url.removeprefix(place).partition("?")[0]
        file = site / re.sub("@[^/]+", "", path or "index.html")  # without the version of a package
        if file.is_file():
            route.fulfill(path=file, content_type=TYPES.get(file.suffix))
        else:
            route.fulfill(status=404)

    def open_page(name):
        (site / name).symlink_to(npm.package(*MANAGERS[name]))
        if not lab.page.evaluate("!!window.jupyterapp"):
            lab.page.goto(jupyter.url("", "lab"))
        lab.page.wait_for_function("() => window.jupyterapp?.serviceManager.isReady")
        with lab.page.expect_popup() as popup:
            lab.page.evaluate("place => { window.open(place) }", f"{place}?manager={name}")
        popup.value.wait_for_function("() => window.started")
        return popup.value

    browser.route(f"{place}**", answer)
    yield open_page
    browser.unroute_all()


def run(page, code):
    return page.evaluate("code => window.started.then((run) => run(code))", code)


@pytest.mark.parametrize("name", MANAGERS)
def test_a_click_under_this_manager_reaches_python_and_is_answered(lab, opened, server, name):
    page = opened(name)
    for cell in away(server, "%kbench run quiz"):
        assert run(page, cell) == ""
    page.get_by_role("option", name="quick-1").click()
    page.get_by_role("button", name="Run quiz on 1 model").click()
    lab.expect(page.locator("tr[data-run]")).to_contain_text("quick-1")
    page.locator("tr[data-run]").get_by_text("Log", exact=True).click()
    lab.expect(page.locator(".kbl")).to_contain_text("0 lines so far")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"manager-{name}.png")
    [sent] = [seen.json for seen in server.calls("BatchScheduleBenchmarkTaskRuns")]
    assert sent["modelVersionSlugs"] == ["quick-1"]

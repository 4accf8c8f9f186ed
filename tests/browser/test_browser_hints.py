"""What a panel's error says to type: a button that puts it into the next cell, in JupyterLab and Notebook 7."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.slow

NEVER_RUN = """import kaggle_benchmarks as kbench


@kbench.task(name="Never run")
def never_run(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hi"), expectation="says anything")"""


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_what_an_error_in_a_panel_names_is_put_into_the_next_cell_by_a_button(lab, jupyter, app):
    jupyter.as_new()
    jupyter.write("hints.ipynb", "%load_ext kbench_jupyter", NEVER_RUN, "%kbench")
    lab.open("hints.ipynb", app)
    lab.run(0)
    lab.run(2)
    panel = lab.cell(2).locator(".kbp").first
    panel.locator("[data-step=validate]").click()
    panel.get_by_role("button", name="Dry run", exact=True).click()
    lab.expect(panel.get_by_role("alert").first).to_contain_text("→ Explain a rule: %kbench rule KB103")
    button = panel.get_by_role("button", name="%kbench rule KB103: put it into the next cell")
    found = Axe().run(lab.page, context=".kbp-problem:not([hidden])").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    button.click()
    lab.expect(lab.editor(3)).to_have_text("%kbench rule KB103")
    panel.get_by_role("button", name="Dismiss").click()
    lab.expect(button).to_have_count(0)


def test_each_of_the_commands_that_an_error_names_has_a_button_of_its_own(lab, jupyter):
    proxied = {"KBENCH_TARGET": "kaggle", "KAGGLE_API_TOKEN": "t", "HTTPS_PROXY": "http://127.0.0.1:9"}
    lines = "%load_ext kbench_jupyter", "%kbench list", "%kbench target local"
    jupyter.write("proxied.ipynb", *lines, NEVER_RUN)
    with jupyter.kernels_with(proxied):
        lab.open("proxied.ipynb")
    lab.run(0)
    lab.run(1)
    lab.expect(lab.cell(1).locator(".kbx-put")).to_have_text(
        ["%env HTTPS_PROXY=http://HOST:PORT", "%env HTTPS_PROXY="]
    )
    lab.command("kbench:show")
    sidebar = lab.page.locator("#kbench-sidebar")
    lab.expect(sidebar).to_contain_text("The panel could not be opened")
    lab.run(2)  # a way out
    lab.expect(sidebar.locator("[data-step=init]")).to_be_visible()

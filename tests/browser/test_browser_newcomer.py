"""A newcomer in a real JupyterLab: from the launcher to compared results, without a command and without a search."""

import pytest
from conftest import ARTIFACTS
from json_endpoint import serving
from newcomer import MODELS, Newcomer, Polite, environment

pytestmark = pytest.mark.slow

IN_SIGHT = """selector => {
    const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
}"""


def test_eight_clicks_lead_from_the_launcher_to_compared_results_and_the_panel_is_never_out_of_sight(
    lab, jupyter, tmp_path
):
    jupyter.as_new()
    with serving(Polite) as endpoint, jupyter.kernels_with(environment(endpoint, tmp_path)):
        lab.page.goto(jupyter.url("", f"lab/workspaces/{lab.workspace}"))
        person = Newcomer(lab.page)
        person.by_clicks()
        assert (person.clicks, person.keys) == (8, 0)
        for model in MODELS:
            lab.expect(person.sidebar.locator(".kbp-results figure").first).to_contain_text(model)
        # What was asked for is in sight where the page stands by itself, and nothing lies over it.
        lab.page.wait_for_function(IN_SIGHT, arg="#kbench-sidebar .kbp-results figure")
        lab.expect(lab.page.locator(".Toastify__toast")).to_have_count(0)
        lab.expect(lab.page.locator(".kbx-status")).to_have_text("kbench: 2 runs ended")
        ARTIFACTS.mkdir(exist_ok=True)
        lab.page.screenshot(path=ARTIFACTS / "newcomer.png")
        # It is kept, though it was not put before the results.
        lab.page.evaluate("window.jupyterapp.commands.execute('apputils:display-notifications')")
        lab.expect(lab.page.locator(".jp-Notification-List")).to_contain_text("says-hello: 2 runs completed")
    jupyter.as_new()

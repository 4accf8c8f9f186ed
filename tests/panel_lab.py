"""A panel in a real JupyterLab: how a test opens one, looks at it and clicks in it."""

import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

ARTIFACTS = Path(__file__).parents[1] / "test-artifacts"
LOAD = "%load_ext kbench_jupyter"


class PanelLab:
    """A notebook that opens a panel."""

    def __init__(self, lab, jupyter, name, *cells):
        self.lab, self.page, self.expect = lab, lab.page, lab.expect
        self.path = jupyter.write(name, *cells)
        lab.open(name)
        # Room for the panel, and no toast before it.
        lab.command("application:toggle-left-area")
        self.page.add_style_tag(content=".Toastify { display: none }")

    @property
    def panel(self):
        return self.lab.panel.locator(".kbp").first  # the sidebar has one, too

    def button(self, name, exact=True):
        return self.panel.get_by_role("button", name=name, exact=exact)

    def step(self, name):
        return self.panel.locator(f"[data-step={name}]")

    def stands(self, name, state, timeout=60_000):
        self.expect(self.step(name)).to_have_attribute("data-state", state, timeout=timeout)

    def kernel(self, call):
        """Call a method of the notebook's kernel, as a menu does."""
        self.page.evaluate(f"window.jupyterapp.shell.currentWidget.sessionContext.{call}")

    def saved(self, cell, text):
        """Save as a person does once that text is to be saved, and return a cell's output in the file."""
        self.page.wait_for_function(
            "text => JSON.stringify(window.jupyterapp.shell.currentWidget.context.model.toJSON()).includes(text)",
            arg=text,
            polling=50,
        )
        self.lab.command("docmanager:save")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        (output,) = json.loads(self.path.read_text())["cells"][cell]["outputs"]
        assert text in "".join(output["data"]["text/plain"])
        return output

    def picture(self, name):
        ARTIFACTS.mkdir(exist_ok=True)
        self.panel.screenshot(path=ARTIFACTS / f"panel-{name}.png")

    def complaints(self, rules=None):
        """What axe finds, of the serious kinds; by all its rules, or by those of some groups."""
        options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
        found = Axe().run(self.page, context=".kbp", options=options).response["violations"]
        return [
            (v["id"], [node["html"][:200] for node in v["nodes"]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]

    def theme(self, name):
        self.lab.command("apputils:change-theme", theme=name)
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")

    def pictures(self, name):
        """Look at it in both themes, narrow and wide; return what axe complains of, and cut tables."""
        complaints = self.complaints()
        self.picture(f"{name}-light")
        self.theme("JupyterLab Dark")
        complaints += self.complaints(["cat.color"])  # nothing else has changed
        self.picture(f"{name}-dark")
        for width in (640, 400, 2000):
            self.page.set_viewport_size({"width": width, "height": 1000})
            self.picture(f"{name}-{width}")
            cut = self.panel.locator(".kbp-scroll").evaluate_all(
                "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.getAttribute('aria-label'))"
            )
            complaints += [(width, label) for label in cut]
        self.page.set_viewport_size({"width": 1400, "height": 1000})
        self.theme("JupyterLab Light")
        return complaints


def away(server, *cells):
    target = f"import os\nos.environ |= {{'KBENCH_API_URL': '{server.url}', 'KAGGLE_API_TOKEN': 't'}}\n{LOAD}"
    return (target, *cells)

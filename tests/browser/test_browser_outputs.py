"""The main outputs, live in one notebook against the embedded server: they fit, are coloured, and go well.

Pictures of the whole notebook, light and dark, wide and narrow, are left in ``test-artifacts/``.
"""

import pytest
from conftest import ARTIFACTS

pytestmark = pytest.mark.slow

TASK = """\
import kaggle_benchmarks as kbench


@kbench.task(name="What is Kaggle?", description="Does the model know what Kaggle is?")
def what_is_kaggle(llm):
    answer = llm.prompt("What is Kaggle? Answer in one or two sentences.")
    print(answer)
    kbench.assertions.assert_not_empty(answer, expectation="Gives an answer")
    kbench.assertions.assert_contains_regex(
        r"(?i)data|machine learning", answer, expectation="Says what Kaggle is about"
    )
    kbench.assertions.assert_contains_regex(r"(?i)competition", answer, expectation="Mentions competitions")


what_is_kaggle.run(kbench.llm)"""
SILENT = """\
%%kbench validate
import kaggle_benchmarks as kbench

@kbench.task(name="Silent")
def silent(llm):
    return llm.prompt("Hello")"""
LINES = (
    "%load_ext kbench_jupyter",
    "%kbench target local",
    "%kbench init --no-example",
    "%kbench validate",
    "%kbench push --wait",
    "%kbench run -m smollm2-135m-instruct --wait",
    "%kbench status",
    "%kbench log",
    "%kbench results -o results",
    "%kbench push -h",
)
CELLS = (*LINES[:1], TASK, *LINES[1:], SILENT)
TALL = 9000  # JupyterLab leaves out cells that are out of sight

# Colours that HTML views use, by whether they differ from the text around them.
COLOURS = """() => [...document.querySelectorAll('.kbench-view span[style*=color]')].map(span => {
    const own = getComputedStyle(span).color;
    return own !== getComputedStyle(span.closest('.kbench-view')).color;
})"""
OVERFLOW = """() => {
    const wide = [document.documentElement, ...document.querySelectorAll('.kbench-view')];
    return wide.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 80));
}"""

# Two frames later, what a new size or theme changes has been drawn.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def outputs(lab, jupyter):
    """A notebook in which all main commands have run, the last one to a failure."""
    folder = jupyter.root / "outputs"
    folder.mkdir(exist_ok=True)
    jupyter.write("outputs/outputs.ipynb", *CELLS)
    lab.page.set_viewport_size({"width": 1400, "height": TALL})
    lab.open("outputs/outputs.ipynb")
    for index in range(len(CELLS)):
        if index != CELLS.index(TASK):  # what that one shows is the SDK's
            lab.run(index)
    return lab


def test_the_main_outputs_fit_are_coloured_and_free_of_errors(outputs):
    page = outputs.page
    last = len(CELLS) - 1
    errors = outputs.panel.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    assert errors.count() == 1, errors.all_inner_texts()
    failed = outputs.cell(last).locator('[data-mime-type="application/vnd.jupyter.stderr"]').inner_text()
    assert ".run(kbench.llm)" in failed
    assert "Traceback" not in failed
    text = "\n".join(outputs.panel.locator(".jp-OutputArea-output").all_inner_texts())
    for said in ("Valid: 1 run recorded", "Pushed what-is-kaggle, version 1", "Mentions competitions"):
        assert said in text
    bars = outputs.cell(CELLS.index("%kbench results -o results")).locator(".kbp-chart-row")
    assert [bar.is_visible() for bar in bars.all()] == [True]
    ARTIFACTS.mkdir(exist_ok=True)
    for theme in ("Dark", "Light"):
        use_theme(outputs, f"JupyterLab {theme}")
        for width in (700, 1400):
            page.set_viewport_size({"width": width, "height": TALL})
            outputs.cell(last).wait_for()
            page.evaluate(DRAWN)
            assert page.evaluate(OVERFLOW) == [], f"wider than the page, {theme} {width}"
            coloured = page.evaluate(COLOURS)
            assert len(coloured) > 5
            assert all(coloured), "a tone that looks like plain text"
            cells = outputs.panel.locator(".jp-Notebook .jp-Cell")
            top, bottom = cells.first.bounding_box(), cells.last.bounding_box()
            whole = {**top, "height": bottom["y"] + bottom["height"] - top["y"]}
            page.screenshot(path=ARTIFACTS / f"outputs-{theme.lower()}-{width}.png", clip=whole)
    for name, line in (("validate", "%kbench validate"), ("results", "%kbench results -o results")):
        outputs.cell(CELLS.index(line)).screenshot(path=ARTIFACTS / f"outputs-{name}.png")


def use_theme(lab, name):
    lab.command("apputils:change-theme", theme=name)
    lab.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")


def test_dollars_are_money_and_begin_no_formula(lab, jupyter, recorder, recorded):
    recorder.api.add_task("prices", description="Sums of $1 and $2")
    formula = "from IPython.display import HTML\nHTML('<p>$x^2$</p>')"
    jupyter.write("dollars.ipynb", "%load_ext kbench_jupyter", "%kbench describe prices", formula)
    lab.open("dollars.ipynb")
    for index in range(3):
        lab.run(index)
    lab.cell(2).locator(
        "mjx-container"
    ).wait_for()  # JupyterLab looks for formulas in HTML, after it is drawn
    lab.expect(lab.cell(1).locator(".kbench-view")).to_contain_text("Sums of $1 and $2")

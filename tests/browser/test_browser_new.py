"""``%kbench new`` in a real JupyterLab: the worked cell appears below, ready to run."""

import pytest
from conftest import PROBE

from kbench_jupyter.actions.new import read_pattern

pytestmark = pytest.mark.slow


def test_the_worked_cell_appears_below_and_its_text_is_not_shown_twice(lab, jupyter):
    jupyter.write("begin.ipynb", "%load_ext kbench_jupyter", "%kbench new judge", "'the cell after'", PROBE)
    lab.open("begin.ipynb")
    lab.connect(0, 3)
    told = lab.run(1)
    assert "It is in the cell below" in told
    assert "assess_response_with_judge" not in told
    lab.cell(4).wait_for()
    cells = lab.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell => cell.getSource())"
    )
    assert cells[2] == read_pattern("judge").code
    assert cells[3] == "'the cell after'"

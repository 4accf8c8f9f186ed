"""The current notebook: which probe answers, how fresh its text is, and what is said when none does."""

import atexit
import json
import os
import sys
import threading
import time
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook import headless, mirror, probes, server_sessions
from kbench_jupyter.notebook.current import PROBES, current_notebook
from kbench_jupyter.notebook.executed import Executed, ExecutedCells
from kbench_jupyter.notebook.mirror_state import MirrorState
from kbench_jupyter.notebook.probes import Answer, Surroundings


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("KBENCH_NOTEBOOK", "JPY_SESSION_NAME", "JPY_PARENT_PID", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    yield made
    mirror.uninstall(made)
    made.history_manager.end_session()
    atexit.unregister(made.atexit_operations)
    InteractiveShell.clear_instance()


def write(path, *texts, ids=None, minor=5):
    cells = [nbformat.v4.new_code_cell(text) for text in texts]
    for cell, ident in zip(cells, ids or [], strict=False):
        cell["id"] = ident
    for cell in cells if minor < 5 else ():
        del cell["id"]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, nbformat_minor=minor), path)
    return path


def sources(found):
    return [cell.source for cell in found.notebook.cells]


def around(shell=None, cwd=Path(), **env):
    return Surroundings(shell, env, Path(cwd))


def test_nothing_found_is_one_error_that_says_what_was_tried_and_what_to_type(shell):
    with pytest.raises(NotebookError, match="cannot be found") as caught:
        current_notebook(shell)
    assert "-f task.py" in caught.value.hint
    assert "%env KBENCH_NOTEBOOK=task.py" in caught.value.hint
    assert "Ctrl+S" not in caught.value.hint  # this is a terminal: there is nothing to save
    for name, _ in PROBES:
        assert f"{name}: " in caught.value.detail


def test_in_a_kernel_a_notebook_that_is_not_found_is_to_be_saved(shell, monkeypatch):
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    with pytest.raises(NotebookError, match="cannot be found") as caught:
        current_notebook(shell, chain=())
    assert "Ctrl+S" in caught.value.hint


def test_where_nobody_sits_a_notebook_that_is_not_found_is_to_be_named(shell, monkeypatch):
    monkeypatch.setattr(shell, "kernel", types.SimpleNamespace(get_parent=dict), raising=False)
    mirror.install(shell)
    mirror.link_of(shell).executed.running = Executed(None, "x = 1", 0.0)  # nbconvert names no cells
    with pytest.raises(NotebookError, match="cannot be found") as caught:
        current_notebook(shell, chain=())
    assert caught.value.hint == "Name the file: -f FILE, or %env KBENCH_NOTEBOOK=FILE for every command."


def test_the_environment_names_a_notebook_or_is_wrong_out_loud(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("KBENCH_NOTEBOOK", "sub/a.ipynb")
    with pytest.raises(NotebookError, match=r"KBENCH_NOTEBOOK names sub/a\.ipynb"):
        current_notebook(shell)
    write(tmp_path / "sub" / "a.ipynb", "a")
    found = current_notebook(shell)
    assert (found.path, found.probe) == (tmp_path / "sub" / "a.ipynb", "KBENCH_NOTEBOOK")


def test_vs_code_and_the_session_name_tell_a_path_unless_it_is_gone(shell, tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "a")
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    assert current_notebook(shell).probe == "VS Code"
    shell.user_ns["__vsc_ipynb_file__"] = str(tmp_path / "gone.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert current_notebook(shell).probe == "JPY_SESSION_NAME"
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "renamed.ipynb"))
    with pytest.raises(NotebookError) as caught:
        current_notebook(shell)
    assert "renamed since?" in caught.value.detail
    assert "gone.ipynb is not saved yet, or renamed" in caught.value.detail


def test_kaggle_answers_under_either_key_or_not_at_all(monkeypatch):
    content = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("k")]))
    answers = []
    module = types.ModuleType("kaggle_session")
    module.UserSessionClient = lambda: types.SimpleNamespace(get_exportable_ipynb=answers.pop)
    monkeypatch.setitem(sys.modules, "kaggle_session", module)
    inside = around(KAGGLE_KERNEL_RUN_TYPE="Interactive")
    for response in ({"source": content}, {"source": None, "sourceNullable": content}):
        answers.append(response)
        answer = probes.kaggle(inside)
        assert isinstance(answer, Answer)
        assert answer.notebook.cells[0].source == "k"
    for response in ({}, None, {"source": "not json"}):
        answers.append(response)
        assert isinstance(probes.kaggle(inside), str)
    assert probes.kaggle(inside) == "its session client failed (IndexError)"
    assert probes.kaggle(around()) == "not a Kaggle notebook"


def test_colab_is_asked_from_the_main_thread_only_and_may_stay_silent(monkeypatch):
    content = json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("c")])))
    answers = [None, {"ipynb": content}]
    colab = types.ModuleType("google.colab")
    colab._message = types.SimpleNamespace(blocking_request=lambda *_a, **_k: answers.pop())
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    answer = probes.colab(around())
    assert answer.notebook.cells[0].source == "c"
    assert probes.colab(around()) == "its front end did not answer in time"
    said = []
    thread = threading.Thread(target=lambda: said.append(probes.colab(around())))
    thread.start()
    thread.join()
    assert "main thread" in said[0]


def test_a_notebook_in_the_working_directory_counts_once_all_of_its_code_has_been_run(shell, tmp_path):
    shell.kernel = types.SimpleNamespace(get_parent=dict)
    try:
        write(tmp_path / "b.ipynb", "x = 1", "z = 3")
        (tmp_path / "broken.ipynb").write_text("{")
        shell.history_manager.input_hist_raw[:] = ["", "x = 1\n", "y = 2"]
        assert "begins with what has been run" in headless.working_directory(around(shell, tmp_path))
        path = write(tmp_path / "a.ipynb", "x = 1", "", "y = 2", "z = 3")
        said = headless.working_directory(around(shell, tmp_path))
        assert said.startswith("a.ipynb begins with what has been run, and another could begin the same")
        assert "-f FILE or %env KBENCH_NOTEBOOK=FILE" in said
        write(path, "x = 1", "", "y = 2", "%kbench results")
        assert headless.working_directory(around(shell, tmp_path)).path == path
        shell.kernel.get_parent = lambda: {"header": {"msg_type": "comm_msg"}}  # no program clicks
        assert "has a document of its own" in headless.working_directory(around(shell, tmp_path))
        shell.kernel.get_parent = dict
        write(tmp_path / "copy.ipynb", "x = 1", "y = 2")
        said = headless.working_directory(around(shell, tmp_path))
        assert said.startswith("2 notebooks")
        assert "a.ipynb, copy.ipynb" in said
    finally:
        del shell.kernel


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"ci": ["x = 1"], "ci.nbconvert": ["x = 1"]}, "ci"),
        ({"ci": ["x = 1"], "ci.nbconvert": ["x = 1", "y"]}, "ci"),
        ({"ci": ["x = 1"], "ci.nbconvert": ["x = 1"], "ci.nbconvert.nbconvert": ["x = 1"]}, "ci"),
        ({"a.nbconvert": ["x = 1"], "b": ["x = 1"], "c": ["x = 1"]}, "b"),
        ({"a": ["x = 1", "y"], "b": ["x = 1"]}, None),
        ({"a": ["x = 1"], "b": ["x = 1"], "skips a cell": ["x = 1"]}, None),
    ],
)
def test_a_copy_that_nbconvert_wrote_hides_no_notebook_and_others_are_not_guessed_between(
    shell, tmp_path, monkeypatch, files, found
):
    monkeypatch.setattr(shell, "kernel", types.SimpleNamespace(get_parent=dict), raising=False)
    for name, texts in files.items():
        path = write(tmp_path / f"{name}.ipynb", *texts)
        if name == "skips a cell":
            notebook = nbformat.read(path, 4)
            notebook.cells[0].metadata["tags"] = ["kbench-skip"]
            nbformat.write(notebook, path)
    shell.history_manager.input_hist_raw[:] = ["", "x = 1"]
    answer = headless.working_directory(around(shell, tmp_path))
    if found is None:
        assert "begin with what has been run" in answer
    else:
        assert answer.path == tmp_path / f"{found}.ipynb"


def run(shell, text, cell_id):
    return shell.run_cell(text, store_history=True, cell_id=cell_id)


def test_cells_executed_since_the_save_are_laid_over_the_saved_file(shell, tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "x = 1", "y = 1", ids=["one", "two"])
    os.utime(path, (1, 1))
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(path))
    mirror.install(shell)
    run(shell, "x = 2", "one")  # KBENCH_NOTEBOOK names the file, so it is not doubted
    found = current_notebook(shell)
    assert sources(found) == ["x = 2", "y = 1"]
    write(path, "x = 3", "y = 3", ids=["one", "two"])  # saved after the run: the file is newer
    os.utime(path, (4_000_000_000, 4_000_000_000))
    found = current_notebook(shell)
    assert sources(found) == ["x = 3", "y = 3"]


def test_a_front_end_that_names_cells_in_its_own_way_is_not_accused_of_unseen_cells(shell, tmp_path):
    path = write(tmp_path / "a.ipynb", "look()", ids=["one"])
    os.utime(path, (1, 1))
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    mirror.install(shell)
    shell.user_ns.update(found=[], look=lambda: shell.user_ns["found"].append(current_notebook(shell)))
    run(shell, "look()", "vscode-notebook-cell:/home/me/a.ipynb#W0sZmlsZQ%3D%3D")
    (found,) = shell.user_ns["found"]
    assert found.probe == "VS Code"
    assert found.notes == ("Read from the saved a.ipynb: edits not saved (Ctrl+S) are not included.",)


def without_ids(path, *texts):
    cells = [nbformat.v4.new_code_cell(text) for text in texts]
    for cell in cells:
        del cell["id"]
    old = nbformat.v4.new_notebook(cells=cells, nbformat_minor=4)
    path.write_text(nbformat.writes(old), encoding="utf-8")
    os.utime(path, (1, 1))
    return old


@pytest.mark.parametrize("told", ["a file", "its content"])
def test_cells_without_ids_stay_as_they_are(shell, tmp_path, told):
    """Colab, Kaggle and often VS Code write formats before 4.5, whose cells have none."""
    old = without_ids(tmp_path / "a.ipynb", "look()", "x = 1")
    answer = Answer(tmp_path / "a.ipynb", shown=True) if told == "a file" else Answer(None, old)
    chain, found = (("it", lambda _around: answer),), []
    mirror.install(shell)
    shell.user_ns["look"] = lambda: found.append(sources(current_notebook(shell, chain=chain)))
    for cell_id in (None, "vscode-notebook-cell:/home/me/a.ipynb#W0sZmlsZQ%3D%3D"):
        run(shell, "look()", cell_id)
    assert found == [["look()", "x = 1"]] * 2
    run(shell, "x = 1", None)
    run(shell, "look()", None)
    assert found[2:] == [["look()", "x = 1"]]


class Page:
    """A browser's page as the kernel meets it: by the session in the headers of what it sends."""

    def __init__(self, shell, session, path="nb/a.ipynb"):
        self.shell, self.session, self.path, self.seq = shell, session, path, 0
        self.state = mirror.link_of(shell).state

    def tell(self, *cells, **more):
        self.seq += 1
        order = [cell["id"] for cell in cells]
        message = {"client": self.session, "seq": self.seq, "path": self.path, "reset": True, "order": order}
        return self.state.receive(message | {"cells": list(cells)} | more, self.session)

    def asks(self, text="look()", cell_id=None, kind="execute_request"):
        """Run a cell that asks which notebook is the current one, or click at a panel that does."""
        asked = {
            "header": {"msg_type": kind, "session": self.session},
            "metadata": {"cellId": cell_id} if cell_id else {},
            "content": {"code": text},
        }
        self.shell.kernel = types.SimpleNamespace(get_parent=lambda: asked)
        told = []

        def look():
            try:
                told.append(current_notebook(self.shell))
            except NotebookError as error:
                told.append(error)

        self.shell.user_ns["look"] = look
        try:
            if kind == "execute_request":
                self.shell.run_cell(text, store_history=True, cell_id=cell_id)
            else:
                look()
        finally:
            del self.shell.kernel
        return told[0] if told else None


@pytest.fixture
def file(shell, tmp_path, monkeypatch):
    """The notebook of this kernel, saved long ago."""
    path = write(tmp_path / "nb" / "a.ipynb", "x = 'SAVED'", "look()", ids=["one", "two"])
    os.utime(path, (1, 1))
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    mirror.install(shell)
    return path


@pytest.fixture
def tab(shell, file):
    """A tab of JupyterLab that has told of that notebook, with an edit that it alone has."""
    page = Page(shell, "tab")
    page.tell(told_cell("one", "x = 'IN THE TAB'"), told_cell("two", "look()"))
    return page


def test_what_a_tab_told_is_told_to_that_tab_alone(shell, tab):
    assert sources(tab.asks(cell_id="two")) == ["x = 'IN THE TAB'", "look()"]
    assert sources(tab.asks(kind="comm_msg")) == ["x = 'IN THE TAB'", "look()"]
    other = Page(shell, "nbclassic, or VS Code, or the tab opened again").asks()
    assert (other.probe, sources(other)) == ("VS Code", ["x = 'SAVED'", "look()"])
    assert "Ctrl+S" in other.notes[0]


def test_a_second_tab_on_the_same_notebook_is_told_its_own_text(shell, tab):
    second = Page(shell, "second")
    second.tell(told_cell("one", "x = 'IN THE SECOND'"), told_cell("two", "look()"))
    assert sources(tab.asks(cell_id="two"))[0] == "x = 'IN THE TAB'"
    assert sources(second.asks(cell_id="two"))[0] == "x = 'IN THE SECOND'"


def test_a_click_in_one_tab_is_not_answered_with_the_cell_that_another_runs(shell, tab):
    mirror.link_of(shell).executed.running = Executed("two", "of the other tab", 0.0, True, "other")
    assert sources(tab.asks(kind="comm_msg"))[1] == "look()"


def test_a_cell_of_the_same_window_that_is_not_the_documents_is_not_answered_with_it(shell, tab):
    assert tab.asks(cell_id="of-another-document", text="look()").probe == "JPY_SESSION_NAME"


@pytest.mark.parametrize("minor", [4, 5])  # cells have ids since 4.5
@pytest.mark.parametrize("changed", ["x = 'IN THE TAB'", "x = 'SAVED ELSEWHERE'"])
def test_a_file_saved_by_another_since_ends_a_tabs_word_unless_they_agree(shell, tab, file, changed, minor):
    write(file, changed, "look()", ids=["one", "two"], minor=minor)
    os.utime(file, (4_000_000_000, 4_000_000_000))
    told = tab.asks(cell_id="two")
    if changed == "x = 'IN THE TAB'":
        assert told.probe == "the browser"
        return
    assert "two versions of a.ipynb" in str(told)
    assert "Reload Notebook from Disk" in told.hint
    # Once the tab has reloaded it or saved its own version, it knows its file.
    tab.tell(told_cell("one", "x = 'MINE'"), told_cell("two", "look()"), saved=4_000_000_000)
    assert sources(tab.asks(cell_id="two"))[0] == "x = 'MINE'"


def test_another_notebook_with_that_path_in_the_working_directory_is_no_second_version(shell, tab, file):
    write(file, "another", ids=["elsewhere"])
    os.utime(file, (4_000_000_000, 4_000_000_000))
    assert tab.asks(cell_id="two").probe == "the browser"


def test_a_page_heard_by_another_thread_is_asked_first_and_its_answer_waited_for(shell, tab):
    def answer(number):
        cells = told_cell("one", "x = 'JUST TYPED'"), told_cell("two", "look()")
        threading.Thread(target=tab.tell, args=cells, kwargs={"answers": number}).start()

    by_subshell = threading.Thread(
        target=tab.tell, args=(told_cell("one", "x = 'BEFORE'"), told_cell("two", "look()"))
    )
    by_subshell.start()
    by_subshell.join()
    tab.state.ask = answer
    assert sources(tab.asks(cell_id="two"))[0] == "x = 'JUST TYPED'"


def test_a_page_that_does_not_answer_is_not_believed(shell, tab, monkeypatch):
    monkeypatch.setattr("kbench_jupyter.notebook.mirror_state.ANSWER_SECONDS", 0.01)
    by_subshell = threading.Thread(target=tab.tell, args=(told_cell("two", "look()"),))
    by_subshell.start()
    by_subshell.join()
    asked = []
    tab.state.ask = asked.append
    told = tab.asks(cell_id="two")
    assert (told.probe, sources(told)[0]) == ("JPY_SESSION_NAME", "x = 'SAVED'")
    assert asked == [1, 0]


@pytest.mark.parametrize("session", ["classic", "tab"])
def test_a_file_older_than_what_was_run_is_refused_and_a_save_settles_it(shell, file, session):
    Page(shell, session).asks("x = 'NEW'")  # without an id, as nbclassic sends cells
    asking = Page(shell, session)
    refused = asking.asks()
    assert "The saved a.ipynb is older than what was run" in str(refused)
    assert "Save the notebook (Ctrl+S), then run this again" in refused.hint
    write(file, "x = 'NEW'", "look()", ids=["one", "two"])
    assert sources(asking.asks()) == ["x = 'NEW'", "look()"]


def test_what_another_window_ran_is_laid_over_no_file_but_doubted(shell, file):
    Page(shell, "closed since").asks("x = 'NEVER SAVED'", cell_id="one")
    refused = Page(shell, "classic").asks()
    assert "another text of one of its cells was run" in str(refused)
    saved = time.time() + 1  # a file system's clock may be some milliseconds behind
    os.utime(file, (saved, saved))
    assert sources(Page(shell, "classic").asks())[0] == "x = 'SAVED'"


def test_a_cell_that_another_window_ran_makes_no_file_older_for_this_one(shell, file):
    Page(shell, "another notebook of this kernel").asks("y = 'ELSEWHERE'", cell_id="elsewhere")
    assert sources(Page(shell, "classic").asks())[0] == "x = 'SAVED'"


def test_a_line_of_kbench_that_was_never_saved_makes_no_file_older(shell, file):
    shell.run_line_magic("load_ext", "kbench_jupyter")
    page = Page(shell, "classic")
    page.asks("%load_ext kbench_jupyter")
    page.asks("%kbench --help")
    assert sources(page.asks())[0] == "x = 'SAVED'"
    shell.run_line_magic("unload_ext", "kbench_jupyter")


def test_an_inherited_session_name_is_not_taken_for_the_notebook_that_runs(shell, tmp_path):
    path = write(tmp_path / "outer.ipynb", "import papermill", "x = 1")
    shell.history_manager.input_hist_raw[:] = ["", "x = 1", "inner = 2"]
    said = headless.session_name(around(shell, tmp_path, JPY_SESSION_NAME=str(path)))
    assert said == f"what was run does not stand in {path}"
    shell.history_manager.input_hist_raw[:] = ["", "x = 1"]
    assert headless.session_name(around(shell, tmp_path, JPY_SESSION_NAME=str(path))).path == path


def test_a_running_cell_that_the_file_does_not_have_is_said(shell, tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "x = 1", ids=["one"])
    os.utime(path, (1, 1))
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(path))
    mirror.install(shell)
    shell.user_ns.update(found=[], look=lambda: shell.user_ns["found"].append(current_notebook(shell)))
    run(shell, "%load_ext kbench_jupyter", "door")
    run(shell, "other = 1", None)
    run(shell, "look()", "one")
    run(shell, "new = look()", "new")
    run(shell, "look()", "one")
    before, unseen, seen = shell.user_ns["found"]
    assert before.notes == (), "a line of kbench is no edit, and what no page ran may be another notebook's"
    assert "unsaved edits that cannot be seen" in unseen.notes[0]
    assert "Ctrl+S" in unseen.notes[0]
    assert sources(seen) == ["look()"]


def test_a_notebook_that_drives_a_task_file_is_not_taken_for_unsaved_edits_of_it(
    shell, tmp_path, monkeypatch
):
    path = tmp_path / "task.py"
    path.write_text("# %%\nx = 1\n", encoding="utf-8")
    os.utime(path, (1, 1))
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(path))
    mirror.install(shell)
    shell.user_ns.update(found=[], look=lambda: shell.user_ns["found"].append(current_notebook(shell)))
    for cell_id in ("driver", None):
        run(shell, "look()", cell_id)
    assert [(found.notes, sources(found)) for found in shell.user_ns["found"]] == [((), ["x = 1"])] * 2


def test_code_that_magics_run_is_not_taken_for_the_users_cell(shell):
    executed = ExecutedCells(shell)
    executed.start()
    shell.user_ns["during"] = []
    shell.user_ns["look"] = lambda: shell.user_ns["during"].append(executed.running)
    run(shell, "get_ipython().run_cell('1 + 1')\nlook()", "outer")
    assert shell.user_ns["during"][0].cell_id == "outer"
    assert executed.running is None
    assert [run.cell_id for run in executed.runs] == ["outer"]
    executed.stop()
    run(shell, "2", "later")
    assert [run.cell_id for run in executed.runs] == ["outer"]


def test_an_old_ipykernel_tells_the_cell_id_in_its_request(shell):
    request = {
        "header": {"msg_type": "execute_request"},
        "content": {"code": "x"},
        "metadata": {"cellId": "from-request"},
    }
    shell.kernel = types.SimpleNamespace(get_parent=lambda: request)
    try:
        executed = ExecutedCells(shell)
        executed.start()
        assert executed.running.cell_id == "from-request"
        shell.run_cell("y = 1", store_history=True)
        assert [(run.cell_id, run.text) for run in executed.runs] == [("from-request", "y = 1")]
        executed.stop()
    finally:
        del shell.kernel


def test_the_mirror_answers_first_and_the_running_cell_is_as_it_runs(shell, tmp_path, monkeypatch):
    path = write(tmp_path / "nb" / "a.ipynb", "saved", ids=["one"])
    monkeypatch.setenv("KBENCH_NOTEBOOK", str(path))
    mirror.install(shell)
    page = Page(shell, "tab", "RTC:nb/a.ipynb")
    late = told_cell("two", "late") | {"tags": ["kbench-skip"]}
    page.tell(told_cell("one", "typed", "markdown"), late)
    found = page.asks("look()  # as it runs", cell_id="two")
    assert (found.probe, found.path) == ("the browser", path)
    assert sources(found) == ["typed", "look()  # as it runs"]
    assert found.notebook.cells[1].metadata.tags == ["kbench-skip"]
    assert page.asks(cell_id="of-another-notebook").probe == "KBENCH_NOTEBOOK"
    assert page.asks("look()  # sent without an id").probe == "KBENCH_NOTEBOOK"
    mirror.uninstall(shell)
    assert page.state.notebook("tab") is None


def test_loading_in_a_plain_shell_creates_no_widget_and_imports_nothing_heavy():
    import subprocess

    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "from kbench_jupyter.notebook import mirror\n"
        "mirror.install(shell); mirror.install(shell)\n"
        "shell.run_cell('x = 1', store_history=True)\n"
        "heavy = ('anywidget', 'ipywidgets', 'nbformat', 'jupytext', 'requests', 'traitlets.config.manager')\n"
        "print([m for m in heavy if m in sys.modules and m not in before])\n"
        "mirror.uninstall(shell); mirror.uninstall(shell)\n"
        "print(len(shell.events.callbacks['pre_run_cell']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[]"
    assert done.stdout.split("\n")[1] == "0"


# --- the Jupyter server -------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A server on loopback that answers ``/base/api/sessions`` as told, and keeps what it was sent."""
    told = types.SimpleNamespace(body=b"[]", status=200, headers={}, seen=[])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            told.seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.port = http.server_address[1]
    told.runtime = tmp_path / "runtime"
    told.runtime.mkdir(exist_ok=True)

    def note(pid=1, **changes):
        content = {
            "url": f"http://localhost:{told.port}/base/",
            "hostname": "localhost",
            "base_url": "/base/",
            "token": "s3cret-token",
            "root_dir": str(tmp_path),
        }
        (told.runtime / f"jpserver-{pid}.json").write_text(json.dumps(content | changes))

    told.note = note
    yield told
    http.shutdown()
    http.server_close()
    thread.join()


def kernel_shell(kernel_id="abc-1"):
    config = {"IPKernelApp": {"connection_file": f"/run/kernel-{kernel_id}.json"}}
    return types.SimpleNamespace(config=config, user_ns={})


def session(kernel_id, path, kind="notebook"):
    return {"path": path, "type": kind, "kernel": {"id": kernel_id}}


def test_the_server_that_runs_this_kernel_names_its_notebook(server, shell, tmp_path, monkeypatch):
    path = write(tmp_path / "sub" / "a.ipynb", "a")
    server.note()
    server.body = json.dumps([session("other", "b.ipynb"), session("abc-1", "sub/a.ipynb")]).encode()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    answer = server_sessions.jupyter_server(around(kernel_shell()))
    assert answer.path == path
    assert server.seen == [("/base/api/sessions", "token s3cret-token")]
    (tmp_path / "sub" / "a.ipynb").unlink()
    assert "is not a file" in server_sessions.jupyter_server(around(kernel_shell()))
    assert "no running server" in server_sessions.jupyter_server(around(kernel_shell("unknown")))


def test_two_notebooks_on_one_kernel_are_told_apart_by_the_running_cell_or_not_at_all(
    server, shell, tmp_path
):
    write(tmp_path / "a.ipynb", "a", ids=["in-a"])
    write(tmp_path / "b.ipynb", "b", ids=["in-b"])
    server.note()
    server.body = json.dumps([session("abc-1", "a.ipynb"), session("abc-1", "b.ipynb")]).encode()
    executed = ExecutedCells(shell)
    here = Surroundings(kernel_shell(), {}, tmp_path, None, executed)
    executed.running = Executed("in-b", "b", 0.0)
    assert server_sessions.jupyter_server(here).path == tmp_path / "b.ipynb"
    executed.running = Executed("new", "b", 0.0)
    with pytest.raises(NotebookError, match=r"serves 2 notebooks \(a.ipynb, b.ipynb\)"):
        server_sessions.jupyter_server(here)


def test_the_token_goes_to_this_machine_only_and_into_no_message(server, shell):
    server.note(1, url="http://jupyter.example.com:8888/base/", hostname="jupyter.example.com")
    server.note(2, url="file:///etc/passwd")
    server.note(3)
    server.status, server.headers = 302, {"Location": "http://example.com/api/sessions"}
    said = server_sessions.jupyter_server(around(kernel_shell()))
    assert "is not asked" in said
    assert "answered 302" in said
    assert "s3cret" not in said
    assert len(server.seen) == 1


def test_a_server_on_all_interfaces_is_asked_on_loopback(server, shell, tmp_path):
    write(tmp_path / "a.ipynb", "a")
    server.note(url=f"http://machine.example.com:{server.port}/base/", hostname="0.0.0.0")
    server.body = json.dumps([session("abc-1", "a.ipynb")]).encode()
    assert server_sessions.jupyter_server(around(kernel_shell())).path == tmp_path / "a.ipynb"


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b'[1, {"kernel": 3}, {}]', b"\xff"])
def test_a_server_that_answers_nonsense_is_no_answer(server, shell, body):
    server.note()
    (server.runtime / "jpserver-9.json").write_text("not json")
    (server.runtime / "jpserver-8.json").write_text("[]")
    server.body = body
    assert isinstance(server_sessions.jupyter_server(around(kernel_shell())), str)


def test_a_server_that_is_gone_is_no_answer(server, shell):
    server.note(url="http://127.0.0.1:9/base/")
    assert "did not answer" in server_sessions.jupyter_server(around(kernel_shell()))


def test_a_kernel_no_server_started_asks_none(server, shell):
    server.note()
    assert "not a kernel" in server_sessions.jupyter_server(around(shell))
    assert server.seen == []


# --- what browsers tell -------------------------------------------------------------------------------


def told_cell(ident, source, kind="code"):
    return {"id": ident, "type": kind, "source": source, "tags": []}


def test_only_changed_cells_are_told_and_the_rest_is_remembered():
    state = MirrorState()
    cells = [told_cell("a", "1"), told_cell("b", "2")]
    first = {"client": "c", "seq": 1, "path": "x.ipynb", "order": ["a", "b"], "cells": cells, "reset": True}
    assert state.receive(first, "s")
    assert state.receive({"client": "c", "seq": 2, "cells": [told_cell("b", "3")], "dirty": True}, "s")
    assert state.receive({"client": "c", "seq": 3, "order": ["b", "a"], "path": "y.ipynb"}, "s")
    told = state.notebook("s")
    assert (told.path, told.dirty, [c["source"] for c in told.cells]) == ("y.ipynb", True, ["3", "1"])
    assert state.receive({"client": "c", "seq": 4, "order": ["b"]}, "s")
    assert [c["source"] for c in state.notebook("s").cells] == ["3"]


def test_a_gap_is_noticed_and_nothing_is_told_until_it_is_filled():
    state = MirrorState()
    message = {"client": "c", "seq": 1, "order": ["a", "b"], "cells": [told_cell("a", "1")]}
    assert not state.receive(message, "s")
    assert state.notebook("s") is None
    assert state.receive({"client": "c", "seq": 2, "cells": [told_cell("b", "2")]}, "s")
    assert [c["source"] for c in state.notebook("s").cells] == ["1", "2"]


@given(st.permutations(range(1, 6)), st.integers(0, 5))
def test_in_whatever_order_messages_come_no_text_is_told_but_the_last_that_was_heard_whole(order, whole):
    """Each message changes the cell to its number; `whole` is the one that tells everything, 0 is none."""
    state = MirrorState()
    state.receive(
        {"client": "c", "seq": 1, "reset": True, "order": ["a"], "cells": [told_cell("a", "0")]}, "s"
    )
    heard = {0}
    for number in order:
        message = {"client": "c", "seq": number + 1, "cells": [told_cell("a", str(number))]}
        if number == whole:
            message |= {"reset": True, "order": ["a"]}
        state.receive(message, "s")
        heard.add(number)
        now = state.notebook("s")
        if now is not None:
            assert int(now.cells[0]["source"]) == max(heard)


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        "x",
        {},
        {"client": 3},
        {"client": "c", "cells": 3},
        {"client": "c", "cells": [None, {"id": 1}], "order": [1]},
    ],
)
def test_malformed_messages_are_ignored(message):
    state = MirrorState()
    assert state.receive(message, "s")
    assert state.notebook("s") is None


def test_cells_that_are_none_are_asked_for_again():
    state = MirrorState()
    message = {"client": "c", "seq": 1, "reset": True, "order": ["a"]}
    assert not state.receive({**message, "cells": [None, {"id": "a", "type": "code"}]}, "s")
    assert state.notebook("s") is None
    assert state.receive({**message, "cells": [told_cell("a", "x")]}, "s")


def test_the_state_never_shows_what_it_holds_and_stays_small():
    state = MirrorState()
    for i in range(50):
        message = {"client": f"c{i}", "seq": 1, "order": ["a"], "cells": [told_cell("a", "s3cret")]}
        state.receive(message, "s")
    assert "s3cret" not in repr(state)
    assert repr(state) == "<MirrorState of 8 documents>"

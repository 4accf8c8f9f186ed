"""What a user of `execute_notebook` may rely on, with real kernels."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import own_loop
import psutil
import pytest
from execution_helpers import notebook, text_of
from nbformat.v4 import new_code_cell, new_markdown_cell
from traitlets.config import Application

from kbench_jupyter.errors import ExecutionError
from kbench_jupyter.execution import (
    CellFailed,
    CellFinished,
    CellOutput,
    CellStarted,
    KernelAhead,
    Outcome,
    execute_notebook,
    scratch_folder,
)
from kbench_jupyter.execution.streaming import StreamingClient

pytestmark = pytest.mark.slow


def execute(nb, *, cwd, events=None, env=None, timeout=60.0, **options) -> Outcome:
    heard = events if events is not None else []
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)} if env is None else env
    return execute_notebook(nb, cwd=cwd, env=environment, timeout=timeout, on_event=heard.append, **options)


def test_nothing_is_lost_of_what_is_shown_faster_than_it_is_read(scratch, monkeypatch, no_kernel_left):
    shown, most = scratch / "shown", 2_500
    shown.write_text("")
    take, busy = StreamingClient.process_message, threading.Event()

    def take_late(self, message, *place):
        if message["msg_type"] == "display_data" and not busy.is_set():
            busy.set()
            before = -1
            # Until all is shown, or no more can be: then it waits for its reader.
            while before < len(shown.read_text()) < most:
                before = len(shown.read_text())
                time.sleep(1)
        return take(self, message, *place)

    monkeypatch.setattr(StreamingClient, "process_message", take_late)
    code = f"""
with open({str(shown)!r}, "a") as file:
    for number in range({most}):
        display(number)
        file.write("."); file.flush()"""
    outcome = execute(notebook(code), cwd=scratch)
    assert len(outcome.notebook.cells[0].outputs) == most


def test_what_comes_long_after_a_cell_s_end_is_waited_for(scratch, no_kernel_left):
    late = """
import time
kernel = get_ipython().kernel
send = kernel.session.send
def slow(stream, kind, *others, **more):
    sent = send(stream, kind, *others, **more)
    if kind == "execute_reply":
        kernel.session.send = send
        kernel.iopub_thread.schedule(lambda: time.sleep(5))
        display("late")
    return sent
kernel.session.send = slow
"""
    events = []
    assert execute(notebook(late, "1 + 1"), cwd=scratch, events=events).ok
    assert text_of(events) == "'late'\n2\n"


def test_events_come_in_order_with_every_kind_of_text(scratch, no_kernel_left):
    events = []
    nb = notebook(
        new_markdown_cell("# words"),
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7",
        "from IPython.display import display\ndisplay('shown')",
        "import os\nos.system('echo child')",
    )
    outcome = execute(nb, cwd=scratch, events=events)

    assert outcome.ok
    assert [e.index for e in events if isinstance(e, CellStarted)] == [1, 2, 3]
    assert [e.index for e in events if isinstance(e, CellFinished)] == [1, 2, 3]
    *first, a, b = text_of(events).splitlines()
    assert first == ["out", "42", "'shown'"]
    assert {a, b} == {"child", "0"}  # what a child process writes, ipykernel reads in a thread of its own
    assert text_of(events, "stderr") == "err\n"
    assert "outputs" not in nb.cells[1] or nb.cells[1].outputs == []
    assert outcome.notebook.cells[1].execution_count == 1
    assert outcome.notebook.cells[2].outputs[0].data["text/plain"] == "'shown'"


def test_output_is_heard_while_the_cell_still_runs(scratch, no_kernel_left):
    heard = []

    def on_event(event):
        heard.append(event)
        if isinstance(event, CellOutput) and event.text == "go\n":
            (scratch / "heard").touch()

    nb = notebook(
        "import pathlib, time\nprint('go', flush=True)\n"
        "while not pathlib.Path('heard').exists(): time.sleep(0.05)\nprint('done')"
    )
    outcome = execute_notebook(nb, cwd=scratch, env=dict(os.environ), timeout=60, on_event=on_event)
    assert outcome.ok
    assert text_of(heard) == "go\ndone\n"


def test_a_failure_names_the_cell_and_its_line_and_stops_there(scratch, no_kernel_left):
    events = []
    outcome = execute(
        notebook("def f():\n    return 1 / 0", "x = 1\n\nf()", "print('never')"), cwd=scratch, events=events
    )
    assert not outcome.ok
    assert outcome.error == events[-1]
    assert (outcome.error.index, outcome.error.line, outcome.error.ename) == (1, 3, "ZeroDivisionError")
    assert "return 1 / 0" in outcome.error.plain_traceback
    assert outcome.error.summary == "ZeroDivisionError: division by zero (cell 2, line 3)"
    assert "never" not in text_of(events)


def test_a_syntax_error_has_its_line_too(scratch):
    outcome = execute(notebook("x = 1\ny = = 2"), cwd=scratch)
    assert (outcome.error.ename, outcome.error.index, outcome.error.line) == ("SyntaxError", 0, 2)


def test_a_cell_tagged_raises_exception_does_not_stop_the_notebook(scratch):
    events = []
    cell = new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})
    outcome = execute(notebook(cell, "print('after')"), cwd=scratch, events=events)
    assert outcome.ok
    assert text_of(events) == "after\n"
    assert not [e for e in events if isinstance(e, CellFailed)]


def test_the_time_limit_is_for_the_whole_notebook_and_says_where_it_stood(scratch, no_kernel_left):
    nb = notebook("import time\ntime.sleep(1.5)", "print('x')\ntime.sleep(600)")
    outcome = execute(nb, cwd=scratch, timeout=6)
    assert outcome.timed_out
    assert not outcome.interrupted
    assert (outcome.error.index, outcome.error.line) == (1, 2)
    assert outcome.notebook.cells[1].outputs[0].text == "x\n"


def test_a_cell_that_swallows_interrupts_is_killed_at_the_limit(scratch, no_kernel_left):
    stubborn = "while True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    nb = notebook("import time\n" + stubborn)
    outcome = execute(nb, cwd=scratch, timeout=3)
    assert outcome.timed_out
    assert outcome.error is None


def test_a_dead_kernel_is_told(scratch, no_kernel_left):
    outcome = execute(notebook("import os\nos._exit(1)", "1"), cwd=scratch)
    assert outcome.kernel_died
    assert not outcome.ok


def test_processes_that_a_cell_left_behind_are_ended(scratch):
    nb = notebook("import subprocess\np = subprocess.Popen(['sleep', '600'])\nprint(p.pid)")
    events = []
    assert execute(nb, cwd=scratch, events=events).ok
    pid = int(text_of(events))
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX daemons")
def test_what_is_to_happen_at_a_kernels_end_happens_and_open_files_are_written(scratch):
    cell = "import atexit, os\nleft = open('open', 'w')\nleft.write('kept')\natexit.register(os.mkdir, 'handled')"
    for _ in range(3):  # it is no matter of luck
        assert execute(notebook(cell), cwd=scratch).ok
        assert (scratch / "open").read_text() == "kept"
        (scratch / "handled").rmdir()
        (scratch / "open").unlink()


def test_a_daemon_that_a_cell_has_started_ends_with_the_kernel(scratch):
    daemon = """
        import os, subprocess, sys
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
            os.write(write, str(daemon.pid).encode())
            os._exit(0)
        os.wait()
        print(os.read(read, 99).decode())
    """
    events = []
    assert execute(notebook(textwrap.dedent(daemon)), cwd=scratch, events=events).ok
    pid = int(text_of(events))
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_kernel_sees_the_given_environment_and_nothing_else(scratch, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "not-for-kernels")
    events = []
    execute(
        notebook("import os, sys\nprint(os.environ.get('KAGGLE_KEY'), os.environ['MINE'], sys.executable)"),
        cwd=scratch,
        events=events,
        env={"MINE": "1", "PATH": os.environ["PATH"]},
    )
    assert text_of(events).split() == ["None", "1", sys.executable]


def test_no_other_jupyter_or_python_of_the_machine_decides_what_runs(scratch, tmp_path):
    for name in ("python", "python3", "pip", "jupyter", "jupyter-lab"):
        other = tmp_path / "bin" / name
        other.parent.mkdir(exist_ok=True)
        other.write_text("#!/bin/sh\necho another environment\n")
        other.chmod(0o755)
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["/bin/false", "{connection_file}"], "display_name": "Another", "language": "python"}'
    )
    env = {
        "PATH": os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]),
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
    }
    events = []
    assert execute(
        notebook("!python -c 'import sys; print(sys.prefix)'"), cwd=scratch, events=events, env=env
    ).ok
    assert text_of(events).split() == [sys.prefix]


def test_the_users_startup_files_and_profile_do_not_run(scratch, tmp_path):
    startup = tmp_path / "ipy" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-x.py").write_text("STRAY = 1")
    (tmp_path / "start.py").write_text("STRAY = 2")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipy"),
        "PYTHONSTARTUP": str(tmp_path / "start.py"),
    }
    assert execute(notebook("assert 'STRAY' not in globals()"), cwd=scratch, env=env).ok


def test_a_stray_dotenv_further_up_is_out_of_reach(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("STRAY=1\n")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # to be looked up again
    with scratch_folder() as inner:
        monkeypatch.setattr(tempfile, "tempdir", "/tmp")  # where a socket's path is not too long
        assert inner.is_relative_to(tmp_path)
        nb = notebook(
            "import dotenv, os\ndotenv.load_dotenv(dotenv.find_dotenv(usecwd=True), override=True)\n"
            "assert 'STRAY' not in os.environ"
        )
        assert execute(nb, cwd=inner).ok
    assert not inner.exists()
    nb.cells[0].source = nb.cells[0].source.replace("not in", "in")
    assert execute(nb, cwd=tmp_path).ok, "without the scratch folder it is in reach: the test can fail"


def test_nothing_reaches_the_callers_own_stderr(scratch, capfd):
    assert execute(notebook("1"), cwd=scratch).ok
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_setting_the_interrupt_event_ends_it(scratch, no_kernel_left):
    stop = threading.Event()

    def on_event(event):
        if isinstance(event, CellOutput):
            stop.set()

    outcome = execute_notebook(
        notebook("print('up', flush=True)\nimport time; time.sleep(600)"),
        cwd=scratch,
        env=dict(os.environ),
        timeout=None,
        on_event=on_event,
        interrupt=stop,
    )
    assert outcome.interrupted
    assert not outcome.timed_out
    assert outcome.error.ename == "KeyboardInterrupt"


def test_what_on_event_raises_comes_back_and_the_kernel_is_gone(scratch, no_kernel_left):
    class Mine(Exception):
        pass

    def on_event(_event):
        raise Mine

    with pytest.raises(Mine):
        execute_notebook(
            notebook("import time; time.sleep(600)"),
            cwd=scratch,
            env=dict(os.environ),
            timeout=None,
            on_event=on_event,
        )


def test_it_works_in_a_thread_whose_event_loop_is_running(scratch):
    async def main():
        return execute(notebook("print(1)"), cwd=scratch)

    assert own_loop.run(main()).ok


def test_a_kernel_started_ahead_is_warm_and_otherwise_as_fresh_as_any(scratch, no_kernel_left):
    ahead = KernelAhead(scratch, dict(os.environ), warm_up="import colorsys; name = 1; print('unseen')")
    nb = notebook(
        "import os, sys\nprint(os.environ['ONLY_NOW'], 'colorsys' in sys.modules, os.getcwd() == os.environ['AT'])",
        "print([n for n in dir() if n in ('name', 'colorsys')], len(In), Out)",
    )
    events = []
    outcome = ahead.execute(
        nb,
        env={**os.environ, "ONLY_NOW": "told", "AT": str(scratch)},
        timeout=60,
        on_event=events.append,
    )
    assert outcome.ok
    assert text_of(events) == "told True True\n[] 3 {}\n"
    assert [cell.execution_count for cell in outcome.notebook.cells] == [1, 2]
    assert "ONLY_NOW" not in os.environ


def test_a_kernel_started_ahead_that_nobody_needs_is_ended(scratch, no_kernel_left):
    ahead = KernelAhead(scratch, dict(os.environ), warm_up="pass")
    ahead.close()
    assert not ahead.alive


def test_a_kernel_started_ahead_that_died_is_known_to_be_dead(scratch, no_kernel_left):
    ahead = KernelAhead(scratch, dict(os.environ), warm_up="import os; os._exit(1)")
    deadline = time.monotonic() + 60
    while ahead.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(ExecutionError, match="died before the first cell"):
        ahead.execute(notebook("1"), env={}, timeout=60, on_event=lambda _e: None)


def test_only_the_outcome_speaks_of_a_kernel_that_died(scratch, monkeypatch):
    # nbclient logs through the running application, which is what IPython in a terminal prints.
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = said.append
    monkeypatch.setattr(Application, "_instance", None)
    application = Application.instance()
    application.log.addHandler(handler)
    try:
        outcome = execute(notebook("import os; os._exit(1)"), cwd=scratch)
    finally:
        application.log.removeHandler(handler)
        Application.clear_instance()
    assert outcome.kernel_died
    assert said == []


def test_events_are_delivered_in_the_calling_thread(scratch):
    threads = set()
    execute_notebook(
        notebook("print(1)"),
        cwd=scratch,
        env=dict(os.environ),
        timeout=60,
        on_event=lambda _e: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_the_caller_ends_the_kernel_first(tmp_path):
    script = tmp_path / "caller.py"
    script.write_text(
        textwrap.dedent("""
        import os
        from nbformat.v4 import new_code_cell, new_notebook
        from pathlib import Path
        from kbench_jupyter.execution import CellOutput, execute_notebook
        source = "import os; print(os.getpid(), flush=True)\\nwhile True: pass"
        nb = new_notebook(cells=[new_code_cell(source)])
        def show(event):
            if isinstance(event, CellOutput):
                print(event.text, end="", flush=True)
        try:
            execute_notebook(nb, cwd=Path("."), env=dict(os.environ), timeout=None, on_event=show)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """)
    )
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as caller:
        kernel = int(caller.stdout.readline())
        caller.send_signal(signal.SIGINT)
        rest, _ = caller.communicate(timeout=20)
    assert rest == "interrupted\n"
    assert not psutil.pid_exists(kernel)


def test_a_missing_ipykernel_is_one_clear_error(monkeypatch, tmp_path):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ipykernel" else real(name, *a)
    )
    with pytest.raises(ExecutionError) as caught:
        execute(notebook("1"), cwd=tmp_path)
    assert caught.value.hint == "%pip install ipykernel"


def test_a_kernel_that_cannot_start_says_why(tmp_path):
    broken = tmp_path / "modules"
    broken.mkdir()
    (broken / "zmq.py").write_text("raise RuntimeError('a broken zmq')")
    with pytest.raises(ExecutionError) as caught:
        execute(notebook("1"), cwd=tmp_path, env={"PYTHONPATH": str(broken), "PATH": os.environ["PATH"]})
    assert "a broken zmq" in caught.value.detail


def test_importing_the_room_brings_no_heavy_library():
    heavy = ["nbclient", "nbformat", "jupyter_client", "zmq", "asyncio"]
    code = f"import sys, kbench_jupyter.execution; print([m for m in {heavy[:4]} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(ExecutionError):
        execute(notebook("1"), cwd=Path(tmp_path / "gone"))

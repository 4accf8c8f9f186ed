"""``%kbench`` through a real kernel's messages: what any front end gets to see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from kbench_jupyter.execution import execute_notebook

pytestmark = pytest.mark.slow

SILENT = """\
# %%
import kaggle_benchmarks as kbench

# %%
@kbench.task(name="Silent")
def silent(llm):
    kbench.assertions.assert_not_empty(llm.prompt("Hello"), expectation="Answers")
"""


class Kernel:
    """A kernel and the messages it sends."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(self, code: str, **kwargs: Any) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
        """Run code; return the reply's content, and what was published but for status and input."""
        shown: list[tuple[str, dict[str, Any]]] = []

        def hook(message: dict[str, Any]) -> None:
            if message["msg_type"] not in ("status", "execute_input"):
                shown.append((message["msg_type"], message["content"]))

        reply = self.client.execute_interactive(code, output_hook=hook, timeout=60, **kwargs)
        return reply["content"], shown

    def complete(self, code: str) -> dict[str, Any]:
        reply: dict[str, Any] = self.client.complete(code, len(code), reply=True, timeout=30)
        return reply["content"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    from jupyter_client import KernelManager

    folder = tmp_path_factory.mktemp("kernel")
    (folder / "silent.py").write_text(SILENT)
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        kernel = Kernel(client)
        assert kernel.run("%load_ext kbench_jupyter")[0]["status"] == "ok"
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.destroy(0)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("prefix", ["", "x = ", "y = 1\n"])
def test_a_completion_request_offers_commands_and_nothing_else(kernel: Kernel, prefix: str) -> None:
    line = f"{prefix}%kbench pu"
    answer = kernel.complete(line)
    assert answer["status"] == "ok"
    assert answer["matches"] == ["push", "pull", "publish"]
    assert line[answer["cursor_start"] : answer["cursor_end"]] == "pu"


def test_a_completion_request_offers_rule_codes_flags_and_files(kernel: Kernel) -> None:
    codes = kernel.complete("%kbench rule KB1")["matches"]
    assert "KB101" in codes
    assert all(code.startswith("KB1") for code in codes)
    assert kernel.complete("%kbench push --wa")["matches"] == ["--wait"]
    assert kernel.complete("%kbench validate -f sil")["matches"] == ["silent.py"]


def test_a_completion_request_for_anything_else_is_answered_as_before(kernel: Kernel) -> None:
    assert "%pushd" in kernel.complete("%pu")["matches"]
    kernel.run("kbench_other = 1")
    assert "kbench_other" in kernel.complete("kbench_o")["matches"]


@pytest.mark.parametrize(
    ("line", "says", "hints"),
    [
        ("%kbench pusch", "pusch", "push"),
        ("%kbench rule KB99999", "KB99999", "%kbench rule"),
        ("%kbench validate --static -f silent.py", "KB103", ".run(kbench.llm)"),
        ("%kbench validate --static -f missing.py", "missing.py", "Looked in"),
    ],
)
def test_a_failing_line_is_an_error_message_without_a_traceback(
    kernel: Kernel, line: str, says: str, hints: str
) -> None:
    reply, shown = kernel.run(line)
    assert reply["status"] == "error"
    [(kind, error)] = shown
    assert kind == "error"
    text = plain("\n".join(error["traceback"]))
    assert says in text
    assert hints in text
    assert text.startswith("kbench: ")
    assert error["evalue"] == text.splitlines()[0].removeprefix("kbench: ")
    assert error["ename"].endswith("Error")
    for noise in ("Traceback", 'File "', "site-packages", "kbench_jupyter", "---->"):
        assert noise not in text


def test_what_was_queued_behind_a_failing_line_does_not_run(kernel: Kernel, tmp_path: Path) -> None:
    client = kernel.client
    kernel.run("reached = []")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    wait = f"reached.append(1); open({str(gate)!r}).close()"
    queued = [
        client.execute(code, stop_on_error=True)
        for code in (wait, "%kbench pusch", "reached.append(2)", "reached.append(3)")
    ]
    # The kernel aborts what has arrived when a line fails, so all of it has to be there by then: the gate opens
    # once the first line runs, and the kernel's answer on another channel has overtaken the others.
    with gate.open("w"):
        client.control_channel.send(client.session.msg("kernel_info_request", {}))
        client.get_control_msg(timeout=30)
    replies = {}
    while set(replies) < set(queued):
        message = client.get_shell_msg(timeout=30)
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[ident] for ident in queued] == ["ok", "error", "aborted", "aborted"]
    _, shown = kernel.run("reached")
    assert shown[0][1]["data"]["text/plain"] == "[1]"


def test_a_semicolon_shows_nothing_but_errors(kernel: Kernel) -> None:
    _, shown = kernel.run("%kbench rule KB101")
    assert [kind for kind, _ in shown] == ["execute_result"]
    assert {"text/plain", "text/html"} <= set(shown[0][1]["data"])
    reply, shown = kernel.run("%kbench rule KB101;")
    assert (reply["status"], shown) == ("ok", [])
    reply, shown = kernel.run("%kbench pusch;")
    assert reply["status"] == "error"
    assert [kind for kind, _ in shown] == ["error"]


def test_a_value_can_be_kept_and_shown_later(kernel: Kernel) -> None:
    assert kernel.run("page = %kbench rule KB101")[1] == []
    _, shown = kernel.run("page")
    assert "KB101" in shown[0][1]["data"]["text/plain"]


ATTENDED = """
from kbench_jupyter.actions.expecting import _attended
print("somebody" if _attended(get_ipython()) else "nobody")
"""


def test_somebody_sits_there_where_a_cell_may_ask_and_nobody_where_a_notebook_is_executed(
    kernel: Kernel,
) -> None:
    """A kernel for the next rehearsal is of use where there may be one."""
    for allowed, said in ((True, "somebody"), (False, "nobody")):
        _, shown = kernel.run(ATTENDED, allow_stdin=allowed)
        assert shown[0][1]["text"].strip() == said
    outcome = execute_notebook(
        new_notebook(cells=[new_code_cell(ATTENDED)]),
        cwd=Path.cwd(),
        env=os.environ,
        timeout=60,
        on_event=lambda _event: None,
    )
    assert outcome.notebook.cells[0].outputs[0].text.strip() == "nobody"


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
@pytest.mark.parametrize(("options", "said"), [((), b"nobody"), (("-i",), b"somebody")])
def test_nobody_sits_at_a_terminal_whose_ipython_ends_with_its_first_code(
    options: tuple[str, ...], said: bytes
) -> None:
    ours, its = os.openpty()
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", *options, "-c", ATTENDED]
    with subprocess.Popen(command, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as shell:
        os.close(its)
        os.write(ours, b"exit\n")
        output, _ = shell.communicate(timeout=60)
    os.close(ours)
    assert output.split()[0] == said

"""What tasks leave behind that nobody expects: files, names, numbers and texts of any kind."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from local_server_process import BENCHMARKS, PROXY_MODEL, plain
from nbformat.v4 import new_markdown_cell
from test_local_executors import quick_at_first

from kbench_jupyter.execution.scratch import remove_folder
from kbench_jupyter.local.job import Verdict

pytestmark = pytest.mark.slow

#: Each leaves something odd, and is a completed task with a result all the same.
ODD = {
    "old-file": 'import os\nopen("a.txt", "w").close(); os.utime("a.txt", (0, 0))',
    "name-of-bytes": 'open(b"a\\xff.txt", "w").close()',
    "dangling": 'import os\nos.symlink("/nowhere/x", "x.run.json")',
    "folder": 'import os\nos.mkdir("x.run.json")',
    "pipe": 'import os\nos.mkfifo("x.run.json")',
    "nested": 'open("x.run.json", "w").write("[" * 100_000)',
    "no-objects": 'open("x.run.json", "w").write(\'{"taskVersion": ["no-objects"]}\')',
}
FILE = """
import json
json.dump({{"name": {name!r}}}, open("t.task.json", "w"))
open("t.run.json", "w").write('{{"taskVersion": {{"name": "{name}"}}, "state": "X_COMPLETED", {rest}}}')
"""


def test_whatever_a_task_leaves_it_is_created(server):
    for name, code in ODD.items():
        server.push(name, plain(name, code))
    assert {name: server.creation(name) for name in ODD} == dict.fromkeys(ODD, ("COMPLETED", ""))
    run = server.run_now("name-of-bytes")
    answer = server.post("DownloadBenchmarkTaskRunOutput", {"runId": run["id"]})
    assert "a\ufffd.txt" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("whole", '"results": [{"numericResult": {"value": 1' + "0" * 400 + "}}]"),
        ("endless", '"results": [{"numericResult": {"value": 1e999}}]'),
        ("halves", '"results": [{"dictResult": {"a": "\\\\ud83d"}}]'),
        ("mapping", '"results": {"a": 1}, "modelVersion": ["x"]'),
    ],
)
def test_a_result_that_is_none_breaks_no_list(server, name, rest):
    server.push(name, FILE.format(name=name, rest=rest))
    assert server.creation(name) == ("COMPLETED", "")
    run = server.run_now(name)
    assert (run["state"], run.get("result")) == ("COMPLETED", None)
    [row] = server.call("GetBenchmarkLeaderboard", {"benchmarkSlug": name}, BENCHMARKS)["rows"]
    [found] = row["taskResults"]
    assert not {"numericResult", "booleanResult"} & found["result"].keys()


def test_an_error_with_half_of_a_surrogate_pair_is_told_with_it_spelt_out(server):
    rest = '"errorMessage": "bad \\\\ud83d"'
    server.push("half", FILE.format(name="half", rest=rest).replace("X_COMPLETED", "X_ERRORED"))
    state, error = server.creation("half")
    assert state == "COMPLETED"
    assert error.endswith("bad \\ud83d")
    assert server.run_now("half")["errorMessage"] == "bad \\ud83d"


def test_a_choice_is_made_whatever_the_notebook_calls_list_and_whatever_cannot_be_looked_at(server):
    code = """
from IPython.core.magic import register_line_magic
@register_line_magic
def choose(line): pass
class Shy:
    def __getattr__(self, name): raise RuntimeError(name)
shy, list, open_ = Shy(), [1], open
class Task: store_task, name = True, "chosen"
variable = Task()
"""
    after = new_markdown_cell("Of two.")
    server.push("chosen", plain("chosen", code), plain("other"), "%choose variable", after)
    assert server.creation("chosen") == ("COMPLETED", "")


def test_a_long_error_is_cut_before_the_server_reads_it(tmp_path):
    Verdict("ERRORED", "BEGINNING" + "x" * 1_000_000 + "THE END").write(tmp_path)
    assert (tmp_path / "verdict.json").stat().st_size < 60_000
    error = Verdict.read(tmp_path).error
    assert error.startswith("BEGINNING")
    assert error.endswith("THE END")


def test_what_a_notebook_shows_without_measure_is_cut_and_said_and_what_it_clears_counts_no_more(
    server, tmp_path
):
    show = 'from IPython.display import HTML, clear_output, display\nbig = HTML("y" * 2**20)\n'
    shown = {"shows": "display(big)", "moves": "clear_output(wait=True); display(big)"}
    for name, code in shown.items():
        code = f"{show}for _ in range(130):\n    {code}"
        (tmp_path / name).mkdir()
        server.push(name, plain(name, quick_at_first(tmp_path / name, code)))
    sizes, texts = {}, {}
    for name in shown:
        assert server.creation(name) == ("COMPLETED", "")
        run = server.run_now(name)
        body = {"runId": run["id"], "includeSource": True}
        file = zipfile.ZipFile(io.BytesIO(server.post("DownloadBenchmarkTaskRunOutput", body).content))
        texts[name] = file.read("__notebook__.ipynb").decode()
        sizes[name] = len(texts[name]) >> 20
    assert 98 <= sizes["shows"] <= 101
    assert "The notebook shows more than 100 MB; the rest is left out." in texts["shows"]
    assert sizes["moves"] == 1
    assert "left out" not in texts["moves"]


needs_setpriv = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="root may write what is read-only, unless it gives that up",
)


@needs_setpriv
def test_folders_that_a_task_made_read_only_are_removed_and_files_outside_stay_as_they_are(tmp_path):
    made = tmp_path / "scratch"
    (made / "cache" / "inner").mkdir(parents=True)
    (made / "cache" / "inner" / "file").touch()
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o555)
    (made / "link").symlink_to(outside)
    for folder in (made / "cache" / "inner", made / "cache", made):
        folder.chmod(0o555)
    remove = "from kbench_jupyter.execution.scratch import remove_folder; remove_folder"
    code = f"import pathlib; {remove}(pathlib.Path({str(made)!r}))"
    subprocess.run(
        ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", sys.executable, "-c", code],
        check=True,
    )
    assert not made.exists()
    assert outside.stat().st_mode & 0o777 == 0o555


def test_a_folder_that_is_gone_is_removed(tmp_path):
    remove_folder(tmp_path / "gone")


def test_a_damaged_port_or_token_is_made_anew(make_server):
    one = make_server()
    one.stop()
    (one.home / "port").write_text("99999")
    (one.home / "token").write_bytes(b"\xff\xfe")
    one.start()
    assert (
        one.call("ListBenchmarkModels", {}, BENCHMARKS)["benchmarkModels"][0]["version"]["modelProxySlug"]
        == PROXY_MODEL
    )


def test_who_hangs_up_in_the_middle_of_a_request_leaves_no_traceback(make_server):
    import socket

    one = make_server()
    head = f"POST /v1/x/y HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {one.token}\r\n"
    with socket.create_connection(("127.0.0.1", one.state["port"])) as client:
        call = head.replace("/x/y", "/benchmarks.BenchmarkTasksApiService/ListBenchmarkTasks")
        client.sendall(f"{call}Content-Length: 9\r\n\r\n{{".encode())
    one.call("ListBenchmarkTasks")
    one.stop()
    assert "Traceback" not in one.log()
    assert json.loads((one.home / "port").read_text()) == one.state["port"]

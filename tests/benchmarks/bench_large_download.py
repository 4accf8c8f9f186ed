"""What downloading 1 GB takes in memory, beside the official client: peak resident size over that of a small one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from official_client import OfficialClient
from prepared_server import LARGE, serving

# Each side runs in a process of its own, because a process's peak never goes down: after a command on the
# small task it is the base, after the one on the large task the peak.
_MEASURE = """\
import json, os, re, resource, sys, time
from pathlib import Path

def peak():
    try:  # not what getrusage tells, which on Linux begins with the size of the process that started this one
        return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

{prepare}
run("quiz")
base, start = peak(), time.perf_counter()
run("large")
print(json.dumps([base, peak(), time.perf_counter() - start]), file=sys.__stderr__)
"""
_OURS = """\
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "kbench_jupyter")
run = lambda task: shell.run_line_magic("kbench", f"download {task} -o out")
"""
_OFFICIAL = """\
from kagglesdk import kaggle_env
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = os.environ["KBENCH_API_URL"]
from kaggle import cli
def run(task):
    sys.argv = ["kaggle", "b", "t", "download", task, "-o", "out"]
    cli.main()
"""


def measured(prepare: str, client: OfficialClient) -> tuple[float, float, float]:
    """Return base and peak in MB, and the seconds the large download took; its files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kbench-bench-") as folder:
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE.format(prepare=prepare)],
            cwd=folder,
            env={**client.environ, "HOME": folder, "KBENCH_API_URL": client.url, "KBENCH_HOME": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        [file] = Path(folder, "out").rglob("large.bin")
        if file.stat().st_size != LARGE:
            raise RuntimeError(f"{file} has {file.stat().st_size} bytes")
    base, peak, seconds = json.loads(done.stderr.splitlines()[-1])
    return base / 1e6, peak / 1e6, seconds


def main() -> None:
    """Print both sides' figures."""
    print(f"A download of {LARGE / 1e9:g} GB, after one of 40 runs of 0.5 MB")
    with serving() as url:
        client = OfficialClient(url, "good", Path())
        for name, prepare in (("%kbench download large", _OURS), ("kaggle b t download large", _OFFICIAL)):
            base, peak, seconds = measured(prepare, client)
            print(
                f"  {name:<30} {peak - base:6.1f} MB extra (from {base:.0f} to {peak:.0f}), {seconds:.1f} s"
            )

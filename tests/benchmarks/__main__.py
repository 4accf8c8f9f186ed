"""Run the benchmarks, all or those named: ``python tests/benchmarks [load_ext ...]``.

Each prints its figures beside what it is compared with, measured in turns in the same run: quote the
ratios, since the times are this machine's.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]  # the second for what is shared with the tests
    own_kernel = importlib.import_module("own_kernel")
    every = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    with tempfile.TemporaryDirectory(prefix="kbench-bench-") as folder:
        own_kernel.use(Path(folder))
        for name in sys.argv[1:] or every:
            if name not in every:
                sys.exit(f"No benchmark {name!r}; there are: {', '.join(every)}")
            print(f"\n== {name}")
            importlib.import_module(f"bench_{name}").main()


if __name__ == "__main__":
    main()

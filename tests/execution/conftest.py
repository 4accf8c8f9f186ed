"""A folder to execute in, and a look at what was left behind."""

from __future__ import annotations

import time

import psutil
import pytest
from execution_helpers import kernels_below

from kbench_jupyter.execution import scratch_folder


@pytest.fixture
def scratch():
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def no_kernel_left():
    others = set(kernels_below())  # of a JupyterLab that an earlier test of this process has left running
    yield
    deadline = time.monotonic() + 5
    while left := set(kernels_below()) - others:
        assert time.monotonic() < deadline, left
        psutil.wait_procs(left, timeout=1)

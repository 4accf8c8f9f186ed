"""A wall clock that can be set while programs run: theirs alone, through a small library that is loaded into them.

Timers and the monotonic clock go on as ever, as they do where a person or a time server sets a machine's clock.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *ahead;

__attribute__((constructor)) static void begin(void) {
    int file = open(AHEAD, O_RDONLY | O_CLOEXEC);
    void *shared = file < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) ahead = shared;
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && ahead && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, now, zone);
    if (!failed && ahead) now->tv_sec += *ahead;
    return failed;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"""

_LOADING = """\
import os, sys
if os.environ.get("LD_PRELOAD") != {library!r}:
    os.execve(sys.executable, sys.orig_argv, {{**os.environ, "LD_PRELOAD": {library!r}}})
"""


class SetClock:
    """Compiles the library into a folder; `env` is what a program needs in its environment.

    Skips the test where there is no compiler, or where libraries are not loaded so.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or not sys.platform.startswith("linux"):
            pytest.skip("setting a clock for one program needs Linux and a C compiler (cc)")
        folder.mkdir()
        self._file = folder / "ahead"
        self.set(0)
        source, library = folder / "set_clock.c", folder / "set_clock.so"
        source.write_text(_SOURCE)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", f'-DAHEAD="{self._file}"', "-o", library, source],
            check=True,
        )
        # A server keeps nothing but what it knows of its environment: PYTHONPATH, of which its Python runs this.
        (folder / "sitecustomize.py").write_text(_LOADING.format(library=str(library)))
        self.env = {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    def set(self, hours: float) -> None:
        """Set the clock, so many hours ahead of the machine's; at once, for all programs that have it."""
        # In place: each program has mapped this very file.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", round(hours * 3600)))

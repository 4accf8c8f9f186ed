"""The environment of a task's kernel: what a program needs, and none of the user's secrets.

A rehearsal, a dry run and a run of the embedded server all begin with it, so that a task which needs more
fails in each of them as it would on the server.
"""

from __future__ import annotations

import os
import site
from collections.abc import Mapping
from urllib.parse import urlsplit

_KEPT = frozenset({
    "PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "SYSTEMROOT",
    "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "NUMBER_OF_PROCESSORS", "OMP_NUM_THREADS",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
})  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_DIRECT = "127.0.0.1,localhost,::1"
_SERVER = frozenset({
    "HOME", "APPDATA", "LOCALAPPDATA", "KBENCH_HOME", "KBENCH_WORKERS", "KBENCH_RUN_TIMEOUT", "KBENCH_IDLE_MINUTES",
    "KBENCH_MEMORY_GB", "KBENCH_PASS_ENV", "KBENCH_SANDBOX", "KBENCH_UPSTREAM_EFFORTS",
    "KBENCH_UPSTREAM_AGENTS", "KBENCH_CLUSTER", "KBENCH_PROMPTS",
})  # fmt: skip


def passed_names(source: Mapping[str, str]) -> list[str]:
    """Return the names in ``KBENCH_PASS_ENV`` (comma list) of an environment."""
    return [name.strip() for name in source.get("KBENCH_PASS_ENV", "").split(",") if name.strip()]


def base_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the part of an environment that any process needs, without the secrets in it.

    What is kept is listed, not what is left out: nobody knows all names that secrets go by. The names in
    ``KBENCH_PASS_ENV`` (comma list) are kept too. Without `source` the environment is this process's own.
    """
    source = os.environ if source is None else source
    asked = passed_names(source)
    kept = {
        name: value
        for name, value in source.items()
        if name.upper() in _KEPT
        or name.startswith("LC_")
        or name in asked
        or (name.upper() in _PROXIES and not urlsplit(value).username)
    }
    bypass = ",".join(filter(None, (source.get("NO_PROXY") or source.get("no_proxy"), _DIRECT)))
    kept["NO_PROXY"] = kept["no_proxy"] = bypass
    return kept


def server_environment() -> tuple[dict[str, str], dict[str, str]]:
    """Return what the embedded server is started with, and what it is told by another way.

    What a process is started with can be read in ``/proc`` as long as it lives, by every process of the same user: by a
    task, too. So a model endpoint's address and key, and proxies with a password, are no part of it.
    """
    source = os.environ
    kept = base_environment(source)
    kept |= {n: value for n, value in source.items() if n in _SERVER or n.startswith(("PYTHON", "XDG_"))}
    told = {
        name: value
        for name, value in source.items()
        if name in ("KBENCH_UPSTREAM_URL", "KBENCH_UPSTREAM_API_KEY")
        or (name.upper() in _PROXIES and name not in kept)
        or name.startswith("DASK_")  # how a scheduler lets one in, among others
    }
    return kept, told


def kernel_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the environment of every task's kernel has, wherever the task runs; see `base_environment`.

    It names no home folder. A kernel without one gets an empty one of its own, so that no configuration or
    credentials of the user's are found.
    """
    # Packages that the user installed with --user are found by that once HOME is another.
    return {**base_environment(source), "PYTHONUSERBASE": site.getuserbase()}

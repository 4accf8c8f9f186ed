"""The environment a task runs in: what a program needs, the model proxy, and none of the user's secrets."""

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


def base_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the part of an environment that any process needs, without the secrets in it.

    What is kept is listed, not what is left out: nobody knows all names that secrets go by. The names in
    ``KBENCH_PASS_ENV`` (comma list) are kept too.

    Parameters
    ----------
    source : mapping, optional
        The environment to take from, this process's own when left out.
    """
    source = os.environ if source is None else source
    asked = {name.strip() for name in source.get("KBENCH_PASS_ENV", "").split(",")}
    kept = {
        name: value
        for name, value in source.items()
        if name.upper() in _KEPT or name.startswith("LC_") or name in asked
    }
    proxies = {name: value for name, value in source.items() if name.upper() in _PROXIES}
    kept.update({name: value for name, value in proxies.items() if not urlsplit(value).username})
    bypass = ",".join(filter(None, (source.get("NO_PROXY") or source.get("no_proxy"), _DIRECT)))
    kept["NO_PROXY"] = kept["no_proxy"] = bypass
    return kept


def kernel_environment(home: str) -> dict[str, str]:
    """Return what the environment of every task's kernel has.

    Parameters
    ----------
    home : str
        A home folder of its own, so that no configuration or credentials of the user's are found.
    """
    # Packages that the user installed with --user are found by that once HOME is another.
    return {**base_environment(), "HOME": home, "PYTHONUSERBASE": site.getuserbase()}


def task_environment(
    *, home: str, proxy_url: str, token: str, model: str, models: list[str]
) -> dict[str, str]:
    """Return the whole environment of the kernel that a task runs in.

    Parameters
    ----------
    home : str
        See `kernel_environment`.
    proxy_url, token : str
        The model proxy, and a token for it that lives as long as the job.
    model : str
        Proxy slug of the model under test, the judge as well.
    models : list of str
        Proxy slugs of all models.
    """
    return {
        **kernel_environment(home),
        "MODEL_PROXY_URL": proxy_url,
        "MODEL_PROXY_API_KEY": token,
        "LLM_DEFAULT": model,
        "LLM_DEFAULT_EVAL": model,
        "LLMS_AVAILABLE": ",".join(models),
        # As in Kaggle's batch sessions: a task that raises leaves an errored run file behind instead of
        # ending the notebook, so that its traceback and what it prompted can be looked at.
        "CONTINUE_WITH_EXCEPTIONS": "True",
    }

"""The probe that asks a Jupyter server on this machine which notebook a kernel belongs to.

A running Jupyter server notes its address and token in a file of the runtime folder, readable by its
owner only (``jpserver-<pid>.json``, as `jupyter_server.serverapp.list_running_servers` reads it; the
kernel's environment often lacks that package). ``/api/sessions`` then names the notebook of each kernel,
also after a rename. The token goes to loopback addresses only, past any proxy.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kbench_jupyter.errors import NotebookError
from kbench_jupyter.notebook.files import read_notebook
from kbench_jupyter.notebook.probes import Answer, Surroundings

TIMEOUT_S = 1.0
MAX_BYTES = 4 * 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def jupyter_server(around: Surroundings) -> Answer | str:
    """Answer with the path of the session that runs this kernel."""
    kernel_id = _kernel_id(around.shell)
    if kernel_id is None:
        return "this is not a kernel a Jupyter server has started"
    reasons = []
    for server in _servers(around.env):
        sessions = _sessions(server)
        if isinstance(sessions, str):
            reasons.append(sessions)
            continue
        root = Path(server["root_dir"])
        # "RTC:folder/task.ipynb" names a drive.
        paths = [root / path.split(":", 1)[-1].lstrip("/") for path in _paths_of(kernel_id, sessions)]
        if len(paths) > 1:
            return Answer(_one_of(paths, around.running_id), shown=True)
        if paths:
            found = paths[0].is_file()
            return Answer(paths[0], shown=True) if found else f"{paths[0].name} is not a file in {root}"
    return "; ".join(reasons) or "no running server knows this kernel"


def _kernel_id(shell: Any) -> str | None:
    """The kernel's id, which its connection file is named after: ``kernel-<id>.json``."""
    config = getattr(shell, "config", None) or {}
    connection_file = (config.get("IPKernelApp") or {}).get("connection_file")
    name = Path(connection_file).name if isinstance(connection_file, str) else ""
    return name.removeprefix("kernel-").removesuffix(".json") if name.startswith("kernel-") else None


def _servers(env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Notes of servers, the one that started this kernel first."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir

        folder = Path(jupyter_runtime_dir())
    except Exception:  # noqa: BLE001 -- no such folder, or no right to look
        return
    parent = f"jpserver-{env.get('JPY_PARENT_PID', '')}.json"
    for path in sorted(folder.glob("jpserver-*.json"), key=lambda path: path.name != parent):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(note, dict) and isinstance(note.get("root_dir"), str):
            yield note


def _sessions(server: Mapping[str, Any]) -> Any:
    """Fetch a server's sessions, or say why not; never with its token in the words."""
    address = _loopback_address(server)
    if address is None:
        return "a server that does not listen on this machine is not asked"
    request = urllib.request.Request(address + "api/sessions")  # noqa: S310 -- http(s), by _loopback_address
    if server.get("token"):
        request.add_header("Authorization", f"token {server['token']}")
    # No proxy: it would be handed the token. No redirect: it could lead off this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return json.loads(response.read(MAX_BYTES))
    except urllib.error.HTTPError as error:
        error.close()  # it holds the answer
        return f"a server answered {error.code}"
    except (OSError, ValueError):
        return "a server did not answer"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _loopback_address(server: Mapping[str, Any]) -> str | None:
    url = urlsplit(str(server.get("url", "")))
    if url.scheme not in {"http", "https"} or not url.port:
        return None
    base = "/" + str(server.get("base_url", "/")).strip("/")
    base += "" if base == "/" else "/"
    listens = str(server.get("hostname", ""))
    if url.hostname in _LOOPBACK:
        host = f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname
        return f"{url.scheme}://{host}:{url.port}{base}"
    # On all interfaces, so on this one too; the note's address then carries the machine's public name.
    if listens in {"", "*", "0.0.0.0", "::"}:  # noqa: S104 -- compared, not bound
        return f"{url.scheme}://127.0.0.1:{url.port}{base}"
    return None


def _paths_of(kernel_id: str, sessions: Any) -> list[str]:
    paths = []
    for session in sessions if isinstance(sessions, list) else ():
        kernel = session.get("kernel") if isinstance(session, Mapping) else None
        is_ours = isinstance(kernel, Mapping) and kernel.get("id") == kernel_id
        if is_ours and session.get("type") == "notebook":
            paths.append(str(session.get("path") or ""))
    return [path for path in dict.fromkeys(paths) if path]


def _one_of(paths: list[Path], cell_id: str | None) -> Path:
    """Tell notebooks on one kernel apart by the cell that runs; JupyterLab mirrors only the first of them."""
    matches = [path for path in paths if cell_id and cell_id in _cell_ids(path)]
    if len(matches) == 1:
        return matches[0]
    raise NotebookError(
        f"This kernel serves {len(paths)} notebooks ({', '.join(path.name for path in paths)}), and which of "
        "them runs this cell cannot be told.",
        hint="Save the notebook (Ctrl+S) and run this again, or name it with -f.",
    )


def _cell_ids(path: Path) -> set[str]:
    try:
        return {str(cell.get("id")) for cell in read_notebook(path).cells}
    except NotebookError:
        return set()

"""A real JupyterLab (or Notebook 7) on a temporary folder, driven in the system's Chromium.

Screenshots of failed tests are kept in ``test-artifacts/``.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import labextension
import nbformat
import own_kernel
import pytest
from faults import FaultServer
from kernel_template import SOCKET

from kbench_jupyter.session import local_server

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VIEWPORT = {"width": 1400, "height": 1000}
# What JupyterLab does at each start and no test looks at: it runs node to ask whether it should be built, and
# looks for language servers, extensions of others and news.
UNASKED = {
    "buildCheck": False,
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,
        "@jupyterlab/debugger-extension": True,
        "@jupyterlab/extensionmanager-extension": True,
        "@jupyterlab/lsp-extension": True,
    },
}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_in_call = outcome.get_result().failed


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium, once a session, with a profile on disk: what a page compiled of JupyterLab serves the next one."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        reason = "No Chromium on this machine: install it (apt-get install chromium) to run tests/browser."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_api.sync_playwright() as playwright:
        try:
            context = playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("chromium"),
                executable_path=CHROMIUM,
                # Pages share what one of them has compiled.
                args=[*QUIET, "--process-per-site"],
                viewport=VIEWPORT,
                reduced_motion="reduce",  # what moves is drawn sixty times a second
            )
        except sync_api.Error as error:
            pytest.fail(f"{CHROMIUM} does not start: {error.message.splitlines()[0]}", pytrace=False)
        yield context
        context.close()


class Jupyter:
    """A Jupyter server on loopback, and the folder it serves.

    Its JupyterLab has the extensions that panels need, and this tree's own unless `own` is false: what else is
    installed beside it, an older copy of this one among that, is neither waited for nor tested. Its kernels, and those
    of their rehearsals, are forked off a template where there is one.
    """

    def __init__(self, folder: Path, *, own: bool = True, template: str | None = None) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.home = folder / "home"
        self.log = folder / "server.log"
        self.template = template
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        home = self.home
        env = os.environ | {
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_TOKEN": self.token,  # not on the command line
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PATH": str(home / "jupyter"),
            "KBENCH_HOME": str(self.kbench_home),
        }
        if template:
            env[SOCKET] = template
        for key in ("KBENCH_NOTEBOOK", "KBENCH_TARGET", "KBENCH_API_URL", "JPY_SESSION_NAME"):
            env.pop(key, None)
        (home / "config" / "labconfig").mkdir(parents=True)
        (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(UNASKED))
        own_kernel.install(home / "jupyter", template=template)
        extensions = labextension.link_others(home / "jupyter")
        if own:
            labextension.link(home / "jupyter")
        command = [  # `-m jupyter lab` would start the first jupyter-lab of PATH
            sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}",
            f"--ServerApp.root_dir={self.root}", "--ServerApp.port_retries=0", "--allow-root",
            "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.expose_app_in_browser=True", f"--LabServerApp.labextensions_path={extensions}",
        ]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=env, cwd=self.root, stdout=log, stderr=log)

    @property
    def kbench_home(self) -> Path:
        """Where this server's kernels look for an embedded server."""
        return self.home / "kbench"

    @contextlib.contextmanager
    def kernels_with(self, env: dict[str, str]) -> Iterator[None]:
        """Give the kernels that are started meanwhile variables of their own.

        They are those of the default kernel: under load, Jupyter now and then starts a notebook's other
        kernel and changes to the default one at once.
        """
        own_kernel.install(self.home / "jupyter", env, self.template)
        try:
            yield
        finally:
            own_kernel.install(self.home / "jupyter", template=self.template)

    def url(self, path: str, app: str = "lab/tree") -> str:
        return f"http://127.0.0.1:{self.port}/{app}/{path}?token={self.token}"

    def wait(self, seconds: float = 60) -> None:
        """Wait until it answers, or end the tests that need it with one sentence."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            try:
                specs = json.loads(self.ask("kernelspecs"))["kernelspecs"]
            except OSError:
                time.sleep(0.1)
                continue
            interpreter = specs["python3"]["spec"]["argv"][0]
            if interpreter != sys.executable:
                pytest.fail(
                    f"JupyterLab's kernels would run {interpreter}, not {sys.executable}.", pytrace=False
                )
            return
        pytest.fail(f"JupyterLab did not answer within {seconds:.0f} s: {self.log}", pytrace=False)

    def check(self) -> None:
        """End a test at once whose server is gone: each of its waits would take its whole time."""
        if self.process.poll() is not None:
            said = self.log.read_text().strip().rpartition("\n")[2] or "it said nothing"
            pytest.fail(f"JupyterLab ended ({self.process.returncode}): {said} [{self.log}]", pytrace=False)

    def ask(self, api: str, method: str = "GET", timeout: float = 2) -> bytes:
        """Ask the server's interface for something."""
        headers = {"Authorization": f"token {self.token}"}
        url = f"http://127.0.0.1:{self.port}/api/{api}"
        request = urllib.request.Request(url, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read()

    def end_kernels(self) -> None:
        """End what pages have started: a kernel left would go on asking its target, into the next tests."""
        for kernel in json.loads(self.ask("kernels", timeout=60)):
            with contextlib.suppress(urllib.error.HTTPError):  # it was about to end by itself
                self.ask(f"kernels/{kernel['id']}", "DELETE", timeout=60)

    def trust(self, name: str) -> None:
        """Trust a notebook that came from elsewhere; nothing but text is drawn of it before."""
        self.ask(f"contents/{name}/trust", "POST")

    def write(self, name: str, *cells: str | nbformat.NotebookNode) -> Path:
        """Write a notebook; a text is a code cell."""
        made = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=made)
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def as_new(self) -> None:
        """Take back what `%kbench init` has left here, in a test before: the embedded server and its credentials."""
        local_server.stop(self.kbench_home)
        (self.root / ".env").unlink(missing_ok=True)

    def stop(self) -> None:
        local_server.stop(self.kbench_home)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory, browser, kernels_forked):
    """One Jupyter server for the session; it serves Notebook 7 under ``/notebooks``, too."""
    server = Jupyter(tmp_path_factory.mktemp("jupyter"), template=kernels_forked.get(SOCKET))
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def recorder():
    """A server on loopback that records every request."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def target(recorder):
    """The environment of a kernel whose target is `recorder`."""
    return {"KBENCH_API_URL": recorder.url, "KAGGLE_API_TOKEN": "not-a-real-token"}


@pytest.fixture
def recorded(jupyter, target):
    """Kernels whose target is the recorder."""
    with jupyter.kernels_with(target):
        yield


#: A cell that says who knows the notebook.
PROBE = "from kbench_jupyter.notebook.current import current_notebook\nprint(current_notebook().probe)"
# A cell that is run before is not run, or given up when the kernel is there. Notebook 7 shows no app to ask;
# there `run_focused` tries again.
CONNECTED = """() => {
    if (!window.jupyterapp) return !!document.querySelector('.jp-Notebook-ExecutionIndicator');
    const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


# Closes what a test has opened, ends its kernels, and says whether the page is as JupyterLab starts.
TIDY = """async () => {
    const app = window.jupyterapp;
    if (!app || document.querySelector('.jp-Dialog')) return false;
    for (const widget of [...app.shell.widgets('main')]) widget.dispose();
    await app.serviceManager.sessions.shutdownAll();
    await app.serviceManager.kernels.shutdownAll();
    if (app.shell.leftCollapsed) app.shell.expandLeft();
    if (app.shell.rightCollapsed === false) app.shell.collapseRight();
    return !document.querySelector('.jp-Dialog, .jp-NotebookPanel');
}"""
# What a command returns, a whole document for instance, would be sent over piece by piece.
COMMAND = "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)"


class Lab:
    """A page with one notebook open, and what a person does in it.

    The page may be one that an earlier test has left in order: JupyterLab takes most of a test's time to start.
    A test for which it must start says ``lab.start_anew()`` first, and has another page, as it has for Notebook 7.
    """

    def __init__(self, page, jupyter: Jupyter) -> None:
        self.page = page
        self.jupyter = jupyter
        self._opened = False
        self.workspace = secrets.token_hex(4)  # JupyterLab would open what an earlier test had open
        # Two workers share the machine: what takes a moment on a quiet one may take many here.
        page.set_default_timeout(60_000)
        from playwright.sync_api import expect

        expect.set_options(timeout=30_000)
        self.expect = expect

    def open(self, name: str, app: str = "lab") -> "Lab":
        """Open a notebook; the second time, the page is loaded anew."""
        if app == "lab" and not self._opened and self.page.evaluate("!!window.jupyterapp"):
            self.command("docmanager:open", path=name, factory="Notebook")
        else:
            if app == "lab":
                app = f"lab/workspaces/{self.workspace}/tree"
            elif not self._opened:
                self.start_anew()
            self.page.goto(self.jupyter.url(name, app))
        self._opened = True
        self.cell(0).wait_for()
        self.ready()
        return self

    def command(self, name: str, /, **args: object) -> None:
        """Execute a command of JupyterLab's, as a menu does, and wait until it is done."""
        self.page.evaluate(COMMAND, [name, args])

    def start_anew(self) -> None:
        """Go on in an empty page; the one that earlier tests have left stays as it is for later ones."""
        self.page = self.page.context.new_page()
        self.page.set_default_timeout(60_000)

    def ready(self) -> None:
        """Wait until the notebook has its kernel, and that is idle."""
        self.page.wait_for_function(CONNECTED, polling=50)  # each frame would be drawn for it otherwise
        self.panel.locator("[data-status=idle]").first.wait_for()

    @property
    def panel(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, index: int):
        return self.panel.locator(".jp-Notebook .jp-Cell").nth(index)

    def editor(self, index: int):
        return self.cell(index).locator(".cm-content").first

    def type_at_end(self, index: int, text: str) -> None:
        """Type into a cell with the keyboard, without running or saving."""
        self.editor(index).click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def run(self, index: int) -> str:
        """Run a cell with Ctrl+Enter and return the text it shows when the kernel is done with it."""
        self.ready()
        self.editor(index).click()
        return self.run_focused(index)

    def connect(self, load: int, probe: int) -> None:
        """Run a cell that loads the extension, then one like `PROBE` until the browser answers the kernel.

        A command that is faster than the browser knows only what was saved.
        """
        self.run(load)
        for _ in range(20):
            if "the browser" in self.run(probe):
                return
        pytest.fail("The browser never answered.")

    def run_focused(self, index: int) -> str:
        prompt = self.prompt_of(index)
        for _ in range(10):
            before = self.prompt(index)
            self.page.keyboard.press("Control+Enter")
            with contextlib.suppress(AssertionError):  # a page that has just opened drops keys
                self.expect(prompt).not_to_have_text(before, timeout=3_000)
                break
        self.expect(prompt).not_to_have_text("[*]:", timeout=60_000)
        if self.prompt(index) == "[ ]:":  # given up, because the page has just changed the notebook's kernel
            self.ready()
            return self.run_focused(index)
        return self.result(index, before)

    def prompt_of(self, index: int):
        return self.cell(index).locator(".jp-InputPrompt").first

    def prompt(self, index: int) -> str:
        return self.prompt_of(index).inner_text()

    def result(self, index: int, before: str) -> str:
        """Wait until a cell that was run is done, and return the text it shows."""
        prompt = self.prompt_of(index)
        self.expect(prompt).not_to_have_text(before, timeout=20_000)
        self.expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)
        self.ready()
        return "\n".join(self.cell(index).locator(".jp-OutputArea-output").all_inner_texts())


@pytest.fixture(scope="session")
def kept():
    """The page that the last test left in order, if it did."""
    return []


def tidy(page) -> bool:
    """Make a page of JupyterLab's ready for another test, or say that it is not."""
    if page.is_closed():
        return False
    page.unroute_all()
    page.set_viewport_size(VIEWPORT)
    return page.evaluate(TIDY)


@pytest.fixture
def lab(browser, jupyter, kept, request):
    """A page without notebooks; its screenshot is kept when the test fails, and the next test gets another page."""
    jupyter.check()
    page = kept.pop() if kept else browser.new_page()
    others = [other for other in browser.pages if other is not page]
    lab = Lab(page, jupyter)
    said = []

    def hear(message):
        if message.type == "error":
            said.append(message.text)

    browser.on("console", hear)
    try:
        yield lab
    finally:
        failed = getattr(request.node, "failed_in_call", False)
        browser.remove_listener("console", hear)
        if failed and not lab.page.is_closed():
            broken = lab.page.locator(".jupyter-widgets-error-widget").all()  # a click shows what went wrong
            for widget in broken:
                widget.click()
            said += [widget.inner_text() for widget in broken]
            print("The page said:", *said, sep="\n")
            ARTIFACTS.mkdir(exist_ok=True)
            name = "".join(c if c.isalnum() else "_" for c in request.node.name)
            lab.page.screenshot(path=ARTIFACTS / f"{name}.png")
        for opened in [opened for opened in browser.pages if opened not in others and opened is not page]:
            opened.close()
        if not failed and tidy(page):
            kept.append(page)
        else:
            page.close()
            browser.clear_cookies()
        jupyter.end_kernels()
        browser.clear_permissions()


@pytest.fixture
def page(browser):
    """An empty page, for a widget that is looked at alone."""
    page = browser.new_page()
    page.set_default_timeout(15_000)
    yield page
    page.close()


@pytest.fixture
def expect(browser):
    """Playwright's, which waits."""
    from playwright.sync_api import expect

    return expect

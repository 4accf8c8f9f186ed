"""Runs whose processes are forked off a template: as separate from each other as if each had been started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import own_loop
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from local_server_process import FEW_PACKAGES, PROXY, Server, plain, wait_for

from kbench_jupyter.execution import ROOM, free_memory
from kbench_jupyter.local.children import Children
from kbench_jupyter.local.executors import templates
from kbench_jupyter.local.executors.templates import Templates

forks = pytest.mark.skipif(
    sys.platform != "linux" or free_memory() < 2 * ROOM,
    reason="forks on Linux only, with 2 GB of free memory",
)
pytestmark = [pytest.mark.slow, forks]

# Everything that a run can leave lying about, and then it dies.
SPOIL = """
import json, os, random, signal, subprocess, sys, tempfile, types
from pathlib import Path
import numpy
os.environ["SPOILED"] = "yes"
os.environ["LANG"] = "xx_XX"
json.SPOILED = sys.SPOILED = True
sys.modules["spoiled"] = types.ModuleType("spoiled")
sys.path.insert(0, "/spoiled")
random.seed(1)
numpy.random.seed(1)
for place in (Path.home() / "spoiled", Path("spoiled"), Path(tempfile.gettempdir()) / "spoiled"):
    place.write_text("spoiled")
os.umask(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, env={})
(Path.home().parents[2] / "was-spoiled").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""
LOOK = """
import json, os, random, signal, sys, tempfile
from pathlib import Path
import numpy
numbers = [random.random(), float(numpy.random.random())]
random.seed(1)
numpy.random.seed(1)
print("FOUND", json.dumps({
    "environment": [os.environ.get("SPOILED"), os.environ.get("LANG") == "xx_XX"],
    "modules": [hasattr(json, "SPOILED"), hasattr(sys, "SPOILED"), "spoiled" in sys.modules, "/spoiled" in sys.path],
    "numbers": numbers == [random.random(), float(numpy.random.random())],
    "files": [(Path.home() / "spoiled").exists(), sorted(map(str, Path.home().iterdir())), Path("spoiled").exists()],
    "mask": os.umask(0o77),
    "signal": signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
}))
"""
DRAW = """
import gc, hashlib, json, multiprocessing, os, random, secrets, tempfile, uuid
import numpy
gc.unfreeze()
name = tempfile.mktemp()
for one in gc.get_objects():  # of the generators of such names, each is made anew when the first one is drawn
    if isinstance(one, tempfile._RandomNameSequence):
        next(one)
kinds = (random.Random, numpy.random.RandomState, numpy.random.Generator)
seen = [one for one in gc.get_objects() if isinstance(one, kinds)]
states = [one.getstate() if isinstance(one, random.Random) and not isinstance(one, random.SystemRandom) else
          one.get_state(legacy=False) if isinstance(one, numpy.random.RandomState) else
          one.bit_generator.state if isinstance(one, numpy.random.Generator) else None for one in seen]
print("FOUND", json.dumps({
    "random": random.random(), "numpy": float(numpy.random.random()),
    "generator": float(numpy.random.default_rng().random()), "uuid1": str(uuid.uuid1()), "uuid4": str(uuid.uuid4()),
    "secrets": secrets.token_hex(), "urandom": os.urandom(8).hex(), "tempfile": name,
    "authkey": hashlib.sha256(multiprocessing.current_process().authkey).hexdigest(), "pid": os.getpid(),
    "states": sorted({hashlib.sha256(repr(s).encode()).hexdigest() for s in states if s is not None}),
}))
"""
#: What a process finds when it starts, but for what is each one's own.
SURROUNDINGS = r"""
import asyncio, joblib, json, locale, multiprocessing, os, re, resource, signal, sys, threading, time
from pathlib import Path
server = str(Path(os.environ["HOME"]).parents[2])
OWN = ("MODEL_PROXY_API_KEY", "_PYVIZ_COMMS_INSTALLED")  # the second is set by what the SDK imports, as joblib's is
own = re.compile(r"kb-?[^/\s']*|\d+|creation-[^/]*")
def plain(value):
    return own.sub("#", str(value).replace(server, "SERVER"))
def kind(fd):
    target = os.readlink(f"/proc/self/fd/{fd}")
    return plain(target)
many = [0, 1]
while many[-2] != many[-1]:  # whoever executes this connects to the channels meanwhile that it does not need at once
    time.sleep(0.3)
    many.append(len(os.listdir("/proc/self/fd")))
print("FOUND", json.dumps({
    "environment": {k: plain(v) for k, v in sorted(os.environ.items()) if k not in OWN},
    "argv": [plain(a) for a in sys.argv], "orig_argv": [plain(a) for a in sys.orig_argv], "path": sys.path,
    "flags": str(sys.flags), "warnings": sys.warnoptions, "executable": sys.executable, "prefix": sys.prefix,
    "cwd": plain(os.getcwd()), "umask": os.umask(0o77), "nice": os.nice(0), "locale": locale.setlocale(locale.LC_ALL),
    "zone": time.tzname, "limits": [resource.getrlimit(n) for n in range(16)],
    "leader": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "signals": {s.name: getattr(signal.getsignal(s), "__qualname__", str(signal.getsignal(s))) for s in signal.Signals},
    "blocked": str(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    "threads": sorted(plain(t.name) for t in threading.enumerate()),
    "descriptors": {n: kind(n) for n in ("0", "1", "2")},
    "many": many[-1],
    "streams": [type(s).__module__ for s in (sys.stdin, sys.stdout, sys.stderr)],
    "main": [sys.modules["__main__"] is sys.modules[__name__], hasattr(sys.modules["__main__"], "__file__")],
    "parent": multiprocessing.parent_process() is None, "name": multiprocessing.current_process().name,
    "method": multiprocessing.get_start_method(), "recursion": sys.getrecursionlimit(),
    "loop": type(asyncio.get_event_loop()).__name__, "hooks": [sys.excepthook.__name__, sys.gettrace() is None],
}))
"""
#: Texts in memory that name the home of another process than this one.
REMEMBER = """
import gc, json, os, sys
from pathlib import Path
work = str(Path(os.environ["HOME"]).parents[1])
gc.unfreeze()
found = set()
for name, module in list(sys.modules.items()):
    todo, seen = [module], set()
    while todo and len(seen) < 20000:
        one = todo.pop()
        for inner in gc.get_referents(one):
            if id(inner) in seen or inner is sys.modules:
                continue
            seen.add(id(inner))
            if isinstance(inner, (str, bytes)) or hasattr(type(inner), "__fspath__"):
                text = os.fsdecode(inner) if not isinstance(inner, str) else inner
                if work + "/template-" in text:
                    found.add(name)
            elif isinstance(inner, (dict, list, tuple, set, frozenset)) or type(inner).__module__ == name:
                todo.append(inner)
print("FOUND", json.dumps(sorted(found)))
"""

#: Whom httpx's clients trust, by default and where a file of authorities is named, and what many of them cost.
TRUST = """
import httpx, json, os, time
from httpx._config import create_ssl_context
for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)
def context():
    return httpx.Client()._transport._pool._ssl_context
def settings(one):
    names = ("verify_mode", "verify_flags", "check_hostname", "options", "minimum_version", "keylog_filename")
    return [repr(getattr(one, name)) for name in names] + [repr(one.get_ciphers())]
def authorities(one):
    return [one.cert_store_stats(), sorted(map(repr, one.get_ca_certs()))]
def seconds(make):
    start = time.process_time()
    made = [make() for _ in range(40)]
    return time.process_time() - start
def ask():
    with httpx.Client() as client:
        try:
            return client.get("%(url)s").text
        except httpx.ConnectError as error:
            return "refused" if "CERTIFICATE_VERIFY_FAILED" in str(error) else str(error)
first, second, plain = context(), context(), create_ssl_context()
found = {"settings": settings(first) == settings(second) == settings(plain),
         "authorities": authorities(first) == authorities(second) == authorities(plain),
         "cheap": seconds(context) < seconds(create_ssl_context) / 4, "unknown": [ask(), ask()]}
os.environ["SSL_CERT_FILE"] = "%(file)s"
found["named"] = [ask(), ask()]
os.environ["SSL_CERT_FILE"] = "%(file)s.none"
try:
    context()
except FileNotFoundError:
    found["missing"] = "raises"
print("FOUND", json.dumps(found))
"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A web server that nobody's authorities vouch for: its address, and the file of those that do."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("secure")
    file, both = folder / "authority.pem", folder / "both.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    both.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + file.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_args):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        web.socket = context.wrap_socket(web.socket, server_side=True)
        web.handle_error = lambda *_args: None  # a client that refuses it hangs up
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{web.server_port}", file
        web.shutdown()


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder that the servers find packages in."""
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A server that starts each run's processes."""
    running = Server(tmp_path_factory.mktemp("started") / "home", "--no-fork")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """A server that forks them: no test ends its template, which imports for 5 s of a core what the SDK does."""
    running = Server(tmp_path_factory.mktemp("forked") / "home", ahead=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def light(tmp_path_factory, packages):
    """A server that forks them off templates which are there in a moment, for tests that end those."""
    path = os.pathsep.join([FEW_PACKAGES["PYTHONPATH"], str(packages)])
    running = Server(tmp_path_factory.mktemp("light") / "home", ahead=True, env={"PYTHONPATH": path})
    yield running
    running.stop()


@pytest.fixture(params=["started", "forked"])
def one(request):
    """A server, in both ways."""
    return request.getfixturevalue(request.param)


def newest_logs(server, number):
    """Return the logs of the last creations."""
    paths = sorted((server.home / "creations").iterdir(), key=lambda folder: int(folder.name))[-number:]
    texts = [(path / "log.jsonl").read_text() for path in paths]
    return ["".join(json.loads(line)["data"] for line in text.splitlines()) for text in texts]


def found(server, slug, code):
    """Return what code finds in a run of its own."""
    server.push(slug, plain(slug, code))
    assert server.creation(slug) == ("COMPLETED", "")
    [log] = newest_logs(server, 1)
    return json.loads(log.partition("FOUND ")[2].splitlines()[0])


def template(server):
    return next(
        (
            p
            for p in server.family()
            if "kbench_jupyter.local.template" in " ".join(p.cmdline())
            and p.name() not in ("kbench-kernel", "kbench-runner")
        ),
        None,
    )


def ready(server):
    """Have a template ready, and return its process."""
    server.call(
        "CreateDefaultModelProxyToken", {}, PROXY
    )  # for the first one: it is started before its job comes
    server.push("first", plain("first"))
    assert server.creation("first") == ("COMPLETED", "")
    return template(server)


def test_a_run_finds_nothing_of_the_one_before_it_which_spoiled_all_it_could_and_died(one):
    one.push("spoils", plain("spoils", SPOIL))
    assert one.creation("spoils") == (
        "ERRORED",
        "The kernel died (out of memory, or a crash in native code).",
    )
    assert (one.home / "was-spoiled").exists()
    assert not [p for p in one.family() if "time.sleep(600)" in " ".join(p.cmdline())]
    assert found(one, "looks", LOOK) == {
        "environment": [None, False],
        "modules": [False] * 4,
        "numbers": False,
        "files": [False, [], False],
        "mask": 0o77,
        "signal": False,
    }


def test_two_runs_draw_different_numbers_wherever_they_draw_them(one):
    first, second = (found(one, slug, DRAW) for slug in ("draws", "draws-again"))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] == second[name]] == []
    assert set(first["states"]) & set(second["states"]) == set(), "no generator was seeded before the fork"


def test_the_clients_of_a_run_trust_whom_any_client_trusts_and_those_of_a_forked_one_cost_little(one, secure):
    url, file = secure
    seen = found(one, "trusts", TRUST % {"url": url, "file": file})
    cheap = seen.pop("cheap")
    assert seen == {
        "settings": True,
        "authorities": True,
        "unknown": ["refused", "refused"],
        "named": ["here", "here"],
        "missing": "raises",
    }
    assert cheap or "--no-fork" in one.options


def test_two_runs_side_by_side_draw_different_numbers(forked):
    # Each waits until the other one is there.
    meet = "import os, pathlib, time\nhome = pathlib.Path(os.environ['HOME']).parents[2]\n"
    meet += "(home / f'here-{os.getpid()}').touch()\n"
    meet += "while len(list(home.glob('here-*'))) < 2:\n    time.sleep(0.05)\n"
    for slug in ("left", "right"):
        forked.push(slug, plain(slug, meet + DRAW))
    assert [forked.creation(slug)[0] for slug in ("left", "right")] == ["COMPLETED", "COMPLETED"]
    drawn = [json.loads(text.partition("FOUND ")[2].splitlines()[0]) for text in newest_logs(forked, 2)]
    assert [name for name in drawn[0] if drawn[0][name] == drawn[1][name]] == []


def test_a_forked_kernel_finds_itself_where_a_started_one_does(started, forked):
    seen = [found(server, "around", SURROUNDINGS) for server in (started, forked)]
    assert {key: (seen[0][key], seen[1][key]) for key in seen[0] if seen[0][key] != seen[1][key]} == {}


def test_a_forked_kernel_remembers_nothing_of_the_templates_home(forked):
    assert found(forked, "remembers", REMEMBER) == []


def test_a_template_that_is_killed_costs_no_run(light):
    one = light
    first = ready(one)
    first.kill()
    assert one.run_now("first")["state"] == "COMPLETED"
    assert template(one).pid != first.pid
    code = "import time\nopen(__import__('os').environ['HOME'] + '/up', 'w').close()\ntime.sleep(3)"
    one.push("long", plain("long", code))
    wait_for(lambda: list((one.home / "work").glob("*/home/up")), 60, "a run to be going")
    template(one).kill()
    assert one.creation("long") == ("COMPLETED", ""), "what it has forked goes on"


def test_once_packages_have_changed_a_new_template_imports_them(light, packages):
    one = light
    first = ready(one)
    (packages / "brand_new.py").write_text("")
    assert one.run_now("first")["state"] == "COMPLETED"
    assert template(one).pid != first.pid, "packages have changed since it imported them"
    assert not first.is_running()


def test_a_notebook_that_installs_packages_gets_a_kernel_that_has_imported_none(forked):
    one = forked
    code = "import json, sys\nprint('FOUND', json.dumps('pandas' in sys.modules))"
    assert found(one, "imports", code) is True
    assert found(one, "installs", "# pip\n" + code) is False


def test_after_a_restart_what_waits_is_forked_off_one_template_as_what_is_new(make_server):
    one = make_server("--workers", "2", env=FEW_PACKAGES, ahead=True)
    first = ready(one)
    # What no kernel imports, and a template for its runners.
    code = "import os, sys, time\nprint('FOUND', 'nbclient' in sys.modules)\n"
    stopped = code + f"while not os.path.exists({str(one.home / 'on')!r}):\n    time.sleep(0.05)"
    waiting = [f"waits-{number}" for number in range(5)]
    for slug in waiting:
        one.push(slug, plain(slug, stopped))
    one.kill()
    (one.home / "on").touch()
    one.start()
    pids = set()
    for slug in waiting:
        assert one.creation(slug) == ("COMPLETED", "")
        pids.add(template(one).pid)
    assert len(pids - {first.pid}) == len(pids) == 1
    logs = [path.read_text() for path in (one.home / "creations").glob("*/log.jsonl")]
    assert sum("FOUND True" in text for text in logs) == len(waiting)


def test_everything_ends_with_a_server_that_is_killed(light):
    one = light
    ready(one)
    begun = one.home / "begun"
    code = f"import pathlib, time\nbegun = pathlib.Path({str(begun)!r})\n"
    one.push("long", plain("long", code + "if not begun.exists():\n    begun.touch()\n    time.sleep(600)"))
    wait_for(begun.exists, 60, "its first cell")
    family = one.family()
    assert len(family) >= 3
    one.kill()
    _gone, alive = psutil.wait_procs(family, timeout=15)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    one.start()
    left = {path.name.partition("-")[0] for path in (one.home / "work").iterdir()}
    assert left <= {"creation", "template"}, "the job that is begun again, and what that is forked off"


def test_nobody_s_template_goes_after_a_while_and_none_is_started_without_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "IDLE", 0.0)
    monkeypatch.setenv("PYTHONPATH", FEW_PACKAGES["PYTHONPATH"])
    started = []

    class Noting(Children):
        async def start(self, *what, **how):
            started.append(list(tmp_path.glob("template-*")))
            return await super().start(*what, **how)

    async def use():
        some = Templates(tmp_path, Noting(tmp_path, alone=False))
        some.expect()
        await asyncio.wait_for(_gone(), 60)
        monkeypatch.setattr(templates, "free_memory", lambda: 0)
        assert await some.fork(lambda ask: ask(tmp_path, ())) is None
        assert len(started) == 1
        await some.close()

    async def _gone():
        while not started or started[0][0].exists():
            await asyncio.sleep(0.05)

    own_loop.run(use())


def test_who_asks_a_template_after_one_that_gave_up_gets_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", FEW_PACKAGES["PYTHONPATH"])
    first, second = (tmp_path / name for name in ("first", "second"))

    async def use():
        some = Templates(tmp_path, Children(tmp_path, alone=False))
        asked, template = asyncio.Event(), []

        async def give_up(ask):
            template.extend(psutil.Process().children())
            template[0].suspend()
            asked.set()
            return await ask(tmp_path, [reading, writing, err.fileno()])

        reading, writing = os.pipe()
        with first.open("wb") as err:
            giving_up = asyncio.create_task(some.fork(give_up))
            await asked.wait()
            giving_up.cancel()
            await asyncio.gather(giving_up, return_exceptions=True)
            with suppress(psutil.NoSuchProcess):
                template[0].resume()
        with second.open("wb") as err:
            pid = await some.fork(lambda ask: ask(tmp_path, [reading, writing, err.fileno()]))
        assert Path(f"/proc/{pid}/fd/2").readlink() == second
        os.kill(pid, signal.SIGKILL)
        for descriptor in (reading, writing):
            os.close(descriptor)
        await some.close()

    own_loop.run(use())

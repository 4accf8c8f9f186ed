"""Every subcommand of ``%kbench``, declared once."""

from __future__ import annotations

from typing import Any

from kbench_jupyter.magics.grammar import Arg, Command, Grammar


def _flag(names: str, help: str) -> Arg:
    return Arg(tuple(names.split()), help, flag=True)


def _value(names: str, help: str, metavar: str, kind: str = "text", **more: Any) -> Arg:
    return Arg(tuple(names.split()), help, kind, metavar=metavar, **more)


def _folder(help: str) -> Arg:
    return _value("-o --output", f"{help} (default: here)", "DIR", "file", default=".")


_TASK = _value(
    "task", "task name or slug; may be left out when the notebook stores exactly one", "TASK", "task"
)
_FILE = _value("-f --file", "a .ipynb, .py or .md file instead of the current notebook", "FILE", "file")
_MODELS = _value("-m --model", "model, or a pattern; repeat for several", "MODEL", "model", many=True)
_ENV = _value("--env-file", "the env file (default: .env)", "PATH", "file")
_WAIT = _value(
    "--wait",
    "wait for the end, at most that many seconds (no number: as long as it takes)",
    "SECONDS",
    "number",
    optional_value=0.0,
)
_POLL = _value(
    "--poll-interval", "most seconds between two looks while waiting", "SECONDS", "number", default=60.0
)
_OVERWRITE = _flag("--force", "overwrite an existing file")
_YES = _flag("-y --yes --no-confirm", "do not ask")
_VERBOSE = _flag("-v --verbose", "accepted, as the official client does; progress is always shown")
_FORMAT = (
    _value(
        "--format",
        "print the listing as table, csv or json, and nothing else; 'json(model, state)' takes those columns",
        "FORM",
        "form",
        choices=("table", "csv", "json"),
    ),
    _flag("-v --csv", "the same as --format csv"),
)
_INTO = "write the listing into a file that ends in .csv, .json or .txt; one that is there is replaced"
#: What each listing takes to be text or a file for other programs (`magics.listing` does it).
_LISTING = (*_FORMAT, _value("-o --output --to", _INTO, "FILE", "file"))
_ALL_LISTED = "accepted, as the official client does; all are always listed"

#: The orders of topics, `actions.topics.SORTS`: any other is refused there, with a word on what there is.
_SORTS = ("hot", "top", "new", "recent", "active", "relevance")

COMMANDS = (
    Command(
        "init",
        "fetch model proxy credentials, choose models, write an example task",
        (
            _ENV,
            _value(
                "--example-file", "where the example task goes", "PATH", "file", default="example_task.py"
            ),
            _flag("--no-example", "write no example and no reference"),
            _flag("--reset-models", "choose the models anew"),
            _flag("--all-models", "list every model that can run in LLMS_AVAILABLE, not just the first 20"),
            _YES,
        ),
        ("%kbench init", "%kbench init --env-file ~/secrets/.env --no-example"),
    ),
    Command(
        "auth",
        "fetch model proxy credentials only (they last two hours)",
        (_ENV, _YES),
        ("%kbench auth",),
    ),
    Command(
        "validate",
        "check the rules, then run this notebook's task once in a fresh kernel",
        (
            _TASK,
            _FILE,
            _flag("--static", "only check the rules, run nothing"),
            _flag("--dry-run", "run it on a stand-in model: no server, no credentials, no cost"),
            _value("--rows", "with --dry-run: most rows that .evaluate runs (default: all)", "N", "number"),
            _flag("--fix", "show safe fixes of what the rules find, the first in a new cell"),
            _value("-m --model", "rehearse with this model instead of the default", "MODEL", "model"),
            _value("--timeout", "most seconds the rehearsal may take", "SECONDS", "number"),
            _value(
                "--pass-env",
                "let the task have that environment variable of yours; repeat for several",
                "NAME",
                many=True,
            ),
            _ENV,
        ),
        (
            "%kbench validate",
            "%kbench validate --static",
            "%kbench validate --dry-run --rows 5",
            "%kbench validate --fix",
            "%kbench validate -f task.py -m gemini-2.5-flash",
        ),
        cell=True,
    ),
    Command(
        "new",
        "put a worked pattern of the task SDK into the next cell, or list them all",
        (_value("pattern", "a pattern, for example judge", "PATTERN", "pattern"),),
        ("%kbench new", "%kbench new minimal", "%kbench new structured-output"),
    ),
    Command(
        "push",
        "send this notebook as the next version of its task",
        (
            _TASK,
            _FILE,
            _value(
                "-d --kaggle-dataset", "attach a Kaggle dataset; repeat for several", "OWNER/NAME", many=True
            ),
            _WAIT,
            _POLL,
            _flag("--detach-datasets", "do not keep the datasets of the version before"),
            _flag("--again", "push even what is on the server already"),
            _flag("--force", "push in spite of findings"),
            _VERBOSE,
        ),
        ("%kbench push --wait", "%kbench push my-task -f task.py -d owner/dataset"),
        cell=True,
    ),
    Command("show", "show what would be pushed, cell by cell", (_TASK, _FILE), ("%kbench show",), cell=True),
    Command(
        "export",
        "write what would be pushed as a .py file",
        (_value("path", "the file to write", "PATH.py", "file", default=...), _FILE, _OVERWRITE),
        ("%kbench export task.py",),
        cell=True,
    ),
    Command(
        "pull",
        "bring a pushed task's source back as a notebook or a .py file",
        (
            _TASK,
            _value("-o --output", "the file to write (default: TASK.ipynb)", "PATH", "file"),
            _OVERWRITE,
        ),
        ("%kbench pull my-task", "%kbench pull my-task -o my_task.py"),
    ),
    Command(
        "rule",
        "explain a rule, or list them all",
        (_value("code", "a rule code, for example KB101", "CODE", "rule"),),
        ("%kbench rule", "%kbench rule KB101"),
    ),
    Command(
        "run",
        "run a task on models",
        (
            _TASK,
            _MODELS,
            _value("--reasoning-effort", "reasoning effort of the models", "EFFORT", "effort"),
            _value("--agent", "agent; repeat for several", "AGENT", many=True),
            _flag("--retry-errored", "run again on the candidates whose newest run errored, each as it was"),
            _WAIT,
            _POLL,
            _VERBOSE,
        ),
        (
            "%kbench run -m gemini-2.5-flash -m claude-haiku-4-5 --wait",
            "%kbench run my-task -m 'gemini*' --reasoning-effort high",
            "%kbench run my-task --retry-errored --wait",
        ),
        cell=True,
    ),
    Command(
        "cancel",
        "stop a task's queued runs, or with --running those that are going, too",
        (
            _TASK,
            _MODELS,
            _value("--run", "only that run; repeat for several", "ID", "run", many=True),
            _flag("--running", "also runs that have begun"),
            _YES,
        ),
        (
            "%kbench cancel",
            "%kbench cancel my-task -m 'gemini*' --running",
            "%kbench cancel my-task --run 1234 -y",
        ),
    ),
    Command(
        "list",
        "list your tasks, or those of somebody else or of a benchmark",
        (
            _value("--name-regex --regex", "only tasks whose name matches", "REGEX"),
            _value("--status", "only tasks in that state", "STATE"),
            _value("--owner", "the tasks of somebody else, those that you may see", "OWNER"),
            _value("--benchmark", "the tasks in a benchmark", "OWNER/BENCHMARK"),
            _flag("--all", _ALL_LISTED),
            _value("--page-size", _ALL_LISTED, "N"),
            *_LISTING,
        ),
        ("%kbench list", "%kbench list --name-regex ^math --status errored", "%kbench list -o tasks.csv"),
        aliases=("ls",),
    ),
    Command(
        "status",
        "show a task and its runs",
        (
            _TASK,
            _MODELS,
            _flag("-e --errors", "with the whole message of each error"),
            _flag("--live", "in a panel that keeps itself up to date"),
            *_LISTING,
        ),
        (
            "%kbench status",
            "%kbench status my-task --errors",
            "%kbench status --live",
            "%kbench status --format json",
        ),
    ),
    Command(
        "log",
        "show what the runs of every version print, live while they go",
        (
            _TASK,
            _MODELS,
            _flag("--no-follow", "print what is there and stop"),
            _flag("--live", "in a panel: a tab a run, search, follow and pause"),
            _value("-o --output", "into a file instead", "PATH", "file"),
            _OVERWRITE,
        ),
        (
            "%kbench log",
            "%kbench log my-task -m gemini-2.5-flash",
            "%kbench log --live",
            "%kbench log -o log.txt",
        ),
        aliases=("logs",),
    ),
    Command(
        "download",
        "fetch what the runs left",
        (
            _TASK,
            _MODELS,
            _folder("folder"),
            _flag("-s --include-source", "with the notebooks they ran"),
            _flag("-f --force", "fetch again what is there already"),
        ),
        ("%kbench download -o results", "%kbench download my-task -s"),
    ),
    Command(
        "results",
        "compare what the runs came to",
        (
            _TASK,
            _MODELS,
            _folder(
                "folder of downloads"
            ),  # as everywhere where runs are fetched, so the file has another name
            *_FORMAT,
            _value("--to", _INTO, "FILE", "file"),
        ),
        ("%kbench results -o results", "%kbench results --to runs.csv"),
    ),
    Command(
        "up",
        "the whole chain: validate, push, run, compare, after one yes",
        (_TASK, _FILE, _MODELS, _folder("folder for downloads"), _YES),
        (
            "%kbench up -m gemini-2.5-flash -m 'claude*' -o results",
            "%kbench up my-task -f task.py -m gpt-5 -y",
        ),
        cell=True,
    ),
    Command(
        "publish",
        "make a task public",
        (
            _TASK,
            _flag("--no-publish-backing-notebook", "keep the notebook behind it private"),
            _flag("--artifacts", "also its runs' files, logs and outputs, which cannot be undone"),
            _YES,
        ),
        ("%kbench publish my-task", "%kbench publish my-task --no-publish-backing-notebook -y"),
    ),
    Command(
        "describe",
        "show a task's page (description, tags, citations, provenance), or change it",
        (
            _TASK,
            _flag("--edit", "put the page into a cell below; running that changes it"),
            _value(
                "--from",
                "change it to what that file says, written as --edit shows it, after a diff and a question",
                "FILE",
                "file",
            ),
            _YES,
            *_LISTING,
        ),
        ("%kbench describe my-task", "%kbench describe --edit", "%kbench describe my-task --from page.md"),
        cell=True,
        cell_is="the task's page",
    ),
    Command("delete", "say why a task cannot be deleted from here", (_TASK, _YES), ("%kbench delete",)),
    Command("quota", "show what runs may cost, and have cost", _LISTING, ("%kbench quota",)),
    Command(
        "leaderboard",
        "show a benchmark's leaderboard",
        (
            _value("benchmark", "the benchmark", "OWNER/BENCHMARK", default=...),
            _value("--version", "a version other than the newest", "N", "number"),
            _flag("-s --show", "show it, which goes without saying unless it is written into a file"),
            _flag("-d --download", "write it into BENCHMARK_leaderboard.csv"),
            _value("-p --path", "the folder that -d writes into (default: here)", "DIR", "file"),
            *_LISTING,
        ),
        (
            "%kbench leaderboard kaggle/some-benchmark --version 2",
            "%kbench leaderboard kaggle/some-benchmark -d -p boards",
        ),
    ),
    Command(
        "benchmark",
        "show the tasks in a benchmark, put tasks into one of yours, or take them out",
        (
            _value(
                "what",
                "what to do with it",
                "show|add|remove",
                "choice",
                default=...,
                choices=("show", "add", "remove"),
            ),
            _value("benchmark", "the benchmark", "OWNER/BENCHMARK", default=...),
            _value("tasks", "tasks to add or to remove", "TASK", "task", many=True),
            *_LISTING,
        ),
        (
            "%kbench benchmark show kaggle/some-benchmark",
            "%kbench benchmark add me/my-benchmark my-task other-task",
        ),
    ),
    Command(
        "topics",
        "list what is discussed about a benchmark, or show a topic with its comments",
        (
            _value("what", "what to do", "list|show", "choice", default=..., choices=("list", "show")),
            _value(
                "ref",
                "list: the benchmark; show: the topic's id, alone or after the benchmark and a slash",
                "OWNER/BENCHMARK|TOPIC",
            ),
            _value("topic", "show: the topic's id, where the benchmark stands before it", "TOPIC"),
            _value("--sort-by", f"list: {', '.join(_SORTS)}", "ORDER", "order", choices=_SORTS),
            _value("-s --search", "list: only topics about that", "TEXT"),
            _value("--page-size", "only so many topics or comments (default: all)", "N", "number"),
            _value("--page-token", "begin with that page, as a listing before told it", "TOKEN"),
            *_LISTING,
        ),
        (
            "%kbench topics list kaggle/some-benchmark --sort-by new",
            "%kbench topics show 123456",
        ),
    ),
    Command(
        "models",
        "list the models tasks can run on",
        (
            _value(
                "--modality",
                "only models that take it",
                "MODALITY",
                "choice",
                choices=("text", "image", "audio", "video"),
            ),
            _value("--search", "only models whose slug, name or maker holds this", "TEXT"),
            *_LISTING,
        ),
        ("%kbench models", "%kbench models --modality image --search gemini"),
    ),
    Command(
        "target",
        "show or set the server spoken to",
        (_value("name", "kaggle or local", "kaggle|local", "target"),),
        ("%kbench target", "%kbench target local"),
    ),
    Command("whoami", "show account, server spoken to and quota left", (), ("%kbench whoami",)),
    Command("config", "show each setting and where its value came from", (), ("%kbench config",)),
    Command(
        "local",
        "the embedded server: runs tasks on this machine",
        (
            _value(
                "what",
                "what to do with it",
                "start|stop|status|log|clean|reset",
                "choice",
                default="status",
                choices=("start", "stop", "status", "log", "clean", "reset"),
            ),
            _value(
                "--upstream",
                "start with the models of an OpenAI-compatible endpoint (Ollama, vLLM, a proxy) beside its own",
                "URL",
            ),
            _value(
                "--key-from",
                "the environment variable, or the line of .env, that holds the endpoint's key",
                "VARIABLE",
                "variable",
            ),
            Arg(
                ("--older-than",),
                "clean: delete logs and outputs from this age on (default: 30d, unless --keep is given)",
                metavar="AGE",
            ),
            Arg(("--keep",), "clean: delete the oldest until no more than this is left", metavar="SIZE"),
            _YES,
        ),
        (
            "%kbench local",
            "%kbench local start --upstream http://127.0.0.1:11434/v1",
            "%kbench local start --upstream https://models.example.org/v1 --key-from LAB_KEY",
            "%kbench local clean --older-than 2w --keep 500MB",
            "%kbench local stop",
        ),
    ),
)

GRAMMAR = Grammar(COMMANDS)

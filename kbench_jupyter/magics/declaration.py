"""Every subcommand of ``%kbench``, declared once."""

from __future__ import annotations

from kbench_jupyter.magics.grammar import Arg, Command, Grammar

_TASK = Arg(
    ("task",),
    "task name or slug; may be left out when the notebook stores exactly one",
    "task",
    metavar="TASK",
)
_FILE = Arg(
    ("-f", "--file"), "a .ipynb, .py or .md file instead of the current notebook", "file", metavar="FILE"
)
_MODELS = Arg(("-m", "--model"), "model; repeat for several", "model", many=True, metavar="MODEL")
_ENV = Arg(("--env-file",), "the env file (default: .env)", "file", metavar="PATH")
_WAIT = Arg(
    ("--wait",),
    "wait for the end, at most that many seconds (no number: as long as it takes)",
    "number",
    optional_value=0.0,
    metavar="SECONDS",
)
_POLL = Arg(
    ("--poll-interval",),
    "most seconds between two looks while waiting",
    "number",
    default=60.0,
    metavar="SECONDS",
)
_OVERWRITE = Arg(("--force",), "overwrite an existing file", flag=True)
_YES = Arg(("-y", "--yes", "--no-confirm"), "do not ask", flag=True)

COMMANDS = (
    Command(
        "init",
        "fetch model proxy credentials, choose models, write an example task",
        "init",
        (
            _ENV,
            Arg(
                ("--example-file",),
                "where the example task goes",
                "file",
                default="example_task.py",
                metavar="PATH",
            ),
            Arg(("--no-example",), "write no example and no reference", flag=True),
            Arg(("--reset-models",), "choose the models anew", flag=True),
            _YES,
        ),
        examples=("%kbench init", "%kbench init --env-file ~/secrets/.env --no-example"),
    ),
    Command(
        "auth",
        "fetch model proxy credentials only (they last two hours)",
        "auth",
        (_ENV, _YES),
        examples=("%kbench auth",),
    ),
    Command(
        "validate",
        "check the rules, then run this notebook's task once in a fresh kernel",
        "validate",
        (
            _TASK,
            _FILE,
            Arg(("--static",), "only check the rules, run nothing", flag=True),
            Arg(("--dry-run",), "run it on a stand-in model: no server, no credentials, no cost", flag=True),
            Arg(
                ("--rows",),
                "with --dry-run: most rows that .evaluate runs (default: all)",
                "number",
                metavar="N",
            ),
            Arg(("--fix",), "show safe fixes of what the rules find, the first in a new cell", flag=True),
            Arg(
                ("-m", "--model"), "rehearse with this model instead of the default", "model", metavar="MODEL"
            ),
            Arg(("--timeout",), "most seconds the rehearsal may take", "number", metavar="SECONDS"),
            Arg(
                ("--pass-env",),
                "let the task have that environment variable of yours; repeat for several",
                many=True,
                metavar="NAME",
            ),
            _ENV,
        ),
        cell=True,
        examples=(
            "%kbench validate",
            "%kbench validate --static",
            "%kbench validate --dry-run --rows 5",
            "%kbench validate --fix",
            "%kbench validate -f task.py -m gemini-2.5-flash",
        ),
    ),
    Command(
        "new",
        "put a worked pattern of the task SDK into the next cell, or list them all",
        "new",
        (Arg(("pattern",), "a pattern, for example judge", "pattern", metavar="PATTERN"),),
        examples=("%kbench new", "%kbench new minimal", "%kbench new structured-output"),
    ),
    Command(
        "push",
        "send this notebook as the next version of its task",
        "push",
        (
            _TASK,
            _FILE,
            Arg(
                ("-d", "--kaggle-dataset"),
                "attach a Kaggle dataset; repeat for several",
                many=True,
                metavar="OWNER/NAME",
            ),
            _WAIT,
            _POLL,
            Arg(("--detach-datasets",), "do not keep the datasets of the version before", flag=True),
            Arg(("--again",), "push even what is on the server already", flag=True),
            Arg(("--force",), "push in spite of findings", flag=True),
            Arg(
                ("-v", "--verbose"),
                "accepted, as the official client does; progress is always shown",
                flag=True,
            ),
        ),
        cell=True,
        examples=("%kbench push --wait", "%kbench push my-task -f task.py -d owner/dataset"),
    ),
    Command(
        "show",
        "show what would be pushed, cell by cell",
        "show",
        (_TASK, _FILE),
        cell=True,
        examples=("%kbench show",),
    ),
    Command(
        "export",
        "write what would be pushed as a .py file",
        "export",
        (Arg(("path",), "the file to write", "file", default=..., metavar="PATH.py"), _FILE, _OVERWRITE),
        cell=True,
        examples=("%kbench export task.py",),
    ),
    Command(
        "pull",
        "bring a pushed task's source back as a notebook or a .py file",
        "pull",
        (
            _TASK,
            Arg(("-o", "--output"), "the file to write (default: TASK.ipynb)", "file", metavar="PATH"),
            _OVERWRITE,
        ),
        examples=("%kbench pull my-task", "%kbench pull my-task -o my_task.py"),
    ),
    Command(
        "rule",
        "explain a rule, or list them all",
        "rule",
        (Arg(("code",), "a rule code, for example KB101", "rule", metavar="CODE"),),
        examples=("%kbench rule", "%kbench rule KB101"),
    ),
    Command(
        "run",
        "run a task on models",
        "run",
        (
            _TASK,
            _MODELS,
            Arg(("--retry-errored",), "run again on the models whose newest run errored", flag=True),
            _WAIT,
            _POLL,
            Arg(
                ("-v", "--verbose"),
                "accepted, as the official client does; progress is always shown",
                flag=True,
            ),
        ),
        cell=True,
        examples=(
            "%kbench run -m gemini-2.5-flash -m claude-haiku-4-5 --wait",
            "%kbench run my-task -m 'gemini*'",
            "%kbench run my-task --retry-errored --wait",
        ),
    ),
    Command(
        "list",
        "list your tasks",
        "list",
        (
            Arg(("--name-regex", "--regex"), "only tasks whose name matches", metavar="REGEX"),
            Arg(("--status",), "only tasks in that state", metavar="STATE"),
            Arg(("--all",), "accepted, as the official client does; all are always listed", flag=True),
            Arg(
                ("--page-size",), "accepted, as the official client does; all are always listed", metavar="N"
            ),
        ),
        aliases=("ls",),
        examples=("%kbench list", "%kbench list --name-regex ^math --status errored"),
    ),
    Command(
        "status",
        "show a task and its runs",
        "status",
        (
            _TASK,
            _MODELS,
            Arg(("-e", "--errors"), "with the whole message of each error", flag=True),
            Arg(("--live",), "in a panel that keeps itself up to date", flag=True),
        ),
        examples=("%kbench status", "%kbench status my-task --errors", "%kbench status --live"),
    ),
    Command(
        "log",
        "show what the runs of every version print, live while they go",
        "log",
        (
            _TASK,
            _MODELS,
            Arg(("--no-follow",), "print what is there and stop", flag=True),
            Arg(("--live",), "in a panel: a tab a run, search, follow and pause", flag=True),
            Arg(("-o", "--output"), "into a file instead", "file", metavar="PATH"),
            _OVERWRITE,
        ),
        aliases=("logs",),
        examples=(
            "%kbench log",
            "%kbench log my-task -m gemini-2.5-flash",
            "%kbench log --live",
            "%kbench log -o log.txt",
        ),
    ),
    Command(
        "download",
        "fetch what the runs left",
        "download",
        (
            _TASK,
            _MODELS,
            Arg(("-o", "--output"), "folder (default: here)", "file", default=".", metavar="DIR"),
            Arg(("-s", "--include-source"), "with the notebooks they ran", flag=True),
            Arg(("-f", "--force"), "fetch again what is there already", flag=True),
        ),
        examples=("%kbench download -o results", "%kbench download my-task -s"),
    ),
    Command(
        "results",
        "compare what the runs came to",
        "results",
        (
            _TASK,
            _MODELS,
            Arg(
                ("-o", "--output"), "folder of downloads (default: here)", "file", default=".", metavar="DIR"
            ),
        ),
        examples=("%kbench results -o results",),
    ),
    Command(
        "up",
        "the whole chain: validate, push, run, compare, after one yes",
        "up",
        (
            _TASK,
            _FILE,
            _MODELS,
            Arg(
                ("-o", "--output"), "folder for downloads (default: here)", "file", default=".", metavar="DIR"
            ),
            _YES,
        ),
        cell=True,
        examples=(
            "%kbench up -m gemini-2.5-flash -m 'claude*' -o results",
            "%kbench up my-task -f task.py -m gpt-5 -y",
        ),
    ),
    Command(
        "publish",
        "make a task public",
        "publish",
        (
            _TASK,
            Arg(("--no-publish-backing-notebook",), "keep the notebook behind it private", flag=True),
            _YES,
        ),
        examples=("%kbench publish my-task", "%kbench publish my-task --no-publish-backing-notebook -y"),
    ),
    Command(
        "delete",
        "say why a task cannot be deleted from here",
        "delete",
        (_TASK, _YES),
        examples=("%kbench delete",),
    ),
    Command("quota", "show what runs may cost, and have cost", "quota", examples=("%kbench quota",)),
    Command(
        "leaderboard",
        "show a benchmark's leaderboard",
        "leaderboard",
        (
            Arg(("benchmark",), "the benchmark", default=..., metavar="OWNER/BENCHMARK"),
            Arg(("--version",), "a version other than the newest", "number", metavar="N"),
            Arg(("-s", "--show"), "accepted, as the official client does; it is always shown", flag=True),
        ),
        examples=("%kbench leaderboard kaggle/some-benchmark --version 2",),
    ),
    Command(
        "models",
        "list the models tasks can run on",
        "models",
        (
            Arg(
                ("--modality",),
                "only models that take it",
                "choice",
                choices=("text", "image", "audio", "video"),
                metavar="MODALITY",
            ),
            Arg(("--search",), "only models whose slug, name or maker holds this", metavar="TEXT"),
        ),
        examples=("%kbench models", "%kbench models --modality image --search gemini"),
    ),
    Command(
        "target",
        "show or set the server spoken to",
        "target",
        (Arg(("name",), "kaggle or local", "target", metavar="kaggle|local"),),
        examples=("%kbench target", "%kbench target local"),
    ),
    Command(
        "config", "show each setting and where its value came from", "config", examples=("%kbench config",)
    ),
    Command(
        "local",
        "the embedded server: runs tasks on this machine",
        "local",
        (
            Arg(
                ("what",),
                "what to do with it",
                "choice",
                default="status",
                choices=("start", "stop", "status", "log", "clean", "reset"),
                metavar="start|stop|status|log|clean|reset",
            ),
            Arg(
                ("--upstream",),
                "start with the models of an OpenAI-compatible endpoint (Ollama, vLLM, a proxy) beside its own",
                metavar="URL",
            ),
            Arg(
                ("--key-from",),
                "the environment variable, or the line of .env, that holds the endpoint's key",
                "variable",
                metavar="VARIABLE",
            ),
            Arg(
                ("--older-than",),
                "clean: delete logs and outputs from this age on (default: 30d, unless --keep is given)",
                metavar="AGE",
            ),
            Arg(("--keep",), "clean: delete the oldest until no more than this is left", metavar="SIZE"),
            _YES,
        ),
        examples=(
            "%kbench local",
            "%kbench local start --upstream http://127.0.0.1:11434/v1",
            "%kbench local start --upstream https://models.example.org/v1 --key-from LAB_KEY",
            "%kbench local clean --older-than 2w --keep 500MB",
            "%kbench local stop",
        ),
    ),
)

GRAMMAR = Grammar(COMMANDS)

"""Subcommands of a task's source: from credentials and a first pattern to a pushed version."""

from __future__ import annotations

from kbench_jupyter.magics.declaration.arguments import (
    ENV,
    FILE,
    OVERWRITE,
    POLL,
    TASK,
    VERBOSE,
    WAIT,
    YES,
    flag,
    value,
)
from kbench_jupyter.magics.grammar import Command

OF_A_SOURCE = (
    Command(
        "init",
        "fetch model proxy credentials, choose models, write an example task",
        (
            ENV,
            value("--example-file", "where the example task goes", "PATH", "file", default="example_task.py"),
            flag("--no-example", "write no example and no reference"),
            flag("--reset-models", "choose the models anew"),
            flag("--all-models", "list every model that can run in LLMS_AVAILABLE, not just the first 20"),
            YES,
        ),
        ("%kbench init", "%kbench init --env-file ~/secrets/.env --no-example"),
    ),
    Command(
        "auth",
        "fetch model proxy credentials only (they last two hours)",
        (ENV, YES),
        ("%kbench auth",),
    ),
    Command(
        "validate",
        "check the rules, then run this notebook's task once in a fresh kernel",
        (
            TASK,
            FILE,
            flag("--static", "only check the rules, run nothing"),
            flag("--dry-run", "run it on a stand-in model: no server, no credentials, no cost"),
            value("--rows", "with --dry-run: most rows that .evaluate runs (default: all)", "N", "count"),
            flag("--fix", "show safe fixes of what the rules find, the first in a new cell"),
            value("-m --model", "rehearse with this model instead of the default", "MODEL", "model"),
            value("--timeout", "most seconds the rehearsal may take", "SECONDS", "number"),
            value(
                "--pass-env",
                "let the task have that environment variable of yours; repeat for several",
                "NAME",
                many=True,
            ),
            ENV,
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
        (value("pattern", "a pattern, for example judge", "PATTERN", "pattern"),),
        ("%kbench new", "%kbench new minimal", "%kbench new structured-output"),
    ),
    Command(
        "push",
        "send this notebook as the next version of its task",
        (
            TASK,
            FILE,
            value(
                "-d --kaggle-dataset", "attach a Kaggle dataset; repeat for several", "OWNER/NAME", many=True
            ),
            WAIT,
            POLL,
            flag("--detach-datasets", "do not keep the datasets of the version before"),
            flag(
                "--describe",
                "make the first markdown cell the description on the task's page, after a diff and a question",
            ),
            flag("--again", "push even what is on the server already"),
            flag("--force", "push in spite of findings"),
            YES,
            VERBOSE,
        ),
        (
            "%kbench push --wait",
            "%kbench push --wait --describe",
            "%kbench push my-task -f task.py -d owner/dataset",
        ),
        cell=True,
    ),
    Command("show", "show what would be pushed, cell by cell", (TASK, FILE), ("%kbench show",), cell=True),
    Command(
        "export",
        "write what would be pushed as a .py file",
        (value("path", "the file to write", "PATH.py", "file", default=...), FILE, OVERWRITE),
        ("%kbench export task.py",),
        cell=True,
    ),
    Command(
        "pull",
        "bring a pushed task's source back as a notebook or a .py file",
        (
            TASK,
            value("-o --output", "the file to write (default: TASK.ipynb)", "PATH", "file"),
            OVERWRITE,
        ),
        ("%kbench pull my-task", "%kbench pull my-task -o my_task.py"),
    ),
    Command(
        "rule",
        "explain a rule, or list them all",
        (value("code", "a rule code, for example KB101", "CODE", "rule"),),
        ("%kbench rule", "%kbench rule KB101"),
    ),
)

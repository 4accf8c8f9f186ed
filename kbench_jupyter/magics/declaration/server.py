"""Subcommands of what a server has beside runs: pages, benchmarks, models, and which server it is."""

from __future__ import annotations

from kbench_jupyter.magics.declaration.arguments import (
    FORMAT,
    INTO,
    LISTING,
    SORTS,
    TASK,
    YES,
    flag,
    value,
)
from kbench_jupyter.magics.grammar import Arg, Command

OF_A_SERVER = (
    Command(
        "publish",
        "make a task public",
        (
            TASK,
            flag("--no-publish-backing-notebook", "keep the notebook behind it private"),
            flag("--artifacts", "also its runs' files, logs and outputs, which cannot be undone"),
            YES,
        ),
        ("%kbench publish my-task", "%kbench publish my-task --no-publish-backing-notebook -y"),
    ),
    Command(
        "describe",
        "show a task's page (description, tags, citations, provenance), or change it",
        (
            TASK,
            flag("--edit", "put the page into a cell below; running that changes it"),
            value(
                "--from",
                "change it to what that file says, written as --edit shows it, after a diff and a question",
                "FILE",
                "file",
            ),
            YES,
            *FORMAT,
            value("-o --output --to", f"{INTO}; one in .md is what --from reads", "FILE", "file"),
        ),
        (
            "%kbench describe my-task",
            "%kbench describe --edit",
            "%kbench describe my-task -o page.md",
            "%kbench describe my-task --from page.md",
        ),
        cell=True,
        cell_is="the task's page",
    ),
    Command("delete", "say why a task cannot be deleted from here", (TASK, YES), ("%kbench delete",)),
    Command("quota", "show what runs may cost, and have cost", LISTING, ("%kbench quota",)),
    Command(
        "leaderboard",
        "show a benchmark's leaderboard",
        (
            value("benchmark", "the benchmark", "OWNER/BENCHMARK", default=...),
            value("--version", "a version other than the newest", "N", "count"),
            flag("-s --show", "show it, which goes without saying unless it is written into a file"),
            flag("-d --download", "write it into BENCHMARK_leaderboard.csv"),
            value("-p --path", "the folder that -d writes into (default: here)", "DIR", "file"),
            *LISTING,
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
            value(
                "what",
                "what to do with it",
                "show|add|remove",
                "choice",
                default=...,
                choices=("show", "add", "remove"),
            ),
            value("benchmark", "the benchmark", "OWNER/BENCHMARK", default=...),
            value("tasks", "tasks to add or to remove", "TASK", "task", many=True),
            *LISTING,
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
            value("what", "what to do", "list|show", "choice", default=..., choices=("list", "show")),
            value(
                "ref",
                "list: the benchmark; show: the topic's id, alone or after the benchmark and a slash",
                "OWNER/BENCHMARK|TOPIC",
            ),
            value("topic", "show: the topic's id, where the benchmark stands before it", "TOPIC"),
            value("--sort-by", f"list: {', '.join(SORTS)}", "ORDER", "order", choices=SORTS),
            value("-s --search", "list: only topics about that", "TEXT"),
            value("--page-size", "only so many topics or comments (default: all)", "N", "count"),
            value("--page-token", "begin with that page, as a listing before told it", "TOKEN"),
            *LISTING,
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
            value(
                "--modality",
                "only models that take it",
                "MODALITY",
                "choice",
                choices=("text", "image", "audio", "video"),
            ),
            value("--search", "only models whose slug, name or maker holds this", "TEXT"),
            *LISTING,
        ),
        ("%kbench models", "%kbench models --modality image --search gemini"),
    ),
    Command(
        "target",
        "show or set the server spoken to",
        (value("name", "kaggle or local", "kaggle|local", "target"),),
        ("%kbench target", "%kbench target local"),
    ),
    Command("whoami", "show account, server spoken to and quota left", (), ("%kbench whoami",)),
    Command("config", "show each setting and where its value came from", (), ("%kbench config",)),
    Command(
        "local",
        "the embedded server, which runs tasks on this machine or on a cluster",
        (
            value(
                "what",
                "what to do with it",
                "start|stop|status|log|clean|reset",
                "choice",
                default="status",
                choices=("start", "stop", "status", "log", "clean", "reset"),
            ),
            value(
                "--upstream",
                "start with the models of an OpenAI-compatible endpoint (Ollama, vLLM, a proxy) beside its own",
                "URL",
            ),
            value(
                "--key-from",
                "the environment variable, or the line of .env, that holds the endpoint's key",
                "VARIABLE",
                "variable",
            ),
            value(
                "--cluster",
                "start with a Dask cluster, whose workers run the tasks, or a worker with N slots on this machine",
                "ADDRESS|NAME|new:N",
            ),
            Arg(
                ("--older-than",),
                "clean: delete logs and outputs from this age on (default: 30d, unless --keep is given)",
                metavar="AGE",
            ),
            Arg(("--keep",), "clean: delete the oldest until no more than this is left", metavar="SIZE"),
            YES,
        ),
        (
            "%kbench local",
            "%kbench local start --upstream http://127.0.0.1:11434/v1",
            "%kbench local start --upstream https://models.example.org/v1 --key-from LAB_KEY",
            "%kbench local start --cluster tcp://10.0.0.5:8786",
            "%kbench local clean --older-than 2w --keep 500MB",
            "%kbench local stop",
        ),
    ),
)

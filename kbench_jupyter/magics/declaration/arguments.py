"""Arguments that several subcommands take."""

from __future__ import annotations

from typing import Any

from kbench_jupyter.magics.grammar import Arg


def flag(names: str, help: str) -> Arg:
    """Declare a flag by its names, with blanks between."""
    return Arg(tuple(names.split()), help, flag=True)


def value(names: str, help: str, metavar: str, kind: str = "text", **more: Any) -> Arg:
    """Declare an argument that takes a value."""
    return Arg(tuple(names.split()), help, kind, metavar=metavar, **more)


def folder(help: str) -> Arg:
    """Declare the folder that a command writes into."""
    return value(
        "-o --output", f"{help} (default: where this task's downloads were last, or here)", "DIR", "file"
    )


TASK = value(
    "task", "task name or slug; may be left out when the notebook stores exactly one", "TASK", "task"
)
FILE = value("-f --file", "a .ipynb, .py or .md file instead of the current notebook", "FILE", "file")
MODELS = value("-m --model", "model, or a pattern; repeat for several", "MODEL", "model", many=True)
ENV = value("--env-file", "the env file (default: .env)", "PATH", "file")
WAIT = value(
    "--wait",
    "wait for the end, at most that many seconds (no number: as long as it takes)",
    "SECONDS",
    "number",
    optional_value=0.0,
)
POLL = value(
    "--poll-interval", "most seconds between two looks while waiting", "SECONDS", "number", default=60.0
)
REPEAT = value(
    "--repeat",
    "runs of each candidate, one after the other where the server lets one go at a time",
    "N",
    "count",
    default=1,
)
OVERWRITE = flag("--force", "overwrite an existing file")
YES = flag("-y --yes --no-confirm", "do not ask")
VERBOSE = flag("-v --verbose", "accepted, as the official client does; progress is always shown")
FORMAT = (
    value(
        "--format",
        "print the listing as table, csv or json, and nothing else; 'json(COLUMN, COLUMN)' takes those columns",
        "FORM",
        "form",
        choices=("table", "csv", "json"),
    ),
    flag("-v --csv", "the same as --format csv"),
)
INTO = (
    "write the listing into a file that ends in .csv, .json, .parquet or .txt; one that is there is replaced"
)
#: What each listing takes to be text or a file for other programs (`magics.listing` does it).
LISTING = (*FORMAT, value("-o --output --to", INTO, "FILE", "file"))
#: What a comparison is handed on as.
SHARED = (
    flag("--samples", "list samples, not runs; -o FILE writes them as --to FILE does"),
    flag(
        "--failed", "list the samples that failed, with their inputs; -o FILE writes them as --to FILE does"
    ),
    value("--report", "also write a report, one page that ends in .html, or .md", "FILE", "file"),
    flag("--all", "report: the transcript of every sample, not only of those that failed"),
    value("--chart", "also write the chart as a picture that ends in .svg or .png", "FILE", "file"),
)
ALL_LISTED = "accepted, as the official client does; all are always listed"

#: The orders of topics, `actions.topics.SORTS`: any other is refused there, with a word on what there is.
SORTS = ("hot", "top", "new", "recent", "active", "relevance")
#: What samples are compared by (`results.samples.MEASURES`), and how runs are put together (`results.measured.BYS`):
#: a test holds that they are the same, since importing those would make help and completion wait for them.
MEASURES = ("score", "passed", "checks", "cost", "latency", "tokens")
BYS = ("candidate", "version", "model")
MEASURE = value(
    "--measure",
    "what is compared; by default score where each version returns numbers, else passed",
    "MEASURE",
    "choice",
    choices=MEASURES,
)

"""Subcommands of a task's runs: started, stopped, watched, fetched and compared."""

from __future__ import annotations

from kbench_jupyter.magics.declaration.arguments import (
    ALL_LISTED,
    BYS,
    FILE,
    FORMAT,
    INTO,
    LISTING,
    MEASURE,
    MODELS,
    OVERWRITE,
    POLL,
    REPEAT,
    SHARED,
    TASK,
    VERBOSE,
    WAIT,
    YES,
    flag,
    folder,
    value,
)
from kbench_jupyter.magics.grammar import Command

OF_RUNS = (
    Command(
        "run",
        "run a task on models",
        (
            TASK,
            MODELS,
            value("--reasoning-effort", "reasoning effort of the models", "EFFORT", "effort"),
            value("--agent", "agent; repeat for several", "AGENT", many=True),
            flag("--retry-errored", "run again on the candidates whose newest run errored, each as it was"),
            REPEAT,
            WAIT,
            POLL,
            VERBOSE,
        ),
        (
            "%kbench run -m gemini-2.5-flash -m claude-haiku-4-5 --wait",
            "%kbench run my-task -m 'gemini*' --reasoning-effort high",
            "%kbench run my-task --retry-errored --wait",
            "%kbench run my-task -m gemini-2.5-flash --repeat 5 --wait",
        ),
        cell=True,
    ),
    Command(
        "cancel",
        "stop a task's queued runs, or with --running those that are going, too",
        (
            TASK,
            MODELS,
            value("--run", "only that run; repeat for several", "ID", "run", many=True),
            flag("--running", "also runs that have begun"),
            YES,
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
            value("--name-regex --regex", "only tasks whose name matches", "REGEX"),
            value("--status", "only tasks in that state", "STATE"),
            value("--owner", "the tasks of somebody else, those that you may see", "OWNER"),
            value("--benchmark", "the tasks in a benchmark", "OWNER/BENCHMARK"),
            flag("--all", ALL_LISTED),
            value("--page-size", ALL_LISTED, "N"),
            *LISTING,
        ),
        ("%kbench list", "%kbench list --name-regex ^math --status errored", "%kbench list -o tasks.csv"),
        aliases=("ls",),
    ),
    Command(
        "status",
        "show a task and its runs",
        (
            TASK,
            MODELS,
            flag("-e --errors", "with the whole message of each error"),
            flag("--live", "in a panel that keeps itself up to date"),
            *LISTING,
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
            TASK,
            MODELS,
            value("--run", "only that run; repeat for several", "ID", "run", many=True),
            value("--version", "only runs of that task version", "N"),
            flag("--no-follow", "print what is there and stop"),
            flag("--live", "in a panel: a tab a run, search, follow and pause"),
            value("-o --output", "into a file instead", "PATH", "file"),
            OVERWRITE,
        ),
        (
            "%kbench log",
            "%kbench log my-task -m gemini-2.5-flash",
            "%kbench log my-task --run 1234",
            "%kbench log --live",
            "%kbench log -o log.txt",
        ),
        aliases=("logs",),
    ),
    Command(
        "download",
        "fetch what the runs left",
        (
            TASK,
            MODELS,
            folder("folder"),
            flag("-s --include-source", "with the notebooks they ran"),
            flag("-f --force", "fetch again what is there already"),
        ),
        ("%kbench download -o results", "%kbench download my-task -s"),
    ),
    Command(
        "results",
        "compare what the runs came to",
        (
            TASK,
            MODELS,
            value(
                "--by",
                "how runs are put together; version puts a candidate's versions beside each other, model its efforts "
                "and agents together",
                "GROUP",
                "choice",
                default="candidate",
                choices=BYS,
            ),
            MEASURE,
            value(
                "--baseline",
                "a candidate, or a version such as v1, to say the difference from",
                "SIDE",
                "side",
            ),
            value(
                "--fail-if",
                "'worse than v1' or 'worse than CANDIDATE': end in an error if the newest version significantly is",
                "CONDITION",
            ),
            folder(
                "folder of downloads"
            ),  # as everywhere where runs are fetched, so the file has another name
            value("--sample", "one sample, by the id that the panel copies", "ID"),
            *FORMAT,
            value("--to", INTO, "FILE", "file"),
            *SHARED,
        ),
        (
            "%kbench results -o results",
            "%kbench results --to runs.csv",
            "%kbench results --report report.html --chart chart.svg",
            "%kbench results --failed -o cases.csv",
        ),
        (
            "%kbench results -o results",
            "%kbench results --measure latency --baseline v1",
            '%kbench results --fail-if "worse than v1"',
            "%kbench results --to runs.csv",
        ),
    ),
    Command(
        "compare",
        "two candidates or two versions, sample by sample: which got worse, which better",
        (
            value("one", "a candidate, or a version such as v1", "A", "side", default=...),
            value("other", "what is compared with it", "B", "side", default=...),
            value("-t --task", TASK.help, "TASK", "task"),
            MODELS,
            MEASURE,
            value(
                "--downloads",
                "folder of downloads (default: where this task's downloads were last, or here)",
                "DIR",
                "file",
            ),
            *LISTING,
        ),
        (
            "%kbench compare v1 v2",
            "%kbench compare gemini-2.5-flash claude-haiku-4-5 -t my-task --measure score",
            "%kbench compare v1 v2 -o changed.csv",
        ),
    ),
    Command(
        "up",
        "the whole chain: validate, push, run, compare, after one yes",
        (TASK, FILE, MODELS, REPEAT, folder("folder for downloads"), YES),
        (
            "%kbench up -m gemini-2.5-flash -m 'claude*' -o results",
            "%kbench up my-task -f task.py -m gpt-5 -y",
        ),
        cell=True,
    ),
)

"""What each subcommand does: a function turns parsed values into one call of an action, and nothing more.

Here is what concerns no task; what does is in ``task_commands.py`` and ``result_commands.py``.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from kbench_jupyter import actions
from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.grammar import Call
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.session import Session


def file_path(text: str | None) -> Path | None:
    """Return the path that a value names, if there is one."""
    return expanded(text) if text else None


def _init(session: Session, call: Call, cell: str | None) -> Any:
    example = None if call.no_example else file_path(call.example_file)
    return actions.init.init(
        session,
        file_path(call.env_file),
        example_file=example,
        reset_models=call.reset_models,
        all_models=call.all_models,
    )


def _auth(session: Session, call: Call, cell: str | None) -> Any:
    return actions.auth.auth(session, file_path(call.env_file))


def _new(session: Session, call: Call, cell: str | None) -> Any:
    return actions.new.new(session, call.pattern)


def _delete(session: Session, call: Call, cell: str | None) -> Any:
    raise UsageError(
        "The server cannot delete a task: no client can, this one included. Nothing was changed.",
        hint="An unpublished task is seen by nobody but you. Push again to replace its newest version.",
    )


def _leaderboard(session: Session, call: Call, cell: str | None) -> Any:
    return actions.leaderboard.leaderboard(session, call.benchmark, call.version)


def _benchmark(session: Session, call: Call, cell: str | None) -> Any:
    if call.what == "show":
        if call.tasks:
            hint = f"%kbench benchmark add {call.benchmark} {shlex.join(call.tasks)}"
            raise UsageError("show takes no tasks.", hint=hint)
        return actions.benchmark.show(session, call.benchmark)
    return actions.benchmark.change(session, call.benchmark, call.tasks, add=call.what == "add")


def _topics(session: Session, call: Call, cell: str | None) -> Any:
    size = call.page_size or 0
    if call.what == "list":
        if call.topic:
            raise UsageError("list takes a benchmark and no topic.", hint=f"%kbench topics show {call.topic}")
        return actions.topics.list_topics(
            session,
            call.ref,
            sort=call.sort_by,
            search=call.search,
            page_size=size,
            page_token=call.page_token,
        )
    if call.sort_by or call.search:
        raise UsageError("--sort-by and --search go with list.", hint="%kbench topics list OWNER/BENCHMARK")
    return actions.topics.show_topic(
        session, call.topic or call.ref or "", page_size=size, page_token=call.page_token
    )


def _target(session: Session, call: Call, cell: str | None) -> Any:
    return actions.target.target(session, call.name)


def _config(session: Session, call: Call, cell: str | None) -> Any:
    return actions.config.settings(session)


def _local(session: Session, call: Call, cell: str | None) -> Any:
    return actions.local.command(
        session,
        call.what,
        confirmed=call.no_confirm,
        upstream=call.upstream,
        key_from=call.key_from,
        cluster=call.cluster,
        older_than=call.older_than,
        keep=call.keep,
    )


def _rule(session: Session, call: Call, cell: str | None) -> Any:
    return actions.rule.explain_rule(call.code)

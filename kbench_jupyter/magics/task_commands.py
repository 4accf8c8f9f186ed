"""What the subcommands do that concern a task: its source, its versions, its runs and what they came to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kbench_jupyter import actions, panels
from kbench_jupyter.actions.sources import ChosenTask, choose_task, resolve_slug
from kbench_jupyter.errors import UsageError
from kbench_jupyter.magics.commands import file_path
from kbench_jupyter.magics.grammar import Call
from kbench_jupyter.magics.result_commands import drawn
from kbench_jupyter.paths import expanded
from kbench_jupyter.session.session import Session


def where(session: Session) -> Any:
    """Say where the notebook's task stands and what comes next; with a panel where one is drawn."""
    found = actions.standing.standing(session)
    if panels.draws_widgets(session):
        return replace(found, live=panels.workflow_panel(session, found))
    return found


def _chosen(session: Session, call: Call, cell: str | None, *, required: bool = True) -> ChosenTask:
    return choose_task(session, call.task, file=call.file, cell=cell, required=required)


def _validate(session: Session, call: Call, cell: str | None) -> Any:
    if call.rows is not None and not call.dry_run:
        raise UsageError("--rows goes with --dry-run.", hint="%kbench validate --dry-run --rows 5")
    if idle := next((f"--{name}" for name in ("static", "fix") if call.values[name]), ""):
        runs = {"--dry-run": call.dry_run, "--model": call.model, "--timeout": call.timeout}
        if said := next((name for name, value in {**runs, "--pass-env": call.pass_env}.items() if value), ""):
            raise UsageError(
                f"{idle} runs nothing and {said} is about a run of the task: give one of them.",
                hint=f"%kbench validate {idle}",
            )
    chosen = _chosen(session, call, cell, required=False)
    if call.fix:
        return _fix(session, call, chosen)
    if call.static:
        checked = actions.check.check(session, call.task, chosen=chosen)
        actions.check.refuse_errors(checked, "it is not ready to push")
        return checked
    how: dict[str, Any] = {
        "timeout": call.timeout,
        "env_file": file_path(call.env_file),
        "pass_env": call.pass_env,
    }
    if call.dry_run:
        if call.model:
            raise UsageError(
                "A dry run is on the stand-in model.",
                hint=f"With {call.model}: %kbench validate -m {call.model}",
            )
        return actions.dry_run.dry_run(session, call.task, chosen=chosen, rows=call.rows, **how)
    return actions.validate.validate(session, call.task, chosen=chosen, model=call.model, **how)


def _fix(session: Session, call: Call, chosen: ChosenTask) -> Any:
    found = actions.fix.fix(session, chosen, call.task)
    if not found.fixes or session.shell is None or call.file:
        return found
    session.shell.set_next_input(found.fixes[0].new_text)  # front ends take one new cell a command
    return replace(found, placed=True)


def _push(session: Session, call: Call, cell: str | None) -> Any:
    return actions.push.push(
        session,
        _chosen(session, call, cell),
        datasets=call.kaggle_dataset,
        wait=call.wait,
        poll_interval=call.poll_interval,
        force=call.force,
        again=call.again,
        detach_datasets=call.detach_datasets,
        describe=call.describe,
        confirmed=call.no_confirm,
    )


def _show(session: Session, call: Call, cell: str | None) -> Any:
    return actions.show.SourceShown(_chosen(session, call, cell, required=False))


def _export(session: Session, call: Call, cell: str | None) -> Any:
    chosen = choose_task(session, file=call.file, cell=cell, required=False)
    return actions.export.export(session, chosen, expanded(call.path), force=call.force)


def _pull(session: Session, call: Call, cell: str | None) -> Any:
    return actions.pull.pull(
        session, resolve_slug(session, call.task), file_path(call.output), force=call.force
    )


def _run(session: Session, call: Call, cell: str | None) -> Any:
    models, configs = call.model, None
    if cell is not None:
        chosen = choose_task(session, call.task, cell=cell)
        if call.reasoning_effort:
            models, configs = actions.wanted_candidates.settle(session, models, call.reasoning_effort)
        elif models or not (call.retry_errored or call.agent):
            models = actions.wanted_models.settle_models(session, models)
        actions.push.push(session, chosen, wait=0.0, poll_interval=call.poll_interval)
        slug = chosen.slug
    else:
        slug = resolve_slug(session, call.task)
    named = call.model or call.agent or call.retry_errored or call.reasoning_effort
    nothing_said = not named and call.wait is None
    if nothing_said and panels.draws_widgets(session):
        return panels.picker_panel(session, slug, repeat=call.repeat)
    if nothing_said:
        models = actions.ask_models.ask_models(session, slug)
    scheduled = actions.run.run(
        session,
        slug,
        models,
        effort=call.reasoning_effort,
        agents=call.agent,
        retry_errored=call.retry_errored,
        repeat=call.repeat,
        wait=call.wait,
        poll_interval=call.poll_interval,
        configs=configs,
    )
    panels.show_new_runs(session, slug)
    return scheduled


def _run_ids(call: Call) -> set[int]:
    if wrong := next((text for text in call.run if not text.isdecimal()), None):
        raise UsageError(f"{wrong!r} is no run's id, which is a whole number.", hint="%kbench status")
    return {int(text) for text in call.run}


def _version(call: Call) -> int | None:
    if call.version is None:
        return None
    text = str(call.version).removeprefix("v")
    if not text.isdecimal():
        raise UsageError(f"{call.version!r} is no task version, which is a whole number.", hint="--version 2")
    return int(text)


def _cancel(session: Session, call: Call, cell: str | None) -> Any:
    return actions.cancel.cancel(
        session,
        resolve_slug(session, call.task),
        models=call.model,
        run_ids=_run_ids(call),
        running=call.running,
        confirmed=call.no_confirm,
    )


def _list(session: Session, call: Call, cell: str | None) -> Any:
    return actions.list_tasks.list_tasks(
        session, regex=call.regex, status=call.status, owner=call.owner, benchmark=call.benchmark
    )


def _status(session: Session, call: Call, cell: str | None) -> Any:
    slug = resolve_slug(session, call.task)
    found = actions.status.status(session, slug, models=call.model, errors=call.errors)
    if call.live and panels.draws_widgets(session):
        return replace(found, live=panels.status_panel(session, slug, models=call.model))
    return found


def _log(session: Session, call: Call, cell: str | None) -> Any:
    slug = resolve_slug(session, call.task)
    which: dict[str, Any] = {"models": call.model, "run_ids": _run_ids(call), "version": _version(call)}
    if call.live and (call.output or call.no_follow):
        raise UsageError(
            "--live is a panel, which follows its runs and is not written into a file.",
            hint="Leave --live out.",
        )
    if call.live:
        return panels.log_panel(session, slug, **which)

    def read() -> Any:
        return actions.log.log(session, slug, **which, follow=not call.no_follow)

    if call.output is None:
        return read()

    from kbench_jupyter.magics.log_file import to_file

    return to_file(session, expanded(call.output), read, force=call.force)


def _download(session: Session, call: Call, cell: str | None) -> Any:
    slug = resolve_slug(session, call.task)
    return actions.download.download(
        session,
        slug,
        models=call.model,
        output=actions.remembered.downloads_folder(session, slug, file_path(call.output)),
        include_source=call.include_source,
        force=call.force,
    )


def _up(session: Session, call: Call, cell: str | None) -> Any:
    chosen = _chosen(session, call, cell)
    output = actions.remembered.downloads_folder(session, chosen.slug, file_path(call.output))
    found = actions.up.up(
        session, chosen, call.model, repeat=call.repeat, output=output, confirmed=call.no_confirm
    )
    return drawn(session, found, call.model, output)


def _publish(session: Session, call: Call, cell: str | None) -> Any:
    slug, notebook = resolve_slug(session, call.task), not call.no_publish_backing_notebook
    return actions.publish.publish(
        session, slug, notebook=notebook, artifacts=call.artifacts, confirmed=call.no_confirm
    )


def _describe(session: Session, call: Call, cell: str | None) -> Any:
    given, edit = getattr(call, "from"), call.edit
    if (cell is not None) + bool(given) + edit > 1:
        raise UsageError(
            "A cell, --from and --edit each say where the page is written: give one of them.",
            hint="%kbench describe --edit",
        )
    slug = resolve_slug(session, call.task)
    if cell is not None:
        return actions.describe.change(session, slug, cell, confirmed=call.no_confirm)
    if given:
        return actions.describe.change_from_file(session, slug, expanded(given), confirmed=call.no_confirm)
    found = actions.describe.describe(session, slug)
    if not edit:
        return found
    if session.shell is None:
        raise UsageError("There is no notebook to put a cell into.", hint="%kbench describe --from page.md")
    session.shell.set_next_input(found.cell)
    return replace(found, placed=True)


def _quota(session: Session, call: Call, cell: str | None) -> Any:
    return actions.quota.quota(session)


def _whoami(session: Session, call: Call, cell: str | None) -> Any:
    return actions.whoami.whoami(session)


def _models(session: Session, call: Call, cell: str | None) -> Any:
    return actions.models.list_models(session, modality=call.modality, search=call.search)

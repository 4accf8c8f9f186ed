"""What each subcommand does: it turns parsed values into one call of an action, and nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbench_jupyter.errors import UsageError

if TYPE_CHECKING:
    from kbench_jupyter.magics.grammar import Call
    from kbench_jupyter.session.session import Session


def handle(session: Session, call: Call, cell: str | None) -> Any:
    """Carry out a parsed command.

    Parameters
    ----------
    session : Session
    call : Call
    cell : str or None
        The body of a ``%%kbench`` cell.

    Returns
    -------
    object
        A value that shows itself, or None.
    """
    if cell is not None and not call.command.cell:
        raise UsageError(
            f"%kbench {call.command.name} takes no cell.",
            hint=f"Write it as a line: %kbench {call.command.name}",
        )
    return globals()[f"_{call.command.handler}"](session, call, cell)


def where(session: Session) -> Any:
    """Say where the notebook's task stands and what comes next; with a panel where one is drawn."""
    from kbench_jupyter.actions.standing import standing
    from kbench_jupyter.panels import draws_widgets, workflow_panel

    found = standing(session)
    if draws_widgets(session):
        from dataclasses import replace

        return replace(found, live=workflow_panel(session, found))
    return found


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _init(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.init import init

    example = None if call.no_example else _path(call.example_file)
    return init(session, _path(call.env_file), example_file=example, reset_models=call.reset_models)


def _auth(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.auth import auth

    return auth(session, _path(call.env_file))


def _validate(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.check import check, refuse_errors
    from kbench_jupyter.actions.sources import choose_task
    from kbench_jupyter.actions.validate import validate

    if call.rows is not None and not call.dry_run:
        raise UsageError("--rows goes with --dry-run.", hint="%kbench validate --dry-run --rows 5")
    if call.static and call.dry_run:
        raise UsageError(
            "--static runs nothing and --dry-run runs the task: give one of them.",
            hint="%kbench validate --dry-run",
        )
    chosen = choose_task(session, call.task, file=call.file, cell=cell, required=False)
    if call.fix:
        return _fix(session, call, chosen)
    if call.static:
        checked = check(session, call.task, chosen=chosen)
        refuse_errors(checked, "it is not ready to push")
        return checked
    how: dict[str, Any] = {
        "timeout": call.timeout,
        "env_file": _path(call.env_file),
        "pass_env": call.pass_env,
    }
    if call.dry_run:
        from kbench_jupyter.actions.dry_run import dry_run

        if call.model:
            raise UsageError(
                "A dry run is on the stand-in model.",
                hint=f"With {call.model}: %kbench validate -m {call.model}",
            )
        rows = None if call.rows is None else int(call.rows)
        return dry_run(session, call.task, chosen=chosen, rows=rows, **how)
    return validate(session, call.task, chosen=chosen, model=call.model, **how)


def _fix(session: Session, call: Call, chosen: Any) -> Any:
    from dataclasses import replace

    from kbench_jupyter.actions.fix import fix

    found = fix(session, chosen, call.task)
    if not found.fixes or session.shell is None or call.file:
        return found
    session.shell.set_next_input(found.fixes[0].new_text)  # front ends take one new cell a command
    return replace(found, placed=True)


def _new(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.new import new

    return new(session, call.pattern)


def _push(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.push import push
    from kbench_jupyter.actions.sources import choose_task

    chosen = choose_task(session, call.task, file=call.file, cell=cell)
    return push(
        session,
        chosen,
        datasets=call.kaggle_dataset,
        wait=call.wait,
        poll_interval=call.poll_interval,
        force=call.force,
        again=call.again,
        detach_datasets=call.detach_datasets,
    )


def _show(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.show import SourceShown
    from kbench_jupyter.actions.sources import choose_task

    return SourceShown(choose_task(session, call.task, file=call.file, cell=cell, required=False))


def _export(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.export import export
    from kbench_jupyter.actions.sources import choose_task

    chosen = choose_task(session, file=call.file, cell=cell, required=False)
    return export(session, chosen, Path(call.path).expanduser(), force=call.force)


def _pull(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.pull import pull
    from kbench_jupyter.actions.sources import resolve_slug

    return pull(session, resolve_slug(session, call.task), _path(call.output), force=call.force)


def _rule(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.rule import explain_rule

    return explain_rule(call.code)


def _run(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.push import push
    from kbench_jupyter.actions.run import run
    from kbench_jupyter.actions.sources import choose_task, resolve_slug
    from kbench_jupyter.actions.wanted_models import settle_models

    models = call.model
    if cell is not None:
        chosen = choose_task(session, call.task, cell=cell)
        if not call.retry_errored:
            models = settle_models(session, models)
        push(session, chosen, wait=0.0, poll_interval=call.poll_interval)
        slug = chosen.slug
    else:
        slug = resolve_slug(session, call.task)
    if not call.model and not call.retry_errored and call.wait is None:
        from kbench_jupyter.panels import draws_widgets, picker_panel

        if draws_widgets(session):
            return picker_panel(session, slug)
    return run(
        session,
        slug,
        models,
        retry_errored=call.retry_errored,
        wait=call.wait,
        poll_interval=call.poll_interval,
    )


def _list(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.list_tasks import list_tasks

    return list_tasks(session, regex=call.regex, status=call.status)


def _status(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.sources import resolve_slug
    from kbench_jupyter.actions.status import status

    slug = resolve_slug(session, call.task)
    found = status(session, slug, models=call.model, errors=call.errors)
    if call.live:
        from dataclasses import replace

        from kbench_jupyter.panels import draws_widgets, status_panel

        if draws_widgets(session):
            return replace(found, live=status_panel(session, slug))
    return found


def _log(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.log import log
    from kbench_jupyter.actions.sources import resolve_slug

    if call.live:
        from kbench_jupyter.panels import log_panel

        return log_panel(session, resolve_slug(session, call.task), call.model)
    slug = resolve_slug(session, call.task)
    if call.output is None:
        return log(session, slug, models=call.model, follow=not call.no_follow)
    from kbench_jupyter.magics.log_file import to_file

    follow = not call.no_follow
    return to_file(
        session,
        Path(call.output).expanduser(),
        lambda: log(session, slug, models=call.model, follow=follow),
        force=call.force,
    )


def _download(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.download import download
    from kbench_jupyter.actions.sources import resolve_slug

    return download(
        session,
        resolve_slug(session, call.task),
        models=call.model,
        output=Path(call.output).expanduser(),
        include_source=call.include_source,
        force=call.force,
    )


def _results(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.results import results
    from kbench_jupyter.actions.sources import resolve_slug

    slug, output = resolve_slug(session, call.task), Path(call.output).expanduser()
    return _drawn(session, results(session, slug, models=call.model, output=output), call.model, output)


def _drawn(session: Session, found: Any, models: Any, output: Path) -> Any:
    """Add the panel to a comparison, or its chart where no panel is drawn."""
    from kbench_jupyter.panels import comparison_panel, draws_widgets

    if draws_widgets(session):
        from dataclasses import replace

        return replace(found, live=comparison_panel(session, found, models=models, output=output))
    if session.shell is not None and hasattr(session.shell, "kernel"):  # a front end that may draw it
        from kbench_jupyter.actions.results import ChartedResults

        return ChartedResults(found.task, found.rows, found.notes, found.explained, footer=found.footer)
    return found


def _up(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.sources import choose_task
    from kbench_jupyter.actions.up import up

    chosen = choose_task(session, call.task, file=call.file, cell=cell)
    output = Path(call.output).expanduser()
    found = up(session, chosen, call.model, output=output, confirmed=call.no_confirm)
    return _drawn(session, found, call.model, output)


def _publish(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.publish import publish
    from kbench_jupyter.actions.sources import resolve_slug

    notebook = not call.no_publish_backing_notebook
    return publish(session, resolve_slug(session, call.task), notebook=notebook, confirmed=call.no_confirm)


def _delete(session: Session, call: Call, cell: str | None) -> Any:
    raise UsageError(
        "The server cannot delete a task: no client can, this one included. Nothing was changed.",
        hint="An unpublished task is seen by nobody but you. Push again to replace its newest version.",
    )


def _quota(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.quota import quota

    return quota(session)


def _leaderboard(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.leaderboard import leaderboard

    if call.version is not None and call.version != int(call.version):
        raise UsageError(f"A version is a whole number, not {call.version:g}.", hint="%kbench leaderboard -h")
    return leaderboard(session, call.benchmark, None if call.version is None else int(call.version))


def _models(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.models import list_models

    return list_models(session, modality=call.modality, search=call.search)


def _target(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.target import target

    return target(session, call.name)


def _config(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.config import settings

    return settings(session)


def _local(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions import local

    return local.command(
        session,
        call.what,
        confirmed=call.no_confirm,
        upstream=call.upstream,
        key_from=call.key_from,
        older_than=call.older_than,
        keep=call.keep,
    )

"""What the commands that compare runs call: ``results`` and ``compare``; found by name, as in ``task_commands.py``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbench_jupyter import actions, panels
from kbench_jupyter.actions.sources import resolve_slug
from kbench_jupyter.errors import RegressionError, UsageError
from kbench_jupyter.magics.commands import file_path
from kbench_jupyter.magics.grammar import Call
from kbench_jupyter.magics.listing import asked, samples_file
from kbench_jupyter.session.session import Session


def _results(session: Session, call: Call, cell: str | None) -> Any:
    from kbench_jupyter.actions.results.measuring import Asked

    if call.sample and (call.samples or call.failed):
        raise UsageError(
            "--sample shows one sample, --samples and --failed list them: give one of them.",
            hint=f"%kbench results --sample {shlex.quote(call.sample)}",
        )
    hand_on = _handing_on(call)
    slug = resolve_slug(session, call.task)
    # Where samples are listed, -o may name their file.
    named = None if samples_file(call) else file_path(call.output)
    output = actions.remembered.downloads_folder(session, slug, named)

    def handed_on(found: Any) -> Any:
        """Write report and chart, and return what is listed: the comparison, or its samples."""
        hand_on(session, found, output)
        if not (call.samples or call.failed):
            return found
        from kbench_jupyter.actions.results import exports, report

        clean = report.cleaner(session, [output])
        return exports.listed(found.samples, clean, failed=call.failed, footer=found.footer)

    measuring = Asked(call.measure, call.by, call.baseline or "")
    try:
        found = actions.results.results(
            session, slug, models=call.model, output=output, asked=measuring, fail_if=call.fail_if
        )
    except RegressionError as error:  # what is to be written of the comparison is, all the same
        listed = handed_on(error.results)
        for listing in asked(call):
            listing.deliver(listed, session.reporter.say)
        raise
    if (listed := handed_on(found)) is not found:
        return listed
    if call.sample:
        from kbench_jupyter.actions.results.sample import sample

        opened = sample(session, found, call.sample)
        if asked(call) or not panels.draws_widgets(session):
            return opened
        shown = panels.comparison_panel(session, found, models=call.model, output=output, sample=opened)
        return replace(opened, live=shown)
    return found if asked(call) else drawn(session, found, call.model, output)


def _compare(session: Session, call: Call, cell: str | None) -> Any:
    return actions.compare.compare(
        session,
        resolve_slug(session, call.task),
        call.one,
        call.other,
        measure=call.measure,
        models=call.model,
        output=file_path(call.downloads),
    )


def _handing_on(call: Call) -> Callable[[Session, Any, Path], None]:
    """Return what writes the files that a comparison is handed on as; a slip in their names is refused now."""
    page, chart = file_path(call.report), file_path(call.chart)
    if call.all and page is None:
        raise UsageError("--all goes with --report.", hint="%kbench results --report report.html --all")
    if page is None and chart is None:
        return lambda *_: None

    from kbench_jupyter.actions.results import chart_file, report

    if page is not None:
        report.refuse_ending(page)
    if chart is not None:
        chart_file.refuse_chart(chart)

    def told(session: Session, number: int) -> None:
        if number % 100 == 0:
            session.reporter.progress(f"{number:,} transcripts written")

    def hand_on(session: Session, found: Any, output: Path) -> None:
        if page is not None:
            clean = report.cleaner(session, [output])
            report.write_report(
                found, page, clean, every=call.all, on_sample=lambda number: told(session, number)
            )
            session.reporter.close()
            session.reporter.say(f"Wrote the report to {page}.")
        if chart is not None:
            found.chart.save(chart)
            session.reporter.say(f"Wrote the chart to {chart}.")

    return hand_on


def drawn(session: Session, found: Any, models: Any, output: Path) -> Any:
    """Add the panel to a comparison, or its chart where no panel is drawn."""
    if panels.draws_widgets(session):
        return replace(found, live=panels.comparison_panel(session, found, models=models, output=output))
    if session.shell is not None and hasattr(session.shell, "kernel"):  # a front end that may draw it
        return found.charted()
    return found

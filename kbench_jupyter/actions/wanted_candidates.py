"""What is to be scheduled: models, models at a reasoning effort, and agents, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kbench_jupyter.actions.remembered import keep, recall
from kbench_jupyter.actions.wanted_models import settle_models, unknown_models
from kbench_jupyter.api import Client, Model, ModelConfig, Run, ScheduleResult, Task
from kbench_jupyter.errors import ApiError, KBenchError, NotOfferedError, UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.session import Session


@dataclass(frozen=True)
class Batch:
    """Candidates that one call schedules: models at one effort or at none, or agents."""

    models: tuple[str, ...] = ()
    effort: str = ""
    agents: tuple[str, ...] = ()
    #: The slug of each model's config at the effort, as far as they are known.
    configs: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __iter__(self) -> Iterator[Batch]:
        """Go over its candidates, each as a batch of its own."""
        yield from (replace(self, models=(model,), agents=()) for model in self.models)
        yield from (Batch(agents=(agent,)) for agent in self.agents)

    @property
    def names(self) -> list[str]:
        """Its candidates in words."""
        return [f"{model} ({self.effort})" if self.effort else model for model in self.models] + [
            *self.agents
        ]


def settle(session: Session, models: Sequence[str], effort: str) -> tuple[list[str], dict[str, str]]:
    """Return the slugs that names and patterns stand for, and those of their configs at an effort.

    It is `settle_models` and `check_effort` with one look at the server's models.
    """
    listed = list(session.client(session.target()).list_models())
    wanted = settle_models(session, models, listed)
    return wanted, check_effort(session, wanted, effort, listed)


def check_effort(
    session: Session, models: Sequence[str], effort: str, listed: Iterable[Model] | None = None
) -> dict[str, str]:
    """Return the slugs of the models' configs at a reasoning effort; refuse models that have no such, by name.

    The server's models are asked for unless they are `listed`. Where it does not list configs, none are returned.

    Raises
    ------
    UsageError
        If a model takes no effort, or not this one.
    NotFoundError
        If the server lists no such model.
    """
    target = session.target()
    client = session.client(target)
    known = {model.slug: model for model in (client.list_models() if listed is None else listed)}
    if error := unknown_models(session, target, known.values(), models):
        raise error
    try:
        configs = configs_of(client, [known[model] for model in models])
    except NotOfferedError as error:
        session.reporter.say(
            f"! {str(error).rstrip('.')}. So whether the models have the effort is left to the server."
        )
        configs = {}
    said, others = [], set()
    for model in models:
        has = configs.get(model)
        if not known[model].supports_effort or (has is not None and effort not in has):
            there = f"it has {', '.join(has)}" if has else "it has none to choose"
            said.append(f"{model}: {there}")
            others |= set(has or ())
    if said:
        raise UsageError(
            f"No reasoning effort {effort!r} for {'; '.join(said)}. Nothing was scheduled.",
            hint=did_you_mean(
                effort, sorted(others), form="--reasoning-effort {}", more="What each has: %kbench models"
            ),
        )
    return {model: has[effort] for model, has in configs.items()}


def configs_of(client: Client, models: Sequence[Model]) -> dict[str, dict[str, str]]:
    """Return for each model the reasoning efforts that its configs declare, each with its config's slug.

    Raises
    ------
    NotOfferedError
        If the server has no list of them.
    """
    configs = client.list_configs([model.version_id for model in models])
    return {
        model.slug: {
            one.effort: one.slug for one in configs if one.version_id == model.version_id and one.effort
        }
        for model in models
    }


def errored_runs(client: Client, task: Task) -> list[Run]:
    """Return the newest run of each candidate, of the task's newest version, where that errored."""
    newest: dict[str, Run] = {}
    for run in client.list_runs(str(task.slug)):
        if run.task.version == task.version and run.id >= newest.get(run.candidate, run).id:
            newest[run.candidate] = run
    return [run for run in newest.values() if run.state == "ERRORED"]


def last_time(session: Session, client: Client, slug: str, runs: Sequence[Run]) -> list[Batch]:
    """Return what a task was run on last, those first that ran last.

    That is what was scheduled last from here; else, as far as the server's list (`runs`) tells, every candidate of the
    newest version that has runs.
    """
    if here := ran_last(session, slug):
        return here
    version = max((run.task.version or 0 for run in runs), default=0)
    newest: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: -run.id):
        if (run.task.version or 0) == version:
            newest.setdefault(run.candidate, run)
    return batches_of(client, list(newest.values()))[0]


def ran_last(session: Session, slug: str) -> list[Batch]:
    """Return what was scheduled last of a task from here, in this kernel or one before it; else nothing."""
    if slug in session.ran:
        return [Batch(*one) for one in session.ran[slug]]
    try:
        return [
            Batch(tuple(map(str, models)), str(effort), tuple(map(str, agents)))
            for models, effort, agents in recall(session, slug, session.target(start=False).place).get(
                "ran", ()
            )
        ]
    except (KBenchError, TypeError, ValueError):  # no target, or the file is not as it was written
        return []


def remember_ran(session: Session, slug: str, place: str, batches: Iterable[Batch]) -> None:
    """Remember what was scheduled of a task at a target."""
    session.ran[slug] = tuple((batch.models, batch.effort, batch.agents) for batch in batches)
    keep(session, slug, place, ran=[list(one) for one in session.ran[slug]])


def batches_of(client: Client, runs: Sequence[Run]) -> tuple[list[Batch], list[ScheduleResult]]:
    """Return what schedules the candidates of `runs` again as they were, and those of which that cannot be known."""
    at: dict[str, dict[str, str]] = {}
    lost: list[ScheduleResult] = []
    configs = _configs(client, [run for run in runs if run.config and not run.agent])
    for run in runs:
        effort = "" if not run.config else getattr(configs.get(run.config), "effort", "")
        if run.agent:
            continue
        if run.config and not effort:
            reason = f"which reasoning effort {run.config} stands for cannot be learnt from the server"
            lost.append(ScheduleResult(run.model, run.config, skipped_reason=reason))
        else:
            at.setdefault(effort, {})[run.model] = run.config
    agents = tuple(run.agent for run in runs if run.agent)
    batches = [Batch(tuple(models), effort, configs=models) for effort, models in at.items()]
    return [*batches, *([Batch(agents=agents)] if agents else [])], lost


def _configs(client: Client, runs: Sequence[Run]) -> dict[str, ModelConfig]:
    if not runs:
        return {}
    wanted = {run.model for run in runs}
    versions = [model.version_id for model in client.list_models() if model.slug in wanted]
    try:
        return {config.slug: config for config in client.list_configs(versions)}
    except NotOfferedError:
        return {}


def schedule_batch(client: Client, slug: str, batch: Batch, known_runs: set[int]) -> list[ScheduleResult]:
    """Schedule a batch, in one call; see `Client.schedule`."""
    return client.schedule(
        slug, batch.models, effort=batch.effort, agents=batch.agents, known_runs=known_runs
    )


def schedule_each(
    client: Client, slug: str, batches: Iterable[Batch], known_runs: set[int]
) -> list[ScheduleResult]:
    """Schedule batches of which one that the server refuses is no reason to leave the others out.

    Raises
    ------
    ApiError
        If it refuses all of them.
    """
    refused: list[ApiError] = []

    def tried(batch: Batch) -> list[ScheduleResult]:
        try:
            return schedule_batch(client, slug, batch, known_runs)
        except ApiError as error:  # of an answer that was lost there is another error: it may have landed
            if len(batch.names) > 1:
                return [result for one in batch for result in tried(one)]
            refused.append(error)
            return [_refused(batch, error)]

    results = [result for batch in batches for result in tried(batch)]
    if refused and len(refused) == len(results):
        raise refused[0]
    return results


def _refused(batch: Batch, error: ApiError) -> ScheduleResult:
    model, agent = "".join(batch.models), "".join(batch.agents)
    return ScheduleResult(model, batch.effort, agent, skipped_reason=str(error))

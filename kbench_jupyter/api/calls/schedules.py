"""The calls that make runs go and stop: scheduling them on candidates, and cancelling them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kbench_jupyter.api.calls.caller import TASKS
from kbench_jupyter.api.calls.offered import call_if_offered
from kbench_jupyter.api.calls.runs import RunCalls, canonical, distinct
from kbench_jupyter.api.calls.writes import look_again, unconfirmed, unseen
from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.runs import Cancelled, Run, ScheduleResult
from kbench_jupyter.api.values.states import CandidateType
from kbench_jupyter.api.values.tasks import TaskSlug
from kbench_jupyter.api.values.wire import given
from kbench_jupyter.errors import AmbiguousWriteError, UsageError


class ScheduleCalls(RunCalls):
    """What can be asked of runs."""

    def schedule(
        self,
        slug: TaskSlug | str,
        models: Sequence[str],
        *,
        effort: str | None = None,
        agents: Sequence[str] = (),
        known_runs: Collection[int] | None = None,
    ) -> list[ScheduleResult]:
        """Schedule a run of a task on each of the models, and with each of the agents.

        Never sent twice blindly: when the answer is lost, the runs of these candidates tell whether it
        landed, and the results come back with a ``note``.

        Parameters
        ----------
        models : sequence of str
            Models in any spelling; one named twice is scheduled once.
        effort : str, optional
            Reasoning effort for all the models, spelled as their configs do; not together with agents.
        agents : sequence of str
            Slugs of agents.
        known_runs : collection of int, optional
            Ids of the runs of these candidates before; looked up when left out.

        Returns
        -------
        list of ScheduleResult
            One for each candidate, in the order asked for, models first.

        Raises
        ------
        UsageError
            If no candidate is named, or an effort for agents; nothing is sent.
        NotFoundError
            If the task or a candidate is unknown.
        AmbiguousWriteError
            If the answer was lost and not all the runs have appeared since.
        """
        address, wanted, named = TaskSlug.parse(slug), canonical(models), distinct(agents)
        effort = effort or ""
        asked = [ScheduleResult(model, effort) for model in wanted]
        asked += [ScheduleResult(agent=agent) for agent in named]
        if not asked:
            raise UsageError("No model was named to run on.", hint="%kbench models shows what there is.")
        if effort and named:
            raise UsageError(
                f"A reasoning effort ({effort}) goes with models; an agent has one of its own.",
                hint="Schedule models and agents one after the other.",
            )
        if known_runs is None:
            known_runs = {run.id for run in self._runs_of(address, asked)}
        method = "BatchScheduleBenchmarkTaskRuns"
        body = given(
            taskSlugs=[address.to_wire()],
            modelVersionSlugs=wanted,
            agentSlugs=named,
            reasoningEffort=effort,
        )
        kinds = [("model", wanted), ("agent", named)]
        unknown = [f"no {kind} {' or '.join(slugs)}" for kind, slugs in kinds if slugs]
        subject = f"task {str(address)!r}, or {', or '.join(unknown)}"
        try:
            answer = self.call(TASKS, method, body, safe=False, subject=subject)
        except AmbiguousWriteError as error:
            lost = error
        else:
            results = _paired(answer, asked)
            if results is not None:
                return results
            lost = unconfirmed(method)
        return self._appeared(address, asked, known_runs, lost)

    def _runs_of(self, slug: TaskSlug, asked: Sequence[ScheduleResult]) -> Iterator[Run]:
        # No filter names an agent.
        models = [] if any(one.agent for one in asked) else [one.model for one in asked]
        return self.list_runs(slug, models=models)

    def _appeared(
        self,
        slug: TaskSlug,
        asked: Sequence[ScheduleResult],
        before: Collection[int],
        lost: AmbiguousWriteError,
    ) -> list[ScheduleResult]:
        """Return the runs that have appeared since a schedule whose answer was lost."""
        seen: dict[ScheduleResult, int] = {}

        def all_found() -> bool | None:
            for run in self._runs_of(slug, asked):
                if run.id not in before:
                    seen.update({one: run.id for one in asked if one.may_be(run)})
            return True if len(seen) == len(asked) else None

        complete, looked = look_again(self, all_found)
        if not complete:
            raise unseen(
                f"Scheduling {slug}",
                lost,
                looked,
                f"{len(seen)} of {len(asked)} runs have appeared",
                f"%kbench status {slug} shows which runs there are; run the missing ones again.",
                [f"{one.candidate}: run {seen[one]} has appeared." for one in asked if one in seen]
                + [f"{one.candidate}: no new run has appeared." for one in asked if one not in seen],
            )
        note = "The answer was lost, but run {} has appeared since."
        return [replace(one, scheduled=True, run_id=seen[one], note=note.format(seen[one])) for one in asked]

    def cancel_runs(
        self,
        *,
        tasks: Iterable[TaskSlug | str] = (),
        run_ids: Iterable[int] = (),
        model: str | None = None,
        effort: str | None = None,
        agent: str | None = None,
        include_active: bool = False,
    ) -> Cancelled:
        """Stop runs of your own: all of some tasks, or some by their ids; narrowed to a candidate if one is named.

        Doing it again is safe and stops what is left: a running one that could not be reached goes on and is not
        counted. Of a call that had to be sent again, the counts are what the last one stopped.

        Parameters
        ----------
        tasks : iterable of TaskSlug or str
            Every run of these tasks; not together with `run_ids`.
        run_ids : iterable of int
            Exactly these runs.
        model : str, optional
            Only those on this model, in any spelling; at any effort, unless `effort` is named.
        agent : str, optional
            Only those of this agent; not together with a model.
        include_active : bool
            Also the running ones, not just those in the queue.

        Raises
        ------
        UsageError
            If neither or both of tasks and runs are named, or what narrows them contradicts itself; nothing is sent.
        NotOfferedError
            If the server does not offer it to this account.
        NotFoundError
            If one of the tasks is not there.
        """
        slugs, ids = list(dict.fromkeys(map(TaskSlug.parse, tasks))), sorted(set(run_ids))
        if bool(slugs) == bool(ids):
            raise UsageError("Either tasks or runs are to be named.", hint="%kbench cancel [TASK] [--run ID]")
        if (agent and (model or effort)) or (effort and not model):
            raise UsageError(
                "An effort goes with a model, and an agent with neither.", hint="%kbench cancel -h"
            )
        candidate = given(modelVersionSlug=normalize_model(model or ""), reasoningEffort=effort)
        body = given(
            taskSlugs=given(slugs=[slug.to_wire() for slug in slugs]),
            runIds=given(ids=ids),
            modelVersion=candidate,
            agentSlug=agent,
            includeActive=include_active,
        )
        return Cancelled.from_wire(call_if_offered(self, TASKS, "ApiCancelBenchmarkTaskRuns", body, slugs))


def _paired(answer: Mapping[str, Any], asked: Sequence[ScheduleResult]) -> list[ScheduleResult] | None:
    """Return what became of each candidate; None where the answer does not say."""
    results = parse.items(answer.get("results"))
    # Answers come in request order and name nothing: with another count none can be told apart.
    if len(results) != len(asked) or not all(results):
        return None
    # Where the answer tells agents from models, their order among each other is no matter.
    results.sort(key=_is_agent)
    if any(map(_is_agent, results)) and [_is_agent(item) for item in results] != [
        bool(one.agent) for one in asked
    ]:
        return None
    return [_result(item, one) for item, one in zip(results, asked, strict=True)]


def _is_agent(item: Mapping[str, Any]) -> bool:
    kind = CandidateType.from_wire(item.get("candidateType"))
    return bool(parse.integer(item.get("agentId"))) or kind is CandidateType.AGENTS


def _result(item: Mapping[str, Any], asked: ScheduleResult) -> ScheduleResult:
    result = ScheduleResult.from_wire(item, model=asked.model, effort=asked.effort, agent=asked.agent)
    if result.scheduled and result.effort and result.config_id is None:
        # A server that does not know the word for it leaves it out without saying so.
        note = f"The server did not confirm that {result.model} runs at effort {result.effort}."
        return replace(result, note=note)
    return result

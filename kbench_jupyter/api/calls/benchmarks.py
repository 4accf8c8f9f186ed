"""The calls about benchmarks: the models they run on, their tasks, and their leaderboards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.calls.offered import call_if_offered
from kbench_jupyter.api.calls.writes import unconfirmed
from kbench_jupyter.api.values.models import Model, ModelConfig
from kbench_jupyter.api.values.tasks import TasksChanged, TaskSlug
from kbench_jupyter.api.values.wire import given
from kbench_jupyter.errors import UsageError

if TYPE_CHECKING:
    from kbench_jupyter.api.values.leaderboard import Leaderboard

SERVICE = "benchmarks.BenchmarksApiService"


class BenchmarkCalls(Caller):
    """What can be asked about benchmarks."""

    def list_models(self) -> Iterator[Model]:
        """Yield the models that benchmarks can run on, page by page as they are asked for."""
        return map(Model.from_wire, self.pages(SERVICE, "ListBenchmarkModels", {}, "benchmarkModels"))

    def leaderboard(self, owner: str, benchmark: str, version: int | None = None) -> Leaderboard:
        """Return a benchmark's leaderboard, at its newest version unless one is named."""
        from kbench_jupyter.api.values.leaderboard import Leaderboard  # which one command needs

        body = {"ownerSlug": owner, "benchmarkSlug": benchmark, **given(versionNumber=version)}
        subject = f"benchmark '{owner}/{benchmark}'"
        return Leaderboard.from_wire(self.call(SERVICE, "GetBenchmarkLeaderboard", body, subject=subject))

    def list_configs(self, version_ids: Iterable[int]) -> list[ModelConfig]:
        """Return the configs of model versions (`Model.version_id`): each at the reasoning effort it declares.

        Raises
        ------
        NotOfferedError
            If the server has no such list, or not for this account.
        """
        body = given(benchmarkModelVersionIds=sorted({one for one in version_ids if one}))
        items = self.pages(SERVICE, "ListBenchmarkModelVersionConfigs", body, "configs")
        return [ModelConfig.from_wire(item) for item in items] if body else []

    def add_tasks_to_benchmark(
        self, benchmark: str, tasks: Iterable[TaskSlug | str], *, version: int | None = None
    ) -> TasksChanged:
        """Put tasks, anybody's that you can read, into a benchmark of yours; those in it already are skipped.

        Parameters
        ----------
        benchmark : str
            Its slug without an owner: on the wire it is always your own.
        version : int, optional
            Of the benchmark; by default the one that is published, else the draft.

        Raises
        ------
        UsageError
            If `benchmark` names an owner, or no task is named; nothing is sent.
        NotOfferedError
            If the server does not offer it to this account, or there is no such benchmark: its answer is the same.
        NotFoundError
            If one of the tasks is not there.
        AmbiguousWriteError
            If the answer says nothing about the tasks.
        """
        return self._change("AddTasksToBenchmark", benchmark, tasks, version)

    def remove_tasks_from_benchmark(
        self, benchmark: str, tasks: Iterable[TaskSlug | str], *, version: int | None = None
    ) -> TasksChanged:
        """Take tasks out of a benchmark of yours, as `add_tasks_to_benchmark` puts them in."""
        return self._change("RemoveTasksFromBenchmark", benchmark, tasks, version)

    def _change(
        self, method: str, benchmark: str, tasks: Iterable[TaskSlug | str], version: int | None
    ) -> TasksChanged:
        slugs = list(dict.fromkeys(map(TaskSlug.parse, tasks)))
        if not benchmark or "/" in benchmark or not slugs:
            raise UsageError(
                "Which tasks? None was named."
                if not slugs
                else f"{benchmark!r} is not the slug of a benchmark.",
                hint="%kbench benchmark add OWNER/NAME TASK [TASK...]   (a benchmark of your own)",
            )
        body = given(
            benchmarkSlug=benchmark, versionNumber=version, taskSlugs=[one.to_wire() for one in slugs]
        )
        # Safe to send again: what was done the first time is skipped the second.
        changed = TasksChanged.from_wire(call_if_offered(self, SERVICE, method, body, slugs))
        if not changed.changed and not changed.skipped:
            raise unconfirmed(method)
        return changed

"""The calls about benchmarks: the models they run on, and their leaderboards."""

from __future__ import annotations

from collections.abc import Iterator

from kbench_jupyter.api.calls.caller import Caller
from kbench_jupyter.api.values.leaderboard import Leaderboard
from kbench_jupyter.api.values.models import Model
from kbench_jupyter.api.values.wire import given

__all__ = ["BenchmarkCalls"]

SERVICE = "benchmarks.BenchmarksApiService"


class BenchmarkCalls(Caller):
    """What can be asked about benchmarks."""

    def list_models(self) -> Iterator[Model]:
        """Yield the models that benchmarks can run on, page by page as they are asked for."""
        return map(Model.from_wire, self.pages(SERVICE, "ListBenchmarkModels", {}, "benchmarkModels"))

    def leaderboard(self, owner: str, benchmark: str, version: int | None = None) -> Leaderboard:
        """Return a benchmark's leaderboard, at its newest version unless one is named."""
        body = {"ownerSlug": owner, "benchmarkSlug": benchmark, **given(versionNumber=version)}
        subject = f"benchmark '{owner}/{benchmark}'"
        return Leaderboard.from_wire(self.call(SERVICE, "GetBenchmarkLeaderboard", body, subject=subject))

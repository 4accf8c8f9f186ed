"""The calls about tasks: pushing, reading, listing, describing and publishing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.calls.offered import call_if_offered
from kbench_jupyter.api.calls.writes import NO_ANSWER, SKEW, look_again, unconfirmed, unseen
from kbench_jupyter.api.names import task_slug
from kbench_jupyter.api.values.states import TaskOrigin
from kbench_jupyter.api.values.tasks import Citation, Task, TaskSlug, UpdatedTask
from kbench_jupyter.api.values.wire import given
from kbench_jupyter.errors import AmbiguousWriteError, NotFoundError, TransportError, UsageError


class TaskCalls(Caller):
    """What can be asked about tasks."""

    def create_task(
        self, slug: str, text: str, *, datasets: Sequence[str] = (), known_version: int | None = None
    ) -> Task:
        """Push a task: create it, or a new version of it.

        Never sent twice blindly: when the answer is lost, the task's version tells whether it landed, and
        the task comes back with a ``note``.

        Parameters
        ----------
        slug : str
            The task's slug.
        text : str
            The notebook as JSON text.
        datasets : sequence of str
            Datasets to attach (``owner/name``); those that cannot be resolved are `Task.invalid_datasets`.
        known_version : int, optional
            The newest version before, 0 when there is no such task; looked up when left out.

        Raises
        ------
        AmbiguousWriteError
            If the answer was lost and no new version has appeared since.
        """
        if known_version is None:
            known_version = _version(self._find(slug))
        body = given(slug=slug, text=text, options=given(datasetDataSources=list(datasets)))
        sent = datetime.now(UTC)
        try:
            answer = self.call(TASKS, "CreateBenchmarkTask", body, safe=False, subject=f"task {slug!r}")
        except AmbiguousWriteError as error:
            lost = error
        else:
            task = Task.from_wire(answer)
            if task.error or (_is_task(task, slug) and _version(task) > known_version):
                return self._resolved(task, slug, datasets, "options" in answer)
            lost = unconfirmed("CreateBenchmarkTask")
        found = self._landed(slug, known_version, sent, lost)
        return replace(
            found,
            invalid_datasets=found.unresolved(datasets),
            note=f"The answer to the push was lost, but version {found.version} has appeared since.",
        )

    def _find(self, slug: str) -> Task | None:
        try:
            return self.get_task(slug)
        except NotFoundError:
            return None

    def _resolved(self, task: Task, slug: str, datasets: Sequence[str], told: bool) -> Task:
        """Return a pushed task with the datasets that were not resolved."""
        if not datasets or task.error:
            return task
        if not told:
            # Left out because nothing was attached, or because this answer never has it: the task tells.
            try:
                seen = self._find(slug)
            except NO_ANSWER:
                return task  # the push has landed; not knowing about datasets must not fail it
            if seen is None or _version(seen) != _version(task):
                return task
            task = replace(task, datasets=seen.datasets)
        return replace(task, invalid_datasets=task.unresolved(datasets))

    def _landed(self, slug: str, known_version: int, sent: datetime, lost: AmbiguousWriteError) -> Task:
        """Return the version that has appeared since a push whose answer was lost."""

        def newer() -> Task | None:
            task = self._find(slug)
            return task if _version(task) > known_version else None

        found, looked = look_again(self, newer)
        if found is None:
            raise unseen(
                f"The push of {slug!r}",
                lost,
                looked,
                f"no version after {known_version or 'none'} has appeared",
                f"%kbench status {slug} shows whether version {known_version + 1} appears; if not, push again.",
            )
        if not _may_be_ours(found, known_version, sent):
            raise AmbiguousWriteError(
                f"The push of {slug!r} got no usable answer, and version {found.version}, which has appeared"
                " since, may be somebody else's.",
                detail=str(lost),
                hint=f"It was not sent again. Compare that version with yours: %kbench pull {slug}; if it is"
                " not yours, push again.",
            )
        return found

    def get_task(self, slug: TaskSlug | str, *, deadline: float | None = None) -> Task:
        """Return a task at its newest version (or at ``slug.version``).

        Parameters
        ----------
        deadline : float, optional
            Seconds for the call with all its tries, if fewer than usual.

        Raises
        ------
        NotFoundError
            If there is none, or it belongs to somebody else (the server answers 403 or 404).
        """
        address = TaskSlug.parse(slug)
        subject = f"task {str(address)!r}"
        body = {"slug": address.to_wire()}
        task = Task.from_wire(self.call(TASKS, "GetBenchmarkTask", body, subject=subject, deadline=deadline))
        if not _is_task(task, address.task):
            raise TransportError(
                f"GetBenchmarkTask: the server did not answer with {subject}.",
                hint="Something else may have answered: %kbench target shows the address.",
            )
        return task

    def list_tasks(
        self,
        *,
        status: str | None = None,
        regex: str | None = None,
        owner: str | None = None,
        benchmark: str | None = None,
        version: int | None = None,
        whole: bool = False,
    ) -> Iterator[Task]:
        """Yield your tasks, those of another owner, or those of a benchmark, page by page as they are asked for.

        Parameters
        ----------
        status : str, optional
            Only tasks in this creation state.
        regex : str, optional
            Only tasks whose name matches.
        owner : str, optional
            Whose tasks, of those that you may see; with `benchmark`, whose benchmark it is.
        benchmark : str, optional
            Its slug, without the owner.
        version : int, optional
            Of the benchmark; by default the one that is published, else the draft.
        whole : bool
            Whether all of them are wanted: then several pages are asked for at once.
        """
        body = given(
            statusFilter=status,
            regexFilter=regex,
            ownerSlug=owner,
            benchmarkSlug=benchmark,
            versionNumber=version if benchmark else None,
        )
        subject = f"benchmark '{owner}/{benchmark}'" if owner and benchmark else ""
        for item in self.pages(TASKS, "ListBenchmarkTasks", body, "tasks", subject, whole=whole):
            task = Task.from_wire(item)
            # A server that does not know the filter lists your own.
            if benchmark or not owner or task.slug.owner in (None, owner):
                yield task

    def update_task(
        self,
        slug: TaskSlug | str,
        *,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        provenance: str | None = None,
        citations: Sequence[Citation] | None = None,
    ) -> UpdatedTask:
        """Change what a task's page says, of its current version; what is None stays as it is.

        Doing it again changes nothing. HTML in texts is sanitized by the server, a citation whose address is
        none is left out by it.

        Parameters
        ----------
        description : str, optional
            Markdown.
        tags : sequence of str, optional
            All of them; those that the server does not know come back as `UpdatedTask.invalid_tags`.
        provenance : str, optional
            Where data and code come from; at most 4,000 characters.
        citations : sequence of Citation, optional
            All of them.

        Raises
        ------
        UsageError
            If nothing is to be changed; nothing is sent.
        NotOfferedError
            If the server does not offer it to this account.
        NotFoundError
            If there is no such task.
        AmbiguousWriteError
            If the answer is not the changed task.
        """
        fields = {
            "description": description,
            "tags": None if tags is None else list(tags),
            "provenanceSources": provenance,
            "citations": None
            if citations is None
            else [given(title=one.title, url=one.url) for one in citations],
        }
        mask = ",".join(name for name, value in fields.items() if value is not None)
        if not mask:
            raise UsageError("Nothing to change was named.", hint="%kbench describe -h")
        address = replace(TaskSlug.parse(slug), version=None)  # the wire refuses one here
        body = given(slug=address.to_wire(), **fields, updateMask=mask)
        method = "UpdateBenchmarkTask"
        updated = UpdatedTask.from_wire(call_if_offered(self, TASKS, method, body, [address]))
        if not _is_task(updated.task, address.task):
            raise unconfirmed(method)
        return updated

    def publish(self, slug: TaskSlug | str, *, notebook: bool = False, artifacts: bool = False) -> Task:
        """Make a task public, and what else is asked for; doing it again changes nothing.

        Parameters
        ----------
        notebook : bool
            Also the notebook that it was made from.
        artifacts : bool
            Also what its runs left: files, logs and outputs. It cannot be taken back. Without it others see scores
            only.

        Returns
        -------
        Task
            Public for sure; it shows where the notebook or the artifacts are not (yet), since a server may not know
            the word for them.

        Raises
        ------
        AmbiguousWriteError
            If neither the answer nor the task itself says that it is public now.
        """
        address = TaskSlug.parse(slug)
        body = given(slug=address.to_wire(), publishBackingNotebook=notebook, publishRunArtifacts=artifacts)
        subject = f"task {str(address)!r}"

        def done(task: Task) -> bool:
            missing = (notebook and not task.is_backing_notebook_published) or (
                artifacts and not task.artifacts_public
            )
            return bool(task.is_public) and not missing and _is_task(task, address.task)

        task = Task.from_wire(self.call(TASKS, "PublishBenchmarkTask", body, subject=subject))
        if done(task):
            return task
        with suppress(*NO_ANSWER):  # the answer may leave out what the task itself says
            task = self.get_task(address)
        if done(task) or (_is_task(task, address.task) and task.is_public):
            return task
        raise AmbiguousWriteError(
            f"The server did not confirm that {subject} is public.",
            hint=f"Look with %kbench status {address}; publishing again changes nothing that is done:"
            f" %kbench publish {address}",
        )


def _is_task(task: Task, slug: str) -> bool:
    """Return whether an answer is the task that was asked for."""
    got = task.slug.task
    return bool(got) and (got == slug or task_slug(got) == task_slug(slug))


def _version(task: Task | None) -> int:
    # A task whose version the wire leaves out still exists: any number after it is newer.
    return 0 if task is None else task.version or 0


def _may_be_ours(task: Task, known_version: int, sent: datetime) -> bool:
    """Return whether a new version can be the one whose answer was lost, and no other's."""
    return (
        _version(task) == known_version + 1
        and task.origin in (TaskOrigin.CLI, TaskOrigin.UNSPECIFIED)
        and (task.create_time is None or task.create_time >= sent - SKEW)
    )

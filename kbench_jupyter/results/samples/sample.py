"""A sample as it is listed, and what a listing can be limited to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: Characters of a listed sample's input and answer, and of its error.
TEXT, ERROR = 500, 300


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of an evaluation, or a run that is its own sample. Its texts are clipped."""

    #: Stable, for links: ``<version or unset>/<candidate, as its folder is named>/<run id>/<place>``. The place is
    #: the indices of the nested subruns, joined by dots; "" for the run itself.
    id: str
    #: Pairs a sample across runs, candidates and versions: ``<sub task>#<row>``; "" for a run that is its own sample.
    key: str
    version: int | None  #: task version, where the server told it
    candidate: str  #: slug of a model, of a model at an effort, or of an agent
    model: str  #: canonical slug; the candidate where nobody told
    run_id: int
    task: str  #: name of the (sub) task
    row: int | None  #: row number of ``evaluate``, from 0
    state: str  #: ``"COMPLETED"``, ``"ERRORED"``, or another run state's name
    passed: bool | None  #: no error, no failed assertion, no false result; None while it has not ended
    score: float | None  #: numeric result; None where it errored or has none
    interval: float | None  #: half-width of the score's confidence interval, where the task returns one
    result: str  #: the result as short text: ``true``, ``0.84``, ``{"a": 1}``; "" where it errored
    held: int  #: assertions that passed, those of the subruns below it included
    checks: int  #: assertions made
    failed: tuple[str, ...]  #: expectations of the assertions that failed
    input: str  #: first message of a user
    answer: str  #: last message of a model
    error: str  #: last line of the traceback
    input_tokens: int
    output_tokens: int
    cost: float | None  #: USD
    latency: float | None  #: seconds in the model's back end
    elapsed: float | None  #: seconds from start to end
    retries: int  #: attempts before this one
    children: int  #: nested subruns below it, at any depth
    started: datetime | None

    @property
    def errored(self) -> bool:
        """Whether the task function itself failed."""
        return self.state == "ERRORED"

    @property
    def verdict(self) -> str:
        """What it came to in a word: errored, passed or failed, or its state while it has not ended."""
        if self.errored:
            return "errored"
        return self.state.lower() if self.passed is None else "passed" if self.passed else "failed"


@dataclass(frozen=True, slots=True)
class Filter:
    """What samples are limited to: all that is given must hold."""

    failed: bool = False  #: only those that did not pass, errored ones included
    errored: bool = False
    #: Only those whose key came to something else (passed, score, error) with another candidate or version.
    differing: bool = False
    #: Only those whose key came to less in a candidate's newest version than in that before it.
    worse: bool = False
    #: Is in the input, answer, result, error, task or a failed expectation; case does not matter.
    text: str = ""
    assertion: str = ""  #: the expectation of an assertion that failed, whole
    candidates: tuple[str, ...] = ()  #: any of these; all where empty
    versions: tuple[int | None, ...] = ()  #: any of these; all where empty


#: The filter that takes every sample.
EVERY = Filter()

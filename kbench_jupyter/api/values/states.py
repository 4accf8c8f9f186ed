"""Open enums: the values this client knows, and room for the ones it has never seen.

Enums grow on the server. A value unknown to this client becomes a pseudo-member that keeps its text, so
that one new state never breaks a whole listing (the official SDK raises ``KeyError`` for the page).
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Self

__all__ = [
    "CandidateType",
    "CreationState",
    "DisplayType",
    "Importance",
    "Modality",
    "OpenEnum",
    "RefillPeriod",
    "RunState",
    "TaskOrigin",
]


class OpenEnum(enum.StrEnum):
    """A string enum that accepts any text, with or without the wire's long prefix."""

    _prefix: ClassVar[str]
    _is_sent_bare: ClassVar[bool]  # but for UNSPECIFIED (kagglesdk 0.1.37)

    def __init_subclass__(cls, prefix: str, is_sent_bare: bool = False) -> None:
        cls._prefix, cls._is_sent_bare = prefix, is_sent_bare

    @classmethod
    def from_wire(cls, value: Any) -> Self:
        """Return the member for a text with or without prefix, or a number; a missing one is ``UNSPECIFIED``."""
        if isinstance(value, int) and not isinstance(value, bool):  # proto3 JSON allows the number
            members = list(cls)
            return members[value] if 0 <= value < len(members) else cls(str(value))
        return cls(value) if isinstance(value, str) and value else cls("UNSPECIFIED")

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Some prefixes come in a longer spelling too, with the enum's whole name.
        bare = value.strip().upper().rpartition(cls._prefix)[2]
        known = cls._member_map_.get(bare)
        if known is not None:
            return known  # type: ignore[return-value]  # typeshed has Enum here
        member = str.__new__(cls, bare)
        member._name_ = member._value_ = bare
        return member

    @property
    def is_known(self) -> bool:
        """Whether this client knows what the value means."""
        return self.name in type(self).__members__

    @property
    def words(self) -> str:
        """The value as it is read: ``"score pending"``."""
        return self.value.lower().replace("_", " ")

    def to_wire(self) -> str:
        """Return the value as the wire has it, mostly with a long prefix."""
        bare = self._is_sent_bare and self.value != "UNSPECIFIED"
        return self.value if bare else self._prefix + self.value


class CreationState(OpenEnum, prefix="BENCHMARK_TASK_VERSION_CREATION_STATE_"):
    """How far the creation of a task version has come.

    The order is that of the wire's numbers. ``VALIDATING`` came with kagglesdk 0.1.38, whose notes call
    the states ``QUEUED`` and ``RUNNING`` those of older versions; servers still send both.
    """

    UNSPECIFIED = "UNSPECIFIED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ERRORED = "ERRORED"
    KERNEL_WITHOUT_RUN = "KERNEL_WITHOUT_RUN"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    NO_MODEL_SPECIFIED = "NO_MODEL_SPECIFIED"
    VALIDATING = "VALIDATING"

    @property
    def is_pending(self) -> bool:
        """Whether the server is still creating this version."""
        return self in (CreationState.QUEUED, CreationState.RUNNING, CreationState.VALIDATING)

    @property
    def is_terminal(self) -> bool:
        """Whether creation has ended, well or badly."""
        return self.is_known and not self.is_pending and self is not CreationState.UNSPECIFIED


class RunState(OpenEnum, prefix="BENCHMARK_TASK_RUN_STATE_"):
    """How far a run has come."""

    UNSPECIFIED = "UNSPECIFIED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ERRORED = "ERRORED"
    SCORE_PENDING = "SCORE_PENDING"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended for good; an unknown state has not."""
        return self in (RunState.COMPLETED, RunState.ERRORED)


class Modality(OpenEnum, prefix="MODALITY_"):
    """A kind of content a model takes or gives."""

    UNSPECIFIED = "UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"


class TaskOrigin(OpenEnum, prefix="BENCHMARK_TASK_VERSION_SOURCE_", is_sent_bare=True):
    """Where a task version was created from (the wire's ``source``)."""

    UNSPECIFIED = "UNSPECIFIED"
    EVAL_SANDBOX = "EVAL_SANDBOX"
    WEB = "WEB"
    CLI = "CLI"


class CandidateType(OpenEnum, prefix="BENCHMARK_CANDIDATE_TYPE_"):
    """The kind of candidate a task version is made for."""

    UNSPECIFIED = "UNSPECIFIED"
    MODEL_VERSIONS = "MODEL_VERSIONS"
    AGENTS = "AGENTS"
    MODEL_VERSION_CONFIGS = "MODEL_VERSION_CONFIGS"


class Importance(OpenEnum, prefix="BENCHMARK_MODEL_IMPORTANCE_LEVEL_", is_sent_bare=True):
    """Whether a model is run on all the benchmarks that Kaggle maintains (``CORE``)."""

    UNSPECIFIED = "UNSPECIFIED"
    CORE = "CORE"


class DisplayType(OpenEnum, prefix="BENCHMARK_LEADERBOARD_DISPLAY_TYPE_", is_sent_bare=True):
    """The scale that a leaderboard's column is on: 0.85 is 85% on ``PERCENTAGES``, 85 on ``RAW_PERCENTAGES``."""

    UNSPECIFIED = "UNSPECIFIED"
    PERCENTAGES = "PERCENTAGES"
    COUNTS = "COUNTS"
    DOLLARS = "DOLLARS"
    CENTS = "CENTS"
    RAW_PERCENTAGES = "RAW_PERCENTAGES"
    FLOAT_COUNTS = "FLOAT_COUNTS"
    RAW_VALUES = "RAW_VALUES"
    WHOLE_DOLLARS = "WHOLE_DOLLARS"


class RefillPeriod(OpenEnum, prefix="REFILL_PERIOD_", is_sent_bare=True):
    """How often a model proxy quota is filled up again."""

    UNSPECIFIED = "UNSPECIFIED"
    DAILY = "DAILY"
    MONTHLY = "MONTHLY"

"""Rows and cells of a grid: samples of one key side by side, a column a task version and candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the grid."""

    version: int | None
    candidate: str


@dataclass(frozen=True, slots=True)
class GridCell:
    """What one candidate's runs of one version came to at one key; more than one sample where runs repeat it."""

    ids: tuple[str, ...]  #: of its samples, the newest run's first; never empty
    passed: int  #: how many of them passed
    errored: int  #: how many of them errored
    score: float | None  #: mean of the scores; None where none has one
    failed: tuple[str, ...]  #: expectations that failed, of the newest sample


@dataclass(frozen=True, slots=True)
class GridRow:
    """All samples of one key."""

    key: str
    task: str
    row: int | None
    input: str  #: first message of a user, clipped; of the newest sample
    differing: bool  #: whether columns came to something else
    cells: Mapping[Column, GridCell]  #: without the columns that have no sample of it

"""The way of a deal: its pipeline, and what only moves along it change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Record
from crmkit.kernel.machine import Machine
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.stages.definition import SalesPipeline
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD

MOVED_BY_VERBS = {
    "stage",
    "stage_since",
    "pipeline",
    "closed_at",
    "last_open_stage",
    "lost_reason",
    "lost_to",
    "slips",
    "expected",
    "merged_into",
}


def way_of(work: Work, deal: Opportunity) -> tuple[SalesPipeline, Machine]:
    """The pipeline of *deal* and how deals move in it."""
    process = pipeline_of(work, deal.pipeline)
    return process, work.machine("opportunity") if process is STANDARD else process.machine


def open_stage(process: SalesPipeline, name: str | None) -> str:
    """*name*, if it is an open stage of the pipeline.

    Raises:
        InvalidInput: it is not; the message lists those that are.
    """
    if name is None or name not in process:
        stages = ", ".join(stage.name for stage in process.stages)
        raise InvalidInput(f"{name!r} is no open stage of the pipeline {process.name}; it has {stages}")
    return name


def settable(changes: Iterable[str]) -> None:
    """Refuse to set what only a verb changes.

    Raises:
        InvalidInput: one of *changes* is such a field.
    """
    moved = sorted(MOVED_BY_VERBS.intersection(changes))
    if moved:
        raise InvalidInput(f"{moved[0]} is not set directly: use advance, win, lose or reopen")


@overload
def id_of(ref: Record | str) -> str: ...
@overload
def id_of(ref: Record | str | None) -> str | None: ...
def id_of(ref: Record | str | None) -> str | None:
    """The id of what is given by object or by id."""
    return ref.id if isinstance(ref, Record) else ref

"""Ageing: how long a deal has been where it is, and what it was on a past day."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from crmkit.kernel.collection import Collection
from crmkit.kernel.rules.fields import F
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from crmkit.pipeline.opportunities.history import as_it_was, moment, seconds_by_stage
from crmkit.pipeline.opportunities.ways import way_of
from crmkit.pipeline.stages.definition import ROT, Light
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD


class Ageing(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` knows of the past of a deal."""

    cls = Opportunity

    def light(self, deal: Opportunity | str) -> Light:
        """How long a deal has been in its stage, as a traffic light: green, yellow or red; closed deals are green."""
        with self.read() as work:
            current = work.get(Opportunity, deal)
            process, _ = way_of(work, current)
            if not current.is_open or current.stage not in process:
                return "green"
            return process[current.stage].light(days=current.days_in_stage(now=work.now))

    def rotting(self, *, pipeline: str = STANDARD.name, owner: str | None = None) -> list[Opportunity]:
        """The open deals of a pipeline that have been too long in their stage, the oldest first."""
        with self.read() as work:
            found: list[Opportunity] = []
            for stage in pipeline_of(work, pipeline).stages:
                if stage.expected_days is None:
                    continue
                latest = work.now - timedelta(days=float(ROT * stage.expected_days))
                rule = (F.pipeline == pipeline) & (F.stage == stage.name) & (F.stage_since <= latest)
                found += work.find(Opportunity, rule if owner is None else rule & (F.owner == owner))
            return sorted(found, key=lambda deal: (deal.stage_since, deal.id))

    def as_of(self, deal: Opportunity | str, at: date | datetime) -> DealState:
        """What a deal was at a past moment, or at the end of a past day.

        Raises:
            NotFound: it did not exist yet.
        """
        with self.read() as work:
            return as_it_was(work, work.get(Opportunity, deal), at=moment(work, at))

    def durations(self, deal: Opportunity | str) -> dict[str, float]:
        """How long a deal has been in each stage, in seconds, over re-entries, the present stage counted up to now."""
        with self.read() as work:
            return seconds_by_stage(work, work.get(Opportunity, deal), now=work.now)

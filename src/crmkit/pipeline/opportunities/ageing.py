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
        """How long a deal has been in its stage, as a traffic light: green, yellow or red; closed deals are green.

        Yellow when the warning days of the stage are passed, red from 1.5 times its expected days on:
        :meth:`Stage.light`.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang, stage="proposal")
            ...     for days in (10, 1, 4):
            ...         _ = clock.advance(days=days)
            ...         print(deals.light(deal))
            green
            yellow
            red
        """
        with self.read() as work:
            current = work.get(Opportunity, deal)
            process, _ = way_of(work, current)
            if not current.is_open or current.stage not in process:
                return "green"
            return process[current.stage].light(days=current.days_in_stage(now=work.now))

    def rotting(self, *, pipeline: str = STANDARD.name, owner: str | None = None) -> list[Opportunity]:
        """The open deals of a pipeline that have been too long in their stage (a red light), the oldest first.

        Args:
            pipeline: the name of the pipeline.
            owner: whose deals; everybody's unless given.

        Raises:
            NotFound: there is no such pipeline.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     for name, stage in (("Wedding photos", "proposal"), ("Wedding banquet", "qualification")):
            ...         _ = deals.open(name=name, customer=wang, stage=stage)
            ...     _ = clock.advance(days=15)
            ...     [deal.name for deal in deals.rotting()]
            ['Wedding photos']
        """
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

        Args:
            deal: which one.
            at: an aware moment, or a day in the zone of the CRM, which counts up to its end.

        Raises:
            NotFound: it did not exist yet.
            InvalidInput: the moment is naive.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang)
            ...     _ = clock.advance(days=7), deals.win(deal)
            ...     deals.as_of(deal, date(2026, 3, 5)).stage, deals.as_of(deal, date(2026, 3, 9)).stage
            ('qualification', 'won')
        """
        with self.read() as work:
            return as_it_was(work, work.get(Opportunity, deal), at=moment(work, at))

    def durations(self, deal: Opportunity | str) -> dict[str, float]:
        """How long a deal has been in each stage, in seconds, over re-entries, the present stage counted up to now.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang)
            ...     for days, stage in ((3, "proposal"), (5, "qualification"), (1, "proposal")):
            ...         _ = clock.advance(days=days)
            ...         deal = deals.advance(deal, to=stage)
            ...     {stage: seconds / 86_400 for stage, seconds in deals.durations(deal).items()}
            {'qualification': 4.0, 'proposal': 5.0}
        """
        with self.read() as work:
            return seconds_by_stage(work, work.get(Opportunity, deal), now=work.now)

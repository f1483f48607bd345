"""``crm.lifecycle``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from crmkit.customers.people import Customer, alive
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.rules import F
from crmkit.kernel.stays import StageSpan
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys import Journeys
from crmkit.lifecycle.journeys.walking import begin
from crmkit.lifecycle.life_events import LifeEvent, recorded
from crmkit.lifecycle.loyalty import Loyalty
from crmkit.lifecycle.loyalty.booking import program_of
from crmkit.lifecycle.loyalty.statement import statement
from crmkit.lifecycle.retention import StageRules, SweepReport, sweep
from crmkit.lifecycle.stages import Standing, advanced, put_back, standing_of


class Lifecycle(Desk):
    """What ``crm.lifecycle`` offers: how far customers have come, and what happens in their lives."""

    @property
    def journeys(self) -> Journeys:
        """What is done step by step with those to whom something has happened."""
        return Journeys(self._scope)

    @property
    def loyalty(self) -> Loyalty:
        """Points and tiers."""
        return Loyalty(self._scope)

    @property
    def rules(self) -> StageRules:
        """Who becomes loyal, lapses, or comes to any other stage by a rule."""
        return StageRules(self._scope)

    def sweep(self) -> SweepReport:
        """Judge all customers by the rules of the stages now, instead of at the beginning of the next day.

        Returns:
            the ids of those who came to each stage that has a rule.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", tags={"regular"})
            ...     _ = crm.lifecycle.rules.define("loyal", rule=F.tags.has("regular"))
            ...     report = crm.lifecycle.sweep()
            ...     report.moved == {"loyal": (wang.id,)}, crm.lifecycle.sweep().moved
            (True, {'loyal': ()})
        """
        with self.work() as work:
            return sweep(work)

    def stage_of(self, customer: Customer | str) -> str:
        """The stage of a customer.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     crm.lifecycle.stage_of(wang)
            'prospect'
        """
        return self.standing(customer).stage

    def standing(self, customer: Customer | str) -> Standing:
        """The stage of a customer, and since when.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = clock.advance(days=3)
            ...     _ = crm.lifecycle.advance(wang, to="qualified")
            ...     standing = crm.lifecycle.standing(wang)
            ...     standing.stage, standing.stage_since.isoformat()
            ('qualified', '2026-03-05T09:00:00+00:00')
        """
        with self.read() as work:
            return standing_of(work, customer)

    def advance(self, customer: Customer | str, *, to: str) -> Standing:
        """Say that a customer has come to a later stage; stages may be skipped, and the present one changes nothing.

        Args:
            customer: who.
            to: a stage that is not before the present one.

        Raises:
            InvalidInput: there is no such stage.
            TransitionRefused: it is an earlier stage.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     crm.lifecycle.advance(wang, to="qualified").stage
            ...     crm.lifecycle.advance(wang, to="lead")
            Traceback (most recent call last):
            crmkit.errors.TransitionRefused: cannot advance to lead a standing that is qualified: ...
        """
        with self.work() as work:
            standing = standing_of(work, customer)
            change = advanced(standing, work.machine("standing"), to=to, now=work.now)
            return work.save(change) if change.events else standing

    def reset(self, customer: Customer | str, *, to: str, reason: str) -> Standing:
        """Put a customer back to an earlier stage, for the record.

        Args:
            customer: who.
            to: an earlier stage.
            reason: why; the trail keeps it together with who did it.

        Raises:
            InvalidInput: there is no such stage.
            TransitionRefused: the reason is missing, or *to* is no earlier stage.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.lifecycle.advance(wang, to="customer")
            ...     _ = crm.lifecycle.reset(wang, to="lead", reason="the order was a colleague's")
            ...     crm.lifecycle.stage_of(wang), crm.customers.timeline(wang, limit=1)[0].facts["reason"]
            ('lead', "the order was a colleague's")
        """
        with self.work() as work:
            standing = standing_of(work, customer)
            return work.save(put_back(standing, work.machine("standing"), to=to, reason=reason, now=work.now))

    def history(self, customer: Customer | str) -> list[StageSpan]:
        """The stages in which a customer has been before the present one, the earliest first.

        Each stay has its ``state``, began at ``entered_at`` and ended at ``created_at``.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     for stage in ("lead", "customer"):
            ...         _ = clock.advance(days=7)
            ...         _ = crm.lifecycle.advance(wang, to=stage)
            ...     [(stay.state, (stay.created_at - stay.entered_at).days) for stay in crm.lifecycle.history(wang)]
            [('prospect', 7), ('lead', 7)]
        """
        with self.read() as work:
            standing = standing_of(work, customer)
            return work.find(StageSpan, F.subject == standing.id, order_by=("entered_at", "created_at"))

    def record(
        self, customer: Customer | str, name: str, *, on: date | None = None, note: str | None = None
    ) -> LifeEvent:
        """Note what happens in a customer's life; the journeys that begin on it begin.

        The same thing on the same day is one life event, however often it is noted.

        Args:
            customer: to whom it happens.
            name: one word of the host's own, as in ``baby_born``; 1 to 60 characters and no dot.
            on: the calendar day, past or future; today in the zone of the CRM unless given.
            note: anything worth knowing.

        Returns:
            the life event; the known one if there is one already.

        Raises:
            InvalidInput: *name* is no such word.
            NotFound: there is no such customer.
            Refused: the customer was erased.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     for _ in range(2):
            ...         born = crm.lifecycle.record(li, "baby_born", on=date(2026, 3, 2), note="a girl")
            ...     len(crm.lifecycle.events(li)), crm.customers.count(F.life_events.where(F.name == "baby_born").any())
            (1, 1)
        """
        with self.work() as work:
            who = alive(work.get(Customer, customer))
            day = local_date(work.now, work.settings.zone) if on is None else on
            fresh = work.new(LifeEvent, customer_id=who.id, name=name, on=day, note=note)
            same = (F.customer_id == who.id) & (F.name == fresh.name) & (F.on == fresh.on)
            known = work.first(LifeEvent, same)
            if known is not None:
                return known
            saved = work.save(recorded(fresh))
            midnight = start_of_day(saved.on, work.settings.zone)
            begin(work, on=saved.name, customer_id=who.id, about=saved.id, at=midnight)
            return saved

    def events(self, customer: Customer | str) -> list[LifeEvent]:
        """What is known of a customer's life, the earliest first.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.lifecycle.record(li, "baby_born", on=date(2027, 6, 1))
            ...     _ = crm.lifecycle.record(li, "wedding", on=date(2026, 5, 20))
            ...     [(event.name, event.on.isoformat()) for event in crm.lifecycle.events(li)]
            [('wedding', '2026-05-20'), ('baby_born', '2027-06-01')]
        """
        with self.read() as work:
            return work.find(LifeEvent, F.customer_id == work.get(Customer, customer).id, order_by="on")


def section(work: Work, customer: Any) -> Mapping[str, Any]:
    """What the life cycle knows of a customer, for the portrait."""
    standing = standing_of(work, customer)
    life = work.find(LifeEvent, F.customer_id == standing.customer_id, order_by="on")
    facts: dict[str, Any] = {
        "stage": work.machine("standing").label(standing.stage),
        "since": local_date(standing.stage_since, work.settings.zone),
    }
    if life:
        facts["life_events"] = ", ".join(f"{e.name} ({e.on.isoformat()})" for e in life)
    if program_of(work) is not None:
        facts |= statement(work, standing.customer_id).facts()
    return facts

"""``crm.lifecycle``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from crmkit.customers.people import Customer
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
        """Judge all customers by the rules of the stages now, instead of at the beginning of the next day."""
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
        """
        with self.work() as work:
            standing = standing_of(work, customer)
            return work.save(put_back(standing, work.machine("standing"), to=to, reason=reason, now=work.now))

    def history(self, customer: Customer | str) -> list[StageSpan]:
        """The stages in which a customer has been before the present one, the earliest first."""
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
            name: one word of the host's own, as in ``baby_born``.
            on: the calendar day, past or future; today in the zone of the CRM unless given.
            note: anything worth knowing.

        Raises:
            NotFound: there is no such customer.
        """
        with self.work() as work:
            who = work.get(Customer, customer)
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
        """What is known of a customer's life, the earliest first."""
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

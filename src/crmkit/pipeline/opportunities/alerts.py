"""Alerts: a deal becomes large, loses worth or slips, and the manager hears of it, once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import email
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.stages.definition import LOST
from crmkit.pipeline.stages.edition import kept, renewed


@entity("deal_alert", prefix="alert")
class DealAlert(Entity):
    """A condition on the change of a deal.

    Attributes:
        kind: ``large``: amount and probability reach a threshold; ``amount_drop``: the amount falls by at least so many
            per cent; ``date_slip``: the closing day moves back by at least so many days.
        notify: the e-mail address that is written to.
    """

    name: str = attribute(unique=True)
    kind: Literal["large", "amount_drop", "date_slip"] = attribute()
    amount: Money | None = attribute(default=None)
    probability: Decimal = attribute(default=Decimal(0))
    percent: Decimal | None = attribute(default=None)
    days: int | None = attribute(default=None, at_least=1)
    notify: str | None = attribute(default=None)
    active: bool = attribute(default=True)

    def check(self) -> None:
        """A drop is above 0 and at most 100 per cent, a large amount above 0."""
        if self.percent is not None and not 0 < self.percent <= 100:
            raise InvalidInput(f"a drop is above 0 and at most 100 per cent, got {self.percent}")
        if self.amount is not None and self.amount.minor <= 0:
            raise InvalidInput(f"a large amount is above 0, got {self.amount}")

    def raised_by(self, before: Opportunity | None, after: Opportunity) -> str | None:
        """What to tell about the change from *before* to *after*; nothing if it is none of this alert's business.

        Amounts in another currency than the alert's are left to an alert of their own: nothing is converted silently.
        """
        match self.kind:
            case "large":
                crossed = self._large(after) and not (before is not None and self._large(before))
                return f"{after.amount} at {after.probability.normalize():f} %" if crossed else None
            case "amount_drop":
                share = drop(before, after)
                reached = share is not None and self.percent is not None and share >= self.percent
                return f"{before.amount} has become {after.amount}" if reached and before is not None else None
            case "date_slip":
                days = slip(before, after)
                reached = days is not None and self.days is not None and days >= self.days
                return f"the closing day moved by {days} days to {after.close_on}" if reached else None

    def _large(self, deal: Opportunity) -> bool:
        amount, least = deal.amount, self.amount
        if amount is None or least is None or amount.currency != least.currency or deal.stage == LOST:
            return False
        return amount >= least and deal.probability >= self.probability


@event("pipeline.deal_alert_raised")
class DealAlertRaised(Event):
    """A deal did what an alert waits for."""

    opportunity_id: str
    customer_id: str
    alert: str
    kind: str
    text: str
    notify: str | None


def drop(before: Opportunity | None, after: Opportunity) -> Decimal | None:
    """By how many per cent the amount fell; missing if it did not, or the currency is another one."""
    if before is None or not before.amount or after.amount is None:
        return None
    if before.amount.currency != after.amount.currency or after.amount >= before.amount:
        return None
    return (before.amount - after.amount) / before.amount * 100


def slip(before: Opportunity | None, after: Opportunity) -> int | None:
    """By how many days the closing day moved back; missing if it did not."""
    if before is None or before.close_on is None or after.close_on is None or after.close_on <= before.close_on:
        return None
    return _days(before.close_on, after.close_on)


def _days(start: date, end: date) -> int:
    return (end - start).days


class Alerts(Collection[DealAlert]):
    """What ``crm.pipeline.opportunities.alerts`` offers."""

    cls = DealAlert

    def define(
        self,
        name: str,
        *,
        at_least: Money | None = None,
        probability: Decimal | int = 0,
        drop_percent: Decimal | int | None = None,
        slip_days: int | None = None,
        notify: str | None = None,
    ) -> DealAlert:
        """Ask to be told when a deal does something, once each time that it does.

        Args:
            name: how the alert is called; the same name again changes it.
            at_least: a deal of this amount and more is large (with at least *probability*), and it is told once when it
                becomes so, again only after it has been smaller in between.  Source: Salesforce's Big Deal Alert.
            probability: in per cent, for large deals.
            drop_percent: the amount falls by at least so many per cent in one change.
            slip_days: the closing day moves back by at least so many days in one change.
            notify: an e-mail address; without it only the event is there.

        Raises:
            InvalidInput: not exactly one of *at_least*, *drop_percent* and *slip_days* is given, or it is not above 0;
                or *notify* is no e-mail address.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.alerts.define("big", at_least=Money(50_000, "CNY"), notify="chen@example.com")
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(10_000, "CNY"))
            ...     _ = deals.update(deal, amount=Money(60_000, "CNY"))
            ...     [message.subject for message in crm.outbox.find()]
            ['big: Wedding banquet']
        """
        given = {"large": at_least, "amount_drop": drop_percent, "date_slip": slip_days}
        kinds = [kind for kind, value in given.items() if value is not None]
        if len(kinds) != 1:
            raise InvalidInput("give an alert exactly one of at_least=, drop_percent= and slip_days=")
        values = {
            "kind": kinds[0],
            "amount": at_least,
            "probability": probability,
            "percent": drop_percent,
            "days": slip_days,
            "notify": None if notify is None else email(notify, what="notify"),
            "active": True,
        }
        with self.work() as work:
            known = work.called(DealAlert, name)
            after = work.new(DealAlert, name=name, **values) if known is None else known.evolve(**values)
            renewed(work)
            return work.save(Change(after))

    def stop(self, name: str) -> None:
        """Do not tell any more.

        Raises:
            NotFound: there is no such alert.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.alerts.define("big", at_least=Money(50_000, "CNY"), notify="chen@example.com")
            ...     deals.alerts.stop("big")
            ...     _ = deals.open(name="Wedding banquet", customer=wang, amount=Money(60_000, "CNY"))
            ...     crm.outbox.find()
            []
        """
        with self.work() as work:
            work.save(Change(work.named(DealAlert, name).evolve(active=False)))
            renewed(work)


def watch(work: Work, before: Opportunity | None, after: Opportunity) -> None:
    """Raise the alerts that wait for the change from *before* to *after*."""
    for alert in kept(work, DealAlert, _active):
        text = alert.raised_by(before, after)
        if text is None:
            continue
        raised = DealAlertRaised(
            opportunity_id=after.id,
            customer_id=after.customer_id,
            alert=alert.name,
            kind=alert.kind,
            text=text,
            notify=alert.notify,
        )
        work.emit(raised)
        if alert.notify is not None:
            work.post(
                channel="email",
                to=alert.notify,
                subject=f"{alert.name}: {after.name}",
                body=f"{after.name}: {text}.",
                key=f"deal-alert:{alert.id}:{after.id}:{after.version}",
                purpose="internal",
                about=after.id,
            )


def _active(alerts: list[DealAlert]) -> list[DealAlert]:
    return [alert for alert in alerts if alert.active]

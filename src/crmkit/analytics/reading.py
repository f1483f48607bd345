"""Reading: the rows that the statistics begin with, from the store."""

from __future__ import annotations

from datetime import date

from crmkit.analytics.growth import Receipt
from crmkit.analytics.purchases import Purchase, refuse_other_currencies
from crmkit.kernel.clock import check_days, local_date, start_of_day
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment


def purchases_of(
    work: Work, *, currency: str | None = None, since: date | None = None, until: date | None = None
) -> list[Purchase]:
    """The orders that are paid or for which something was paid, with what was paid less refunds.

    They count on the day when they were placed.  An order that costs nothing counts, one that was paid back does not.

    Args:
        work: where to look.
        currency: only amounts in this currency; unless given, that of the CRM, and others are refused.
        since: the first day, in the zone of the CRM.
        until: the last day, included.

    Raises:
        InvalidInput: there are orders in several currencies, and none was asked for.
    """
    wanted, zone = currency or work.settings.currency, work.settings.zone
    within = in_window("placed_at", work, since=since, until=until)
    if currency is None:
        sums = [paid for group in work.tally(Order, within, sums=("paid",)) for paid in group.sums["paid"].values()]
        refuse_other_currencies({paid.currency for paid in sums if paid}, wanted)
    nothing = Money.zero(wanted)
    bought = (F.paid >= nothing) & ((F.status == "paid") | (F.paid > nothing))
    rows = work.columns(Order, ["customer_id", "placed_at", "paid"], both(bought, within))
    return [Purchase(customer, local_date(at, zone), paid) for customer, at, paid in rows]


def receipts_of(
    work: Work, *, currency: str | None = None, since: date | None = None, until: date | None = None
) -> list[Receipt]:
    """The payments by the day they came in; refunds are negative.

    Args:
        work: where to look.
        currency: only amounts in this currency; unless given, all of them.
        since: the first day, in the zone of the CRM.
        until: the last day, included.
    """
    zone = work.settings.zone
    within = in_window("received_at", work, since=since, until=until)
    wanted = within if currency is None else both(F.amount > Money.zero(currency), within)
    names = ["customer_id", "order_id", "received_at", "kind", "amount"]
    return [
        Receipt(customer, order, local_date(at, zone), amount if kind == "payment" else -amount)
        for customer, order, at, kind, amount in work.columns(Payment, names, wanted)
    ]


def in_window(field: str, work: Work, *, since: date | None, until: date | None) -> Rule | None:
    """The rule that *field* lies on the days from *since* to *until*, both included, in the zone of the CRM.

    Raises:
        InvalidInput: a bound is no plain date, or *until* comes before *since*.
    """
    check_days(since=since, until=until)
    zone = work.settings.zone
    rule: Rule | None = None
    if since is not None:
        rule = both(F[field] >= start_of_day(since, zone), rule)
    if until is not None:
        rule = both(F[field] < start_of_day(date.fromordinal(until.toordinal() + 1), zone), rule)
    return rule


def both(rule: Rule, other: Rule | None) -> Rule:
    """Both rules, if there are two."""
    return rule if other is None else rule & other

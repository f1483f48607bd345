"""The verbs about customers as buyers: RFM, lifetime value, cohorts, and their paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from crmkit.analytics.cohorts import Cohorts, cohorts
from crmkit.analytics.lifetime import LifetimeValue, lifetime_value
from crmkit.analytics.paths import Order as StepOrder
from crmkit.analytics.paths import Path, path
from crmkit.analytics.reading import both, in_window, purchases_of
from crmkit.analytics.rfm import GRID, Grid, Rfm, rfm
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import check_days, local_date
from crmkit.kernel.collection import Desk
from crmkit.kernel.events import EventRecord
from crmkit.kernel.rules import F
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work


class Buyers(Desk):
    """What ``crm.analytics`` tells of customers as buyers."""

    def rfm(self, *, until: date | None = None, grid: Grid = GRID, currency: str | None = None) -> Rfm:
        """Score customers by how recently, how often and for how much they have bought, and put them into groups.

        Args:
            until: the day of the analysis; today unless given.
            grid: the groups.
            currency: only orders in this currency; unless given, that of the CRM, and others are refused.

        Raises:
            InvalidInput: there are orders in several currencies, and none was asked for.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 7, 1, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     for name, days in (("Lao Zhao", [1]), ("Xiao Wang", [2, 9, 16, 23])):
            ...         guest = crm.customers.register(name=name)
            ...         for day in days:
            ...             at = datetime(2026, 3, day, 12, 0, tzinfo=UTC)
            ...             dinner = Line("Dinner", quantity=1, unit_price=Money(168, "CNY"))
            ...             order = crm.pipeline.orders.place(guest, lines=[dinner], placed_at=at)
            ...             _ = crm.pipeline.payments.receive(order, order.total, method="cash", received_at=at)
            ...     found = crm.analytics.rfm(until=date(2026, 3, 30))
            ...     [(row.days, row.purchases, str(row.revenue), row.group) for row in found.rows]
            [(7, 4, '672.00 CNY', 'champions'), (29, 1, '168.00 CNY', 'lost')]
        """
        with self.read() as work:
            day = _day(work, until)
            rows = purchases_of(work, currency=currency, until=day)
            return rfm(rows, until=day, grid=grid, currency=currency or work.settings.currency)

    def lifetime_value(
        self,
        *,
        months: int = 12,
        until: date | None = None,
        discount: Decimal = Decimal(0),
        currency: str | None = None,
    ) -> LifetimeValue:
        """Tell what each customer will buy in the coming months (BG/NBD and Gamma-Gamma, fitted to all purchases).

        Args:
            months: how far ahead, 1 to 120.
            until: the last day that is looked at; today unless given.
            discount: what money loses in value in a month: ``Decimal("0.01")`` is one per cent.
            currency: as in :meth:`rfm`.

        Raises:
            InvalidInput: fewer than ten customers have bought again, the data say too little, an argument is out of
                range, or there are orders in several currencies, and none was asked for.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 7, 1, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm, crm.transaction() as tx:
            ...     guests = tx.customers.register_many({"name": f"guest {n}"} for n in range(12))
            ...     for n, guest in enumerate(guests):
            ...         dinner = Line("Dinner", quantity=1, unit_price=Money(100 + 10 * n, "CNY"))
            ...         for day in range(0, 90 if n % 3 else 180, 9 + 2 * n):  # two of three stay away after 90 days
            ...             at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
            ...             order = tx.pipeline.orders.place(guest, lines=[dinner], placed_at=at)
            ...             _ = tx.pipeline.payments.receive(order, order.total, method="cash", received_at=at)
            ...     told = tx.analytics.lifetime_value(until=date(2026, 6, 30), months=6)
            >>> [(round(p.alive, 1), round(p.purchases, 1)) for p in (told.of(guests[0]), told.of(guests[1]))]
            [(0.8, 7.1), (0.0, 0.3)]
        """
        with self.read() as work:
            day = _day(work, until)
            rows = purchases_of(work, currency=currency, until=day)
        return lifetime_value(rows, until=day, months=months, discount=discount)

    def cohorts(self, *, until: date | None = None, horizon: int = 12, currency: str | None = None) -> Cohorts:
        """Follow customers from the month of their first purchase.

        Args:
            until: the last day that is looked at; today unless given.
            horizon: months after the first one that are shown, 0 and more.
            currency: as in :meth:`rfm`.

        Raises:
            InvalidInput: *horizon* is no such number, or there are orders in several currencies, and none was asked
                for.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 7, 1, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     zhao, wang = (crm.customers.register(name=name) for name in ("Lao Zhao", "Xiao Wang"))
            ...     for guest, month in ((zhao, 1), (wang, 1), (zhao, 2)):
            ...         at = datetime(2026, month, 20, tzinfo=UTC)
            ...         dinner = Line("Dinner", quantity=1, unit_price=Money(168, "CNY"))
            ...         order = crm.pipeline.orders.place(guest, lines=[dinner], placed_at=at)
            ...         _ = crm.pipeline.payments.receive(order, order.total, method="cash", received_at=at)
            ...     found = crm.analytics.cohorts(until=date(2026, 2, 28))
            ...     [(f"{c.month:%Y-%m}", c.size, c.active) for c in found.cohorts], found.retention(1)
            ([('2026-01', 2, (2, 1))], 0.5)
        """
        with self.read() as work:
            day = _day(work, until)
            return cohorts(purchases_of(work, currency=currency, until=day), until=day, horizon=horizon)

    def path(
        self,
        steps: Sequence[str],
        *,
        order: StepOrder = "ordered",
        within: timedelta | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Path:
        """How many customers get from event to event of the trail.

        Args:
            steps: the stable names of events that carry a customer, as in ``"pipeline.order_placed"``; at least one.
            order: ``ordered`` lets anything happen in between, ``strict`` nothing, ``unordered`` allows any order.
            within: the time from the first step in which the others must happen, its end included; any time unless
                given.
            since: only events from this day on.
            until: only events until this day.

        Raises:
            InvalidInput: there are no steps, an event is unknown, there is no such order, or the days are out of
                order.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.customers.register(name="Xiao Li")
            ...     _ = crm.pipeline.orders.place(wang, lines=[Line("Album", quantity=1, unit_price=Money(900, "EUR"))])
            ...     path = crm.analytics.path(["customers.customer_registered", "pipeline.order_placed"])
            ...     [(step.name, step.count, step.conversion) for step in path.steps]
            [('customers.customer_registered', 2, None), ('pipeline.order_placed', 1, 0.5)]
        """
        with self.read() as work:
            wanted = ~F.customer_id.is_missing() if order == "strict" else F.name.in_(steps)
            wanted = both(wanted, in_window("created_at", work, since=since, until=until))
            happened: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
            for step in steps:
                _check_event(work, step)
            names = ["customer_id", "name", "created_at"]
            for customer, name, at in sorted(work.columns(EventRecord, names, wanted), key=lambda row: row[2]):
                if customer is not None:
                    happened[customer].append((name, at))
        return path(happened, steps=steps, order=order, within=within)


def _check_event(work: Work, name: str) -> None:
    known = work.house.registry.events
    if name not in known:
        near = nearest(name, known)
        hint = f", did you mean {near!r}?" if near else f"; some are {', '.join(sorted(known)[:3])}"
        raise InvalidInput(f"there is no event {name!r}{hint}")


def _day(work: Work, until: date | None) -> date:
    check_days(since=None, until=until)
    return until or local_date(work.now, work.settings.zone)

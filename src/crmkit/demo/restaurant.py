"""A year of a restaurant, day by day: guests, meals, complaints, banquets and campaigns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from crmkit.crm import CRM, Transaction
from crmkit.customers.people import Customer
from crmkit.demo.guests import CAMPAIGNS, FIRST, LAST, MENU, Guest, invent, meal
from crmkit.demo.screen import Screen
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.clock import FrozenClock, utc
from crmkit.kernel.ids import IdSource
from crmkit.kernel.money import Money
from crmkit.pipeline import Line
from crmkit.pipeline.sales import Sale
from crmkit.plugins.channels.memory import MemoryChannel

CNY, SEED = "CNY", 2025
ZONE = ZoneInfo("Asia/Shanghai")
OCCASIONS = ("Wedding banquet", "Company dinner", "Birthday party", "Family reunion", "Graduation dinner")
COMPLAINTS = ("The soup was cold", "We waited for forty minutes", "A dish was missing", "Too salty")


@contextmanager
def opened(database: Path) -> Iterator[tuple[CRM, FrozenClock]]:
    """The restaurant's CRM in *database*, as the tenant ``restaurant``, with a clock that the demo sets."""
    clock = FrozenClock(_at(FIRST, 6))
    with CRM.open(
        database,
        tenant="restaurant",
        currency=CNY,
        timezone="Asia/Shanghai",
        clock=clock,
        ids=IdSource(seed=SEED),
        channels=[MemoryChannel()],
        durable=False,
    ) as crm:
        yield crm, clock


class Restaurant:
    """One year of business.

    Args:
        crm: where it is kept.
        clock: the clock of *crm*.
        guests: how many come in the year.
    """

    def __init__(self, crm: CRM, clock: FrozenClock, *, guests: int = 2_000) -> None:
        self.crm, self.clock = crm, clock
        self.random = Random(SEED)  # noqa: S311 - invented meals need no cryptography
        self.known: dict[str, Customer] = {}
        self.arriving: dict[date, list[Guest]] = defaultdict(list)
        self.eating: dict[date, list[Guest]] = defaultdict(list)
        for guest in invent(guests, seed=SEED):
            self.arriving[guest.arrives].append(guest)
            for day in guest.visits:
                self.eating[day].append(guest)
        self.banquets: dict[date, list[Any]] = defaultdict(list)
        self.cases: dict[date, list[Any]] = defaultdict(list)

    def days(self) -> Sequence[date]:
        """The days of the year."""
        return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]

    def open_for_business(self) -> None:
        """Menu, campaigns and what guests are promised when they complain."""
        add = self.crm.pipeline.products.add
        self.menu = [add(name=name, price=Money(price, CNY), category=taste) for name, price, taste in MENU]
        plan = self.crm.marketing.campaigns.plan
        self.campaigns = [
            plan(name=name, network=network, budget=Money(budget, CNY), starts_on=begins)
            for name, network, begins, _, budget in CAMPAIGNS
        ]
        week = {day: [("10:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
        self.crm.service.policies.define(
            "guests",
            calendar=BusinessCalendar(timezone="Asia/Shanghai", hours=week),
            first_response=timedelta(hours=4),
            resolution=timedelta(hours=24),
        )

    def live(self, day: date) -> None:
        """One day in one transaction: who comes, what is eaten, what goes wrong, what is planned."""
        self.clock.set(_at(day, 23))
        with self.crm.transaction() as tx:
            self._welcome(tx, day)
            self._serve(tx, day)
            self._listen(tx, day)
            self._plan_banquets(tx, day)
            self._advertise(tx, day)
        self.crm.run_due()

    def _welcome(self, tx: Transaction, day: date) -> None:
        fresh = self.arriving[day]
        rows = [
            {
                "name": guest.name,
                "email": guest.email,
                "birthday": guest.birthday,
                "tags": frozenset(guest.tastes),
                "source": guest.source,
                "city": "Chengdu",
            }
            for guest in fresh
        ]
        for guest, customer in zip(fresh, tx.customers.register_many(rows), strict=True):
            self.known[guest.email] = customer

    def _serve(self, tx: Transaction, day: date) -> None:
        sales = []
        for guest in self.eating[day]:
            eaten = meal(self.random, guest)
            brought = guest.campaign if day == guest.arrives else None
            sales.append(
                Sale(
                    customer=self.known[guest.email],
                    lines=[Line(quantity=count, product=self.menu[dish]) for dish, count in eaten.dishes],
                    at=_at(day, self.random.choice([12, 13, 18, 19, 20])),
                    campaign=None if brought is None else self.campaigns[brought],
                    channel=eaten.channel,
                    method=eaten.method,
                )
            )
        orders = tx.pipeline.sales.record(sales)
        for order in orders:
            if self.random.random() < 0.004:
                tx.pipeline.payments.refund(order, reason="not as it should be", amount=order.total)

    def _listen(self, tx: Transaction, day: date) -> None:
        for case in self.cases.pop(day, ()):
            answered = tx.service.cases.reply(case, "We are sorry, the next dessert is on us.", by="agent:hu")
            tx.service.cases.resolve(answered, solution="Apology and a dessert")
            tx.service.surveys.answer(answered, score=self.random.choices([1, 2, 3, 4, 5], [6, 8, 16, 35, 35])[0])
        for guest in self.eating[day]:
            if self.random.random() < 0.012:
                case = tx.service.cases.open(
                    self.known[guest.email],
                    kind="complaint",
                    subject=self.random.choice(COMPLAINTS),
                    policy="guests",
                )
                self.cases[day + timedelta(days=self.random.choice([1, 1, 1, 2, 4]))].append(case)

    def _plan_banquets(self, tx: Transaction, day: date) -> None:
        deals = tx.pipeline.opportunities
        for deal in self.banquets.pop(day, ()):
            chance = self.random.random()
            if chance < 0.25:
                deals.lose(deal, reason=self.random.choice(["price", "date not free", "another house", "no answer"]))
            elif deal.stage == "negotiation":
                deals.win(deal)
            else:
                moved = deals.advance(deal)
                self.banquets[day + timedelta(days=self.random.randint(2, 12))].append(moved)
        if self.known and self.random.random() < 0.4:
            host = self.random.choice(list(self.known.values()))
            tables = self.random.choice([2, 3, 4, 5, 8, 12, 20])
            deal = deals.open(
                name=f"{self.random.choice(OCCASIONS)}, {tables} tables",
                customer=host.id,
                amount=Money(tables * self.random.choice([880, 1_280, 1_680]), CNY),
                close_on=day + timedelta(days=30),
            )
            self.banquets[day + timedelta(days=self.random.randint(2, 12))].append(deal)

    def _advertise(self, tx: Transaction, day: date) -> None:
        for (_, _, begins, days, budget), campaign in zip(CAMPAIGNS, self.campaigns, strict=True):
            if begins <= day < begins + timedelta(days=days) and day.weekday() == 0:
                spent = Money(budget, CNY).percent(self.random.choice([18, 20, 24, 26]))
                tx.marketing.campaigns.spend(campaign, spent, note="placements")


def live_through(restaurant: Restaurant, screen: Screen) -> None:
    """The whole year, with a bar that shows how far it is."""
    restaurant.open_for_business()
    for day in screen.progress(restaurant.days(), what="A year, day by day"):
        restaurant.live(day)


def _at(day: date, hour: int) -> datetime:
    return utc(datetime.combine(day, time(hour), tzinfo=ZONE), what="an hour of the year")

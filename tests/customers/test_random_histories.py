"""Whatever happens in whatever order: looking at what has changed finds the same members as looking at everybody."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, Extra, F, Line, Money, Rule
from crmkit.errors import Duplicate, InvalidInput, NotFound, Refused
from crmkit.testing import FrozenClock


class Pet(Extra, key="pet"):
    legs: int = 0
    born: date | None = None


RULES: list[Rule] = [
    F.orders.within(days=3).sum("total") > Money(100, "CNY"),
    F.orders.where(F.status == "paid").count() >= 2,
    F.orders.last("status") == "paid",
    F.orders.stopped(days=2),
    F.orders.then(F.cases, days=2),
    F.orders.where(F.status.held("placed", hours=30)).any(),
    F.orders.where(F.status.held(days=2)).any(),
    F.cases.all(F.status == "resolved"),
    F.orders.payments.where(F.method == "card").within(hours=40).any(),
    F.orders.max("placed_at") < F.cases.min("created_at"),
    F.orders.count() > F.cases.count(),
    F.purchases.sum("quantity") >= 3,
    F.orders.within(days=1, hours=30).any(),
    F.orders.where(F.updated_at.in_last(hours=30)).any(),
    F.orders.since(date(2026, 3, 4)).any(),
    F.extra.pet.legs >= 2,
    F.extra.pet.born.in_last(days=3),
    F.in_segment("base") & F.orders.within(days=2).none(),
    ~F.in_segment("base"),
    F.memberships.where((F.segment.name == "base") & (F.state == "former")).any(),
    F.standings.where(F.stage.held("customer", days=2)).any(),
    F.life_events.within(days=3).any(),
    F.birthday.anniversary(days=2),
    F.birthday.age >= 30,
    F.merges.any(),
    F.offers.where(F.status == "expired").any(),
    F.offers.where(F.valid_until.in_next(days=3)).any(),
    F.contact_points.count() >= 1,
    F.consents.where(F.state == "granted").any(),
    F.company.customers.where(F.orders.within(days=2).any()).count() >= 2,
    F.relationships.where(F.other.city == "Rome").any(),
    F.related_from.where(F.customer.orders.any()).any(),
]


@attrs.define
class World:
    """What there is, and what may happen to it; *n* is one of 0 to 3."""

    crm: CRM
    clock: FrozenClock
    people: list[str] = attrs.field(factory=list)
    orders: list[str] = attrs.field(factory=list)
    cases: list[str] = attrs.field(factory=list)
    merged: list[str] = attrs.field(factory=list)

    def who(self, n: int) -> str:
        return self.people[n % len(self.people)]

    def register(self, n: int) -> None:
        self.people.append(self.crm.customers.register(name="Guest", birthday=date(1996, 3, 2 + n)).id)

    def move(self, n: int) -> None:
        self.crm.customers.update(self.who(n), city=["Rome", "Oslo", None, "Pisa"][n])

    def tag(self, n: int) -> None:
        self.crm.customers.update(self.who(n), tags={"vip"} if n % 2 else set())

    def pet(self, n: int) -> None:
        self.crm.customers.update(self.who(n), extras=[Pet(legs=n, born=date(2026, 2, 25 + n))])

    def employ(self, n: int) -> None:
        studio = self.crm.customers.companies.find()[0]
        self.crm.customers.update(self.who(n), company=studio.id if n else None)

    def relate(self, n: int) -> None:
        self.crm.customers.relate(self.who(n), self.who(n + 1), kind="friend")

    def order(self, n: int) -> None:
        lines = [Line("Album", quantity=1 + n % 2, unit_price=Money(30 * (n + 1), "CNY"))]
        at = self.clock.now() - timedelta(hours=13 * n)
        self.orders.append(self.crm.pipeline.orders.place(self.who(n), lines=lines, placed_at=at).id)

    def pay(self, n: int) -> None:
        order = self.crm.pipeline.orders.get(self.orders[n % len(self.orders)])
        part = order.total if n < 3 else Money(5, "CNY")
        self.crm.pipeline.payments.receive(order, part, method="card" if n % 2 else "cash")

    def cancel(self, n: int) -> None:
        self.crm.pipeline.orders.cancel(self.orders[n % len(self.orders)], reason="changed his mind")

    def complain(self, n: int) -> None:
        self.cases.append(self.crm.service.cases.open(self.who(n), subject="Late").id)

    def resolve(self, n: int) -> None:
        self.crm.service.cases.resolve(self.cases[n % len(self.cases)], solution="Sent")

    def merge(self, n: int) -> None:
        kept, other = self.who(n), self.who(n + 1)
        if kept != other:
            self.crm.customers.merge(kept, other)
            self.people.remove(other)
            self.merged.append(other)

    def unmerge(self, _: int) -> None:
        self.crm.customers.unmerge(self.merged[-1])
        self.people.append(self.merged.pop())

    def erase(self, n: int) -> None:
        self.crm.customers.privacy.erase(self.who(n))

    def live(self, n: int) -> None:
        self.crm.lifecycle.record(self.who(n), "wedding", on=date(2026, 3, n + 1))

    def offer(self, n: int) -> None:
        until = self.clock.now().date() + timedelta(days=2 * n)
        self.crm.marketing.offers.make(self.who(n), name="album", percent=5, valid_until=until)

    def consent(self, n: int) -> None:
        consents = self.crm.customers.consents
        verb = consents.grant if n % 2 else consents.revoke
        verb(self.who(n), channel="email", purpose="marketing", source="shop")

    def address(self, n: int) -> None:
        points = self.crm.customers.contact_points
        verb: Callable[..., Any] = points.add if n % 2 else points.remove
        verb(self.who(n), kind="wechat", value=f"w{self.who(n)[-4:]}")

    def decide(self, n: int) -> None:
        segments = self.crm.customers.segments
        verb = (segments.include, segments.exclude, segments.leave_to_rule, segments.leave_to_rule)[n]
        for name in ("0", "15"):
            verb(name, self.who(n))


HAPPENING = sorted(name for name in vars(World) if not name.startswith("_") and name not in {"who", *World.__slots__})
LATER = {"hours": timedelta(hours=7, minutes=1), "a day": timedelta(days=1), "days": timedelta(days=3, minutes=7)}
OFTEN = [*LATER, "refresh"] * 3
STEPS = st.lists(st.tuples(st.sampled_from(HAPPENING + OFTEN), st.integers(0, 3)), min_size=6, max_size=24)
NOT_NOW = (Refused, InvalidInput, NotFound, Duplicate, ZeroDivisionError, IndexError)
NAMES = {str(number): rule for number, rule in enumerate(RULES)}
EXPIRED = next(name for name, rule in NAMES.items() if "expired" in str(rule))


@pytest.mark.slow
@pytest.mark.parametrize("refreshed", ["by hand", "by the clock"])
@settings(max_examples=20)
@given(steps=STEPS)
def test_the_members_are_those_of_the_rules(refreshed: str, steps: list[tuple[str, int]]) -> None:
    clock = FrozenClock(datetime(2026, 2, 27, 15, 30, tzinfo=UTC))
    with CRM.open("memory://", currency="CNY", timezone="Asia/Shanghai", clock=clock, extras=[Pet]) as crm:
        crm.customers.companies.register(name="Studio")
        world = World(crm=crm, clock=clock)
        world.register(1)
        crm.customers.segments.define("base", rule=F.tags.has("vip") | F.orders.within(days=2).any())
        for name, rule in NAMES.items():
            crm.customers.segments.define(name, rule=rule)
        refresh(crm)
        for step, n in steps:
            if step in LATER:
                clock.advance(seconds=LATER[step].total_seconds())
            elif step != "refresh":
                with contextlib.suppress(*NOT_NOW):
                    getattr(world, step)(n)
            if step in LATER and refreshed == "by the clock":
                for _ in range(3):  # who follows another segment does so a minute later
                    crm.run_due()
                    clock.advance(minutes=1)
                crm.customers.segments.refresh(EXPIRED)  # offers expire by due work, which is a change like others
                agrees(crm, clock.now())
            elif step == "refresh" or refreshed == "by the clock":  # what was changed by hand is looked at at once
                refresh(crm)
        refresh(crm)
        agrees(crm, clock.now())
        for name in NAMES:
            everybody = crm.customers.segments.refresh(name, everybody=True)
            assert (everybody.entered, everybody.left) == ((), ())


def refresh(crm: CRM) -> None:
    for name in NAMES:
        crm.customers.segments.refresh(name)


def agrees(crm: CRM, now: datetime) -> None:
    for name in NAMES:
        segment = crm.customers.segments.get(name)
        if segment.next_change_at is not None and segment.next_change_at <= now:
            continue  # its time has come while the others were looked at
        members = {c.id for c in crm.customers.segments.members(segment)}
        assert members == {c.id for c in crm.customers.find(segment.members_rule())}, str(segment.condition())

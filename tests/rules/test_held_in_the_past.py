"""What had lasted at another moment: the stage history is asked, and not only what is there today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest

from crmkit import CRM, Entity, F, FrozenClock, Line, Money, attribute, entity
from crmkit.kernel.change import Change
from crmkit.kernel.stays import StageSpan
from crmkit.kernel.work import Work
from crmkit.lifecycle.loyalty.ledger import LoyaltyAccount

WANTED = [  # hours after the order was placed, and whether it had been placed, or paid, for a day by then
    (-1, False, False),
    (0, False, False),
    (23, False, False),
    (24, True, False),
    (5 * 24 - 1, True, False),
    (5 * 24, False, False),  # in this moment it was paid
    (6 * 24 - 1, False, False),
    (6 * 24, False, True),
    (20 * 24, False, True),
]


@pytest.fixture
def bought(target: str, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(target, migrate=True, currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        wang = crm.customers.register(name="Wang")
        lead = crm.pipeline.leads.capture(name="Li", email="li@example.com")
        clock.advance(days=2)
        order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money("80", "CNY"))])
        clock.advance(days=5)
        crm.pipeline.payments.receive(order, Money("80", "CNY"), method="card")
        crm.pipeline.leads.qualify(lead)
        clock.advance(days=20)
        yield crm


def test_former_states_are_known_in_the_past(bought: CRM, clock: FrozenClock) -> None:
    placed_at = clock.now() - timedelta(days=25)
    customers, orders = bought.customers, bought.pipeline.orders
    for hours, placed, paid in WANTED:
        at = placed_at + timedelta(hours=hours)
        for state, wanted in (("placed", placed), ("paid", paid)):
            held = F.status.held(state, hours=24)
            assert customers.count(F.orders.where(held).any(), as_of=at) == wanted, (hours, state)
            assert customers.count(F.orders.where(held).none(), as_of=at) == (not wanted), (hours, state)
            assert orders.count(held, as_of=at) == wanted, (hours, state)
        lasting = customers.count(F.orders.where(F.status.held(hours=24)).any(), as_of=at)
        assert lasting == (placed or paid), hours


def test_leads_and_backtests_know_them_too(bought: CRM, clock: FrozenClock) -> None:
    begin = clock.now() - timedelta(days=25)
    days = [begin + timedelta(days=n) for n in range(-2, 7)]
    new = [bought.pipeline.leads.count(F.stage.held("new", days=1), as_of=at) for at in days]
    assert new == [0, 0, 1, 1, 1, 1, 1, 0, 0]  # days begin at midnight
    rule = F.orders.where(F.status.held("placed", hours=1)).any()
    tried = bought.customers.segments.backtest(rule, since=date(2026, 3, 3), until=date(2026, 3, 10))
    assert [count for _, count in tried.days] == [0, 1, 1, 1, 1, 1, 0, 0]


def test_the_status_of_a_case_is_known_in_the_past_like_its_stage(crm: CRM, clock: FrozenClock) -> None:
    cases, begin = crm.service.cases, clock.now()
    case = cases.open(crm.customers.register(name="Wang"), subject="Two pictures are over-retouched")
    clock.advance(days=10)
    cases.resolve(case)
    clock.advance(days=10)
    for day, open_, resolved in ((0, 0, 0), (2, 0, 0), (3, 1, 0), (9, 1, 0), (10, 0, 0), (12, 0, 0), (13, 0, 1)):
        at = begin + timedelta(days=day)
        for state, wanted in (("open", open_), ("resolved", resolved)):
            held = F.status.held(state, hours=72)
            assert cases.count(held, as_of=at) == wanted, (day, state)
            assert crm.customers.count(F.cases.where(held).any(), as_of=at) == wanted, (day, state)
        assert cases.count(F.status.held(hours=72), as_of=at) == open_ + resolved, day
    lasting = F.cases.where(F.status.held("open", hours=72)).any()
    tried = crm.customers.segments.backtest(lasting, since=date(2026, 3, 4), until=date(2026, 3, 13))
    assert [count for _, count in tried.days] == [0, 1, 1, 1, 1, 1, 1, 1, 0, 0]


def test_tiers_are_known_in_the_past(crm: CRM, clock: FrozenClock) -> None:
    li = crm.customers.register(name="Li")
    crm.lifecycle.loyalty.define(
        point_for=Money("10", "CNY"), tiers={"silver": 5, "gold": 20}, tier_months=12, valid_months=12
    )
    bought: list[datetime] = []
    for amount in ("50", "150"):
        order = crm.pipeline.orders.place(li, lines=[Line("Album", unit_price=Money(amount, "CNY"))])
        crm.pipeline.payments.receive(order, Money(amount, "CNY"), method="card")
        bought.append(clock.now())
        clock.advance(days=100)
    clock.advance(days=600)
    crm.run_due()
    assert crm.lifecycle.loyalty.of(li).tier is None
    lost = clock.now()
    clock.advance(days=10)

    def tiers(at: datetime) -> set[str]:
        with crm.read() as work:
            found = {t for t in ("silver", "gold") if work.count(LoyaltyAccount, F.tier.held(t, hours=1), as_of=at)}
            assert work.count(LoyaltyAccount, F.tier.held(hours=1), as_of=at) == len(found)
            return found

    hour = timedelta(hours=1)
    wanted = [(bought[0], set()), (bought[0] + hour, {"silver"}), (bought[1] - hour, {"silver"}), (bought[1], set())]
    wanted += [(bought[1] + hour, {"gold"}), (lost, set()), (lost + hour, set()), (clock.now(), set())]
    assert [(at, tiers(at)) for at, _ in wanted] == wanted


@entity("booth", prefix="booth")
class Booth(Entity):
    """A thing of the host's that no machine moves."""

    name: str = attribute()
    light: str | None = attribute(default="off")
    light_since: datetime | None = attribute(default=None)


def switch(booth: Booth, light: str | None, since: datetime | None) -> Change[Booth]:
    return Change(booth.evolve(light=light, light_since=since))


def by_get(work: Work, light: str | None, since: datetime | None) -> None:
    for (identifier,) in work.columns(Booth, ["id"]):
        work.save(switch(work.get(Booth, identifier), light, since))


def by_find(work: Work, light: str | None, since: datetime | None) -> None:
    for booth in work.find(Booth):
        work.save(switch(booth, light, since))


def in_bulk(work: Work, light: str | None, since: datetime | None) -> None:
    work.put([switch(booth, light, since).after for booth in work.find(Booth)])


def in_bulk_by_name(work: Work, light: str | None, since: datetime | None) -> None:
    changed = [switch(booth, light, since).after for booth in work.find(Booth)]
    work.put(changed, fields=("light", "light_since"))


@pytest.mark.parametrize("store", [by_get, by_find, in_bulk, in_bulk_by_name])
@pytest.mark.parametrize("where", ["memory://", "sqlite://"])
def test_what_no_machine_moves_is_known_too_however_it_is_stored(
    where: str, store: Callable[[Work, str | None, datetime | None], None], clock: FrozenClock
) -> None:
    with CRM.open(where, entities=[Booth], clock=clock) as crm:
        with crm.work() as work:
            made = [work.new(Booth, name=name, light="red", light_since=work.now) for name in ("one", "two")]
            work.save_new(Change(booth) for booth in made)
        begin = clock.now()

        def stored(light: str | None, since: datetime | None) -> int:
            with crm.work() as work:
                store(work, light, since)
            with crm.read() as work:
                return work.count(StageSpan)

        def lit(light: str | None, *, hour: int) -> int:
            with crm.read() as work:
                return work.count(Booth, F.light.held(light, hours=1), as_of=begin + timedelta(hours=hour))

        clock.advance(hours=5)
        assert stored("green", clock.now()) == 2
        clock.advance(hours=5)
        assert stored("green", clock.now() - timedelta(hours=5)) == 2  # nothing has changed
        assert stored(None, clock.now()) == 4
        clock.advance(hours=5)
        assert stored("blue", clock.now()) == 4  # it was in no state
        clock.advance(hours=5)
        assert stored("red", begin) == 4  # all was a mistake: it has been red from the beginning
        assert [lit("green", hour=hour) for hour in (5, 6, 9, 10)] == [0, 2, 2, 0]
        assert [lit(None, hour=hour) for hour in (0, 1, 20)] == [0, 2, 2]
        with crm.read() as work:
            assert {s.target for s in work.find(StageSpan, F.state == "green")} == {None}
            assert {(s.machine, s.trigger) for s in work.find(StageSpan)} == {("booth", "change")}

"""The figures are the same on every store, and the same as when they are worked out by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, FrozenClock, InvalidInput
from crmkit.kernel.intervals import share_between
from crmkit.service.metrics.figures import Backlog, Figures, Report, Spread
from crmkit.service.metrics.times import CaseTime
from crmkit.service.sla.records import CaseClock
from tests.service.conftest import MONDAY

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGES = (1, 2, 5)


def lived(crm: CRM, clock: FrozenClock, hours: BusinessCalendar, *, count: int = 60) -> None:
    """Some weeks of a studio; the same on every store."""
    chance = random.Random(20261122)
    service = crm.service
    targets: dict[str, Any] = {
        "first_response": 2 * HOUR,
        "next_response": 2 * HOUR,
        "resolution": {"high": 4 * HOUR, "else": 16 * HOUR},
    }
    service.policies.define("standard", calendar=hours, **targets)
    wang = crm.customers.register(name="Wang")
    waiting: list[Any] = []
    for n in range(count):
        policy = "standard" if chance.random() < 0.7 else None
        owner = chance.choice(["xu", "an", "li", None])
        priority: Any = chance.choice(["low", "high"])
        case = service.cases.open(wang, subject=str(n), policy=policy, owner=owner, priority=priority)
        waiting.append(case)
        clock.advance(minutes=chance.randint(1, 300))
        for case in list(waiting):
            match chance.randint(0, 8):
                case 0 | 1:
                    service.cases.reply(case.id, "Which one?", waiting_for=chance.choice(["customer", None]))
                case 2:
                    service.cases.message(case.id, "The red one")
                case 3 | 4:
                    service.cases.resolve(case.id)
                    if chance.random() < 0.3:
                        clock.advance(minutes=chance.randint(1, 100))
                        service.cases.reopen(case.id)
                    else:
                        waiting.remove(case)
                case _:
                    continue


def figures(crm: CRM, hours: BusinessCalendar) -> tuple[Report, Report, Backlog, Backlog]:
    metrics = crm.service.metrics
    return (
        metrics.report(since=FROM, until=TO),
        metrics.report(since=FROM, until=TO, by="owner"),
        metrics.backlog(by="priority", ages=AGES),
        metrics.backlog(ages=AGES, calendar=hours),
    )


@pytest.fixture(scope="module")
def reference() -> Iterator[CRM]:
    clock = FrozenClock(MONDAY)
    with CRM.open("memory://", clock=clock, timezone="Asia/Shanghai") as crm:
        lived(crm, clock, studio())
        yield crm


def studio() -> BusinessCalendar:
    week = {day: [("09:00", "12:00"), ("13:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
    return BusinessCalendar(timezone="Asia/Shanghai", hours=week)


@pytest.mark.parametrize("stack", ["sqlite", "postgresql"])
def test_every_store_gives_the_same(stack: str, request: pytest.FixtureRequest, reference: CRM) -> None:
    url = "sqlite://" if stack == "sqlite" else request.getfixturevalue("postgres_database")
    clock = FrozenClock(MONDAY)
    with CRM.open(url, clock=clock, timezone="Asia/Shanghai", migrate=True) as crm:
        lived(crm, clock, studio())
        assert figures(crm, studio()) == figures(reference, studio())


# ── By hand ──


def rows(crm: CRM, group: str) -> list[CaseTime]:
    with crm.read() as work:
        return [row for row in work.find(CaseTime) if group in {"everybody", row.owner or "nobody"}]


def by_hand(values: list[timedelta | None], percent: int) -> timedelta:
    """The smallest value that so many percent of all don't exceed."""
    known = [value for value in values if value is not None]
    return min(v for v in known if 100 * sum(other <= v for other in known) >= percent * len(known))


def all_groups(crm: CRM) -> list[Figures]:
    return [group for report in figures(crm, studio())[:2] for group in report.groups]


def test_percentiles_by_hand(reference: CRM) -> None:
    groups = all_groups(reference)
    assert [g.group for g in groups] == ["everybody", "an", "li", "xu", "nobody"]
    for group in groups:
        times = rows(reference, group.group)
        assert group.resolved == len(times) >= 5
        for name in ("first_response", "resolution", "waiting"):
            lasting = getattr(group, name)
            for spread, suffix in ((lasting.wall_spread, ""), (lasting.business_spread, "_business")):
                values = [getattr(row, name + suffix) for row in times]
                assert spread.count == sum(value is not None for value in values)
                assert dict(spread.percentiles) == {p: by_hand(values, p) for p in (50, 90, 95)}
                for percent, (low, high) in spread.between.items():
                    assert low is None or low <= spread[percent]
                    assert high is None or high >= spread[percent]


def test_means_and_shares_by_hand(reference: CRM) -> None:
    for group in all_groups(reference):
        times = rows(reference, group.group)
        assert group.resolution.wall == sum((t.resolution for t in times), timedelta(0)) / len(times)
        business = [t.resolution_business for t in times if t.resolution_business is not None]
        assert group.resolution.business == sum(business, timedelta(0)) / len(business)
        cases = {t.case_id: reference.service.cases.get(t.case_id) for t in times}
        assert group.reopened.hits == sum(cases[t.case_id].reopened > 0 for t in times)
        assert group.first_contact.hits == sum(t.replies <= 1 and not cases[t.case_id].reopened for t in times)
        assert group.reopened.between == share_between(group.reopened.hits, len(times))
        with reference.read() as work:
            clocks = [
                c for c in work.find(CaseClock) if not c.open and group.group in {"everybody", c.owner or "nobody"}
            ]
        assert {name: (s.hits, s.of) for name, s in group.promises.items()} == {
            name: (sum(c.state == "met" for c in clocks if c.name == name), sum(c.name == name for c in clocks))
            for name in {c.name for c in clocks}
        }
        assert group.kept.of == len(clocks)
        assert group.attainment == group.kept.hits / len(clocks)


def test_ages_by_hand(reference: CRM) -> None:
    _, _, backlog, in_business = figures(reference, studio())
    now = backlog.as_of
    alive = [c for c in reference.service.cases.find() if c.status in {"open", "waiting"}]
    for priority, spread in backlog.spreads.items():
        ages = [now - c.opened_at for c in alive if c.priority == priority]
        assert dict(spread.percentiles) == {p: by_hand([*ages], p) for p in (50, 90, 95)}
        assert spread.between[50][0] is None or spread.between[50][0] <= spread[50]
    worked = [studio().between(c.opened_at, now) for c in alive]
    spread = in_business.spreads["everybody"]
    assert dict(spread.percentiles) == {p: by_hand([*worked], p) for p in (50, 90, 95)}


def test_who_answered_in_time_is_not_changed_by_who_has_the_case_later(
    crm: CRM, clock: FrozenClock, always: BusinessCalendar
) -> None:
    crm.service.policies.define("standard", calendar=always, first_response=HOUR, resolution=4 * HOUR, position=0)
    case = crm.service.cases.open(crm.customers.register(name="Wang"), subject="Album", owner="xu")
    clock.advance(minutes=10)
    crm.service.cases.assign(crm.service.cases.reply(case, "In the post"), owner="an")
    clock.advance(hours=5)
    crm.service.cases.resolve(case.id)
    groups = {g.group: g for g in crm.service.metrics.report(since=FROM, until=TO, by="owner").groups}
    assert {name: {c: (s.hits, s.of) for c, s in g.promises.items()} for name, g in groups.items()} == {
        "an": {"resolution": (0, 1)},
        "xu": {"first_response": (1, 1)},
    }
    assert (groups["xu"].resolved, groups["xu"].reopened.rate, groups["xu"].resolution.wall) == (0, None, None)
    assert groups["xu"].reopened.between == (0.0, 1.0)
    assert groups["an"].resolution.wall_spread == Spread(
        count=1,
        percentiles=dict.fromkeys((50, 90, 95), timedelta(hours=5, minutes=10)),
        between=dict.fromkeys((50, 90, 95), (None, None)),
    )


def test_promises_to_merged_cases_are_not_counted(crm: CRM, always: BusinessCalendar) -> None:
    crm.service.policies.define("standard", calendar=always, first_response=HOUR, position=0)
    wang = crm.customers.register(name="Wang")
    one, two = (crm.service.cases.open(wang, subject="Album") for _ in range(2))
    crm.service.cases.merge(two, into=one)
    assert crm.service.metrics.report(since=FROM, until=TO).groups == ()


def test_without_percentiles_nothing_is_sorted(crm: CRM, clock: FrozenClock, hours: BusinessCalendar) -> None:
    lived(crm, clock, hours, count=3)
    report = crm.service.metrics.report(since=FROM, until=TO, percentiles=())
    assert all(g.resolution.wall_spread is None for g in report.groups)
    assert crm.service.metrics.backlog(percentiles=()).spreads == {}
    for wrong in (0, 101, 0.5, "50"):
        with pytest.raises(InvalidInput, match="whole numbers from 1 to 100"):
            crm.service.metrics.report(since=FROM, until=TO, percentiles=[wrong])  # type: ignore[list-item]

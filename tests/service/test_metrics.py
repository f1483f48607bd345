"""Metrics: how long cases took and whose turn it was, by the wall clock and in business time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, BusinessCalendar, InvalidInput
from crmkit.customers.people import Customer
from crmkit.service.cases.case import Case
from crmkit.service.metrics.times import CaseTime, Course, elapsed
from crmkit.service.sla.engine import Happening
from crmkit.testing import FrozenClock

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_sla_erpnext_007_average_response_resolution_and_user_perceived_time() -> None:
    """Source: frappe/erpnext@0287768, erpnext/support/doctype/issue/test_issue.py."""
    events = [
        Happening(at("2020-03-04T04:00:00Z"), "customer_message"),
        Happening(at("2020-03-04T04:15:00Z"), "reply"),
        Happening(at("2020-03-04T05:00:00Z"), "customer_message"),
        Happening(at("2020-03-04T05:05:00Z"), "reply"),
        Happening(at("2020-03-04T05:05:00Z"), "close", "closed"),
    ]
    course = Course.of(events, opened_at=events[0].at, ended_at=events[-1].at)
    took = course.measured(elapsed)
    assert took["response"] == 2 * timedelta(seconds=600)
    assert len(course.responses) == 2
    assert took["resolution"] == timedelta(seconds=3900)
    assert took["waiting"] == timedelta(seconds=1200)
    assert took["first_response"] == timedelta(minutes=15)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 500), st.sampled_from(["customer_message", "reply", "note", "call", "resolve", "reopen"])
        )
    )
)
def test_no_moment_is_waited_for_twice(steps: list[tuple[int, str]]) -> None:
    states = {"resolve": "resolved", "reopen": "open"}
    begin, end = FROM, FROM + timedelta(minutes=500)
    past = [Happening(begin + timedelta(minutes=m), name, states.get(name)) for m, name in steps]
    course = Course.of([*past, Happening(end, "resolve", "resolved")], opened_at=begin, ended_at=end)
    assert all(a <= b for a, b in course.ours)
    assert all(before[1] <= after[0] for before, after in zip(course.ours, course.ours[1:], strict=False))
    assert set(course.responses) <= set(course.ours)
    waited, whole = (course.measured(elapsed)[name] for name in ("waiting", "resolution"))
    assert waited is not None
    assert whole is not None
    assert waited <= whole


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li")


def worked(crm: CRM, clock: FrozenClock, customer: Customer, *, owner: str, policy: str | None = None) -> Case:
    """A case with two rounds: an hour until the first answer, three for the customer, two until the solution."""
    cases = crm.service.cases
    case = cases.open(customer, subject="Too smooth", owner=owner, policy=policy)
    clock.advance(hours=1)
    case = cases.reply(case, "Which ones?", by=owner)
    clock.advance(hours=3)
    case = cases.message(case, "The first two")
    clock.advance(hours=2)
    return cases.resolve(cases.reply(case, "Here they are", by=owner), solution="Re-edited")


def test_the_report_in_wall_clock_and_business_time(
    crm: CRM, li: Customer, clock: FrozenClock, hours: BusinessCalendar
) -> None:
    crm.service.policies.define(
        "standard", calendar=hours, first_response=timedelta(minutes=30), resolution=timedelta(hours=8)
    )
    worked(crm, clock, li, owner="xu", policy="standard")  # from nine to three, with an hour for lunch
    quick = crm.service.cases.open(li, subject="When?", owner="an")
    clock.advance(minutes=10)
    quick = crm.service.cases.resolve(crm.service.cases.reply(quick, "Now"), solution="Now")
    everybody = crm.service.metrics.report(since=FROM, until=TO).groups
    assert [(g.group, g.resolved, g.first_contact_rate) for g in everybody] == [("everybody", 2, 0.5)]
    an, xu = crm.service.metrics.report(since=FROM, until=TO, by="owner").groups
    assert (xu.group, xu.resolution.wall, xu.waiting.wall) == ("xu", timedelta(hours=6), timedelta(hours=3))
    assert (xu.resolution.business, xu.waiting.business) == (timedelta(hours=5), timedelta(hours=3))
    assert (xu.first_response.wall, xu.response.wall) == (timedelta(hours=1), timedelta(hours=1.5))
    assert xu.attainment == 0.5
    assert (an.first_response.wall, an.first_response.business, an.attainment) == (timedelta(minutes=10), None, None)
    assert "| xu | 1 | 1:00:00 / 1:00:00 | 1:30:00 / 1:30:00 | 6:00:00 / 5:00:00 |" in format(
        crm.service.metrics.report(since=FROM, until=TO, by="owner"), "md"
    )
    assert crm.service.metrics.report(since=FROM, until=clock.now() - timedelta(days=9)).groups == ()
    with pytest.raises(InvalidInput, match="before it begins"):
        crm.service.metrics.report(since=TO, until=FROM)
    with pytest.raises(InvalidInput, match="grouped by owner, kind"):
        crm.service.metrics.report(since=FROM, until=TO, by="colour")  # type: ignore[arg-type]


def test_reopened_cases_are_counted_and_measured_to_their_last_end(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    case = worked(crm, clock, li, owner="xu")
    clock.advance(hours=10)
    case = crm.service.cases.message(case, "Still red")
    assert case.status == "open"
    clock.advance(hours=1)
    crm.service.cases.close(crm.service.cases.resolve(case, solution="Again"))
    worked(crm, clock, li, owner="xu")
    (figures,) = crm.service.metrics.report(since=FROM, until=TO).groups
    assert (figures.resolved, figures.reopen_rate, figures.first_contact_rate) == (2, 0.5, 0)
    assert figures.resolution.wall == timedelta(hours=(17 + 6) / 2)
    assert figures.waiting.wall == timedelta(hours=(4 + 3) / 2)


def test_merged_cases_are_not_counted(crm: CRM, li: Customer) -> None:
    one, two = (crm.service.cases.open(li, subject="When?") for _ in range(2))
    crm.service.cases.merge(two, into=one)
    assert crm.service.metrics.report(since=FROM, until=TO).groups == ()


def test_times_can_be_rebuilt(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    worked(crm, clock, li, owner="xu")
    before = crm.service.metrics.report(since=FROM, until=TO)
    with crm.work() as work:
        work.remove(CaseTime, [identifier for (identifier,) in work.columns(CaseTime, ["id"])])
    assert crm.service.metrics.report(since=FROM, until=TO).groups == ()
    assert crm.service.metrics.rebuild() == 1
    assert crm.service.metrics.report(since=FROM, until=TO) == before


def test_the_backlog_grows_old(crm: CRM, li: Customer, clock: FrozenClock, hours: BusinessCalendar) -> None:
    for days in (0, 3, 2):  # Monday, Thursday, Saturday
        clock.advance(days=days)
        crm.service.cases.open(li, subject="When?", priority="high")
    clock.advance(days=2)  # Monday again
    backlog = crm.service.metrics.backlog(by="priority", ages=[1, 3, 7])
    assert backlog.groups == {"high": (0, 1, 1, 1)}
    assert crm.service.metrics.backlog(ages=[1, 3, 7], calendar=hours).groups == {"everybody": (1, 1, 1, 0)}
    assert backlog.total == 3
    assert "| high | 0 | 1 | 1 | 1 |" in format(backlog, "md")
    with pytest.raises(InvalidInput, match="days that rise"):
        crm.service.metrics.backlog(ages=[3, 1])


def test_who_has_how_much_to_do(crm: CRM, li: Customer, clock: FrozenClock, always: BusinessCalendar) -> None:
    crm.service.policies.define("fast", calendar=always, first_response=timedelta(hours=1))
    crm.service.agents.define("xu", limit=5)
    crm.service.agents.define("idle")
    for owner in ("xu", "xu", "an"):
        case = crm.service.cases.open(li, subject="When?", owner=owner, policy="fast")
    crm.service.cases.wait(case)
    clock.advance(hours=2)
    loads = [(at.agent, at.open, at.waiting, at.overdue, at.limit) for at in crm.service.metrics.load()]
    assert loads[0] == ("xu", 2, 0, 2, 5)
    assert loads[1][:3] == ("an", 0, 1)
    assert loads[2] == ("idle", 0, 0, 0, None)

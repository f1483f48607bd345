"""The unit of work: one commit path for entities, events, the agenda and the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crmkit.crm import CRM
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.errors import CrmError, Duplicate, InvalidInput, NotFound, StaleEntity
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import FrozenClock
from crmkit.kernel.events import EventRecord
from crmkit.kernel.outbox import Message
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest) -> Iterator[CRM]:
    with CRM.open(request.param, clock=FrozenClock(MONDAY)) as opened:
        yield opened


@pytest.fixture
def kind(crm: CRM) -> str:
    """Something that somebody handles."""
    return min(crm._house.handlers)


def new(work: Work, name: str = "Li", **values: object) -> Customer:
    return work.save(Change(work.new(Customer, name=name, **values)))


def test_saving_counts_versions_and_keeps_time(crm: CRM) -> None:
    with crm.work() as work:
        born = new(work)
    crm._house.clock.advance(hours=1)  # type: ignore[attr-defined]
    with crm.work() as work:
        changed = work.save(Change(born.evolve(city="Wuhan")))
    assert (born.version, born.created_at, born.updated_at) == (1, MONDAY, MONDAY)
    assert (changed.version, changed.created_at, changed.updated_at) == (2, MONDAY, MONDAY + timedelta(hours=1))


def test_what_was_read_before_somebody_else_changed_it_is_stale(crm: CRM) -> None:
    with crm.work() as work:
        old = new(work)
    with crm.work() as work:
        work.save(Change(work.get(Customer, old).evolve(city="Wuhan")))
    with crm.read() as work:
        assert work.get(Customer, old).city == "Wuhan"
    for ref in (old, old.id):
        with crm.work() as work:
            current = work.get(Customer, ref)
            if ref is old:
                with pytest.raises(StaleEntity, match="read at version 1 but is at version 2"):
                    work.save(Change(current.evolve(city="Beijing")))
            else:
                assert work.save(Change(current.evolve(city="Beijing"))).version == 3


def test_an_id_of_the_wrong_kind_is_no_unknown_id(crm: CRM) -> None:
    with crm.read() as work:
        with pytest.raises(NotFound):
            work.get(Customer, "cus_" + "0" * 26)
        for wrong in ("com_" + "0" * 26, "cus_1", "", None, 7):
            with pytest.raises(InvalidInput):
                work.get(Customer, wrong)  # type: ignore[arg-type]


def test_events_carry_who_when_and_why(crm: CRM) -> None:
    someone = crm.acting_as("agent:xu").customers.register(name="Li")
    with crm.read() as work:
        [happened] = work.find(EventRecord, F.subject == someone.id)
    assert (happened.name, happened.actor, happened.created_at) == ("customers.customer_registered", "agent:xu", MONDAY)
    assert (happened.customer_id, happened.cause, happened.schema) == (someone.id, None, 1)


def test_what_waits_to_be_written_is_seen_by_questions_and_undone_with_its_savepoint(crm: CRM, kind: str) -> None:
    def undone() -> None:
        with work.savepoint():
            work.post(channel="sms", to="+49 30 1", body="no", key="2")
            assert work.count(Message) == 2
            work.post(channel="sms", to="+49 30 1", body="no", key="3")
            raise CrmError("on second thoughts")

    with crm.work() as work:
        work.post(channel="sms", to="+49 30 1", body="yes", key="1")
        work.schedule(kind, due_at=MONDAY, subject="x", key="1")
        assert (work.count(Message), work.count(AgendaItem)) == (1, 1)
        with pytest.raises(CrmError):
            undone()
    with crm.read() as work:
        assert [m.key for m in work.find(Message)] == ["1"]


def test_a_key_is_planned_and_posted_once_for_ever(crm: CRM, kind: str) -> None:
    for day in range(3):
        with crm.work() as work:
            work.post(channel="sms", to="+49 30 1", body=f"day {day}", key="welcome")
            work.schedule(kind, due_at=MONDAY + timedelta(days=day), subject="x", key="reminder")
    with crm.read() as work:
        assert [m.body for m in work.find(Message)] == ["day 0"]
        assert [item.due_at for item in work.find(AgendaItem)] == [MONDAY]


def test_only_what_somebody_handles_is_planned(crm: CRM, kind: str) -> None:
    with crm.work() as work, pytest.raises(InvalidInput, match=kind):
        work.schedule("nobody.does_this", due_at=MONDAY, subject="x", key="1")


def test_planned_items_are_cancelled_by_subject_kind_and_key(crm: CRM, kind: str) -> None:
    with crm.work() as work:
        for subject, key in (("x", "a:1"), ("x", "a:2"), ("x", "b:1"), ("y", "a:3")):
            work.schedule(kind, due_at=MONDAY + timedelta(days=1), subject=subject, key=key)
        assert work.cancel("x", kind="another.kind") == 0
        assert work.cancel("x", key_starts="a:") == 2
        assert work.cancel("x", kind=kind) == 1
        assert work.cancel("x") == 0
        assert [item.key for item in work.find(AgendaItem)] == ["a:3"]


def test_many_new_ones_are_stored_with_their_events_or_not_at_all(crm: CRM) -> None:
    with pytest.raises(Duplicate):
        crm.customers.register_many([{"name": "A", "email": "a@example.com"}, {"name": "B", "email": "a@example.com"}])
    with crm.read() as work:
        assert (work.count(Customer), work.count(EventRecord)) == (0, 0)
    crm.customers.register_many([{"name": name} for name in "abc"])
    with crm.read() as work:
        assert (work.count(Customer), work.count(EventRecord)) == (3, 3)


@pytest.mark.parametrize("by", ["colour", "tags", "extras"])
def test_groups_are_made_by_fields_that_have_an_order(crm: CRM, by: str) -> None:
    with crm.read() as work, pytest.raises(InvalidInput, match=f"customers cannot be grouped by '{by}'"):
        work.tally(Customer, by=(by,))


@pytest.mark.parametrize("name", ["colour", "name", "tags"])
def test_sums_are_of_what_can_be_added_up(crm: CRM, name: str) -> None:
    with crm.read() as work, pytest.raises(InvalidInput, match="employees"):
        work.tally(Company, sums=(name,))


@pytest.mark.parametrize("rule", ["city = 'Wuhan'", True, 7])
def test_a_rule_is_a_rule(crm: CRM, rule: object) -> None:
    with pytest.raises(InvalidInput, match="a rule is needed"):
        crm.customers.find(rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["transaction", "work", "read"])
def test_nothing_happens_in_a_transaction_that_has_ended(crm: CRM, kind: str) -> None:
    with getattr(crm, kind)() as kept:
        pass
    before = crm.customers.count(), crm.outbox.count()
    late: list[Callable[[], object]] = [
        lambda: kept.customers.register(name="Ghost"),
        lambda: kept.customers.find(limit=1),
    ]
    if kind != "transaction":
        late = [lambda: kept.find(Customer), lambda: kept.post(channel="sms", to="+86", body="Boo", key="ghost")]
    for verb in late:
        with pytest.raises(InvalidInput, match="this transaction has ended"):
            verb()
    assert (crm.customers.count(), crm.outbox.count()) == before

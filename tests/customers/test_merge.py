"""Two customers are one: everything follows, and comes back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM, F, InvalidInput, Line, Money, NotFound, Refused, StaleEntity
from crmkit.customers.consents import Consent
from crmkit.customers.identity.merge import CustomerMerge
from crmkit.customers.people import Customer
from crmkit.errors import Duplicate
from crmkit.kernel.entity import Record
from crmkit.kernel.outbox import Message
from crmkit.kernel.snapshot import restored, taken
from crmkit.testing import FrozenClock

CNY = "CNY"


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li", email="li@example.com", phone="13912345678", tags={"couple"})


@pytest.fixture
def same(crm: CRM) -> Customer:
    return crm.customers.register(
        name="Li Xiao", email="xiao@studio.example", phone="13912345678", birthday=date(1997, 8, 14), tags={"vip"}
    )


def busy(crm: CRM, customer: Customer) -> None:
    """Something in every room."""
    customers, pipeline = crm.customers, crm.pipeline
    deal = pipeline.opportunities.open(customer=customer, name="Album", amount=Money("100", CNY))
    order = pipeline.orders.place(customer, lines=[Line("Album", quantity=1, unit_price=Money("100", CNY))])
    pipeline.payments.receive(order, Money("100", CNY), method="card")
    case = crm.service.cases.open(customer, subject="When?", message="Well?")
    crm.service.surveys.answer(crm.service.cases.resolve(case, solution="Now"), score=4)
    crm.lifecycle.record(customer, "baby_born", on=date(2026, 1, 1))
    crm.lifecycle.loyalty.define(point_for=Money("10", CNY))
    crm.lifecycle.loyalty.earn(customer, 10, reason="welcome")
    customers.consents.grant(customer, channel="email", purpose="marketing", source="form")
    customers.contact_points.add(customer, kind="wechat", value="xiao-li")
    customers.segments.define("all", rule=F.name != "nobody")
    customers.segments.refresh("all")
    assert deal.customer_id == customer.id


def whole(crm: CRM) -> dict[str, list[dict[str, Any]]]:
    """Every row of every kind, without what any write changes and without the trail."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    with crm.read() as work:
        for schema in work.house.registry.schemas.values():
            if schema.name in {"event", "customer_merge", "parting"}:
                continue
            rows = [taken(row) for row in work.find(schema.cls)]
            kinds[schema.name] = [{k: v for k, v in r.items() if k not in {"version", "updated_at"}} for r in rows]
    return kinds


def pointing_at(crm: CRM, identifier: str) -> dict[str, int]:
    with crm.read() as work:
        registry = work.house.registry
        found = {s.name: work.count(s.cls, F[a.name] == identifier) for s, a in registry.pointing_to("customer")}
        return {kind: n for kind, n in found.items() if n}


def test_everything_follows(crm: CRM, li: Customer, same: Customer) -> None:
    busy(crm, same)
    before = pointing_at(crm, same.id)
    assert len(before) >= 12
    merged = crm.customers.merge(li, same)
    assert pointing_at(crm, same.id) == {}
    assert {kind: n for kind, n in pointing_at(crm, li.id).items() if kind != "customer_merge"} == {
        **before,
        "contact_point": 2,
    }
    assert (merged.name, merged.email, merged.birthday, merged.tags) == (
        "Xiao Li",
        "li@example.com",
        date(1997, 8, 14),
        frozenset({"couple", "vip"}),
    )
    assert crm.customers.count() == 1
    profile = crm.customers.profile(li.id)
    assert (profile.revenue, profile.satisfaction) == (Money("100", CNY), 4)
    assert crm.lifecycle.loyalty.of(li.id).balance == 10
    assert crm.lifecycle.stage_of(li.id) == "customer"
    names = [moment.name for moment in crm.customers.timeline(li.id)]
    assert names[0] == "customers.customers_merged"
    assert "pipeline.order_placed" in names  # of the time when he was somebody else


def test_and_comes_back(crm: CRM, li: Customer, same: Customer) -> None:
    busy(crm, same)
    crm.customers.consents.grant(li, channel="email", purpose="marketing", source="shop")
    crm.customers.relate(li, same, kind="partner")
    crm.lifecycle.record(li, "baby_born", on=date(2026, 1, 1))
    before = whole(crm)
    crm.customers.merge(li, same)
    assert crm.customers.related(li.id) == []
    restored_one = crm.customers.unmerge(same)
    assert restored_one.id == same.id
    after = whole(crm)
    for kind, rows in before.items():
        assert sorted(after[kind], key=str) == sorted(rows, key=str), kind
    assert crm.customers.get(same.id).email == "xiao@studio.example"
    with pytest.raises(Refused, match="was undone already"):
        crm.customers.unmerge(same)
    crm.customers.merge(li.id, same.id)  # and again
    assert crm.customers.count() == 1


def test_what_came_later_stays(crm: CRM, li: Customer, same: Customer) -> None:
    case = crm.service.cases.open(same, subject="When?")
    merged = crm.customers.merge(li, same)
    later = crm.service.cases.open(merged, subject="Later")
    moved_on = crm.customers.register(name="Wang")
    with crm.work() as work:
        work.put([work.get(type(case), case.id).evolve(customer_id=moved_on.id)])
    crm.customers.update(merged, birthday=date(1990, 1, 1), city="Chengdu")
    crm.customers.unmerge(same.id)
    assert crm.service.cases.get(later.id).customer_id == li.id
    assert crm.service.cases.get(case.id).customer_id == moved_on.id
    kept = crm.customers.get(li.id)
    assert (kept.birthday, kept.city, kept.tags) == (date(1990, 1, 1), "Chengdu", frozenset({"couple"}))


def test_addresses_stay_beside_the_primary_ones(crm: CRM, li: Customer, same: Customer) -> None:
    merged = crm.customers.merge(li, same, choose={"email": "other"})
    ways = [(w.kind, w.value, w.primary) for w in crm.customers.contact_points.of(merged)]
    assert ways == [
        ("email", "xiao@studio.example", True),
        ("phone", "+8613912345678", True),
        ("email", "li@example.com", False),
    ]
    assert crm.customers.find_by_email("Li@example.com") == merged
    with pytest.raises(Duplicate, match="one of customer"):
        crm.customers.register(name="Somebody", email="li@example.com")
    crm.customers.unmerge(same.id)
    assert crm.customers.get(li.id).email == "li@example.com"
    assert len(crm.customers.contact_points.of(li.id)) == 2


@pytest.mark.parametrize(
    ("before", "merged"),
    [
        (("granted", "revoked"), "revoked"),  # consent-merge: the case that Mautic gets wrong
        (("revoked", "granted"), "revoked"),
        (("granted", "granted"), "granted"),
        ((None, "revoked"), "revoked"),
        ((None, "granted"), "granted"),
        (("granted", None), "granted"),
    ],
)
def test_the_stricter_consent_wins(
    crm: CRM, li: Customer, same: Customer, before: tuple[str | None, str | None], merged: str
) -> None:
    winner, loser = before
    for customer, state in ((li, winner), (same, loser)):
        if state is not None:
            crm.customers.consents.grant(customer, channel="email", purpose="marketing", source="form")
        if state == "revoked":
            crm.customers.consents.revoke(customer, channel="email", purpose="marketing", source="link")
    crm.customers.merge(li, same)
    assert crm.customers.consents.allows(li.id, channel="email", purpose="marketing") is (merged == "granted")
    assert [c.state for c in crm.customers.consents.find()] == [merged]
    crm.customers.unmerge(same.id)
    expected = sorted(filter(None, (winner, loser)))
    assert sorted(c.state for c in crm.customers.consents.find()) == expected


def test_a_revocation_by_merging_is_a_revocation(crm: CRM, li: Customer, same: Customer) -> None:
    crm.customers.consents.grant(li, channel="email", purpose="marketing", source="form")
    crm.customers.consents.grant(same, channel="email", purpose="marketing", source="form")
    crm.customers.consents.revoke(same, channel="email", purpose="marketing", source="link")
    crm.customers.merge(li, same)
    assert "customers.consent_revoked" in [m.name for m in crm.customers.timeline(li.id)][:2]


def test_the_life_cycle_keeps_the_further_stage(crm: CRM, li: Customer, same: Customer) -> None:
    crm.pipeline.opportunities.open(customer=li, name="Album", amount=Money("1", CNY))
    crm.pipeline.opportunities.win(crm.pipeline.opportunities.open(customer=same, name="Album", amount=Money("1", CNY)))
    assert (crm.lifecycle.stage_of(li), crm.lifecycle.stage_of(same)) == ("opportunity", "customer")
    crm.customers.merge(li, same)
    assert crm.lifecycle.stage_of(li.id) == "customer"
    crm.customers.unmerge(same.id)
    assert (crm.lifecycle.stage_of(li.id), crm.lifecycle.stage_of(same.id)) == ("opportunity", "customer")


def test_a_plan_says_what_will_be(crm: CRM, li: Customer, same: Customer) -> None:
    li = crm.customers.update(li, birthday=date(1996, 8, 14), city="Chengdu")
    same = crm.customers.update(same, street="Long Street 1", city="Xi'an", country="CN", note="likes red")
    crm.service.cases.open(same, subject="When?")
    plan = crm.customers.plan_merge(li, same)
    assert dict(plan.sources) == {
        "name": "kept",
        "email": "kept",
        "birthday": "kept",
        "street": "other",
        "city": "other",
        "country": "other",
        "tags": "both",
        "note": "other",
    }
    assert (plan.after.city, plan.moves, plan.doubts) == ("Xi'an", {"cases": 1}, ("they have different birthdays",))
    assert "1 follow" in format(plan, "md")
    assert "likes red" not in format(plan, "md")
    assert crm.customers.count() == 2  # nothing has happened yet
    assert crm.customers.merge(plan).city == "Xi'an"
    with pytest.raises(Refused, match="was merged into"):
        crm.customers.merge(plan)


def test_a_plan_gets_stale(crm: CRM, li: Customer, same: Customer) -> None:
    plan = crm.customers.plan_merge(li, same)
    crm.customers.update(same.id, city="Chengdu")
    with pytest.raises(StaleEntity):
        crm.customers.merge(plan)
    assert crm.customers.count() == 2


def test_merges_follow_each_other(crm: CRM, li: Customer, same: Customer) -> None:
    third = crm.customers.register(name="Lili", email="lili@example.com")
    case = crm.service.cases.open(same, subject="When?")
    crm.customers.merge(li, same)
    crm.customers.merge(third, li.id)
    assert crm.customers.survivor(same.id).id == crm.customers.survivor(li.id).id == third.id
    assert crm.service.cases.get(case.id).customer_id == third.id
    assert {m.merged_id for m in crm.customers.merges(third.id)} == {li.id, same.id}
    crm.customers.unmerge(same.id)
    assert crm.service.cases.get(case.id).customer_id == same.id
    crm.customers.unmerge(li.id)
    assert crm.customers.count() == 3
    assert crm.service.cases.get(case.id).customer_id == same.id


def test_undone_in_the_other_order(crm: CRM, li: Customer, same: Customer) -> None:
    third = crm.customers.register(name="Lili", email="lili@example.com")
    case = crm.service.cases.open(same, subject="When?")
    crm.customers.merge(li, same)
    crm.customers.merge(third, li.id)
    crm.customers.unmerge(li.id)
    assert crm.service.cases.get(case.id).customer_id == li.id
    assert crm.customers.survivor(same.id).id == li.id
    crm.customers.unmerge(same.id)
    assert crm.service.cases.get(case.id).customer_id == same.id


def test_bad_input_changes_nothing(crm: CRM, li: Customer, same: Customer) -> None:
    before = whole(crm)
    customers = crm.customers
    stranger = crm.for_tenant("other").customers.register(name="Stranger")
    with pytest.raises(InvalidInput, match="cannot be merged with himself"):
        customers.merge(li, li.id)
    with pytest.raises(NotFound):
        customers.merge(li, stranger)
    with pytest.raises(InvalidInput, match="did you mean 'email'"):
        customers.merge(li, same, choose={"emial": "other"})
    with pytest.raises(InvalidInput, match="is 'kept' or 'other'"):
        customers.merge(li, same, choose={"email": "same"})  # type: ignore[dict-item]
    with pytest.raises(InvalidInput, match="give the other one"):
        customers.merge(li)
    with pytest.raises(NotFound, match="was never merged"):
        customers.unmerge(li)
    assert whole(crm) == before
    customers.merge(li, same)
    with pytest.raises(Refused, match=f"was merged into {li.id} already"):
        customers.merge(li.id, same.id)
    with pytest.raises(Refused, match=f"was merged into {li.id} already"):
        customers.merge(same.id, li.id)
    with pytest.raises(NotFound):
        customers.survivor(stranger.id)
    verbs: tuple[Callable[[Any], object], ...] = (
        customers.get,
        customers.profile,
        customers.timeline,
        lambda who: customers.update(who, city="Beijing"),
        lambda who: crm.pipeline.orders.place(who, lines=[Line("Album", unit_price=Money(100, CNY))]),
        lambda who: crm.service.cases.open(who, subject="When?"),
    )
    for verb in verbs:
        for ref in (same, same.id):
            with pytest.raises(NotFound, match=f"customer {same.id} was merged into {li.id}: use that id, or"):
                verb(ref)
    with pytest.raises(NotFound, match="there is no customer"):
        customers.update(stranger.id, city="Beijing")


def test_an_address_that_was_taken_meanwhile_stops_the_undoing(crm: CRM, li: Customer, same: Customer) -> None:
    crm.customers.merge(li, same)
    crm.customers.contact_points.remove(li.id, kind="email", value="xiao@studio.example")
    crm.customers.register(name="Somebody", email="xiao@studio.example")
    with pytest.raises(Duplicate):
        crm.customers.unmerge(same.id)
    assert crm.customers.count() == 2


def test_an_actor_who_sees_little_leaves_nothing_behind(clock: FrozenClock) -> None:
    def access(actor: str, cls: type[Record]) -> Any:
        return F.owner == actor if cls.__schema__.name == "case" else None

    with CRM.open("sqlite://", clock=clock, access=access) as crm:
        li, same = (crm.customers.register(name=name) for name in ("Li", "Xiao Li"))
        case = crm.service.cases.open(same, subject="When?", owner="boss")
        crm.acting_as("ann").customers.merge(li, same)
        assert crm.service.cases.get(case.id).customer_id == li.id


def test_messages_and_what_is_planned_follow(crm: CRM, li: Customer, same: Customer) -> None:
    with crm.work() as work:
        work.post(channel="email", to="x@example.com", body="Hello", key="hello", customer_id=same.id)
    crm.customers.merge(li, same)
    with crm.read() as work:
        assert [m.customer_id for m in work.find(Message)] == [li.id]


def test_it_works_on_postgresql(postgres_database: str, clock: FrozenClock) -> None:
    with CRM.open(postgres_database, migrate=True, clock=clock, currency=CNY, region="CN") as crm:
        li = crm.customers.register(name="Xiao Li", email="li@example.com")
        same = crm.customers.register(name="Li Xiao", email="xiao@studio.example")
        busy(crm, same)
        crm.customers.consents.revoke(li, channel="email", purpose="marketing", source="link")
        crm.customers.relate(li, same, kind="partner")
        before = whole(crm)
        crm.customers.merge(li, same)
        assert pointing_at(crm, same.id) == {}
        assert not crm.customers.consents.allows(li.id, channel="email", purpose="marketing")
        crm.customers.unmerge(same.id)
        after = whole(crm)
        assert all(sorted(after[kind], key=str) == sorted(rows, key=str) for kind, rows in before.items())


def test_a_snapshot_gives_back_what_was(crm: CRM, same: Customer) -> None:
    busy(crm, same)
    with crm.read() as work:
        for schema in work.house.registry.schemas.values():
            for row in work.find(schema.cls):
                assert restored(schema.cls, taken(row)) == row
        assert work.find(CustomerMerge) == []
        assert work.find(Consent)[0].decided_at == datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_two_merges_at_the_same_moment_one_counts(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = str(tmp_path / "crm.sqlite3") if database == "sqlite" else request.getfixturevalue("postgres_database")
    with CRM.open(url, migrate=True) as crm:
        one, two = (crm.customers.register(name=name).id for name in ("Li", "Xiao Li"))
        gate, told = threading.Barrier(4), Counter[str]()

        def merge(kept: str, other: str) -> None:
            gate.wait(timeout=30)
            try:
                crm.customers.merge(kept, other)
                told["merged"] += 1
            except Refused as refusal:
                told["refused" if "already" in str(refusal) else str(refusal)] += 1

        pairs = [(one, two), (two, one), (one, two), (two, one)]
        crew = [threading.Thread(target=merge, args=pair) for pair in pairs]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
        assert told == {"merged": 1, "refused": 3}
        assert crm.customers.count() == 1

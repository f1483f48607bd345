"""A refresh finds whoever is judged differently since the last one, however far away the change was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from crmkit import CRM, F, Line, Money, Rule
from crmkit.customers.people import Customer
from crmkit.testing import FrozenClock

Setting = Callable[[CRM], dict[str, str]]
Change = Callable[[CRM, dict[str, str]], object]
LINES = [Line("Album", quantity=1, unit_price=Money(100, "CNY"))]


def person(crm: CRM, name: str, **known: object) -> Customer:
    return crm.customers.register(name=name, **known)  # type: ignore[arg-type]


def two(crm: CRM) -> dict[str, str]:
    return {name.lower(): person(crm, name).id for name in "AB"}


def colleagues(crm: CRM) -> dict[str, str]:
    studio = crm.customers.companies.register(name="Studio")
    return {"studio": studio.id} | {name.lower(): person(crm, name, company=studio).id for name in "AB"}


def couple(crm: CRM) -> dict[str, str]:
    known = two(crm)
    crm.customers.relate(known["a"], known["b"], kind="partner")
    return known


def couple_and_a_roman(crm: CRM) -> dict[str, str]:
    return couple(crm) | {"roman": person(crm, "Roman", city="Rome").id}


def merged_with_a_roman(crm: CRM) -> dict[str, str]:
    known = couple_and_a_roman(crm)
    crm.customers.merge(known["roman"], known["b"])
    return known


def segment_of_vips(crm: CRM) -> dict[str, str]:
    crm.customers.segments.define("VIPs", rule=F.tags.has("vip"))
    return colleagues(crm)


def merged_into_a_friend(crm: CRM) -> dict[str, str]:
    """Both are friends of the third one, who has one friend left when they are merged."""
    known = two(crm) | {"c": person(crm, "C").id}
    for other in ("a", "b"):
        crm.customers.relate(known["c"], known[other], kind="friend")
    crm.customers.merge(known["a"], known["b"])
    return known


def subsidiary(crm: CRM) -> dict[str, str]:
    parent = crm.customers.companies.register(name="Parent", industry="photo")
    child = crm.customers.companies.register(name="Child", parent_id=parent.id)
    a, b = person(crm, "A", company=child), person(crm, "B", company=parent)
    return {"parent": parent.id, "child": child.id, "a": a.id, "b": b.id}


def deals(crm: CRM) -> dict[str, str]:
    known = two(crm)
    deal = crm.pipeline.opportunities.open(name="Album", customer=known["b"])
    crm.pipeline.opportunities.involve(deal, known["a"], role="decider")
    return known | {"deal": deal.id}


def cases(crm: CRM) -> dict[str, str]:
    known = two(crm)
    return known | {f"case {n}": crm.service.cases.open(known[n], subject="Late").id for n in "ab"}


def below(crm: CRM) -> dict[str, str]:
    known = cases(crm)
    crm.service.cases.put_below(known["case a"], known["case b"])
    return known


def planned(crm: CRM) -> dict[str, str]:
    known = two(crm)
    return known | {"call": crm.pipeline.activities.schedule("call", subject="Album", about=known["a"]).id}


def addresses(crm: CRM) -> dict[str, str]:
    known = two(crm)
    crm.customers.contact_points.add(known["a"], kind="email", value="a@example.com")
    return known


def bought(crm: CRM) -> dict[str, str]:
    known = two(crm)
    album = crm.pipeline.products.add(name="Album", price=Money(100, "CNY"))
    crm.pipeline.orders.place(known["a"], lines=[Line(product=album)])
    return known | {"album": album.id}


def different(crm: CRM) -> dict[str, str]:
    known = two(crm)
    crm.customers.duplicates.differ(known["a"], known["b"])
    return known


def referred(crm: CRM) -> dict[str, str]:
    known = two(crm)
    return known | {"lead": crm.pipeline.leads.capture(name="F", email="f@example.com", referrer=known["a"]).id}


def order(crm: CRM, customer: str) -> None:
    crm.pipeline.orders.place(customer, lines=LINES)


def one_who_bought(crm: CRM) -> dict[str, str]:
    known = two(crm)
    order(crm, known["b"])
    return known


SCENARIOS: dict[str, tuple[Setting, Rule, Change]] = {
    "a colleague becomes a VIP": (
        colleagues,
        F.company.customers.where(F.tags.has("vip")).any(),
        lambda crm, x: crm.customers.update(x["b"], tags={"vip"}),
    ),
    "a colleague leaves": (
        colleagues,
        F.company.customers.count() >= 2,
        lambda crm, x: crm.customers.update(x["b"], company=None),
    ),
    "a colleague joins": (
        lambda crm: colleagues(crm) | {"c": person(crm, "C").id},
        F.company.customers.count() >= 3,
        lambda crm, x: crm.customers.update(x["c"], company=x["studio"]),
    ),
    "a colleague buys": (colleagues, F.company.customers.orders.any(), lambda crm, x: order(crm, x["b"])),
    "two colleagues are merged": (
        colleagues,
        F.company.customers.count() >= 2,
        lambda crm, x: crm.customers.merge(x["a"], x["b"]),
    ),
    "a colleague enters a segment": (
        segment_of_vips,
        F.company.customers.where(F.in_segment("VIPs")).any(),
        lambda crm, x: crm.customers.update(x["b"], tags={"vip"}),
    ),
    "a relationship comes back with an unmerge": (
        merged_into_a_friend,
        F.relationships.count() >= 2,
        lambda crm, x: crm.customers.unmerge(x["b"]),
    ),
    "the partner's birthday": (
        couple,
        F.relationships.where(F.other.birthday.month == 3).any(),
        lambda crm, x: crm.customers.update(x["b"], birthday=date(1990, 3, 3)),
    ),
    "the partner is erased": (
        couple,
        F.relationships.where(F.other.name == "B").any(),
        lambda crm, x: crm.customers.privacy.erase(x["b"]),
    ),
    "the partner is merged": (
        couple_and_a_roman,
        F.relationships.where(F.other.city == "Rome").any(),
        lambda crm, x: crm.customers.merge(x["roman"], x["b"]),
    ),
    "the partner is unmerged": (
        merged_with_a_roman,
        F.relationships.where(F.other.city == "Rome").any(),
        lambda crm, x: crm.customers.unmerge(x["b"]),
    ),
    "orders move with a merge": (
        one_who_bought,
        F.orders.any(),
        lambda crm, x: crm.customers.merge(x["a"], x["b"]),
    ),
    "the company's parent changes": (
        subsidiary,
        F.company.parent.industry == "photo",
        lambda crm, x: crm.customers.companies.update(x["parent"], industry="food"),
    ),
    "the company leaves its parent": (
        subsidiary,
        F.company.parent.industry == "photo",
        lambda crm, x: crm.customers.companies.update(x["child"], parent_id=None),
    ),
    "a subsidiary goes": (
        subsidiary,
        F.company.subsidiaries.any(),
        lambda crm, x: crm.customers.companies.update(x["child"], parent_id=None),
    ),
    "a deal goes to somebody else": (
        deals,
        F.opportunities.any(),
        lambda crm, x: crm.pipeline.opportunities.update(x["deal"], customer_id=x["a"]),
    ),
    "a deal is won in which somebody else is involved": (
        deals,
        F.deal_roles.where(F.opportunity.stage == "won").any(),
        lambda crm, x: crm.pipeline.opportunities.win(x["deal"]),
    ),
    "a quote": (two, F.quotes.any(), lambda crm, x: crm.pipeline.quotes.draft(x["a"], lines=LINES)),
    "an activity changes": (
        planned,
        F.activities.where(F.subject == "Urgent").any(),
        lambda crm, x: crm.pipeline.activities.update(x["call"], subject="Urgent"),
    ),
    "an address gets a label": (
        addresses,
        F.contact_points.where(F.label == "office").any(),
        lambda crm, x: crm.customers.contact_points.add(x["a"], kind="email", value="a@example.com", label="office"),
    ),
    "an address goes": (
        addresses,
        F.contact_points.any(),
        lambda crm, x: crm.customers.contact_points.remove(x["a"], kind="email", value="a@example.com"),
    ),
    "two are called different": (
        two,
        F.distinctions.any(),
        lambda crm, x: crm.customers.duplicates.differ(x["a"], x["b"]),
    ),
    "two are undecided again": (
        different,
        F.distinctions.any(),
        lambda crm, x: crm.customers.duplicates.undecided(x["a"], x["b"]),
    ),
    "a product changes its category": (
        bought,
        F.orders.lines.where(F.product.category == "new").any(),
        lambda crm, x: crm.pipeline.products.update(x["album"], category="new"),
    ),
    "a referral": (
        two,
        F.referrals.any(),
        lambda crm, x: crm.pipeline.leads.capture(name="F", email="f@example.com", referrer=x["a"]),
    ),
    "a referral is qualified": (
        referred,
        F.referrals.where(F.stage == "qualified").any(),
        lambda crm, x: crm.pipeline.leads.qualify(x["lead"]),
    ),
    "the case above is resolved": (
        below,
        F.cases.where(F.parent.status == "resolved").any(),
        lambda crm, x: crm.service.cases.resolve(x["case b"], solution="Sent"),
    ),
    "cases are merged": (
        cases,
        F.cases.where(F.status != "closed").any(),
        lambda crm, x: crm.service.cases.merge(x["case a"], into=x["case b"]),
    ),
}


@pytest.mark.parametrize("target", ["memory://", "sqlite://"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_it_finds_whom_a_change_moves(name: str, target: str) -> None:
    setting, rule, change = SCENARIOS[name]
    clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    with CRM.open(target, currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        bystander = person(crm, "Nobody").id
        known = setting(crm)
        clock.advance(hours=1)
        crm.customers.segments.define("watched", rule=rule)
        before = {m.customer_id for m in crm.customers.segments.refresh("watched").entered}
        clock.advance(hours=1)
        change(crm, known)
        clock.advance(minutes=20)
        done = crm.customers.segments.refresh("watched")
        after = {c.id for c in crm.customers.segments.members("watched")}
        assert after == {c.id for c in crm.customers.find(rule)}
        assert after != before
        assert done.judged is not None  # not everybody was looked at
        for _ in range(2):  # the first one may look again at what the refresh itself has written
            clock.advance(hours=1)
            again = crm.customers.segments.refresh("watched")
        assert again.judged == 0
        assert bystander not in after | before

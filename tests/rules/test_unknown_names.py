"""Names of segments, states and custom fields: what does not exist is refused, and what does can be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmkit import CRM, Extra, F, FrozenClock, Line, Money
from crmkit.errors import CrmError, DefinitionError, NotFound
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.machine import on
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.specs import from_json, to_json

# ── Segments ──

NOBODY_KNOWS: list[tuple[str, Callable[[CRM, Rule], object]]] = [
    ("find", lambda crm, rule: crm.customers.find(rule)),
    ("count", lambda crm, rule: crm.customers.count(rule)),
    ("page", lambda crm, rule: crm.customers.page(rule)),
    ("the past", lambda crm, rule: crm.customers.count(rule, as_of=datetime(2026, 3, 1, tzinfo=UTC))),
    ("orders", lambda crm, rule: crm.pipeline.orders.find(F.customer.where(rule).any())),
    ("preview", lambda crm, rule: crm.customers.segments.preview(rule)),
    ("compare", lambda crm, rule: crm.customers.segments.compare(rule, F.tags.has("vip"))),
    ("define", lambda crm, rule: crm.customers.segments.define("others", rule=rule)),
    (
        "backtest",
        lambda crm, rule: crm.customers.segments.backtest(rule, since=date(2026, 2, 1), until=date(2026, 2, 3)),
    ),
]


@pytest.mark.parametrize("ask", [ask for _, ask in NOBODY_KNOWS], ids=[name for name, _ in NOBODY_KNOWS])
def test_a_segment_that_does_not_exist_is_not_everyone(crm: CRM, ask: Callable[[CRM, Rule], object]) -> None:
    crm.customers.register(name="Wang")
    crm.customers.segments.define("locals", rule=F.city == "Chengdu")
    for rule in (F.in_segment("locls"), ~F.in_segment("locls"), (F.name == "Wang") | ~F.in_segment("locls")):
        with pytest.raises(NotFound, match="there is no segment 'locls', did you mean 'locals'"):
            ask(crm, rule)
    ask(crm, ~F.in_segment("locals"))


def test_other_rooms_refuse_it_too(crm: CRM) -> None:
    outside, always = ~F.in_segment("nope"), BusinessCalendar.always_open()
    for define in (
        lambda: crm.service.policies.define("vips", calendar=always, when=F.customer.where(outside).any()),
        lambda: crm.lifecycle.rules.define("loyal", rule=outside),
    ):
        with pytest.raises(NotFound, match="no segment 'nope'"):
            define()


# ── States ──


def bought(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang")
    crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money("80", "CNY"))])


@pytest.mark.parametrize(
    "rule",
    [
        F.orders.where(F.status == "piad").any(),
        F.orders.where(F.status != "piad").any(),
        F.orders.where(F.status.in_(["placed", "piad"])).any(),
        F.orders.where(F.status.held("piad", days=1)).any(),
        F.orders.last("status") == "piad",
        F.orders.first("status").in_(["piad"]),
        F.orders.where(F.lines.where(F.order.status == "piad").any()).any(),
    ],
    ids=str,
)
def test_a_state_that_there_is_not_is_refused(crm: CRM, rule: Rule) -> None:
    bought(crm)
    with pytest.raises(DefinitionError, match=r"(status|last|first) is never 'piad', did you mean 'paid'"):
        crm.customers.find(rule)


def test_states_of_a_machine_that_the_host_has_replaced_are_known(clock: FrozenClock) -> None:
    with CRM.open() as shipped:
        order = shipped.machines["order"]
    longer = order.with_moves(on("pack", "paid", "packed"), on("unpack", "packed", "paid"))
    with CRM.open("memory://", currency="CNY", clock=clock, machines={"order": longer}) as crm:
        bought(crm)
        assert crm.pipeline.orders.count(F.status == "packed") == 0
        assert crm.pipeline.orders.count(F.status.in_(["packed", "placed"])) == 1
        with pytest.raises(DefinitionError, match="did you mean 'packed'"):
            crm.pipeline.orders.count(F.status == "paked")


def test_a_pipeline_of_the_host_has_stages_of_its_own(crm: CRM) -> None:
    assert crm.pipeline.opportunities.count(F.stage == "tasting") == 0


# ── Custom fields that are called like a part of a date, or like a function ──


class Pet(Extra, key="pet"):
    age: int = 0
    count: int = 0
    year: int = 0
    any: str = ""
    born: date | None = None


@pytest.fixture(params=["memory://", "sqlite://"])
def owners(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, clock=clock, extras=[Pet]) as crm:
        crm.customers.register(name="Old", extras=[Pet(age=9, count=2, year=2017, any="cat", born=date(2017, 5, 1))])
        crm.customers.register(name="Young", extras=[Pet(age=1, count=1, year=2025)])
        yield crm


PET: Any = F.extra.pet
PETS: list[Rule] = [
    PET.age >= 3,
    F["extra.pet.age"] >= 3,
    PET.count == 2,
    PET.year < 2020,
    PET.any == "cat",
    PET.born.year == 2017,
    PET.born.age >= 3,
    F.extra.pet.born.is_missing() ^ (PET.count > 0),
]


@pytest.mark.parametrize("rule", PETS, ids=[f"{n} {rule}" for n, rule in enumerate(PETS)])
def test_custom_fields_are_called_as_they_are(owners: CRM, rule: Rule) -> None:
    assert parse(str(rule)) == from_json(to_json(rule)) == rule
    assert [one.name for one in owners.customers.find(rule)] == ["Old"]


def test_fields_of_others_are_in_back_ticks(owners: CRM) -> None:
    assert str(F.company["year"] == 3) == "company.`year` = 3"
    assert parse("company.`year` = 3") == (F.company["year"] == 3)
    assert parse("company.year = 3") == (F.company.year == 3) != (F.company["year"] == 3)
    assert [one.name for one in owners.customers.find(parse("extra.pet.age >= 3"))] == ["Old"]


# ── Messages ──


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "birthday.`month` = 3",
            "it has no 'month' as a field: its part is F.birthday.month in Python, and birthday.month()",
        ),
        ("birthday.monht() = 3", "a part of a date is needed, not 'monht'; did you mean 'month'?"),
        ("birthday.aeg >= 3", "birthday of a customer is a date; it has no 'aeg', did you mean 'age'"),
        ("name.length >= 3", "name of a customer is a text; it has no 'length'"),
        ('city starts "x"', "'with' is needed"),
        ("version >= 3 AND version < 5", "did you mean 'and'"),
        ('city = "x" OR city = "y"', "did you mean 'or'"),
        ('NOT city = "x"', "did you mean 'not'"),
        ("city IS missing", "did you mean 'is'"),
        ("orders[].sum(total) > 5 AND version = 1", "did you mean 'and'"),
        ("3 <= 4", "a comparison needs a field"),
        ("created_at[last 1 days].count > 0", "lies in_last"),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(crm: CRM, text: str, says: str) -> None:
    with pytest.raises(CrmError) as refused:
        crm.customers.find(parse(text))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("3 <= orders.count", "orders.count >= 3"),
        ("0 = orders.count", "orders.count = 0"),
        ("city is not missing", "city is known"),
        ("city is not known", "city is missing"),
        ('city not in ("x", "y")', 'not city in ("x", "y")'),
        ("created_at not in last 3 days", "not created_at in last 3 days"),
        ('city not contains "x"', 'not city contains "x"'),
        ('tags not has "vip"', 'not tags has "vip"'),
    ],
)
def test_the_same_can_be_said_in_other_words(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda crm: crm.customers.find(F.orders.within(days=3)),
        lambda crm: crm.customers.find(F.created_at.within(days=1)),
        lambda _: F.orders.within(days=3) & (F.city == "x"),
        lambda _: (F.city == "x") | F.orders.within(days=3),
        lambda _: ~F.orders.within(days=3),
        lambda _: F.orders.where(F.placed_at.within(days=3)),  # type: ignore[arg-type]
        lambda _: bool(F.orders.within(days=3)),
    ],
    ids=range(7),
)
def test_rows_are_no_rule(crm: CRM, wrong: Callable[[CRM], object]) -> None:
    with pytest.raises(CrmError, match=r"add \.any\(\).*in_last"):
        wrong(crm)


def test_whoever_asks_for_a_moment_of_rows_is_told(crm: CRM) -> None:
    with pytest.raises(DefinitionError, match="in_last"):
        crm.customers.find(F.created_at.within(days=1).any())
    assert crm.customers.find(F.created_at.in_last(days=1)) == []

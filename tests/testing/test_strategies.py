"""What the strategies generate, and that nothing of it is ill-formed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unicodedata import is_normalized

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from crmkit.crm import CRM
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Record, attribute, entity
from crmkit.kernel.extras import Extra
from crmkit.kernel.ids import check_id
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import AsOf, plan
from crmkit.kernel.rules.nodes import Rule, walk
from crmkit.testing import strategies
from crmkit.testing.strategies import days, entities, extras, instants, money, register, rules, tags, texts, walks

pytestmark = pytest.mark.slow

MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)
ANY = settings(max_examples=5_000, database=None, suppress_health_check=list(HealthCheck))


class Wardrobe(Extra, key="wardrobe"):
    colour: str = "blue"
    size: int = 38
    height: float = 1.7
    price: Decimal = Decimal(0)
    bought: date | None = None
    worn_at: datetime | None = None


@entity("gown", prefix="gown")
class Gown(Entity):
    """One attribute of every kind."""

    name: str = attribute(search=True)
    maker: str | None = attribute(default=None, limit=5)
    size: int = attribute(at_least=30)
    weight: float | None = attribute(default=None)
    price: Money = attribute()
    rent: Money | None = attribute(default=None)
    width: Decimal = attribute()
    sewn_on: date | None = attribute(default=None)
    worn_at: datetime | None = attribute(default=None)
    cleaning: timedelta | None = attribute(default=None)
    clean: bool = attribute(default=True)
    words: frozenset[str] = attribute(default=frozenset())
    notes: tuple[str, ...] = attribute(default=())
    wearer_id: str | None = attribute(default=None, references="customer")
    seamstress_id: str = attribute(references="customer", reverse="sewn")

    def check(self) -> None:
        """Nobody wears what has not been sewn."""
        if self.worn_at is not None and (self.sewn_on is None or self.sewn_on > self.worn_at.date()):
            raise InvalidInput("a gown is worn after it has been sewn")


@pytest.fixture(scope="module")
def registry() -> Registry:
    with CRM.open("memory://", entities=[Gown], extras=[Wardrobe]) as crm:
        return crm.storage.registry


def shipped() -> list[type[Record]]:
    with CRM.open("memory://", entities=[Gown]) as crm:
        return [schema.cls for schema in crm.storage.registry.schemas.values()]


@pytest.mark.parametrize("cls", shipped(), ids=lambda cls: cls.__name__)
def test_every_entity_can_be_generated(cls: type[Record]) -> None:
    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(entities(cls))
    def check(made: Record) -> None:
        assert type(made) is cls
        check_id(made.id, cls.__schema__.prefix, what=cls.__schema__.name)
        assert made == made.evolve()  # every value is as its field keeps it

    check()


@pytest.mark.parametrize(
    "wanted",
    [
        lambda c: c.email is None,
        lambda c: c.email is not None,
        lambda c: c.birthday is not None and (c.birthday.month, c.birthday.day) == (2, 29),
        lambda c: c.name != c.name.lower(),
        lambda c: not c.name.isascii(),
        lambda c: len(c.tags) > 1,
        lambda c: c.created_at.microsecond > 0,
    ],
    ids=lambda wanted: f"line {wanted.__code__.co_firstlineno}",
)
def test_customers_have_all_that_goes_wrong(wanted: Callable[[Customer], bool]) -> None:
    assert wanted(find(entities(Customer), wanted, settings=ANY))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda g: g.price.currency != "EUR" and g.rent is not None and g.rent.currency == "EUR",
        lambda g: g.price.minor < 0,
        lambda g: g.size == 30,
        lambda g: g.weight is not None and not g.weight.is_integer(),
        lambda g: g.worn_at is not None,
        lambda g: g.maker is not None and len(g.maker) == 5,
        lambda g: not g.clean,
        lambda g: g.width != g.width.to_integral_value(),
    ],
    ids=lambda wanted: f"line {wanted.__code__.co_firstlineno}",
)
def test_gowns_have_all_that_goes_wrong(wanted: Callable[[Gown], bool]) -> None:
    assert wanted(find(entities(Gown), wanted, settings=ANY))


@given(entities(Gown, wearer_id="cus_" + "0" * 26, size=st.integers(40, 42), clean=False))
def test_fields_can_be_given(gown: Gown) -> None:
    assert (gown.wearer_id, gown.clean) == ("cus_" + "0" * 26, False)
    assert 40 <= gown.size <= 42


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a gown has no field 'colour'"):
        entities(Gown, colour="red")


def test_a_failing_entity_shrinks_to_a_plain_one() -> None:
    found = find(entities(Customer), lambda c: c.city is not None, settings=ANY)
    assert {a.name for a in Customer.__schema__ if not a.required and getattr(found, a.name) is not None} == {"city"}


def test_text_comes_in_both_normal_forms_and_never_empty() -> None:
    assert find(texts(), lambda t: not is_normalized("NFC", t))
    assert find(texts(), lambda t: is_normalized("NFC", t) and not t.isascii())

    @given(texts(max_size=7))
    def check(text: str) -> None:
        assert text.strip()
        assert len(text) <= 7

    check()


@given(money(currencies=["CNY"], min_minor=1, max_minor=500))
def test_money_stays_in_its_bounds(amount: Money) -> None:
    assert amount.currency == "CNY"
    assert 1 <= amount.minor <= 500


@given(
    days(min_value=date(2026, 1, 1), max_value=date(2026, 1, 31)), instants(max_value=datetime(2000, 1, 1, tzinfo=UTC))
)
def test_days_and_instants_stay_in_their_bounds(day: date, instant: datetime) -> None:
    assert (day.year, day.month) == (2026, 1)
    assert instant <= MILLENNIUM


@given(tags())
def test_tags_fit_a_field(words: frozenset[str]) -> None:
    assert all(word.strip() for word in words)


@given(extras(Wardrobe))
def test_extras_survive_the_way_into_a_store(wardrobe: Wardrobe) -> None:
    assert Wardrobe.load(wardrobe.dump()) == wardrobe


DOOR = Machine(
    "door",
    initial="closed",
    final={"walled up"},
    table=(on("open", "closed", "open"), on("close", "open", "closed"), on("wall up", "closed", "walled up")),
)


@given(walks(DOOR))
def test_walks_are_legal(walk_: tuple[Any, ...]) -> None:
    state = DOOR.initial
    for move in walk_:
        assert move.source == state
        state = DOOR.target(state, move.trigger)
        assert state == move.target


def test_walks_end_in_final_states_and_begin_where_asked() -> None:
    assert find(walks(DOOR), lambda w: bool(w) and w[-1].target == "walled up", settings=ANY)
    assert find(walks(DOOR, start="open"), lambda w: bool(w) and w[0].source == "open", settings=ANY)


@pytest.mark.parametrize("cls", [Customer, Company, Gown])
def test_rules_fit_the_entity(registry: Registry, cls: type[Entity]) -> None:
    at = AsOf(at=datetime(2026, 3, 2, 9, tzinfo=UTC), zone=_utc())

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(rules(cls, registry, segments=["couples"]))
    def check(rule: Rule) -> None:
        assert plan(rule, cls.__schema__, registry, at) == plan(rule, cls.__schema__, registry, at)

    check()


def test_rules_speak_the_whole_language(registry: Registry) -> None:
    from crmkit.kernel.rules import nodes

    seen: set[type[Any]] = set()

    @settings(max_examples=1_500, suppress_health_check=list(HealthCheck))
    @given(rules(Customer, registry, segments=["couples"]))
    def collect(rule: Rule) -> None:
        seen.update(type(node) for node in walk(rule))

    collect()
    language = {
        node for node in vars(nodes).values() if isinstance(node, type) and issubclass(node, nodes.Rule | nodes.Expr)
    }
    assert language - {nodes.Rule, nodes.Expr} <= seen


def test_types_are_known_to_hypothesis() -> None:
    register(Gown)
    assert find(st.from_type(Money), lambda _: True).currency
    assert isinstance(find(st.from_type(Customer), lambda _: True), Customer)
    assert isinstance(find(st.from_type(Gown), lambda _: True), Gown)


def test_hypothesis_registers_them_by_itself() -> None:
    script = (
        "from hypothesis import find, strategies as st; from crmkit import Money\n"
        "from crmkit.customers.people import Customer\n"
        "print(find(st.from_type(Money), lambda m: m.minor > 0), type(find(st.from_type(Customer), bool)).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "Customer"


def test_the_kit_names_what_it_offers() -> None:
    assert sorted(strategies.__all__) == strategies.__all__
    assert all(hasattr(strategies, name) for name in strategies.__all__)


def _utc() -> Any:
    from crmkit.kernel.clock import zone

    return zone("UTC")

"""Entities, events and custom fields: what a declaration gives, what it refuses, and how all of it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    CRM,
    Change,
    DefinitionError,
    Duplicate,
    Entity,
    Event,
    Extra,
    F,
    FrozenClock,
    InvalidInput,
    Money,
    NotFound,
    StaleEntity,
    attribute,
    entity,
    event,
)
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Index, Kind
from crmkit.testing.strategies import days, instants, money

BORN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@entity("pet", prefix="pet")
class Pet(Entity):
    name: str = attribute(personal=True, search=True)
    customer_id: str = attribute(references="customer")
    species: Literal["cat", "dog"] = attribute(default="cat")
    chip: str | None = attribute(default=None, unique=True)
    born_on: date | None = attribute(default=None, personal=True)
    weight: Decimal | None = attribute(default=None, at_least=0)
    price: Money | None = attribute(default=None)
    nap: timedelta | None = attribute(default=None)
    colours: frozenset[str] = attribute(default=frozenset())
    fed_at: datetime | None = attribute(default=None)

    def check(self) -> None:
        if self.species == "dog" and self.chip is None:
            raise InvalidInput("a dog needs a chip")


@event("pets.pet_adopted")
class PetAdopted(Event):
    pet_id: str
    customer_id: str


def pet(**values: Any) -> Pet:
    return Pet(**{"id": "pet_1", "created_at": BORN, "name": "Mimi", "customer_id": "cus_1", **values})


# ── Declarations ──


def test_an_entity_is_frozen_and_has_slots() -> None:
    mimi = pet()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        mimi.name = "Momo"  # type: ignore[misc]
    assert not hasattr(mimi, "__dict__")
    assert mimi == pet()
    assert mimi != pet(name="Momo")


def test_an_entity_is_a_key_whatever_it_holds(crm: CRM) -> None:
    li, wang = (crm.customers.register(name=name) for name in ("Li", "Wang"))
    prices = {li: 1, wang: 2}
    assert (prices[crm.customers.get(li)], len({li, wang, crm.customers.get(wang)})) == (1, 2)
    later = crm.customers.update(li, city="Chengdu")
    assert later not in prices  # another state of him is another value
    assert hash(later) == hash(li)


def test_a_declaration_gives_the_schema() -> None:
    schema = Pet.__schema__
    assert (schema.name, schema.plural, schema.prefix, schema.when) == ("pet", "pets", "pet", "created_at")
    assert {a.name: a.kind for a in schema if a.name in {"name", "born_on", "weight", "price", "nap", "colours"}} == {
        "name": Kind.TEXT,
        "born_on": Kind.DATE,
        "weight": Kind.DECIMAL,
        "price": Kind.MONEY,
        "nap": Kind.DURATION,
        "colours": Kind.TAGS,
    }
    assert schema["species"].choices == ("cat", "dog")
    assert schema["name"].required
    assert not schema["chip"].required
    assert "wings" not in schema


def test_a_type_that_no_store_keeps_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Ghost\.voice: no store can keep a .*complex.*; use one of str, int"):

        @entity("ghost", prefix="gho")
        class Ghost(Entity):
            voice: complex = attribute()


def test_a_mix_of_types_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Ghost\.age: .* mixes types; give the field one type"):

        @entity("ghost", prefix="gho")
        class Ghost(Entity):
            age: int | str = attribute()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"prefix": "Bad Prefix"}, "the prefix of ids is 2 to 8 letters a-z, not 'Bad Prefix'"),
        ({"prefix": "g"}, "2 to 8 letters"),
        ({"when": "nope"}, "when= names a field that holds a moment or a day, not 'nope'"),
        ({"when": "haunts"}, "not 'haunts'"),
        ({"indexes": [Index(attributes=("haunts", "nope"))]}, "there is no field 'nope' to be indexed"),
        ({"indexes": [Index(attributes=("haunts",), where={"nope": "x"})]}, "no field 'nope'"),
    ],
)
def test_what_is_said_of_an_entity_must_fit_it(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError, match=f"ghost: .*{says}"):

        @entity("ghost", **({"prefix": "gho"} | wrong))
        class Ghost(Entity):
            haunts: str = attribute()


def test_only_numbers_have_a_smallest_one() -> None:
    with pytest.raises(DefinitionError, match=r"ghost\.rest: at_least= is for numbers, not for a duration"):

        @entity("ghost", prefix="gho")
        class Ghost(Entity):
            rest: timedelta = attribute(at_least=1)


def test_a_field_must_be_declared_with_attribute() -> None:
    with pytest.raises(DefinitionError, match=r"declare Ghost\.age with attribute\(\.\.\.\)"):

        @entity("ghost", prefix="gho")
        class Ghost(Entity):
            age: int = 7


@pytest.mark.parametrize(
    ("name", "prefix", "message"),
    [
        ("customer", "cux", "two entities are called 'customer'; rename one"),
        ("ghost", "cus", "ghost and customer share the id prefix 'cus'; change one"),
    ],
)
def test_names_and_prefixes_are_taken_once(name: str, prefix: str, message: str) -> None:
    @entity(name, prefix=prefix)
    class Ghost(Entity):
        pass

    with pytest.raises(DefinitionError, match=message):
        CRM.open("memory://", entities=[Ghost])


def test_a_reference_must_lead_to_an_entity() -> None:
    @entity("ghost", prefix="gho")
    class Ghost(Entity):
        haunts: str = attribute(references="custommer")

    with pytest.raises(DefinitionError, match=r"ghost\.haunts references an unknown 'custommer', did you mean 'custom"):
        CRM.open("memory://", entities=[Ghost])


def test_two_relations_need_two_names() -> None:
    @entity("ghost", prefix="gho")
    class Ghost(Entity):
        customer_id: str = attribute(references="customer")
        former_id: str = attribute(references="customer")

    with pytest.raises(DefinitionError, match=r"customer has two things called 'ghosts': .* with reverse="):
        CRM.open("memory://", entities=[Ghost])


def test_two_events_of_one_name_are_refused() -> None:
    @event("customers.customer_updated")
    class Ghosted(Event):
        ghost_id: str

    with pytest.raises(DefinitionError, match=r"two events are called 'customers\.customer_updated'"):
        CRM.open("memory://", events=[Ghosted])


# ── Values ──


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, r"pet\.name"),
        ({"name": None}, r"pet\.name is required"),
        ({"name": "x" * 201}, r"pet\.name"),
        ({"species": "fish"}, r"pet\.species: 'fish' is not one of cat, dog"),
        ({"born_on": BORN}, r"pet\.born_on must be a date"),
        ({"weight": 4.5}, r"pet\.weight .*floats are not exact"),
        ({"weight": -1}, r"pet\.weight must be at least 0, got -1"),
        ({"weight": "0.1234567"}, r"pet\.weight: .* more than 6 decimal places"),
        ({"price": Decimal(7)}, r"pet\.price must be Money"),
        ({"nap": 7}, r"pet\.nap must be a timedelta"),
        ({"colours": "black"}, r"pet\.colours must be a set of texts"),
        ({"fed_at": datetime(2026, 3, 1)}, r"pet\.fed_at"),  # noqa: DTZ001 - that is what is refused
        ({"species": "dog"}, "a dog needs a chip"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        pet(**values)
    with pytest.raises(InvalidInput, match=message):
        pet().evolve(**values)


def test_values_are_normalised() -> None:
    east = timezone(timedelta(hours=8))
    mimi = pet(name="  Mimi ", weight="4.50", colours=["black", "white", "black"], fed_at=BORN.astimezone(east))
    assert (mimi.name, mimi.weight, mimi.colours) == ("Mimi", Decimal("4.5"), frozenset({"black", "white"}))
    assert mimi.fed_at == BORN
    assert mimi.fed_at is not None
    assert mimi.fed_at.tzinfo is UTC
    assert mimi == pet().evolve(name="  Mimi ", weight="4.50", colours=["black", "white"], fed_at=BORN.astimezone(east))


def test_a_repr_masks_what_is_personal() -> None:
    assert repr(pet(born_on=date(2020, 5, 4))) == (
        "<Pet id=pet_1, version=0, name=M•••, customer_id='cus_1', species='cat', born_on=•••>"
    )
    known = Customer(id="cus_1", created_at=BORN, name="Xiao Wang", email="wang@example.com", phone="+8613912345678")
    shown = f"{known!r} {known} {[known]}"
    for secret in ("Xiao", "Wang", "wang@", "13912345"):
        assert secret not in shown
    assert "w•••@example.com" in shown


def test_evolve_checks_only_what_changes() -> None:
    old = pet()
    object.__setattr__(old, "name", "x" * 500)  # stored before the limit was there
    assert old.evolve(species="cat").name == "x" * 500
    with pytest.raises(InvalidInput, match=r"pet\.name"):
        old.evolve(name="y" * 500)


def test_evolve_leaves_the_old_one_alone_and_refuses_unknown_fields() -> None:
    old = pet()
    assert old.evolve(name="Momo") == pet(name="Momo")
    assert old == pet()
    with pytest.raises(InvalidInput, match="a pet has no field 'wings'"):
        old.evolve(name="Momo", wings=2)
    with pytest.raises(InvalidInput, match="a dog needs a chip"):
        old.evolve(species="dog")


# ── Events ──


@event("tests.everything_happened")
class EverythingHappened(Event):
    thing_id: str
    customer_id: str | None = None
    amount: Money
    refund: Money | None = None
    share: Decimal
    day: date
    at: datetime
    lasted: timedelta
    tags: frozenset[str]
    more_tags: frozenset[str] | None = None
    names: tuple[str, ...]
    amounts: tuple[Money, ...] = ()
    pair: tuple[str, Decimal] | None = None
    days_off: frozenset[date] = frozenset()
    facts: Mapping[str, Any]
    count: int
    certain: bool
    score: float


WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5)
JSON = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | WORDS, max_size=3)
HAPPENINGS = st.builds(
    EverythingHappened,
    thing_id=st.just("thing_1"),
    customer_id=st.none() | st.just("cus_1"),
    amount=money(),
    refund=st.none() | money(),
    share=st.decimals(allow_nan=False, allow_infinity=False),
    day=days(),
    at=instants(),
    lasted=st.timedeltas(),
    tags=st.frozensets(WORDS, max_size=3),
    more_tags=st.none() | st.frozensets(WORDS, max_size=3),
    names=st.lists(WORDS, max_size=3).map(tuple),
    amounts=st.lists(money(), max_size=3).map(tuple),
    pair=st.none() | st.tuples(WORDS, st.decimals(allow_nan=False)),
    days_off=st.frozensets(days(), max_size=3),
    facts=JSON,
    count=st.integers(),
    certain=st.booleans(),
    score=st.floats(allow_nan=False, allow_infinity=False),
)


HAPPENED = EverythingHappened(
    thing_id="thing_1",
    amount=Money("12.30", "EUR"),
    share=Decimal("0.10"),
    day=date(2024, 2, 29),
    at=BORN,
    lasted=timedelta(days=-1, microseconds=1),
    tags=frozenset({"b", "a"}),
    names=("y", "x"),
    facts={"when": BORN},
    count=2**70,
    certain=True,
    score=0.1,
)


@given(HAPPENINGS)
def test_an_event_survives_its_payload(happened: EverythingHappened) -> None:
    stored = json.loads(json.dumps(happened.payload()))
    loaded = EverythingHappened.load(stored, schema=1)
    assert loaded == happened
    for field in EverythingHappened.readers:
        assert type(getattr(loaded, field)) is type(getattr(happened, field)), field


@pytest.mark.parametrize("broken", ["\x00", "\ud800", {"a": float("nan")}, {1: "a"}, object()])
def test_a_payload_that_a_store_could_not_keep_is_refused(broken: Any) -> None:
    sound: Any = HAPPENED
    happened = attrs.evolve(sound, facts={"broken": broken})
    with pytest.raises(InvalidInput, match="a stored value"):
        happened.payload()


def test_a_payload_keeps_exact_values_exactly() -> None:
    payload = HAPPENED.payload()
    assert payload["amount"] == [1230, "EUR"]
    assert (payload["share"], payload["day"], payload["lasted"]) == ("0.10", "2024-02-29", -86_399_999_999)
    assert (payload["tags"], payload["names"]) == (["a", "b"], ["y", "x"])
    assert payload["facts"] == {"when": "2026-03-01T09:00:00+00:00"}
    assert payload["refund"] is None


def test_an_event_names_its_subject_and_its_customer() -> None:
    adopted = PetAdopted(pet_id="pet_1", customer_id="cus_1")
    assert (adopted.subject, adopted.customer) == ("pet_1", "cus_1")
    with pytest.raises(DefinitionError, match="name its subject by a field that ends in _id"):

        @event("tests.nothing_happened")
        class NothingHappened(Event):
            reason: str


def _kilograms(payload: dict[str, Any]) -> dict[str, Any]:
    return {"pet_id": payload["pet_id"], "kilograms": payload["pounds"] // 2}


def _grams(payload: dict[str, Any]) -> dict[str, Any]:
    return {"pet_id": payload["pet_id"], "grams": payload["kilograms"] * 1000}


@event("pets.pet_weighed", schema=3, upcasts={1: _kilograms, 2: _grams})
class PetWeighed(Event):
    pet_id: str
    grams: int


def test_an_old_event_is_brought_up_to_date_step_by_step() -> None:
    assert PetWeighed.load({"pet_id": "pet_1", "pounds": 8}, schema=1) == PetWeighed(pet_id="pet_1", grams=4000)
    assert PetWeighed.load({"pet_id": "pet_1", "kilograms": 4}, schema=2) == PetWeighed(pet_id="pet_1", grams=4000)
    assert PetWeighed.load({"pet_id": "pet_1", "grams": 4000}, schema=3) == PetWeighed(pet_id="pet_1", grams=4000)


def test_loading_leaves_the_stored_payload_alone() -> None:
    stored = {"pet_id": "pet_1", "pounds": 8}
    PetWeighed.load(stored, schema=1)
    assert stored == {"pet_id": "pet_1", "pounds": 8}


@pytest.mark.parametrize(("upcasts", "missing"), [({}, 1), ({1: _kilograms}, 2), ({2: _grams}, 1)])
def test_every_older_schema_needs_an_upcast(upcasts: dict[int, Any], missing: int) -> None:
    with pytest.raises(DefinitionError, match=f"schema 3 needs an upcast from schema {missing}"):
        event("pets.pet_measured", schema=3, upcasts=upcasts)


# ── Custom fields ──


class Loyalty(Extra, key="loyalty"):
    tier: str = "silver"
    points: int = 0
    saved: Decimal = Decimal("0.00")
    since: date | None = None


class Renamed(Extra, key="loyalty"):
    level: str = "silver"
    points: int = 0

    @classmethod
    def upgrade(cls, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = {name: stored[name] for name in ("level", "points") if name in stored}
        return {"level": stored["tier"], **kept} if "tier" in stored else kept


def test_custom_fields_read_as_their_defaults_until_they_are_stored() -> None:
    assert pet().extra(Loyalty) == Loyalty()
    gold = Loyalty(tier="gold", points=7, saved=Decimal("1.50"), since=date(2024, 2, 29))
    kept = pet().with_extra(gold)
    assert kept.extra(Loyalty) == gold
    assert kept.extra(Loyalty).points == 7
    assert pet().extras == {}


def test_custom_fields_of_two_owners_stand_side_by_side() -> None:
    class Shop(Extra, key="shop"):
        size: str = "M"

    both = pet().with_extra(Loyalty(points=7)).with_extra(Shop(size="L"))
    assert (both.extra(Loyalty).points, both.extra(Shop).size) == (7, "L")
    assert set(both.extras) == {"loyalty", "shop"}


def test_stored_custom_fields_can_be_upgraded() -> None:
    kept = pet().with_extra(Loyalty(tier="gold", points=7))
    assert kept.extra(Renamed) == Renamed(level="gold", points=7)
    assert pet().with_extra(Renamed(level="bronze")).extra(Renamed).level == "bronze"
    assert pet().extra(Renamed) == Renamed()


def test_stored_custom_fields_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="stored loyalty values don't fit Loyalty"):
        pet(extras={"loyalty": {"points": "many"}}).extra(Loyalty)
    with pytest.raises(InvalidInput, match="stored loyalty values don't fit Loyalty"):
        pet(extras={"loyalty": {"unheard": 1}}).extra(Loyalty)


def test_custom_fields_need_a_key_and_defaults() -> None:
    with pytest.raises(DefinitionError, match=r"Keyless needs a key: class Keyless\(Extra, key="):

        class Keyless(Extra):
            points: int = 0

    with pytest.raises(DefinitionError, match=r"Strict\.points needs a default: older entities have no value for it"):

        class Strict(Extra, key="strict"):
            points: int


# ── An entity of the host, in a store ──


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(BORN)


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, clock=clock, entities=[Pet], events=[PetAdopted], extras=[Loyalty]) as crm:
        yield crm


def adopt(crm: CRM, customer: Customer, **values: Any) -> Pet:
    with crm.work() as work:
        made = work.new(Pet, customer_id=customer.id, **values)
        return work.save(Change(made, (PetAdopted(pet_id=made.id, customer_id=customer.id),)))


def test_an_entity_of_the_host_is_kept_exactly(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    mimi = adopt(
        crm,
        wang,
        name="Mimi",
        species="dog",
        chip="276-09",
        born_on=date(2020, 2, 29),
        weight=Decimal("4.123456"),
        price=Money("199.90", "CNY"),
        nap=timedelta(hours=3, microseconds=1),
        colours=frozenset({"black", "white"}),
        fed_at=BORN,
    ).with_extra(Loyalty(points=3))
    with crm.work() as work:
        work.save(Change(mimi))
    with crm.read() as work:
        stored = work.get(Pet, mimi.id)
    assert stored == mimi.evolve(version=2)
    assert stored.extra(Loyalty).points == 3
    assert mimi.id.startswith("pet_")


def test_rules_walk_to_the_entity_of_the_host_and_back(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang", city="Chengdu")
    anna = crm.customers.register(name="Anna", city="Wien")
    crm.customers.register(name="Bob", city="Wien")
    mimi, momo = adopt(crm, wang, name="Mimi"), adopt(crm, wang, name="Momo", species="dog", chip="1")
    rex = adopt(crm, anna, name="Rex", species="dog", chip="2")
    assert crm.customers.find(F.pets.count() == 2) == [wang]
    assert crm.customers.count(F.pets.count() == 0) == 1
    assert {c.id for c in crm.customers.find(F.pets.where(F.species == "dog").count() >= 1)} == {wang.id, anna.id}
    with crm.read() as work:
        assert work.find(Pet, F.customer.city == "Wien") == [rex]
        assert work.find(Pet, F.customer.city == "Chengdu", order_by="name") == [mimi, momo]
        assert work.count(Pet, (F.species == "dog") & (F.customer.name == "Xiao Wang")) == 1


def test_an_entity_of_the_host_changes_and_knows_when_it_is_stale(crm: CRM, clock: FrozenClock) -> None:
    first = adopt(crm, crm.customers.register(name="Xiao Wang"), name="Mimi")
    clock.advance(days=1)
    with crm.work() as work:
        second = work.save(Change(work.get(Pet, first).evolve(name="Momo")))
    assert (second.version, second.updated_at, second.created_at) == (2, BORN + timedelta(days=1), BORN)
    with pytest.raises(StaleEntity), crm.work() as work:
        work.save(Change(first.evolve(name="Late")))
    with pytest.raises(StaleEntity), crm.work() as work:
        work.save(Change(work.get(Pet, first).evolve(name="Late")))
    with crm.read() as work:
        assert work.get(Pet, first.id) == second


def test_the_store_keeps_what_the_host_declared(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    adopt(crm, wang, name="Mimi", chip="276-09")
    adopt(crm, wang, name="Without a chip")
    adopt(crm, wang, name="Without one either")
    with pytest.raises(Duplicate):
        adopt(crm, wang, name="Copycat", chip="276-09")
    with pytest.raises(NotFound):
        adopt(crm, Customer(id="cus_" + "0" * 26, created_at=BORN, name="Nobody"), name="Stray")
    with crm.read() as work:
        assert work.count(Pet) == 3
    with crm.for_tenant("other").read() as work:
        assert work.count(Pet) == 0


def test_a_crm_that_was_not_told_of_the_entity_says_so() -> None:
    with CRM.open("memory://") as crm, crm.read() as work, pytest.raises(InvalidInput, match=r"pass entities=\[…\]"):
        work.find(Pet)

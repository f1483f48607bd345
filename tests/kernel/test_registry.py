"""What the registry derives from declarations, and which declarations it refuses."""

from __future__ import annotations

from types import ModuleType

import pytest

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.entity import Entity, Kind, attribute, entity
from crmkit.kernel.events import Event, EventRecord, event
from crmkit.kernel.extras import Extra
from crmkit.kernel.registry import Registry, declared_in
from crmkit.testing.suites.storage.bench import NOW


@entity("owner", prefix="own")
class Owner(Entity):
    name: str = attribute()


@entity("pet", prefix="pet")
class Pet(Entity):
    owner_id: str = attribute(references="owner")
    sitter_id: str | None = attribute(default=None, references="owner", reverse="guests")
    mother_id: str | None = attribute(default=None, references="pet", reverse="young")
    shelter_id: str | None = attribute(default=None, references="owner", reverse="")


@event("pets.pet_adopted")
class PetAdopted(Event):
    pet_id: str


class Chip(Extra, key="chip"):
    number: str = ""
    readings: int = 0


@pytest.fixture
def registry() -> Registry:
    return Registry([Pet, Owner], [PetAdopted], [Chip])


def test_a_reference_is_a_way_in_both_directions(registry: Registry) -> None:
    ways = {name: (r.target.name, r.many, r.key) for name, r in registry.relations["pet"].items()}
    assert ways == {
        "owner": ("owner", False, "owner_id"),
        "sitter": ("owner", False, "sitter_id"),
        "mother": ("pet", False, "mother_id"),
        "shelter": ("owner", False, "shelter_id"),
        "young": ("pet", True, "mother_id"),
    }
    assert {name: r.key for name, r in registry.relations["owner"].items()} == {
        "pets": "owner_id",
        "guests": "sitter_id",
    }


def test_what_points_to_an_entity_is_known_without_its_room(registry: Registry) -> None:
    pointing = [(schema.name, a.name) for schema, a in registry.pointing_to("owner")]
    assert pointing == [("pet", "owner_id"), ("pet", "sitter_id"), ("pet", "shelter_id")]


def test_a_schema_is_found_by_class_name_and_id(registry: Registry) -> None:
    schema = Pet.__schema__
    assert registry.schema(Pet) is registry.schema("pet") is registry.schema_of_id("pet_" + "0" * 26) is schema
    for unknown in ("cat", EventRecord):
        with pytest.raises(InvalidInput, match="does not know"):
            registry.schema(unknown)
    with pytest.raises(InvalidInput, match="not an id of this CRM"):
        registry.schema_of_id("cat_1")


def test_custom_fields_have_kinds(registry: Registry) -> None:
    assert registry.extra_kind(("chip", "readings")) is Kind.INTEGER
    with pytest.raises(DefinitionError, match=r"did you mean 'chip\.number'"):
        registry.extra_kind(("chop", "number"))
    with pytest.raises(DefinitionError, match="did you mean 'number'"):
        registry.extra_kind(("chip", "numbr"))


def test_a_stored_event_is_opened_by_its_name(registry: Registry) -> None:
    def stored(name: str) -> EventRecord:
        payload = {"pet_id": "pet_1"}
        return EventRecord(id="evt_" + "0" * 26, created_at=NOW, name=name, schema=1, subject="pet_1", payload=payload)

    assert registry.open(stored("pets.pet_adopted")) == PetAdopted(pet_id="pet_1")
    with pytest.raises(InvalidInput, match=r"pets\.pet_lost"):
        registry.open(stored("pets.pet_lost"))


def test_declarations_that_get_in_each_others_way_are_refused() -> None:
    @entity("pet", prefix="anm")
    class Animal(Entity):
        """Called like a pet."""

    @entity("cat", prefix="pet")
    class Cat(Entity):
        """Numbered like a pet."""

    @entity("toy", prefix="toy", plural="name")
    class Toy(Entity):
        owner_id: str = attribute(references="owner")

    @entity("bone", prefix="bone")
    class Bone(Entity):
        owner_id: str = attribute(references="ownr")

    @event("pets.pet_adopted")
    class Adopted(Event):
        cat_id: str

    with pytest.raises(DefinitionError, match="two entities are called 'pet'"):
        Registry([Pet, Owner, Animal], [])
    with pytest.raises(DefinitionError, match="cat and pet share the id prefix 'pet'"):
        Registry([Pet, Owner, Cat], [])
    with pytest.raises(DefinitionError, match=r"owner has two things called 'name'.*reverse="):
        Registry([Owner, Toy], [])
    with pytest.raises(DefinitionError, match="did you mean 'owner'"):
        Registry([Owner, Bone], [])
    with pytest.raises(DefinitionError, match=r"two events are called 'pets\.pet_adopted'"):
        Registry([], [PetAdopted, Adopted])


def test_modules_are_searched_for_what_they_define_themselves() -> None:
    module = ModuleType(__name__)
    vars(module).update({"Pet": Pet, "PetAdopted": PetAdopted, "Entity": Entity, "number": 1})
    records, events = declared_in([module])
    assert (records, events) == ([Pet], [PetAdopted])

"""The registry: every kind of record and event that one CRM knows, and how they refer to each other.

A room learns from it what points to its entities without importing the rooms that do.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.entity import Attribute, Kind, Record, Schema, kind_of
from crmkit.kernel.events import Event, EventRecord
from crmkit.kernel.extras import Extra
from crmkit.kernel.text import nearest


@attrs.frozen(kw_only=True, eq=False)
class Relation:
    """A way from one kind of entity to another.

    Attributes:
        name: what rules call it: ``F.orders`` on a customer, ``F.customer`` on an order.
        many: whether it leads to any number of targets.
        key: the attribute that holds the id, on the *target* when many, else on the *source*.
    """

    name: str
    source: Schema
    target: Schema
    many: bool
    key: str


class Registry:
    """The schemas and events of one CRM.

    Args:
        records: the record and entity classes; references among them must lead to each other.
        events: the event classes.
        extras: the custom fields that rules may ask for.

    Raises:
        DefinitionError: two declarations share a name, or a reference leads nowhere.
    """

    def __init__(
        self, records: Iterable[type[Record]], events: Iterable[type[Event]], extras: Iterable[type[Extra]] = ()
    ) -> None:
        self.extras: dict[str, type[Extra]] = {extra.key: extra for extra in extras}
        self.schemas: dict[str, Schema] = {}
        self.by_prefix: dict[str, Schema] = {}
        self.events: dict[str, type[Event]] = {}
        self.relations: dict[str, dict[str, Relation]] = {}
        for cls in records:
            self._declare(cls.__schema__)
        for event in events:
            if self.events.setdefault(event.event_name, event) is not event:
                raise DefinitionError(f"two events are called {event.event_name!r}; names are stored, so rename one")
        for schema in self.schemas.values():
            self._relate(schema)
        self.belonging = self._belonging()
        """The references of each entity through which others have it among their own."""
        stays = self.schemas.get("stage_span")
        if stays is not None:
            for schema in self.schemas.values():
                if any(f"{a.name}_since" in schema for a in schema):
                    self._add(Relation(name="stays", source=schema, target=stays, many=True, key="subject"))

    def _declare(self, schema: Schema) -> None:
        if self.schemas.setdefault(schema.name, schema) is not schema:
            raise DefinitionError(f"two entities are called {schema.name!r}; rename one")
        if self.by_prefix.setdefault(schema.prefix, schema) is not schema:
            other = self.by_prefix[schema.prefix].name
            raise DefinitionError(f"{schema.name} and {other} share the id prefix {schema.prefix!r}; change one")
        self.relations[schema.name] = {}

    def _relate(self, schema: Schema) -> None:
        for a in schema:
            if a.references is None:
                continue
            target = self.schemas.get(a.references)
            if target is None:
                near = nearest(a.references, self.schemas)
                hint = f", did you mean {near!r}?" if near else "; add its class to entities="
                raise DefinitionError(f"{schema.name}.{a.name} references an unknown {a.references!r}{hint}")
            forward = a.name.removesuffix("_id")
            self._add(Relation(name=forward, source=schema, target=target, many=False, key=a.name))
            back = a.reverse if a.reverse is not None else schema.plural
            if back:
                self._add(Relation(name=back, source=target, target=schema, many=True, key=a.name))

    def _belonging(self) -> dict[str, tuple[str, ...]]:
        keys: dict[str, set[str]] = {name: set() for name in self.schemas}
        for known in self.relations.values():
            for relation in known.values():
                if relation.many:
                    keys[relation.target.name].add(relation.key)
        return {name: tuple(a.name for a in schema if a.name in keys[name]) for name, schema in self.schemas.items()}

    def _add(self, relation: Relation) -> None:
        known = self.relations[relation.source.name]
        if relation.name in relation.source or relation.name in known:
            raise DefinitionError(
                f"{relation.source.name} has two things called {relation.name!r}: name the relation from "
                f"{relation.target.name}.{relation.key} with reverse="
            )
        known[relation.name] = relation

    def schema(self, of: type[Record] | str) -> Schema:
        """The schema of a class or an entity name.

        Raises:
            InvalidInput: this CRM does not know it.
        """
        schema = self.schemas.get(of if isinstance(of, str) else of.__schema__.name)
        if schema is None or not (isinstance(of, str) or schema.cls is of):
            raise InvalidInput(f"this CRM does not know {of!r}; pass entities=[…] to CRM.open")
        return schema

    def schema_of_id(self, identifier: str) -> Schema:
        """The schema whose prefix *identifier* carries."""
        schema = self.by_prefix.get(identifier.rpartition("_")[0])
        if schema is None:
            raise InvalidInput(f"{identifier!r} is not an id of this CRM")
        return schema

    def extra_kind(self, path: tuple[str, ...]) -> Kind:
        """What the custom field ``F.extra.<key>.<field>`` holds."""
        if len(path) != 2 or path[0] not in self.extras:
            near = nearest(".".join(path), [f"{k}.{f}" for k, x in self.extras.items() for f in x.model_fields])
            hint = f", did you mean {near!r}?" if near else "; pass extras=[…] to CRM.open"
            raise DefinitionError(f"this CRM knows no custom field {'.'.join(path)!r}{hint}")
        extra, name = self.extras[path[0]], path[1]
        if name not in extra.model_fields:
            near = nearest(name, extra.model_fields)
            raise DefinitionError(f"{extra.__name__} has no {name!r}" + (f", did you mean {near!r}?" if near else ""))
        return kind_of(typing.get_type_hints(extra)[name], where=f"{extra.__name__}.{name}")

    def pointing_to(self, name: str) -> list[tuple[Schema, Attribute]]:
        """Every attribute that holds ids of the entity *name*: what a merge re-parents and an erasure follows."""
        return [(schema, a) for schema in self.schemas.values() for a in schema if a.references == name]

    def open(self, stored: EventRecord) -> Event:
        """The event that *stored* keeps, brought up to its present form."""
        cls = self.events.get(stored.name)
        if cls is None:
            raise InvalidInput(f"this CRM does not know the event {stored.name!r}; pass events=[…] to CRM.open")
        return cls.load(stored.payload, schema=stored.schema)


def declared_in(modules: Iterable[Any]) -> tuple[list[type[Record]], list[type[Event]]]:
    """The record and event classes that *modules* define, in order."""
    records: dict[str, type[Record]] = {}
    events: dict[str, type[Event]] = {}
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, type) or value.__module__ != module.__name__:
                continue
            if issubclass(value, Record) and "__schema__" in vars(value):
                records[value.__schema__.name] = value
            elif issubclass(value, Event) and "event_name" in vars(value):
                events[value.event_name] = value
    return list(records.values()), list(events.values())

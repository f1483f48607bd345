"""How every store refuses what does not fit: the same words, whatever the database says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crmkit.errors import Duplicate, NotFound, Refused, StaleEntity
from crmkit.kernel.entity import Entity, Schema


def unique_keys(record: Any, schema: Schema) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
    """Every unique key of *record* that has all its values: the attributes and their values."""
    yield ("id",), (record.id,)
    for a in schema:
        if a.unique and (value := getattr(record, a.name)) is not None:
            yield (a.name,), (value,)
    for index in schema.indexes:
        if index.unique and all(getattr(record, k) == v for k, v in (index.where or {}).items()):
            values = tuple(getattr(record, n) for n in index.attributes)
            if None not in values:
                yield index.attributes, values


def taken(schema: Schema, names: Sequence[str], values: Sequence[Any]) -> Duplicate:
    """The refusal of a unique value that somebody has."""
    shown = " and ".join(f"{n} {v!r}" for n, v in zip(names, values, strict=True))
    return Duplicate(f"there is a {schema.name} with {shown} already: find it and update it, or change the value")


def dangling(schema: Schema, name: str, identifier: Any) -> NotFound:
    """The refusal of a reference that leads nowhere."""
    target = schema[name].references
    return NotFound(f"{schema.name}.{name}: there is no {target} {identifier!r} in this tenant")


def referred(schema: Schema, identifier: str, by: Schema | None, name: str | None) -> Refused:
    """The refusal to delete what something else refers to."""
    whom = "something" if by is None else f"a {by.name}" if name is None else f"{by.name}.{name}"
    return Refused(f"{schema.name} {identifier} is still referred to by {whom}: delete or change that first")


def stale(entity: Entity, stored: int | None) -> StaleEntity:
    """The refusal of a change to something that others have changed meanwhile."""
    what = f"{entity.__schema__.name} {entity.id}"
    if stored is None:
        return StaleEntity(f"{what} is gone: somebody deleted it after you had read it")
    seen = entity.version - 1
    return StaleEntity(
        f"{what} was read at version {seen} but is at version {stored} now: get it again and decide again"
    )

"""What no longer belongs to what it belonged to.

A thing that changed tells so by ``updated_at``, and leads to all it belongs to now.  What it belonged to before changed
as well, and nothing leads there any more; so the former end of a reference is written down when it changes or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crmkit.kernel.entity import Index, Record, Schema, attribute, entity
from crmkit.kernel.ids import id_of


@entity("parting", prefix="part", append_only=True, indexes=[Index(attributes=("relation", "created_at"))])
class Parting(Record):
    """Something was taken away from what it belonged to: moved elsewhere, or removed.

    Attributes:
        relation: which reference, as in ``opportunity.customer_id``.
        former: the id of what it belonged to.
    """

    relation: str = attribute()
    former: str = attribute()


def relation(schema: Schema, key: str) -> str:
    """What a reference is called here."""
    return f"{schema.name}.{key}"


def partings(
    schema: Schema, names: Sequence[str], before: Iterable[Sequence[Any]], after: Mapping[str, Record]
) -> set[tuple[str, str]]:
    """Which references ended, each with its former end.

    Args:
        schema: of the records.
        names: the references.
        before: for each record its id, and the values that they had.
        after: the records as they are now, by their ids; those that are gone are not among them.
    """
    return {
        (relation(schema, name), former)
        for identifier, *formers in before
        for name, former in zip(names, formers, strict=True)
        if former is not None and getattr(after.get(identifier), name, None) != former
    }


def first_id(schema: Schema, at: datetime) -> str:
    """The smallest id that a record can have that was made at *at* or later; ids are ordered by time."""
    milliseconds = max(0, int(at.timestamp() * 1000))
    return id_of(schema.prefix, UUID(int=milliseconds << 80))

"""Holdings: everything that is about one customer, whichever room it belongs to.

That is what refers to him by ``customer_id``, or has one of his e-mail addresses and is nobody's yet, and what belongs
to that in turn: the lines of his orders, the clocks of his cases.  Where somebody else is the person in the row, as in
a lead that he recommended, it is not his.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from crmkit.customers.contact_points.point import ContactPoint
from crmkit.customers.identity.merge import CustomerMerge
from crmkit.customers.identity.moving import BATCH, LOOSE, every, pointing
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Attribute, Record, Schema
from crmkit.kernel.events import EventRecord
from crmkit.kernel.rules import F

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

HIS: Final = frozenset({LOOSE, "kept_id"})


def holdings(work: Work, customer_id: str) -> dict[str, list[Record]]:
    """By kind, the rows that are about a customer; the trail of events apart."""
    work.flush()
    found: dict[str, dict[str, Record]] = {}
    for schema, a in pointing(work, "customer"):
        if a.name in HIS or not _tells(schema):
            _note(found, schema, every(work, schema.cls, F[a.name] == customer_id))
    for schema, rows in _of_his_addresses(work, customer_id):
        _note(found, schema, rows)
    fresh = {kind: list(rows) for kind, rows in found.items()}
    while fresh:
        fresh = _below(work, found, fresh)
    return {kind: list(rows.values()) for kind, rows in found.items() if rows}


def _of_his_addresses(work: Work, customer_id: str) -> Iterator[tuple[Schema, list[Record]]]:
    """What has one of his e-mail addresses and is nobody's yet: a lead that was never converted."""
    emails = every(work, ContactPoint, (F.customer_id == customer_id) & (F.kind == "email"))
    known = {point.value for point in emails} | {c.email for c in every(work, Customer, F.id == customer_id)}
    addresses = sorted(address for address in known if address is not None)
    for schema in work.house.registry.schemas.values() if addresses else ():
        if LOOSE in schema and "email" in schema and schema["email"].personal and not schema[LOOSE].required:
            yield schema, every(work, schema.cls, F.email.in_(addresses) & F[LOOSE].is_missing())


def _below(work: Work, found: dict[str, dict[str, Record]], fresh: dict[str, list[str]]) -> dict[str, list[str]]:
    """What belongs to the rows that were found last."""
    further: dict[str, list[str]] = {}
    for kind, ids in fresh.items():
        for schema, a in work.house.registry.pointing_to(kind):
            if _of_somebody(schema):
                continue
            for begin in range(0, len(ids), BATCH):
                rows = every(work, schema.cls, F[a.name].in_(ids[begin : begin + BATCH]))
                further.setdefault(schema.name, []).extend(_note(found, schema, rows))
    return {kind: ids for kind, ids in further.items() if ids}


def _note(found: dict[str, dict[str, Record]], schema: Schema, rows: list[Record]) -> list[str]:
    known = found.setdefault(schema.name, {})
    fresh = [row for row in rows if row.id not in known]
    known.update({row.id: row for row in fresh})
    return [row.id for row in fresh]


def _of_somebody(schema: Schema) -> bool:
    """Whether rows of this kind say themselves whose they are."""
    return LOOSE in schema or any(a.references == "customer" for a in schema)


def _tells(schema: Schema) -> bool:
    """Whether rows of this kind tell something about a person."""
    return any(a.personal for a in schema)


def personal(schema: Schema) -> list[Attribute]:
    """The attributes that tell something about a person."""
    return [a for a in schema if a.personal]


def names_of(work: Work, customer_id: str) -> list[str]:
    """The id of a customer, and those of the ones that went into him."""
    merges = every(work, CustomerMerge, F.kept_id == customer_id)
    return [customer_id, *(m.merged_id for m in merges if m.state != "undone")]


def trail(work: Work, customer_id: str, found: dict[str, list[Record]]) -> list[EventRecord]:
    """The events of a customer's timeline, and those of what is his."""
    work.flush()
    events = {e.id: e for e in every(work, EventRecord, F.customer_id.in_(names_of(work, customer_id)))}
    ids = [row.id for rows in found.values() for row in rows]
    for begin in range(0, len(ids), BATCH):
        some = every(work, EventRecord, F.subject.in_(ids[begin : begin + BATCH]))
        events.update({e.id: e for e in some if e.customer_id in {None, customer_id}})
    return sorted(events.values(), key=lambda e: (e.created_at, e.id))

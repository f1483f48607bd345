"""Privacy: a customer's own data, handed out and erased.

What is personal is marked on the attributes, in every room and in the host's own entities.  Erasing blanks that and
leaves the rest: amounts, days and stages, so that no figure changes.  The customer's row stays as a tombstone for what
refers to it.

Definitions: the right of access and the right to erasure are articles 15 and 17 of the GDPR; what a law demands to be
kept (article 17.3) is named by the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.customers.consents import Consent, Consents
from crmkit.customers.contact_points.desk import ways
from crmkit.customers.contact_points.point import ContactPoint
from crmkit.customers.identity.holdings import holdings, personal, trail
from crmkit.customers.identity.merge import CustomerMerge
from crmkit.customers.identity.moving import put
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Desk
from crmkit.kernel.entity import Entity, Kind, Record
from crmkit.kernel.events import Event, EventRecord, dump, event
from crmkit.kernel.outbox import Message
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.kernel.snapshot import taken
from crmkit.kernel.text import nearest

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

ERASED: Final = "erased"
SHORTEST: Final = 4  # characters of a text that is looked for within others; of scripts with more letters, two
TEXTS: Final = ("name", "email", "phone", "street", "note")


@event("customers.customer_exported")
class CustomerExported(Event):
    """Everything that is known of a customer was handed out."""

    customer_id: str


@event("customers.customer_erased")
class CustomerErased(Event):
    """Everything personal of a customer was erased."""

    customer_id: str


@attrs.frozen(kw_only=True)
class Erasure:
    """What was, or would be, erased.

    Attributes:
        customer: as he is afterwards.
        blanked: by kind, rows that lose what is personal in them.
        removed: by kind, rows that are gone: addresses, and messages that were still to be sent.
        untouched: by kind, rows that stay as they are; there is nothing personal in them, or the host has to keep it.
        events: how many entries of the trail lose a text.
    """

    customer: Customer
    blanked: Mapping[str, int]
    removed: Mapping[str, int]
    untouched: Mapping[str, int]
    events: int

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"erasing {self.customer.id}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        parts = {"blanked": self.blanked, "removed": self.removed, "untouched": self.untouched}
        rows = [[kind, done, str(n)] for done, counts in parts.items() for kind, n in sorted(counts.items())]
        return ["what", "becomes", "rows"], [*rows, ["event", "blanked", str(self.events)]]


class Privacy(Desk):
    """What ``crm.customers.privacy`` offers."""

    def export(self, customer: Customer | str) -> dict[str, Any]:
        """Everything that is known of a customer, in every room, ready for JSON; that it was handed out is noted.

        What the GDPR asks for in articles 15 (access) and 20 (portability).

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     record = crm.customers.privacy.export(li)
            ...     record["customer"]["email"], [moment["name"] for moment in record["timeline"]]
            ('li@example.com', ['customers.customer_registered'])
        """
        with self.work() as work:
            who = work.get(Customer, customer)
            found = holdings(work, who.id)
            happened = trail(work, who.id, found)
            work.emit(CustomerExported(customer_id=who.id))
            registry = work.house.registry
            return {
                "customer": taken(who),
                "ways": [attrs.asdict(way) | {"verified_at": dump(way.verified_at)} for way in ways(work, who)],
                **{registry.schema(kind).plural: [taken(row) for row in rows] for kind, rows in sorted(found.items())},
                "timeline": [
                    {"at": dump(e.created_at), "name": e.name, "subject": e.subject, "facts": dict(e.payload)}
                    for e in happened
                ],
            }

    def plan_erasure(self, customer: Customer | str, *, keep: Iterable[str] = ()) -> Erasure:
        """Say what :meth:`erase` would do, without doing it.

        Args:
            customer: who.
            keep: as in :meth:`erase`.

        Raises:
            InvalidInput: there is no such kind.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.service.cases.open(li, subject="My parents' album")
            ...     plan = crm.customers.privacy.plan_erasure(li)
            ...     plan.blanked, crm.customers.get(li).name
            ({'case': 1}, 'Xiao Li')
        """
        with self.read() as work:
            who = work.get(Customer, customer)
            return _Eraser(work, who, _kinds(work, keep)).report(_blank(who, work))

    def erase(self, customer: Customer | str, *, keep: Iterable[str] = ()) -> Erasure:
        """Erase everything personal of a customer, in every room, and in the texts of the trail.

        He is written to no more: consents are revoked, and messages that are still to be sent are dropped.  Amounts,
        days and stages stay, so that no figure changes.  It can be repeated, and finds then what has come since.  What
        the GDPR asks for in article 17 (erasure).

        Args:
            customer: who.
            keep: kinds whose personal fields a law makes the host keep, as in ``{"case_message"}``.

        Raises:
            InvalidInput: there is no such kind.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com", city="Chengdu")
            ...     case = crm.service.cases.open(li, subject="My parents' album")
            ...     gone = crm.customers.privacy.erase(li).customer
            ...     gone.name, gone.email, gone.city, crm.service.cases.get(case.id).subject
            ('erased', None, 'Chengdu', 'erased')
        """
        with self.work() as work:
            kinds = _kinds(work, keep)
            with work.holding():
                who = work.get(Customer, customer)
            for consent in work.find(Consent, (F.customer_id == who.id) & (F.state == "granted")):
                Consents(work).revoke(who.id, channel=consent.channel, purpose=consent.purpose, source="erasure")
            eraser = _Eraser(work, who, kinds)
            after = _blank(who, work)
            report = eraser.report(after)
            eraser.write()
            work.cancel(who.id)
            if after != who:
                told = (CustomerErased(customer_id=who.id),) if who.erased_at is None else ()
                after = work.save(Change(after, told))
            return attrs.evolve(report, customer=after)


class _Eraser:
    """What is to be blanked, removed and left alone."""

    def __init__(self, work: Work, who: Customer, keep: frozenset[str]) -> None:
        self.work = work
        self.found = holdings(work, who.id)
        self.blanked: dict[str, list[Record]] = {}
        self.removed: dict[str, list[Record]] = {}
        self.untouched: dict[str, int] = {}
        self.texts = set(_texts(who, self.found))
        for kind, rows in self.found.items():
            for row in rows:
                self._judge(kind, row, keep)
        self.events = list(self._events(who))

    def _judge(self, kind: str, row: Record, keep: frozenset[str]) -> None:
        in_flight = isinstance(row, Message) and row.state == "sending"
        if kind in keep or in_flight:
            self.untouched[kind] = self.untouched.get(kind, 0) + 1
        elif isinstance(row, ContactPoint) or (isinstance(row, Message) and row.state == "due"):
            self.removed.setdefault(kind, []).append(row)
        elif (after := blank(row, self.texts)) != row:
            self.blanked.setdefault(kind, []).append(after)
        else:
            self.untouched[kind] = self.untouched.get(kind, 0) + 1

    def _events(self, who: Customer) -> Iterator[EventRecord]:
        for stored in trail(self.work, who.id, self.found):
            payload = {name: _without(value, self.texts) for name, value in stored.payload.items()}
            if payload != stored.payload:
                yield stored.evolve(payload=payload)

    def report(self, after: Customer) -> Erasure:
        return Erasure(
            customer=after,
            blanked={kind: len(rows) for kind, rows in self.blanked.items()},
            removed={kind: len(rows) for kind, rows in self.removed.items()},
            untouched=self.untouched,
            events=len(self.events),
        )

    def write(self) -> None:
        registry = self.work.house.registry
        for kind, rows in self.blanked.items():
            put(self.work, registry.schema(kind), rows)
        for kind, rows in self.removed.items():
            self.work.remove(registry.schema(kind).cls, [row.id for row in rows])
        if self.events:
            put(self.work, EventRecord.__schema__, self.events)


def blank(row: Record, texts: set[str] | frozenset[str] = frozenset()) -> Record:
    """*row* without what is personal, and without *texts* wherever else they stand, as in the name of a deal.

    Custom fields of a row that tells something personal go, too, for nobody knows what they tell.
    """
    fields = personal(row.__schema__)
    changes: dict[str, Any] = {a.name: _nothing(getattr(row, a.name), a.kind, required=a.required) for a in fields}
    for a in row.__schema__:
        if not a.personal and a.references is None and a.choices is None and a.kind in {Kind.TEXT, Kind.JSON}:
            was = getattr(row, a.name)
            cleaned = _without(was, texts)
            if dump(cleaned) != dump(was):
                changes[a.name] = f"{ERASED}:{row.id}" if a.unique else cleaned
    if fields and isinstance(row, Entity):
        changes["extras"] = {}
    if isinstance(row, CustomerMerge):
        changes["state"] = "undone" if row.state == "undone" else "sealed"
    return row.evolve(**changes) if changes else row


def _blank(who: Customer, work: Work) -> Customer:
    after = blank(who)
    assert isinstance(after, Customer)  # noqa: S101 - for the type checker
    return after.evolve(tags=frozenset(), erased_at=who.erased_at or work.now)


def _nothing(value: Any, kind: Kind, *, required: bool) -> Any:
    if kind is Kind.JSON and value is not None:
        return type(value)()
    if value is None or not required:
        return None
    return ERASED if kind is Kind.TEXT else value


def _texts(who: Customer, found: Mapping[str, list[Record]]) -> Iterator[str]:
    """What must not stand in the trail any more."""
    values = [getattr(who, name) for name in TEXTS]
    values += [getattr(row, a.name) for rows in found.values() for row in rows for a in personal(row.__schema__)]
    for value in values:
        if isinstance(value, str) and value != ERASED and len(value) >= (SHORTEST if value.isascii() else 2):
            yield value


def _without(value: Any, texts: set[str] | frozenset[str]) -> Any:
    if isinstance(value, str):
        return ERASED if any(text in value for text in texts) else value
    if isinstance(value, Mapping):
        return {name: _without(part, texts) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(part, texts) for part in value]
    return value


def _kinds(work: Work, keep: Iterable[str]) -> frozenset[str]:
    kinds = frozenset([keep] if isinstance(keep, str) else keep)
    unknown = sorted(kinds - work.house.registry.schemas.keys())
    if unknown:
        near = nearest(unknown[0], work.house.registry.schemas)
        raise InvalidInput(f"keep=: there is no kind {unknown[0]!r}" + (f", did you mean {near!r}?" if near else ""))
    return kinds

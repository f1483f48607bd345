"""The unit of work: the one way in which anything is read or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from crmkit.errors import AccessDenied, InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.events import Event, EventRecord
from crmkit.kernel.house import House, Settings
from crmkit.kernel.ids import check_id
from crmkit.kernel.machine import Machine
from crmkit.kernel.outbox import Message
from crmkit.kernel.parting import Parting, partings
from crmkit.kernel.ports import Group, Query, Session, Tally, ordering, tallied
from crmkit.kernel.ranking import Placed, Ranking, rankable
from crmkit.kernel.refusals import stale
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Always, Rule
from crmkit.kernel.rules.plan import plan
from crmkit.kernel.rules.planned import AsOf, Plan
from crmkit.kernel.stays import Moved, StageSpan, stay_before

R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=Entity)
T = TypeVar("T", EventRecord, StageSpan, AgendaItem, Message)

AT_ONCE = 2_000  # new entities that are written together; more would only keep more in memory


class Work:
    """One transaction of one tenant, in the name of one actor.

    Args:
        session: the transaction of the store.
        house: what the CRM is made of.
        actor: who acts; events carry it.

    Attributes:
        memo: what a room has looked up once in this transaction and need not look up again; who changes what a note
            is about removes it.
    """

    def __init__(self, session: Session, house: House, *, actor: str | None) -> None:
        self.session, self.house, self.actor = session, house, actor
        self.now: datetime = utc(house.clock.now(), what="the clock")
        self.memo: dict[str, Any] = {}
        self._cause: str | None = None
        self._hold = False
        self._seen: dict[str, int] = {}
        self._read: dict[str, Entity] = {}
        self._later: dict[type[Record], list[Any]] = {}
        self._parted: set[tuple[str, str]] = set()

    @property
    def settings(self) -> Settings:
        """What the host has decided."""
        return self.house.settings

    def machine(self, name: str) -> Machine:
        """How entities called *name* move in this CRM."""
        return self.house.machines[name]

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Take part: a desk that works for another one shares its transaction."""
        yield self

    read = work

    # ── Reading ──

    def get(self, cls: type[R], ref: R | str) -> R:
        """The present state of *ref*, which may be an id or an entity that was read before.

        A change of an entity that somebody else has changed since it was read is refused when it is saved.

        Raises:
            InvalidInput: *ref* is not an id of this kind.
            NotFound: there is none in this tenant.
            AccessDenied: the actor may not see it.
        """
        schema = cls.__schema__
        identifier = ref.id if isinstance(ref, Record) else ref
        check_id(identifier, schema.prefix, what=schema.name)
        self._flush_if_waiting(cls)
        found = self.session.get(cls, identifier, hold=self._hold)
        if found is None:
            raise NotFound(
                f"there is no {schema.name} {identifier!r} in this tenant: check the id, or look with find()"
            )
        if self._limit(cls) is not None and not self.session.count(
            Query(cls=cls, plan=self.plan(cls, F.id == found.id))
        ):
            raise AccessDenied(f"{self.actor} may not see {schema.name} {identifier}: ask somebody who may")
        if isinstance(found, Entity):
            self._read[identifier] = found
        if isinstance(ref, Entity):
            self._seen[identifier] = ref.version
        return found

    def _limit(self, cls: type[Record]) -> Rule | None:
        """What the actor may see of *cls*; everything, while the house itself reacts to an event."""
        if self.house.access is None or self.actor is None or self._cause is not None:
            return None
        return self.house.access(self.actor, cls)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep from others what is read by its id, until the transaction ends: nobody can be faster."""
        before, self._hold = self._hold, True
        try:
            yield
        finally:
            self._hold = before

    def plan(self, cls: type[R], rule: Rule | None, *, as_of: datetime | None = None) -> Plan:
        """The plan of *rule* over *cls*; *as_of* is now unless given."""
        at = self.now if as_of is None else utc(as_of, what="as_of")
        if rule is not None and not isinstance(rule, Rule):
            raise InvalidInput(f"a rule is needed, as in F.city == 'Xi’an', got {rule!r}")
        wanted = Always(value=True) if rule is None else rule
        limit = self._limit(cls)
        if limit is not None:
            wanted &= limit
        moment = AsOf(at=at, zone=self.settings.zone, past=at < self.now)
        return plan(wanted, self.house.registry.schema(cls), self.house.registry, moment)

    def find(
        self,
        cls: type[R],
        rule: Rule | None = None,
        *,
        order_by: str | Sequence[str] = (),
        limit: int | None = None,
        after: tuple[Any, ...] | None = None,
        as_of: datetime | None = None,
    ) -> list[R]:
        """Those that satisfy *rule*, sorted by *order_by* (``"-created_at"`` for the newest first) and by id."""
        self._flush_if_waiting(cls)
        names = (order_by,) if isinstance(order_by, str) else order_by
        return self.session.find(
            Query(
                cls=cls,
                plan=self.plan(cls, rule, as_of=as_of),
                order=ordering(cls.__schema__, names),
                limit=limit,
                after=after,
            )
        )

    def claim(self, cls: type[R], rule: Rule, *, order_by: str, limit: int) -> list[R]:
        """Like :meth:`find`, and nobody else gets the same ones until this transaction ends."""
        self._flush_if_waiting(cls)
        order = ordering(cls.__schema__, (order_by,))
        return self.session.claim(Query(cls=cls, plan=self.plan(cls, rule), order=order, limit=limit))

    def first(self, cls: type[R], rule: Rule, *, order_by: str | Sequence[str] = ()) -> R | None:
        """The first that satisfies."""
        found = self.find(cls, rule, order_by=order_by, limit=1)
        return found[0] if found else None

    def count(self, cls: type[R], rule: Rule | None = None, *, as_of: datetime | None = None) -> int:
        """How many satisfy."""
        self._flush_if_waiting(cls)
        return self.session.count(Query(cls=cls, plan=self.plan(cls, rule, as_of=as_of)))

    def tally(
        self, cls: type[R], rule: Rule | None = None, *, by: Sequence[str] = (), sums: Sequence[str] = ()
    ) -> list[Group]:
        """Counts and sums in groups."""
        tallied(self.house.registry.schema(cls), by, sums)
        self._flush_if_waiting(cls)
        return self.session.tally(Tally(cls=cls, plan=self.plan(cls, rule), by=tuple(by), sums=tuple(sums)))

    def ranked(
        self,
        cls: type[R],
        of: str,
        rule: Rule | None = None,
        *,
        by: Sequence[str] = (),
        places: Mapping[int, Sequence[int]],
    ) -> list[Placed]:
        """The values at some places when the records of each group are sorted by *of*.

        Args:
            cls: what kind of record.
            of: the attribute; records in which it is missing have no place.
            rule: only those that satisfy it.
            by: what makes the groups.
            places: counted from 1, by the number of values in a group.
        """
        rankable(self.house.registry.schema(cls), of, by, places)
        self._flush_if_waiting(cls)
        return self.session.ranked(Ranking(cls=cls, of=of, plan=self.plan(cls, rule), by=tuple(by), places=places))

    def columns(self, cls: type[R], names: Sequence[str], rule: Rule | None = None) -> list[tuple[Any, ...]]:
        """Some attributes of those that satisfy."""
        self._flush_if_waiting(cls)
        return self.session.columns(Query(cls=cls, plan=self.plan(cls, rule)), names)

    def portions(
        self, cls: type[R], names: Sequence[str], rule: Rule | None = None, *, order_by: str = "id", size: int = AT_ONCE
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The same in lists of *size*, sorted, for any number of them; the transaction must stay open."""
        self._flush_if_waiting(cls)
        query = Query(cls=cls, plan=self.plan(cls, rule), order=ordering(cls.__schema__, (order_by,)))
        return self.session.portions(query, names, size=size)

    # ── Writing ──

    def new(self, cls: type[R], **values: Any) -> R:
        """A new record with an id, born now; nothing is stored yet."""
        return cls(id=self.house.ids.new(cls.__schema__.prefix, self.now), created_at=self.now, **values)

    def save(self, change: Change[E]) -> E:
        """Store the entity and its events, and let others react.

        Raises:
            StaleEntity: it has changed since the caller read it.
            Duplicate: a unique value is taken.
        """
        entity = change.after
        seen = self._seen.pop(entity.id, entity.version)
        if seen != entity.version:
            raise stale(entity.evolve(version=seen + 1), entity.version)
        if entity.version == 0:
            saved = entity.stored(version=1, at=entity.updated_at)
            self.session.insert([saved])
        else:
            saved = entity.stored(version=entity.version + 1, at=self.now)
            fields = self._changed(entity)
            self._part(type(saved), [saved.id], fields, after={saved.id: saved})
            self.session.update([saved], fields=fields)
        self._read[saved.id] = saved
        self._tell(change)
        return saved

    def _changed(self, entity: Entity) -> tuple[str, ...] | None:
        """Which fields are other ones than when *entity* was read; only those, and their indexes, need writing."""
        before = self._read.get(entity.id)
        if before is None or before.version != entity.version:
            return None
        return tuple(a.name for a in entity.__schema__ if getattr(entity, a.name) is not getattr(before, a.name))

    def _tell(self, change: Change[E]) -> None:
        for event in change.events:
            self.emit(event, customer_id=getattr(change.after, "customer_id", None))

    def put(self, entities: Sequence[E], *, fields: Sequence[str] | None = None) -> list[E]:
        """Store changed entities of one class in bulk, without events: for the agenda and the outbox.

        Args:
            entities: as they will be.
            fields: which of their fields have changed; any of them unless given.
        """
        saved = [e.stored(version=e.version + 1, at=self.now) for e in entities]
        if saved:
            self._part(type(saved[0]), [e.id for e in saved], fields, after={e.id: e for e in saved})
        self.session.update(saved, fields=fields)
        return saved

    def save_new(self, changes: Iterable[Change[E]]) -> list[E]:
        """Store many new entities of one class in bulk, with their events."""
        coming, saved = iter(changes), list[E]()
        while some := list(islice(coming, AT_ONCE)):
            stored = [c.after.stored(version=1, at=c.after.updated_at) for c in some]
            self.session.insert(stored)
            for change in some:
                self._tell(change)
            self.flush()
            saved += stored
        return saved

    def add(self, records: Sequence[Record]) -> None:
        """Store append-only records of one class."""
        self.session.insert(records)

    def remove(self, cls: type[R], identifiers: Sequence[str]) -> int:
        """Delete records; how many there were."""
        self._flush_if_waiting(cls)
        self._part(cls, identifiers, None, after={})
        return self.session.delete(cls, identifiers)

    def _part(
        self, cls: type[Record], ids: Sequence[str], fields: Sequence[str] | None, *, after: Mapping[str, Record]
    ) -> None:
        """Write down what records belonged to, if they are about to belong to something else, or to go."""
        schema = cls.__schema__
        names = [n for n in self.house.registry.belonging[schema.name] if fields is None or n in fields]
        for begin in range(0, len(ids) if names else 0, AT_ONCE):
            before = self.columns(cls, ["id", *names], F.id.in_(ids[begin : begin + AT_ONCE]))
            new = partings(schema, names, before, after) - self._parted
            self._parted |= new
            for relation, former in sorted(new):
                self._write_later(self.new(Parting, relation=relation, former=former))

    def emit(self, event: Event, *, customer_id: str | None = None) -> None:
        """Store *event* and let the reactions to it happen, in this transaction.

        Args:
            event: what happened.
            customer_id: whose timeline it belongs to, if the event itself does not say.
        """
        record = self.new(
            EventRecord,
            name=event.event_name,
            schema=event.event_schema,
            subject=event.subject,
            customer_id=event.customer or customer_id,
            actor=self.actor,
            cause=self._cause,
            payload=event.payload(),
        )
        self._write_later(record)
        if isinstance(event, Moved):
            self._write_later(self.new(StageSpan, **stay_before(event), actor=self.actor))
        reactions = self.house.reactions.get(type(event), ())
        if reactions:
            before, self._cause = self._cause, record.id
            try:
                for react in reactions:
                    react(self, event)
            finally:
                self._cause = before

    def schedule(
        self, kind: str, *, due_at: datetime, subject: str, key: str, payload: Mapping[str, Any] | None = None
    ) -> None:
        """Write down that *kind* is to be done at *due_at*; a key that is known already changes nothing.

        Raises:
            InvalidInput: nobody handles *kind*.
        """
        if kind not in self.house.handlers:
            raise InvalidInput(f"nobody handles {kind!r}; known are {', '.join(sorted(self.house.handlers))}")
        item = self.new(
            AgendaItem, version=1, kind=kind, due_at=due_at, subject=subject, key=key, payload=payload or {}
        )
        self._write_later(item)

    def cancel(self, subject: str, *, kind: str | None = None, key_starts: str = "") -> int:
        """Strike out what is still to be done about *subject*; how much it was."""
        items = self.find(AgendaItem, (F.subject == subject) & (F.state == "due"))  # few; of one kind there are many
        due = [i.id for i in items if kind in {None, i.kind} and i.key.startswith(key_starts)]
        return self.remove(AgendaItem, due)

    def post(
        self, *, channel: str, to: str, body: str, key: str, due_at: datetime | None = None, **values: Any
    ) -> None:
        """Put a message into the outbox; a key that is known already changes nothing."""
        message = self.new(
            Message, version=1, channel=channel, to=to, body=body, key=key, due_at=due_at or self.now, **values
        )
        self._write_later(message)

    # ── What is only added is written in bulk, when somebody asks for it or at the end ──

    def _write_later(self, record: Record) -> None:
        self._later.setdefault(type(record), []).append(record)

    def _flush_if_waiting(self, cls: type[Record]) -> None:
        if cls in self._later:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        later, self._later = self._later, {}
        for cls, records in later.items():
            self.session.insert(records, skip_known=cls in {AgendaItem, Message})

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone alone when it fails."""
        self.flush()
        try:
            with self.session.savepoint():
                yield
                self.flush()
        except BaseException:
            self._later = {}
            self._parted = set()
            self._seen = {}
            self._read = {}
            self.memo = {}
            raise

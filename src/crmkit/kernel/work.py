"""The unit of work: the one way in which anything is read or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.asking import AT_ONCE, Asking
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Record, Schema
from crmkit.kernel.events import Event, EventRecord
from crmkit.kernel.house import House
from crmkit.kernel.outbox import Message
from crmkit.kernel.parting import Parting, partings
from crmkit.kernel.ports import Session
from crmkit.kernel.refusals import stale
from crmkit.kernel.rules.fields import F
from crmkit.kernel.stays import Moved, StageSpan, stay_before, stays_before, told

R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=Entity)


class Work(Asking):
    """The unit of work: what it can be asked, and what can be changed in it."""

    def __init__(self, session: Session, house: House, *, actor: str | None) -> None:
        super().__init__(session, house, actor=actor)
        self._parted: set[tuple[str, str]] = set()

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Take part: a desk that works for another one shares its transaction."""
        yield self

    read = work

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
            self._leave(type(saved), [saved.id], fields, after={saved.id: saved}, events=change.events)
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
            self._leave(type(saved[0]), [e.id for e in saved], fields, after={e.id: e for e in saved})
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
        self._leave(cls, identifiers, None, after={})
        return self.session.delete(cls, identifiers)

    def _leave(
        self,
        cls: type[Record],
        ids: Sequence[str],
        fields: Sequence[str] | None,
        *,
        after: Mapping[str, Record],
        events: Iterable[Event] = (),
    ) -> None:
        """Write down what nobody could tell afterwards: to what records belonged, and in which states they were."""
        schema = cls.__schema__
        keys = [n for n in self.house.registry.belonging[schema.name] if fields is None or n in fields]
        states = [
            n
            for n in (self.house.unmoved[schema.name] if after else ())
            if (fields is None or f"{n}_since" in fields) and not told(events, n)
        ]
        if not keys and not states:
            return
        names = ["id", *keys, *(name for n in states for name in (n, f"{n}_since"))]
        for begin in range(0, len(ids), AT_ONCE):
            before = self.columns(cls, names, F.id.in_(ids[begin : begin + AT_ONCE]))
            self._part(schema, keys, [row[: len(keys) + 1] for row in before], after)
            for identifier, *values in before if states else ():
                for stay in stays_before(after[identifier], states, values[len(keys) :]):
                    self._write_later(self.new(StageSpan, **stay, actor=self.actor))

    def _part(
        self, schema: Schema, keys: Sequence[str], before: Sequence[Sequence[Any]], after: Mapping[str, Record]
    ) -> None:
        new = partings(schema, keys, before, after) - self._parted
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

"""Reading in a unit of work: everything that is asked is a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from crmkit.errors import AccessDenied, DefinitionError, InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.clock import utc
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.house import House, Settings
from crmkit.kernel.ids import check_id, is_id
from crmkit.kernel.machine import Machine
from crmkit.kernel.outbox import Message
from crmkit.kernel.ports import Group, Query, Session, Tally, ordering, tallied
from crmkit.kernel.ranking import Placed, Ranking, rankable
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Always, Rule, a_rule
from crmkit.kernel.rules.plan import Known, plan
from crmkit.kernel.rules.planned import AsOf, Plan
from crmkit.kernel.text import clean_text, nearest, shown

R = TypeVar("R", bound=Record)

AT_ONCE = 2_000  # records that are read or written together; more would only keep more in memory


class Ended:
    """What is left of a transaction when it is over."""

    def __getattr__(self, name: str) -> Any:
        raise InvalidInput("this transaction has ended: do it inside of its `with` block, or in a new one")

    def __contains__(self, item: object) -> bool:
        return bool(self.__getattr__("items"))


class Asking:
    """One transaction of one tenant, in the name of one actor: what it can be asked.

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
        self._hold = self._house_acts = False
        self._seen: dict[str, int] = {}
        self._read: dict[str, Entity] = {}
        self._later: dict[type[Record], list[Any]] = {}

    def end(self) -> None:
        """Nothing is asked and nothing is changed here any more, whoever has kept it."""
        over: Any = Ended()
        self.session = self._later = over

    @property
    def settings(self) -> Settings:
        """What the host has decided."""
        return self.house.settings

    def machine(self, name: str) -> Machine:
        """How entities called *name* move in this CRM."""
        return self.house.machines[name]

    def get(self, cls: type[R], ref: R | str) -> R:
        """The present state of *ref*, which may be an id or an entity that was read before.

        A change of an entity that somebody else has changed since it was read is refused when it is saved.

        Raises:
            InvalidInput: *ref* is not an id of this kind.
            NotFound: there is none in this tenant; if it has gone on in another one, the message names that.
            AccessDenied: the actor may not see it.
        """
        schema = cls.__schema__
        identifier = ref.id if isinstance(ref, Record) else ref
        check_id(identifier, schema.prefix, what=schema.name)
        self._flush_if_waiting(cls)
        found = self.session.get(cls, identifier, hold=self._hold)
        if found is None:
            unknown = f"there is no {schema.name} {identifier!r} in this tenant: check the id, or look with find()"
            raise NotFound(cls.whereabouts(identifier, work=self) or unknown)
        if self._limit(cls) is not None and not self.session.count(
            Query(cls=cls, plan=self.plan(cls, F.id == found.id))
        ):
            raise AccessDenied(f"{self.actor} may not see {schema.name} {identifier}: ask somebody who may")
        if isinstance(found, Entity):
            self._read[identifier] = found
        if isinstance(ref, Entity):
            self._seen[identifier] = ref.version
        return found

    def called(self, cls: type[R], name: object, *, by: str = "name", among: Rule | None = None) -> R | None:
        """The one with this name, none if there is none; names are compared in the form in which they are kept.

        Args:
            cls: of which kind.
            name: as somebody wrote it.
            by: the field that holds the name.
            among: which of them; all unless given.

        Raises:
            InvalidInput: it cannot be a name.
        """
        rule = getattr(F, by) == clean_text(name, what=by, required=True)
        return self.first(cls, rule if among is None else rule & among)

    def named(
        self,
        cls: type[R],
        ref: object,
        *,
        by: str = "name",
        among: Rule | None = None,
        otherwise: str = "define it first",
    ) -> R:
        """The one that is meant: by an entity, by its id or by its name, as in :meth:`called`.

        Raises:
            InvalidInput: *ref* is nothing of that.
            NotFound: there is none; the message names the nearest, or says what to do *otherwise*.
        """
        schema = cls.__schema__
        if isinstance(ref, cls) or is_id(ref, schema.prefix):
            return self.get(cls, ref)
        found = self.called(cls, ref, by=by, among=among)
        if found is None:
            near = nearest(str(ref), [name for (name,) in self.columns(cls, [by], among)])
            hint = f", did you mean {near!r}?" if near else f": {otherwise}"
            raise NotFound(f"there is no {schema.name.replace('_', ' ')} {ref!r}{hint}")
        return found

    def _limit(self, cls: type[Record]) -> Rule | None:
        """What the actor may see of *cls*; everything, while the house itself acts."""
        if self.house.access is None or self.actor is None or self._cause is not None or self._house_acts:
            return None
        return self.house.access(self.actor, cls)

    def sees_all(self, cls: type[Record]) -> bool:
        """Whether nothing is kept from the actor."""
        return self._limit(cls) is None

    @contextmanager
    def as_the_house(self) -> Iterator[None]:
        """What happens inside is about everybody, not only about those whom the actor may see."""
        before, self._house_acts = self._house_acts, True
        try:
            yield
        finally:
            self._house_acts = before

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
        try:
            wanted = Always(value=True) if rule is None else a_rule(rule)
        except DefinitionError as error:
            raise InvalidInput(str(error)) from None
        limit = self._limit(cls)
        if limit is not None:
            wanted &= limit
        moment = AsOf(at=at, zone=self.settings.zone, past=at < self.now)
        known = Known(states=self.house.states, segment=self._segment_id)
        return plan(wanted, self.house.registry.schema(cls), self.house.registry, moment, known)

    def _segment_id(self, name: str) -> str:
        """The segment that is called so; a name that there is not is refused: nobody can be in it, or outside of it."""
        registry = self.house.registry
        segments = registry.schema("segment")
        moment = AsOf(at=self.now, zone=self.settings.zone)
        named = plan(F.name == name, segments, registry, moment)
        self._flush_if_waiting(segments.cls)
        for (identifier,) in self.session.columns(Query(cls=segments.cls, plan=named), ["id"]):
            return str(identifier)
        every = plan(Always(value=True), segments, registry, moment)
        names = [known for (known,) in self.session.columns(Query(cls=segments.cls, plan=every), ["name"])]
        near = nearest(name, names)
        hint = f", did you mean {near!r}?" if near else ": define it first"
        raise NotFound(f"there is no segment {shown(name)}{hint}")

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

    def columns(
        self, cls: type[R], names: Sequence[str], rule: Rule | None = None, *, as_of: datetime | None = None
    ) -> list[tuple[Any, ...]]:
        """Some attributes of those that satisfy."""
        self._flush_if_waiting(cls)
        return self.session.columns(Query(cls=cls, plan=self.plan(cls, rule, as_of=as_of)), names)

    def portions(
        self, cls: type[R], names: Sequence[str], rule: Rule | None = None, *, order_by: str = "id", size: int = AT_ONCE
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The same in lists of *size*, sorted, for any number of them; the transaction must stay open."""
        self._flush_if_waiting(cls)
        query = Query(cls=cls, plan=self.plan(cls, rule), order=ordering(cls.__schema__, (order_by,)))
        return self.session.portions(query, names, size=size)

    # ── What is only added is written in bulk, when somebody asks for it or at the end ──

    def _flush_if_waiting(self, cls: type[Record]) -> None:
        if cls in self._later:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        later, self._later = self._later, {}
        for cls, records in later.items():
            self.session.insert(records, skip_known=cls in {AgendaItem, Message})

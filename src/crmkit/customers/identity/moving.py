"""Moving: whatever refers to one record refers to another one from now on.

What refers to customers stands in the registry, so that nobody here needs to know orders or cases.  Where two rows
cannot both stay, since a unique value says that a customer has one of them at most, one is enough: the row of the
customer that goes on.  An entity that knows better says so with a method ``united(other, work=…)``, which gives the row
that stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.entity import Attribute, Entity, Record, Schema
from crmkit.kernel.refusals import unique_keys
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.snapshot import taken

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

R = TypeVar("R", bound=Record)
BATCH: Final = 500
LOOSE: Final = "customer_id"  # an attribute of this name holds the id of a customer, referred to or not


def pointing(work: Work, name: str) -> Iterator[tuple[Schema, Attribute]]:
    """Every attribute that holds ids of the entity *name*, whether a store checks it or not.

    The trail of events is left out: it says what was true when it was written.
    """
    registry = work.house.registry
    yield from registry.pointing_to(name)
    if name == "customer":
        for schema in registry.schemas.values():
            if LOOSE in schema and schema[LOOSE].references is None and issubclass(schema.cls, Entity):
                yield schema, schema[LOOSE]


def every(work: Work, cls: type[R], rule: Rule, *, limit: int | None = None) -> list[R]:
    """What satisfies *rule*, whatever the actor may see: nothing may stay behind."""
    with work.as_the_house():
        return work.find(cls, rule, limit=limit)


def counted(work: Work, identifier: str) -> dict[str, int]:
    """By kind, how many rows refer to a customer."""
    found: dict[str, int] = {}
    for schema, a in pointing(work, "customer"):
        with work.as_the_house():
            number = work.count(schema.cls, F[a.name] == identifier)
        if number:
            found[schema.plural] = found.get(schema.plural, 0) + number
    return found


@attrs.define(kw_only=True)
class Moves:
    """Everything that refers to *source* goes to *target*; what was done is noted.

    Attributes:
        moved: for each attribute, which rows had what and got what.
        dropped: rows that are gone, as they were.
        united: rows of the target that took something from those, as they were, and their version afterwards.
        pairs: the latter, before and after.
    """

    work: Work
    source: str
    target: str
    moved: list[dict[str, Any]] = attrs.field(factory=list)
    dropped: list[list[Any]] = attrs.field(factory=list)
    united: list[list[Any]] = attrs.field(factory=list)
    pairs: list[tuple[Record, Record]] = attrs.field(factory=list)

    def all(self) -> Moves:
        """Move whatever refers to the source, and what is due for it."""
        self.work.flush()
        for schema, a in pointing(self.work, "customer"):
            self._follow(schema, a, self.source, self.target)
        due = every(self.work, AgendaItem, (F.subject == self.source) & (F.state == "due"))
        self._put(AgendaItem.__schema__, AgendaItem.__schema__["subject"], due, self.source, self.target)
        return self

    def _follow(self, schema: Schema, a: Attribute, source: str, target: str | None) -> None:
        while rows := every(self.work, schema.cls, F[a.name] == source, limit=BATCH):
            free = []
            for row in rows:
                clash = self._clash(schema, a, row, target)
                if clash is None:
                    free.append(row)
                else:
                    self._drop(schema, row, *clash)
            if target is not None:
                self._put(schema, a, free, source, target)

    def _clash(self, schema: Schema, a: Attribute, row: Any, target: str | None) -> tuple[Record | None] | None:
        """The row that is in the way, if there is one; a row that makes no sense any more has nothing in its way."""
        if target is None:
            return (None,)
        try:
            after = changed(row, a.name, target)
        except InvalidInput:
            return (None,)
        for names, values in unique_keys(after, schema):
            if a.name in names:
                same = [F[n] == v for n, v in zip(names, values, strict=True)]
                rule = same[0]
                for part in same[1:]:
                    rule &= part
                there = every(self.work, schema.cls, rule, limit=1)
                if there:
                    return (there[0],)
        return None

    def _drop(self, schema: Schema, row: Record, instead: Record | None) -> None:
        for other, a in pointing(self.work, schema.name):
            self._follow(other, a, row.id, None if instead is None else instead.id)
        self.work.remove(schema.cls, [row.id])
        self.dropped.append([schema.name, taken(row)])
        unite = getattr(instead, "united", None)
        if unite is not None and isinstance(instead, Entity):
            after = unite(row, work=self.work)
            if after != instead:
                (saved,) = self.work.put([after])
                self.united.append([schema.name, taken(instead), saved.version])
                self.pairs.append((instead, saved))

    def _put(self, schema: Schema, a: Attribute, rows: Sequence[Any], source: str, target: str) -> None:
        if rows:
            put(self.work, schema, [changed(row, a.name, target) for row in rows])
            to = None if target == self.target else target  # none for the one that goes on, who may be merged himself
            ids = [row.id for row in rows]
            self.moved.append({"kind": schema.name, "attribute": a.name, "from": source, "to": to, "ids": ids})


def changed(row: Any, name: str, value: str) -> Any:
    """*row* with another reference."""
    return row.evolve(**{name: value})


def put(work: Work, schema: Schema, rows: Sequence[Any]) -> None:
    """Store changed rows; what is only ever added is replaced by itself with another reference."""
    if issubclass(schema.cls, Entity):
        work.put(rows)
    else:
        work.remove(schema.cls, [row.id for row in rows])
        work.session.insert(rows)

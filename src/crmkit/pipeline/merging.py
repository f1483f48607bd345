"""Merging: what leads and deals have in common when several of them turn out to be one.

A merge is planned, applied and undone.  The plan says what the one that goes on will have, and from whom; applying it
leaves a record, and undoing reads that.  What belongs to the others (activities, orders …) follows, and comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

import attrs

from crmkit.customers.identity.moving import every
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel import snapshot
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Record, Schema, attribute, entity
from crmkit.kernel.events import dump
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work

E = TypeVar("E", bound=Entity)
R = TypeVar("R", bound=Record)
LIMIT = 100
HEADERS = ("what", "becomes", "was", "from")


@entity("merge", prefix="merge")
class Merge(Entity):
    """What a merge did, so that it can be undone.

    Attributes:
        lead_id, opportunity_id: the one that went on.
        merged: by the id of each of the others, what it was before.
        before: by field, what the one that went on had, and what it got.
        moved: rows that went along: the name of the entity, the id, what they had and what they got.
    """

    lead_id: str | None = attribute(default=None, references="lead", reverse="merges")
    opportunity_id: str | None = attribute(default=None, references="opportunity", reverse="merges")
    state: Literal["applied", "undone"] = attribute(default="applied")
    merged: Mapping[str, Any] = attribute(factory=dict)
    before: Mapping[str, Any] = attribute(factory=dict, personal=True)
    moved: tuple[Any, ...] = attribute(default=())


@attrs.frozen(kw_only=True)
class MergePlan(Generic[E]):
    """What a merge would do.

    Attributes:
        survivor: the one that goes on, as it was when the plan was made; others that have changed since, or it itself,
            make the plan stale.
        others: those that end, in the order in which their values count.
        after: the one that goes on, as it will be.
        sources: by field that changes, the ids that its value comes from.
        moves: how many rows of what follow.
    """

    survivor: E
    others: tuple[Any, ...]
    after: E
    sources: Mapping[str, tuple[str, ...]]
    moves: Mapping[str, int]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"merging {1 + len(self.others)} into {self.survivor.id}")

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for field, origins in self.sources.items():
            yield field, getattr(self.after, field), getattr(self.survivor, field), ", ".join(origins)
        for other in self.others:
            yield other.id, "merged", getattr(other, "stage", ""), ""
        for name, count in self.moves.items():
            yield f"{count} {name}", "follow", "", ""


def listed(things: Iterable[R | str], *, what: str) -> list[R | str]:
    """*things* as a list.

    Raises:
        InvalidInput: it is a single one.
    """
    if isinstance(things, (str, Record)) or not isinstance(things, Iterable):
        raise InvalidInput(f"{what} are given as a list, as in [one, two], got {things!r}")
    return list(things)


def several(things: Sequence[Entity], *, what: str) -> None:
    """Refuse to merge fewer than two, the same one twice, or too many.

    Raises:
        InvalidInput: that is so.
    """
    if not 2 <= len(things) <= LIMIT:
        raise InvalidInput(f"2 to {LIMIT} different {what} are merged, got {len(things)}")
    ids = [thing.id for thing in things]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise InvalidInput(f"2 to {LIMIT} different {what} are merged, and {twice} is given twice: leave it out once")


def in_front(order: Sequence[E], into: E | None, *, what: str) -> list[E]:
    """*order* with *into* in front, if somebody has chosen it.

    Raises:
        InvalidInput: it is not among them.
    """
    if into is None:
        return list(order)
    if into.id not in {thing.id for thing in order}:
        raise InvalidInput(f"{what} {into.id} is not among those that are merged")
    return [thing for thing in order if thing.id == into.id] + [thing for thing in order if thing.id != into.id]


def first(things: Sequence[Any], name: str) -> Any:
    """The first value that is there."""
    return next((value for thing in things if (value := getattr(thing, name, None)) is not None), None)


def texts(things: Sequence[Any], name: str) -> str | None:
    """All texts in order, with a blank line between them."""
    return "\n\n".join(text for thing in things if (text := getattr(thing, name))) or None


def joined(maps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One mapping of all; where two say something about the same, the first one counts."""
    found: dict[str, Any] = {}
    for one in reversed(maps):
        for key, value in one.items():
            both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
            found[key] = {**found[key], **value} if both else value
    return found


def sources(after: Entity, order: Sequence[Entity]) -> dict[str, tuple[str, ...]]:
    """By field in which *after* differs from the first of *order*, who brought what it has now."""
    survivor, found = order[0], {}
    for a in after.__schema__:
        value = getattr(after, a.name)
        if value == getattr(survivor, a.name):
            continue
        same = [thing.id for thing in order if getattr(thing, a.name, None) == value]
        some = [thing.id for thing in order if getattr(thing, a.name, None)]
        found[a.name] = tuple(same[:1] or some)
    return found


# ── What follows ──

Row = tuple[Entity, dict[str, Any]]


def following(work: Work, other: Entity, survivor: Entity, *, stays: frozenset[str]) -> list[Row]:
    """The rows that follow from *other* to *survivor*, whatever the actor may see, and what changes in them.

    Args:
        work: the transaction.
        other: the one that ends.
        survivor: the one that goes on.
        stays: the names of entities whose rows stay; so does all that is only added.
    """
    source, target = other.__schema__, survivor.__schema__
    found: dict[str, Row] = {}
    for schema, a in work.house.registry.pointing_to(source.name):
        if schema.append_only or schema.name in stays:
            continue
        there = a.name if source is target else f"{target.name}_id"
        if there in schema:
            for row in _entities(work, schema, a.name, other.id):
                if source is target or getattr(row, there) is None:
                    found[row.id] = (row, {there: survivor.id})
    for row in _entities(work, work.house.registry.schema("activity"), "about", other.id):
        changes = found.get(row.id, (row, {f"{target.name}_id": survivor.id}))[1]
        found[row.id] = (row, {**changes, "about": survivor.id})
    return list(found.values())


def _entities(work: Work, schema: Schema, name: str, identifier: str) -> list[Entity]:
    if not issubclass(schema.cls, Entity):
        return []
    cls: type[Entity] = schema.cls
    return every(work, cls, F[name] == identifier)


def counted(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows of what."""
    found: dict[str, int] = {}
    for row, _ in rows:
        found[row.__schema__.plural] = found.get(row.__schema__.plural, 0) + 1
    return dict(sorted(found.items()))


def moved(work: Work, rows: Sequence[Row]) -> list[Any]:
    """Let rows follow, and say what that was."""
    for cls in {type(row) for row, _ in rows}:
        work.put([row.evolve(**changes) for row, changes in rows if type(row) is cls])
    return [
        [row.__schema__.name, row.id, {name: getattr(row, name) for name in changes}, changes] for row, changes in rows
    ]


# ── The record, and the way back ──


def difference(before: Entity, after: Entity, names: Iterable[str]) -> dict[str, Any]:
    """By field among *names* that is another one now, what was there and what is."""
    return {
        name: [dump(getattr(before, name)), dump(getattr(after, name))]
        for name in names
        if getattr(before, name) != getattr(after, name)
    }


def last_merge(work: Work, survivor: Entity, *, what: str) -> Merge:
    """The last merge into *survivor* that was not undone.

    Args:
        work: the transaction.
        survivor: the one that goes on.
        what: the prefix of the ids of those that ended.

    Raises:
        Refused: there is none, or it was of something else.
    """
    into = F[f"{survivor.__schema__.name}_id"] == survivor.id
    found = work.first(Merge, into & (F.state == "applied"), order_by=("-created_at", "-id"))
    if found is None:
        raise Refused(f"nothing was merged into {survivor.id}, or it was taken apart again already")
    if not all(identifier.startswith(f"{what}_") for identifier in found.merged):
        raise Refused(f"the last merge into {survivor.id} was of something else than {what}s: undo that one first")
    return found


def given_back(record: Merge, survivor: E) -> dict[str, Any]:
    """What *survivor* had before the merge, where it still has what the merge gave it."""
    return {
        name: snapshot.value(type(survivor), name, had)
        for name, (had, got) in record.before.items()
        if dump(getattr(survivor, name)) == got
    }


def returned(work: Work, record: Merge) -> None:
    """Rows that followed go back to whom they belonged, unless somebody has moved them on since."""
    for name, identifier, had, got in record.moved:
        cls: type[Entity] = work.house.registry.schema(name).cls  # type: ignore[assignment]
        row = work.session.get(cls, identifier)
        if row is not None and all(getattr(row, field) == value for field, value in got.items()):
            work.put([row.evolve(**had)])
    work.save(Change(record.evolve(state="undone")))

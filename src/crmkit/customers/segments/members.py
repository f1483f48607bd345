"""Who belongs to a segment: everybody is judged at first, and then only those for whom something has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from crmkit.customers.people import Customer
from crmkit.customers.segments.changes import Between, possibly_changed
from crmkit.customers.segments.definition import Membership, Segment, SegmentEntered, SegmentLeft
from crmkit.errors import DefinitionError, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ids import id_of
from crmkit.kernel.rules import AsOf, F, Rule, nodes
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work

OVERLAP = timedelta(minutes=15)  # a transaction that began before a refresh may commit after it
BATCH = 2_000


@attrs.frozen(kw_only=True)
class MembershipChange:
    """Who entered and who left at a refresh.

    Attributes:
        judged: how many customers had to be looked at; none if it was everybody.
    """

    segment: Segment
    entered: tuple[Membership, ...]
    left: tuple[Membership, ...]
    judged: int | None


def refresh(work: Work, segment: Segment, *, everybody: bool = False) -> MembershipChange:
    """Bring the memberships of *segment*, and of those that its rule refers to, up to date.

    One after the other: two refreshes at the same time would both let the same customers enter.
    """
    with work.holding():
        segment = work.get(Segment, segment.id)
    for name in referred(segment.condition()):
        refresh(work, segment_called(work, name), everybody=everybody)
    changed = None if everybody else _changed(work, segment)
    if changed is None:
        wanted = {c for (c,) in work.columns(Customer, ["id"], segment.members_rule())}
        members = work.find(Membership, _members_of(segment))
        entered, left = _move(work, segment, wanted, members)
    else:
        entered, left = [], []
        ordered = sorted(changed)
        for some in (ordered[n : n + BATCH] for n in range(0, len(ordered), BATCH)):
            among = F.id.in_(some) & segment.members_rule()
            wanted = {c for (c,) in work.columns(Customer, ["id"], among)}
            members = work.find(Membership, _members_of(segment) & F.customer_id.in_(some))
            come, gone = _move(work, segment, wanted, members)
            entered += come
            left += gone
    saved = work.save(Change(segment.evolve(refreshed_at=work.now, refreshed_version=segment.rule_version)))
    judged = None if changed is None else len(changed)
    return MembershipChange(segment=saved, entered=tuple(entered), left=tuple(left), judged=judged)


def _changed(work: Work, segment: Segment) -> set[str] | None:
    """The customers who may be judged differently than at the last refresh; none if that must be everybody."""
    if segment.refreshed_at is None or segment.refreshed_version != segment.rule_version:
        return None
    since = segment.refreshed_at - OVERLAP
    recent = (F.id >= _first_id(since)) & ~F.customer_id.is_missing()
    found = {g.key[0] for g in work.tally(EventRecord, recent, by=("customer_id",))}
    zone = work.settings.zone
    between = Between(begin=AsOf(at=since, zone=zone), end=AsOf(at=work.now, zone=zone))
    moved = possibly_changed(segment.members_rule(), Customer.__schema__, work.house.registry, between)
    found |= {c for (c,) in work.columns(Customer, ["id"], moved)}
    return found


def _first_id(at: datetime) -> str:
    """The smallest id that an event can have that was stored at *at* or later."""
    milliseconds = max(0, int(at.timestamp() * 1000))
    return id_of(EventRecord.__schema__.prefix, UUID(int=milliseconds << 80))


def _move(
    work: Work, segment: Segment, wanted: set[str], members: Sequence[Membership]
) -> tuple[list[Membership], list[Membership]]:
    known = {m.customer_id for m in members}
    gone = [m.evolve(state="former", left_at=work.now) for m in members if m.customer_id not in wanted]
    left = work.put(gone)
    for m in left:
        work.emit(SegmentLeft(segment_id=segment.id, customer_id=m.customer_id, name=segment.name))
    return work.save_new(_entering(work, segment, sorted(wanted - known))), left


def _entering(work: Work, segment: Segment, customers: Iterable[str]) -> list[Change[Membership]]:
    return [
        Change(
            work.new(
                Membership,
                segment_id=segment.id,
                customer_id=customer_id,
                rule_version=segment.rule_version,
                as_of=work.now,
                entered_at=work.now,
            ),
            (SegmentEntered(segment_id=segment.id, customer_id=customer_id, name=segment.name),),
        )
        for customer_id in customers
    ]


def _members_of(segment: Segment) -> Rule:
    return (F.segment_id == segment.id) & (F.state == "member")


# ── Segments that refer to segments ──


def referred(rule: Rule) -> list[str]:
    """The names of the segments that *rule* looks at."""
    return list(dict.fromkeys(n.name for n in nodes.walk(rule) if isinstance(n, nodes.InSegment)))


def check_references(work: Work, name: str, rule: Rule, *, way: tuple[str, ...] = ()) -> None:
    """Refuse references that lead nowhere, or back.

    Raises:
        DefinitionError: the message shows the way.
    """
    way = (*way, name)
    for other in referred(rule):
        if other in way:
            raise DefinitionError(
                f"the segment would refer to itself: {' → '.join((*way, other))}; take one of them out"
            )
        check_references(work, other, segment_called(work, other).condition(), way=way)


def segment_called(work: Work, name: str) -> Segment:
    """The segment with this name.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    found = work.first(Segment, F.name == name)
    if found is None:
        near = nearest(name, [known for (known,) in work.columns(Segment, ["name"])])
        raise NotFound(f"there is no segment {name!r}" + (f", did you mean {near!r}?" if near else ": define it first"))
    return found


# ── By the clock ──

REFRESH = "customers.refresh_segment"


def plan_refresh(work: Work, segment: Segment) -> None:
    """Write the next refresh into the agenda."""
    work.cancel(segment.id, kind=REFRESH)
    if segment.every is not None:
        due = work.now + segment.every
        work.schedule(REFRESH, due_at=due, subject=segment.id, key=f"refresh:{segment.id}:{due.isoformat()}")


def refresh_due(work: Work, item: AgendaItem) -> None:
    """Refresh a segment whose time has come."""
    segment = work.first(Segment, F.id == item.subject)
    if segment is not None:
        plan_refresh(work, refresh(work, segment).segment)

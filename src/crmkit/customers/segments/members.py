"""Who belongs to a segment: everybody is judged at first, and then only those for whom something has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import attrs
from attrs import evolve

from crmkit.customers.people import Customer
from crmkit.customers.segments.ahead import next_change
from crmkit.customers.segments.changes import Between, of_any_segment, possibly_changed, referred
from crmkit.customers.segments.definition import Membership, Segment, SegmentEntered, SegmentLeft
from crmkit.errors import DefinitionError
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.rules import AsOf, F, Rule
from crmkit.kernel.work import Work

BATCH = 2_000
SOONEST = timedelta(minutes=1)  # between two refreshes for the sake of time alone


@attrs.frozen(kw_only=True)
class MembershipChange:
    """Who entered and who left at a refresh.

    Attributes:
        entered: the memberships that began; the first of them, if only so many were to be kept.
        left: those that ended, likewise.
        entered_count: how many began.
        left_count: how many ended.
        judged: how many customers had to be looked at; none if it was everybody.
    """

    segment: Segment
    entered: tuple[Membership, ...]
    left: tuple[Membership, ...]
    entered_count: int
    left_count: int
    judged: int | None


def refresh(work: Work, segment: Segment, *, everybody: bool = False, keep: int | None = None) -> MembershipChange:
    """Bring the memberships of *segment*, and of those that its rule refers to, up to date.

    One after the other: two refreshes at the same time would both let the same customers enter.  Everybody is judged,
    whoever asks for it; the result tells of those whom the actor may see.
    """
    with work.as_the_house():
        change = _refresh(work, segment, everybody=everybody, keep=keep)
    return evolve(change, entered=_visible(work, change.entered), left=_visible(work, change.left))


def _visible(work: Work, some: tuple[Membership, ...]) -> tuple[Membership, ...]:
    if work.sees_all(Customer):
        return some
    known = {c for (c,) in work.columns(Customer, ["id"], F.id.in_(m.customer_id for m in some))}
    return tuple(m for m in some if m.customer_id in known)


def _refresh(work: Work, segment: Segment, *, everybody: bool, keep: int | None) -> MembershipChange:
    for name in referred(segment.condition()):
        _refresh(work, segment_of(work, name), everybody=everybody, keep=0)
    with work.holding():
        segment = work.get(Segment, segment.id)
    changed = None if everybody else _changed(work, segment)
    moves = _differences(work, segment) if changed is None else _moves_among(work, segment, sorted(changed))
    entered, left = _move(work, segment, moves, keep)
    done = segment.evolve(
        refreshed_at=work.now,
        refreshed_version=segment.rule_version,
        next_change_at=next_change(work, segment.condition()),
    )
    saved = work.save(Change(done))
    wake(work, saved, before=segment.next_change_at)
    _pass_on(work, saved, moved=bool(entered.count or left.count))
    judged = None if changed is None else len(changed)
    return MembershipChange(
        segment=saved,
        entered=tuple(entered.kept),
        left=tuple(left.kept),
        entered_count=entered.count,
        left_count=left.count,
        judged=judged,
    )


def _pass_on(work: Work, segment: Segment, *, moved: bool) -> None:
    """Look at the segments that refer to *segment* when its members change: now if they have, or when time does it."""
    turn = work.now if moved else segment.next_change_at
    if turn is None:
        return
    for other in work.find(Segment, ~F.refreshed_at.is_missing()):
        if segment.name in referred(other.condition()) and (
            other.next_change_at is None or other.next_change_at > turn
        ):
            wake(work, work.save(Change(other.evolve(next_change_at=turn))), before=other.next_change_at)


def judge(work: Work, segment: Segment, customer_id: str) -> Sequence[Membership]:
    """Let one customer enter *segment* or leave it, and look when time alone may move somebody next."""
    with work.as_the_house():
        return _judge(work, segment, customer_id)


def _judge(work: Work, segment: Segment, customer_id: str) -> Sequence[Membership]:
    if _move_of(work, segment, customer_id) is None and _next_change(work, segment) == segment.next_change_at:
        return ()
    with work.holding():
        segment = work.get(Segment, segment.id)
    move = _move_of(work, segment, customer_id)
    soonest = _next_change(work, segment)
    if soonest != segment.next_change_at:
        saved = work.save(Change(segment.evolve(next_change_at=soonest)))
        wake(work, saved, before=segment.next_change_at)
        _pass_on(work, saved, moved=False)
    if move is None:
        return ()
    come, gone = move
    return _enter(work, segment, [come]) if come is not None else _leave(work, segment, [str(gone)])


def _move_of(work: Work, segment: Segment, customer_id: str) -> Move | None:
    return next(_moves_among(work, segment, [customer_id]), None)


def _next_change(work: Work, segment: Segment) -> datetime | None:
    """When time alone may move somebody; never later than what is already known."""
    found = next_change(work, segment.condition())
    return min((at for at in (found, segment.next_change_at) if at is not None), default=None)


def _changed(work: Work, segment: Segment) -> set[str] | None:
    """The customers who may be judged differently than at the last refresh; none if that must be everybody."""
    if segment.refreshed_at is None or segment.refreshed_version != segment.rule_version:
        return None
    zone = work.settings.zone
    between = Between(begin=AsOf(at=segment.refreshed_at, zone=zone), end=AsOf(at=work.now, zone=zone))
    changed = possibly_changed(work, segment.members_rule(), between)
    return {c for rule in changed for (c,) in work.columns(Customer, ["id"], rule)}


Move = tuple[str | None, str | None]
"""The id of a customer who enters, or that of a membership that ends."""


def _moves_among(work: Work, segment: Segment, customers: Sequence[str]) -> Iterator[Move]:
    for some in (customers[n : n + BATCH] for n in range(0, len(customers), BATCH)):
        wanted = {c for (c,) in work.columns(Customer, ["id"], wanted_among(segment, some))}
        known = dict(work.columns(Membership, ["customer_id", "id"], members_of(segment) & F.customer_id.in_(some)))
        yield from ((c, None) for c in some if c in wanted and c not in known)
        yield from ((None, known[c]) for c in some if c in known and c not in wanted)


def _differences(work: Work, segment: Segment) -> Iterator[Move]:
    """Those who should be members and those who are, both in the order of their ids, side by side."""
    wanted = _rows(work.portions(Customer, ["id"], segment.members_rule()))
    known = _rows(work.portions(Membership, ["customer_id", "id"], members_of(segment), order_by="customer_id"))
    one, other = next(wanted, None), next(known, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            yield one[0] if one else None, None
            one = next(wanted, None)
        elif one is None or other[0] < one[0]:
            yield None, other[1]
            other = next(known, None)
        else:
            one, other = next(wanted, None), next(known, None)


def _rows(portions: Iterator[list[tuple[Any, ...]]]) -> Iterator[tuple[Any, ...]]:
    return (row for some in portions for row in some)


@attrs.define
class _Told:
    """How many memberships there are, and the first *keep* of them."""

    keep: int | None
    count: int = 0
    kept: list[Membership] = attrs.field(factory=list)

    def add(self, some: Sequence[Membership]) -> None:
        self.count += len(some)
        self.kept += some if self.keep is None else some[: max(0, self.keep - len(self.kept))]


def _move(work: Work, segment: Segment, moves: Iterator[Move], keep: int | None) -> tuple[_Told, _Told]:
    entered, left = _Told(keep), _Told(keep)
    while some := list(islice(moves, BATCH)):
        left.add(_leave(work, segment, [gone for _, gone in some if gone is not None]))
        entered.add(_enter(work, segment, [come for come, _ in some if come is not None]))
    return entered, left


def _leave(work: Work, segment: Segment, memberships: Sequence[str]) -> list[Membership]:
    gone = work.find(Membership, F.id.in_(memberships)) if memberships else []
    left = work.put([m.evolve(state="former", left_at=work.now) for m in gone], fields=("state", "left_at"))
    for m in left:
        work.emit(SegmentLeft(segment_id=segment.id, customer_id=m.customer_id, name=segment.name))
    work.flush()
    return left


def _enter(work: Work, segment: Segment, customers: Sequence[str]) -> list[Membership]:
    entering = [
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
    return work.save_new(entering)


def wanted_among(segment: Segment, customers: Iterable[str]) -> Rule:
    """Those of *customers* who should be members; nothing longer is ever asked for a segment."""
    return F.id.in_(customers) & segment.members_rule()


def members_of(segment: Segment) -> Rule:
    """The memberships in *segment* that last."""
    return (F.segment_id == segment.id) & (F.state == "member")


# ── Segments that refer to segments ──


def in_turn(segments: Iterable[Segment]) -> list[Segment]:
    """*segments* so that those come first which others refer to."""
    names = {segment.name: segment for segment in segments}
    done: dict[str, Segment] = {}

    def visit(segment: Segment) -> None:
        for name in referred(segment.condition()):
            if name in names and name not in done:
                visit(names[name])
        done.setdefault(segment.name, segment)

    for segment in names.values():
        visit(segment)
    return list(done.values())


def check_references(work: Work, name: str, rule: Rule, *, way: tuple[str, ...] = ()) -> None:
    """Refuse references that lead nowhere, or back to *name*, which is written as it is kept.

    Raises:
        DefinitionError: the message shows the way.
        NotFound: a name is that of no segment, as it stands in the rule.
    """
    if of_any_segment(rule):
        raise DefinitionError(
            f"the rule of {name!r} looks at memberships of any segment, and so at its own: say in where() which one "
            f"F.segment.name is, or use F.in_segment(…)"
        )
    way = (*way, name)
    for other in referred(rule):
        if other in way:
            raise DefinitionError(
                f"the segment would refer to itself: {' → '.join((*way, other))}; take one of them out"
            )
        work.plan(Customer, F.in_segment(other))
        check_references(work, other, segment_of(work, other).condition(), way=way)


def segment_of(work: Work, ref: Segment | str) -> Segment:
    """The segment that is meant."""
    return work.named(Segment, ref)


# ── By the clock ──

REFRESH = "customers.refresh_segment"
REGULAR, MOVED = "refresh:", "moved:"


def plan_refresh(work: Work, segment: Segment) -> None:
    """Write the next regular refresh into the agenda."""
    work.cancel(segment.id, kind=REFRESH, key_starts=REGULAR)
    if segment.every is not None:
        _schedule(work, segment, work.now + segment.every, REGULAR)


def wake(work: Work, segment: Segment, *, before: datetime | None) -> None:
    """Write the moment into the agenda at which time alone may move somebody; *before* is the one that stands there."""
    if segment.next_change_at == before:
        return
    work.cancel(segment.id, kind=REFRESH, key_starts=MOVED)
    if segment.next_change_at is not None:
        _schedule(work, segment, max(segment.next_change_at, work.now + SOONEST), MOVED)


def _schedule(work: Work, segment: Segment, due: datetime, why: str) -> None:
    work.schedule(REFRESH, due_at=due, subject=segment.id, key=f"{why}{segment.id}:{due.isoformat()}")


def refresh_due(work: Work, item: AgendaItem) -> None:
    """Refresh a segment whose time has come."""
    segment = work.first(Segment, F.id == item.subject)
    if segment is None:
        return
    refreshed = refresh(work, segment, keep=0).segment
    if item.key.startswith(REGULAR):
        plan_refresh(work, refreshed)

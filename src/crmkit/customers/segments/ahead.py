"""When time alone will next move a customer into a segment or out of it: known in advance.

A window has ends that move with the clock.  The next row that such an end comes to is the first one behind it, and that
is one look at an index.  What is found is never too late; it may be too early, since the other conditions are not
looked at, and then the refresh finds nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from crmkit.customers.people import Customer
from crmkit.customers.segments.changes import far_end, kind_of, own_field, target_of
from crmkit.customers.segments.definition import Segment
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.rules import AsOf, F, Rule, nodes
from crmkit.kernel.rules.nodes import Attr, Related, Window
from crmkit.kernel.work import Work

MICRO, NOTHING = timedelta(microseconds=1), timedelta()


def next_change(work: Work, rule: Rule) -> datetime | None:
    """The next moment at which time alone may move somebody; none if it never will, as things are."""
    return min((at for at in _turns(work, rule, ()) if at > work.now), default=None)


def _turns(work: Work, node: Any, way: tuple[str, ...]) -> Iterator[datetime]:
    registry, customer = work.house.registry, Customer.__schema__
    match node:
        case Related(path, where, window):
            there = (*way, *path)
            target = target_of(customer, registry, there)
            if window is not None:
                yield from _window_turns(work, target, (target.when,), window)
            if where is not None:
                yield from _turns(work, where, there)
        case nodes.During(Attr(path), window):
            hops, field = own_field((*way, *path))
            yield from _window_turns(work, target_of(customer, registry, hops), field, window)
        case nodes.Held(Attr(path), _, window):
            target = target_of(customer, registry, (*way, *path[:-1]))
            yield from _held_turns(work, target, (f"{path[-1]}_since",), window)
        case nodes.Anniversary() | nodes.Part(part="age"):
            yield _midnight(work)
        case nodes.InSegment(name):
            other = work.first(Segment, F.name == name)
            if other is not None and other.next_change_at is not None:
                yield other.next_change_at
        case _:
            for child in nodes.children(node):
                yield from _turns(work, child, way)


def _window_turns(work: Work, target: Schema, when: tuple[str, ...], window: Window) -> Iterator[datetime]:
    if not window.in_days and window.exact is None:
        return  # its ends stand still
    now, zone = AsOf(at=work.now, zone=work.settings.zone), work.settings.zone
    dated = kind_of(target, work.house.registry, when) is Kind.DATE
    coming = _first(work, target, when, now.at if dated else now.at + MICRO)
    if coming is not None:
        yield coming
        if dated:
            yield start_of_day(local_date(coming, zone) + timedelta(days=1), zone)  # a day is over at its end
    sign = 1 if window.side == "next" else -1
    if (far := window.exact) is not None:
        turn = _day_turn if dated else _turn
        yield from turn(work, target, when, far * sign)
    if window.in_days:
        end = far_end(window, now, sign)
        row = _first(work, target, when, end)
        if row is not None:
            passed = row
            yield _first_day(work, row, window, sign, lambda moved: moved > passed)


def _turn(work: Work, target: Schema, when: tuple[str, ...], far: timedelta) -> Iterator[datetime]:
    """When the end of a window that lies *far* from now comes to the next moment."""
    row = _first(work, target, when, work.now + far)
    if row is not None:
        yield row - far if far > NOTHING else row - far + MICRO


def _day_turn(work: Work, target: Schema, when: tuple[str, ...], far: timedelta) -> Iterator[datetime]:
    """When the end of a window that lies *far* from now comes to the next day, or leaves it."""
    zone = work.settings.zone
    edge = local_date(work.now + far, zone)
    row = _first(work, target, when, start_of_day(edge + timedelta(days=far > NOTHING), zone))
    if row is not None:
        yield start_of_day(local_date(row, zone) + timedelta(days=far < NOTHING), zone) - far


def _held_turns(work: Work, target: Schema, since: tuple[str, ...], window: Window) -> Iterator[datetime]:
    now = AsOf(at=work.now, zone=work.settings.zone)
    if (far := window.exact) is not None:
        row = _first(work, target, since, now.at - far + MICRO)
        if row is not None:
            yield row + far
    if window.in_days:
        row = _first(work, target, since, far_end(window, now, -1) + MICRO)
        if row is not None:
            entered = row
            yield _first_day(work, row, window, -1, lambda moved: moved >= entered)


def _first(work: Work, target: Schema, when: tuple[str, ...], at: datetime) -> datetime | None:
    """The earliest moment from *at* on; a date is its midnight."""
    zone = work.settings.zone
    dated = kind_of(target, work.house.registry, when) is Kind.DATE
    later = nodes.Compare(Attr(when), ">=", nodes.Const(local_date(at, zone) if dated else at))
    value = min(_values(work, target, when, later), default=None)
    if value is None:
        return None
    moment: datetime = start_of_day(value, zone) if dated else value
    return moment


def _values(work: Work, target: Schema, when: tuple[str, ...], rule: Rule) -> list[Any]:
    """The values of those that satisfy: the first one alone, where there may be an index."""
    if when[0] != "extra":
        return [getattr(row, when[0]) for row in work.find(target.cls, rule, order_by=when[0], limit=1)]
    extra = work.house.registry.extras[when[1]]
    rows: Iterable[Any] = work.find(target.cls, rule)
    return [getattr(row.extra(extra), when[2]) for row in rows]


def _first_day(work: Work, row: datetime, window: Window, sign: int, reached: Callable[[datetime], bool]) -> datetime:
    """The midnight with which the far end of *window* has *reached* the row."""
    zone = work.settings.zone
    day: date = shift(local_date(row, zone), days=-sign * (window.days or 0), months=-sign * (window.months or 0))
    day = max(day - timedelta(days=4), local_date(work.now, zone) + timedelta(days=1))
    while not reached(far_end(window, AsOf(at=start_of_day(day, zone), zone=zone), sign)):
        day += timedelta(days=1)
    return start_of_day(day, zone)


def _midnight(work: Work) -> datetime:
    zone = work.settings.zone
    return start_of_day(local_date(work.now, zone) + timedelta(days=1), zone)

"""Values in their order: a comparison with a constant says on which side of a *cut* a value lies.

Numbers, days and texts are cut at constants, which are known.  Instants and stretches of time are cut at moments that
are known only when a rule is judged: of two such cuts it is sometimes known which comes first, and sometimes not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.checking import DECIMAL_PLACES
from crmkit.kernel.clock import shift
from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import AllOf, Always, Not, Operator, Rule, Window

EVERYONE, NOBODY = Always(value=True), Always(value=False)
TYPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int, Decimal),
    Kind.NUMBER: (int, Decimal),
    Kind.DECIMAL: (int, Decimal),
    Kind.BOOLEAN: (bool,),
    Kind.DATE: (date,),
    Kind.INSTANT: (date, datetime),
    Kind.DURATION: (timedelta,),
    Kind.MONEY: (Money,),
}
GRIDS: Mapping[Kind, Fraction] = {
    Kind.INTEGER: Fraction(1),
    Kind.DECIMAL: Fraction(1, 10**DECIMAL_PLACES),
    Kind.BOOLEAN: Fraction(1),
    Kind.DATE: Fraction(1),
    Kind.DURATION: Fraction(1),
    Kind.MONEY: Fraction(1),
}
MICROSECOND, DAY = timedelta(microseconds=1), timedelta(days=1)
MARGIN = DAY  # no zone is so far from UTC
HIGHEST = 0x10FFFF


class OddError(Exception):
    """No value of this kind can be compared with such a constant; or nothing is known of it."""


@attrs.frozen(repr=False)
class Atom(Rule):
    """The simplest thing that can be true of *subject*."""

    subject: Any
    said: Any


@attrs.frozen
class Cut:
    """The value is *place* or more; on which scale places are compared, *scale* says.

    ``number`` and ``text`` are known places.  Of dates and instants: ``instant`` is known, ``day`` is the midnight with
    which a day begins, ``ago`` and ``back`` are the beginnings of stretches in calendar days and in exact time, ``now``
    is just after ``as_of`` and ``today`` its day, ``ahead`` and ``forward`` are just after the ends of stretches.
    """

    scale: str
    place: Any = None


def comes_before(a: Cut, b: Cut) -> bool:
    """Whether *a* is known to lie before *b*, or at the same place."""
    past, future = {"ago", "back"}, {"ahead", "forward"}
    match a.scale, b.scale:
        case (("number" | "text" | "instant" | "day" | "forward"), scale) if scale == a.scale:
            return bool(a.place <= b.place)
        case "instant", "day":
            early = _midnight(b.place, -MARGIN)
            return early is not None and bool(a.place <= early)
        case "day", "instant":
            late = _midnight(a.place, MARGIN)
            return late is not None and bool(late <= b.place)
        case "back", "back":
            return bool(a.place >= b.place)
        case "ago", "ago":
            return not_longer(b.place, a.place)
        case "ahead", "ahead":
            return not_longer(a.place, b.place)
        case "today", "now":
            return True
    order = {**dict.fromkeys(past, 0), "today": 1, "now": 1, **dict.fromkeys(future, 2)}
    return a.scale in order and b.scale in order and order[a.scale] < order[b.scale]


def _midnight(day: date, margin: timedelta) -> datetime | None:
    """A moment before (or after) the beginning of *day* in every zone, if there is one."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + margin
    except OverflowError:
        return None


def not_longer(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether so many months and days are never more than those others; a month has 28 to 31 days."""
    (months, days), (more_months, more_days) = one, other
    return (months <= more_months and days <= more_days) or 31 * months + days <= 28 * more_months + more_days


def starts(window: Window) -> list[Cut]:
    """Where a stretch of time begins: at the last one of these."""
    cuts = [] if window.exact is None else [Cut("back", window.exact)]
    if window.in_days:
        cuts.append(Cut("ago", (window.months or 0, window.days or 0)))
    if window.since is not None:
        cuts.append(moment(window.since))
    return cuts


def ends(window: Window) -> list[Cut]:
    """Where a stretch of time ahead ends: at the first one of these."""
    cuts = [] if window.exact is None else [Cut("forward", window.exact)]
    if window.in_days:
        cuts.append(Cut("ahead", (window.months or 0, window.days or 0)))
    return cuts


def moment(value: date | datetime) -> Cut:
    """From a date or an instant on."""
    return Cut("instant" if isinstance(value, datetime) else "day", value)


def not_later(one: Window, other: Window) -> bool:
    """Whether *one* is known to begin before *other*, or with it."""
    return all(any(comes_before(a, b) for b in starts(other)) for a in starts(one))


@attrs.frozen(kw_only=True)
class Line:
    """The values that something can have, in order.

    Attributes:
        subject: what has the value.
        present: that there is a value.
        grid: how far apart neighbours are, if there are any.
        low: the smallest value.
        high: the largest value.
        choices: the only texts that it can be.
    """

    subject: Any
    kind: Kind | None
    present: Rule = EVERYONE
    grid: Fraction | None = None
    low: Fraction | None = None
    high: Fraction | None = None
    choices: tuple[str, ...] | None = None

    def compare(self, operator: Operator, value: Any) -> Rule:
        """What a comparison with a constant says about cuts."""
        here, beyond = self.cuts(value)
        match operator:
            case "==":
                return AllOf((here, Not(beyond)))
            case "!=":
                return Not(AllOf((here, Not(beyond))))
            case "<":
                return AllOf((self.present, Not(here)))
            case "<=":
                return AllOf((self.present, Not(beyond)))
        return here if operator == ">=" else beyond

    def cuts(self, value: Any) -> tuple[Rule, Rule]:
        """That it is *value* or more, and that it is more."""
        if self.kind is Kind.INSTANT:
            return self._moments(value)
        place = placed(value, self.kind)
        if isinstance(place, str):
            return self.text((place, 0)), self.text((place, 1))
        if self.grid is None:
            return self._number((place, 0)), self._number((place, 1))
        steps = place / self.grid
        return self._number((ceil(steps) * self.grid, 0)), self._number(((floor(steps) + 1) * self.grid, 0))

    def _moments(self, value: Any) -> tuple[Rule, Rule]:
        try:
            following: Any = value + MICROSECOND if isinstance(value, datetime) else shift(value, days=1)
        except (OverflowError, InvalidInput):
            raise OddError from None
        return Atom(self.subject, moment(value)), Atom(self.subject, moment(following))

    def _number(self, place: tuple[Fraction, int]) -> Rule:
        if self.low is not None and place <= (self.low, 0):
            return self.present
        if self.high is not None and place > (self.high, 0):
            return NOBODY
        return Atom(self.subject, Cut("number", place))

    def text(self, place: tuple[str, int]) -> Rule:
        """That the text stands at *place* or behind it."""
        if place == ("", 0):
            return self.present
        if self.choices is None:
            return Atom(self.subject, Cut("text", place))
        known = sorted(self.choices)
        index = bisect_left(known, place[0] + "\0" * place[1])
        if index == len(known):
            return NOBODY
        return Atom(self.subject, Cut("text", (known[index], 0))) if index else self.present

    def beginning(self, text: str) -> Rule:
        """That the text begins with *text*: that it lies between it and the next text that does not."""
        after = following(text)
        behind = NOBODY if after is None else self.text((after, 0))
        return AllOf((self.text((text, 0)), Not(behind)))


def following(text: str) -> str | None:
    """The first text that is behind everything that begins with *text*."""
    stem = text.rstrip(chr(HIGHEST))
    if not stem:
        return None
    code = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)


def placed(value: Any, kind: Kind | None) -> Any:
    """A constant as a place on the line of its kind."""
    if kind is not None and type(value) not in TYPES.get(kind, ()):
        raise OddError
    if isinstance(value, Money):
        return Fraction(value.minor)
    if isinstance(value, timedelta):
        return Fraction(value // MICROSECOND)
    if isinstance(value, date):
        return Fraction(value.toordinal())
    if isinstance(value, str):
        return value
    try:
        return Fraction(float(value)) if kind is Kind.NUMBER else Fraction(value)
    except OverflowError:
        raise OddError from None


def during(subject: Any, present: Rule, window: Window, *, in_days: bool) -> Rule:
    """What it means that a date (*in_days*) or an instant falls into a stretch of time."""

    def from_(cut: Cut) -> Rule:
        return Atom(subject, cut)

    def parts() -> Iterator[Rule]:
        begins = AllOf(tuple(map(from_, starts(window))))
        if window.side == "next":
            yield from_(Cut("today" if in_days else "now"))
            yield from (Not(from_(cut)) for cut in ends(window))
        if window.side == "before":
            yield Not(begins if begins.rules else from_(Cut("back", timedelta(0))))
        if window.side != "last":
            begins = AllOf(() if window.since is None else (from_(moment(window.since)),))
        yield begins
        if window.side == "last" and not window.open_ended:
            yield Not(from_(Cut("now")))
        if window.until is not None:
            yield Not(from_(moment(window.until)))

    return AllOf((present, *parts()))

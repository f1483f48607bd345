"""Laws that hold for every calendar, and agreement with a naive one that looks at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import attrs
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmkit.kernel.calendar import BusinessCalendar
from tests.kernel.calendar.worlds import MINUTE, calendars, open_minutes

World = tuple[BusinessCalendar, datetime]
worlds = calendars()
spans = st.timedeltas(timedelta(0), timedelta(days=40))
amounts = st.timedeltas(timedelta(microseconds=1), timedelta(days=20))
WINDOW = 4 * 1440


@given(worlds)
def test_it_agrees_with_a_look_at_every_minute(world: World) -> None:
    calendar, start = world
    minutes = [start + k * MINUTE for k in range(WINDOW)]
    is_open = open_minutes(calendar, minutes)
    end = start + WINDOW * MINUTE
    assert [calendar.is_open(minute) for minute in minutes[::7]] == is_open[::7]
    assert calendar.between(start, end) == sum(is_open) * MINUTE

    opened = [minute for minute, found in zip(minutes, is_open, strict=True) if found]
    periods = list(calendar.periods(start, end))
    assert [minute for p in periods for minute in minutes if p.start <= minute < p.end] == opened
    if opened:
        assert calendar.next_open(start) == opened[0] == periods[0].start
        assert calendar.previous_open(end) == opened[-1] + MINUTE == periods[-1].end
    for k in range(0, len(opened), max(len(opened) // 5, 1)):
        assert calendar.add(start, (k + 1) * MINUTE) == opened[k] + MINUTE
        assert calendar.subtract(end, (k + 1) * MINUTE) == opened[-k - 1]


@given(worlds, st.lists(st.integers(0, WINDOW), min_size=1, max_size=3))
def test_closing_and_opening_agree_with_every_minute(world: World, places: list[int]) -> None:
    calendar, start = world
    minutes = [start + k * MINUTE for k in range(-1, WINDOW)]
    is_open = open_minutes(calendar, minutes)
    edges = list(zip(minutes[1:], pairwise(is_open), strict=True))
    for place in places:
        moment = start + place * MINUTE
        closings = [at for at, (before, now) in edges if at > moment and before and not now]
        if closings:
            assert calendar.next_close(moment) == closings[0]


@given(worlds, amounts)
def test_add_is_undone_by_subtract(world: World, amount: timedelta) -> None:
    calendar, start = world
    due = calendar.add(start, amount)
    assert calendar.between(start, due) == amount
    assert calendar.subtract(due, amount) == calendar.next_open(start)
    since = calendar.subtract(start, amount)
    assert calendar.between(since, start) == amount
    assert calendar.add(since, amount) == calendar.previous_open(start)


@given(worlds, amounts)
def test_the_next_opening_is_the_closing_moved_on(world: World, amount: timedelta) -> None:
    calendar, start = world
    biz = attrs.evolve(calendar, at_closing="next_opening", zero="next_open")
    assert biz.add(start, amount) == calendar.next_open(calendar.add(start, amount))
    assert biz.subtract(start, amount) == calendar.previous_open(calendar.subtract(start, amount))
    assert biz.add(start, timedelta(0)) == calendar.next_open(start)
    assert biz.subtract(start, timedelta(0)) == calendar.previous_open(start)
    assert calendar.add(start, timedelta(0)) == start


@given(worlds, amounts, amounts)
def test_more_time_is_later(world: World, amount: timedelta, more: timedelta) -> None:
    calendar, start = world
    due = calendar.add(start, amount)
    assert due < calendar.add(start, amount + more) == calendar.add(due, more)
    assert calendar.add(start + more, amount) >= due
    assert calendar.subtract(start, amount + more) < calendar.subtract(start, amount)


@given(worlds, spans, spans)
def test_between_adds_up(world: World, first: timedelta, second: timedelta) -> None:
    calendar, start = world
    middle, end = start + first, start + first + second
    whole = calendar.between(start, end)
    assert whole == calendar.between(start, middle) + calendar.between(middle, end)
    assert timedelta(0) <= whole <= end - start
    assert calendar.between(end, start) == -whole
    assert attrs.evolve(calendar, end_before_start="zero").between(end, start) == timedelta(0)
    assert attrs.evolve(calendar, end_before_start="absolute").between(end, start) == whole


@given(worlds, spans)
@example((BusinessCalendar.always_open(), datetime(2026, 3, 2, tzinfo=UTC)), timedelta(0))
def test_periods_sum_to_between(world: World, length: timedelta) -> None:
    calendar, start = world
    end = start + length
    periods = list(calendar.periods(start, end))
    assert sum((p.duration for p in periods), timedelta(0)) == calendar.between(start, end)
    assert all(start <= p.start < p.end <= end for p in periods)
    assert all(a.end < b.start for a, b in pairwise(periods))
    assert list(calendar.periods(end, start)) == periods[::-1]
    for p in periods:
        assert calendar.is_open(p.start)
        assert not calendar.is_open(p.end) or p.end == end
        assert calendar.previous_open(p.end) == p.end
        assert calendar.next_close(p.start) >= p.end


@given(worlds, spans)
def test_open_is_what_opening_means(world: World, later: timedelta) -> None:
    calendar, start = world
    moment = start + later
    opening = calendar.next_open(moment)
    assert calendar.is_open(opening)
    assert calendar.is_open(moment) == (opening == moment)
    assert calendar.between(moment, opening) == timedelta(0)
    assert calendar.between(calendar.previous_open(moment), moment) == timedelta(0)
    assert calendar.next_close(moment) > opening


@given(worlds, st.integers(-60, 60), st.sampled_from(["any", "worked"]))
def test_counting_days_undoes_stepping(world: World, days: int, origin: str) -> None:
    calendar, start = world
    day = start.date()
    calendar = attrs.evolve(calendar, day_origin=origin)  # type: ignore[arg-type]
    found = calendar.add_days(day, days)
    naive, left = day, days
    if origin == "worked" and days:
        while not calendar.is_business_day(naive):
            naive += timedelta(days=1 if days > 0 else -1)
    counted_from = naive
    while left:
        naive += timedelta(days=1 if days > 0 else -1)
        left -= calendar.is_business_day(naive) * (1 if days > 0 else -1)
    assert found == naive
    assert calendar.count_days(counted_from, found) == days
    sign = 1 if counted_from <= found else -1
    with_start = days + sign * calendar.is_business_day(counted_from)
    assert calendar.count_days(counted_from, found, include_start=True) == with_start
    if counted_from != found:
        assert calendar.count_days(found, counted_from, include_start=True) == -with_start


@given(worlds, st.integers(-20, 20))
def test_days_keep_the_wall_clock(world: World, days: int) -> None:
    calendar, start = world
    kept = attrs.evolve(calendar, day_time="keep")
    local = start.astimezone(calendar._edges.zone)
    found = kept.add_days(start, days)
    if days:
        assert found == calendar.at(kept.add_days(local.date(), days), local.time())
    else:
        assert found == start
    snapped = calendar.add_days(start, days)
    if days > 0:
        assert found <= snapped
        assert snapped == found or calendar.is_open(snapped)
    if days < 0:
        assert found >= snapped
        assert snapped == found or calendar.previous_open(snapped) == snapped
    assert calendar.between(min(found, snapped), max(found, snapped)) == timedelta(0)


@given(worlds, worlds)
def test_an_intersection_is_open_when_both_are(one: World, other: World) -> None:
    first, start = one
    second = attrs.evolve(other[0], timezone=first.timezone)
    shared = {day: common for day in first.hours if (common := second.hours.get(day))}
    assume(shared)
    try:
        both = first & second
    except ValueError:  # nothing in common
        return
    moments = [start + k * timedelta(minutes=13) for k in range(500)]
    quiet = [m for m in moments if not clocks_change(first, m)]
    assert [both.is_open(m) for m in quiet] == [first.is_open(m) and second.is_open(m) for m in quiet]


def clocks_change(calendar: BusinessCalendar, moment: datetime) -> bool:
    zone = calendar._edges.zone
    days = timedelta(days=2)
    return (moment - days).astimezone(zone).utcoffset() != (moment + days).astimezone(zone).utcoffset()


@given(calendars(dst="wall"), spans, spans)
@example((BusinessCalendar.always_open("Europe/Berlin"), datetime(2026, 3, 28, tzinfo=UTC)), timedelta(1), timedelta(1))
def test_wall_time_is_the_naive_arithmetic_of_the_zone(world: World, first: timedelta, second: timedelta) -> None:
    calendar, start = attrs.evolve(world[0], dst="wall"), world[1]
    zone = calendar._edges.zone
    naive = attrs.evolve(calendar, timezone="UTC", dst="elapsed")

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=UTC)

    middle, end = start + first, start + first + second
    assert calendar.between(start, end) == naive.between(shown(start), shown(end))
    assert calendar.between(start, end) == calendar.between(start, middle) + calendar.between(middle, end)
    assume(first)
    due = naive.add(shown(start), first)
    assert calendar.add(start, first) == due.replace(tzinfo=zone).astimezone(UTC)


@given(worlds, st.dates(date(1800, 1, 1), date(2200, 1, 1)))
def test_a_calendar_survives_being_written_down(world: World, day: date) -> None:
    calendar, start = world
    calendar = attrs.evolve(calendar, holidays=calendar.holidays | {day})
    again = BusinessCalendar.from_spec(calendar.to_spec())
    assert again == calendar
    assert hash(again) == hash(calendar)
    assert again.between(start, start + timedelta(days=9)) == calendar.between(start, start + timedelta(days=9))

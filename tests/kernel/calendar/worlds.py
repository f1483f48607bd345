"""Random calendars, and a naive one that looks at every single minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from crmkit.kernel.calendar import BusinessCalendar

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# A zone and the days around which its clocks change: by an hour, by half an hour, at midnight, by a whole day, never.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Sao_Paulo", date(2015, 10, 18)),
    ("America/Sao_Paulo", date(2016, 2, 21)),
    ("America/St_Johns", date(2005, 4, 3)),
    ("America/Toronto", date(1919, 3, 31)),
    ("Asia/Tehran", date(2016, 3, 21)),
    ("Asia/Tehran", date(2016, 9, 21)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("Asia/Shanghai", date(2026, 3, 2)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("UTC", date(2026, 1, 1)),
]


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def intervals(draw: st.DrawFn, *, at_most: int = 3) -> list[tuple[str, str]]:
    """Intervals of one day that do not overlap; coarse times, so that they meet changes of the clock and each other."""
    count = draw(st.integers(0, at_most))
    grid = st.integers(0, 48).map(lambda half: half * 30) | st.integers(0, 1440)
    edges = sorted(draw(st.lists(grid, min_size=2 * count, max_size=2 * count, unique=True)))
    return [(clock(a), clock(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@st.composite
def weeks(draw: st.DrawFn) -> dict[str, list[tuple[str, str]]]:
    hours = {day: draw(intervals()) for day in WEEKDAYS}
    for day, after in zip(WEEKDAYS, WEEKDAYS[1:] + WEEKDAYS[:1], strict=True):
        last = hours[day][-1][1] if hours[day] else "00:00"
        first = hours[after][0][0] if hours[after] else "24:00"
        if last <= "22:00" and first >= "03:30" and draw(st.booleans()):
            hours[day] = [*hours[day], ("22:00", draw(st.sampled_from(["00:00", "02:00", "02:30", "03:30"])))]
    return hours


@st.composite
def calendars(draw: st.DrawFn, /, **options: str) -> tuple[BusinessCalendar, datetime]:
    """A calendar and a moment of full minutes near a change of its clocks."""
    zone, around = draw(st.sampled_from(CHANGES))
    near = st.integers(-3, 3).map(lambda days: around + timedelta(days=days))
    hours = draw(weeks().filter(lambda week: any(week.values())))
    calendar = BusinessCalendar(
        timezone=zone,
        hours=hours,
        holidays=draw(st.sets(near, max_size=2)),
        breaks=draw(st.dictionaries(near, intervals(at_most=2), max_size=2)),
        shifts=draw(st.dictionaries(near, intervals(), max_size=2)),
        **options,  # type: ignore[arg-type]
    )
    start = datetime.combine(around, time(), tzinfo=UTC) + draw(st.integers(-3000, 3000)) * MINUTE
    return calendar, start


def open_minutes(calendar: BusinessCalendar, minutes: Iterable[datetime]) -> list[bool]:
    """Tell for each minute whether it is open, from nothing but the definition and zoneinfo."""
    zone = ZoneInfo(calendar.timezone)
    minutes = list(minutes)
    first = minutes[0].astimezone(zone).date()
    days = [first + timedelta(days=k) for k in range(-3, (minutes[-1] - minutes[0]).days + 4)]
    opens, breaks = [], []
    for day in days:
        if datetime.combine(day, time(12), tzinfo=zone).astimezone(UTC).astimezone(zone).date() != day:
            continue  # the zone left this day out
        usual = calendar.hours.get(WEEKDAYS[day.weekday()], ())
        opens += [span(day, *interval, zone) for interval in calendar.shifts.get(day, usual)]
        breaks += [span(day, *interval, zone) for interval in calendar.breaks.get(day, ())]

    def is_open(minute: datetime) -> bool:
        at = minute.timestamp()
        if minute.astimezone(zone).date() in calendar.holidays:
            return False
        return any(a <= at < b for a, b in opens) and not any(a <= at < b for a, b in breaks)

    return [is_open(minute) for minute in minutes]


def span(day: date, start: str, end: str, zone: ZoneInfo) -> tuple[float, float]:
    """An interval in seconds since 1970; ``timestamp`` takes the first of two times, and moves one that is skipped."""
    after = day + timedelta(days=1)
    if end == "24:00":
        closes = datetime.combine(after, time(), tzinfo=zone)
    else:
        closes = datetime.combine(day if start < end else after, time.fromisoformat(end), tzinfo=zone)
    return datetime.combine(day, time.fromisoformat(start), tzinfo=zone).timestamp(), closes.timestamp()

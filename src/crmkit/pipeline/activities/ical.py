"""Activities as iCalendar (RFC 5545): a feed that calendar programs subscribe to, and files that they have written.

Needs the ``icalendar`` library: ``pip install 'crmkit[ical]'``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import start_of_day, utc
from crmkit.kernel.rules import F
from crmkit.kernel.text import shown
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity, ActivityScheduled
from crmkit.pipeline.activities.timing import foresee
from crmkit.pipeline.recurrence import following, occurrences, recurrence

if TYPE_CHECKING:
    from icalendar import Calendar, Component, Event, Todo

LARGEST = 20_000_000
MOST = 100_000
OWN = "@crmkit"
KINDS = ("call", "meeting", "task", "note", "email", "visit")
STATUS = {"planned": "CONFIRMED", "done": "CONFIRMED", "cancelled": "CANCELLED"}
TASK_STATUS = {"planned": "NEEDS-ACTION", "done": "COMPLETED", "cancelled": "CANCELLED"}


@attrs.frozen(kw_only=True)
class Imported:
    """What became of a file.

    Attributes:
        added: new activities; ``changed``: those whose uid was known and that were different.
        same: how many were known and the same.
        errors: by the number of the entry in the file, counted from 1, why it was left out.
    """

    added: tuple[Activity, ...]
    changed: tuple[Activity, ...]
    same: int
    errors: Mapping[int, str]


# ── Export ──


def feed(activities: Iterable[Activity], *, work: Work, name: str) -> str:
    """The activities as one calendar; those without a date are left out."""
    ical = _library()
    calendar: Calendar = ical.Calendar()
    calendar.add("prodid", "-//crmkit//activities//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for activity in activities:
        if activity.due_at is not None:
            calendar.add_component(_component(ical, activity, work))
    calendar.add_missing_timezones()
    return str(calendar.to_ical(), "utf-8")


def _component(ical: Any, activity: Activity, work: Work) -> Event | Todo:
    assert activity.due_at is not None  # noqa: S101 - the caller has looked
    task = activity.kind == "task"
    made: Event | Todo = ical.Todo() if task else ical.Event()
    made.add("uid", activity.uid or activity.id + OWN)
    made.add("dtstamp", activity.updated_at)
    made.add("summary", activity.subject)
    made.add("categories", [activity.kind])
    made.add("status", (TASK_STATUS if task else STATUS)[activity.status])
    local = activity.due_at.astimezone(work.settings.zone)
    made.add("due" if task else "dtstart", local)
    if not task and activity.duration is not None:
        made.add("duration", activity.duration)
    for field, value in (("description", activity.note), ("location", activity.location)):
        if value is not None:
            made.add(field, value)
    if activity.priority:
        made.add("priority", max(10 - activity.priority, 1))
    if task and activity.done_at is not None:
        made.add("completed", activity.done_at)
    rest = None if task else _rest(activity, work)
    if rest is not None:
        made.add("rrule", ical.vRecur.from_ical(rest))
    if activity.reminder is not None and activity.status == "planned":
        alarm = ical.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", activity.subject)
        alarm.add("trigger", -activity.reminder)
        made.add_component(alarm)
    return made


def _rest(activity: Activity, work: Work) -> str | None:
    """How the last stored occurrence of a series goes on: the rule with what is left of its count."""
    if activity.recurrence is None or activity.next_at is None or activity.began_at is None:
        return None
    if activity.due_at != activity.occurs_at or work.count(
        Activity, (F.series == activity.series) & (F.occurs_at == activity.next_at)
    ):
        return None
    dates = occurrences(activity.recurrence, start=activity.began_at, zone=work.settings.zone)
    left = sum(1 for moment in dates if activity.occurs_at is not None and moment >= activity.occurs_at)
    parts = [p for p in activity.recurrence.split(";") if not p.startswith(("COUNT=", "UNTIL="))]
    return ";".join([*parts, f"COUNT={left}"])


# ── Import ──


def imported(work: Work, text: str | bytes, *, owner: str | None) -> Imported:
    """Store what a file holds; entries that are known by their uid are updated.

    Raises:
        InvalidInput: the file is too large or no iCalendar; nothing is stored.
    """
    entries = list(_entries(text))
    known = _known(work, [uid for entry in entries if (uid := _text(entry, "UID")) is not None])
    found: dict[str, Change[Activity]] = {}
    errors: dict[int, str] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            values = _values(work, entry)
            found[values["uid"]] = _decided(work, values, known=known, twice=values["uid"] in found, owner=owner)
        except InvalidInput as problem:
            errors[number] = str(problem)
    new = [change for change in found.values() if change.after.version == 0]
    different = [c for uid, c in found.items() if c.after.version and c.after != known[uid]]
    return Imported(
        added=tuple(foresee(work, activity) for activity in (work.save_new(new) if new else [])),
        changed=tuple(foresee(work, work.save(change)) for change in different),
        same=len(found) - len(new) - len(different),
        errors=errors,
    )


def _decided(
    work: Work, values: Mapping[str, Any], *, known: Mapping[str, Activity], twice: bool, owner: str | None
) -> Change[Activity]:
    if twice:
        raise InvalidInput(f"the uid {values['uid']!r} stands in the file twice")
    before = known.get(values["uid"])
    return _new(work, values, owner=owner) if before is None else Change(_merged(before, values))


def _known(work: Work, uids: list[str]) -> dict[str, Activity]:
    """By uid, the activities that are there: imported before, or exported from here."""
    found = {a.uid: a for part in _parts(uids) for a in work.find(Activity, F.uid.in_(part)) if a.uid}
    own = {uid.removesuffix(OWN): uid for uid in uids if uid.startswith("act_") and uid.endswith(OWN)}
    for part in _parts(list(own)):
        found |= {own[a.id]: a for a in work.find(Activity, F.id.in_(part))}
    return found


def _entries(text: str | bytes) -> Iterator[Component]:
    if not isinstance(text, (str, bytes)):
        raise InvalidInput(f"an iCalendar file is text or bytes, got {shown(text)}")
    if len(text) > LARGEST:
        raise InvalidInput(f"an iCalendar file has at most {LARGEST:,} bytes, this one {len(text):,}: split it")
    ical = _library()
    try:
        calendars = ical.Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise InvalidInput(f"this is no iCalendar file: {str(problem)[:200]}; see RFC 5545") from None
    if not calendars or any(c.name != "VCALENDAR" for c in calendars):
        raise InvalidInput("this is no iCalendar file: it has no complete VCALENDAR; see RFC 5545")
    found = [e for c in calendars for e in c.walk() if e.name in {"VEVENT", "VTODO"}]
    if len(found) > MOST:
        raise InvalidInput(f"an iCalendar file has at most {MOST:,} entries, this one {len(found):,}: split it")
    yield from found


def _values(work: Work, entry: Component) -> dict[str, Any]:
    """The fields of an activity from one entry."""
    problems = [f"{name}: {why}" for name, why in getattr(entry, "errors", ())]
    if problems:
        raise InvalidInput(f"{entry.name} is malformed: {problems[0]}")
    uid = _text(entry, "UID")
    if uid is None:
        raise InvalidInput(f"{entry.name} has no UID, by which it would be known again")
    task = entry.name == "VTODO"
    start = _instant(work, entry, "DUE" if task and "DUE" in entry else "DTSTART")
    if start is None and not task:
        raise InvalidInput(f"the event {uid!r} has no DTSTART")
    values = {
        "uid": uid,
        "kind": _kind(entry, otherwise="task" if task else "meeting"),
        "subject": (_text(entry, "SUMMARY") or "(no subject)")[:500],
        "note": _text(entry, "DESCRIPTION"),
        "location": _text(entry, "LOCATION"),
        "priority": _priority(entry),
        "due_at": start,
        "duration": None if task else _duration(work, entry, start),
        "status": _status(entry),
        "reminder": None if start is None else _reminder(entry),
    }
    return values | _series(work, entry, start)


def _series(work: Work, entry: Component, start: datetime | None) -> dict[str, Any]:
    rule = entry.get("RRULE")
    if rule is None or start is None:
        return {"recurrence": None, "began_at": None, "occurs_at": None, "next_at": None}
    odd = next((name for name in ("EXDATE", "RDATE") if name in entry), "several RRULEs")
    if isinstance(rule, list) or odd in entry:
        raise InvalidInput(f"a recurrence with {odd} is not understood: write its dates as single events")
    zone = work.settings.zone
    text = recurrence(rule.to_ical().decode(), start=start, zone=zone)
    behind = following(text, start=start, after=start, zone=zone)
    return {"recurrence": text, "began_at": start, "occurs_at": start, "next_at": behind}


def _new(work: Work, values: Mapping[str, Any], *, owner: str | None) -> Change[Activity]:
    values = _upcoming(work, values)
    over = values["kind"] != "task" and values["status"] == "planned" and values["due_at"] < work.now
    status = "done" if over else values["status"]
    done_at = (values["due_at"] or work.now) if status == "done" else None
    given = {**values, "status": status, "done_at": done_at, "owner": owner or work.actor}
    activity = work.new(Activity, status_since=work.now, **given)
    if activity.recurrence is not None:
        activity = activity.evolve(series=activity.id)
    fact = ActivityScheduled(
        activity_id=activity.id, customer_id=None, kind=activity.kind, about=None, due_at=activity.due_at
    )
    return Change(activity, (fact,) if status == "planned" else ())


def _upcoming(work: Work, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A series that began in the past goes on with its next occurrence, if there is one."""
    rule, start, zone = values["recurrence"], values["began_at"], work.settings.zone
    if rule is None or start >= work.now:
        return values
    coming = following(rule, start=start, after=work.now, zone=zone)
    if coming is None:
        return {**values, "next_at": None}
    behind = following(rule, start=start, after=coming, zone=zone)
    return {**values, "due_at": coming, "occurs_at": coming, "next_at": behind}


def _merged(before: Activity, values: Mapping[str, Any]) -> Activity:
    """A known activity with what the file says; what was done here stays done, and a series goes on where it is."""
    left = {"uid", "kind", "status"}
    if (before.recurrence, before.began_at) == (values["recurrence"], values["began_at"]):
        left |= {"occurs_at", "next_at"}
        if before.recurrence is not None:
            left.add("due_at")
    return before.evolve(**{n: v for n, v in values.items() if n not in left})


def _parts(uids: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(uids), 500):
        yield uids[begin : begin + 500]


# ── One property each ──


def _text(entry: Component, name: str) -> str | None:
    value = entry.get(name)
    if isinstance(value, list):
        value = value[0]
    return None if value is None else "".join(c for c in str(value) if c in "\n\t" or c.isprintable()).strip() or None


def _instant(work: Work, entry: Component, name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=work.settings.zone)
        return utc(aware, what=name)
    if isinstance(moment, date):
        return start_of_day(moment, work.settings.zone)
    raise InvalidInput(f"{name} is no date: {value!r}")


def _duration(work: Work, entry: Component, start: datetime | None) -> timedelta | None:
    if "DURATION" in entry:
        length = getattr(entry.get("DURATION"), "dt", None)
        return length if isinstance(length, timedelta) else None
    end = _instant(work, entry, "DTEND")
    if end is None or start is None:
        return None
    if end < start:
        raise InvalidInput(f"it ends at {end.isoformat()}, before it begins at {start.isoformat()}")
    return end - start


def _reminder(entry: Component) -> timedelta | None:
    triggers = (getattr(alarm.get("TRIGGER"), "dt", None) for alarm in entry.walk("VALARM"))
    ahead = [-t for t in triggers if isinstance(t, timedelta) and t <= timedelta(0)]
    return max(ahead, default=None)


def _kind(entry: Component, *, otherwise: str) -> str:
    categories = entry.get("CATEGORIES")
    groups = categories if isinstance(categories, list) else [categories] if categories is not None else []
    words = [str(word).lower() for group in groups for word in getattr(group, "cats", ())]
    return next((word for word in words if word in KINDS), otherwise)


def _priority(entry: Component) -> int:
    """RFC 5545 counts 1 as the highest and 9 as the lowest, 0 as none."""
    value = entry.get("PRIORITY")
    number = int(value) if isinstance(value, int) else 0
    return 10 - number if 1 <= number <= 9 else 0


def _status(entry: Component) -> str:
    word = (_text(entry, "STATUS") or "").upper()
    return {"CANCELLED": "cancelled", "COMPLETED": "done"}.get(word, "planned")


def _library() -> Any:
    try:
        import icalendar  # noqa: PLC0415 - an extra, imported when used
    except ImportError:
        raise CrmError("iCalendar files need the 'icalendar' library: pip install 'crmkit[ical]'") from None
    return icalendar

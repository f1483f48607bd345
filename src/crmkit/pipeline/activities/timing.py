"""What happens to activities when their time comes: reminders, and the next occurrence of recurring ones."""

from __future__ import annotations

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.about import address
from crmkit.pipeline.activities.activity import Activity, ActivityReminded, ActivityScheduled
from crmkit.pipeline.recurrence import following

REMIND, RECUR = "pipeline.activity_reminder", "pipeline.activity_recurs"


def foresee(work: Work, activity: Activity) -> Activity:
    """Write down the reminder of a planned activity, and the time at which the next occurrence is planned."""
    if activity.status != "planned" or activity.due_at is None:
        return activity
    if activity.reminder is not None and activity.due_at > work.now:
        due = activity.due_at - activity.reminder
        work.schedule(REMIND, due_at=due, subject=activity.id, key=_reminder_key(activity))
    if activity.next_at is not None and activity.occurs_at is not None:
        key = f"recur {activity.series} {activity.occurs_at.isoformat()}"
        work.schedule(RECUR, due_at=activity.occurs_at, subject=activity.id, key=key)
    return activity


def _reminder_key(activity: Activity) -> str:
    due = "" if activity.due_at is None else activity.due_at.isoformat()
    return f"remind {activity.id} {due} {activity.reminder}"


def remind(work: Work, item: AgendaItem) -> None:
    """Remind the owner, if it is still to be done at the time that the reminder was for."""
    activity = work.first(Activity, F.id == item.subject)
    if activity is None or activity.status != "planned" or item.key != _reminder_key(activity):
        return
    to = address(work, activity.owner)
    fact = ActivityReminded(activity_id=activity.id, customer_id=activity.customer_id, owner=activity.owner, to=to)
    if to is not None:
        subject, body = _letter(work, activity)
        work.post(channel="email", to=to, subject=subject, body=body, key=item.key, about=activity.id)
    work.emit(fact)


def _letter(work: Work, activity: Activity) -> tuple[str, str]:
    assert activity.due_at is not None  # noqa: S101 - an activity with a reminder has a date
    zone = work.settings.zone
    wall = activity.due_at.astimezone(zone)
    when = f"{wall:%H:%M}" if local_date(work.now, zone) == wall.date() else f"{wall:%Y-%m-%d %H:%M}"
    lines = [f"{activity.kind} at {when} ({zone.key})", activity.location, activity.note]
    return f"{when} {activity.subject}", "\n".join(line for line in lines if line)


def occur(work: Work, item: AgendaItem) -> None:
    """The time of one occurrence has come: plan the next, whether or not this one is done."""
    activity = work.first(Activity, F.id == item.subject)
    if activity is not None:
        recur(work, activity)


def recur(work: Work, activity: Activity) -> None:
    """Plan the next occurrence, once."""
    at = activity.next_at
    if at is None or activity.began_at is None or activity.recurrence is None:
        return
    if work.count(Activity, (F.series == activity.series) & (F.occurs_at == at)):
        return
    behind = following(activity.recurrence, start=activity.began_at, after=at, zone=work.settings.zone)
    carried = ("kind", "subject", "note", "about", "lead_id", "opportunity_id", "customer_id", "owner", "duration")
    more = ("location", "priority", "reminder", "recurrence", "series", "began_at", "extras")
    again = work.new(
        Activity,
        due_at=at,
        occurs_at=at,
        next_at=behind,
        status_since=work.now,
        **{name: getattr(activity, name) for name in (*carried, *more)},
    )
    fact = ActivityScheduled(
        activity_id=again.id, customer_id=again.customer_id, kind=again.kind, about=again.about, due_at=at
    )
    foresee(work, work.save(Change(again, (fact,))))

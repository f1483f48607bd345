"""Planning: what somebody intends to do, and what has become of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.about import links
from crmkit.pipeline.activities.activity import Activity, ActivityDone, ActivityRescheduled, ActivityScheduled, Doing
from crmkit.pipeline.activities.timing import foresee, recur
from crmkit.pipeline.recurrence import following, recurrence

OPEN_FIELDS = frozenset(
    {"subject", "note", "owner", "duration", "location", "priority", "reminder", "outcome", "extras"}
)


class Planning(Collection[Activity]):
    """What ``crm.pipeline.activities`` does with what is planned and what is done."""

    cls = Activity

    def schedule(
        self,
        kind: Doing,
        *,
        subject: str,
        about: Record | str | None = None,
        due_at: datetime | None = None,
        owner: str | None = None,
        recurrence: str | None = None,
        **fields: Any,
    ) -> Activity:
        """Plan to do something.

        Args:
            kind: ``call``, ``meeting``, ``task``, ``note``, ``email`` or ``visit``.
            subject: what in a few words.
            about: the lead, opportunity, customer, case …, by object or id.
            due_at: when it begins, or by when it has to be done.
            owner: who does it; the acting person unless given.
            recurrence: how it comes back, as in ``FREQ=WEEKLY;BYDAY=MO;COUNT=10``, on the wall clock of the CRM.
            fields: further attributes of :class:`Activity`: ``note``, ``duration``, ``location``, ``priority``,
                ``reminder`` (how long before ``due_at``).

        Raises:
            InvalidInput: a field is unknown or malformed, or the recurrence has no end.
            NotFound: there is nothing called *about*.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM
            >>> from crmkit.testing import FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     call = crm.pipeline.activities.schedule(
            ...         "call",
            ...         subject="Ask for the date",
            ...         about=lead,
            ...         owner="xu",
            ...         due_at=clock.now() + timedelta(hours=2),
            ...     )
            ...     _ = clock.advance(hours=3)
            ...     [a.subject for a in crm.pipeline.activities.overdue(owner="xu")]
            ['Ask for the date']
        """
        with self.work() as work:
            values = _settable(fields)
            due = None if due_at is None else utc(due_at, what="due_at")
            values |= _series(work, recurrence, due)
            activity = work.new(
                Activity,
                kind=kind,
                subject=subject,
                due_at=due,
                owner=owner or work.actor,
                status_since=work.now,
                **links(work, about),
                **values,
            )
            if activity.recurrence is not None:
                activity = activity.evolve(series=activity.id)
            return foresee(work, work.save(Change(activity, (_scheduled(activity),))))

    def log(
        self,
        kind: Doing,
        *,
        subject: str,
        about: Record | str | None = None,
        at: datetime | None = None,
        owner: str | None = None,
        outcome: str | None = None,
        **fields: Any,
    ) -> Activity:
        """Note what somebody has done.

        Args:
            kind: as in :meth:`schedule`.
            subject: what in a few words.
            about: the lead, opportunity, customer, case …, by object or id.
            at: when it began; now unless given.
            owner: who did it; the acting person unless given.
            outcome: what came of it.
            fields: further attributes of :class:`Activity`.

        Raises:
            InvalidInput: a field is unknown or malformed, or it lies in the future.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     call = crm.pipeline.activities.log("call", subject="The date", about=wang, outcome="12 May")
            ...     call.status, call.done_at == clock.now(), call.outcome
            ('done', True, '12 May')
        """
        with self.work() as work:
            began = _past(work, at, instead="plan it with schedule(), log() is for the past")
            activity = work.new(
                Activity,
                kind=kind,
                subject=subject,
                due_at=began,
                owner=owner or work.actor,
                outcome=outcome,
                status="done",
                status_since=work.now,
                done_at=began,
                **links(work, about),
                **_settable(fields),
            )
            return work.save(Change(activity, (_done(activity),)))

    def update(self, activity: Activity | str, **changes: Any) -> Activity:
        """Change what is known of it; :meth:`reschedule` changes the time.

        Args:
            activity: which.
            changes: ``subject``, ``note``, ``owner``, ``duration``, ``location``, ``priority``, ``reminder``,
                ``outcome``, ``extras``.

        Raises:
            InvalidInput: a field is unknown, malformed, or has a verb of its own.
            StaleEntity: somebody else has changed the activity since it was read.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     task = crm.pipeline.activities.schedule("task", subject="Order the album", owner="Xu")
            ...     task = crm.pipeline.activities.update(task, owner="Li", priority=2)
            ...     task.owner, task.priority, task.status
            ('Li', 2, 'planned')
        """
        with self.work() as work:
            after = work.get(Activity, activity).evolve(**_settable(changes))
            work.cancel(after.id, kind="pipeline.activity_reminder")
            return foresee(work, work.save(Change(after)))

    def reschedule(self, activity: Activity | str, *, due_at: datetime | None) -> Activity:
        """Move it to another time; of a recurring one, only this occurrence.

        Args:
            activity: which.
            due_at: when it begins, or by when it has to be done; None for a task without a date.

        Raises:
            TransitionRefused: it is done or cancelled.
            InvalidInput: the time is naive, or missing though there is a reminder or a recurrence.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     today, later = clock.now(), clock.now() + timedelta(days=3)
            ...     call = crm.pipeline.activities.schedule("call", subject="The menu", owner="Xu", due_at=today)
            ...     _ = crm.pipeline.activities.reschedule(call, due_at=later), clock.advance(days=1)
            ...     crm.pipeline.activities.overdue(), crm.pipeline.activities.next().due_at == later
            ([], True)
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            if current.status != "planned":
                raise work.machine("activity").refusal(current.status, "reschedule", "only what is planned can move")
            due = None if due_at is None else utc(due_at, what="due_at")
            after = current.evolve(due_at=due)
            work.cancel(current.id, kind="pipeline.activity_reminder")
            moved = ActivityRescheduled(activity_id=current.id, customer_id=current.customer_id, due_at=due)
            return foresee(work, work.save(Change(after, (moved,))))

    def done(self, activity: Activity | str, *, outcome: str | None = None, at: datetime | None = None) -> Activity:
        """It has been done; of a recurring one, the next occurrence is planned.

        Args:
            activity: which.
            outcome: what came of it.
            at: when, not later than now; now unless given.

        Raises:
            TransitionRefused: it is done or cancelled already.
            InvalidInput: *at* is naive or lies in the future.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     weekly = {"due_at": clock.now(), "recurrence": "FREQ=WEEKLY;COUNT=10", "owner": "Xu"}
            ...     tasting = crm.pipeline.activities.schedule("meeting", subject="Taste the menu", **weekly)
            ...     tasting = crm.pipeline.activities.done(tasting, outcome="more chilli")
            ...     tasting.status, crm.pipeline.activities.next(owner="Xu").due_at.date().isoformat()
            ('done', '2026-03-09')
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            moment = _past(work, at, instead="say that it is done when it is")
            changes = {"done_at": moment, "outcome": outcome if outcome is not None else current.outcome}
            change = work.machine("activity").step(current, "finish", now=work.now, changes=changes)
            saved = work.save(change.and_also(_done(change.after)))
            work.cancel(saved.id)
            recur(work, saved)
            return saved

    def cancel(self, activity: Activity | str, *, series: bool = False) -> Activity:
        """It will not be done.

        Args:
            activity: which.
            series: whether the later occurrences of a recurring one go too; else the next one is planned.

        Raises:
            TransitionRefused: it is done or cancelled already.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     weekly = {"due_at": clock.now(), "recurrence": "FREQ=WEEKLY;COUNT=10", "owner": "Xu"}
            ...     first = crm.pipeline.activities.schedule("meeting", subject="Taste the menu", **weekly)
            ...     _ = crm.pipeline.activities.cancel(first)
            ...     second = crm.pipeline.activities.next(owner="Xu")
            ...     _ = crm.pipeline.activities.cancel(second, series=True)
            ...     second.due_at.date().isoformat(), crm.pipeline.activities.next(owner="Xu")
            ('2026-03-09', None)
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            changes = {"next_at": None} if series else {}
            saved = work.save(work.machine("activity").step(current, "cancel", now=work.now, changes=changes))
            work.cancel(saved.id)
            recur(work, saved)
            return saved

    def reopen(self, activity: Activity | str) -> Activity:
        """It is to be done after all.

        Raises:
            TransitionRefused: it is planned.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     task = crm.pipeline.activities.schedule("task", subject="Send the album", owner="Xu")
            ...     task = crm.pipeline.activities.reopen(crm.pipeline.activities.done(task, outcome="came back"))
            ...     task.status, task.done_at, task.outcome
            ('planned', None, 'came back')
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            changes = {"done_at": None}
            step = work.machine("activity").step(current, "reopen", now=work.now, changes=changes)
            return foresee(work, work.save(step))


def _past(work: Work, at: datetime | None, *, instead: str) -> datetime:
    moment = work.now if at is None else utc(at, what="at")
    if moment > work.now:
        raise InvalidInput(f"{moment.isoformat()} lies ahead: {instead}")
    return moment


def _settable(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(fields.keys() - OPEN_FIELDS)
    if unknown:
        near = nearest(unknown[0], OPEN_FIELDS)
        hint = f"did you mean {near!r}?" if near else f"it has {', '.join(sorted(OPEN_FIELDS))}"
        raise InvalidInput(f"an activity has no field {unknown[0]!r} that can be set: {hint}")
    return dict(fields)


def _series(work: Work, rule: str | None, due: datetime | None) -> dict[str, Any]:
    if rule is None:
        return {}
    if due is None:
        raise InvalidInput("an activity with a recurrence needs the moment when it is due: due_at=")
    zone = work.settings.zone
    text = recurrence(rule, start=due, zone=zone)
    behind = following(text, start=due, after=due, zone=zone)
    return {"recurrence": text, "began_at": due, "occurs_at": due, "next_at": behind}


def _scheduled(activity: Activity) -> ActivityScheduled:
    return ActivityScheduled(
        activity_id=activity.id,
        customer_id=activity.customer_id,
        kind=activity.kind,
        about=activity.about,
        due_at=activity.due_at,
    )


def _done(activity: Activity) -> ActivityDone:
    return ActivityDone(
        activity_id=activity.id, customer_id=activity.customer_id, kind=activity.kind, about=activity.about
    )

"""``crm.pipeline.activities``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeVar

from crmkit.customers.people import Customer, People
from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection, Page
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.about import links
from crmkit.pipeline.activities.activity import Activity, ActivityDone, ActivityRescheduled, ActivityScheduled, Doing
from crmkit.pipeline.activities.follow_ups import FollowUps
from crmkit.pipeline.activities.ical import Imported, feed, imported
from crmkit.pipeline.activities.timing import foresee, recur
from crmkit.pipeline.activities.turn import by_turn
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.recurrence import following, recurrence

E = TypeVar("E", bound=Entity)
NEXT_FIRST = ("due_at", "-priority", "-id")
OPEN_FIELDS = frozenset(
    {"subject", "note", "owner", "duration", "location", "priority", "reminder", "outcome", "extras"}
)


class Activities(Collection[Activity]):
    """What ``crm.pipeline.activities`` offers: what was done, and what is to be done."""

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
        """
        with self.work() as work:
            began = work.now if at is None else utc(at, what="at")
            if began > work.now:
                raise InvalidInput(f"{began.isoformat()} lies ahead: plan it with schedule(), log() is for the past")
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

        Raises:
            InvalidInput: a field is unknown, malformed, or has a verb of its own.
        """
        with self.work() as work:
            after = work.get(Activity, activity).evolve(**_settable(changes))
            work.cancel(after.id, kind="pipeline.activity_reminder")
            return foresee(work, work.save(Change(after)))

    def reschedule(self, activity: Activity | str, *, due_at: datetime | None) -> Activity:
        """Move it to another time; of a recurring one, only this occurrence.

        Raises:
            TransitionRefused: it is done or cancelled.
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
            at: when; now unless given.

        Raises:
            TransitionRefused: it is done or cancelled already.
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            moment = work.now if at is None else utc(at, what="at")
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
        """
        with self.work() as work:
            current = work.get(Activity, activity)
            changes = {"done_at": None}
            step = work.machine("activity").step(current, "reopen", now=work.now, changes=changes)
            return foresee(work, work.save(step))

    # ── What is to be done ──

    def mine(self, owner: str | None = None, *, size: int = 50, after: str | None = None) -> Page[Activity]:
        """What somebody has to do, the next first; without a date comes last.

        Args:
            owner: who; the acting person unless given.
            size: activities on a page.
            after: ``next`` of the page before; a page stays in place when others are added.
        """
        with self.read() as work:
            rule = (F.status == "planned") & (F.owner == _whose(work, owner))
        return self.page(rule, size=size, after=after, order_by=NEXT_FIRST)

    def in_turn(
        self,
        cls: type[E],
        *,
        owner: str | None = None,
        rule: Rule | None = None,
        size: int = 50,
        after: str | None = None,
    ) -> Page[E]:
        """Leads, deals or customers, those first for which somebody has to do something next.

        Args:
            cls: ``Lead``, ``Opportunity`` or ``Customer``.
            owner: whose activities count; the acting person's unless given.
            rule: which of them.
            size: how many on a page.
            after: ``next`` of the page before; a page stays in place when others are added.

        Raises:
            InvalidInput: *after* is not from a page with this order.
        """
        with self.read() as work:
            return by_turn(work, cls, owner=_whose(work, owner), rule=rule, size=size, after=after)

    def overdue(self, *, owner: str | None = None, about: Record | str | None = None) -> list[Activity]:
        """What should have been done by now, the oldest first; of everybody unless *owner* is given."""
        with self.read() as work:
            rule = (F.status == "planned") & (F.due_at < work.now)
            return work.find(Activity, rule & _narrowed(work, owner, about), order_by=NEXT_FIRST)

    def next(self, *, owner: str | None = None, about: Record | str | None = None) -> Activity | None:
        """The next thing to be done, overdue ones first; by anybody unless *owner* is given."""
        with self.read() as work:
            return work.first(Activity, (F.status == "planned") & _narrowed(work, owner, about), order_by=NEXT_FIRST)

    def meeting(self, about: Record | str) -> tuple[Literal["next", "last"], datetime] | None:
        """The next meeting if one is ahead, else the last one, else nothing.

        Definition: Odoo's ``meeting_display_label`` and ``meeting_display_date``.
        """
        with self.read() as work:
            meetings = (F.kind == "meeting") & (F.status != "cancelled") & _narrowed(work, None, about)
            ahead = work.first(Activity, meetings & (F.due_at >= work.now), order_by="due_at")
            if ahead is not None and ahead.due_at is not None:
                return "next", ahead.due_at
            past = work.first(Activity, meetings & (F.due_at < work.now), order_by="-due_at")
            return None if past is None or past.due_at is None else ("last", past.due_at)

    # ── Calendars ──

    def calendar(self, rule: Rule | None = None, *, owner: str | None = None, name: str = "Activities") -> str:
        """An iCalendar feed of the activities with a date, as calendar programs subscribe to.

        A recurring activity appears with each stored occurrence; the last one carries the rule for the rest.

        Args:
            rule: which; all that are not cancelled unless given.
            owner: of whom; of everybody unless given.
            name: what the calendar is called.

        Raises:
            CrmError: the ``icalendar`` library is missing; the message names the extra.
        """
        with self.read() as work:
            wanted = (F.status != "cancelled") if rule is None else rule
            found = work.find(Activity, wanted & _narrowed(work, owner, None), order_by="due_at")
            return feed(found, work=work, name=name)

    def load_calendar(self, text: str | bytes, *, owner: str | None = None) -> Imported:
        """Store the events and tasks of an iCalendar file; those whose UID is known are updated.

        Events that are over count as done.  Entries that cannot be understood are left out and reported by number.

        Args:
            text: the file, at most 20 MB and 100,000 entries.
            owner: whose activities they are; the acting person's unless given.

        Raises:
            InvalidInput: it is no iCalendar file; nothing is stored.
            CrmError: the ``icalendar`` library is missing; the message names the extra.
        """
        with self.work() as work:
            return imported(work, text, owner=owner)

    # ── What comes after a win, and who calls ──

    @property
    def follow_ups(self) -> FollowUps:
        """What is to be done after each deal that is won."""
        return FollowUps(self._scope)

    def caller(self, phone: str) -> list[Customer | Lead]:
        """Who calls: the customers with this telephone number, then the open leads, however it is written."""
        with self.read() as work:
            number = clean_phone(phone, region=work.settings.region)
            leads = work.find(Lead, F.phone == number, order_by="created_at")
            return [*People(work).find_by_phone(number), *(lead for lead in leads if lead.open)]


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


def _whose(work: Work, owner: str | None) -> str:
    whose = owner or work.actor
    if whose is None:
        raise InvalidInput("whose activities? Name the owner, or ask as somebody: crm.acting_as(…)")
    return whose


def _narrowed(work: Work, owner: str | None, about: Record | str | None) -> Rule:
    rule = ~F.id.is_missing()
    if owner is not None:
        rule &= F.owner == owner
    if about is not None:
        rule &= F.about == links(work, about)["about"]
    return rule


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

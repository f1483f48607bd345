"""Waiting: what is to be done, by whom, and what comes first."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeVar

from crmkit.errors import InvalidInput
from crmkit.kernel.collection import Collection, Page
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.about import links
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.activities.turn import by_turn

E = TypeVar("E", bound=Entity)
NEXT_FIRST = ("due_at", "-priority", "-id")


class Waiting(Collection[Activity]):
    """What ``crm.pipeline.activities`` knows of what is to be done."""

    cls = Activity

    def mine(self, owner: str | None = None, *, size: int = 50, after: str | None = None) -> Page[Activity]:
        """What somebody has to do, the next first; without a date comes last.

        Args:
            owner: who; the acting person unless given.
            size: activities on a page.
            after: ``next`` of the page before; a page stays in place when others are added.

        Raises:
            InvalidInput: nobody is named and nobody acts, or *after* is not from a page with this order.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     for subject, days in (("Send the album", 5), ("Ask for the date", 1), ("Print the flyer", None)):
            ...         due_at = None if days is None else clock.now() + timedelta(days=days)
            ...         _ = crm.pipeline.activities.schedule("task", subject=subject, owner="Xu", due_at=due_at)
            ...     [task.subject for task in crm.pipeline.activities.mine("Xu")]
            ['Ask for the date', 'Send the album', 'Print the flyer']
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
            InvalidInput: nobody is named and nobody acts, or *after* is not from a page with this order.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> from crmkit.pipeline.leads import Lead
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, li, chen = (crm.pipeline.leads.capture(name=name) for name in ("Wang", "Li", "Chen"))
            ...     for lead, days in ((wang, 5), (chen, 1)):
            ...         when = {"owner": "Xu", "due_at": clock.now() + timedelta(days=days)}
            ...         _ = crm.pipeline.activities.schedule("call", subject="Hello", about=lead, **when)
            ...     [lead.name for lead in crm.pipeline.activities.in_turn(Lead, owner="Xu")]
            ['Chen', 'Wang', 'Li']
        """
        with self.read() as work:
            return by_turn(work, cls, owner=_whose(work, owner), rule=rule, size=size, after=after)

    def overdue(self, *, owner: str | None = None, about: Record | str | None = None) -> list[Activity]:
        """What should have been done by now, the oldest first.

        Args:
            owner: who has to do it; of everybody unless given.
            about: for which lead, deal, customer, case …, by object or id; for all unless given.

        Raises:
            NotFound: there is nothing called *about*.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     for subject, days in (("Ask for the date", 1), ("Send the album", 5)):
            ...         due_at = clock.now() + timedelta(days=days)
            ...         _ = crm.pipeline.activities.schedule("task", subject=subject, owner="Xu", due_at=due_at)
            ...     _ = clock.advance(days=2)
            ...     [task.subject for task in crm.pipeline.activities.overdue()]
            ['Ask for the date']
        """
        with self.read() as work:
            rule = (F.status == "planned") & (F.due_at < work.now)
            return work.find(Activity, rule & narrowed(work, owner, about), order_by=NEXT_FIRST)

    def next(self, *, owner: str | None = None, about: Record | str | None = None) -> Activity | None:
        """The next thing to be done, overdue ones first; none if nothing is planned.

        Args:
            owner: by whom; by anybody unless given.
            about: for which lead, deal, customer, case …, by object or id; for all unless given.

        Raises:
            NotFound: there is nothing called *about*.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     for kind, days in (("visit", 5), ("call", 1)):
            ...         due_at = clock.now() + timedelta(days=days)
            ...         _ = crm.pipeline.activities.schedule(kind, subject="The menu", about=wang, due_at=due_at)
            ...     crm.pipeline.activities.next(about=wang).kind
            'call'
        """
        with self.read() as work:
            return work.first(Activity, (F.status == "planned") & narrowed(work, owner, about), order_by=NEXT_FIRST)

    def meeting(self, about: Record | str) -> tuple[Literal["next", "last"], datetime] | None:
        """The next meeting if one is ahead, else the last one, else nothing; cancelled ones don't count.

        Definition: Odoo's ``meeting_display_label`` and ``meeting_display_date``.

        Args:
            about: with which lead, deal, customer, case …, by object or id.

        Raises:
            NotFound: there is nothing called *about*.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, tomorrow = crm.customers.register(name="Xiao Wang"), clock.now() + timedelta(days=1)
            ...     _ = crm.pipeline.activities.schedule("meeting", subject="The dress", about=wang, due_at=tomorrow)
            ...     ahead, _ = crm.pipeline.activities.meeting(wang)
            ...     _ = clock.advance(days=2)
            ...     ahead, crm.pipeline.activities.meeting(wang) == ("last", tomorrow)
            ('next', True)
        """
        with self.read() as work:
            meetings = (F.kind == "meeting") & (F.status != "cancelled") & narrowed(work, None, about)
            ahead = work.first(Activity, meetings & (F.due_at >= work.now), order_by="due_at")
            if ahead is not None and ahead.due_at is not None:
                return "next", ahead.due_at
            past = work.first(Activity, meetings & (F.due_at < work.now), order_by="-due_at")
            return None if past is None or past.due_at is None else ("last", past.due_at)


def _whose(work: Work, owner: str | None) -> str:
    whose = owner or work.actor
    if whose is None:
        raise InvalidInput("whose activities? Name the owner, or ask as somebody: crm.acting_as(…)")
    return whose


def narrowed(work: Work, owner: str | None, about: Record | str | None) -> Rule:
    """The activities of *owner* and about something; of everybody and about anything unless given."""
    rule = ~F.id.is_missing()
    if owner is not None:
        rule &= F.owner == owner
    if about is not None:
        rule &= F.about == links(work, about)["about"]
    return rule

"""``crm.pipeline.activities``."""

from __future__ import annotations

from crmkit.customers.people import Customer, People
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.activities.follow_ups import FollowUps
from crmkit.pipeline.activities.ical import Imported, feed, imported
from crmkit.pipeline.activities.planning import Planning
from crmkit.pipeline.activities.waiting import Waiting, narrowed
from crmkit.pipeline.leads.lead import Lead


class Activities(Planning, Waiting):
    """What ``crm.pipeline.activities`` offers: what was done, and what is to be done."""

    cls = Activity

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

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock, timezone="Asia/Shanghai") as crm:
            ...     _ = crm.pipeline.activities.schedule("visit", subject="The garden", owner="Xu", due_at=clock.now())
            ...     lines = crm.pipeline.activities.calendar(owner="Xu").splitlines()
            ...     [line for line in lines if line.startswith(("SUMMARY", "DTSTART;"))]
            ['SUMMARY:The garden', 'DTSTART;TZID=Asia/Shanghai:20260302T080000']
        """
        with self.read() as work:
            wanted = (F.status != "cancelled") if rule is None else rule
            found = work.find(Activity, wanted & narrowed(work, owner, None), order_by="due_at")
            return feed(found, work=work, name=name)

    def load_calendar(self, text: str | bytes, *, owner: str | None = None) -> Imported:
        r"""Store the events and tasks of an iCalendar file; those whose UID is known are updated.

        Events that are over count as done.  Entries that cannot be understood are left out and reported by number.

        Args:
            text: the file, at most 20 MB and 100,000 entries.
            owner: whose activities they are; the acting person's unless given.

        Raises:
            InvalidInput: it is no iCalendar file; nothing is stored.
            CrmError: the ``icalendar`` library is missing; the message names the extra.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> event = ["BEGIN:VEVENT", "UID:17", "SUMMARY:The garden", "DTSTART:20260309T010000Z", "END:VEVENT"]
            >>> file = "\n".join(["BEGIN:VCALENDAR", *event, "END:VCALENDAR"])
            >>> with CRM.open(clock=clock) as crm:
            ...     (visit,) = crm.pipeline.activities.load_calendar(file, owner="Xu").added
            ...     visit.subject, visit.due_at.isoformat(), crm.pipeline.activities.load_calendar(file).same
            ('The garden', '2026-03-09T01:00:00+00:00', 1)
        """
        with self.work() as work:
            return imported(work, text, owner=owner)

    # ── What comes after a win, and who calls ──

    @property
    def follow_ups(self) -> FollowUps:
        """What is to be done after each deal that is won."""
        return FollowUps(self._scope)

    def caller(self, phone: str) -> list[Customer | Lead]:
        """Who calls: the customers with this telephone number, then the open leads, however it is written.

        Args:
            phone: the number; without a country, one of the region of the CRM.

        Raises:
            InvalidInput: it is no telephone number.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(region="CN") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", phone="+86 139 1234 5678")
            ...     lead = crm.pipeline.leads.capture(name="Mrs Wang", phone="139-1234-5678")
            ...     crm.pipeline.activities.caller("139 1234 5678") == [wang, lead]
            True
        """
        with self.read() as work:
            number = clean_phone(phone, region=work.settings.region)
            leads = work.find(Lead, F.phone == number, order_by="created_at")
            return [*People(work).find_by_phone(number), *(lead for lead in leads if lead.open)]

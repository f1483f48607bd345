"""``crm.pipeline.leads``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.checking import day
from crmkit.kernel.clock import start_of_day
from crmkit.kernel.extras import Extra
from crmkit.kernel.rules import F
from crmkit.kernel.text import several, shown
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.deciding import received
from crmkit.pipeline.assignment.hands import handed
from crmkit.pipeline.leads.capture import captured, cleaned
from crmkit.pipeline.leads.converting import Converting
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.leads.merging import Merging
from crmkit.pipeline.pool.pool import watch, watch_many
from crmkit.pipeline.scoring.model import noted, refresher

WAKE = "pipeline.wake_lead"


class Leads(Converting, Merging):
    """What ``crm.pipeline.leads`` offers."""

    cls = Lead

    def capture(self, *, name: str | None = None, extras: Iterable[Extra] = (), **fields: Any) -> Lead:
        """Note that somebody has shown interest, and give the lead to somebody if the house does so by itself.

        ``crm.pipeline.assignment.automate(at_capture=True)`` lets it; a lead that comes with an ``owner`` stays there.

        Args:
            name: as the person is called; else the company, or what is before the @ of the e-mail address.
            extras: custom fields of the host.
            fields: attributes of :class:`Lead`, among them ``email``, ``phone``, ``company``, ``source``,
                ``campaign`` and ``referrer`` (by object or id), ``consents`` (as in ``{"email": ["marketing"]}``), and
                ``key``: what the host calls the lead; the same key again gives the lead that is there, unchanged.

        Raises:
            InvalidInput: a field is unknown or malformed, or nothing tells what to call the lead.
            NotFound: the campaign or the referrer does not exist.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     first = crm.pipeline.leads.capture(email="Wang@Example.com", key="form-17")
            ...     again = crm.pipeline.leads.capture(email="Wang@Example.com", key="form-17")
            ...     first.name, first.email, again == first
            ('wang', 'wang@example.com', True)
        """
        with self.work() as work:
            known = _known(work, fields.get("key"))
            if known is not None:
                return known
            change = captured(work, {"name": name, "extras": extras, **fields})
            saved = work.save(Change(refresher(work)(change.after), change.events))
            watch(work, saved)
            return received(work, [saved])[0]

    def capture_many(self, rows: Iterable[Mapping[str, Any]]) -> list[Lead]:
        """Note many leads in one transaction: all of them, or none.

        Args:
            rows: for each, what :meth:`capture` takes; rows whose key is known already are passed over.

        Raises:
            InvalidInput: a row is malformed; the message begins with its number, counted from 1.
            Duplicate: two rows have the same key.

        Example:
            >>> from crmkit import CRM
            >>> fair = [{"name": "Xiao Wang", "key": "fair-1"}, {"name": "Xiao Li", "key": "fair-2"}]
            >>> with CRM.open() as crm:
            ...     [lead.name for lead in crm.pipeline.leads.capture_many(fair)]
            ...     crm.pipeline.leads.capture_many(fair)
            ['Xiao Wang', 'Xiao Li']
            []
        """
        with self.work() as work:
            changes, refresh = [], refresher(work)
            for number, row in enumerate(several(rows, what="rows"), start=1):
                try:
                    if _known(work, _fields(row).get("key")) is None:
                        change = captured(work, row)
                        changes.append(Change(refresh(change.after), change.events))
                except InvalidInput as error:
                    raise InvalidInput(f"row {number}: {error}") from None
            saved = work.save_new(changes)
            watch_many(work, [lead for lead in saved if lead.owner is not None])
            return received(work, saved)

    def update(self, lead: Lead | str, **changes: Any) -> Lead:
        """Change what is known of a lead; stage, owner and scores have verbs of their own.

        Raises:
            InvalidInput: a field is unknown, malformed, or has a verb of its own.
            StaleEntity: somebody else has changed the lead since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     lead = crm.pipeline.leads.update(lead, email="Wang@Example.com", interest="wedding photos")
            ...     same = crm.pipeline.leads.update(lead, interest="wedding photos")
            ...     lead.email, lead.version, same.version
            ('wang@example.com', 2, 2)
        """
        with self.work() as work:
            if "owner" in changes:
                raise InvalidInput("the owner of a lead is changed by assign(lead, to=…)")
            current = work.get(Lead, lead)
            change = current.updated(**cleaned(work, changes))
            return _kept(work, current, change) if change.events else current

    def assign(self, lead: Lead | str, *, to: str | None, because: str = "by hand") -> Lead:
        """Give a lead to somebody, or back to nobody with ``to=None``; nothing happens if it is there already.

        Args:
            lead: which.
            to: the name of the salesperson, as leads have it as their owner.
            because: why, for the trail.

        Raises:
            StaleEntity: somebody else has changed the lead since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", owner="Xu")
            ...     lead = crm.pipeline.leads.assign(lead, to="Li", because="Xu is on holiday")
            ...     lead.owner, crm.pipeline.leads.assign(lead, to=None).owner
            ('Li', None)
        """
        with self.work() as work:
            return handed(work, work.get(Lead, lead), to=to, because=because)

    def lock(self, lead: Lead | str) -> Lead:
        """Let the owner keep it, whatever the pool says (``crm.pipeline.pool.define``).

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.pipeline.pool.define(idle=timedelta(days=7))
            ...     wang, li = (crm.pipeline.leads.capture(name=name, owner="Xu") for name in ("Xiao Wang", "Xiao Li"))
            ...     _ = crm.pipeline.leads.lock(wang)
            ...     _ = clock.advance(days=8), crm.run_due()
            ...     [crm.pipeline.leads.get(lead.id).owner for lead in (wang, li)]
            ['Xu', None]
        """
        return self._set(lead, locked=True)

    def unlock(self, lead: Lead | str) -> Lead:
        """Let the pool have it back when nothing happens.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.pipeline.pool.define(idle=timedelta(days=7))
            ...     lead = crm.pipeline.leads.lock(crm.pipeline.leads.capture(name="Xiao Wang", owner="Xu"))
            ...     _ = clock.advance(days=8), crm.run_due()
            ...     kept = crm.pipeline.leads.unlock(lead)
            ...     _ = clock.advance(minutes=1), crm.run_due()
            ...     kept.owner, crm.pipeline.leads.get(lead.id).owner
            ('Xu', None)
        """
        return self._set(lead, locked=False)

    # ── How it moves ──

    def pursue(self, lead: Lead | str) -> Lead:
        """Say that somebody works on it.

        Raises:
            TransitionRefused: its stage does not allow it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     lead.stage, crm.pipeline.leads.pursue(lead).stage
            ('new', 'working')
        """
        return self._move(lead, "work")

    def nurture(self, lead: Lead | str, *, until: date | None = None) -> Lead:
        """Put it aside for later.

        Args:
            lead: which.
            until: the day on which it comes back by itself, in the zone of the CRM, as part of ``run_due``; never
                unless given.

        Raises:
            TransitionRefused: its stage does not allow it.
            InvalidInput: the day is over.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", interest="photos in autumn")
            ...     lead = crm.pipeline.leads.nurture(lead, until=date(2026, 9, 1))
            ...     _ = clock.set(datetime(2026, 9, 1, tzinfo=UTC)), crm.run_due()
            ...     lead.stage, crm.pipeline.leads.get(lead.id).stage
            ('nurturing', 'working')
        """
        with self.work() as work:
            current = work.get(Lead, lead)
            saved = _kept(work, current, work.machine("lead").step(current, "nurture", now=work.now))
            if until is not None:
                due = start_of_day(day(until, what="until"), work.settings.zone)
                if due <= work.now:
                    raise InvalidInput(f"a lead is put aside for a later day, not until {until.isoformat()}")
                work.schedule(WAKE, due_at=due, subject=saved.id, key=_waking(saved))
            return saved

    def qualify(self, lead: Lead | str) -> Lead:
        """Say that it is worth to sell to this lead.

        Raises:
            TransitionRefused: nobody could call or write to it, or its stage does not allow it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     crm.pipeline.leads.qualify(lead)
            Traceback (most recent call last):
            crmkit.errors.TransitionRefused: ... a lead needs an e-mail address or a phone number to be qualified...
        """
        return self._move(lead, "qualify")

    def disqualify(self, lead: Lead | str, *, reason: str) -> Lead:
        """Give it up.

        Raises:
            TransitionRefused: there is no reason, or its stage does not allow it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     lead = crm.pipeline.leads.disqualify(lead, reason="married last year")
            ...     lead.stage, lead.reason, lead.open
            ('disqualified', 'married last year', False)
        """
        return self._move(lead, "disqualify", changes={"reason": reason}, reason=reason)

    def recycle(self, lead: Lead | str) -> Lead:
        """Try again with a lead that had been given up.

        Raises:
            TransitionRefused: it has not been given up.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     lead = crm.pipeline.leads.disqualify(lead, reason="no budget this year")
            ...     lead = crm.pipeline.leads.recycle(lead)
            ...     lead.stage, lead.reason
            ('working', None)
        """
        return self._move(lead, "recycle", changes={"reason": None})

    def _move(self, lead: Lead | str, trigger: str, *, changes: Mapping[str, Any] | None = None, **facts: Any) -> Lead:
        with self.work() as work:
            current = work.get(Lead, lead)
            step = work.machine("lead").step(current, trigger, now=work.now, changes=changes, **facts)
            return _kept(work, current, step)

    def _set(self, lead: Lead | str, **changes: Any) -> Lead:
        with self.work() as work:
            change = work.get(Lead, lead).updated(**changes)
            saved = work.save(change) if change.events else change.after
            watch(work, saved)
            return saved


def _kept(work: Work, before: Lead, change: Change[Lead]) -> Lead:
    """Save a lead, judged anew if it is open; the model learns of it if it has ended or is open again."""
    saved = work.save(Change(refresher(work)(change.after), change.events))
    noted(work, before, saved)
    if saved.open and not before.open:
        watch(work, saved)
    return saved


def _fields(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidInput(f'a lead is given by its fields, as in {{"name": "Xiao Wang"}}, got {shown(row)}')
    return row


def _known(work: Work, key: str | None) -> Lead | None:
    return None if key is None else work.first(Lead, F.key == key)


def _waking(lead: Lead) -> str:
    return f"wake {lead.id} {lead.stage_since.isoformat()}"


def wake(work: Work, item: Any) -> None:
    """Bring a lead back that was put aside, if it still is."""
    lead = work.first(Lead, F.id == item.subject)
    if lead is not None and lead.stage == "nurturing" and item.key == _waking(lead):
        _kept(work, lead, work.machine("lead").step(lead, "work", now=work.now))

"""The doctor: what is wrong with a store, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from crmkit.crm import CRM
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.collection import Collection
from crmkit.kernel.outbox import Message
from crmkit.kernel.ports import StoreStatus
from crmkit.kernel.rules import F
from crmkit.kernel.text import several

SKEW = timedelta(seconds=5)
LATE = timedelta(minutes=15)


@attrs.frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        what: what was looked at.
        says: what was found.
        wrong: whether something is to be done.
    """

    what: str
    says: str
    wrong: bool = False

    def __str__(self) -> str:
        return f"{'WRONG' if self.wrong else 'ok':<6}{self.what:<26}{self.says}"


def examine(crm: CRM, *, tenants: Sequence[str] = (), late: timedelta = LATE) -> list[Finding]:
    """Look at the store, and at the agenda and the outbox of every tenant.

    Args:
        crm: whose store.
        tenants: whose agenda and outbox; all unless given.
        late: how long work may be overdue before that is wrong.

    Example:
        >>> with CRM.open() as crm:
        ...     any(finding.wrong for finding in examine(crm))
        False
    """
    status = crm.storage.status()
    with crm.read() as work:
        now = work.now
    found = list(_store(status, now))
    for tenant in several(tenants, what="tenants") or crm.tenants():
        handle = crm.for_tenant(tenant)
        found += _waiting("agenda", tenant, handle.agenda, now, late)
        found += _waiting("outbox", tenant, handle.outbox, now, late)
        found += _lost(tenant, handle, now)
    return found


def _store(status: StoreStatus, now: datetime) -> Iterator[Finding]:
    behind = status.schema_version != status.wanted_version
    hint = f"; this crmkit needs {status.wanted_version}: run `python -m crmkit migrate`" if behind else ""
    yield Finding("schema version", f"{status.schema_version} ({status.kind}){hint}", behind)
    missing = status.missing_indexes
    yield Finding("missing indexes", ", ".join(missing) or "none", bool(missing))
    if status.server_time is None:
        yield Finding("clock of the database", "it is the clock of this machine")
    else:
        skew = abs(status.server_time - now)
        hint = ": set both clocks by NTP" if skew > SKEW else ""
        yield Finding(
            "clock of the database", f"{skew.total_seconds():.1f} s apart from this machine{hint}", skew > SKEW
        )


def _waiting(
    what: str, tenant: str, rows: Collection[AgendaItem] | Collection[Message], now: datetime, late: timedelta
) -> Iterator[Finding]:
    """What is due, what should have been done already, and what was given up."""
    due = F.state == "due"
    overdue = rows.count(due & (F.due_at <= now))
    oldest = rows.find(due, order_by="due_at", limit=1)
    delay = now - oldest[0].due_at if oldest else timedelta(0)
    since = f"the oldest for {_spoken(delay)}" if overdue else ""
    wrong = overdue > 0 and delay > late
    hint = ": is a worker running? `python -m crmkit worker`" if wrong else ""
    yield Finding(f"{what} of {tenant}", f"{rows.count(due)} due, {overdue} overdue {since}{hint}".rstrip(), wrong)
    dead = rows.count(F.state == "dead")
    again = f": see crm.{what}.dead(), and retry() each" if dead else ""
    yield Finding(f"given up by {tenant}", f"{dead} in the {what}{again}", dead > 0)


def _lost(tenant: str, crm: CRM, now: datetime) -> Iterator[Finding]:
    """Messages that a worker took and never reported back; another one takes them after their lease."""
    lost = crm.outbox.count((F.state == "sending") & (F.leased_until < now))
    if lost:
        yield Finding(
            f"outbox of {tenant}", f"{lost} taken by a worker that died: a running one sends them again", wrong=True
        )


def _spoken(delay: timedelta) -> str:
    seconds = int(delay.total_seconds())
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"

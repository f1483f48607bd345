"""The auditor: did every escalation fire, and in time?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import attrs

from crmkit.kernel.agenda import TRIES, AgendaItem, backoff
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case
from crmkit.service.cases.history import histories
from crmkit.service.cases.keeping import ESCALATE, Planned, judged_by, planned
from crmkit.service.escalation.ledger import Escalation
from crmkit.service.policies.policy import Policy

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

BATCH: Final = 500
LONGEST: Final = backoff(TRIES)  # until a step that has failed is tried again
Fault = Literal["late", "overdue", "given up", "missing", "nobody told"]


@attrs.frozen(kw_only=True)
class Finding:
    """One step that was not done as it should have been.

    Attributes:
        fault: it fired ``late``; it is ``overdue``, due and not done; it was ``given up`` after the last try; it is
            ``missing``, neither done nor written down; or it fired and ``nobody told``: the host knew none of those
            who were to be.
        by: how late it was, or is.
    """

    case_id: str
    key: str
    fault: Fault
    due_at: datetime
    by: timedelta


@attrs.frozen(kw_only=True)
class Audit:
    """What the auditor found."""

    as_of: datetime
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether every step was done in time."""
        return not self.findings

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"{len(self.findings)} findings")

    def _rows(self) -> list[list[str]]:
        return [[f.case_id, f.fault, f.due_at.isoformat(), str(f.by), f.key] for f in self.findings]


HEADERS: Final = ["case", "fault", "due", "late by", "step"]


def in_time(due_at: datetime | None, *, now: datetime, grace: timedelta) -> bool | None:
    """Whether a step that has not been done is still in time: later than now, or by no more than *grace* earlier.

    Definitions: the auditor of Grafana OnCall; without a step there is nothing to say.
    """
    return None if due_at is None else now - due_at <= grace


def audit(work: Work, *, grace: timedelta, since: datetime) -> Audit:
    """Compare the ledger since a moment, and the agenda, with what the clocks say."""
    found = [*_fired(work, grace, since), *_not_done(work, grace), *_missing(work, grace)]
    return Audit(as_of=work.now, findings=tuple(sorted(found, key=lambda f: (f.due_at, f.key))))


def _fired(work: Work, grace: timedelta, since: datetime) -> Iterator[Finding]:
    columns = ["case_id", "key", "due_at", "fired_at", "recipients", "missing"]
    for case_id, key, due_at, fired_at, told, unknown in work.columns(Escalation, columns, F.fired_at >= since):
        about = {"case_id": case_id, "key": key, "due_at": due_at, "by": fired_at - due_at}
        if not in_time(due_at, now=fired_at, grace=grace):
            yield Finding(fault="late", **about)
        if unknown and not told:
            yield Finding(fault="nobody told", **about)


def _not_done(work: Work, grace: timedelta) -> Iterator[Finding]:
    """What lies further in the future is not looked at: a step that has failed is tried again within a day."""
    late = (F.state == "due") & (F.due_at < work.now - grace)
    failed = (F.state == "due") & (F.due_at >= work.now - grace) & (F.due_at <= work.now + LONGEST) & (F.attempts >= 1)
    faults: list[tuple[Fault, Rule]] = [("overdue", late), ("overdue", failed), ("given up", F.state == "dead")]
    for fault, rule in faults:
        for item in work.find(AgendaItem, (F.kind == ESCALATE) & rule):
            by = max(timedelta(0), work.now - item.due_at)
            yield Finding(case_id=item.subject, key=item.key, fault=fault, due_at=item.due_at, by=by)


def _missing(work: Work, grace: timedelta) -> Iterator[Finding]:
    last: tuple[str, ...] | None = None
    alive = F.status.in_(["open", "waiting"]) & ~F.policy_version_id.is_missing()
    while batch := work.find(Case, alive, limit=BATCH, after=last):
        yield from _missing_among(work, batch, grace)
        last = (batch[-1].id,)


def _missing_among(work: Work, cases: Sequence[Case], grace: timedelta) -> Iterator[Finding]:
    known = histories(work, [c.id for c in cases])
    wanted: dict[str, tuple[Case, Planned]] = {}
    policies = {p.id: p for p in work.find(Policy, F.id.in_(sorted({str(c.policy_version_id) for c in cases})))}
    for case in cases:
        policy = policies[str(case.policy_version_id)]
        terms = policy.read()
        judged = judged_by(terms, known[case.id], as_of=work.now)
        wanted |= {p.key: (case, p) for p in planned(case, policy, terms, judged) if p.due_at < work.now - grace}
    written = {key for (key,) in work.columns(AgendaItem, ["key"], F.key.in_(list(wanted)))} if wanted else set()
    for key in sorted(wanted.keys() - written):
        case, plan = wanted[key]
        yield Finding(case_id=case.id, key=key, fault="missing", due_at=plan.due_at, by=work.now - plan.due_at)

"""Recalculating: bring open cases under the present version of their policy, after a look at what would change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case, PolicyApplied
from crmkit.service.cases.history import histories
from crmkit.service.cases.keeping import ESCALATE, Upkeep, dues, judged_by
from crmkit.service.policies.policy import Policy
from crmkit.service.sla.readings import Judgement
from crmkit.service.sla.records import CaseClock

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

BATCH: Final = 500
SHOWN: Final = 20
DUES: Final = ("first_response_due", "resolution_due", "next_due")


@attrs.frozen(kw_only=True)
class Shift:
    """A due time of a case that becomes another one.

    Attributes:
        due: ``first_response_due``, ``resolution_due`` or ``next_due``.
    """

    case_id: str
    due: str
    before: datetime | None
    after: datetime | None


@attrs.frozen(kw_only=True)
class Recalculation:
    """What a recalculation did, or would do.

    Attributes:
        policy: the version under which the cases are now.
        cases: how many were looked at.
        moved: how many of them have another version of the policy than before.
        shifts: the due times that change.
        stored: whether it was done.
    """

    policy: Policy
    cases: int
    moved: int
    shifts: tuple[Shift, ...]
    stored: bool

    def __format__(self, form: str) -> str:
        return table_md(HEADERS, self._rows()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        caption = f"{self.policy.name}, version {self.policy.revision}: {len(self.shifts)} shifts in {self.cases} cases"
        return table_html(HEADERS, self._rows(), caption=caption)

    def _rows(self) -> list[list[str]]:
        shown = self.shifts[:SHOWN]
        rows = [[s.case_id, s.due, _said(s.before), _said(s.after)] for s in shown]
        rest = len(self.shifts) - len(shown)
        return [*rows, [f"… and {rest} more", "", "", ""]] if rest else rows


HEADERS: Final = ["case", "what is due", "before", "after"]


def _said(at: datetime | None) -> str:
    return "—" if at is None else at.isoformat()


def candidates(policy: Policy, rule: Rule | None) -> Rule:
    """The open cases that are under some version of *policy*."""
    under = (F.policy == policy.name) & F.status.in_(["open", "waiting"])
    return under if rule is None else under & rule


def recalculated(work: Work, policy: Policy, cases: Sequence[Case], *, store: bool) -> tuple[list[Shift], int]:
    """The shifts in *cases*, and how many of them change their version; stored in bulk if wanted."""
    terms = policy.read()
    known = histories(work, [c.id for c in cases])
    judged = {case.id: judged_by(terms, known[case.id], as_of=work.now) for case in cases}
    after = {case.id: case.evolve(policy_version_id=policy.id, **dues(judged[case.id])) for case in cases}
    shifts = [shift for case in cases for shift in _shifts(case, after[case.id])]
    moved = [case for case in cases if case.policy_version_id != policy.id]
    if store:
        _store(work, policy, [(case, after[case.id]) for case in cases], judged)
        for case in moved:
            work.emit(
                PolicyApplied(
                    case_id=case.id,
                    customer_id=case.customer_id,
                    policy_id=policy.id,
                    name=policy.name,
                    revision=policy.revision,
                )
            )
    return shifts, len(moved)


def _shifts(before: Case, after: Case) -> Iterable[Shift]:
    for due in DUES:
        old, new = getattr(before, due), getattr(after, due)
        if old != new:
            yield Shift(case_id=before.id, due=due, before=old, after=new)


def _store(work: Work, policy: Policy, pairs: Sequence[tuple[Case, Case]], judged: Mapping[str, Judgement]) -> None:
    ids = [case.id for case, _ in pairs]
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in work.find(CaseClock, F.case_id.in_(ids)):
        rows[row.case_id].append(row)
    items: dict[str, list[Any]] = defaultdict(list)
    for item in work.find(AgendaItem, F.subject.in_(ids) & (F.state == "due")):
        if item.kind == ESCALATE:
            items[item.subject].append(item)
    upkeep = Upkeep(work)
    changed = [after for before, after in pairs if after != before]
    if changed:
        work.put(changed)
    for _, after in pairs:
        upkeep.add(after, policy, judged[after.id], rows=rows[after.id], items=items[after.id])
    upkeep.write()

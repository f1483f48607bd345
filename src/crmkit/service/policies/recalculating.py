"""Recalculating: bring open cases under the present version of their policy, after a look at what would change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case, PolicyApplied
from crmkit.service.cases.history import histories
from crmkit.service.cases.keeping import ESCALATE, Upkeep, dues, judged_by
from crmkit.service.policies.carrying import Carrying
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms
from crmkit.service.sla.readings import Judgement
from crmkit.service.sla.records import CaseClock

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

BATCH: Final = 1_000
KEPT: Final = 1_000
CHANCES: Final = 5  # of a batch whose cases others are changing at the same moment
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
        shifted: how many due times change, by their names.
        overdue: how many cases were in time before and are overdue by the new due times.
        shifts: the first of the due times that change, as many as were to be kept.
        stored: whether it was done.
    """

    policy: Policy
    cases: int = 0
    moved: int = 0
    shifted: Mapping[str, int] = attrs.field(factory=dict)
    overdue: int = 0
    shifts: tuple[Shift, ...] = ()
    stored: bool

    def joined(self, other: Recalculation, *, keep: int) -> Recalculation:
        """Both together, with at most so many shifts."""
        return attrs.evolve(
            self,
            cases=self.cases + other.cases,
            moved=self.moved + other.moved,
            shifted={due: count for due in DUES if (count := self.shifted.get(due, 0) + other.shifted.get(due, 0))},
            overdue=self.overdue + other.overdue,
            shifts=self.shifts + other.shifts[: max(0, keep - len(self.shifts))],
        )

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        several = sum(self.shifted.values())
        caption = (
            f"{self.policy.name}, version {self.policy.revision}: {several} shifts in {self.cases} cases, "
            f"{self.overdue} newly overdue"
        )
        return table_html(HEADERS, self._rows(), caption=caption)

    def _rows(self) -> list[list[str]]:
        shown = self.shifts[:SHOWN]
        rows = [[s.case_id, s.due, _said(s.before), _said(s.after)] for s in shown]
        rest = sum(self.shifted.values()) - len(shown)
        return [*rows, [f"… and {rest} more", "", "", ""]] if rest else rows


HEADERS: Final = ["case", "what is due", "before", "after"]


def _said(at: datetime | None) -> str:
    return "—" if at is None else at.isoformat()


def candidates(policy: Policy, rule: Rule | None, *, resume: bool) -> Rule:
    """The open cases that are under some version of *policy*; if a run is resumed, under a former one."""
    under: Rule = (F.policy == policy.name) & F.status.in_(["open", "waiting"])
    if resume:
        under &= F.policy_version_id != policy.id
    return under if rule is None else under & rule


def recalculated(work: Work, policy: Policy, cases: Sequence[Case], *, store: bool) -> Recalculation:
    """What changes in *cases*; stored in bulk if wanted."""
    terms, now = policy.read(), work.now
    known = histories(work, [c.id for c in cases])
    judged = {case.id: judged_by(terms, known[case.id], as_of=now) for case in cases}
    pairs = [(case, _under(case, policy, judged[case.id])) for case in cases]
    shifts = [shift for pair in pairs for shift in _shifts(*pair)]
    moved = [case for case in cases if case.policy_version_id != policy.id]
    if store:
        _store(work, policy, terms, pairs, judged)
        for case in moved:
            work.emit(_applied(case, policy))
    return Recalculation(
        policy=policy,
        cases=len(cases),
        moved=len(moved),
        shifted=Counter(shift.due for shift in shifts),
        overdue=sum(_late(after, now) and not _late(before, now) for before, after in pairs),
        shifts=tuple(shifts),
        stored=store,
    )


def _under(case: Case, policy: Policy, judged: Judgement) -> Case:
    new = {"policy_version_id": policy.id, **dues(judged)}
    different = {name: value for name, value in new.items() if getattr(case, name) != value}
    return case.evolve(**different) if different else case


def _late(case: Case, now: datetime) -> bool:
    return case.next_due is not None and case.next_due < now


def _applied(case: Case, policy: Policy) -> PolicyApplied:
    return PolicyApplied(
        case_id=case.id,
        customer_id=case.customer_id,
        policy_id=policy.id,
        name=policy.name,
        revision=policy.revision,
    )


def _shifts(before: Case, after: Case) -> Iterable[Shift]:
    for due in DUES if after is not before else ():
        old, new = getattr(before, due), getattr(after, due)
        if old != new:
            yield Shift(case_id=before.id, due=due, before=old, after=new)


def _store(
    work: Work,
    policy: Policy,
    terms: Terms,
    pairs: Sequence[tuple[Case, Case]],
    judged: Mapping[str, Judgement],
) -> None:
    ids = [case.id for case, _ in pairs]
    rows: dict[str, list[CaseClock]] = defaultdict(list)
    for row in work.find(CaseClock, F.case_id.in_(ids)):
        rows[row.case_id].append(row)
    items: dict[str, list[AgendaItem]] = defaultdict(list)
    for item in work.find(AgendaItem, F.subject.in_(ids) & (F.state == "due")):
        if item.kind == ESCALATE:
            items[item.subject].append(item)
    upkeep = Upkeep(work)
    changed = [after for before, after in pairs if after is not before]
    if changed:
        work.put(changed, fields=("policy_version_id", *DUES))
    for _, after in pairs:
        upkeep.add(after, policy, terms, judged[after.id], rows=rows[after.id], items=items[after.id])
    if terms.levels:
        upkeep.plans = Carrying(work, policy, terms).plans(upkeep.plans, items, judged)
    upkeep.write()

"""Keeping time: after every change of a case its clocks are read anew, and what is due is written ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case, CaseAssigned, CaseReopened
from crmkit.service.cases.history import history, told
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms
from crmkit.service.sla.engine import Happening, judge
from crmkit.service.sla.readings import Judgement
from crmkit.service.sla.records import CHANGING, DIMENSIONS, CaseClock, shown_by

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

ESCALATE: Final = "service.escalate"
CLOSE: Final = "service.close_silent"
ASIDE: Final = timedelta(days=3660)  # of a step whose clock stands: somebody rouses it when the clock goes on


def settle(work: Work, change: Change[Case], *, past: Sequence[Happening] | None = None) -> Case:
    """Store *change* of a case, with what its clocks show afterwards.

    Args:
        work: the transaction.
        change: the case as it will be, and what happened.
        past: what happened to it before, if it has been read already.
    """
    case = change.after
    if case.policy_version_id is None:
        return _without_policy(work, change)
    policy = work.get(Policy, case.policy_version_id)
    terms = policy.read()
    if past is None:
        past = [] if case.version == 0 else history(work, case.id)
    judged = judged_by(terms, [*past, *told(change.events, now=work.now)], as_of=work.now)
    saved = work.save(Change(case.evolve(**dues(judged)), change.events))
    new = saved.version == 1
    rows = [] if new else work.find(CaseClock, F.case_id == saved.id)
    items = [] if new else _planned_for(work, saved.id)
    Upkeep(work).add(saved, policy, terms, judged, rows=rows, items=items).write()
    _close_later(work, saved, terms)
    for event in change.events:
        if isinstance(event, CaseReopened):
            occur(work, saved, policy, "reopened", number=saved.reopened)
        elif isinstance(event, CaseAssigned) and event.before is not None:
            occur(work, saved, policy, "reassigned", number=saved.reassigned)
    return saved


def _without_policy(work: Work, change: Change[Case]) -> Case:
    saved = work.save(Change(change.after.evolve(**NO_DUE), change.events))
    if saved.version > 1:
        work.remove(AgendaItem, [item.id for item in _planned_for(work, saved.id)])
        running = (F.case_id == saved.id) & F.state.in_(["running", "paused"])
        work.remove(CaseClock, [row.id for row in work.find(CaseClock, running)])
    return saved


NO_DUE: Final[Mapping[str, None]] = {"first_response_due": None, "resolution_due": None, "next_due": None}


def _planned_for(work: Work, case_id: str) -> list[AgendaItem]:
    """The levels that are to fire; the kind is looked at here, lest the store goes through all items of the kind."""
    items = work.find(AgendaItem, (F.subject == case_id) & (F.state == "due"))
    return [item for item in items if item.kind == ESCALATE]


def judged_by(terms: Terms, happenings: Iterable[Happening], *, as_of: datetime) -> Judgement:
    """What the clocks of *terms* show."""
    return judge(terms.clocks, terms.hours, happenings, as_of=as_of, late=terms.late)


def dues(judged: Judgement) -> dict[str, datetime | None]:
    """The due times that a case carries."""
    shown: dict[str, datetime | None] = {"next_due": judged.next_due}
    for clock in ("first_response", "resolution"):
        reading = judged.clock(clock)
        shown[f"{clock}_due"] = None if reading is None or reading.state == "paused" else reading.due
    return shown


@attrs.define
class Upkeep:
    """What has to be written so that clock rows and agenda say what the clocks show, of one case or of many."""

    work: Work
    fresh: list[Change[CaseClock]] = attrs.field(factory=list)
    changed: list[CaseClock] = attrs.field(factory=list)
    gone: list[str] = attrs.field(factory=list)
    struck: list[str] = attrs.field(factory=list)
    roused: list[AgendaItem] = attrs.field(factory=list)
    plans: list[Planned] = attrs.field(factory=list)

    def add(
        self,
        case: Case,
        policy: Policy,
        terms: Terms,
        judged: Judgement,
        *,
        rows: Iterable[CaseClock],
        items: Iterable[AgendaItem],
    ) -> Upkeep:
        """Compare what is stored for a case with what its clocks show."""
        self._clocks(case, policy, judged, {(row.name, row.cycle): row for row in rows})
        wanted = {} if case.ended else {p.key: p for p in planned(case, policy, terms, judged)}
        for item in items:
            if _stays(item, case, policy, judged, wanted):
                wanted.pop(item.key, None)
                self._rouse(item, judged)
            else:
                self.struck.append(item.id)
        self.plans += wanted.values()
        return self

    def _rouse(self, item: AgendaItem, judged: Judgement) -> None:
        """Let a step that was put aside be looked at again as soon as its clock runs."""
        clock = (item.payload["clock"], item.payload["cycle"])
        if item.payload.get("aside") and any(
            (r.clock, r.cycle, r.state) == (*clock, "running") for r in judged.readings
        ):
            self.roused.append(item.evolve(due_at=self.work.now, payload={**item.payload, "aside": False}))

    def _clocks(self, case: Case, policy: Policy, judged: Judgement, known: dict[tuple[str, int], CaseClock]) -> None:
        """What another version of the policy has stopped stays as it was."""
        for reading in judged.readings:
            shown = shown_by(reading)
            row = known.pop((reading.clock, reading.cycle), None)
            if reading.open or row is None or row.open:
                shown |= {name: None if reading.open else getattr(case, name) for name in DIMENSIONS}
            if row is None:
                self.fresh.append(Change(self.work.new(CaseClock, case_id=case.id, policy_id=policy.id, **shown)))
            elif row.open or row.policy_id == policy.id:
                new = {"policy_id": policy.id, **shown}
                different = {name: value for name, value in new.items() if getattr(row, name) != value}
                if different:
                    self.changed.append(row.evolve(**different))
        self.gone += [row.id for row in known.values() if row.open or row.policy_id == policy.id]

    def write(self) -> None:
        """Write it all."""
        work = self.work
        if self.fresh:
            work.save_new(self.fresh)
        if self.changed:
            work.put(self.changed, fields=CHANGING)
        if self.gone:
            work.remove(CaseClock, self.gone)
        if self.struck:
            work.remove(AgendaItem, self.struck)
        if self.roused:
            work.put(self.roused, fields=("due_at", "payload"))
        for plan in self.plans:
            work.schedule(ESCALATE, due_at=plan.due_at, subject=plan.case_id, key=plan.key, payload=plan.payload)


def _stays(item: AgendaItem, case: Case, policy: Policy, judged: Judgement, wanted: Mapping[str, Planned]) -> bool:
    if item.key in wanted:
        return item.due_at == wanted[item.key].due_at
    about = item.payload
    if about["policy"] != policy.id or case.merged_into_id is not None:
        return False
    if about["clock"] is None:
        return True
    further = about.get("step", 0) + about.get("round", 0) > 0
    if case.ended or not about.get("later") or (further and case.acknowledged_at is not None):
        return False
    running = (about["clock"], about["cycle"])
    return any((r.clock, r.cycle) == running and r.open for r in judged.readings)


@attrs.frozen(kw_only=True)
class Planned:
    """A level that a clock will reach."""

    case_id: str
    key: str
    due_at: datetime
    payload: Mapping[str, Any]


def planned(case: Case, policy: Policy, terms: Terms, judged: Judgement) -> Iterator[Planned]:
    """The first step of every level whose clock runs."""
    running = [r for r in judged.readings if r.state == "running"]
    for number, level in enumerate(terms.levels):
        for reading in running:
            if level.clock == reading.clock:
                about = {"policy": policy.id, "clock": reading.clock, "cycle": reading.cycle, "level": number}
                at = level.moment(reading)
                yield Planned(case_id=case.id, key=key_of(case.id, about), due_at=at, payload=about)


def key_of(case_id: str, about: Mapping[str, Any]) -> str:
    """What tells one firing from all others for ever: case, policy version, clock, cycle, level, round and step."""
    parts = ("policy", "clock", "cycle", "level", "round", "step", "after")
    return "/".join(["escalate", case_id, *(str(about.get(part, 0)) for part in parts)])


def occur(work: Work, case: Case, policy: Policy, occasion: str, *, number: int, score: float | None = None) -> None:
    """Let the levels fire that wait for *occasion* to happen for the *number*-th time; at once, by the agenda."""
    for place, level in enumerate(policy.read().levels):
        if level.when != occasion or number < level.times:
            continue
        if level.score is not None and (score is None or score > level.score):
            continue
        about = {"policy": policy.id, "clock": None, "cycle": number, "level": place}
        work.schedule(ESCALATE, due_at=work.now, subject=case.id, key=key_of(case.id, about), payload=about)


def _close_later(work: Work, case: Case, terms: Terms) -> None:
    if terms.close_after is None:
        return
    work.cancel(case.id, kind=CLOSE)
    if case.silent_since is not None:
        work.schedule(
            CLOSE,
            due_at=case.silent_since + terms.close_after,
            subject=case.id,
            key=f"close/{case.id}/{case.version}",
        )

"""Keeping time: after every change of a case its clocks are read anew, and what is due is written ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.cases.history import history, told
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms
from crmkit.service.sla.engine import Happening, judge
from crmkit.service.sla.readings import Judgement
from crmkit.service.sla.records import CaseClock, shown_by

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

ESCALATE: Final = "service.escalate"
CLOSE: Final = "service.close_silent"


@attrs.frozen(kw_only=True)
class Planned:
    """A level that a clock will reach."""

    key: str
    due_at: datetime
    payload: Mapping[str, Any]


def settle(work: Work, change: Change[Case]) -> Case:
    """Store *change* of a case, with what its clocks show afterwards."""
    case = change.after
    if case.policy_version_id is None:
        saved = work.save(Change(case.evolve(**NO_DUE) if case.next_due else case, change.events))
        if saved.version > 1:
            work.cancel(saved.id, kind=ESCALATE)
        return saved
    policy = work.get(Policy, case.policy_version_id)
    terms = policy.read()
    past = [] if case.version == 0 else history(work, case.id)
    judged = judged_by(terms, [*past, *told(change.events, now=work.now)], as_of=work.now)
    saved = work.save(Change(case.evolve(**dues(judged)), change.events))
    keep_clocks(work, saved, policy, judged)
    keep_agenda(work, saved, policy, judged)
    return saved


NO_DUE: Final[Mapping[str, None]] = {"first_response_due": None, "resolution_due": None, "next_due": None}


def judged_by(terms: Terms, happenings: list[Happening], *, as_of: datetime) -> Judgement:
    """What the clocks of *terms* show."""
    return judge(terms.clocks, terms.hours, happenings, as_of=as_of, late=terms.late)


def dues(judged: Judgement) -> dict[str, datetime | None]:
    """The due times that a case carries."""
    shown: dict[str, datetime | None] = {"next_due": judged.next_due}
    for clock in ("first_response", "resolution"):
        reading = judged.clock(clock)
        shown[f"{clock}_due"] = None if reading is None or reading.state == "paused" else reading.due
    return shown


def keep_clocks(work: Work, case: Case, policy: Policy, judged: Judgement) -> None:
    """Bring the rows of the clocks in line with *judged*; what another version has stopped stays as it was."""
    known = {} if case.version == 1 else _rows(work, case)
    fresh: list[Change[CaseClock]] = []
    for reading in judged.readings:
        shown = shown_by(reading)
        row = known.pop((reading.clock, reading.cycle), None)
        if row is None:
            fresh.append(Change(work.new(CaseClock, case_id=case.id, policy_id=policy.id, **shown)))
        elif row.open or row.policy_id == policy.id:
            changed = row.evolve(policy_id=policy.id, **shown)
            if changed != row:
                work.save(Change(changed))
    work.save_new(fresh)
    work.remove(CaseClock, [row.id for row in known.values() if row.open or row.policy_id == policy.id])


def _rows(work: Work, case: Case) -> dict[tuple[str, int], CaseClock]:
    return {(row.name, row.cycle): row for row in work.find(CaseClock, F.case_id == case.id)}


def keep_agenda(work: Work, case: Case, policy: Policy, judged: Judgement) -> None:
    """Write down the levels that running clocks will reach, and strike out those that they won't."""
    terms = policy.read()
    wanted = {} if case.ended else {p.key: p for p in planned(case, policy, terms, judged)}
    if case.version > 1:
        obsolete = []
        for item in work.find(AgendaItem, (F.subject == case.id) & (F.state == "due") & (F.kind == ESCALATE)):
            if _stays(item, case, policy, judged, wanted):
                wanted.pop(item.key, None)
            else:
                obsolete.append(item.id)
        work.remove(AgendaItem, obsolete)
    for plan in wanted.values():
        work.schedule(ESCALATE, due_at=plan.due_at, subject=case.id, key=plan.key, payload=plan.payload)
    _close_later(work, case, terms)


def _stays(item: AgendaItem, case: Case, policy: Policy, judged: Judgement, wanted: Mapping[str, Planned]) -> bool:
    if item.key in wanted:
        return item.due_at == wanted[item.key].due_at
    about = item.payload
    if case.ended or about["policy"] != policy.id or not about.get("later"):
        return False
    if case.acknowledged_at is not None:
        return False
    return about["clock"] is None or any(
        r.clock == about["clock"] and r.cycle == about["cycle"] and r.open for r in judged.readings
    )


def planned(case: Case, policy: Policy, terms: Terms, judged: Judgement) -> Iterator[Planned]:
    """The first step of every level whose clock runs."""
    running = [r for r in judged.readings if r.state == "running"]
    for number, level in enumerate(terms.levels):
        for reading in running:
            if level.clock == reading.clock:
                about = {"policy": policy.id, "clock": reading.clock, "cycle": reading.cycle, "level": number}
                yield Planned(key=key_of(case.id, about), due_at=level.moment(reading), payload=about)


def key_of(case_id: str, about: Mapping[str, Any]) -> str:
    """What tells one firing from all others for ever: case, policy version, clock, cycle, level, round and step."""
    parts = ("policy", "clock", "cycle", "level", "round", "step", "after")
    return "/".join(["escalate", case_id, *(str(about.get(part, 0)) for part in parts)])


def _close_later(work: Work, case: Case, terms: Terms) -> None:
    if terms.close_after is None:
        return
    silent = case.status == "resolved" or (case.status == "waiting" and case.waiting_for == "customer")
    work.cancel(case.id, kind=CLOSE)
    if silent:
        last = max(case.last_word_at, case.status_since)
        work.schedule(
            CLOSE,
            due_at=last + terms.close_after,
            subject=case.id,
            key=f"close/{case.id}/{last.isoformat()}/{case.version}",
        )

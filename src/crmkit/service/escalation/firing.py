"""Firing: what is done when a level is reached, after a last look at the case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.kernel.change import Change
from crmkit.service.cases.case import Case, CaseUpdated
from crmkit.service.cases.history import history
from crmkit.service.cases.keeping import ESCALATE, judged_by, key_of, settle
from crmkit.service.escalation.ledger import CaseEscalated, Escalation
from crmkit.service.escalation.levels import Level, Turn, following
from crmkit.service.escalation.telling import tell
from crmkit.service.policies.matching import fits
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work


@attrs.frozen(kw_only=True)
class Firing:
    """A step of a level that is to fire, with all that it needs to know."""

    case: Case
    policy: Policy
    terms: Terms
    level: Level
    about: Mapping[str, Any]
    item: AgendaItem

    @property
    def turn(self) -> Turn:
        """Which step of which round it is."""
        return Turn(self.about.get("round", 0), self.about.get("step", 0), self.item.due_at)


def escalate(work: Work, item: AgendaItem) -> None:
    """Fire a level that is due: unless the case was answered, resolved, merged or given another policy meanwhile."""
    case = work.get(Case, item.subject)
    about = item.payload
    if case.ended or case.policy_version_id != about["policy"]:
        return
    policy = work.get(Policy, about["policy"])
    terms = policy.read()
    firing = Firing(case=case, policy=policy, terms=terms, level=terms.levels[about["level"]], about=about, item=item)
    if about["clock"] is not None and not _reached(work, firing):
        return
    if about.get("later") and case.acknowledged_at is not None:
        return
    condition = firing.level.condition
    if condition is not None and not fits(work, case, condition):
        return
    fire(work, firing)


def _reached(work: Work, firing: Firing) -> bool:
    """Whether the clock still runs and is where the level is; when it is not there yet, it is looked at again then."""
    judged = judged_by(firing.terms, history(work, firing.case.id), as_of=work.now)
    wanted = (firing.about["clock"], firing.about["cycle"])
    reading = next((r for r in judged.readings if (r.clock, r.cycle) == wanted), None)
    if reading is None or not reading.open:
        return False
    moment = firing.level.moment(reading)
    if reading.state == "running" and moment <= work.now:
        return True
    if firing.about.get("later"):
        _again(work, firing, max(moment, work.now))
    return False


def _again(work: Work, firing: Firing, at: Any) -> None:
    later = firing.terms.hours.add(at, firing.level.steps[firing.turn.step].wait.time) if at <= work.now else at
    about = {**firing.about, "after": firing.about.get("after", 0) + 1}
    work.schedule(ESCALATE, due_at=later, subject=firing.case.id, key=key_of(firing.case.id, about), payload=about)


def fire(work: Work, firing: Firing) -> None:
    """Tell those who are to be told, change what is to be changed, write it into the ledger, and plan the next step."""
    case, about, turn = firing.case, firing.about, firing.turn
    first = turn.round == 0 and turn.step == 0
    occasion = about["clock"] or firing.level.when or ""
    told = tell(work, firing.case, firing.terms, firing.level.steps[turn.step], key=firing.item.key, occasion=occasion)
    record = work.new(
        Escalation,
        case_id=case.id,
        policy_id=firing.policy.id,
        key=firing.item.key,
        occasion=occasion,
        cycle=about["cycle"],
        level=about["level"] + 1,
        round=turn.round + 1,
        step=turn.step + 1,
        due_at=firing.item.due_at,
        fired_at=work.now,
        recipients=told.recipients,
        missing=told.missing,
        state=told.state,
        digest_key=told.digest_key,
    )
    work.save(Change(record))
    escalated = CaseEscalated(
        case_id=case.id,
        customer_id=case.customer_id,
        occasion=occasion,
        cycle=about["cycle"],
        level=about["level"] + 1,
        round=turn.round + 1,
        step=turn.step + 1,
        told=len(told.recipients),
    )
    changes = _changes(case, firing.level) if first else {}
    raised = case.escalation_level + int(first)
    change = Change(case.evolve(escalation_level=raised, **changes), (escalated,))
    if changes:
        fields = tuple(sorted(changes))
        change = change.and_also(CaseUpdated(case_id=case.id, customer_id=case.customer_id, fields=fields))
    settle(work, change)
    _plan_next(work, firing)


def _changes(case: Case, level: Level) -> dict[str, Any]:
    changes = dict(level.changes)
    added = changes.pop("add_tags", ())
    if added:
        changes["tags"] = case.tags | frozenset(added)
    return {name: value for name, value in changes.items() if getattr(case, name) != value}


def _plan_next(work: Work, firing: Firing) -> None:
    turn = following(firing.level, attrs.evolve(firing.turn, at=work.now), firing.terms.hours)
    if turn is None or firing.case.acknowledged_at is not None:
        return
    about = {**firing.about, "round": turn.round, "step": turn.step, "later": True, "after": 0}
    work.schedule(ESCALATE, due_at=turn.at, subject=firing.case.id, key=key_of(firing.case.id, about), payload=about)

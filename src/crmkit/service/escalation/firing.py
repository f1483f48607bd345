"""Firing: what is done when a level is reached, after a last look at the case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.kernel.change import Change
from crmkit.kernel.satisfying import satisfies
from crmkit.service.cases.case import Case, CaseUpdated
from crmkit.service.cases.history import history
from crmkit.service.cases.keeping import ASIDE, ESCALATE, judged_by, key_of, settle
from crmkit.service.escalation.ledger import CaseEscalated, Escalation
from crmkit.service.escalation.levels import Level, Turn, following
from crmkit.service.escalation.mutes import muted_until
from crmkit.service.escalation.telling import Told, tell
from crmkit.service.policies.policy import Policy
from crmkit.service.sla.engine import Happening

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work


@attrs.frozen(kw_only=True)
class Firing:
    """A step of a level that is to fire, with all that it needs to know.

    Attributes:
        past: what happened to the case; missing when no clock has to be looked at.
    """

    case: Case
    policy: Policy
    level: Level
    about: Mapping[str, Any]
    key: str
    due_at: datetime
    past: list[Happening] | None

    @property
    def turn(self) -> Turn:
        """Which step of which round it is."""
        return Turn(self.about.get("round", 0), self.about.get("step", 0), self.due_at)

    @property
    def first(self) -> bool:
        """Whether the level begins with it."""
        return (self.turn.round, self.turn.step) == (0, 0)

    @property
    def occasion(self) -> str:
        """The clock that ran out, or what else happened."""
        return str(self.about["clock"] or self.level.when)


def escalate(work: Work, item: AgendaItem) -> None:
    """Fire a level that is due: unless the case was answered, resolved, merged or given another policy meanwhile."""
    case = work.get(Case, item.subject)
    if case.policy_version_id != item.payload["policy"] or case.merged_into_id is not None:
        return
    policy = work.get(Policy, item.payload["policy"])
    level = policy.read().levels[item.payload["level"]]
    key = key_of(case.id, {**item.payload, "after": 0})
    past = None if item.payload["clock"] is None or case.ended else history(work, case.id)
    firing = Firing(case=case, policy=policy, level=level, about=item.payload, key=key, due_at=item.due_at, past=past)
    until = muted_until(work, case)
    if not _wanted(work, firing):
        return
    if until is not None:
        _again(work, firing, until)
    else:
        fire(work, firing)


def _wanted(work: Work, firing: Firing) -> bool:
    case = firing.case
    if firing.about["clock"] is None:
        alive = not case.ended or firing.level.when == "low_score"
    else:
        alive = firing.past is not None and _reached(work, firing, firing.past)
    if not alive or (not firing.first and case.acknowledged_at is not None):
        return False
    condition = firing.level.condition
    return condition is None or satisfies(work, case, condition)


def _reached(work: Work, firing: Firing, past: list[Happening]) -> bool:
    """Whether the clock still runs and is where the level is; when it is not there yet, it is looked at again then.

    While the clock stands the step is put aside until it goes on.
    """
    terms = firing.policy.read()
    judged = judged_by(terms, past, as_of=work.now)
    wanted = (firing.about["clock"], firing.about["cycle"])
    reading = next((r for r in judged.readings if (r.clock, r.cycle) == wanted), None)
    if reading is None or not reading.open:
        return False
    moment = firing.level.moment(reading)
    if reading.state == "paused":
        _again(work, firing, work.now + ASIDE, aside=True)
    elif moment > work.now:
        _again(work, firing, moment)
    else:
        return True
    return False


def _again(work: Work, firing: Firing, at: datetime, *, aside: bool = False) -> None:
    about = {**firing.about, "later": True, "after": firing.about.get("after", 0) + 1, "aside": aside}
    work.schedule(ESCALATE, due_at=at, subject=firing.case.id, key=key_of(firing.case.id, about), payload=about)


def fire(work: Work, firing: Firing) -> None:
    """Tell those who are to be told, change what is to be changed, write it into the ledger, and plan the next step."""
    case, step = firing.case, firing.level.steps[firing.turn.step]
    told = tell(work, case, firing.policy, step, key=firing.key, occasion=firing.occasion)
    place = {
        "occasion": firing.occasion,
        "cycle": firing.about["cycle"],
        "level": firing.about["level"] + 1,
        "round": firing.turn.round + 1,
        "step": firing.turn.step + 1,
    }
    record = work.new(
        Escalation,
        case_id=case.id,
        policy_id=firing.policy.id,
        key=firing.key,
        due_at=firing.due_at,
        fired_at=work.now,
        recipients=told.recipients,
        missing=told.missing,
        **place,
    )
    work.save(Change(record))
    escalated = CaseEscalated(case_id=case.id, customer_id=case.customer_id, told=len(told.recipients), **place)
    settle(work, _raised(firing, escalated), past=firing.past)
    _plan_next(work, firing, told)


def _raised(firing: Firing, escalated: CaseEscalated) -> Change[Case]:
    case = firing.case
    if not firing.first:
        return Change(case, (escalated,))
    changes = dict(firing.level.changes)
    added = frozenset(changes.pop("add_tags", ()))
    if added - case.tags:
        changes["tags"] = case.tags | added
    different = {name: value for name, value in changes.items() if getattr(case, name) != value}
    change = Change(case.evolve(escalation_level=case.escalation_level + 1, **different), (escalated,))
    if not different:
        return change
    return change.and_also(CaseUpdated.of(change.after, different))


def _plan_next(work: Work, firing: Firing, told: Told) -> None:
    """Write the next step down; when there was nobody to tell, the next step of the round comes at once."""
    turn = following(firing.level, attrs.evolve(firing.turn, at=work.now), firing.policy.read().hours)
    if turn is None or (not firing.first and firing.case.acknowledged_at is not None):
        return
    skip = not told.recipients and turn.step > firing.turn.step
    about = {**firing.about, "round": turn.round, "step": turn.step, "later": True, "after": 0}
    key = key_of(firing.case.id, about)
    work.schedule(ESCALATE, due_at=work.now if skip else turn.at, subject=firing.case.id, key=key, payload=about)

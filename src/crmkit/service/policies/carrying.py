"""Carrying on: levels that have fired under a former version of a policy, and say the same in the new one.

Nobody is told twice of a level whose moment has passed by both versions, and the steps that were to follow do follow.
A level that the new version puts into the future fires again then: the promise is another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.rules import F
from crmkit.service.cases.keeping import ESCALATE, Planned, key_of
from crmkit.service.escalation.ledger import Escalation
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms

if TYPE_CHECKING:
    from crmkit.kernel.work import Work
    from crmkit.service.sla.readings import Judgement

Spot = tuple[str, str, int, int]  # case, clock, cycle, level


class Carrying:
    """What goes on from former versions of a policy.

    Args:
        work: the transaction.
        policy: the version under which the cases are now.
        terms: what it says.
    """

    def __init__(self, work: Work, policy: Policy, terms: Terms) -> None:
        self.work, self.policy = work, policy
        self.levels = [level.to_json() for level in terms.levels]
        self.former: dict[str, list[Any]] = {}

    def plans(
        self, plans: Iterable[Planned], items: Mapping[str, Iterable[AgendaItem]], judged: Mapping[str, Judgement]
    ) -> list[Planned]:
        """What has to be written: *plans* without what has fired, and what follows from *items* of former versions."""
        wanted, old = list(plans), [item for several in items.values() for item in several]
        past = {_spot(plan): plan for plan in wanted if plan.due_at <= self.work.now}
        past |= {_spot(plan): plan for item in old for plan in self._standing(item, judged[item.subject])}
        fired = self._fired(past) if past else set()
        self._note_as_done(past[spot] for spot in sorted(fired))
        kept = [plan for plan in wanted if _spot(plan) not in fired]
        return [*kept, *(step for item in old for step in self._going_on(item, fired))]

    def _standing(self, item: AgendaItem, judged: Judgement) -> Iterator[Planned]:
        """The first step of the level to which *item* belongs, if its clock stands, so that nothing else is planned."""
        about = item.payload
        level = self._now(about["policy"], about["level"]) if about["policy"] != self.policy.id else None
        clock = (about["clock"], about["cycle"], "paused")
        if level is not None and any((r.clock, r.cycle, r.state) == clock for r in judged.readings):
            first = {"policy": self.policy.id, "clock": about["clock"], "cycle": about["cycle"], "level": level}
            key = key_of(item.subject, first)
            yield Planned(case_id=item.subject, key=key, due_at=self.work.now, payload=first)

    def _note_as_done(self, plans: Iterable[Planned]) -> None:
        """The agenda knows them under the new version too, so that nobody plans them again."""
        work, by_key = self.work, {plan.key: plan for plan in plans}
        if not by_key:
            return
        for (known,) in work.columns(AgendaItem, ["key"], F.key.in_(list(by_key))):
            del by_key[known]
        facts = {"kind": ESCALATE, "state": "done", "done_at": work.now, "version": 1}
        work.add(
            [
                work.new(AgendaItem, subject=p.case_id, key=p.key, due_at=p.due_at, payload=p.payload, **facts)
                for p in by_key.values()
            ]
        )

    def _fired(self, past: Mapping[Spot, Planned]) -> set[Spot]:
        cases = sorted({case_id for case_id, *_ in past})
        begun = (F.case_id.in_(cases)) & (F.policy_id != self.policy.id) & (F.round == 1) & (F.step == 1)
        found = set()
        for step in self.work.find(Escalation, begun):
            level = self._now(step.policy_id, step.level - 1)
            if level is not None and (spot := (step.case_id, step.occasion, step.cycle, level)) in past:
                found.add(spot)
        return found

    def _going_on(self, item: AgendaItem, fired: set[Spot]) -> Iterator[Planned]:
        about = item.payload
        level = None if about["policy"] == self.policy.id else self._now(about["policy"], about["level"])
        if level is None:
            return
        further = about.get("step", 0) + about.get("round", 0) > 0
        if about["clock"] is None or (further and (item.subject, about["clock"], about["cycle"], level) in fired):
            due_at = self.work.now if about.get("aside") else item.due_at
            payload = {**about, "policy": self.policy.id, "level": level, "aside": False}
            yield Planned(case_id=item.subject, key=key_of(item.subject, payload), due_at=due_at, payload=payload)

    def _now(self, policy_id: str, level: int) -> int | None:
        """Which level of the new version says the same as one of a former version, if any does."""
        if policy_id not in self.former:
            self.former[policy_id] = [known.to_json() for known in self.work.get(Policy, policy_id).read().levels]
        before = self.former[policy_id][level]
        return self.levels.index(before) if before in self.levels else None


def _spot(plan: Planned) -> Spot:
    return plan.case_id, plan.payload["clock"], plan.payload["cycle"], plan.payload["level"]

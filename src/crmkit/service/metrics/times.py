"""Times: how long a case took and whose turn it was, measured when it ends, as a row that can be added up in the store.

Definitions: a response is the time from the customer's word (the opening, a message, a reopening) until our next public
reply or telephone call; the first one is the first response.  The resolution is the time from the opening to the end.
The waiting that the customer perceives is the time in which the turn was ours: Frappe's "user resolution time".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.rules import F
from crmkit.service.cases.case import ENDED, Case
from crmkit.service.cases.history import histories
from crmkit.service.policies.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.kernel.work import Work
    from crmkit.service.sla.engine import Happening

Stretch = tuple[datetime, datetime]
Between = Callable[[datetime, datetime], timedelta]
ANSWERS: Final = frozenset({"reply", "call"})
NOTHING: Final = timedelta(0)


@entity("case_time", prefix="ctime", when="resolved_at", indexes=[Index(attributes=("resolved_at", "owner"))])
class CaseTime(Entity):
    """How long a case took until it was resolved last.

    Attributes:
        owner, kind, channel, priority: those of the case when it was resolved.
        replies: public replies and telephone calls.
        responses: how often the customer had to wait for an answer; ``response`` is how long altogether.
        first_response: missing if nobody answered before the end.
        waiting: how long the turn was ours.
        resolution_business: like all that end so, in the hours of the case's policy; missing without a policy.
    """

    case_id: str = attribute(references="case", reverse="times", unique=True)
    owner: str | None = attribute(default=None)
    kind: str = attribute()
    channel: str | None = attribute(default=None)
    priority: str = attribute()
    resolved_at: datetime = attribute()
    replies: int = attribute(at_least=0)
    responses: int = attribute(at_least=0)
    first_response: timedelta | None = attribute(default=None)
    first_response_business: timedelta | None = attribute(default=None)
    response: timedelta = attribute(default=NOTHING)
    response_business: timedelta | None = attribute(default=None)
    resolution: timedelta = attribute()
    resolution_business: timedelta | None = attribute(default=None)
    waiting: timedelta = attribute()
    waiting_business: timedelta | None = attribute(default=None)


@attrs.frozen
class Course:
    """The course of a case, as stretches of time.

    Attributes:
        responses: from the customer's word to our answer.
        ours: when the turn was ours.
        whole: from the opening to the end.
        replies: how often we answered.
    """

    responses: tuple[Stretch, ...]
    ours: tuple[Stretch, ...]
    whole: Stretch
    replies: int

    @classmethod
    def of(cls, happenings: Iterable[Happening], *, opened_at: datetime, ended_at: datetime) -> Course:
        """Follow what happened, in order."""
        turn: datetime | None = opened_at
        over, replies = False, 0
        responses: list[Stretch] = []
        ours: list[Stretch] = []
        for happening in sorted(happenings, key=lambda h: h.at):
            if happening.name in ANSWERS:
                replies += 1
                if turn is not None:
                    responses.append((turn, happening.at))
            ends = happening.state in ENDED
            reopens = over and happening.state is not None and not ends
            if turn is not None and (ends or happening.name in ANSWERS):
                ours.append((turn, happening.at))
                turn = None
            elif turn is None and (happening.name == "customer_message" or reopens):
                turn = happening.at
            over = ends or (over and happening.state is None)
        return cls(tuple(responses), tuple(ours), (opened_at, ended_at), replies)

    def measured(self, between: Between) -> dict[str, timedelta | None]:
        """How long it all took, by a clock or a calendar."""
        return {
            "first_response": between(*self.responses[0]) if self.responses else None,
            "response": sum((between(*s) for s in self.responses), NOTHING),
            "resolution": between(*self.whole),
            "waiting": sum((between(*s) for s in self.ours), NOTHING),
        }


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Time by the clock on the wall."""
    return end - start


def measure(work: Work, case: Case) -> None:
    """Write down how long a case took that has just ended; one that went on in another case is not counted."""
    if case.ended and case.merged_into_id is None:
        known = work.first(CaseTime, F.case_id == case.id)
        if known is None or known.resolved_at != case.resolved_at:
            measure_all(work, [case])


def measure_all(work: Work, cases: Sequence[Case]) -> None:
    """Write down how long cases took that have ended, from their histories."""
    known = {row.case_id: row for row in work.find(CaseTime, F.case_id.in_([case.id for case in cases]))}
    past = histories(work, [case.id for case in cases])
    policies: dict[str, Policy] = {}
    fresh, changed = [], []
    for case in cases:
        facts = _facts(work, case, past[case.id], policies)
        row = known.get(case.id)
        if row is None:
            fresh.append(Change(work.new(CaseTime, case_id=case.id, **facts)))
        elif (after := row.evolve(**facts)) != row:
            changed.append(after)
    if fresh:
        work.save_new(fresh)
    if changed:
        work.put(changed)


def _facts(work: Work, case: Case, past: Iterable[Happening], policies: dict[str, Policy]) -> dict[str, Any]:
    ended_at = case.status_since if case.resolved_at is None else case.resolved_at
    course = Course.of(past, opened_at=case.opened_at, ended_at=ended_at)
    facts: dict[str, Any] = {
        "owner": case.owner,
        "kind": case.kind,
        "channel": case.channel,
        "priority": case.priority,
        "resolved_at": ended_at,
        "replies": course.replies,
        "responses": len(course.responses),
        **course.measured(elapsed),
    }
    if case.policy_version_id is None:
        return facts
    if case.policy_version_id not in policies:
        policies[case.policy_version_id] = work.get(Policy, case.policy_version_id)
    hours = policies[case.policy_version_id].read().hours
    return facts | {f"{name}_business": took for name, took in course.measured(hours.between).items()}

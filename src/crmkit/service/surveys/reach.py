"""Reach: how many of those who were asked have answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from crmkit.kernel.intervals import share_between
from crmkit.kernel.rules import F, Rule
from crmkit.service.surveys.invitations import Invitation

if TYPE_CHECKING:
    from crmkit.kernel.work import Work
    from crmkit.service.surveys.definition import Survey


@attrs.frozen(kw_only=True)
class Reach:
    """How many of those who were asked by link have answered.

    Attributes:
        interval: where the true share lies, at 95 %; none if nobody was asked.
    """

    sent: int
    answered: int
    reminders: int
    interval: tuple[float, float] | None

    @property
    def rate(self) -> float | None:
        """The share of answers; none if nobody was asked."""
        return self.answered / self.sent if self.sent else None


def reach_of(work: Work, survey: Survey, *, since: datetime | None, until: datetime | None) -> Reach:
    """Count the invitations in the store."""
    rule: Rule = F.survey_id == survey.id
    rule = rule if since is None else rule & (F.sent_at >= since)
    rule = rule if until is None else rule & (F.sent_at < until)
    groups = {g.key[0]: g for g in work.tally(Invitation, rule, by=("state",), sums=("reminders",))}
    sent = sum(g.count for g in groups.values())
    answered = groups["answered"].count if "answered" in groups else 0
    return Reach(
        sent=sent,
        answered=answered,
        reminders=sum(g.sums["reminders"] for g in groups.values()),
        interval=share_between(answered, sent) if sent else None,
    )

"""Points: what a lead is or does earns points, and what it did long ago counts less and less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Kind, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import CLOSED, Lead

OPEN = F.stage.not_in(CLOSED)


@entity("point_rule", prefix="prule")
class PointRule(Entity):
    """Points for the leads that satisfy a rule, or for each row of a relation that does.

    Attributes:
        rule: the condition as JSON: over leads, or over the rows of *each*.
        each: the relation whose rows earn points one by one, such as ``activities``.
        points: how many; below 0 they are taken away.
        half_life: after so long a half is left, after twice that a quarter …; missing for points that stay.
        since: the instant on the lead from which they fade; for rows it is the moment when they happened.
        at_most: the rows together earn no more (or, below 0, take no more away).
    """

    name: str = attribute(unique=True)
    rule: Mapping[str, Any] = attribute()
    each: str | None = attribute(default=None)
    points: float = attribute()
    half_life: timedelta | None = attribute(default=None)
    since: str = attribute(default="created_at")
    at_most: float | None = attribute(default=None)

    def check(self) -> None:
        """Points fade over a time above 0, and a limit has the sign of the points."""
        if self.half_life is not None and self.half_life <= timedelta(0):
            raise InvalidInput(f"a half-life is longer than nothing, got {self.half_life!r}")
        if self.at_most is not None and self.at_most * self.points < 0:
            raise InvalidInput(f"at_most {self.at_most} and points {self.points} must have the same sign")

    def worth(self, at: datetime, *, now: datetime) -> float:
        """What is left of the points of *at*.

        >>> from datetime import UTC
        >>> now = datetime(2026, 3, 2, tzinfo=UTC)
        >>> rule = PointRule(id="x", created_at=now, name="call", rule={}, points=8.0, half_life=timedelta(days=10))
        >>> rule.worth(now - timedelta(days=20), now=now)
        2.0
        """
        if self.half_life is None or at >= now:
            return self.points
        return float(self.points * 0.5 ** ((now - at) / self.half_life))

    def total(self, moments: Iterable[datetime], *, now: datetime) -> float:
        """What rows that happened at *moments* earn together."""
        earned = sum(self.worth(at, now=now) for at in moments)
        if self.at_most is None:
            return earned
        return min(earned, self.at_most) if self.at_most >= 0 else max(earned, self.at_most)


@event("pipeline.point_rule_defined")
class PointRuleDefined(Event):
    """Leads earn points for something."""

    point_rule_id: str
    name: str
    points: float


@attrs.frozen(kw_only=True)
class Earned:
    """What one rule gave a lead.

    Attributes:
        times: how many rows earned it; 1 for a rule over the lead itself.
    """

    rule: str
    points: float
    times: int


def defined(work: Work, name: str, *, rule: Rule, each: str | None, points: float, **limits: Any) -> Change[PointRule]:
    """The rule called *name*, new or changed."""
    spec = to_json(rule)
    if each is None:
        work.plan(Lead, rule)
        since = limits.get("since") or "created_at"
        if since not in Lead.__schema__ or Lead.__schema__[since].kind is not Kind.INSTANT:
            raise InvalidInput(f"points fade since an instant of a lead, such as created_at; {since!r} is none")
    else:
        work.plan(_relation(work, each).target.cls, rule)
    values = {"rule": spec, "each": each, "points": points, **limits}
    known = work.called(PointRule, name)
    made = work.new(PointRule, name=name, **values) if known is None else known.evolve(**values)
    return Change(made, (PointRuleDefined(point_rule_id=made.id, name=made.name, points=made.points),))


def _relation(work: Work, name: str) -> Relation:
    relations = {n: r for n, r in work.house.registry.relations["lead"].items() if r.many}
    if name not in relations:
        near = nearest(name, relations)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(relations))}"
        raise InvalidInput(f"leads have no relation {name!r}: {hint}")
    return relations[name]


def earned(work: Work, rules: Iterable[PointRule], *, among: Rule) -> dict[str, list[Earned]]:
    """By lead, what each rule gives it: one query a rule, however many leads there are."""
    found: dict[str, list[Earned]] = {}
    for rule in rules:
        for lead_id, moments in _moments(work, rule, among).items():
            points = rule.total(moments, now=work.now)
            found.setdefault(lead_id, []).append(Earned(rule=rule.name, points=points, times=len(moments)))
    return found


def _moments(work: Work, rule: PointRule, among: Rule) -> dict[str, list[datetime]]:
    condition = from_json(rule.rule)
    if rule.each is None:
        rows = work.columns(Lead, ["id", rule.since], condition & among)
    else:
        relation = _relation(work, rule.each)
        rows = work.columns(relation.target.cls, [relation.key, relation.target.when], condition)
        wanted = {i for (i,) in work.columns(Lead, ["id"], among)}
        rows = [row for row in rows if row[0] in wanted]
    moments: dict[str, list[datetime]] = {}
    for lead_id, at in rows:
        if at is not None:
            moments.setdefault(lead_id, []).append(at)
    return moments

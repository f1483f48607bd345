"""Policies: what customers are promised, by name; every change is a version of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json
from crmkit.service.policies.terms import Terms

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


REMEMBERED: Final = 256
_READ: dict[str, tuple[Mapping[str, Any], Terms]] = {}


@entity(
    "policy",
    prefix="sla",
    plural="policies",
    indexes=[
        Index(attributes=("name", "revision"), unique=True),
        Index(attributes=("name",), where={"state": "current"}, unique=True),
    ],
)
class Policy(Entity):
    """One version of a policy.  A case keeps the version that it was given until somebody recalculates it.

    Attributes:
        revision: the number of the version, counted from 1.
        state: ``current``, ``former`` when there is a newer version, or ``retired``.
        terms: what it says, as JSON; :meth:`read` reads it.
        rule: which cases it is for, as JSON; without one it is for those that name it, or for all others if it has a
            position.
        position: policies are tried in the order of their positions, then of their names.
    """

    name: str = attribute()
    revision: int = attribute(default=1)
    state: str = attribute(default="current")
    terms: Mapping[str, Any] = attribute()
    rule: Mapping[str, Any] | None = attribute(default=None)
    position: int | None = attribute(default=None)
    replaced_at: datetime | None = attribute(default=None)

    def read(self) -> Terms:
        """What it says; read once, with its calendars compiled once, for all who have this version in hand.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     always = BusinessCalendar.always_open()
            ...     gold = crm.service.policies.define("gold", calendar=always, resolution=timedelta(hours=8))
            ...     str(gold.read().clock("resolution").target.time)
            '8:00:00'
        """
        known = _READ.get(self.id)
        if known is not None and (known[0] is self.terms or known[0] == self.terms):
            return known[1]
        if len(_READ) >= REMEMBERED:
            _READ.clear()
        terms = Terms.from_json(self.terms)
        _READ[self.id] = (self.terms, terms)
        return terms

    def condition(self) -> Rule | None:
        """Which cases it is for."""
        return None if self.rule is None else from_json(self.rule)


@event("service.policy_defined")
class PolicyDefined(Event):
    """There is a new version of a policy."""

    policy_id: str
    name: str
    revision: int


def policy_of(work: Work, ref: Policy | str) -> Policy:
    """The policy that is meant: a version by id or entity, or the current one by name.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    return work.named(Policy, ref, among=F.state == "current")

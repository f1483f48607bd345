"""Assignment entries: ordered rules that say who gets which leads."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import gcd
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.leads.lead import Lead

How = Literal["round_robin", "weighted", "least_busy"]


@entity("assignment_entry", prefix="aent", plural="assignment_entries")
class AssignmentEntry(Entity):
    """Leads that satisfy a rule go to some people, one after the other.

    Attributes:
        position: entries are asked in this order; the first one whose rule a lead satisfies decides.
        rule: the condition as JSON; missing for one that takes all leads.
        people: names of salespeople; or else *team*: whoever is in it.
        how: ``round_robin``: each in turn, by name; ``weighted``: in turn, by their weights; ``least_busy``: whoever
            has the fewest open leads.
        skills: what one has to be able to do for these leads.
        speaks: the attribute of the lead (such as ``language``) whose value has to be among the skills.
        local: whether the lead's city, region or country has to be in the territory.
        go_on: if nobody can take a lead, whether the next entries are asked.
    """

    name: str = attribute(unique=True)
    position: int = attribute(default=0, index=True)
    rule: Mapping[str, Any] | None = attribute(default=None)
    people: frozenset[str] = attribute(default=frozenset())
    team: str | None = attribute(default=None)
    how: How = attribute(default="round_robin")
    skills: frozenset[str] = attribute(default=frozenset())
    speaks: str | None = attribute(default=None)
    local: bool = attribute(default=False)
    go_on: bool = attribute(default=False)

    def check(self) -> None:
        """An entry leads to people or to a team, and knows the attribute that it looks at."""
        if bool(self.people) == bool(self.team):
            raise InvalidInput(f"the assignment entry {self.name!r} leads to people= or to a team=, to one of both")
        if self.speaks is not None and self.speaks not in Lead.__schema__:
            raise InvalidInput(f"leads have no {self.speaks!r} that a skill could be compared with")

    def read(self) -> Rule | None:
        """The condition."""
        return None if self.rule is None else from_json(self.rule)

    def takes(self, person: Salesperson) -> bool:
        """Whether *person* is one of those whom it leads to."""
        return person.name in self.people if self.people else person.team == self.team

    def members(self) -> Rule:
        """The same as a rule over salespeople."""
        return F.name.in_(sorted(self.people)) if self.people else F.team == self.team

    def looks_back(self, people: Sequence[Salesperson]) -> int:
        """How many of the last leads the choice among *people* depends on."""
        if self.how == "weighted":
            return max(sum(_in_lowest_terms(people).values()) - 1, 1)
        return 1 if self.how == "round_robin" else 0


@entity("assignment_setup", prefix="aset")
class AssignmentSetup(Entity):
    """When leads are given out by themselves.

    Attributes:
        at_capture: as soon as they are captured, unless they come with an owner.
    """

    name: str = attribute(unique=True, default="leads")
    at_capture: bool = attribute(default=False)


@event("pipeline.assignment_automated")
class AssignmentAutomated(Event):
    """Leads are given out by themselves from now on, or no longer."""

    setup_id: str
    at_capture: bool


@entity(
    "assignment",
    prefix="asg",
    append_only=True,
    indexes=[Index(attributes=("entry", "id")), Index(attributes=("owner", "created_at"))],
)
class Assignment(Record):
    """A lead came into other hands: the record that turns, capacities and waiting times are counted by."""

    lead_id: str = attribute(references="lead")
    owner: str | None = attribute(default=None)
    previous: str | None = attribute(default=None)
    entry: str | None = attribute(default=None)
    because: str = attribute(limit=1000)


@event("pipeline.assignment_entry_defined")
class AssignmentEntryDefined(Event):
    """Leads go to other people."""

    assignment_entry_id: str
    name: str


@attrs.frozen(kw_only=True)
class Decision:
    """Who gets a lead, and why.

    Attributes:
        owner: missing when nobody can take it.
        entry: the entry that decided; missing when no rule fits.
        because: in one sentence.
        others: the people who did not get it, and why not.
    """

    lead: Lead
    owner: str | None
    entry: str | None
    because: str
    team: str | None = None
    others: tuple[tuple[str, str], ...] = ()

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(["who", "why"], self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(["who", "why"], self._rows(), caption=self.lead.title)

    def _rows(self) -> list[tuple[str, str]]:
        return [(self.owner or "nobody", self.because), *self.others]


@attrs.define
class Turns:
    """How busy everybody is: what choosing looks at, and what each choice changes.

    Attributes:
        lately: by person, the leads of the last 24 hours.
        open: by person, the open leads.
        recent: by entry, the people who got its leads, the latest last.
    """

    lately: dict[str, int] = attrs.field(factory=dict)
    open: dict[str, int] = attrs.field(factory=dict)
    recent: dict[str, list[str]] = attrs.field(factory=dict)

    def took(self, person: str, *, entry: str) -> None:
        """Note that *person* got one more."""
        self.lately[person] = self.lately.get(person, 0) + 1
        self.open[person] = self.open.get(person, 0) + 1
        self.recent.setdefault(entry, []).append(person)


def chosen(
    entry: AssignmentEntry, lead: Lead, people: Sequence[Salesperson], turns: Turns, *, explain: bool = True
) -> Decision:
    """Who of *people* gets *lead* by *entry*.

    Args:
        entry: whose rule the lead satisfies.
        lead: which.
        people: those to whom the entry leads, sorted by name.
        turns: how busy they are.
        explain: whether the decision says why the others did not get it.
    """
    others: list[tuple[str, str]] = []
    winner: Salesperson | None = None
    for person in ORDERS[entry.how](people, turns, entry.name):
        objection = _objection(entry, lead, person, turns) if winner is None or explain else None
        if winner is None and objection is None:
            winner = person
            if not explain:
                break
        else:
            others.append((person.name, objection or _less(entry.how, person, turns)))
    if winner is None:
        why = f"nobody of {entry.team or ', '.join(sorted(entry.people))} can take it"
        return Decision(lead=lead, owner=None, entry=entry.name, because=f"{entry.name}: {why}", others=_sorted(others))
    because = f"{entry.name}: {REASONS[entry.how](winner, people, turns, entry.name)}"
    return Decision(
        lead=lead,
        owner=winner.name,
        entry=entry.name,
        because=because,
        team=winner.team,
        others=_sorted(others) if explain else (),
    )


def _sorted(others: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(others))


def remaining(monthly_limit: int, *, assigned_last_24h: int) -> int:
    """How many leads somebody may still get today; below 0 if it were too many already.

    Definition: Odoo's ``_get_assignment_quota``: a thirtieth of the month, halves rounded up, less what came in the
    last 24 hours.

    >>> remaining(45, assigned_last_24h=0), remaining(45, assigned_last_24h=30)
    (2, -28)
    """
    return (2 * monthly_limit + 30) // 60 - assigned_last_24h


def _objection(entry: AssignmentEntry, lead: Lead, person: Salesperson, turns: Turns) -> str | None:
    if not person.active:
        return "takes no new leads"
    lacking = sorted(entry.skills - person.skills)
    if lacking:
        return f"cannot {', '.join(lacking)}"
    if entry.speaks is not None and (wanted := getattr(lead, entry.speaks)) is not None and wanted not in person.skills:
        return f"cannot {wanted}"
    if entry.local and person.territory and not person.territory & {lead.city, lead.region, lead.country}:
        return f"sells in {', '.join(sorted(person.territory))}"
    if person.monthly_limit is not None:
        lately = turns.lately.get(person.name, 0)
        if remaining(person.monthly_limit, assigned_last_24h=lately) <= 0:
            return f"has had {lately} leads in 24 hours"
    return None


# ── In which order people are asked ──


def _in_turn(people: Sequence[Salesperson], turns: Turns, entry: str) -> Iterable[Salesperson]:
    recent = turns.recent.get(entry)
    if not recent:
        return people
    behind = bisect_right(people, recent[-1], key=lambda p: p.name)
    return chain(people[behind:], people[:behind])


def _by_lack(people: Sequence[Salesperson], turns: Turns, entry: str) -> Iterable[Salesperson]:
    """Whoever lacks most of a share among the last leads, as many as the weights add up to."""
    weights, had = _shares(people, turns, entry)
    willing = [p for p in people if p.weight > 0]
    return sorted(willing or people, key=lambda p: had[p.name] - weights.get(p.name, 1))


def _shares(people: Sequence[Salesperson], turns: Turns, entry: str) -> tuple[dict[str, int], Counter[str]]:
    """The shares in the smallest whole numbers, and how many of the last leads everybody has had."""
    weights = _in_lowest_terms(people)
    last = sum(weights.values()) - 1
    return weights, Counter(turns.recent.get(entry, [])[-last:] if last > 0 else [])


def _in_lowest_terms(people: Sequence[Salesperson]) -> dict[str, int]:
    weights = {p.name: p.weight for p in people if p.weight > 0}
    common = gcd(*weights.values()) or 1
    return {name: weight // common for name, weight in weights.items()}


def _by_load(people: Sequence[Salesperson], turns: Turns, _: str) -> Iterable[Salesperson]:
    return sorted(people, key=lambda p: turns.open.get(p.name, 0))


ORDERS = {"round_robin": _in_turn, "weighted": _by_lack, "least_busy": _by_load}


# ── Why ──


def _turn(_: Salesperson, __: Sequence[Salesperson], turns: Turns, entry: str) -> str:
    recent = turns.recent.get(entry)
    return f"the next in turn after {recent[-1]}" if recent else "the first in turn"


def _share(winner: Salesperson, people: Sequence[Salesperson], turns: Turns, entry: str) -> str:
    weights, had = _shares(people, turns, entry)
    share = weights.get(winner.name, 1)
    return f"has had {had[winner.name]} of a share of {share} in {sum(weights.values()) or len(people)}"


def _load(winner: Salesperson, _: Sequence[Salesperson], turns: Turns, __: str) -> str:
    return f"the fewest open leads: {turns.open.get(winner.name, 0)}"


REASONS = {"round_robin": _turn, "weighted": _share, "least_busy": _load}


def _less(how: How, person: Salesperson, turns: Turns) -> str:
    if how == "least_busy":
        return f"has {turns.open.get(person.name, 0)} open leads"
    return "takes no share" if how == "weighted" and person.weight == 0 else "not the next in turn"

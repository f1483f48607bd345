"""Who gets a case: a pure function that says of everybody why, or why not.

Least loaded counts open work only; ties go to whoever has waited longest, and then by name.  Round robin is "whoever
got work longest ago".  Weighted hands out in proportion: the next one goes where there is least work per weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.render import table_html, table_md

Method = Literal["round_robin", "least_loaded", "weighted"]
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Hand:
    """One agent as the choice sees him.

    Attributes:
        load: units of open work.
        limit: the most units that he takes; none without a limit.
        given: how many cases he got altogether from this queue.
        last_at: when he got the last one.
        lately: how many he got within the queue's rate window.
        excluded: why he does not get this case, or any of this customer.
    """

    name: str
    available: bool = True
    skills: frozenset[str] = frozenset()
    load: int = 0
    limit: int | None = None
    weight: int = 1
    given: int = 0
    last_at: datetime | None = None
    lately: int = 0
    excluded: str | None = None


@attrs.frozen(kw_only=True)
class Demand:
    """What a case asks for.

    Attributes:
        units: how much of an agent it takes.
        skills: what is needed.
        fallback: whether somebody without the skills will do if nobody has them.
        previous: who saw to this customer last, if he is to be preferred.
        rate: at most so many cases for one agent within the queue's window.
    """

    units: int = 1
    skills: frozenset[str] = frozenset()
    fallback: bool = False
    previous: str | None = None
    rate: int | None = None


@attrs.frozen(kw_only=True)
class Choice:
    """Who was chosen, and what was found about everybody.

    Attributes:
        agent: the name; none if nobody can take it.
        because: the reason, in a sentence.
        reasons: by name, why somebody was out of the question, or how he was placed.
    """

    agent: str | None
    because: str
    reasons: Mapping[str, str]

    def __format__(self, form: str) -> str:
        if form not in {"", "md"}:
            raise InvalidInput(f"a choice prints as 'md', not as {form!r}")
        return table_md(["agent", "found"], list(self.reasons.items())) if form else repr(self)

    def _repr_html_(self) -> str:
        return table_html(["agent", "found"], list(self.reasons.items()), caption=self.because)


def choose(hands: Sequence[Hand], demand: Demand, *, method: Method) -> Choice:
    """Choose one of *hands* for *demand*.

    >>> choose([Hand(name="xu", load=3), Hand(name="li", load=1)], Demand(), method="least_loaded").agent
    'li'
    """
    reasons = {h.name: objection for h in hands if (objection := _objection(h, demand)) is not None}
    fit = [h for h in hands if h.name not in reasons]
    skilled = [h for h in fit if demand.skills <= h.skills]
    if demand.skills and not skilled and demand.fallback:
        skilled = fit
    for h in fit:
        if h not in skilled:
            reasons[h.name] = f"lacks {', '.join(sorted(demand.skills - h.skills))}"
    if not skilled:
        return Choice(agent=None, because="nobody can take it now", reasons=reasons)
    previous = next((h for h in skilled if h.name == demand.previous), None)
    ranked = sorted(skilled, key=lambda h: _rank(h, method))
    for place, h in enumerate(ranked, start=1):
        reasons[h.name] = f"place {place}: {_facts(h, method)}"
    if previous is not None:
        return Choice(agent=previous.name, because=f"{previous.name} knows the customer", reasons=reasons)
    first = ranked[0]
    return Choice(agent=first.name, because=f"{first.name} is first by {method.replace('_', ' ')}", reasons=reasons)


def _objection(hand: Hand, demand: Demand) -> str | None:
    if not hand.available:
        return "is not available"
    if hand.excluded is not None:
        return f"is excluded: {hand.excluded}"
    if hand.limit is not None and hand.load + demand.units > hand.limit:
        return f"is full: {hand.load} of {hand.limit} units, and this takes {demand.units}"
    if demand.rate is not None and hand.lately >= demand.rate:
        return f"has got {hand.lately} lately, the most that is fair"
    return None


def _rank(hand: Hand, method: Method) -> tuple[float, datetime, str]:
    """The smallest comes first."""
    waited = hand.last_at or NEVER
    match method:
        case "least_loaded":
            return float(hand.load), waited, hand.name
        case "weighted":
            return hand.given / hand.weight, waited, hand.name
        case "round_robin":
            return 0.0, waited, hand.name


def _facts(hand: Hand, method: Method) -> str:
    match method:
        case "least_loaded":
            return f"{hand.load} units of open work"
        case "weighted":
            return f"{hand.given} cases at weight {hand.weight}"
        case "round_robin":
            return "never had one" if hand.last_at is None else f"got the last one at {hand.last_at:%Y-%m-%d %H:%M}"

"""Adding up: the figures of a report, from counts, sums and places that the store gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from crmkit.kernel.ports import Group, Order, sort_key
from crmkit.kernel.rules import F, Rule
from crmkit.service.metrics.figures import Figures, Lasting, Share, Spread
from crmkit.service.metrics.spreading import Key, spreads
from crmkit.service.metrics.times import CaseTime
from crmkit.service.sla.records import CaseClock

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

EVERYBODY: Final = "everybody"
NOBODY: Final = "nobody"
SUMS: Final = ("first_response", "response", "resolution", "waiting")
NOTHING: Final[Mapping[str, Any]] = {**dict.fromkeys(SUMS, timedelta(0)), "responses": 0}
SPREAD: Final = ("first_response", "resolution", "waiting")


def group_name(key: Key) -> str:
    """What a group is called."""
    return EVERYBODY if not key else key[0] or NOBODY


def figures_of(
    work: Work, rule: Rule, keys: tuple[str, ...], percents: tuple[int, ...], stopped: Rule
) -> tuple[Figures, ...]:
    """The figures of the cases that satisfy *rule*, and of the clocks that satisfy *stopped*, in groups."""
    groups = {g.key: g for g in work.tally(CaseTime, rule, by=keys, sums=(*SUMS, "responses"))}
    parts = _Parts(work, rule, keys, percents)
    promises = _kept(work, stopped, keys)
    idle = [Group(key=key, count=0, sums=NOTHING) for key in promises if key not in groups]
    ordered = sorted([*groups.values(), *idle], key=lambda g: sort_key([Order("")] * len(g.key), g.key))
    return tuple(_figures(group, parts, promises.get(group.key, {})) for group in ordered)


def _kept(work: Work, stopped: Rule, keys: tuple[str, ...]) -> Mapping[Key, Mapping[str, Share]]:
    counts: dict[Key, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for group in work.tally(CaseClock, stopped, by=(*keys, "name", "state")):
        *key, name, state = group.key
        counts[tuple(key)][name][state] = group.count
    return {
        key: {name: Share(states.get("met", 0), sum(states.values())) for name, states in sorted(clocks.items())}
        for key, clocks in counts.items()
    }


class _Parts:
    """How many cases of each group are of a certain kind, and what their times add up to and where they lie."""

    def __init__(self, work: Work, rule: Rule, keys: tuple[str, ...], percents: tuple[int, ...]) -> None:
        self.work, self.rule, self.keys = work, rule, keys
        self.answered = self._count(~F.first_response.is_missing())
        self.reopened = self._count(F.case.reopened >= 1)
        self.at_once = self._count((F.replies <= 1) & (F.case.reopened == 0))
        business = ~F.resolution_business.is_missing()
        sums = (*(f"{name}_business" for name in SUMS), "responses")
        self.business = {g.key: g for g in work.tally(CaseTime, rule & business, by=keys, sums=sums)}
        self.answered_in_business = self._count(~F.first_response_business.is_missing())
        self.spreads = {
            name: spreads(work, CaseTime, name, rule, by=keys, percents=percents)
            for name in (*SPREAD, *(f"{name}_business" for name in SPREAD))
        }

    def _count(self, more: Rule) -> dict[Key, int]:
        return {g.key: g.count for g in self.work.tally(CaseTime, self.rule & more, by=self.keys)}

    def spread(self, name: str, key: Key) -> Spread | None:
        found = self.spreads.get(name, {}).get(key)
        return None if found is None else found.measured(_as_it_is)


def _as_it_is(value: timedelta) -> timedelta:
    return value


def _figures(group: Group, parts: _Parts, promises: Mapping[str, Share]) -> Figures:
    key, business = group.key, parts.business.get(group.key)

    def lasting(name: str, count: int, business_count: int) -> Lasting:
        within = None if business is None else _mean(business.sums[f"{name}_business"], business_count)
        spread = parts.spread(name, key), parts.spread(f"{name}_business", key)
        return Lasting(_mean(group.sums[name], count), within, *spread)

    sums: Mapping[str, Any] = {} if business is None else business.sums
    in_business = 0 if business is None else business.count
    return Figures(
        group=group_name(key),
        resolved=group.count,
        first_response=lasting("first_response", parts.answered.get(key, 0), parts.answered_in_business.get(key, 0)),
        response=lasting("response", group.sums["responses"], sums.get("responses", 0)),
        resolution=lasting("resolution", group.count, in_business),
        waiting=lasting("waiting", group.count, in_business),
        reopened=Share(parts.reopened.get(key, 0), group.count),
        first_contact=Share(parts.at_once.get(key, 0), group.count),
        promises=promises,
    )


def _mean(total: timedelta, count: int) -> timedelta | None:
    return total / count if count else None

"""Spreading: percentiles of an attribute in groups, picked by the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmkit.kernel.ranking import place_of, places_between
from crmkit.kernel.rules import F, Rule
from crmkit.service.metrics.figures import Spread

if TYPE_CHECKING:
    from crmkit.kernel.entity import Record
    from crmkit.kernel.work import Work

Key = tuple[Any, ...]
Places = tuple[int | None, int, int | None]


@attrs.frozen
class Picked:
    """The values of one group at the places of some percentiles.

    Attributes:
        count: how many values there are.
        places: by percent, the lower end of its interval, its own place, and the upper end.
        values: by place.
    """

    count: int
    places: Mapping[int, Places]
    values: Mapping[int, Any]

    @classmethod
    def none(cls, count: int, percents: Sequence[int], *, turned: bool) -> Self:
        """The places among so many values; counted from the other end if *turned*."""
        places: dict[int, Places] = {}
        for percent in percents:
            low, high = places_between(percent, count=count)
            at = place_of(percent, count=count)
            places[percent] = (_turned(low, count), count + 1 - at, _turned(high, count)) if turned else (low, at, high)
        return cls(count, places, {})

    @property
    def wanted(self) -> tuple[int, ...]:
        """Every place that is needed."""
        return tuple(sorted({place for several in self.places.values() for place in several if place is not None}))

    def measured(self, measure: Callable[[Any], timedelta]) -> Spread:
        """The spread, when *measure* makes a duration of each value."""
        found = {place: measure(value) for place, value in self.values.items()}
        return Spread(
            count=self.count,
            percentiles={percent: found[at] for percent, (_, at, _) in self.places.items()},
            between={
                percent: (None if low is None else found[low], None if high is None else found[high])
                for percent, (low, _, high) in self.places.items()
            },
        )


def _turned(place: int | None, count: int) -> int | None:
    return None if place is None else count + 1 - place


def spreads(
    work: Work,
    cls: type[Record],
    of: str,
    rule: Rule,
    *,
    by: tuple[str, ...],
    percents: Sequence[int],
    turned: bool = False,
) -> dict[Key, Picked]:
    """The values of each group at the places of *percents*; two queries, and a few rows a group.

    Args:
        work: the transaction.
        cls: what kind of record.
        of: the attribute; records in which it is missing don't count.
        rule: which records.
        by: what makes the groups.
        percents: which percentiles.
        turned: whether the largest value comes first.
    """
    if not percents:
        return {}
    counts = {g.key: g.count for g in work.tally(cls, rule & ~F[of].is_missing(), by=by)}
    plans = {key: Picked.none(count, percents, turned=turned) for key, count in counts.items()}
    values: dict[Key, dict[int, Any]] = defaultdict(dict)
    for key, place, value in work.ranked(cls, of, rule, by=by, places={p.count: p.wanted for p in plans.values()}):
        values[key][place] = value
    return {key: attrs.evolve(p, values=values[key]) for key, p in plans.items() if len(values[key]) == len(p.wanted)}

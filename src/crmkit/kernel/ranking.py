"""Ranking: records of a group sorted by one attribute, and the values at some places: medians and other percentiles.

A percentile is the value at its nearest rank, so it is always one of the values and the same in every store: the
smallest value that is not exceeded by so many percent (type 1 of Hyndman and Fan, The American Statistician 50, 1996;
``percentile_disc`` of SQL).

>>> place_of(50, count=10), place_of(95, count=10), place_of(50, count=1)
(5, 10, 1)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import comb, sqrt
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Kind, Record, Schema
from crmkit.kernel.intervals import Z
from crmkit.kernel.ports import Order, sort_key
from crmkit.kernel.rules.planned import Plan, Truth

R = TypeVar("R", bound=Record)
Placed: TypeAlias = tuple[tuple[Any, ...], int, Any]
RANKABLE: Final = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.DATE, Kind.INSTANT, Kind.DURATION})
EXACT: Final = 200
TAIL: Final = 0.025


@attrs.frozen(kw_only=True)
class Ranking(Generic[R]):
    """Sort the records of each group by an attribute, and pick the values at some places.

    Attributes:
        of: the attribute; records in which it is missing have no place.
        by: the attributes whose values make the groups.
        places: which places are wanted, counted from 1, by the number of values in a group.
    """

    cls: type[R]
    of: str
    plan: Plan = Truth(value=True)
    by: tuple[str, ...] = ()
    places: Mapping[int, Sequence[int]] = attrs.field(factory=dict)


def rankable(schema: Schema, of: str, by: Sequence[str], places: Mapping[int, Sequence[int]]) -> None:
    """Check that records of *schema* can be ranked like this.

    Raises:
        InvalidInput: there is no such attribute, it has no order, makes no groups, or a place is none.
    """
    if of not in schema or schema[of].kind not in RANKABLE:
        known = ", ".join(a.name for a in schema if a.kind in RANKABLE)
        raise InvalidInput(f"{schema.plural} have no {of!r} to be ranked by; they have {known}")
    for name in by:
        if name not in schema or schema[name].kind in {Kind.JSON, Kind.TAGS, Kind.MONEY}:
            raise InvalidInput(f"{schema.plural} cannot be ranked in groups by {name!r}")
    for count, wanted in places.items():
        if any(type(place) is not int or not 1 <= place <= count for place in wanted):
            raise InvalidInput(f"places of {count} values are whole numbers from 1 to {count}, got {wanted!r}")


def picked(records: Iterable[Any], ranking: Ranking[Any]) -> list[Placed]:
    """The values at the places of *ranking* among *records*, for stores that hold objects."""
    values: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for record in records:
        value = getattr(record, ranking.of)
        if value is not None:
            values[tuple(getattr(record, name) for name in ranking.by)].append(value)
    ordered = {key: sorted(found) for key, found in values.items()}
    return in_order(
        (key, place, found[place - 1])
        for key, found in ordered.items()
        for place in set(ranking.places.get(len(found), ()))
    )


def in_order(found: Iterable[Placed]) -> list[Placed]:
    """Sorted by key with missing values last, and by place."""
    return sorted(found, key=lambda row: (sort_key([Order("")] * len(row[0]), row[0]), row[1]))


def place_of(percent: int, *, count: int) -> int:
    """The nearest rank of a percentile among so many values.

    Args:
        percent: above 0, 100 at the most.
        count: how many values there are, 1 or more.
    """
    return max(1, -(-count * percent // 100))


def places_between(percent: int, *, count: int) -> tuple[int | None, int | None]:
    """The places between which a true percentile lies, at 95 % or a little more, whatever the distribution.

    An end is missing where so few values promise nothing: of ten, none is high enough for the 95th percentile.

    Source: the sign test turned round; W. R. Thompson, "On Confidence Ranges for the Median" (1936).

    Example:
        >>> places_between(50, count=10), places_between(95, count=10), places_between(50, count=3)
        ((2, 9), (8, None), (None, None))
    """
    share = percent / 100
    if count > EXACT:
        half = Z * sqrt(count * share * (1 - share))
        low, high = int(count * share - half), int(count * share + half) + 2
        return (low if low >= 1 else None), (high if high <= count else None)
    chances = list(accumulate(comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(count + 1)))
    low = sum(chance <= TAIL for chance in chances)
    high = sum(chance < 1 - TAIL for chance in chances) + 1
    return (low if low >= 1 else None), (high if high <= count else None)

"""Paths: how many people get from step to step, over the trail of what they did.

Definitions: the funnels of PostHog.  ``ordered`` lets anything happen between two steps, ``strict`` nothing, and in
``unordered`` the steps may come in any order.  The time between two steps is that of the first way that got furthest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from crmkit.analytics.charts import bars, figure
from crmkit.errors import InvalidInput
from crmkit.kernel.render import printed, table_html, table_md

Order = Literal["ordered", "strict", "unordered"]
Happening = tuple[str, datetime]


@attrs.frozen(kw_only=True)
class Step:
    """One step of a path.

    Attributes:
        name: what happened.
        people: who got at least this far.
        conversion: the part of those of the step before; missing for the first step and when nobody was there.
        time: how long it took from the step before, on average; missing for the first step and when nobody came.
    """

    name: str
    people: frozenset[str]
    conversion: float | None
    time: timedelta | None

    @property
    def count(self) -> int:
        """How many got at least this far."""
        return len(self.people)


@attrs.frozen(kw_only=True)
class Path:
    """How many people get from step to step."""

    order: Order
    steps: tuple[Step, ...]

    def svg(self) -> str:
        """The steps as bars."""
        return bars([(s.name, float(s.count), f"{s.count:,}") for s in self.steps], title="People at each step")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Path: {' → '.join(f'{s.name} {s.count}' for s in self.steps)}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(HEADERS, self._cells(), caption="From step to step"))

    def _cells(self) -> list[list[str]]:
        return [
            [s.name, f"{s.count:,}", "" if s.conversion is None else f"{s.conversion:.1%}", str(s.time or "")]
            for s in self.steps
        ]


HEADERS = ("step", "people", "conversion", "time")


def path(
    happened: Mapping[str, Iterable[Happening]],
    *,
    steps: Sequence[str],
    order: Order = "ordered",
    within: timedelta | None = None,
) -> Path:
    """Follow people from step to step.

    Args:
        happened: for each person, what happened and when.
        steps: the names of the steps, at least one.
        order: ``ordered``, ``strict`` or ``unordered``.
        within: the time from the first step in which the others must happen, its end included; any time unless given.

    Raises:
        InvalidInput: there are no steps, or no such order.

    Example:
        >>> from datetime import UTC
        >>> day = datetime(2026, 3, 2, tzinfo=UTC)
        >>> found = path({"ann": [("visit", day), ("order", day)], "bob": [("visit", day)]}, steps=["visit", "order"])
        >>> [(s.name, s.count) for s in found.steps]
        [('visit', 2), ('order', 1)]
    """
    if not steps:
        raise InvalidInput("a path needs at least one step: steps=['customers.customer_registered', …]")
    if order not in {"ordered", "strict", "unordered"}:
        raise InvalidInput(f"unknown order {order!r}: use 'ordered', 'strict' or 'unordered'")
    ways = {
        person: _furthest(sorted(found, key=lambda h: h[1]), tuple(steps), order, within)
        for person, found in happened.items()
    }
    made: list[Step] = []
    for index, name in enumerate(steps):
        there = {person: way for person, way in ways.items() if len(way) > index}
        spent = [way[index] - way[index - 1] for way in there.values()] if index else []
        before = made[-1].count if made else 0
        made.append(
            Step(
                name=name,
                people=frozenset(there),
                conversion=len(there) / before if before else None,
                time=sum(spent, timedelta(0)) / len(spent) if spent else None,
            )
        )
    return Path(order=order, steps=tuple(made))


def _furthest(
    happened: Sequence[Happening], steps: tuple[str, ...], order: Order, within: timedelta | None
) -> list[datetime]:
    """The moments of the steps of the first way that got furthest."""
    best: list[datetime] = []
    for start, (name, at) in enumerate(happened):
        if name not in (steps if order == "unordered" else steps[:1]):
            continue
        rest = [h for h in happened[start:] if within is None or h[1] - at <= within]
        way = _unordered(rest, steps) if order == "unordered" else _in_order(rest, steps, strict=order == "strict")
        if len(way) > len(best):
            best = way
        if len(best) == len(steps):
            break
    return best


def _in_order(happened: Sequence[Happening], steps: tuple[str, ...], *, strict: bool) -> list[datetime]:
    way: list[datetime] = []
    for name, at in happened:
        if len(way) < len(steps) and name == steps[len(way)]:
            way.append(at)
        elif strict:
            break
    return way


def _unordered(happened: Sequence[Happening], steps: tuple[str, ...]) -> list[datetime]:
    missing, way = list(steps), []
    for name, at in happened:
        if name in missing:
            missing.remove(name)
            way.append(at)
    return way

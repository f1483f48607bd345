"""Bridges: what a change of revenue comes from.  The effects always add up to the change, to the last cent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import factorial, prod
from typing import Literal

import attrs

from crmkit.analytics.charts import figure, short, steps
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money, round_ratio
from crmkit.kernel.render import printed, table_html, table_md

Number = int | Decimal | Fraction
Row = tuple[str, Number, Money]


def decompose(
    before: Mapping[str, Number], after: Mapping[str, Number], *, method: Literal["shapley", "sequential"] = "shapley"
) -> dict[str, Fraction]:
    """Share out the change of a product among its factors, exactly.

    Args:
        before: the factors by name; their product is the old value.
        after: the same factors later.
        method: ``shapley`` averages over all orders in which the factors may have changed (L. S. Shapley, 1953);
            ``sequential`` changes them one after the other in the order of *before*, so that the first one is valued
            with the old factors and the last one with the new factors: volume first and price last is the price and
            volume variance of controllers.

    Raises:
        InvalidInput: the factors have different names, or there is no such method.

    Example:
        >>> old, new = {"volume": 100, "price": 10}, {"volume": 105, "price": Fraction(1200, 105)}
        >>> {name: int(effect) for name, effect in decompose(old, new, method="sequential").items()}
        {'volume': 50, 'price': 150}
    """
    if before.keys() != after.keys():
        raise InvalidInput(f"the factors differ: {', '.join(before)} before and {', '.join(after)} after")
    if method not in {"shapley", "sequential"}:
        raise InvalidInput(f"unknown method {method!r}: use 'shapley' or 'sequential'")
    old = {name: Fraction(value) for name, value in before.items()}
    new = {name: Fraction(after[name]) for name in before}

    def value(changed: Iterable[str]) -> Fraction:
        moved = set(changed)
        return prod((new[n] if n in moved else old[n] for n in old), start=Fraction(1))

    names = list(old)
    if method == "sequential":
        return {name: value(names[: i + 1]) - value(names[:i]) for i, name in enumerate(names)}
    effects = {}
    for name in names:
        others = [n for n in names if n != name]
        effects[name] = sum(
            (
                Fraction(factorial(size) * factorial(len(others) - size), factorial(len(names)))
                * (value([*chosen, name]) - value(chosen))
                for size in range(len(names))
                for chosen in combinations(others, size)
            ),
            start=Fraction(0),
        )
    return effects


@attrs.frozen(kw_only=True)
class Bridge:
    """The way from one revenue to another.

    Attributes:
        before: the old revenue.
        effects: by name, what changed it; they add up to the difference exactly.
        after: the new revenue.
    """

    before: Money
    effects: Mapping[str, Money]
    after: Money

    @property
    def change(self) -> Money:
        """The difference."""
        return self.after - self.before

    def svg(self) -> str:
        """The way as a waterfall."""
        rows = [("before", self.before), *self.effects.items(), ("after", self.after)]
        drawn = [(name, float(money.amount), short(float(money.amount))) for name, money in rows]
        return steps(drawn, title="What changed the revenue")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Bridge from {self.before} to {self.after}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(HEADERS, self._cells(), caption="What changed the revenue"))

    def _cells(self) -> list[tuple[str, str]]:
        effects = [(name, f"{'+' if money.minor >= 0 else ''}{money}") for name, money in self.effects.items()]
        return [("before", str(self.before)), *effects, ("after", str(self.after))]


HEADERS = ("what", "revenue")


def factor_bridge(before: Money, after: Money, old: Mapping[str, Number], new: Mapping[str, Number]) -> Bridge:
    """Lead from *before* to *after* by the factors of both; what they do not explain stands beside them as ``rest``."""
    exact = decompose(old, new)
    whole = after.minor - before.minor
    rest = whole - sum(exact.values(), start=Fraction(0))
    if rest:
        exact["rest"] = rest
    # Rounded to minor units so that they still add up: what remains goes to those that lost most.
    floors = {name: share.numerator // share.denominator for name, share in exact.items()}
    first = sorted(exact, key=lambda name: floors[name] - exact[name])
    for name in first[: whole - sum(floors.values())]:
        floors[name] += 1
    effects = {name: Money.from_minor(minor, before.currency) for name, minor in floors.items()}
    return Bridge(before=before, effects=effects, after=after)


def revenue_bridge(before: Iterable[Row], after: Iterable[Row], *, currency: str) -> Bridge:
    """Explain a change of revenue by what is new, what is lost, and by volume and price of what is in both.

    Volume is valued at the old price, price at the new volume.

    Args:
        before: rows of item (a product, a customer …), quantity and revenue; rows of one item add up.
        after: the same later.
        currency: that of all amounts.

    Raises:
        InvalidInput: an amount has another currency.

    Example:
        >>> old = [("tea", 100, Money(1000, "GBP")), ("jam", 1, Money(7, "GBP"))]
        >>> bridge = revenue_bridge(old, [("tea", 105, Money(1200, "GBP"))], currency="GBP")
        >>> {name: str(effect) for name, effect in bridge.effects.items()}
        {'new': '0.00 GBP', 'lost': '-7.00 GBP', 'volume': '50.00 GBP', 'price': '150.00 GBP'}
    """
    old, new = _added_up(before, currency), _added_up(after, currency)
    zero = Money.zero(currency)
    effects = {"new": zero, "lost": zero, "volume": zero, "price": zero}
    for item in {**old, **new}:
        if item not in old:
            effects["new"] += new[item][1]
        elif item not in new:
            effects["lost"] -= old[item][1]
        else:
            (old_count, old_money), (new_count, new_money) = old[item], new[item]
            ratio = (new_count - old_count) / old_count if old_count else Fraction(0)
            volume = Money.from_minor(round_ratio(old_money.minor * ratio.numerator, ratio.denominator), currency)
            effects["volume"] += volume
            effects["price"] += new_money - old_money - volume
    return Bridge(
        before=Money.total((m for _, m in old.values()), currency=currency),
        effects=effects,
        after=Money.total((m for _, m in new.values()), currency=currency),
    )


def _added_up(rows: Iterable[Row], currency: str) -> dict[str, tuple[Fraction, Money]]:
    found: dict[str, tuple[Fraction, Money]] = {}
    for item, quantity, money in rows:
        count, total = found.get(item, (Fraction(0), Money.zero(currency)))
        found[item] = count + Fraction(quantity), total + money
    return found

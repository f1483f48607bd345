"""Purchases: the plain rows that the statistics over customers begin with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money


class Purchase(NamedTuple):
    """Who bought, on which calendar day, and what was paid for it."""

    customer: str
    on: date
    amount: Money


def refuse_other_currencies(found: Iterable[str], wanted: str) -> None:
    """Insist that nothing is left out silently.

    Raises:
        InvalidInput: *found* names another currency than *wanted*.
    """
    others = sorted(set(found) - {wanted})
    if others:
        raise InvalidInput(
            f"there are amounts in {', '.join(others)} beside {wanted}: ask for one of them, as in currency={wanted!r}"
        )


def by_customer(purchases: Iterable[tuple[str, date, Money]]) -> Mapping[str, list[tuple[date, int]]]:
    """For each customer the days and the minor units, in order of time.

    Raises:
        InvalidInput: the amounts have two currencies.
    """
    found: dict[str, list[tuple[date, int]]] = defaultdict(list)
    currency: str | None = None
    for customer, on, amount in purchases:
        if currency is None:
            currency = amount.currency
        elif amount.currency != currency:
            refuse_other_currencies([amount.currency], currency)
        found[customer].append((on, amount.minor))
    for rows in found.values():
        rows.sort()
    return found

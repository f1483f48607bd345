"""Exchange rates: dated, exact, and brought by the host; crmkit never fetches any."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import final

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.currencies import exponent_of
from crmkit.kernel.money import Money, exact_ratio, round_ratio
from crmkit.kernel.text import shown

_DIGITS = Context(prec=28)


@final
class RateTable:
    """What one unit of a base currency cost in others, day by day.

    A rate holds from its day until the next one of the same currency.  Two currencies that are not the base are
    converted through the base, and every conversion rounds once, at its end.

    Args:
        base: the ISO 4217 code of the currency that has the price 1.
        rates: for each day, how many units of each currency one unit of the base buys: above 0, as ``Decimal``, whole
            number or text.
        valid_for: for how long a rate holds when no newer one follows; without it, for ever.

    Raises:
        InvalidInput: a currency is unknown or the base, or a rate is a float, no number, or not above 0.

    Example:
        >>> table = RateTable("EUR", {date(2026, 3, 2): {"CNY": "7.80", "USD": "1.04"}})
        >>> table.convert(Money("100", "USD"), to="CNY", on=date(2026, 3, 7))
        Money('750.00', 'CNY')
    """

    __slots__ = ("_days", "_rates", "base", "valid_for")

    def __init__(
        self,
        base: str,
        rates: Mapping[date, Mapping[str, Decimal | int | str]],
        *,
        valid_for: timedelta | None = None,
    ) -> None:
        exponent_of(base)
        self.base, self.valid_for = base, valid_for
        self._days: dict[str, list[date]] = {}
        self._rates: dict[str, list[Decimal]] = {}
        for day in sorted(rates, key=_plain_date):
            for currency, rate in rates[day].items():
                exponent_of(currency)
                if currency == base:
                    raise InvalidInput(f"the rates of {day} hold {base}, which is the base and always 1: leave it out")
                self._days.setdefault(currency, []).append(day)
                self._rates.setdefault(currency, []).append(_positive(rate, f"the rate of {currency} on {day}"))

    def rate(self, base: str, quote: str, *, on: date) -> Decimal:
        """Tell how many units of ``quote`` one unit of ``base`` costs, to 28 digits.

        Args:
            base: the ISO 4217 code of what is paid with.
            quote: the ISO 4217 code of what is bought.
            on: the calendar day.

        Raises:
            NotFound: the table has no rate for this pair on this day.
            InvalidInput: a currency is unknown, or ``on`` is a datetime.

        Example:
            >>> RateTable("EUR", {date(2026, 3, 2): {"CNY": "8"}}).rate("CNY", "EUR", on=date(2026, 3, 2))
            Decimal('0.125')
        """
        price, paid = self._legs(base, quote, on=on)
        return _DIGITS.divide(price, paid)

    def convert(self, money: Money, to: str, *, on: date, rounding: str = ROUND_HALF_UP) -> Money:
        """Convert money at the rate of a day.

        Args:
            money: what is converted.
            to: the ISO 4217 code of the other currency.
            on: the calendar day.
            rounding: a rounding mode of :mod:`decimal`; by default halves go away from zero.

        Raises:
            NotFound: the table has no rate for this pair on this day.
            InvalidInput: the currency is unknown, ``on`` is a datetime, or the result is too large.

        Example:
            >>> table = RateTable("EUR", {date(2026, 3, 2): {"JPY": "170.55"}})
            >>> table.convert(Money("9.99", "EUR"), to="JPY", on=date(2026, 3, 2))
            Money('1704', 'JPY')
        """
        price, paid = (exact_ratio(leg) for leg in self._legs(money.currency, to, on=on))
        numerator = money.minor * price[0] * paid[1] * 10 ** exponent_of(to)
        denominator = price[1] * paid[0] * 10 ** exponent_of(money.currency)
        whole = Decimal(round_ratio(numerator, denominator, rounding=rounding))
        return Money(whole.scaleb(-exponent_of(to), Context(prec=40)), to)

    def _legs(self, base: str, quote: str, *, on: date) -> tuple[Decimal, Decimal]:
        """Give what one unit of the table's base costs in ``quote`` and in ``base``."""
        _plain_date(on)
        exponent_of(base), exponent_of(quote)
        if base == quote:
            return Decimal(1), Decimal(1)
        price, paid = self._at(quote, on), self._at(base, on)
        if price is None or paid is None:
            missing = quote if price is None else base
            raise NotFound(
                f"no rate for {base}/{quote} on {on}: the table has {self._span(missing)}; add the rate of that day"
            )
        return price, paid

    def _at(self, currency: str, on: date) -> Decimal | None:
        if currency == self.base:
            return Decimal(1)
        index = bisect_right(self._days.get(currency, ()), on) - 1
        if index < 0 or (self.valid_for is not None and on - self._days[currency][index] > self.valid_for):
            return None
        return self._rates[currency][index]

    def _span(self, currency: str) -> str:
        days = self._days.get(currency)
        return f"{currency} from {days[0]} to {days[-1]}" if days else f"no {currency}"

    def __repr__(self) -> str:
        return f"RateTable({self.base!r}: {', '.join(map(self._span, sorted(self._days))) or 'no rates'})"


def _plain_date(day: object) -> date:
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    raise InvalidInput(f"a rate belongs to a calendar day, got {shown(day)} ({type(day).__name__}): use a date")


def _positive(rate: Decimal | int | str, what: str) -> Decimal:
    try:
        numerator, denominator = exact_ratio(Decimal(rate) if isinstance(rate, str) else rate)
    except (InvalidInput, InvalidOperation) as problem:
        raise InvalidInput(f"{what} is no exact number: {shown(rate)}; write it as '7.80'") from problem
    if numerator <= 0:
        raise InvalidInput(f"{what} must be above 0, got {shown(rate)}")
    return _DIGITS.divide(Decimal(numerator), Decimal(denominator))

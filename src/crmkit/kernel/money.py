"""Money: an exact amount in one currency.

Inside, an amount is an integer number of minor units (cents, fen), so that nothing is ever rounded by accident.  There
is no way in for floats, two currencies never mix without a :class:`~crmkit.kernel.rates.RateTable`, and whatever rounds
says so and rounds once.

Definition: ISO 4217 for the codes and the number of decimal digits; see :mod:`crmkit.kernel.currencies`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from functools import total_ordering
from math import lcm
from typing import TYPE_CHECKING, Any, Final, final, overload

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.currencies import exponent_of
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

Number = int | Decimal
"""What money can be multiplied with and divided by."""

LARGEST_MINOR: Final = 2**63 - 1
"""What an 8-byte integer column holds; larger amounts are refused where they come in."""

_PLAIN = re.compile(r"([+-]?[0-9]{1,20})(?:\.([0-9]{1,60}))?")
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_RATIOS = Context(prec=28)
_QUARTER = Decimal("0.25")


@final
@total_ordering
@attrs.frozen(init=False, repr=False)
class Money:
    """An amount in one currency.

    Args:
        amount: a whole number, a ``Decimal``, or text such as ``"8000"`` and ``"12.50"`` (ASCII digits, one full stop,
            no thousands separators), from -(2⁶³ - 1) to 2⁶³ - 1 minor units.
        currency: the ISO 4217 code, in capitals.

    Attributes:
        minor: the amount in minor units: 1250 for 12.50 CNY, 1250 for 1250 JPY.
        currency: the ISO 4217 code.

    Raises:
        InvalidInput: the amount is a float, no number, too large, or has digits that the currency does not have; or the
            currency is unknown.

    Example:
        >>> Money("12.50", "CNY") + Money(8000, "CNY")
        Money('8012.50', 'CNY')
        >>> str(Money("8000", "CNY"))
        '8,000.00 CNY'
        >>> Money("0.125", "CNY")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: CNY has 2 decimal digits, got '0.125': use Money.rounded('0.125', 'CNY') to round it
    """

    minor: int
    currency: str

    def __init__(self, amount: Decimal | int | str, currency: str) -> None:
        _set_minor(self, _minor_units(amount, currency, None))
        _set_currency(self, currency)

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Money:
        """Give money from minor units, unchecked and fast: for rows that were checked when they were written.

        Example:
            >>> Money.from_minor(1250, "CNY")
            Money('12.50', 'CNY')
        """
        money = _new(cls)
        _set_minor(money, minor)
        _set_currency(money, currency)
        return money

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Give nothing, in a currency.

        Raises:
            InvalidInput: the currency is unknown.
        """
        exponent_of(currency)
        return cls.from_minor(0, currency)

    @classmethod
    def rounded(cls, amount: Decimal | int | str, currency: str, *, rounding: str = ROUND_HALF_UP) -> Money:
        """Give money from an amount that has more digits than the currency.

        Args:
            amount: as for ``Money(...)``, with any number of decimal digits.
            currency: the ISO 4217 code.
            rounding: a rounding mode of :mod:`decimal`; by default halves go away from zero, as on invoices.

        Raises:
            InvalidInput: as for ``Money(...)``, but not for the digits.

        Example:
            >>> Money.rounded("0.125", "CNY")
            Money('0.13', 'CNY')
        """
        return cls.from_minor(_minor_units(amount, currency, rounding), currency)

    @classmethod
    def total(cls, items: Iterable[Money], *, currency: str) -> Money:
        """Add up; the total of nothing is zero.

        Raises:
            InvalidInput: an item has another currency.

        Example:
            >>> Money.total([Money(1, "CNY"), Money(2, "CNY")], currency="CNY")
            Money('3.00', 'CNY')
        """
        zero = cls.zero(currency)
        return cls.from_minor(sum(_minor_like(zero, item) for item in items), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in units of the currency, with all its decimal digits: ``Decimal('12.50')``."""
        return Decimal(self.minor).scaleb(-exponent_of(self.currency), _EXACT)

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money.from_minor(self.minor + _minor_like(self, other), self.currency)

    def __sub__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money.from_minor(self.minor - _minor_like(self, other), self.currency)

    def __mul__(self, factor: Number) -> Money:
        return self.times(factor)

    __rmul__ = __mul__

    @overload
    def __truediv__(self, other: Money) -> Decimal: ...
    @overload
    def __truediv__(self, other: Number) -> Money: ...
    def __truediv__(self, other: Money | Number) -> Money | Decimal:
        if not other:
            raise InvalidInput(f"cannot divide {self} by {other}")
        if isinstance(other, Money):
            return _RATIOS.divide(Decimal(self.minor), Decimal(_minor_like(self, other)))
        numerator, denominator = exact_ratio(other)
        return self._scaled(denominator, numerator, ROUND_HALF_UP)

    def __neg__(self) -> Money:
        return Money.from_minor(-self.minor, self.currency)

    def __pos__(self) -> Money:
        return self

    def __abs__(self) -> Money:
        return Money.from_minor(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor < _minor_like(self, other)

    def times(self, factor: Number, *, rounding: str = ROUND_HALF_UP) -> Money:
        """Multiply, and round once to the minor unit; ``money * factor`` with the rounding of your choice.

        Args:
            factor: a whole number or a ``Decimal``.
            rounding: a rounding mode of :mod:`decimal`; by default halves go away from zero.

        Raises:
            InvalidInput: the factor is a float or no finite number, or the result is too large.

        Example:
            >>> Money("0.05", "CNY").times(Decimal("0.5"), rounding="ROUND_HALF_EVEN")
            Money('0.02', 'CNY')
        """
        numerator, denominator = exact_ratio(factor)
        return self._scaled(numerator, denominator, rounding)

    def percent(self, rate: Number, *, rounding: str = ROUND_HALF_UP) -> Money:
        """Give so many per cent of it, rounded once: commissions, discounts, taxes.

        Args:
            rate: 100 is the whole.
            rounding: a rounding mode of :mod:`decimal`.

        Raises:
            InvalidInput: the rate is a float or no finite number.

        Example:
            >>> Money("80", "CNY").percent(Decimal("12.5"))
            Money('10.00', 'CNY')
        """
        numerator, denominator = exact_ratio(rate)
        return self._scaled(numerator, denominator * 100, rounding)

    def allocate(self, weights: Sequence[Number]) -> tuple[Money, ...]:
        """Split without losing a cent: the parts add up to the whole.

        Each part is rounded down to the minor unit, and what remains goes, one unit each, to the parts that lost most
        (the method of largest remainders); among equals the first is served first.

        Args:
            weights: one for each part, 0 and more, not all 0.

        Raises:
            InvalidInput: there are no weights, one is negative or no finite number, or all are 0.

        Example:
            >>> Money("100", "CNY").allocate([1, 1, 1])
            (Money('33.34', 'CNY'), Money('33.33', 'CNY'), Money('33.33', 'CNY'))
        """
        ratios = [exact_ratio(weight) for weight in weights]
        common = lcm(*(denominator for _, denominator in ratios))
        shares = [numerator * (common // denominator) for numerator, denominator in ratios]
        whole = sum(shares)
        if whole <= 0 or min(shares) < 0:
            raise InvalidInput(
                f"cannot allocate {self} by {shown(list(weights))}: use weights of 0 and more, not all 0"
            )
        sign, size = (-1, -self.minor) if self.minor < 0 else (1, self.minor)
        parts = [divmod(size * share, whole) for share in shares]
        units = [unit for unit, _ in parts]
        first = sorted(range(len(parts)), key=lambda index: -parts[index][1])
        for index in first[: size - sum(units)]:
            units[index] += 1
        return tuple(Money.from_minor(sign * unit, self.currency) for unit in units)

    def _scaled(self, numerator: int, denominator: int, rounding: str) -> Money:
        minor = round_ratio(self.minor * numerator, denominator, rounding=rounding)
        if abs(minor) > LARGEST_MINOR:
            raise InvalidInput(f"the result of a calculation with {self} is too large for an amount of money")
        return Money.from_minor(minor, self.currency)

    def __repr__(self) -> str:
        return f"Money('{self.amount:f}', {self.currency!r})"

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """In JSON, money is ``{"amount": "12.50", "currency": "CNY"}``."""
        from pydantic_core import core_schema as cs  # noqa: PLC0415 - `import crmkit` stays light

        text = cs.str_schema(pattern=r"^-?[0-9]+(\.[0-9]+)?$")
        number = cs.union_schema([text, cs.int_schema(strict=True), cs.is_instance_schema(Decimal)])
        fields = cs.typed_dict_schema(
            {
                "amount": cs.typed_dict_field(cs.json_or_python_schema(text, number)),
                "currency": cs.typed_dict_field(cs.str_schema(pattern="^[A-Z]{3}$")),
            },
            extra_behavior="forbid",
        )
        parsed = cs.no_info_after_validator_function(lambda given: cls(given["amount"], given["currency"]), fields)
        return cs.json_or_python_schema(
            parsed,
            cs.union_schema([cs.is_instance_schema(cls), parsed]),
            serialization=cs.plain_serializer_function_ser_schema(
                lambda money: {"amount": f"{money.amount:f}", "currency": money.currency}, when_used="json"
            ),
        )


_new = object.__new__
_set_minor: Callable[[Money, int], None] = vars(Money)["minor"].__set__
_set_currency: Callable[[Money, str], None] = vars(Money)["currency"].__set__


def exact_ratio(number: object) -> tuple[int, int]:
    """Give a whole number or ``Decimal`` as a fraction in lowest terms.

    Raises:
        InvalidInput: it is a float or no finite number, or has more than 99 zeros before or after the full stop.

    Example:
        >>> exact_ratio(Decimal("0.125"))
        (1, 8)
    """
    if isinstance(number, int) and not isinstance(number, bool):
        return number, 1
    if isinstance(number, Decimal) and number.is_finite():
        if number and abs(number.adjusted()) > 99:
            raise InvalidInput(f"{shown(number)} is too large or too small for a calculation with money")
        return number.as_integer_ratio()
    hint = (
        "floats are not exact, write Decimal('0.1')" if isinstance(number, float) else "use a whole number or a Decimal"
    )
    raise InvalidInput(f"{shown(number)} ({type(number).__name__}) is no exact number: {hint}")


def round_ratio(numerator: int, denominator: int, *, rounding: str = ROUND_HALF_UP) -> int:
    """Round a fraction to a whole number, exactly.

    Args:
        numerator: any whole number.
        denominator: any whole number but 0.
        rounding: a rounding mode of :mod:`decimal`.

    Raises:
        InvalidInput: there is no such rounding mode.

    Example:
        >>> round_ratio(5, 2), round_ratio(-5, 2), round_ratio(5, 2, rounding="ROUND_HALF_EVEN")
        (3, -3, 2)
    """
    whole, rest = divmod(numerator, denominator)
    if not rest:
        return whole
    # Where the rest lies between two whole numbers is all that a rounding mode looks at.
    quarters = 2 + (abs(2 * rest) > abs(denominator)) - (abs(2 * rest) < abs(denominator))
    try:
        return int(_EXACT.multiply(Decimal(4 * whole + quarters), _QUARTER).to_integral_value(rounding))
    except TypeError:
        raise InvalidInput(
            f"unknown rounding mode {shown(rounding)}: use one of decimal, such as 'ROUND_DOWN'"
        ) from None


def _minor_like(money: Money, other: Money) -> int:
    """Give the minor units of money in the same currency."""
    if not isinstance(other, Money):
        raise InvalidInput(f"expected money in {money.currency}, got {shown(other)} ({type(other).__name__})")
    if other.currency != money.currency:
        raise InvalidInput(f"{money} and {other} have two currencies: convert one of them with a RateTable first")
    return other.minor


def _minor_units(amount: object, currency: str, rounding: str | None) -> int:
    exponent = exponent_of(currency)
    if isinstance(amount, str):
        parts = _PLAIN.fullmatch(amount)
        if parts is None:
            raise InvalidInput(
                f"{shown(amount)} is no amount: write it as '8000' or '12.50', without separators or signs"
            )
        whole, fraction = parts[1], parts[2] or ""
        spare = len(fraction) - exponent
        numerator, denominator = int(whole + fraction.ljust(exponent, "0")), 10**spare if spare > 0 else 1
    else:
        numerator, denominator = exact_ratio(amount)
        numerator *= 10**exponent
    if rounding is None and numerator % denominator:
        raise InvalidInput(
            f"{currency} has {exponent} decimal digits, got {str(amount)!r}: "
            f"use Money.rounded({str(amount)!r}, {currency!r}) to round it"
        )
    minor = round_ratio(numerator, denominator, rounding=rounding or ROUND_HALF_UP)
    if abs(minor) > LARGEST_MINOR:
        raise InvalidInput(f"{shown(amount)} {currency} is too large for an amount of money")
    return minor

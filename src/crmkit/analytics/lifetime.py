"""What a customer will still buy: the BG/NBD model of repeat buying and the Gamma-Gamma model of what is spent.

Definitions: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24 (2005), for the BG/NBD model; P. S. Fader and B. G. S. Hardie, "The Gamma-Gamma
Model of Monetary Value" (2013).  Both are fitted by maximum likelihood, in the units of the papers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from math import exp, inf, isfinite, lgamma, log, log1p

import attrs

from crmkit.analytics.purchases import by_customer
from crmkit.analytics.simplex import minimise
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money
from crmkit.kernel.render import table_html, table_md

WEEK = 7
FEWEST = 10
ALIKE = 50
LARGEST = 1e5
SHOWN = 10


@attrs.frozen
class History:
    """What the models look at.

    Attributes:
        repeats: the days with a purchase after the first one.
        recency: weeks from the first purchase to the last one.
        age: weeks from the first purchase to the day of the analysis.
        spent: the mean of what was paid on the repeat days, in units of the currency; 0 without repeats.
    """

    repeats: int
    recency: float
    age: float
    spent: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.repeats < 0 or not 0 <= self.recency <= self.age or (self.repeats == 0) != (self.recency == 0):
            raise InvalidInput(
                f"{self!r} is no history: recency is 0 without repeats, and else more than 0 and at most the age"
            )


def histories(purchases: Iterable[tuple[str, date, Money]], *, until: date, exponent: int = 2) -> dict[str, History]:
    """The history of each customer until the end of a day; purchases on one day are one purchase.

    Args:
        purchases: rows of customer, day and amount.
        until: the last day that is looked at.
        exponent: decimal digits of the currency.
    """
    unit = float(10**exponent)
    found = {}
    for customer, rows in by_customer(purchases).items():
        days: Counter[date] = Counter()
        for on, minor in rows:
            if on <= until:
                days[on] += minor
        if not days:
            continue
        first, last = min(days), max(days)
        repeats = len(days) - 1
        spent = (sum(days.values()) - days[first]) / repeats / unit if repeats else 0.0
        found[customer] = History(repeats, (last - first).days / WEEK, (until - first).days / WEEK, spent)
    return found


@attrs.frozen
class BuyingModel:
    """BG/NBD: customers buy at random, each at a rate of his own, and may leave for good after any purchase.

    Attributes:
        r: shape of the distribution of rates.
        alpha: its scale, in weeks.
        a: first parameter of the distribution of the probability to leave.
        b: the second one.
        log_likelihood: how well it fits, as in the paper; missing if the parameters were given.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float | None = None

    @classmethod
    def fit(cls, found: Iterable[History]) -> BuyingModel:
        """Find the parameters under which *found* is most likely.

        Raises:
            InvalidInput: there are too few customers, or too few who came back.
        """
        counted = Counter((h.repeats, h.recency, h.age) for h in found)
        if sum(n for (x, _, _), n in counted.items() if x) < FEWEST:
            raise InvalidInput(f"at least {FEWEST} customers must have bought again before the future can be told")
        likelihood = _buying_likelihood(counted)
        place, value = minimise(lambda p: -likelihood(*map(capped_exp, p)), [0.0, log(typical_age(counted)), 0.0, 0.0])
        r, alpha, a, b = map(capped_exp, place)
        return cls(r, alpha, a, b, log_likelihood=-value)

    def alive(self, history: History) -> float:
        """The probability that the customer has not left."""
        return 1 / (1 + self._odds_of_leaving(history))

    def expected(self, history: History, *, weeks: float) -> float:
        """How many repeat purchases to expect in the next *weeks* from a customer with *history*."""
        r, alpha, a, b = self.r, self.alpha, off_one(self.a), self.b
        x = history.repeats
        z = weeks / (alpha + history.age + weeks)
        staying: float
        if a < ALIKE:  # Euler's transformation of the function in equation (10) of the paper: quick for all z
            staying = (1 - z) ** (a - 1) * hypergeometric(a + b - 1 - r, a - 1, a + b + x - 1, z)
        else:  # customers leave as likely as each other: the function as it stands, whose terms stay small
            staying = (1 - z) ** (r + x) * hypergeometric(r + x, b + x, a + b + x - 1, z)
        return (a + b + x - 1) / (a - 1) * (1 - staying) * self.alive(history)

    def expected_of_new(self, *, weeks: float) -> float:
        """How many repeat purchases to expect from a new customer in the first *weeks*."""
        return self.expected(History(0, 0.0, 0.0), weeks=weeks)

    def probability(self, count: int, *, weeks: float) -> float:
        """The probability that a new customer comes back *count* times in the first *weeks*."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        share = weeks / (alpha + weeks)

        def bought(n: int) -> float:
            return exp(lgamma(r + n) - lgamma(r) - lgamma(n + 1) + r * log(alpha / (alpha + weeks)) + n * log(share))

        stayed = exp(_log_beta(a, b + count) - _log_beta(a, b)) * bought(count)
        if count == 0:
            return stayed
        left = exp(_log_beta(a + 1, b + count - 1) - _log_beta(a, b))
        return stayed + left * (1 - sum(bought(n) for n in range(count)))

    def _odds_of_leaving(self, history: History) -> float:
        x = history.repeats
        if x == 0:
            return 0.0
        exponent = (self.r + x) * log((self.alpha + history.age) / (self.alpha + history.recency))
        return self.a / (self.b + x - 1) * capped_exp(exponent)


@attrs.frozen
class SpendingModel:
    """Gamma-Gamma: each customer spends around a mean of his own, whatever the number of purchases.

    Attributes:
        p: shape of a purchase around the customer's mean.
        q: shape of the distribution of the means.
        v: its scale, in units of the currency.
        log_likelihood: how well it fits; missing if the parameters were given.
    """

    p: float
    q: float
    v: float
    log_likelihood: float | None = None

    @classmethod
    def fit(cls, found: Iterable[History]) -> SpendingModel:
        """Find the parameters under which the spending of those who came back is most likely.

        Raises:
            InvalidInput: there are too few of them.
        """
        rows = [(h.repeats, h.spent) for h in found if h.repeats and h.spent > 0]
        if len(rows) < FEWEST:
            raise InvalidInput(f"at least {FEWEST} customers must have bought again before their spending can be told")
        likelihood = _spending_likelihood(rows)
        mean = sum(m for _, m in rows) / len(rows)
        place, value = minimise(lambda p: -likelihood(*map(capped_exp, p)), [1.0, 1.0, log(mean)])
        p, q, v = map(capped_exp, place)
        return cls(p, q, v, log_likelihood=-value)

    def mean(self) -> float:
        """What a purchase of an unknown customer brings, in units of the currency; infinite if *q* is at most 1."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else inf

    def expected(self, history: History) -> float:
        """What a purchase of a customer with *history* brings, in units of the currency."""
        if history.repeats == 0 or history.spent <= 0:
            return self.mean()
        weight = self.p * history.repeats
        return (weight * history.spent + self.p * self.v) / (weight + self.q - 1)


@attrs.frozen(kw_only=True)
class Prospect:
    """What to expect of one customer.

    Attributes:
        alive: the probability that the customer still buys.
        purchases: how many purchases to expect.
        value: what they will bring.
    """

    customer: str
    alive: float
    purchases: float
    value: Money


@attrs.frozen(kw_only=True)
class LifetimeValue:
    """What to expect of all customers, the most valuable first.

    Attributes:
        months: how far ahead.
        buying: the fitted model of repeat buying.
        spending: the fitted model of what is spent.
        total: what all of them will bring.
    """

    until: date
    months: int
    buying: BuyingModel
    spending: SpendingModel
    prospects: tuple[Prospect, ...]
    total: Money

    def of(self, customer: Record | str) -> Prospect:
        """What to expect of one customer.

        Raises:
            InvalidInput: the customer has not bought anything.
        """
        name = customer.id if isinstance(customer, Record) else customer
        for prospect in self.prospects:
            if prospect.customer == name:
                return prospect
        raise InvalidInput(f"{name!r} has bought nothing until {self.until}, so nothing can be told")

    def __format__(self, form: str) -> str:
        return table_md(HEADERS, self._rows()) if form == "md" else repr(self)

    def __repr__(self) -> str:
        return f"<LifetimeValue of {len(self.prospects)} customers in {self.months} months: {self.total}>"

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"Expected in {self.months} months after {self.until}")

    def _rows(self) -> list[list[str]]:
        return [[p.customer, f"{p.alive:.0%}", f"{p.purchases:.1f}", str(p.value)] for p in self.prospects[:SHOWN]]


HEADERS = ("customer", "still buys", "purchases", "value")


def lifetime_value(
    purchases: Iterable[tuple[str, date, Money]], *, until: date, months: int = 12, discount: Decimal = Decimal(0)
) -> LifetimeValue:
    """Tell what each customer will buy in the coming months.

    Args:
        purchases: rows of customer, day and amount, all in one currency.
        until: the last day that is looked at; the future begins after it.
        months: how far ahead, 1 to 120.
        discount: what money loses in value in a month: ``Decimal("0.01")`` is one per cent.

    Raises:
        InvalidInput: too few customers came back, the amounts have two currencies, or an argument is out of range.
    """
    if type(months) is not int or not 1 <= months <= 120:
        raise InvalidInput(f"months is a whole number from 1 to 120, got {months!r}")
    if not 0 <= discount < 1:
        raise InvalidInput(f"discount is the loss of value in a month, 0 and more and less than 1; got {discount!r}")
    rows = list(purchases)
    if not rows:
        raise InvalidInput("nothing was bought, so nothing can be told: give at least some purchases")
    currency = rows[0][2].currency
    exponent = -int(Money.zero(currency).amount.as_tuple().exponent)
    found = histories(rows, until=until, exponent=exponent)
    buying, spending = BuyingModel.fit(found.values()), SpendingModel.fit(found.values())
    if spending.q <= 1:
        raise InvalidInput("what customers spend differs so much that it has no mean: leave out the largest amounts")
    ends = [(shift(until, months=n) - until).days / WEEK for n in range(1, months + 1)]
    factors = [float((1 - discount) ** n) for n in range(1, months + 1)]
    prospects = []
    for customer, history in found.items():
        counts = [buying.expected(history, weeks=end) for end in (ends if discount else ends[-1:])]
        present = sum(f * n for f, n in zip(factors, _steps(counts), strict=True)) if discount else counts[-1]
        value = Money.from_minor(round(present * spending.expected(history) * 10**exponent), currency)
        prospects.append(Prospect(customer=customer, alive=buying.alive(history), purchases=counts[-1], value=value))
    prospects.sort(key=lambda p: (-p.value.minor, p.customer))
    return LifetimeValue(
        until=until,
        months=months,
        buying=buying,
        spending=spending,
        prospects=tuple(prospects),
        total=Money.total((p.value for p in prospects), currency=currency),
    )


def _steps(counts: Sequence[float]) -> list[float]:
    return [later - sooner for sooner, later in zip([0.0, *counts], counts, strict=False)]


# ── Likelihoods ──


def _buying_likelihood(
    counted: Counter[tuple[int, float, float]],
) -> Callable[[float, float, float, float], float]:
    """Equation (6) of the paper; customers with the same history are counted, not repeated."""
    ages: Counter[float] = Counter()
    repeats: Counter[int] = Counter()
    for (x, _, age), n in counted.items():
        repeats[x] += n
        if x == 0:
            ages[age] += n
    returned = [(x, recency, age, n) for (x, recency, age), n in counted.items() if x]

    def likelihood(r: float, alpha: float, a: float, b: float) -> float:
        if not all(map(isfinite, (r, alpha, a, b))) or min(r, alpha, a, b) <= 0 or max(a, b) > LARGEST:
            return -inf
        log_alpha, gamma_r, beta_ab = log(alpha), lgamma(r), _log_beta(a, b)
        total = sum(
            n * (lgamma(r + x) - gamma_r + r * log_alpha + _log_beta(a, b + x) - beta_ab) for x, n in repeats.items()
        )
        total -= sum(n * r * log(alpha + age) for age, n in ages.items())
        for x, recency, age, n in returned:
            stayed = -(r + x) * log(alpha + age)
            left = log(a / (b + x - 1)) - (r + x) * log(alpha + recency) if b + x > 1 else inf
            total += n * (max(stayed, left) + log1p(exp(-abs(stayed - left))))
        return total

    return likelihood


def _spending_likelihood(rows: Sequence[tuple[int, float]]) -> Callable[[float, float, float], float]:
    """Equation (1a) of the paper."""
    known = [(x, m, log(m), log(x)) for x, m in rows]
    repeats = Counter(x for x, _ in rows)

    def likelihood(p: float, q: float, v: float) -> float:
        if not all(map(isfinite, (p, q, v))) or min(p, q, v) <= 0:
            return -inf
        constant = q * log(v) - lgamma(q)
        total = sum(n * (lgamma(p * x + q) - lgamma(p * x) + constant) for x, n in repeats.items())
        return total + sum(
            (p * x - 1) * log_m + p * x * log_x - (p * x + q) * log(x * m + v) for x, m, log_m, log_x in known
        )

    return likelihood


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def hypergeometric(a: float, b: float, c: float, z: float) -> float:
    """Gauss's series 2F1(a, b; c; z) for 0 <= z < 1."""
    total = term = 1.0
    for n in range(100_000):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z
        total += term
        if abs(term) < 1e-13 * abs(total):
            break
    return total


def off_one(a: float) -> float:
    """The expectations have a removable gap at a = 1."""
    return a if abs(a - 1) > 1e-7 else 1 + 1e-7


def capped_exp(x: float) -> float:
    """The exponential function, infinite where a float ends."""
    return exp(x) if x < 700 else inf


def typical_age(counted: Counter[tuple[int, float, float]]) -> float:
    """A fourth of the median age: where the search for a scale begins, in weeks."""
    ages = [age for (_, _, age), n in counted.items() for _ in range(n) if age > 0]
    return sorted(ages)[len(ages) // 2] / 4 if ages else 1.0

"""The BG/NBD model of repeat buying.

Definition: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24 (2005).  It is fitted by maximum likelihood, in the units of the paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import exp, inf, isfinite, lgamma, log, log1p

import attrs

from crmkit.analytics.lifetime.history import FEWEST, History, typical_age
from crmkit.analytics.lifetime.series import capped_exp, hypergeometric, off_one
from crmkit.analytics.simplex import minimise
from crmkit.errors import InvalidInput

ALIKE = 50
LARGEST = 1e5


@attrs.frozen
class BuyingModel:
    """BG/NBD: customers buy at random, each at a rate of his own, and may leave for good after any purchase.

    Attributes:
        r: shape of the distribution of rates.
        alpha: its scale, in weeks.
        a: first parameter of the distribution of the probability to leave.
        b: the second one.
        log_likelihood: how well it fits, as in the paper; missing if the parameters were given.

    Example:
        >>> model = BuyingModel(r=0.243, alpha=4.414, a=0.793, b=2.426)  # the CDNOW data of the paper
        >>> customer = History(repeats=2, recency=30.43, age=38.86)
        >>> round(model.expected(customer, weeks=39), 3)
        1.226
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


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)

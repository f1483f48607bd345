"""The Pareto/NBD model of repeat buying: customers may leave at any moment, not only after a purchase.

Definition: D. C. Schmittlein, D. G. Morrison and R. Colombo, "Counting Your Customers", Management Science 33 (1987),
in the form of P. S. Fader and B. G. S. Hardie, "A Note on Deriving the Pareto/NBD Model" (2005).
It answers the same questions as the BG/NBD model of :mod:`crmkit.analytics.lifetime`, which is quicker to fit; a
customer who never came back may have left by it, and by the BG/NBD model not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import exp, inf, isfinite, lgamma, log, log1p

import attrs

from crmkit.analytics.lifetime.buying import LARGEST
from crmkit.analytics.lifetime.history import FEWEST, History, typical_age
from crmkit.analytics.lifetime.series import capped_exp, hypergeometric, off_one
from crmkit.analytics.simplex import minimise
from crmkit.errors import InvalidInput


@attrs.frozen
class ParetoModel:
    """Pareto/NBD: each customer buys at a rate of his own and leaves at a rate of his own.

    Attributes:
        r: shape of the distribution of the rates of buying.
        alpha: its scale, in weeks.
        s: shape of the distribution of the rates of leaving.
        beta: its scale, in weeks.
        log_likelihood: how well it fits; missing if the parameters were given.

    Example:
        >>> model = ParetoModel(r=0.5534, alpha=10.578, s=0.6062, beta=11.656)
        >>> round(model.expected(History(26, 30.86, 31.0), weeks=52), 1)
        25.5
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float | None = None

    @classmethod
    def fit(cls, found: Iterable[History]) -> ParetoModel:
        """Find the parameters under which *found* is most likely.

        Raises:
            InvalidInput: there are too few customers who came back.
        """
        counted = Counter((h.repeats, h.recency, h.age) for h in found)
        if sum(n for (x, _, _), n in counted.items() if x) < FEWEST:
            raise InvalidInput(f"at least {FEWEST} customers must have bought again before the future can be told")
        likelihood, age = _likelihood(counted), log(typical_age(counted))
        place, value = minimise(lambda p: -likelihood(*map(capped_exp, p)), [0.0, age, 0.0, age])
        r, alpha, s, beta = map(capped_exp, place)
        return cls(r, alpha, s, beta, log_likelihood=-value)

    def alive(self, history: History) -> float:
        """The probability that the customer has not left."""
        x, age = history.repeats, history.age
        odds = log(self.s / (self.r + self.s + x)) + (self.r + x) * log(self.alpha + age)
        odds += self.s * log(self.beta + age) + _log_left(self.r, self.alpha, self.s, self.beta, history)
        return 1 / (1 + capped_exp(odds))

    def expected(self, history: History, *, weeks: float) -> float:
        """How many repeat purchases to expect in the next *weeks* from a customer with *history*."""
        s, end = off_one(self.s), self.beta + history.age
        staying = 1 - (end / (end + weeks)) ** (s - 1)
        rate = (self.r + history.repeats) * end / ((self.alpha + history.age) * (s - 1))
        counts: float = rate * staying * self.alive(history)
        return counts

    def expected_of_new(self, *, weeks: float) -> float:
        """How many repeat purchases to expect from a new customer in the first *weeks*."""
        return self.expected(History(0, 0.0, 0.0), weeks=weeks)


def _likelihood(counted: Counter[tuple[int, float, float]]) -> Callable[[float, float, float, float], float]:
    def likelihood(r: float, alpha: float, s: float, beta: float) -> float:
        if not all(map(isfinite, (r, alpha, s, beta))) or min(r, alpha, s, beta) <= 0 or max(r, s) > LARGEST:
            return -inf
        total = 0.0
        for (x, recency, age), n in counted.items():
            here = -(r + x) * log(alpha + age) - s * log(beta + age)
            gone = log(s / (r + s + x)) + _log_left(r, alpha, s, beta, History(x, recency, age))
            both = max(here, gone) + log1p(exp(-abs(here - gone)))
            total += n * (lgamma(r + x) - lgamma(r) + r * log(alpha) + s * log(beta) + both)
        return total

    return likelihood


def _log_left(r: float, alpha: float, s: float, beta: float, history: History) -> float:
    """The logarithm of A0 in the note: the weight of having left between the last purchase and now."""
    x = history.repeats
    whole = r + s + x
    larger, other = (alpha, s + 1) if alpha >= beta else (beta, r + x)

    def term(at: float) -> float:
        return log(hypergeometric(whole, other, whole + 1, abs(alpha - beta) / (larger + at))) - whole * log(
            larger + at
        )

    first, second = term(history.recency), term(history.age)
    return first + log1p(-exp(second - first)) if second < first else -inf

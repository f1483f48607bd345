"""The Gamma-Gamma model of what is spent.

Definition: P. S. Fader and B. G. S. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).  It is fitted by maximum
likelihood, in units of the currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf, isfinite, lgamma, log

import attrs

from crmkit.analytics.lifetime.history import FEWEST, History
from crmkit.analytics.lifetime.series import capped_exp
from crmkit.analytics.simplex import minimise
from crmkit.errors import InvalidInput


@attrs.frozen
class SpendingModel:
    """Gamma-Gamma: each customer spends around a mean of his own, whatever the number of purchases.

    Attributes:
        p: shape of a purchase around the customer's mean.
        q: shape of the distribution of the means.
        v: its scale, in units of the currency.
        log_likelihood: how well it fits; missing if the parameters were given.

    Example:
        >>> model = SpendingModel(p=6.25, q=3.74, v=15.44)  # the CDNOW data of the paper
        >>> round(model.mean(), 2), round(model.expected(History(1, 30.0, 39.0, spent=100.0)), 2)
        (35.22, 80.26)
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

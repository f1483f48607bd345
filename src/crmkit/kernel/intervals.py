"""Intervals: between which bounds a true share or a true middle probably lies, for as few cases as there are."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

Z = 1.959963984540054  # the 97.5th percentile of the standard normal distribution: 95 times of 100
CONFIDENCE = 0.95
EXACT = 200


def share_between(hits: float, of: float) -> tuple[float, float]:
    """Where a true share lies, at 95 %.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).

    Args:
        hits: how many of them, 0 and more.
        of: how many there are, above 0; not whole where cases count in part.

    Example:
        >>> [round(end, 3) for end in share_between(4, 10)]
        [0.168, 0.687]
    """
    share = hits / of
    spread = 1 + Z**2 / of
    middle = (share + Z**2 / (2 * of)) / spread
    half = Z * sqrt(share * (1 - share) / of + Z**2 / (4 * of**2)) / spread
    return max(middle - half, 0.0), min(middle + half, 1.0)


def median_between(values: Sequence[float]) -> tuple[float, float]:
    """Where a true median lies, at 95 % or a little more, whatever the distribution: two of the *values*.

    With fewer than six values no two of them promise so much; then it is the lowest and the highest.

    Source: the sign test turned round; W. R. Thompson, "On Confidence Ranges for the Median" (1936).

    Args:
        values: at least one, in ascending order.

    Example:
        >>> median_between([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        (2, 9)
    """
    n = len(values)
    below = _rank(n)
    return values[below], values[n - 1 - below]


def _rank(n: int) -> int:
    """The largest rank (from 0) so that fewer values lie below the median with a chance of 2.5 % at the most."""
    if n > EXACT:
        return max(int(n / 2 - Z * sqrt(n) / 2 - 0.5), 0)
    allowed, sum_, rank = (1 - CONFIDENCE) / 2 * 2**n, 0, 0
    while (sum_ := sum_ + comb(n, rank)) <= allowed:
        rank += 1
    return max(rank - 1, 0)

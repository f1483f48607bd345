"""The functions that the models of buying need, and that a float holds."""

from __future__ import annotations

from math import exp, inf


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

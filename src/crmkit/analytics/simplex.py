"""The simplex search of Nelder and Mead: the smallest value of a function without its derivatives.

Definition: J. A. Nelder and R. Mead, "A Simplex Method for Function Minimization", The Computer Journal 7 (1965), with
the usual coefficients 1, 2, ½ and ½.  The search is repeated from where it ended until that no longer helps, because
a simplex may collapse too early.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from crmkit.errors import InvalidInput

Function = Callable[[Sequence[float]], float]
Vertex = tuple[float, list[float]]


def minimise(
    function: Function, start: Sequence[float], *, tolerance: float = 1e-9, evaluations: int = 20_000
) -> tuple[list[float], float]:
    """Find the place of the smallest value, and the value.

    Args:
        function: what to make small; infinity where it is not defined.
        start: where to begin.
        tolerance: stop when the values at the corners differ by less than this part of their size.
        evaluations: give up after so many.

    Raises:
        InvalidInput: the search does not settle.

    Example:
        >>> place, value = minimise(lambda p: (p[0] - 3) ** 2 + (p[1] + 1) ** 2, [0.0, 0.0])
        >>> [round(x, 3) for x in place]
        [3.0, -1.0]
    """
    search = _Search(function, tolerance=tolerance, budget=evaluations)
    place, value = search.run(list(start), step=0.5)
    while True:
        again, better = search.run(place, step=0.05)
        if value - better <= tolerance * (1 + abs(better)) * 10:
            return again, better
        place, value = again, better


class _Search:
    def __init__(self, function: Function, *, tolerance: float, budget: int) -> None:
        self.function, self.tolerance, self.budget = function, tolerance, budget

    def value(self, place: list[float]) -> Vertex:
        self.budget -= 1
        if self.budget < 0:
            raise InvalidInput("the search for the best parameters does not settle: the data say too little")
        value = self.function(place)
        return (value if isfinite(value) else float("inf")), place

    def run(self, start: list[float], *, step: float) -> tuple[list[float], float]:
        beside = [[x + step * (i == axis) for i, x in enumerate(start)] for axis in range(len(start))]
        corners = [self.value(place) for place in (start, *beside)]
        while True:
            corners.sort(key=lambda corner: corner[0])
            best, worst = corners[0], corners[-1]
            if worst[0] - best[0] <= self.tolerance * (1 + abs(best[0])):
                return best[1], best[0]
            self.improve(corners)

    def improve(self, corners: list[Vertex]) -> None:
        """Replace the worst corner, or pull all corners towards the best one."""
        worst = corners[-1]
        centre = [sum(axis) / (len(corners) - 1) for axis in zip(*(place for _, place in corners[:-1]), strict=True)]

        def along(factor: float) -> Vertex:
            return self.value([c + factor * (w - c) for c, w in zip(centre, worst[1], strict=True)])

        reflected = along(-1)
        if reflected[0] < corners[0][0]:
            corners[-1] = min(along(-2), reflected, key=lambda corner: corner[0])
        elif reflected[0] < corners[-2][0]:
            corners[-1] = reflected
        else:
            outside = reflected[0] < worst[0]
            contracted = along(-0.5 if outside else 0.5)
            if contracted[0] < min(reflected[0], worst[0]):
                corners[-1] = contracted
            else:
                best = corners[0][1]
                corners[1:] = [
                    self.value([(b + x) / 2 for b, x in zip(best, place, strict=True)]) for _, place in corners[1:]
                ]

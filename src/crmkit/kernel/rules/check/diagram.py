"""Decision diagrams: one node for every function of truth values, so that equal functions are the same node.

Definition: the reduced ordered diagrams of R. E. Bryant, "Graph-Based Algorithms for Boolean Function Manipulation",
IEEE Transactions on Computers C-35 (1986).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NEVER, EVER = 0, 1
NODES = 60_000
LEVELS = 400  # a diagram is as deep as it has variables, and so is the recursion


class TooLarge(Exception):
    """There are more variables or nodes than is sensible."""


class Diagram:
    """Functions of truth values; a function is the number of its node, and a variable is known by its level."""

    def __init__(self, levels: int) -> None:
        if levels > LEVELS:
            raise TooLarge
        self.nodes: list[tuple[int, int, int]] = [(levels, NEVER, NEVER), (levels, EVER, EVER)]
        self.known: dict[tuple[int, int, int], int] = {}
        self.chosen: dict[tuple[int, int, int], int] = {}

    def variable(self, level: int) -> int:
        """The variable at *level*."""
        return self._node(level, NEVER, EVER)

    def _node(self, level: int, low: int, high: int) -> int:
        if low == high:
            return low
        key = (level, low, high)
        node = self.known.get(key)
        if node is None:
            if len(self.nodes) >= NODES:
                raise TooLarge
            node = self.known[key] = len(self.nodes)
            self.nodes.append(key)
        return node

    def choose(self, of: int, then: int, otherwise: int) -> int:
        """*then* where *of* holds, *otherwise* where it does not."""
        if of == EVER or then == otherwise:
            return then
        if of == NEVER:
            return otherwise
        key = (of, then, otherwise)
        made = self.chosen.get(key)
        if made is None:
            if len(self.chosen) >= 4 * NODES:
                raise TooLarge
            a, b, c = self.nodes[of], self.nodes[then], self.nodes[otherwise]
            top = min(a[0], b[0], c[0])
            low = self.choose(
                a[1] if a[0] == top else of, b[1] if b[0] == top else then, c[1] if c[0] == top else otherwise
            )
            high = self.choose(
                a[2] if a[0] == top else of, b[2] if b[0] == top else then, c[2] if c[0] == top else otherwise
            )
            made = self.chosen[key] = self._node(top, low, high)
        return made

    def no(self, of: int) -> int:
        """The complement."""
        return self.choose(of, NEVER, EVER)

    def both(self, one: int, other: int) -> int:
        """Both hold."""
        return self.choose(one, other, NEVER)

    def either(self, one: int, other: int) -> int:
        """One of them holds, or both."""
        return self.choose(one, EVER, other)

    def all(self, functions: Iterable[int]) -> int:
        """All hold; the last variables are met first, which keeps what is made on the way small."""
        made = EVER
        for function in sorted(functions, key=lambda f: -self.nodes[f][0]):
            made = self.both(function, made)
        return made

    def any(self, functions: Iterable[int]) -> int:
        """At least one holds."""
        made = NEVER
        for function in sorted(functions, key=lambda f: -self.nodes[f][0]):
            made = self.either(function, made)
        return made

    def odd(self, functions: Iterable[int]) -> int:
        """An odd number of them holds."""
        made = NEVER
        for function in sorted(functions, key=lambda f: -self.nodes[f][0]):
            made = self.apart(function, made)
        return made

    def apart(self, one: int, other: int) -> int:
        """One of them holds, and not the other."""
        return self.choose(one, self.no(other), other)

    def same(self, one: int, other: int) -> int:
        """Both hold, or neither."""
        return self.choose(one, other, self.no(other))

    def nearest(self, of: int, now: Mapping[int, bool]) -> frozenset[int] | None:
        """The fewest levels of *now* that have to be otherwise for *of* to hold; none if it never does.

        Args:
            of: a function.
            now: by level, the present truth values; the other variables are free.
        """
        costs: list[float] = [float("inf"), 0]
        for level, low, high in self.nodes[2 : of + 1]:  # what a node leads to has been made before it
            stays = now.get(level)
            costs.append(min(costs[low] + (stays is True), costs[high] + (stays is False)))
        if costs[of] == float("inf"):
            return None
        turned, here = set(), of
        while here != EVER:
            level, low, high = self.nodes[here]
            stays = now.get(level)
            up = costs[high] + (stays is False) < costs[low] + (stays is True)
            if stays is not None and up is not stays:
                turned.add(level)
            here = high if up else low
        return frozenset(turned)

"""What follows from what: rules as decision diagrams, together with all that is known of their atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.diagram import EVER, NEVER, Diagram, TooLarge
from crmkit.kernel.rules.check.lemmas import atoms_in, lemmas
from crmkit.kernel.rules.check.lines import Atom, Cut
from crmkit.kernel.rules.check.meaning import Meaning
from crmkit.kernel.rules.check.names import Place
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Not, OddOf, Related, Rule

LEAVES = 1_000


class Reasoning:
    """Judges *rules* about *place*, and combinations of them.

    Args:
        rules: all that will be asked about.
        place: what they are about.
        leaves: conditions whose truth values are variables of their own, so that they can be counted.

    Raises:
        TooLarge: there are too many conditions, or they are too entangled.
    """

    def __init__(self, rules: Sequence[Rule], place: Place, *, leaves: Iterable[Rule] = ()) -> None:
        if sum(1 for rule in rules for _ in leaves_of(rule)) > LEAVES:
            raise TooLarge
        self.place = place
        self.meaning = Meaning(place)
        said = [self.meaning.of(rule) for rule in rules]
        there = [self.meaning.any(related) for related in list(self.meaning.rows)]
        known = lemmas(self.meaning, [*said, *there], self._within, self._empty)
        order = [*_ordered(atoms_in([*said, *there, *known]))]
        self.counted: dict[Rule, int] = {}
        levels = self._levels(order, list(leaves))
        self.diagram = Diagram(len(levels) + len(self.counted))
        self.variables = {atom: self.diagram.variable(level) for atom, level in levels.items()}
        self.made: dict[Rule, int] = {}
        linked = [
            self.diagram.same(self.diagram.variable(level), self.node(leaf)) for leaf, level in self.counted.items()
        ]
        self.given = self.diagram.all([*(self._node(lemma) for lemma in known), *linked])

    def _levels(self, order: list[Atom], leaves: list[Rule]) -> dict[Atom, int]:
        """A level for each atom, and behind the atoms of its subject one for each leaf."""
        following: dict[Any, list[Rule]] = {}
        for leaf in leaves:
            subjects = atoms_in([self.meaning.of(leaf)])
            if subjects:
                following.setdefault(next(iter(subjects)), []).append(leaf)
        levels: dict[Atom, int] = {}
        level = 0
        for position, atom in enumerate(order):
            levels[atom], level = level, level + 1
            if position + 1 == len(order) or order[position + 1].subject != atom.subject:
                for leaf in following.get(atom.subject, ()):
                    self.counted[leaf], level = level, level + 1
        return levels

    # ── Questions ──

    def node(self, rule: Rule) -> int:
        """The function that *rule* is."""
        return self._node(self.meaning.of(rule))

    def _node(self, rule: Rule) -> int:
        match rule:
            case nodes.Always(value):
                return EVER if value else NEVER
            case Atom():
                return self.variables[rule]
            case Not(inner):
                return self.diagram.no(self._node(inner))
            case AllOf(rules):
                return self.diagram.all(map(self._node, rules))
            case AnyOf(rules):
                return self.diagram.any(map(self._node, rules))
            case OddOf(rules):
                return self.diagram.odd(map(self._node, rules))
        raise TypeError(rule)

    def never(self, node: int) -> bool:
        """Whether it holds of nobody."""
        return self.diagram.both(self.given, node) == NEVER

    def alike(self, one: int, other: int) -> bool:
        """Whether both hold of the same."""
        return self.diagram.both(self.given, one) == self.diagram.both(self.given, other)

    # ── Related rows ──

    def _empty(self, related: Related) -> bool:
        rule, place = self.inside(related)
        return rule != AllOf(()) and is_never(rule, place)

    def _within(self, some: Related, more: Related) -> bool:
        """Whether rows of *some* are always among *more*; asked of the past, the latter may leave out the future."""
        ahead = some.window is not None and some.window.side == "next"
        if ahead and (more.window is None or more.window.open_ended):
            return False
        (one, place), (other, _) = self.inside(some), self.inside(more)
        return other == AllOf(()) or is_never(AllOf((one, Not(other))), place)

    def inside(self, related: Related) -> tuple[Rule, Place]:
        """What rows have to satisfy, and what they are."""
        place = self.place.many(related.path)
        parts = [] if related.where is None else [related.where]
        if related.window is not None:
            parts.append(nodes.During(place.when, related.window))
        return AllOf(tuple(parts)), place


def is_never(rule: Rule, place: Place) -> bool:
    """Whether *rule* is known to hold of nothing at all."""
    try:
        reasoning = Reasoning([rule], place)
        return reasoning.never(reasoning.node(rule))
    except TooLarge:
        return False


def leaves_of(rule: Rule) -> Iterable[Rule]:
    """The conditions that *rule* combines."""
    waiting = [rule]
    while waiting:
        here = waiting.pop()
        if isinstance(here, (AllOf, AnyOf, OddOf)):
            waiting += here.rules[::-1]
        elif isinstance(here, Not):
            waiting.append(here.rule)
        elif not isinstance(here, nodes.Always):
            yield here


def _ordered(atoms: dict[Any, dict[Any, Atom]]) -> list[Atom]:
    return [atom for some in atoms.values() for atom in sorted(some.values(), key=_place)]


def _place(atom: Atom) -> tuple[Any, ...]:
    if not isinstance(atom.said, Cut):
        return (0,)
    return (1, atom.said.scale, atom.said.place) if atom.said.scale in {"number", "text"} else (2,)

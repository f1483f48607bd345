"""What would have to be otherwise: the fewest conditions of a rule that bring somebody in, or make him leave."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.diagram import TooLarge
from crmkit.kernel.rules.check.judging import contradict
from crmkit.kernel.rules.check.names import Place
from crmkit.kernel.rules.check.reasoning import Reasoning
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Not, OddOf, Rule


@attrs.frozen(kw_only=True)
class Turn:
    """What would have to be otherwise.

    Attributes:
        leaves: the conditions whose truth would have to change, in the order of the rule; a condition that stands in
            several places is one, and so are ``city = "Rome"`` and ``city != "Rome"``.
        possible: false if no change can do it, as far as is known.
        smallest: whether no smaller set of conditions does it; very large rules are not searched to the end.
    """

    leaves: tuple[Rule, ...] = ()
    possible: bool = True
    smallest: bool = True


def base(rule: Rule) -> tuple[Rule, bool]:
    """A condition without its negation, and whether it was asked for as it is."""
    match rule:
        case Not(inner):
            leaf, straight = base(inner)
            return leaf, not straight
        case nodes.Compare(left, "!=", right):
            return nodes.Compare(left, "==", right), False
        case nodes.Has(expr, "none", values):
            return nodes.Has(expr, "any", values), False
    return rule, True


def turning(rule: Rule, now: Mapping[Rule, bool], place: Place, *, wanted: bool) -> Turn:
    """The fewest conditions that have to change for *rule* to come to *wanted*.

    Values that no world can have together are left out, as far as checks know them.

    Args:
        rule: what is judged.
        now: the conditions in it, in order, with their present truth.
        place: what it is about.
        wanted: what it should come to.
    """
    if holds(rule, now) is wanted:
        return Turn()
    try:
        reasoning = Reasoning([rule], place, leaves=now)
        node = reasoning.node(rule)
        goal = reasoning.diagram.both(reasoning.given, node if wanted else reasoning.diagram.no(node))
    except TooLarge:
        return _greedily(rule, now, place, wanted=wanted)
    turned = reasoning.diagram.nearest(goal, {level: now[leaf] for leaf, level in reasoning.counted.items()})
    if turned is None:
        return Turn(possible=False)
    return Turn(leaves=tuple(leaf for leaf in now if reasoning.counted.get(leaf) in turned))


def holds(rule: Rule, now: Mapping[Rule, bool]) -> bool:
    """What a rule comes to."""
    match rule:
        case nodes.Always(value):
            return value
        case AllOf(rules):
            return all(holds(r, now) for r in rules)
        case AnyOf(rules):
            return any(holds(r, now) for r in rules)
        case OddOf(rules):
            return sum(holds(r, now) for r in rules) % 2 == 1
        case Not(AllOf() | AnyOf() | OddOf() | Not() | nodes.Always() as inner):
            return not holds(inner, now)
    leaf, straight = base(rule)
    return now[leaf] is straight


# ── Rules that are too large to be searched ──


def _greedily(rule: Rule, now: Mapping[Rule, bool], place: Place, *, wanted: bool) -> Turn:
    """A small set of conditions: what each part needs is changed until the whole is as wanted, and then tidied."""
    values = dict(now)
    for _ in range(len(now)):
        needed = _needed(rule, values, wanted=wanted)
        if not needed:
            break
        values |= {leaf: not values[leaf] for leaf in needed}
    if holds(rule, values) is not wanted:
        return Turn(smallest=False)
    for leaf in [leaf for leaf in now if values[leaf] is not now[leaf]]:
        if holds(rule, {**values, leaf: now[leaf]}) is wanted:
            values[leaf] = now[leaf]
    turned = tuple(leaf for leaf in now if values[leaf] is not now[leaf])
    if contradict([leaf if values[leaf] else Not(leaf) for leaf in turned], place):
        return Turn(smallest=False)
    return Turn(leaves=turned, smallest=False)


def _needed(rule: Rule, values: Mapping[Rule, bool], *, wanted: bool) -> frozenset[Rule] | None:
    """Conditions whose change brings *rule* to *wanted* if they stand nowhere else; none if nothing does."""
    match rule:
        case nodes.Always(value):
            return frozenset() if value is wanted else None
        case AllOf(rules) | AnyOf(rules):
            each = [_needed(r, values, wanted=wanted) for r in rules]
            if isinstance(rule, AllOf) is wanted:
                known = [needed for needed in each if needed is not None]
                return frozenset().union(*known) if len(known) == len(each) else None
            return min((needed for needed in each if needed is not None), key=len, default=None)
        case OddOf(rules):
            if holds(rule, values) is wanted:
                return frozenset()
            each = [_needed(r, values, wanted=not holds(r, values)) for r in rules]
            return min((needed for needed in each if needed is not None), key=len, default=None)
        case Not(AllOf() | AnyOf() | OddOf() | Not() | nodes.Always() as inner):
            return _needed(inner, values, wanted=not wanted)
    leaf, straight = base(rule)
    return frozenset() if (values[leaf] is straight) is wanted else frozenset((leaf,))

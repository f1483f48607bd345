"""Judging rules: what can never hold, what always does, what decides nothing, what is never reached."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Schema
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.costs import cost_of, missing_indexes
from crmkit.kernel.rules.check.diagram import EVER, NEVER, TooLarge
from crmkit.kernel.rules.check.findings import Finding, Findings, Severity
from crmkit.kernel.rules.check.names import Place, check_names, place_of, place_of_all
from crmkit.kernel.rules.check.reasoning import Reasoning, is_never, leaves_of
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Expr, Not, OddOf, Rule, a_rule, walk
from crmkit.kernel.rules.parse import parse
from crmkit.kernel.rules.text import path_text, related_text, text_of
from crmkit.kernel.text import shown

PAIRS = 500
SMALL = 20
NOBODY = "it holds of nobody: its parts contradict each other"
NO_VALUE = "it holds of nobody: there is no such value"
EVERYBODY = "it holds of everybody: it says nothing"
NOTHING = "it decides nothing: without it the rule means the same"
UNREACHED = "it is never reached: the entries before it take everyone"


def check(rule: Rule, schema: Schema) -> Findings:
    """What is suspicious about *rule* over entities of *schema*.

    Whatever is called impossible, certain or idle is so in every world.  Not everything that is so is found: nothing is
    known of how the calendar, ages and different fields depend on each other.

    Raises:
        DefinitionError: it is no rule, or an entity has no such field.

    Example:
        >>> from crmkit import CRM, F
        >>> with CRM.open() as crm:
        ...     [f.message for f in crm.customers.segments.check((F.city == "Rome") & (F.city == "Oslo"))]
        ['it holds of nobody: its parts contradict each other']
    """
    nodes.measure(a_rule(rule))
    place = place_of(schema)
    check_names(rule, place)
    complete = True
    found: list[Finding] = []
    try:
        found += _whole(rule, place)
    except TooLarge:
        complete = False
        found += _pairs(rule, place)
    for related in dict.fromkeys(n for n in walk(rule) if isinstance(n, nodes.Related)):
        found += _rows(related, place)
    found += missing_indexes(rule, place)
    return Findings(findings=tuple(dict.fromkeys(found)), complete=complete, cost=cost_of(rule, place))


def check_order(rules: Mapping[str, Rule | str | Mapping[str, Any]], schema: Schema | None = None) -> Findings:
    """What is suspicious about an ordered list of rules in which the first one that holds wins.

    Args:
        rules: by name, in order; a rule, its text or its JSON.
        schema: what they are about; whatever kinds of entities have all of the names unless given.

    Raises:
        DefinitionError: an entry is no rule, or there is no such field.

    Example:
        >>> from crmkit import F
        >>> found = check_order({"silver": F.orders.count() >= 1, "gold": "orders[].count >= 10"})
        >>> [(finding.about, finding.message) for finding in found][0]
        ('gold', 'it is never reached: the entries before it take everyone')
    """
    if not isinstance(rules, Mapping):
        raise InvalidInput(f"an ordered list of rules is given by name, as in {{'gold': rule}}, not as {shown(rules)}")
    known = {name: _read(rule) for name, rule in rules.items()}
    for rule in known.values():
        nodes.measure(rule)
    place = place_of_all(list(known.values())) if schema is None else place_of(schema)
    for rule in known.values():
        check_names(rule, place)
    try:
        reasoning = Reasoning(list(known.values()), place)
        found = list(_order(known, reasoning))
        complete = True
    except TooLarge:
        found, complete = list(_order_by_pairs(known, place)), False
    costs = {cost_of(rule, place) for rule in known.values()}
    cost = next((c for c in ("nested", "related", "field") if c in costs), "indexed" if costs else "field")
    return Findings(findings=tuple(found), complete=complete, cost=cost)


def _read(rule: Any) -> Rule:
    if isinstance(rule, str):
        return parse(rule)
    if isinstance(rule, Mapping):
        from crmkit.kernel.rules.specs import from_json  # noqa: PLC0415 - pydantic, when it is needed

        return from_json(rule)
    return a_rule(rule)


# ── One rule ──


def _whole(rule: Rule, place: Place) -> Iterator[Finding]:
    if isinstance(rule, nodes.Always):
        return
    reasoning = Reasoning([rule], place)
    whole = reasoning.node(rule)
    if reasoning.never(whole):
        yield Finding("error", text_of(rule), _why_not(rule))
    elif reasoning.never(reasoning.diagram.no(whole)):
        yield Finding("error", text_of(rule), EVERYBODY)
    else:
        pruning = _Pruning(reasoning, whole)
        pruning.prune(rule, (NEVER, EVER), (NEVER, EVER))
        yield from (Finding("warning", text_of(branch), NOTHING) for branch in pruning.idle)


def _why_not(rule: Rule) -> str:
    return NOBODY if isinstance(rule, (AllOf, AnyOf, OddOf, Not)) else NO_VALUE


class _Pruning:
    """Takes away the branches without which the whole holds of the same.

    A branch stands in two surroundings: the rule as it is, and the rule without the branches that have been taken away
    already.  It must be idle in both, so that one of them can be taken away, or all.  A surrounding is what the whole
    comes to if the branch never holds, and if it always does.
    """

    def __init__(self, reasoning: Reasoning, whole: int) -> None:
        self.reasoning, self.diagram, self.whole = reasoning, reasoning.diagram, whole
        self.idle: list[Rule] = []

    def prune(self, rule: Rule, as_is: tuple[int, int], pruned: tuple[int, int]) -> int:
        """What is left of *rule*."""
        match rule:
            case Not(inner):
                return self.diagram.no(self.prune(inner, as_is[::-1], pruned[::-1]))
            case AllOf(rules) | AnyOf(rules) | OddOf(rules) if len(rules) > 1:
                return self._several(type(rule), rules, as_is, pruned)
        return self.reasoning.node(rule)

    def _several(self, kind: type[Rule], rules: Sequence[Rule], as_is: tuple[int, int], pruned: tuple[int, int]) -> int:
        join = {AllOf: self.diagram.both, AnyOf: self.diagram.either, OddOf: self.diagram.apart}[kind]
        gone = kind is AllOf  # what a branch that is taken away counts as
        made = [self.reasoning.node(r) for r in rules]
        neutral = EVER if gone else NEVER
        behind = [*itertools.accumulate(reversed(made), join, initial=neutral)][::-1]
        before = left = neutral
        kept = 0
        for n, branch in enumerate(rules):
            here = self._around(kind, join(before, behind[n + 1]), as_is)
            there = self._around(kind, join(left, behind[n + 1]), pruned)
            before = join(before, made[n])
            alone = not kept and n == len(rules) - 1
            if not alone and all(self.reasoning.alike(around[gone], self.whole) for around in (here, there)):
                self.idle.append(branch)
                continue
            kept += 1
            left = join(left, self.prune(branch, here, there))
        return left

    def _around(self, kind: type[Rule], others: int, around: tuple[int, int]) -> tuple[int, int]:
        never, ever = around
        if kind is AllOf:
            return never, self.diagram.choose(others, ever, never)
        if kind is AnyOf:
            return self.diagram.choose(others, ever, never), ever
        return self.diagram.choose(others, ever, never), self.diagram.choose(others, never, ever)


def _rows(related: nodes.Related, place: Place) -> Iterator[Finding]:
    """What is suspicious about the conditions of related rows."""
    parts = [] if related.where is None else [related.where]
    target = place.many(related.path)
    if related.window is not None:
        parts.append(nodes.During(target.when, related.window))
    rule = parts[0] if len(parts) == 1 else AllOf(tuple(parts))
    if not parts or isinstance(rule, nodes.Always):
        return
    try:
        found = list(_whole(rule, target))
    except TooLarge:
        found = list(_pairs(rule, target))
    for finding in found:
        if finding.severity == "error" and finding.message != EVERYBODY:
            yield Finding(
                "warning", related_text(related), "there are no such rows: the conditions contradict each other"
            )
        elif finding.severity == "warning":
            yield attrs.evolve(
                finding, message=f"{finding.message} (among the conditions of {path_text(related.path)})"
            )


# ── Rules that are too large as a whole ──


def _pairs(rule: Rule, place: Place) -> Iterator[Finding]:
    """Look at the conditions alone, and at two of them that stand side by side and look at the same thing."""
    for leaf in dict.fromkeys(leaves_of(rule)):
        yield from _alone(leaf, place)
    combined = [node for node in walk(rule) if isinstance(node, (AllOf, AnyOf))]
    each = max(PAIRS // max(len(combined), 1), 1)
    pairs = ((node, a, b) for node in combined for a, b in itertools.islice(_neighbours(node), each))
    for node, one, other in itertools.islice(pairs, PAIRS):
        try:
            reasoning = Reasoning([one, other], place)
            yield from _together(node, one, other, reasoning, whole=node is rule)
        except TooLarge:
            continue


def _alone(leaf: Rule, place: Place) -> Iterator[Finding]:
    reasoning = Reasoning([leaf], place)
    node = reasoning.node(leaf)
    if reasoning.never(node):
        yield Finding("warning", text_of(leaf), NO_VALUE)
    elif reasoning.never(reasoning.diagram.no(node)):
        yield Finding("warning", text_of(leaf), EVERYBODY)


def _neighbours(node: AllOf | AnyOf) -> Iterator[tuple[Rule, Rule]]:
    """Parts that look at the same thing."""
    by_subject: dict[Any, list[Rule]] = {}
    for part in node.rules:
        if sum(1 for _ in itertools.islice(leaves_of(part), SMALL + 1)) <= SMALL:
            for subject in dict.fromkeys(_subjects(part)):
                by_subject.setdefault(subject, []).append(part)
    seen: set[tuple[int, int]] = set()
    for parts in by_subject.values():
        for one, other in itertools.combinations(parts, 2):
            if (id(one), id(other)) not in seen:
                seen.add((id(one), id(other)))
                yield one, other


def contradict(conditions: Sequence[Rule], place: Place) -> bool:
    """Whether *conditions* are known to exclude each other: all of them together, or if they are too many in pairs."""
    together = AllOf(tuple(conditions))
    if is_never(together, place):
        return True
    pairs = itertools.islice(_neighbours(together), PAIRS)
    return any(is_never(AllOf(pair), place) for pair in pairs)


def _subjects(rule: Rule) -> Iterator[Any]:
    for leaf in leaves_of(rule):
        if isinstance(leaf, nodes.Has):
            yield from ((leaf.expr, value) for value in leaf.values)
            continue
        for node in nodes.children(leaf):
            if isinstance(node, nodes.Related):
                yield node.path
            elif isinstance(node, nodes.Aggregate):
                yield node.related.path
            elif isinstance(node, Expr) and not isinstance(node, nodes.Const):
                yield node.of if isinstance(node, nodes.Part) else node
        yield leaf


def _together(node: AllOf | AnyOf, one: Rule, other: Rule, reasoning: Reasoning, *, whole: bool) -> Iterator[Finding]:
    diagram = reasoning.diagram
    a, b = reasoning.node(one), reasoning.node(other)
    every = isinstance(node, AllOf)
    both = text_of(type(node)((one, other)))
    if reasoning.never(a) or reasoning.never(b) or reasoning.never(diagram.no(a)) or reasoning.never(diagram.no(b)):
        return
    severity: Severity = "error" if whole else "warning"
    if every and reasoning.never(diagram.both(a, b)):
        yield Finding(severity, both, NOBODY)
    elif not every and reasoning.never(diagram.no(diagram.either(a, b))):
        yield Finding(severity, both, EVERYBODY)
    elif reasoning.never(diagram.both(a, diagram.no(b))):
        yield Finding("warning", text_of(other if every else one), NOTHING)
    elif reasoning.never(diagram.both(b, diagram.no(a))):
        yield Finding("warning", text_of(one if every else other), NOTHING)


# ── Several rules ──


def _order(rules: Mapping[str, Rule], reasoning: Reasoning) -> Iterator[Finding]:
    diagram = reasoning.diagram
    before: list[tuple[str, int]] = []
    taken = NEVER
    for name, rule in rules.items():
        mine = reasoning.node(rule)
        if reasoning.never(mine):
            yield Finding("error", name, _why_not(rule))
        elif reasoning.never(diagram.both(mine, diagram.no(taken))):
            yield Finding("error", name, UNREACHED)
        else:
            others = [n for n, node in before if not reasoning.never(diagram.both(mine, node))]
            if others:
                yield Finding("hint", name, _overlap(others))
        before.append((name, mine))
        taken = diagram.either(taken, mine)
    if not reasoning.never(diagram.no(taken)):
        yield _gap()


def _order_by_pairs(rules: Mapping[str, Rule], place: Place) -> Iterator[Finding]:
    for position, (name, rule) in enumerate(rules.items()):
        others: list[str] = []
        shadowed = False
        for other, earlier in itertools.islice(rules.items(), position):
            try:
                reasoning = Reasoning([rule, earlier], place)
                mine, theirs = reasoning.node(rule), reasoning.node(earlier)
                shadowed |= reasoning.never(reasoning.diagram.both(mine, reasoning.diagram.no(theirs)))
                if not reasoning.never(reasoning.diagram.both(mine, theirs)):
                    others.append(other)
            except TooLarge:
                continue
        if shadowed:
            yield Finding("error", name, UNREACHED)
        elif others:
            yield Finding("hint", name, _overlap(others))


def _overlap(others: Sequence[str]) -> str:
    return f"it overlaps with {', '.join(others)}, which win"


def _gap() -> Finding:
    return Finding("hint", "the list", "not everyone is caught: add a last entry for the rest if that is wanted")

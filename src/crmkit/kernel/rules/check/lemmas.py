"""What is true of atoms in every world: an amount over 5 is over 3, and who has had two orders has had one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crmkit.kernel.entity import Kind
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.lines import EVERYONE, Atom, Cut, Line, comes_before, not_later
from crmkit.kernel.rules.check.meaning import Meaning, Search
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Expr, Not, OddOf, Related, Rule
from crmkit.kernel.rules.planned import OUTERMOST

SOME = 60  # things of one kind that are compared with each other
Inclusion = Callable[[Related, Related], bool]
TOLD_OF_VALUES = {"search", "one of", "anniversary"}
TOTAL = {Kind.TEXT, Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.INSTANT, Kind.DURATION}


def implies(one: Rule, other: Rule) -> Rule:
    """Where *one* holds, *other* does."""
    return AnyOf((Not(one), other))


def exclude(one: Rule, other: Rule) -> Rule:
    """Not both."""
    return Not(AllOf((one, other)))


def atoms_in(rules: Iterable[Rule]) -> dict[Any, dict[Any, Atom]]:
    """The atoms, by subject and what is said of it, in the order in which they come."""
    found: dict[Any, dict[Any, Atom]] = {}
    waiting = list(rules)[::-1]
    while waiting:
        rule = waiting.pop()
        if isinstance(rule, Atom):
            found.setdefault(rule.subject, {})[rule.said] = rule
        elif isinstance(rule, (AllOf, AnyOf, OddOf)):
            waiting += rule.rules[::-1]
        elif isinstance(rule, Not):
            waiting.append(rule.rule)
    return found


def lemmas(meaning: Meaning, said: Iterable[Rule], within: Inclusion, empty: Callable[[Related], bool]) -> list[Rule]:
    """All that is known of the atoms in *said*.

    Args:
        meaning: what has said them.
        said: rules made of atoms.
        within: whether the rows of the first kind are always among those of the second.
        empty: whether there can be no such rows.
    """
    atoms = atoms_in(said)
    cuts = {subject: _cuts(some) for subject, some in atoms.items()}
    found = [*_rows(meaning, cuts, within, empty)]
    for subject, some in atoms.items():
        line = meaning.lines.get(subject)
        if line is not None:
            found += _in_order(line, cuts[subject])
        found += _present(meaning, subject, some)
        found += _states(some)
    found += _searched(meaning)
    found += _listed(meaning)
    found += _currencies(meaning)
    found += _ways(meaning, atoms)
    found += _sequences(meaning)
    return found


def _cuts(some: dict[Any, Atom]) -> list[Atom]:
    return [atom for said, atom in some.items() if isinstance(said, Cut)]


# ── One thing ──


def _in_order(line: Line, cuts: list[Atom]) -> Iterator[Rule]:
    chains: dict[str, list[Atom]] = {}
    moments: list[Atom] = []
    for atom in cuts:
        if atom.said.scale in {"number", "text"}:
            chains.setdefault(atom.said.scale, []).append(atom)
        else:
            moments.append(atom)
    for chain in chains.values():
        chain.sort(key=lambda atom: atom.said.place)
        yield from (implies(high, low) for low, high in itertools.pairwise(chain))
        if line.present != EVERYONE:
            yield implies(chain[0], line.present)
    if line.present != EVERYONE:
        yield from (implies(atom, line.present) for atom in moments)
    for early, late in itertools.permutations(moments[:SOME], 2):
        if comes_before(early.said, late.said):
            yield implies(late, early)


def _present(meaning: Meaning, subject: Any, some: dict[Any, Atom]) -> Iterator[Rule]:
    """What is said of a value is said of one that is there."""
    match subject:
        case ("tag", expr, _):
            told = list(some.values())
        case nodes.Expr() as expr:
            told = [a for said, a in some.items() if isinstance(said, tuple) and said[0] in TOLD_OF_VALUES]
        case _:
            return
    there = meaning.present(expr)
    if there != EVERYONE:
        yield from (implies(atom, there) for atom in told)


def _states(some: dict[Any, Atom]) -> Iterator[Rule]:
    """What has lasted for long has lasted for a shorter time; what returns within days returns within more of them."""
    told = [atom for said, atom in some.items() if isinstance(said, tuple) and said[0] in {"held", "anniversary"}]
    for one, other in itertools.permutations(told[:SOME], 2):
        match one.said, other.said:
            case ("held", state, window), ("held", other_state, other_window):
                if other_state in {state, None} and not_later(window, other_window):
                    yield implies(one, other)
            case ("anniversary", days), ("anniversary", more) if days <= more:
                yield implies(one, other)


# ── Texts and lists ──


def _searched(meaning: Meaning) -> Iterator[Rule]:
    for expr, searches in meaning.searches.items():
        for one, other in itertools.permutations(searches[:SOME], 2):
            if _finds(one, other):
                yield implies(one.meaning, other.meaning)
            elif _excludes(one, other):
                yield exclude(one.meaning, other.meaning)
        for place, equal in itertools.islice(meaning.equal.get(expr, {}).items(), SOME * SOME // len(searches)):
            for search in searches:
                yield implies(equal, search.meaning if search.holds(place) else Not(search.meaning))


def _finds(one: Search, other: Search) -> bool:
    """Whether whatever passes *one* passes *other*."""
    if one.fold is not other.fold:
        return False
    if one.how == "equals":
        return _of_folded(other).holds(one.text)
    if other.how == "contains":
        return other.text in one.text
    if one.how != other.how:
        return False
    return one.text.endswith(other.text) if one.how == "ends_with" else one.text.startswith(other.text)


def _of_folded(search: Search) -> Search:
    """The same test of a text that has been folded already."""
    return Search(search.how, search.text, fold=False, meaning=search.meaning)


def _excludes(one: Search, other: Search) -> bool:
    if one.fold is not other.fold:
        return False
    if one.how == "equals":
        return not _of_folded(other).holds(one.text)
    ends = one.how == other.how == "ends_with"
    return ends and not (one.text.endswith(other.text) or other.text.endswith(one.text))


def _listed(meaning: Meaning) -> Iterator[Rule]:
    """Long lists of values, and the single values that there are beside them."""
    for expr, lists in meaning.among.items():
        for place, equal in itertools.islice(meaning.equal.get(expr, {}).items(), SOME * SOME // len(lists)):
            for places, among in lists:
                yield implies(equal, among if place in places else Not(among))
        for (places, among), (others, other) in itertools.permutations(lists[:SOME], 2):
            if places <= others:
                yield implies(among, other)
            elif places.isdisjoint(others):
                yield exclude(among, other)


def _currencies(meaning: Meaning) -> Iterator[Rule]:
    """An amount is there if it is there in some currency; a single one has one currency only."""
    by_expr: dict[Expr, list[Line]] = {}
    for subject, line in meaning.lines.items():
        if isinstance(subject, tuple) and line.present != EVERYONE:
            by_expr.setdefault(subject[0], []).append(line)
    for expr, lines in by_expr.items():
        there = meaning.present(expr)
        if there != EVERYONE:
            yield from (implies(line.present, there) for line in lines)
        if not isinstance(expr, nodes.Aggregate) or expr.function in OUTERMOST:
            for one, other in itertools.combinations(lines[:SOME], 2):
                yield exclude(one.present, other.present)


# ── Several things ──


def _ways(meaning: Meaning, atoms: dict[Any, dict[Any, Atom]]) -> Iterator[Rule]:
    """What stands at the end of a way is there only if the way is; of two values one is less, or they are the same."""
    for subject, some in atoms.items():
        match subject:
            case nodes.Attr(path) if len(path) > 1 and "extra" not in path:
                for length in range(1, len(path)):
                    before = meaning.present(meaning.canonical(nodes.Attr(path[:length])))
                    if before != EVERYONE:
                        yield implies(Atom(subject, "present"), before)
            case (nodes.Expr() as left, nodes.Expr() as right):
                yield from _paired(meaning, left, right, some)


def _paired(meaning: Meaning, left: Expr, right: Expr, some: dict[Any, Atom]) -> Iterator[Rule]:
    both = AllOf((meaning.present(left), meaning.present(right)))
    told = list(some.values())
    yield from (implies(atom, both) for atom in told)
    yield from (exclude(one, other) for one, other in itertools.combinations(told, 2))
    if {meaning.kind(left), meaning.kind(right)} <= TOTAL:
        yield implies(both, AnyOf(tuple(Atom((left, right), said) for said in ("less", "same", "more"))))


def _sequences(meaning: Meaning) -> Iterator[Rule]:
    told = [(leaf, made) for leaf, made in meaning.known.items() if isinstance(leaf, nodes.Sequence)]
    for leaf, made in told:
        yield implies(made, AllOf((meaning.any(leaf.first), meaning.any(leaf.then))))
    for (one, made), (other, also) in itertools.permutations(told[:SOME], 2):
        if (one.first, one.then) == (other.first, other.then) and one.hours <= other.hours:
            yield implies(made, also)


# ── Related rows ──


def _rows(
    meaning: Meaning, cuts: dict[Any, list[Atom]], within: Inclusion, empty: Callable[[Related], bool]
) -> Iterator[Rule]:
    for related in meaning.rows:
        if empty(related):
            yield Not(meaning.any(related))
    for expr in [e for e in meaning.lines if isinstance(e, nodes.Aggregate) and e.function != "count"]:
        yield from _of_nothing(meaning, expr, cuts.get(expr, []), cuts)
    for subject in [s for s in meaning.lines if isinstance(s, tuple) and isinstance(s[0], nodes.Aggregate)]:
        yield from _of_nothing(meaning, subject[0], cuts.get(subject, []), cuts)
    by_path: dict[tuple[str, ...], list[Related]] = {}
    for related in meaning.rows:
        by_path.setdefault(related.path, []).append(related)
    for rows in by_path.values():
        for some, more in itertools.permutations(rows[: SOME // 5], 2):
            if within(some, more):
                few, many = nodes.Aggregate("count", some), nodes.Aggregate("count", more)
                yield from _at_most(meaning, few, cuts.get(few, []), many, cuts.get(many, []))


def _of_nothing(
    meaning: Meaning, expr: nodes.Aggregate, cuts: list[Atom], everything: dict[Any, list[Atom]]
) -> Iterator[Rule]:
    """Of no rows, sums and numbers of values are 0 and the others missing."""
    if expr.function == "distinct":
        counted = nodes.Aggregate("count", expr.related)
        yield from _at_most(meaning, expr, cuts, counted, everything.get(counted, []))
    elif expr.function == "sum":
        for atom in cuts:
            yield implies(atom if atom.said.place > (0, 0) else Not(atom), meaning.any(expr.related))
    elif meaning.present(expr) != EVERYONE:
        yield implies(meaning.present(expr), meaning.any(expr.related))


def _at_most(
    meaning: Meaning, few: nodes.Aggregate, cuts: list[Atom], many: nodes.Aggregate, others: list[Atom]
) -> Iterator[Rule]:
    """What is counted here is counted there, too."""
    one = meaning.any(many.related)
    lower = sorted([*others, *([one] if isinstance(one, Atom) else [])], key=lambda atom: atom.said.place)
    upper = list(cuts)
    if few.function == "count":
        there = meaning.any(few.related)
        upper += [there] if isinstance(there, Atom) else []
    for atom in upper:
        reached = [other for other in lower if other.said.place <= atom.said.place]
        if reached:
            yield implies(atom, reached[-1])

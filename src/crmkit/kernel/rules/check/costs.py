"""What a rule costs, and which index would help."""

from __future__ import annotations

from collections.abc import Iterator

from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.findings import Finding
from crmkit.kernel.rules.check.names import Place
from crmkit.kernel.rules.nodes import AllOf, AnyOf, OddOf, Rule, walk
from crmkit.kernel.rules.text import path_text


def cost_of(rule: Rule, place: Place) -> str:
    """The cost class of *rule*, as :class:`Findings` describes it."""
    ways = [_ways(node) for node in walk(rule)]
    if max(ways, default=0) > 1 or any(_inside(node) for node in walk(rule)):
        return "nested"
    if max(ways, default=0):
        return "related"
    return "indexed" if _is_served(rule, place) else "field"


def _ways(node: object) -> int:
    """How many relations a node goes over."""
    match node:
        case nodes.Related(path):
            return len(path)
        case nodes.Attr(path) if "extra" in path:
            return path.index("extra")
        case nodes.Attr(path):
            return len(path) - 1
        case nodes.InSegment():
            return 1
    return 0


def _inside(node: object) -> bool:
    """Whether related rows are asked for rows of their own."""
    if not isinstance(node, nodes.Related) or node.where is None:
        return False
    return any(
        isinstance(inner, (nodes.Related, nodes.InSegment))
        or (isinstance(inner, nodes.Attr) and len(inner.path) > 1 and inner.path[0] != "extra")
        for inner in walk(node.where)
    )


def _attribute(rule: Rule) -> tuple[str, ...] | None:
    """The attribute whose index finds what *rule* asks for, if an index can."""
    match rule:
        case nodes.Compare(nodes.Attr(path), operator, nodes.Const()) if operator != "!=":
            return path
        case nodes.OneOf(nodes.Attr(path)) | nodes.During(nodes.Attr(path)) | nodes.Missing(nodes.Attr(path)):
            return path
    return None


def _is_served(rule: Rule, place: Place) -> bool:
    """Whether indexes leave less than the whole table to look at."""
    match rule:
        case AllOf(rules):
            return any(_is_served(r, place) for r in rules)
        case AnyOf(rules):
            return bool(rules) and all(_is_served(r, place) for r in rules)
    path = _attribute(rule)
    return path is not None and len(path) == 1 and has_index(place, place.key(path)[0])


def has_index(place: Place, name: str) -> bool:
    """Whether an index begins with the attribute."""
    return bool(place.candidates) and all(
        name in here
        and (
            name == "id"
            or here[name].index
            or here[name].unique
            or here[name].references is not None
            or any(not i.where and i.attributes[0] == name for i in here.indexes)
        )
        for here in place.candidates
    )


def missing_indexes(rule: Rule, place: Place) -> Iterator[Finding]:
    """Hint at what a large table would need an index for."""
    wanted = () if _is_served(rule, place) else _wanted(rule, place)
    if wanted:
        names = ", ".join(map(path_text, dict.fromkeys(wanted)))
        yield Finding("hint", names, "no index helps: declare one with attribute(index=True) if the table is large")
    else:
        searched = [r.expr.path for r in _parts(rule) if isinstance(r, nodes.Match) and isinstance(r.expr, nodes.Attr)]
        if searched and not _is_served(rule, place):
            names = ", ".join(map(path_text, dict.fromkeys(searched)))
            yield Finding("hint", names, "no index finds parts of texts: ask for something that has an index beside it")


def _wanted(rule: Rule, place: Place) -> tuple[tuple[str, ...], ...]:
    """The attributes that would need an index for *rule* to be served; none if indexes cannot serve it."""
    match rule:
        case AllOf(rules):
            return tuple(path for r in rules for path in _wanted(r, place))
        case AnyOf(rules):
            each = [_wanted(r, place) for r in rules if not _is_served(r, place)]
            return tuple(path for paths in each for path in paths) if all(each) else ()
    path = _attribute(rule)
    if path is None or "extra" in path:
        return ()
    *way, last = path
    target = place.many(way)
    known = all(last in here for here in target.candidates) and bool(target.candidates)
    return (path,) if known and not has_index(target, last) else ()


def _parts(rule: Rule) -> Iterator[Rule]:
    if isinstance(rule, (AllOf, AnyOf, OddOf)):
        for inner in rule.rules:
            yield from _parts(inner)
    else:
        yield rule

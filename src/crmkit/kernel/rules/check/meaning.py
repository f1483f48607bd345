"""What rules say, in the simplest words: every comparison becomes a combination of atoms.

What atoms have to do with each other stands in ``lemmas.py``.  Whatever is not known of an atom makes it freely true or
false, so that what holds at no combination of atoms holds of nobody.
"""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Any

import attrs

from crmkit.kernel.entity import Attribute, Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.check.lines import (
    EVERYONE,
    GRIDS,
    NOBODY,
    TYPES,
    Atom,
    Line,
    OddError,
    during,
    placed,
)
from crmkit.kernel.rules.check.names import Place
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Expr, Not, OddOf, Operator, Related, Rule, Window
from crmkit.kernel.rules.plan.fitting import LIMITS
from crmkit.kernel.rules.planned import FROM_NOTHING
from crmkit.kernel.text import fold

MANY = 40  # values of a list that are looked at one by one
COUNTING = {"count", "distinct"}
PARTS = {
    "year": (1, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "weekday": (1, 7),
    "hour": (0, 23),
    "monthday": (101, 1231),
}
BY_TYPE = {str: Kind.TEXT, bool: Kind.BOOLEAN, date: Kind.INSTANT, datetime: Kind.INSTANT, Money: Kind.MONEY}


@attrs.frozen
class Search:
    """A test of a text, with what it came to."""

    how: str
    text: str
    fold: bool
    meaning: Rule

    def holds(self, text: str) -> bool:
        """Whether *text* passes."""
        here = fold(text) if self.fold else text
        match self.how:
            case "contains":
                return self.text in here
            case "starts_with":
                return here.startswith(self.text)
            case "ends_with":
                return here.endswith(self.text)
        return here == self.text


@attrs.frozen
class Meaning:
    """What rules about one place say, and everything that they mention.

    Attributes:
        equal: for an expression, the places that it is compared with by ``==``, and what that comparison came to.
        among: for an expression, the long lists of places, and what they came to.
        searches: for a text, the tests.
        present: what is said to be there or not.
        rows: the related rows.
        lines: what has an order, by subject.
    """

    place: Place
    known: dict[Rule, Rule] = attrs.field(factory=dict)
    equal: dict[Expr, dict[Any, Rule]] = attrs.field(factory=dict)
    among: dict[Expr, list[tuple[frozenset[Any], Rule]]] = attrs.field(factory=dict)
    searches: dict[Expr, list[Search]] = attrs.field(factory=dict)
    rows: dict[Related, None] = attrs.field(factory=dict)
    lines: dict[Any, Line] = attrs.field(factory=dict)

    def of(self, rule: Rule) -> Rule:
        """*rule*, said in atoms."""
        match rule:
            case nodes.Always() | Atom():
                return rule
            case AllOf(rules):
                return AllOf(tuple(map(self.of, rules)))
            case AnyOf(rules):
                return AnyOf(tuple(map(self.of, rules)))
            case OddOf(rules):
                return OddOf(tuple(map(self.of, rules)))
            case Not(inner):
                return Not(self.of(inner))
        if rule not in self.known:
            try:
                self.known[rule] = self._leaf(rule)
            except OddError:
                self.known[rule] = Atom(rule, "free")
        return self.known[rule]

    def _leaf(self, leaf: Rule) -> Rule:
        match leaf:
            case nodes.Compare(left, operator, nodes.Const(value)):
                return self._compare(self.canonical(left), operator, value)
            case nodes.Compare(left, operator, right):
                return self._pair(self.canonical(left), operator, self.canonical(right))
            case nodes.OneOf(expr, values):
                return self._one_of(self.canonical(expr), values)
            case nodes.Missing(expr):
                return Not(self.present(self.canonical(expr)))
            case nodes.Match(expr, how, text, folded):
                return self._match(self.canonical(expr), how, fold(text) if folded else text, folded=folded)
            case nodes.Has(expr, quantifier, values):
                here = self.canonical(expr)
                tags = tuple(Atom(("tag", here, value), "has") for value in values)
                if quantifier == "all":
                    return AllOf((self.present(here), *tags))
                return AnyOf(tags) if quantifier == "any" else Not(AnyOf(tags))
            case nodes.During(expr, window):
                return self._during(self.canonical(expr), window)
            case nodes.Anniversary(expr, days):
                return Atom(self.canonical(expr), ("anniversary", days))
            case nodes.Held(expr, state, window):
                return Atom(self.canonical(expr), ("held", state, window))
            case nodes.Exists(related):
                return self.any(related)
            case nodes.Sequence(first, then):
                self.any(first)
                self.any(then)
        return Atom(leaf, "free")

    # ── What is compared ──

    def canonical(self, expr: Expr) -> Expr:
        """The same expression for the same thing."""
        match expr:
            case nodes.Attr(path) if "extra" not in path:
                return nodes.Attr(self.place.key(path))
            case nodes.Part(of, part):
                return nodes.Part(self.canonical(of), part)
            case nodes.Aggregate(function, related) if function == "count":
                self.rows[related] = None
            case nodes.Aggregate(_, related):
                self.any(related)
        return expr

    def attribute(self, expr: Expr) -> Attribute | None:
        """The attribute that is looked at, if it is known."""
        match expr:
            case nodes.Attr(path):
                return self.place.attribute(path)
            case nodes.Aggregate(_, related, nodes.Attr(path)):
                return self.place.many(related.path).attribute(path)
        return None

    def kind(self, expr: Expr) -> Kind | None:
        """The kind of value that *expr* has, if it is known."""
        match expr:
            case nodes.Part() | nodes.Bucket():
                return Kind.INTEGER
            case nodes.Aggregate(function) if function in COUNTING:
                return Kind.INTEGER
        a = self.attribute(expr)
        return None if a is None else a.kind

    def present(self, expr: Expr) -> Rule:
        """That there is a value."""
        match expr:
            case nodes.Aggregate(function) if function in FROM_NOTHING:
                return EVERYONE
            case nodes.Bucket() | nodes.Const():
                return EVERYONE
            case nodes.Part(of):
                return self.present(of)
            case nodes.Attr((_,)):
                a = self.attribute(expr)
                if a is not None and a.required:
                    return EVERYONE
        return Atom(expr, "present")

    def any(self, related: Related) -> Rule:
        """That there are related rows."""
        self.rows[related] = None
        return self.line(nodes.Aggregate("count", related), Kind.INTEGER).cuts(1)[0]

    def line(self, expr: Expr, kind: Kind | None, currency: str | None = None) -> Line:
        """The values that *expr* can have; amounts in one currency."""
        subject = expr if currency is None else (expr, currency)
        if subject not in self.lines:
            self.lines[subject] = self._line(subject, expr, kind, currency)
        return self.lines[subject]

    def _line(self, subject: Any, expr: Expr, kind: Kind | None, currency: str | None) -> Line:
        present = self.present(expr)
        if currency is not None and (present != EVERYONE or not isinstance(expr, nodes.Aggregate)):
            present = Atom(subject, "present")
        low, high = self._limits(expr, kind)
        grid = None if kind is None or _is_mean(expr) else GRIDS.get(kind)
        a = None if _is_computed(expr) else self.attribute(expr)
        choices = a.choices if a is not None and kind is Kind.TEXT else None
        return Line(subject=subject, kind=kind, present=present, grid=grid, low=low, high=high, choices=choices)

    def _limits(self, expr: Expr, kind: Kind | None) -> tuple[Fraction | None, Fraction | None]:
        match expr:
            case nodes.Part(_, part):
                first, last = PARTS.get(part, (None, None))
                return _exact(first), _exact(last)
            case nodes.Bucket(size):
                return Fraction(0), Fraction(size - 1)
            case nodes.Aggregate(function) if function in COUNTING:
                return Fraction(0), None
        if kind is Kind.BOOLEAN:
            return Fraction(0), Fraction(1)
        if kind is Kind.DATE:
            return Fraction(1), Fraction(date.max.toordinal())
        if kind not in {Kind.INTEGER, Kind.DECIMAL, Kind.DURATION, Kind.NUMBER}:
            return None, None
        limit = None if kind is Kind.NUMBER else Fraction(placed(LIMITS[kind], None))
        a = self.attribute(expr)
        least = None if a is None or kind is Kind.DURATION else a.at_least
        if least is None or (least < 0 and _is_sum(expr)):
            return None if limit is None else -limit, limit
        return Fraction(0 if _is_sum(expr) else least), limit

    # ── Comparisons ──

    def _compare(self, left: Expr, operator: Operator, value: Any) -> Rule:
        if operator == "!=":
            return Not(self._compare(left, "==", value))
        kind = self.kind(left) or BY_TYPE.get(type(value))
        if (
            kind is not None
            and type(value) not in TYPES.get(kind, ())
            and not (_is_mean(left) and kind is Kind.INTEGER)
        ):
            raise OddError
        if isinstance(left, nodes.Part) and left.part == "year" and self.kind(left.of) is Kind.DATE:
            return self._year(left.of, operator, value)
        currency = value.currency if isinstance(value, Money) else None
        made = self.line(left, kind, currency).compare(operator, value)
        if operator == "==" and kind is not Kind.INSTANT:
            self.equal.setdefault(left, {})[_identity(value, kind)] = made
        return made

    def _year(self, of: Expr, operator: Operator, year: Any) -> Rule:
        """A year of a date is a stretch of days."""
        line = self.line(of, Kind.DATE)

        def from_(first: int) -> Rule:
            if not 1 <= first <= date.max.year:
                return line.present if first < 1 else NOBODY
            return line.cuts(date(first, 1, 1))[0]

        if type(year) is not int:
            raise OddError
        here, beyond = from_(year), from_(year + 1)
        match operator:
            case "==":
                return AllOf((here, Not(beyond)))
            case "<" | "<=":
                return AllOf((line.present, Not(here if operator == "<" else beyond)))
        return here if operator == ">=" else beyond

    def _one_of(self, expr: Expr, values: tuple[Any, ...]) -> Rule:
        kind = self.kind(expr)
        if len(values) <= MANY:
            return AnyOf(tuple(self._compare(expr, "==", value) for value in values))
        made = Atom(expr, ("one of", values))
        if kind is not None and kind is not Kind.INSTANT:
            places = frozenset(_identity(value, kind) for value in values)
            self.among.setdefault(expr, []).append((places, made))
        return made

    def _match(self, expr: Expr, how: str, text: str, *, folded: bool) -> Rule:
        if not text and how != "equals":
            return self.present(expr)
        if how == "starts_with" and not folded:
            made = self.line(expr, Kind.TEXT).beginning(text)
        else:
            made = Atom(expr, ("search", how, text, folded))
        self.searches.setdefault(expr, []).append(Search(how, text, folded, made))
        return made

    def _during(self, expr: Expr, window: Window) -> Rule:
        kind = self.kind(expr)
        if kind is None:
            raise OddError
        self.line(expr, kind)
        return during(expr, self.present(expr), window, in_days=kind is Kind.DATE)

    def _pair(self, left: Expr, operator: Operator, right: Expr) -> Rule:
        if operator == "!=":
            return Not(self._pair(left, "==", right))
        if left == right:
            return self.present(left) if operator in {"==", "<=", ">="} else NOBODY
        turned = repr(left) > repr(right)
        subject = (right, left) if turned else (left, right)
        less, same, more = (Atom(subject, said) for said in ("less", "same", "more"))
        if turned:
            less, more = more, less
        return {
            "==": same,
            "<": less,
            ">": more,
            "<=": AnyOf((less, same)),
            ">=": AnyOf((more, same)),
        }[operator]


def _exact(number: int | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def _identity(value: Any, kind: Kind | None) -> Any:
    """What is the same for values that no comparison can tell from each other."""
    return (value.currency, value.minor) if isinstance(value, Money) else placed(value, kind)


def _is_mean(expr: Expr) -> bool:
    return isinstance(expr, nodes.Aggregate) and expr.function == "avg"


def _is_sum(expr: Expr) -> bool:
    return isinstance(expr, nodes.Aggregate) and expr.function == "sum"


def _is_computed(expr: Expr) -> bool:
    return isinstance(expr, nodes.Aggregate) and expr.function in COUNTING | {"sum", "avg"}

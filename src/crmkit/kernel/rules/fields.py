"""``F``: how rules are written in Python.

>>> from crmkit.kernel.rules import F
>>> rule = (F.city == "Chengdu") & (F.orders.where(F.status == "paid").within(days=90).count() >= 3)
>>> print(rule)
city = "Chengdu" and orders[status = "paid"; last 90 days].count() >= 3
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import (
    Lasting,
    bucket_of,
    constant,
    moment_of,
    names_of,
    normal,
    sequence_of,
    values_of,
    whole_of,
    window,
    year_of,
)
from crmkit.kernel.rules.nodes import (
    Aggregate,
    Anniversary,
    Attr,
    Compare,
    Const,
    During,
    Exists,
    Expr,
    Has,
    Held,
    InSegment,
    Match,
    Missing,
    Not,
    OneOf,
    Operator,
    Part,
    Related,
    Rule,
    Sequence,
    Window,
    a_rule,
)
from crmkit.kernel.rules.text import is_custom, related_text
from crmkit.kernel.rules.windows import both
from crmkit.kernel.text import shown


class Value:
    """An expression that can be compared."""

    __slots__ = ("_node",)
    __hash__ = None  # type: ignore[assignment]
    _node: Expr

    def __init__(self, node: Expr) -> None:
        self._node = node

    def _compare(self, operator: Operator, other: Any) -> Rule:
        return Compare(self._node, operator, operand(other))

    def __eq__(self, other: object) -> Rule:  # type: ignore[override]
        return Missing(self._node) if other is None else self._compare("==", other)

    def __ne__(self, other: object) -> Rule:  # type: ignore[override]
        return Not(Missing(self._node)) if other is None else self._compare("!=", other)

    def __lt__(self, other: Any) -> Rule:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Rule:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Rule:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Rule:
        return self._compare(">=", other)

    def _is_no_rule(self, *_: object) -> NoReturn:
        raise DefinitionError(
            f"{self!r} is a value, not a rule: compare it, as in F.city == 'Rome' or F.tags.has('vip')"
        )

    __bool__ = __invert__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _is_no_rule
    __contains__ = __iter__ = _is_no_rule

    def between(self, low: Any, high: Any) -> Rule:
        """Both ends included."""
        return self._compare(">=", low) & self._compare("<=", high)

    def in_(self, values: Iterable[Any]) -> Rule:
        """The value is one of *values*; of an empty list, no."""
        return OneOf(self._node, values_of(values))

    def not_in(self, values: Iterable[Any]) -> Rule:
        """The value is none of *values*; a missing value is none of them."""
        return ~self.in_(values)

    def is_missing(self) -> Rule:
        """There is no value."""
        return Missing(self._node)

    def contains(self, text: str) -> Rule:
        """The text occurs in the value, letter by letter."""
        return Match(self._node, "contains", normal(text))

    def starts_with(self, text: str) -> Rule:
        """The value begins with the text."""
        return Match(self._node, "starts_with", normal(text))

    def ends_with(self, text: str) -> Rule:
        """The value ends with the text."""
        return Match(self._node, "ends_with", normal(text))

    def icontains(self, text: str) -> Rule:
        """The text occurs in the value, whatever the case (Unicode case folding)."""
        return Match(self._node, "contains", normal(text), fold=True)

    def iequals(self, text: str) -> Rule:
        """The value is the text, whatever the case."""
        return Match(self._node, "equals", normal(text), fold=True)

    def in_last(self, **lasting: Unpack[Lasting]) -> Rule:
        """The date or instant lies in the last *days*, *hours* or *months* until ``as_of``."""
        return During(self._node, window(**lasting))

    def in_next(self, **lasting: Unpack[Lasting]) -> Rule:
        """The date or instant lies in the next *days*, *hours* or *months* after ``as_of``."""
        return During(self._node, window(**lasting, side="next"))

    def before_last(self, **lasting: Unpack[Lasting]) -> Rule:
        """The date or instant lies before the last *days*, *hours* or *months*."""
        return During(self._node, window(**lasting, side="before"))

    def anniversary(self, *, days: int = 0) -> Rule:
        """The date returns today, or on one of the next *days* days."""
        return Anniversary(self._node, year_of(days))

    @property
    def year(self) -> Value:
        """The calendar year."""
        return Value(Part(self._node, "year"))

    @property
    def month(self) -> Value:
        """The month, 1 to 12."""
        return Value(Part(self._node, "month"))

    @property
    def day(self) -> Value:
        """The day of the month, 1 to 31."""
        return Value(Part(self._node, "day"))

    @property
    def weekday(self) -> Value:
        """The ISO day of the week, 1 (Monday) to 7 (Sunday)."""
        return Value(Part(self._node, "weekday"))

    @property
    def hour(self) -> Value:
        """The hour, 0 to 23."""
        return Value(Part(self._node, "hour"))

    @property
    def age(self) -> Value:
        """Completed years until ``as_of``."""
        return Value(Part(self._node, "age"))


class Relatives:
    """The rows that a relation leads to."""

    __slots__ = ()

    @property
    @abstractmethod
    def _related(self) -> Related:
        """The rows as a node."""

    def where(self, rule: Rule) -> Relatives:
        """Those that satisfy *rule* too."""
        every = a_rule(rule) if self._related.where is None else self._related.where & rule
        return Rows(attrs.evolve(self._related, where=every))

    def _is_no_rule(self, *_: object) -> NoReturn:
        a_rule(self)
        raise DefinitionError(f"{self!r} are rows, not a rule")

    __bool__ = __invert__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _is_no_rule

    def within(self, **lasting: Unpack[Lasting]) -> Relatives:
        """Those of the last ``days=`` or ``months=`` of the calendar, or the last ``hours=`` and ``seconds=``.

        Days and months begin at midnight in the zone of the CRM; hours and seconds are exact.  Both ends are included;
        what lies after ``as_of`` is out.
        """
        return self._window(window(**lasting))

    def before(self, **lasting: Unpack[Lasting]) -> Relatives:
        """Those before the last ``days=``, ``months=``, ``hours=`` or ``seconds=``: its beginning is out."""
        return self._window(window(**lasting, side="before"))

    def stopped(self, **lasting: Unpack[Lasting]) -> Rule:
        """There were some before the last ``days=`` (``months=``, ``hours=``, ``seconds=``), and none since."""
        return self.before(**lasting).any() & self.within(**lasting).none()

    def then(self, later: Relatives, *, days: int = 0, hours: int = 0) -> Rule:
        """One of these happened, and one of *later* after it, at most so many days of 24 hours and hours later."""
        lasting = sequence_of((whole_of(days) or 0) * 24 + (whole_of(hours) or 0))
        if not isinstance(later, Relatives):
            raise InvalidInput(f"then() takes related rows, as in F.orders.then(F.cases, days=30), got {shown(later)}")
        return Sequence(self._related, later._related, lasting)

    def since(self, moment: date | datetime) -> Relatives:
        """Those from *moment* on; a date begins at midnight in the zone of the CRM."""
        return self._window(Window(since=moment_of(moment)))

    def until(self, moment: date | datetime) -> Relatives:
        """Those before *moment*; a date means before its midnight."""
        return self._window(Window(until=moment_of(moment)))

    def _window(self, further: Window) -> Relatives:
        known = self._related.window
        return Rows(attrs.evolve(self._related, window=further if known is None else both(known, further)))

    def _of(self, function: str, field: str) -> Value:
        return Value(Aggregate(function, self._related, Attr(names_of(field))))

    def count(self) -> Value:
        """How many there are."""
        return Value(Aggregate("count", self._related))

    def sum(self, field: str) -> Value:
        """The sum of *field*; 0 of nothing."""
        return self._of("sum", field)

    def avg(self, field: str) -> Value:
        """The mean of *field*; missing of nothing."""
        return self._of("avg", field)

    def min(self, field: str) -> Value:
        """The smallest *field*; missing of nothing."""
        return self._of("min", field)

    def max(self, field: str) -> Value:
        """The largest *field*; missing of nothing."""
        return self._of("max", field)

    def distinct(self, field: str) -> Value:
        """How many different values *field* has."""
        return self._of("distinct", field)

    def first(self, field: str) -> Value:
        """*field* of the earliest one."""
        return self._of("first", field)

    def last(self, field: str) -> Value:
        """*field* of the latest one."""
        return self._of("last", field)

    def any(self) -> Rule:
        """There is at least one."""
        return Exists(self._related)

    def none(self) -> Rule:
        """There is none."""
        return ~self.any()

    def all(self, rule: Rule) -> Rule:
        """Every one satisfies *rule*; of none, it is true."""
        return ~self.where(~a_rule(rule)).any()


class Rows(Relatives):
    """Related rows with conditions."""

    __slots__ = ("_node",)

    def __init__(self, node: Related) -> None:
        self._node = node

    @property
    def _related(self) -> Related:
        return self._node

    def __repr__(self) -> str:
        return f"<the rows {related_text(self._node)}>"


class Field(Value, Relatives):
    """A field or a relation, by name: ``F.city``, ``F.company.industry``, ``F["class"]``."""

    __slots__ = ()
    _node: Attr

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            raise AttributeError(name)
        return Field(Attr((*self._node.path, name)))

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            """Custom fields may be called like what can be done with a field: ``F.extra.pet.age``."""
            if not name.startswith("_"):
                path = self._node.path
                if path[-1] == "extra" or is_custom(path):
                    return Field(Attr((*path, name)))
            return super().__getattribute__(name)

    def __getitem__(self, name: str) -> Field:
        return Field(Attr((*self._node.path, *names_of(name))))

    @property
    def _related(self) -> Related:
        return Related(self._node.path)

    def has(self, *values: str) -> Rule:
        """The set has all of *values*."""
        return Has(self._node, "all", tuple(map(normal, values)))

    def has_any(self, *values: str) -> Rule:
        """The set has at least one of *values*."""
        return Has(self._node, "any", tuple(map(normal, values)))

    def has_none(self, *values: str) -> Rule:
        """The set has none of *values*."""
        return Has(self._node, "none", tuple(map(normal, values)))

    def held(self, value: str | None = None, **lasting: Unpack[Lasting]) -> Rule:
        """The state is *value* (any, if none is given), and has been so for at least ``days=`` (or …)."""
        return Held(self._node, None if value is None else normal(value), window(**lasting))

    def __repr__(self) -> str:
        return ".".join(("F", *self._node.path))


class Fields:
    """The beginning of every rule."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            raise AttributeError(name)
        return Field(Attr((name,)))

    def __getitem__(self, name: str) -> Field:
        return Field(Attr(names_of(name)))

    def bucket(self, size: int, *, salt: str = "") -> Value:
        """A number from 0 to *size* - 1 that every entity keeps for ever; another *salt* draws anew."""
        return Value(bucket_of(size, salt))

    def in_segment(self, name: str) -> Rule:
        """The customer is a member of the segment *name*."""
        return InSegment(normal(name))

    def __repr__(self) -> str:
        return "F"


F = Fields()


def none_of(*rules: Rule) -> Rule:
    """None of *rules* holds."""
    return ~nodes.AnyOf(tuple(map(a_rule, rules)))


def one_of(*rules: Rule) -> Rule:
    """Exactly one of *rules* holds; of the same rule given twice, both hold or none does."""
    others = [(*rules[:n], *rules[n + 1 :]) for n in range(len(rules))]
    return nodes.AnyOf(tuple(nodes.AllOf((a_rule(r), none_of(*rest))) for r, rest in zip(rules, others, strict=True)))


def operand(value: Any) -> Expr:
    """*value* as the right side of a comparison.

    Raises:
        InvalidInput: no rule can compare with such a value.
    """
    if isinstance(value, Value):
        node: Expr = value._node  # noqa: SLF001 - the builder opens its own envelope
        return node
    return Const(constant(value))

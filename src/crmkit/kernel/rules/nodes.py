"""The tree of a rule: immutable nodes that compare by structure.

Expressions have a value: :class:`Attr`, :class:`Part`, :class:`Aggregate`, :class:`Bucket`, :class:`Const`.  Rules are
true or false: the rest.  Nobody writes nodes by hand; ``F`` (see ``fields.py``) builds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, NoReturn

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.text import shown

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
FLIPPED: dict[Operator, Operator] = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}
NEGATED: dict[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
DEPTH_LIMIT = 60
SIZE_LIMIT = 5_000
HOP = 7  # what a step over a relation weighs: as much as so many levels of brackets in SQL
PARTS = ("year", "month", "day", "weekday", "hour", "monthday", "age")
FUNCTIONS = ("count", "sum", "avg", "min", "max", "distinct", "first", "last")


class Expr:
    """Something that has a value for an entity."""

    __slots__ = ()


class Rule:
    """Something that is true or false of an entity.  Combine rules with ``&``, ``|``, ``^`` and ``~``."""

    __slots__ = ()

    def __and__(self, other: Rule) -> Rule:
        return AllOf((*_parts(AllOf, self), *_parts(AllOf, other)))

    def __or__(self, other: Rule) -> Rule:
        return AnyOf((*_parts(AnyOf, self), *_parts(AnyOf, other)))

    def __xor__(self, other: Rule) -> Rule:
        return OddOf((*_parts(OddOf, self), *_parts(OddOf, other)))

    def __invert__(self) -> Rule:
        return self.rule if isinstance(self, Not) else Not(self)

    def __rand__(self, other: object) -> NoReturn:
        if hasattr(type(other), "_related"):
            a_rule(other)
        raise DefinitionError(f"& and | combine rules, not {shown(other)}; put each comparison in brackets")

    __ror__ = __rxor__ = __rand__

    def __str__(self) -> str:
        from crmkit.kernel.rules.text import text_of  # noqa: PLC0415 - text imports the nodes

        measure(self, hop=0)
        return text_of(self)

    def __repr__(self) -> str:
        try:
            return f"parse({str(self)!r})"
        except DefinitionError as error:
            return f"<{error}>"

    def __bool__(self) -> NoReturn:
        raise DefinitionError("combine rules with & | ~ instead of and, or, not; and put each comparison in brackets")


def a_rule(rule: Any) -> Rule:
    """*rule*, if it is one.

    Raises:
        DefinitionError: it is something else, such as ``True`` or a field that has not been compared.
    """
    if not isinstance(rule, Rule):
        if hasattr(type(rule), "_related") and not hasattr(type(rule), "_compare"):
            raise DefinitionError(
                f"{rule!r} are rows, not a rule: add .any(), .none() or .count() >= 1; "
                "the moment of the entity itself lies in_last(days=…)"
            )
        raise DefinitionError(f"a rule is needed, as in F.city == 'Rome', not {shown(rule)}; put brackets around each")
    return rule


def _parts(kind: type[AllOf | AnyOf | OddOf], rule: Rule) -> tuple[Rule, ...]:
    """The rules that *rule* is made of.

    A chain that is longer than any engine takes is nested instead of copied at every link, so that it is refused and
    not waited for.
    """
    if not isinstance(a_rule(rule), kind):
        return (rule,)
    parts: tuple[Rule, ...] = rule.rules  # type: ignore[attr-defined]
    too_long = bool(parts) and isinstance(parts[0], kind)
    return (rule,) if len(parts) > (DEPTH_LIMIT if too_long else SIZE_LIMIT) else parts


# ── Expressions ──


@attrs.frozen
class Const(Expr):
    """A value that stands in the rule: text, number, boolean, date, instant, duration or money."""

    value: Any


@attrs.frozen
class Attr(Expr):
    """An attribute, reached through single relations: ``("company", "industry")``."""

    path: tuple[str, ...]


@attrs.frozen
class Part(Expr):
    """A part of a date or instant in the zone of the CRM; ``age`` is in completed years at ``as_of``."""

    of: Expr
    part: str


@attrs.frozen
class Bucket(Expr):
    """A number from 0 to *size* - 1, drawn from the id once and for all; another *salt* draws anew."""

    size: int
    salt: str = ""


@attrs.frozen
class Window:
    """A stretch of time, as seen from ``as_of``.

    ``days`` and ``months`` are calendar days and months: they begin at midnight in the zone of the CRM.  ``hours`` and
    ``seconds`` are exact.  The beginning is included; the end is ``as_of`` itself, included too.

    Attributes:
        side: ``last`` for the stretch until ``as_of``, ``before`` for everything earlier than that stretch, ``next``
            for the stretch after ``as_of`` (the last day included).
        since: from this date or instant on.
        until: before this date or instant.
    """

    days: int | None = None
    hours: int | None = None
    months: int | None = None
    since: Any = None
    until: Any = None
    side: Literal["last", "before", "next"] = "last"
    seconds: int | None = None

    @property
    def exact(self) -> timedelta | None:
        """The part of its length that no calendar is needed for."""
        if self.hours is self.seconds is None:
            return None
        return timedelta(hours=self.hours or 0, seconds=self.seconds or 0)

    @property
    def in_days(self) -> bool:
        """Whether its far end is a midnight."""
        return self.days is not None or self.months is not None

    @property
    def open_ended(self) -> bool:
        """Whether it is given by its ends alone, so that it may reach beyond ``as_of``."""
        return self.side == "last" and self.exact is None and not self.in_days


@attrs.frozen
class Related:
    """The rows that a relation leads to, those that satisfy *where* and fall into *window* only."""

    path: tuple[str, ...]
    where: Rule | None = None
    window: Window | None = None


@attrs.frozen
class Aggregate(Expr):
    """One value out of many rows.  Of nothing, ``count``, ``sum`` and ``distinct`` are 0 and the others missing."""

    function: str
    related: Related
    of: Expr | None = None


# ── Rules ──


@attrs.frozen(repr=False)
class Always(Rule):
    """True of everyone, or of no one."""

    value: bool


@attrs.frozen(repr=False)
class AllOf(Rule):
    """Every one of *rules* holds; of none, it is true."""

    rules: tuple[Rule, ...]


@attrs.frozen(repr=False)
class AnyOf(Rule):
    """At least one of *rules* holds; of none, it is false."""

    rules: tuple[Rule, ...]


@attrs.frozen(repr=False)
class OddOf(Rule):
    """An odd number of *rules* holds: of two, one of them; of none, it is false."""

    rules: tuple[Rule, ...]


@attrs.frozen(repr=False)
class Not(Rule):
    """The exact complement of *rule*."""

    rule: Rule


@attrs.frozen(repr=False)
class Compare(Rule):
    """*left* *operator* *right*.  With a missing side, every operator but ``!=`` is false, and ``!=`` is true."""

    left: Expr
    operator: Operator
    right: Expr


def compared(left: Expr, operator: Operator, right: Expr) -> Compare:
    """A comparison, with the field on its left side wherever there is one."""
    if isinstance(left, Const) and not isinstance(right, Const):
        return Compare(right, FLIPPED[operator], left)
    return Compare(left, operator, right)


@attrs.frozen(repr=False)
class OneOf(Rule):
    """The value is one of *values*."""

    expr: Expr
    values: tuple[Any, ...]


@attrs.frozen(repr=False)
class Match(Rule):
    """The text contains, starts with, ends with or (only without regard to case) equals *text*."""

    expr: Expr
    how: str
    text: str
    fold: bool = False


@attrs.frozen(repr=False)
class Missing(Rule):
    """The value is missing."""

    expr: Expr


@attrs.frozen(repr=False)
class Has(Rule):
    """The set of texts has any, all or none of *values*."""

    expr: Expr
    quantifier: Literal["any", "all", "none"]
    values: tuple[str, ...]


@attrs.frozen(repr=False)
class Exists(Rule):
    """At least one related row satisfies."""

    related: Related


@attrs.frozen(repr=False)
class Held(Rule):
    """The state has been *value* (or whatever it is) for at least so long, by the moment when it was entered."""

    expr: Attr
    value: str | None
    window: Window


@attrs.frozen(repr=False)
class During(Rule):
    """The date or instant falls into *window*."""

    expr: Expr
    window: Window


@attrs.frozen(repr=False)
class Anniversary(Rule):
    """A yearly return of the date falls on one of the next *days* days, today among them.

    Of 29 February, it is 28 February in other years, as in dateutil's month arithmetic.
    """

    expr: Expr
    days: int = 0


@attrs.frozen(repr=False)
class Sequence(Rule):
    """One of *first* happened, and one of *then* after it, at most *hours* hours later."""

    first: Related
    then: Related
    hours: int


@attrs.frozen(repr=False)
class InSegment(Rule):
    """The customer is a member of the segment called *name*."""

    name: str


def children(node: Any) -> Iterator[Any]:
    """The nodes directly below *node*."""
    for field in attrs.fields(type(node)):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, (Rule, Expr)))
        elif isinstance(value, (Rule, Expr, Related)):
            yield value


def walk(node: Any) -> Iterator[Any]:
    """*node* and everything below it."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(children(here))


def measure(rule: Rule, *, hop: int = HOP) -> None:
    """Refuse what no engine could answer.

    Args:
        rule: the rule.
        hop: how many levels a step over a relation counts as: seven, because SQLite has room for no more.

    Raises:
        DefinitionError: the rule is nested deeper than 60 levels, or has more than 5,000 parts.
    """
    waiting: list[tuple[Any, int]] = [(rule, 0)]
    size = 0
    while waiting:
        here, above = waiting.pop()
        hops = _hops(here)
        depth = above + hop * hops + isinstance(here, (Rule, Part))
        size += isinstance(here, Rule)
        if depth > DEPTH_LIMIT:
            over = " and relations" if hop * hops else ""
            raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels{over}: flatten it")
        if size > SIZE_LIMIT:
            raise DefinitionError(f"the rule has more than {SIZE_LIMIT:,} parts: use in_, or segments of their own")
        waiting += [(inner, depth) for inner in children(here)]


def _hops(node: Any) -> int:
    """How many relations *node* goes over."""
    match node:
        case Attr(path):
            return len(path) - 1
        case Related(path):
            return len(path)
    return 0

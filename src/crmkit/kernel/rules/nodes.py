"""The tree of a rule: immutable nodes that compare by structure.

Expressions have a value: :class:`Attr`, :class:`Part`, :class:`Aggregate`, :class:`Const`.  Rules are true or false:
the rest.  Nobody writes nodes by hand; ``F`` (see ``fields.py``) builds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, NoReturn

import attrs

from crmkit.errors import DefinitionError

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
NEGATED: dict[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
DEPTH_LIMIT = 60
SIZE_LIMIT = 5_000
PARTS = ("year", "month", "day", "weekday", "hour", "monthday", "age")
FUNCTIONS = ("count", "sum", "avg", "min", "max", "distinct", "first", "last")
MATCHES = ("contains", "starts_with", "ends_with", "equals")


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
        return (self & ~other) | (~self & other)

    def __invert__(self) -> Rule:
        return self.rule if isinstance(self, Not) else Not(self)

    def __rand__(self, other: object) -> NoReturn:
        raise DefinitionError(f"& and | combine rules, not {other!r}; put each comparison in brackets")

    __ror__ = __rxor__ = __rand__

    def __str__(self) -> str:
        from crmkit.kernel.rules.text import text_of  # noqa: PLC0415 - text imports the nodes

        return text_of(self)

    def __bool__(self) -> NoReturn:
        raise DefinitionError("combine rules with & | ~ instead of and, or, not; and put each comparison in brackets")


def _parts(kind: type[AllOf | AnyOf], rule: Rule) -> tuple[Rule, ...]:
    if not isinstance(rule, Rule):
        raise DefinitionError(f"& and | combine rules, not {rule!r}; put each comparison in brackets")
    return rule.rules if isinstance(rule, kind) else (rule,)


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
        return self.side == "last" and (self.since is not None or self.until is not None)


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


@attrs.frozen
class Always(Rule):
    """True of everyone, or of no one."""

    value: bool


@attrs.frozen
class AllOf(Rule):
    """Every one of *rules* holds; of none, it is true."""

    rules: tuple[Rule, ...]


@attrs.frozen
class AnyOf(Rule):
    """At least one of *rules* holds; of none, it is false."""

    rules: tuple[Rule, ...]


@attrs.frozen
class Not(Rule):
    """The exact complement of *rule*."""

    rule: Rule


@attrs.frozen
class Compare(Rule):
    """*left* *operator* *right*.  With a missing side, every operator but ``!=`` is false, and ``!=`` is true."""

    left: Expr
    operator: Operator
    right: Expr


@attrs.frozen
class OneOf(Rule):
    """The value is one of *values*."""

    expr: Expr
    values: tuple[Any, ...]


@attrs.frozen
class Match(Rule):
    """The text contains, starts with, ends with or (only without regard to case) equals *text*."""

    expr: Expr
    how: str
    text: str
    fold: bool = False


@attrs.frozen
class Missing(Rule):
    """The value is missing."""

    expr: Expr


@attrs.frozen
class Has(Rule):
    """The set of texts has any, all or none of *values*."""

    expr: Expr
    quantifier: Literal["any", "all", "none"]
    values: tuple[str, ...]


@attrs.frozen
class Exists(Rule):
    """At least one related row satisfies."""

    related: Related


@attrs.frozen
class Held(Rule):
    """The state has been *value* (or whatever it is) for at least so long, by the moment when it was entered."""

    expr: Attr
    value: str | None
    window: Window


@attrs.frozen
class During(Rule):
    """The date or instant falls into *window*."""

    expr: Expr
    window: Window


@attrs.frozen
class Anniversary(Rule):
    """A yearly return of the date falls on one of the next *days* days, today among them.

    Of 29 February, it is 28 February in other years, as in dateutil's month arithmetic.
    """

    expr: Expr
    days: int = 0


@attrs.frozen
class Sequence(Rule):
    """One of *first* happened, and one of *then* after it, at most *hours* hours later."""

    first: Related
    then: Related
    hours: int


@attrs.frozen
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


def measure(rule: Rule) -> None:
    """Refuse what no engine could answer.

    Raises:
        DefinitionError: the rule is nested deeper than 60 levels, or has more than 5,000 parts.
    """
    layer, depth, size = [rule], 0, 0
    while layer:
        depth, size = depth + 1, size + len(layer)
        if depth > DEPTH_LIMIT:
            raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if size > SIZE_LIMIT:
            raise DefinitionError(f"the rule has more than {SIZE_LIMIT:,} parts: use in_, or segments of their own")
        layer = [inner for here in layer for inner in _inner_rules(here)]


def _inner_rules(node: Any) -> Iterator[Rule]:
    """The rules next below *node*, whatever lies between."""
    for child in children(node):
        if isinstance(child, Rule):
            yield child
        else:
            yield from _inner_rules(child)

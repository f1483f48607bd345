"""What a rule comes to: nodes without names, windows and clocks, that an engine only has to translate."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from crmkit.kernel.entity import Attribute, Kind
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules.nodes import Operator


@attrs.frozen(kw_only=True)
class AsOf:
    """The moment and the zone in which a rule is judged.

    Attributes:
        past: the moment is long over: only rows that had happened by then are seen.
    """

    at: datetime
    zone: ZoneInfo
    past: bool = False


FROM_NOTHING = frozenset({"count", "sum", "distinct"})  # functions that have a value when there are no rows
OUTERMOST = frozenset({"first", "last"})  # functions that take the value of one row


# ── Planned expressions ──


@attrs.frozen(kw_only=True)
class Column:
    """An attribute of the entity, or of the one that *hops* lead to.

    Attributes:
        inside: names a custom field within it.
        default: what the custom field is where nothing is stored.
    """

    hops: tuple[Relation, ...]
    attribute: Attribute
    kind: Kind
    inside: tuple[str, ...] = ()
    default: Any = None


@attrs.frozen
class PartOf:
    """A part of a date, or of an instant in *zone*, as a whole number."""

    column: Column
    part: str
    zone: ZoneInfo


@attrs.frozen
class Draw:
    """A whole number from 0 to *size* - 1, from the MD5 of the salt and the id."""

    size: int
    salt: str
    attribute: Attribute


@attrs.frozen
class Literal:
    """A value of the rule, already of the kind that it is compared with.

    An engine that keeps what it has made of a plan may put a place there instead, which is known by its ``key``.
    """

    value: Any = attrs.field(eq=lambda value: getattr(value, "key", value))


@attrs.frozen(kw_only=True)
class Total:
    """One value out of the rows that *hops* lead to.

    Attributes:
        currency: rows in others are left out.
        like: where there is no such currency: something whose currency that is.
    """

    function: str
    hops: tuple[Relation, ...]
    where: Plan
    column: Column | None
    kind: Kind
    currency: str | None = None
    like: Operand | None = None


Operand = Column | PartOf | Draw | Literal | Total


# ── Planned rules ──


@attrs.frozen
class Truth:
    """Always, or never."""

    value: bool


@attrs.frozen
class Both:
    """All of *plans*."""

    plans: tuple[Plan, ...]


@attrs.frozen
class Either:
    """Any of *plans*."""

    plans: tuple[Plan, ...]


@attrs.frozen
class Odd:
    """An odd number of *plans*."""

    plans: tuple[Plan, ...]


@attrs.frozen
class No:
    """The complement of *plan*."""

    plan: Plan


@attrs.frozen
class Is:
    """A comparison; false when a side is missing."""

    left: Operand
    operator: Operator
    right: Operand


@attrs.frozen
class In:
    """The value is one of *values*, all of its own kind."""

    left: Operand
    values: tuple[Any, ...]


@attrs.frozen
class Like:
    """A text match; *fold*ed texts are compared in their folded form."""

    column: Column
    how: str
    text: str
    fold: bool


@attrs.frozen
class Blank:
    """There is no value."""

    operand: Operand


@attrs.frozen
class Tagged:
    """The set holds any (or every) one of *values*."""

    column: Column
    every: bool
    values: tuple[str, ...]


@attrs.frozen
class Some:
    """At least one row that *hops* lead to satisfies."""

    hops: tuple[Relation, ...]
    where: Plan


@attrs.frozen
class Then:
    """A row of *first* and, at most *lasting* later, one of *then*; both lead from the same entity."""

    first: Some
    then: Some
    lasting: timedelta


Plan = Truth | Both | Either | Odd | No | Is | In | Like | Blank | Tagged | Some | Then

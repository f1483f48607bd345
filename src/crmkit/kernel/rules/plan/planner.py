"""A rule becomes a plan: names are resolved, kinds compared, and windows become moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry, Relation
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import FLIPPED, AllOf, AnyOf, Operator, Rule
from crmkit.kernel.rules.plan.fitting import (
    COMPARABLE,
    ORDERED,
    fit,
    in_range,
    kind_of_operand,
    name_of,
    side_of,
)
from crmkit.kernel.rules.plan.naming import Naming
from crmkit.kernel.rules.plan.timing import Timing
from crmkit.kernel.rules.planned import (
    OUTERMOST,
    AsOf,
    Blank,
    Both,
    Column,
    Draw,
    Either,
    In,
    Is,
    Like,
    Literal,
    No,
    Odd,
    Operand,
    PartOf,
    Plan,
    Some,
    Tagged,
    Then,
    Total,
    Truth,
)
from crmkit.kernel.text import fold

SUMMABLE = {Kind.INTEGER, Kind.DECIMAL, Kind.MONEY}
SINGLY = 1_000


def _by_name(name: str) -> None:
    """Take any segment for one that exists, and let the store find it by its name."""


@attrs.frozen
class Known:
    """What one CRM knows beyond the declarations of its entities.

    Attributes:
        states: the states that an attribute may have, by the names of the entity and the attribute.
        segment: the id of the segment with a name, where it is known; refuses names that there are not.
    """

    states: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})
    segment: Callable[[str], str | None] = _by_name


@attrs.frozen
class Planner:
    """Plans rules of one CRM as of one moment."""

    registry: Registry
    as_of: AsOf
    known: Known = Known()
    naming: Naming = attrs.field(init=False)
    timing: Timing = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "naming", Naming(self.registry))
        object.__setattr__(self, "timing", Timing(self.as_of))

    def rule(self, rule: Rule, schema: Schema) -> Plan:
        """The plan of one rule."""
        match rule:
            case nodes.Always(value):
                return Truth(value)
            case AllOf(rules):
                return Both(tuple(self.rule(r, schema) for r in rules))
            case AnyOf(rules):
                return Either(tuple(self.rule(r, schema) for r in rules))
            case nodes.OddOf(rules):
                return Odd(tuple(self.rule(r, schema) for r in rules))
            case nodes.Not(inner):
                return No(self.rule(inner, schema))
            case nodes.Compare(left, operator, right):
                return self._compare(self.operand(left, schema), operator, right, schema)
            case nodes.OneOf(expr, values):
                return self._one_of(self.operand(expr, schema), values, schema)
            case nodes.Match():
                return self._match(rule, schema)
            case nodes.Missing(expr):
                operand = self.operand(expr, schema, key=True)
                return Blank(operand.column if isinstance(operand, PartOf) else operand)
            case nodes.Has(expr, quantifier, values):
                column = self.naming.column(expr, schema)
                if column.kind is not Kind.TAGS:
                    raise DefinitionError(f"{name_of(column)} is not a set of texts; use == or in_ with it")
                tagged = Tagged(column, quantifier == "all", values)
                return No(tagged) if quantifier == "none" else tagged
        return self._over_time(rule, schema)

    def _over_time(self, rule: Rule, schema: Schema) -> Plan:
        match rule:
            case nodes.Exists(related):
                hops, where = self._related(related, schema)
                return Some(hops, where)
            case nodes.Held(expr, value, window):
                return self._held(expr, value, window, schema)
            case nodes.InSegment(name):
                return self._in_segment(name, schema)
            case nodes.During(expr, window):
                return self.timing.during(self.naming.column(expr, schema), window)
            case nodes.Anniversary(expr, days):
                return self.timing.anniversary(self.naming.column(expr, schema), days)
            case nodes.Sequence(first, then, hours):
                return Then(self._one_hop(first, schema), self._one_hop(then, schema), timedelta(hours=hours))
        raise DefinitionError(f"{rule!r} is not a rule")

    # ── Expressions ──

    def operand(self, expr: nodes.Expr, schema: Schema, *, key: bool = False) -> Operand:
        """The plan of one expression."""
        match expr:
            case nodes.Const(value):
                return Literal(value)
            case nodes.Attr():
                return self.naming.column(expr, schema, key=key)
            case nodes.Part(of, part):
                column = self.naming.column(of, schema)
                if column.kind not in {Kind.DATE, Kind.INSTANT} or (part == "hour" and column.kind is Kind.DATE):
                    raise DefinitionError(f"{name_of(column)} is a {column.kind.value}; it has no {part}")
                return PartOf(column, part, self.as_of.zone)
            case nodes.Bucket(size, salt):
                return Draw(size, salt, schema["id"])
            case nodes.Aggregate(function, related, of):
                return self._total(function, related, of, schema)
        raise DefinitionError(f"{expr!r} has no value")

    def _related(self, related: nodes.Related, schema: Schema) -> tuple[tuple[Relation, ...], Plan]:
        hops = self._hops(related.path, schema)
        here = hops[-1].target
        plans = [] if related.where is None else [self.rule(related.where, here)]
        when = here[here.when]
        column = Column(hops=(), attribute=when, kind=when.kind)
        if related.window is not None:
            plans += self.timing.window(column, related.window)
        if self.as_of.past and (related.window is None or related.window.open_ended):
            plans.append(Is(column, "<=", Literal(self.timing.like(column, self.as_of.at))))
        return hops, plans[0] if len(plans) == 1 else Both(tuple(plans))

    def _hops(self, path: tuple[str, ...], schema: Schema) -> tuple[Relation, ...]:
        hops: list[Relation] = []
        here = schema
        for name in path:
            if name in here:
                raise DefinitionError(
                    f"{here.name}.{name} is a value, not a relation; compare it"
                    + ("; it lies in_last(days=…)" if here[name].kind in {Kind.DATE, Kind.INSTANT} else "")
                )
            hops.append(self.naming.relation(here, name))
            here = hops[-1].target
        return tuple(hops)

    def _total(self, function: str, related: nodes.Related, of: nodes.Expr | None, schema: Schema) -> Total:
        hops, where = self._related(related, schema)
        if not any(hop.many for hop in hops):
            raise DefinitionError(f"{'.'.join(related.path)} leads to one {hops[-1].target.name}: compare its fields")
        if (of is None) is not (function == "count"):
            raise DefinitionError(f"{function} looks at a field" if of is None else "count looks at no field")
        if of is None:
            return Total(function="count", hops=hops, where=where, column=None, kind=Kind.INTEGER)
        column = self.naming.column(of, hops[-1].target)
        if column.hops:
            raise DefinitionError(f"{function} looks at a field of the {hops[-1].target.plural} themselves")
        if function in {"sum", "avg"} and column.kind not in SUMMABLE:
            hint = "; declare it Decimal: sums of floats are not exact" if column.kind is Kind.NUMBER else ""
            raise DefinitionError(f"{name_of(column)} is a {column.kind.value}; it has no {function}{hint}")
        if function in {"min", "max"} and column.kind not in ORDERED:
            raise DefinitionError(f"{name_of(column)} is a {column.kind.value}; it has no {function}")
        kind = Kind.INTEGER if function == "distinct" else column.kind
        return Total(function=function, hops=hops, where=where, column=column, kind=kind)

    # ── Comparisons ──

    def _compare(self, left: Operand, operator: Operator, right: nodes.Expr, schema: Schema) -> Plan:
        if operator == "!=":
            return No(self._compare(left, "==", right, schema))
        if not isinstance(right, nodes.Const):
            other = self.operand(right, schema)
            if isinstance(left, Literal):
                return self._compare(other, FLIPPED[operator], nodes.Const(left.value), schema)
            return self._pair(left, operator, other)
        if isinstance(left, Literal):
            raise DefinitionError("a comparison needs a field on its left side")
        value = right.value
        if isinstance(left, PartOf) and left.part == "age":
            return self.timing.age(left.column, operator, value)
        if kind_of_operand(left) is Kind.INSTANT and type(value) is date:
            return self.timing.on_day(left, operator, value)
        if isinstance(left, Total) and left.kind is Kind.MONEY and isinstance(value, Money):
            left = attrs.evolve(left, currency=value.currency)
        if kind_of_operand(left) in {Kind.BOOLEAN, Kind.JSON, Kind.TAGS} and operator != "==":
            raise DefinitionError(f"{name_of(left)} is a {kind_of_operand(left).value}; it has no order")
        states = self._states(left, schema) if operator == "==" else None
        return in_range(left, operator, fit(value, left, states=states))

    def _pair(self, left: Operand, operator: Operator, right: Operand) -> Plan:
        """Two values of which neither stands in the rule."""
        if any(isinstance(o, PartOf) and o.part == "age" for o in (left, right)):
            raise DefinitionError("an age is compared with a number of years, not with another field")
        kinds = kind_of_operand(left), kind_of_operand(right)
        if kinds not in COMPARABLE:
            raise DefinitionError(
                f"{name_of(left)} ({kinds[0].value}) cannot be compared with {name_of(right)} ({kinds[1].value})"
            )
        if Kind.MONEY not in kinds:
            return Is(left, operator, right)
        mixed, other = _in_many_currencies(left), _in_many_currencies(right)
        if mixed and other:
            raise DefinitionError(
                f"{name_of(left)} and {name_of(right)} may both be in several currencies: "
                "compare one of them with Money, or with a field, so that the currency is known"
            )
        return Is(_like(left, right) if mixed else left, operator, _like(right, left) if other else right)

    def _states(self, operand: Operand, schema: Schema) -> Sequence[str] | None:
        """The only states in which *operand* can be, if it is one and they are known."""
        if isinstance(operand, Total) and operand.function in OUTERMOST and operand.column is not None:
            return self.known.states.get((operand.hops[-1].target.name, operand.column.attribute.name))
        if not isinstance(operand, Column) or operand.inside:
            return None
        owner = operand.hops[-1].target if operand.hops else schema
        return self.known.states.get((owner.name, operand.attribute.name))

    def _one_of(self, left: Operand, values: tuple[Any, ...], schema: Schema) -> Plan:
        if not values:
            return Truth(value=False)
        computed = isinstance(left, Total) or (isinstance(left, PartOf) and left.part == "age")
        instants = kind_of_operand(left) is Kind.INSTANT
        stretches: list[Any] = []
        rest: list[Any] = []
        for value in values:
            (stretches if computed or (instants and type(value) is date) else rest).append(value)
        if len(stretches) > SINGLY:
            raise DefinitionError(
                f"{name_of(left)} is compared with {len(stretches):,} values one by one; {SINGLY:,} at the most: "
                "use between, or a stretch of time"
            )
        singly = [self._compare(left, "==", nodes.Const(v), schema) for v in stretches]
        states = self._states(left, schema)
        fitted = [fit(v, left, states=states) for v in rest]
        fitting = tuple(v for v in fitted if side_of(v, left) == 0 and not isinstance(v, Fraction))
        if not singly:
            return In(left, fitting) if fitting else Truth(value=False)
        return Either((*singly, In(left, fitting)) if fitting else tuple(singly))

    def _match(self, rule: nodes.Match, schema: Schema) -> Plan:
        column = self.naming.column(rule.expr, schema)
        if column.kind is not Kind.TEXT or column.inside:
            raise DefinitionError(f"{name_of(column)} is a {column.kind.value}; only stored text is searched")
        if rule.fold and not column.attribute.search:
            raise DefinitionError(
                f"declare {name_of(column)} with attribute(search=True) to compare without regard to case"
            )
        return Like(column, rule.how, fold(rule.text) if rule.fold else rule.text, rule.fold)

    def _one_hop(self, related: nodes.Related, schema: Schema) -> Some:
        hops, where = self._related(related, schema)
        if len(hops) != 1 or not hops[0].many or hops[0].target[hops[0].target.when].kind is not Kind.INSTANT:
            raise DefinitionError(f"a sequence looks at rows with a moment, one relation away, not at {related.path}")
        return Some(hops, where)

    def _held(self, expr: nodes.Attr, value: str | None, window: nodes.Window, schema: Schema) -> Plan:
        """The present stay if it had begun by ``as_of``, else the one of the stage history that was going on then."""
        *way, field = expr.path
        state = self.naming.column(expr, schema)
        since = self.naming.column(nodes.Attr((*way, f"{field}_since")), schema)
        begin = Literal(self.timing.begin(window) or self.as_of.at)
        if value is not None:
            value = fit(value, state, states=self._states(state, schema))
        present: Plan = Is(since, "<=", begin)
        if value is not None:
            present = Both((Is(state, "==", Literal(value)), present))
        elif state.inside or not state.attribute.required:
            present = Both((No(Blank(state)), present))  # what is in no state stays in none
        if not self.as_of.past:
            return present  # nothing has ended after now
        hops = self._hops((*way, "stays"), schema)
        stay = hops[-1].target

        def column(name: str) -> Column:
            return Column(hops=(), attribute=stay[name], kind=stay[name].kind)

        was = [
            Is(column("field"), "==", Literal(field)),
            Is(column("entered_at"), "<=", begin),
            Is(column("created_at"), ">", Literal(self.as_of.at)),  # that is when it ended
        ]
        if value is not None:
            was.append(Is(column("state"), "==", Literal(value)))
        return Either((present, Some(hops, Both(tuple(was)))))

    def _in_segment(self, name: str, schema: Schema) -> Plan:
        if schema.name != "customer":
            raise DefinitionError(f"segments have customers as members, not {schema.plural}")
        known = self.known.segment(name)
        meant = _equal(("segment", "name"), name) if known is None else _equal(("segment_id",), known)
        member = nodes.AllOf((meant, _equal(("state",), "member")))
        hops, where = self._related(nodes.Related(("memberships",), member), schema)
        return Some(hops, where)


def _like(operand: Operand, other: Operand) -> Operand:
    """What *operand* is in the currency of *other*."""
    return attrs.evolve(operand, like=other) if isinstance(operand, Total) else operand


def _in_many_currencies(operand: Operand) -> bool:
    """Whether it is made of amounts that need not be in one currency."""
    return isinstance(operand, Total) and operand.function in {"sum", "avg", "min", "max"}


def _equal(path: tuple[str, ...], value: str) -> Rule:
    return nodes.Compare(nodes.Attr(path), "==", nodes.Const(value))

"""Why a rule holds of an entity, or does not: the tree of the rule with what held and the values that decided."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Schema
from crmkit.kernel.registry import Registry
from crmkit.kernel.render import Node, tree_html, tree_md, tree_text
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.evaluate import Neighbours, compile_operand, compile_plan, follow
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.plan import operand_of, plan
from crmkit.kernel.rules.planned import AsOf, Total
from crmkit.kernel.rules.text import text_of, value_text

ROWS = 5  # shown; Explanation.rows has all of them


@attrs.frozen(kw_only=True)
class Explanation:
    """One rule and what became of it.

    Attributes:
        matches: whether it held.
        text: the rule.
        value: what the entity has there, as text; none for rules that only combine others.
        parts: the rules that it combines.
        combines: how: all must hold, any one, or not the only one.
        rows: the related rows that were looked at, each with its moment and what was taken of it.
    """

    matches: bool
    text: str
    value: str | None = None
    parts: tuple[Explanation, ...] = ()
    combines: Literal["all", "any", "not"] | None = None
    rows: tuple[str, ...] = ()

    @property
    def change(self) -> tuple[str, ...]:
        """The fewest parts that would have to turn out otherwise for the whole to do so, as text.

        Of a member, what would make it leave; of anybody else, what would bring it in.

        >>> from crmkit import CRM, F
        >>> with CRM.open() as crm:
        ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
        ...     rule = (F.city == "Chengdu") & (F.orders.count() >= 3)
        ...     crm.customers.segments.explain(rule, li).change
        ('orders[].count() >= 3 should hold, it is 0',)
        """
        return self._turned(wanted=not self.matches)

    def _turned(self, *, wanted: bool) -> tuple[str, ...]:
        if self.matches is wanted:
            return ()
        if self.combines is None:
            seen = "" if self.value is None else f", it is {self.value}"
            return (f"{self.text} should {'hold' if wanted else 'not hold'}{seen}",)
        if self.combines == "not":
            return self.parts[0]._turned(wanted=not wanted)  # noqa: SLF001 - own kind
        each = [part._turned(wanted=wanted) for part in self.parts if part.matches is not wanted]  # noqa: SLF001
        if (self.combines == "all") is wanted:
            return tuple(line for lines in each for line in lines)
        return min(each, key=len, default=())

    def _node(self) -> Node:
        mark = "✓" if self.matches else "✗"
        seen = "" if self.value is None else f" — it is {self.value}"
        below = [Node(row) for row in self.rows[:ROWS]]
        if len(self.rows) > ROWS:
            below.append(Node(f"and {len(self.rows) - ROWS} more"))
        return Node(f"{mark} {self.text}{seen}", [*(part._node() for part in self.parts), *below])  # noqa: SLF001 - own kind

    def _nodes(self) -> list[Node]:
        """The tree, and what would have to be otherwise."""
        if self.matches or self.combines is None:
            return [self._node()]
        return [self._node(), Node("to bring it in", [Node(line) for line in self.change])]

    def __str__(self) -> str:
        return tree_text(self._nodes())

    def __format__(self, form: str) -> str:
        if form not in {"", "md", "html"}:
            raise InvalidInput(f"an explanation prints as 'md' or 'html', not as {form!r}")
        if form == "html":
            return self._repr_html_()
        return tree_md(self._nodes()) if form else str(self)

    def _repr_html_(self) -> str:
        return tree_html(self._nodes())


@attrs.frozen(kw_only=True)
class Explainer:
    """Judges rules for entities of one schema, at one moment."""

    schema: Schema
    registry: Registry
    as_of: AsOf
    neighbours: Neighbours

    def explain(self, rule: Rule, entity: Any) -> Explanation:
        """Why *rule* holds of *entity*, or does not."""
        planned = plan(rule, self.schema, self.registry, self.as_of)
        holds = compile_plan(planned, self.neighbours)(entity)
        parts: tuple[Explanation, ...] = ()
        value = None
        match rule:
            case nodes.AllOf(rules) if rules:
                parts = tuple(self.explain(r, entity) for r in rules)
                return Explanation(matches=holds, text="all of", parts=parts, combines="all")
            case nodes.AnyOf(rules) if rules:
                parts = tuple(self.explain(r, entity) for r in rules)
                return Explanation(matches=holds, text="at least one of", parts=parts, combines="any")
            case nodes.Not(nodes.AllOf() | nodes.AnyOf() as inner):
                parts = (self.explain(inner, entity),)
                return Explanation(matches=holds, text="not", parts=parts, combines="not")
            case nodes.Not(inner):
                value = self._value(inner, entity)
            case _:
                value = self._value(rule, entity)
        return Explanation(matches=holds, text=text_of(rule), value=value, rows=self._rows(rule, entity))

    def _rows(self, rule: Rule, entity: Any) -> tuple[str, ...]:
        """The related rows that an aggregate or a question for their existence looks at."""
        match rule:
            case nodes.Not(inner):
                return self._rows(inner, entity)
            case nodes.Exists(related):
                expr: nodes.Expr = nodes.Aggregate("count", related)
            case nodes.Compare(nodes.Aggregate() as expr) | nodes.OneOf(nodes.Aggregate() as expr):
                pass
            case _:
                return ()
        total = operand_of(expr, self.schema, self.registry, self.as_of)
        assert isinstance(total, Total)  # noqa: S101 - it is that of an aggregate
        found = follow(self.neighbours, total.hops, entity, compile_plan(total.where, self.neighbours))
        return tuple(self._row(total, row) for row in found)

    def _row(self, total: Total, row: Any) -> str:
        told = [row.id, shown(getattr(row, row.__schema__.when))]
        if total.column is not None:
            told.append(shown(compile_operand(total.column, self.neighbours)(row)))
        return " · ".join(told)

    def _value(self, rule: Rule, entity: Any) -> str | None:
        match rule:
            case nodes.Compare(left, _, right):
                operand = operand_of(left, self.schema, self.registry, self.as_of)
                if isinstance(operand, Total) and isinstance(right, nodes.Const):
                    operand = attrs.evolve(operand, currency=getattr(right.value, "currency", None))
            case (
                nodes.OneOf(expr)
                | nodes.Match(expr)
                | nodes.Missing(expr)
                | nodes.Has(expr)
                | nodes.Held(expr)
                | nodes.During(expr)
                | nodes.Anniversary(expr)
            ):
                operand = operand_of(expr, self.schema, self.registry, self.as_of)
            case nodes.Exists(related):
                counted = nodes.Aggregate("count", related)
                operand = operand_of(counted, self.schema, self.registry, self.as_of)
            case _:
                return None
        return shown(compile_operand(operand, self.neighbours)(entity))


def shown(value: Any) -> str:
    """A value as an explanation shows it."""
    if value is None:
        return "missing"
    if isinstance(value, frozenset):
        return ", ".join(map(value_text, sorted(value))) or "empty"
    if isinstance(value, Fraction):
        return f"{float(value):g}"
    return value_text(value)

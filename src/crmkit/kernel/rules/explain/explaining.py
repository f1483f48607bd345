"""Looking at one entity."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, Literal

import attrs

from crmkit.kernel.entity import Schema
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.evaluate import Neighbours, compile_plan
from crmkit.kernel.rules.explain.explanation import Explanation
from crmkit.kernel.rules.explain.values import COVERED, rows_of, rows_shown, value_of
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Expr, Not, OddOf, Related, Rule
from crmkit.kernel.rules.plan import operand_of, plan
from crmkit.kernel.rules.plan.planner import Planner
from crmkit.kernel.rules.planned import AsOf, Total
from crmkit.kernel.rules.text import text_of


def _nothing(_rows: Sequence[Any]) -> Container[str]:
    return ()


@attrs.frozen(kw_only=True)
class Explainer:
    """Judges rules for entities of one schema, at one moment.

    Attributes:
        schema: of which kind.
        registry: what the CRM is made of.
        as_of: the moment.
        neighbours: knows the related rows.
        hidden: the ids of those of some related rows that count, but are not to be shown.
    """

    schema: Schema
    registry: Registry
    as_of: AsOf
    neighbours: Neighbours
    hidden: Callable[[Sequence[Any]], Container[str]] = _nothing

    def explain(self, rule: Rule, entity: Any) -> Explanation:
        """Why *rule* holds of *entity*, or does not.

        Raises:
            DefinitionError: the rule does not fit such entities.
        """
        plan(rule, self.schema, self.registry, self.as_of)  # refuses what is no rule about them
        if self.as_of.past and entity.created_at > self.as_of.at:
            born = nodes.Compare(nodes.Attr(("created_at",)), "<=", nodes.Const(self.as_of.at))
            rule = AllOf((born, rule))  # nothing holds of what was not there yet
        return self._explained(rule, entity, {})

    def _explained(self, rule: Rule, entity: Any, known: dict[Rule, Explanation]) -> Explanation:
        match rule:
            case AllOf(rules) if rules:
                return self._combined(rule, "all", rules, entity, known)
            case AnyOf(rules) if rules:
                return self._combined(rule, "any", rules, entity, known)
            case OddOf(rules) if rules:
                return self._combined(rule, "odd", rules, entity, known)
            case Not(AllOf() | AnyOf() | OddOf() | Not() as inner):
                return self._combined(rule, "not", (inner,), entity, known)
        if rule not in known:
            known[rule] = self._condition(rule, entity)
        return known[rule]

    def _combined(
        self,
        rule: Rule,
        how: Literal["all", "any", "odd", "not"],
        rules: Iterable[Rule],
        entity: Any,
        known: dict[Rule, Explanation],
    ) -> Explanation:
        parts = tuple(self._explained(r, entity, known) for r in rules)
        held = [part.matches for part in parts]
        matches, text = {
            "all": (all(held), "all of"),
            "any": (any(held), "at least one of"),
            "odd": (sum(held) % 2 == 1, "one and not the other of" if len(held) == 2 else "an odd number of"),
            "not": (not any(held), "not"),
        }[how]
        return Explanation(matches=matches, text=text, parts=parts, combines=how, rule=rule, schema=self.schema)

    def _condition(self, rule: Rule, entity: Any) -> Explanation:
        planned = Planner(self.registry, self.as_of).rule(rule, self.schema)
        leaf = rule.rule if isinstance(rule, Not) else rule
        return Explanation(
            matches=compile_plan(planned, self.neighbours)(entity),
            text=text_of(rule),
            value=self._value(leaf, entity),
            rows=self._rows(leaf, entity),
            rule=rule,
            schema=self.schema,
        )

    # ── What was looked at ──

    def _rows(self, leaf: Rule, entity: Any) -> tuple[str, ...]:
        """The related rows that an aggregate, a sequence or a question for their existence looks at."""
        match leaf:
            case nodes.Exists(related):
                return self._rows_of(_count(related), entity)
            case nodes.Sequence(first, then):
                return (*self._rows_of(_count(first), entity), *self._rows_of(_count(then), entity))
            case nodes.Compare(left, _, right):
                sides = [side for side in (left, right) if isinstance(side, nodes.Aggregate)]
                return tuple(row for side in sides for row in self._rows_of(side, entity))
            case nodes.OneOf(nodes.Aggregate() as expr) | nodes.Missing(nodes.Aggregate() as expr):
                return self._rows_of(expr, entity)
        return ()

    def _rows_of(self, expr: nodes.Aggregate, entity: Any) -> tuple[str, ...]:
        total = operand_of(expr, self.schema, self.registry, self.as_of)
        assert isinstance(total, Total)  # noqa: S101 - it is that of an aggregate
        rows = rows_of(total, entity, self.neighbours)
        return tuple(rows_shown(total, rows, self.neighbours, hidden=self.hidden(rows)))

    def _value(self, leaf: Rule, entity: Any) -> str | None:
        match leaf:
            case nodes.Compare(left, _, nodes.Const(value)):
                return self._value_of(left, entity, (value,))
            case nodes.Compare(left, _, right):
                return f"{self._value_of(left, entity)} and {self._value_of(right, entity)}"
            case nodes.OneOf(expr, values):
                return self._value_of(expr, entity, values)
            case nodes.Held(expr):
                *way, field = expr.path
                since = nodes.Attr((*way, f"{field}_since"))
                return f"{self._value_of(expr, entity)} since {self._value_of(since, entity)}"
            case (
                nodes.Match(expr) | nodes.Missing(expr) | nodes.Has(expr) | nodes.During(expr) | nodes.Anniversary(expr)
            ):
                return self._value_of(expr, entity)
            case nodes.Exists(related):
                return self._value_of(_count(related), entity)
        return None

    def _value_of(self, expr: Expr, entity: Any, asked: Iterable[Any] = ()) -> str:
        operand = operand_of(expr, self.schema, self.registry, self.as_of)
        rows = rows_of(operand, entity, self.neighbours)
        hidden = self.hidden(rows)
        if any(row.id in hidden for row in rows):
            return COVERED
        currencies = {value.currency for value in asked if isinstance(value, Money)}
        return value_of(operand, entity, self.neighbours, self.as_of, currencies=currencies)


def _count(related: Related) -> nodes.Aggregate:
    return nodes.Aggregate("count", related)

"""From a rule to a plan: names resolved against the entity, types checked, windows turned into moments.

A rule says ``last 90 days``; its plan says from when until when.  After this step nothing is left to interpret, so an
engine is a translation of the few node types below, and the clock is never read again.
"""

from __future__ import annotations

from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.plan.fitting import kind_of_operand
from crmkit.kernel.rules.plan.planner import Known, Planner
from crmkit.kernel.rules.planned import AsOf, Both, Column, Is, Literal, Operand, Plan

__all__ = ["Known", "kind_of_operand", "operand_of", "plan"]


def plan(rule: Rule, schema: Schema, registry: Registry, as_of: AsOf, known: Known | None = None) -> Plan:
    """The plan of *rule* over entities of *schema*.

    Args:
        rule: what is asked.
        schema: what it is asked about.
        registry: what the CRM is made of.
        as_of: the moment for which it is asked.
        known: the states and segments that there are; whoever does not say it has them taken as they are written.

    Raises:
        DefinitionError: an unknown field, or kinds that cannot be compared; it names the field and the nearest one.
    """
    nodes.measure(rule)
    planned = (Planner(registry, as_of) if known is None else Planner(registry, as_of, known)).rule(rule, schema)
    if not as_of.past:
        return planned
    born = Column(hops=(), attribute=schema["created_at"], kind=Kind.INSTANT)
    return Both((Is(born, "<=", Literal(as_of.at)), planned))


def operand_of(expr: nodes.Expr, schema: Schema, registry: Registry, as_of: AsOf) -> Operand:
    """The planned form of one expression."""
    return Planner(registry, as_of).operand(expr, schema, key=True)

"""Generated worlds in which rules are judged without a store, by what the memory engine makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from crmkit import CRM
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.customers.segments import Membership, Segment
from crmkit.kernel.entity import Record
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules import AsOf, Rule, plan
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.kernel.stays import StageSpan
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.orders import Order, OrderLine
from crmkit.testing.strategies import extras, worlds
from crmkit.testing.suites.library import Book, Lending, Loan, Shelf

ENTITIES = [Shelf, Book, Loan]
with CRM.open("memory://", entities=ENTITIES, extras=[Lending]) as opened:
    REGISTRY = opened.storage.registry
SEGMENTS = ["couples", "parents", "strangers"]
LIBRARY: Mapping[type[Record], int] = {Shelf: 3, Book: 6, Loan: 2, StageSpan: 3}
HOUSE: Mapping[type[Record], int] = {
    Company: 2,
    Customer: 4,
    Opportunity: 3,
    Order: 4,
    OrderLine: 4,
    Segment: 2,
    Membership: 3,
    StageSpan: 3,
}
KINDS: list[type[Record]] = [Book, Customer, Opportunity, Order, Company]
LENT = st.none() | extras(Lending)


@attrs.frozen
class World:
    """Records that refer to each other."""

    records: Sequence[Record]

    def neighbours(self, relation: Relation, row: Any) -> list[Any]:
        """The rows that *relation* leads to from *row*."""
        wanted = row.id if relation.many else getattr(row, relation.key)
        key = relation.key if relation.many else "id"
        return [r for r in self.records if type(r) is relation.target.cls and getattr(r, key) == wanted]

    def of(self, cls: type[Record]) -> list[Record]:
        """The records of one kind."""
        return [r for r in self.records if type(r) is cls]

    def answers(self, rule: Rule, cls: type[Record], as_of: AsOf) -> list[bool]:
        """Of each record of a kind, whether *rule* holds of it."""
        holds = compile_plan(plan(rule, cls.__schema__, REGISTRY, as_of), self.neighbours)
        return [holds(r) for r in self.of(cls)]


@st.composite
def small_worlds(draw: st.DrawFn, cls: type[Record]) -> World:
    """Worlds in which there are some records of *cls*."""
    custom = LENT.map(lambda lent: {} if lent is None else {lent.key: lent.dump()})
    sizes = LIBRARY if cls is Book else HOUSE
    names = st.sampled_from(SEGMENTS[:2])
    world = draw(worlds(sizes, fixed={Book: {"extras": custom}, Segment: {"name": names}}))
    moving = [r.id for r in world if isinstance(r, Opportunity | Order | Book)]
    spans = [r for r in world if isinstance(r, StageSpan)]
    rest = [r for r in world if not isinstance(r, StageSpan)]
    fields = st.sampled_from(["stage", "status", "state"])
    stays = [s.evolve(subject=draw(st.sampled_from(moving)), field=draw(fields)) for s in spans if moving]
    return World([*rest, *stays])

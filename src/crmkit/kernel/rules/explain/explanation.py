"""What became of a rule: a tree that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Schema
from crmkit.kernel.render import Node, tree_html, tree_md, tree_text
from crmkit.kernel.rules.check.names import place_of
from crmkit.kernel.rules.explain.turning import Turn, base, turning
from crmkit.kernel.rules.nodes import AllOf, Always, AnyOf, OddOf, Rule

ROWS = 5  # shown; Explanation.rows has all of them
NOT_PROVEN = "a smaller change was not ruled out: the rule is too large to try them all"
NOT_FOUND = "no change was found: the rule is too large to try them all"


@attrs.frozen(kw_only=True)
class Explanation:
    """One rule and what became of it.

    Attributes:
        matches: whether it held.
        text: the rule.
        value: what the entity has there, as text; none for rules that only combine others.  Where it comes from rows
            that the actor may not see, it is covered: ``•••``.
        parts: the rules that it combines.
        combines: how: all must hold, any one, an odd number, or not the only one.
        rows: the related rows that were looked at, each with its moment and what was taken of it; those that the
            actor may not see are covered.
        rule: the rule itself.
        schema: what it is about.
    """

    matches: bool
    text: str
    value: str | None = None
    parts: tuple[Explanation, ...] = ()
    combines: Literal["all", "any", "odd", "not"] | None = None
    rows: tuple[str, ...] = ()
    rule: Rule = attrs.field(repr=False)
    schema: Schema = attrs.field(repr=False)

    @property
    def turn(self) -> Turn:
        """The fewest conditions whose truth would have to change for the whole to turn out otherwise, as rules.

        >>> from crmkit import CRM, F
        >>> with CRM.open() as crm:
        ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
        ...     why = crm.customers.segments.explain((F.city == "Rome") & (F.city == "Oslo"), li)
        ...     why.turn.possible, why.change
        (False, ('no change can bring it in: its parts contradict each other',))
        """
        now = {leaf: told.matches is straight for leaf, straight, told in self._conditions()}
        return turning(self.rule, now, place_of(self.schema), wanted=not self.matches)

    @property
    def change(self) -> tuple[str, ...]:
        """The fewest conditions that would have to turn out otherwise for the whole to do so, as text.

        Of a member, what would make it leave; of anybody else, what would bring it in.  If no change can do that, it
        says so.

        >>> from crmkit import CRM, F
        >>> with CRM.open() as crm:
        ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
        ...     rule = (F.city == "Chengdu") & (F.orders.count() >= 3)
        ...     crm.customers.segments.explain(rule, li).change
        ('orders[].count() >= 3 should hold, it is 0',)
        """
        return self._told(self.turn)

    def _told(self, turn: Turn) -> tuple[str, ...]:
        if not turn.possible:
            if self.matches:
                return ("no change can make it leave: it holds of everybody",)
            return ("no change can bring it in: its parts contradict each other",)
        first: dict[Rule, Explanation] = {}
        for leaf, _, told in self._conditions():
            first.setdefault(leaf, told)
        lines = tuple(first[leaf]._line() for leaf in turn.leaves)  # noqa: SLF001 - own kind
        if turn.smallest:
            return lines
        return (*lines, NOT_PROVEN) if lines else (NOT_FOUND,)

    def _line(self) -> str:
        seen = "" if self.value is None else f", it is {self.value}"
        return f"{self.text} should {'not hold' if self.matches else 'hold'}{seen}"

    def _conditions(self) -> Iterator[tuple[Rule, bool, Explanation]]:
        """The conditions below, without their negation, and whether they were asked for as they are."""
        if self.combines is not None:
            for part in self.parts:
                yield from part._conditions()  # noqa: SLF001 - own kind
            return
        leaf, straight = base(self.rule)
        if not isinstance(leaf, (Always, AllOf, AnyOf, OddOf)):
            yield leaf, straight, self

    def _node(self) -> Node:
        mark = "✓" if self.matches else "✗"
        seen = "" if self.value is None else f" — it is {self.value}"
        below = [Node(row) for row in self.rows[:ROWS]]
        if len(self.rows) > ROWS:
            below.append(Node(f"and {len(self.rows) - ROWS} more"))
        return Node(f"{mark} {self.text}{seen}", [*(part._node() for part in self.parts), *below])  # noqa: SLF001 - own kind

    def _nodes(self) -> list[Node]:
        """The tree, and what would have to be otherwise."""
        if self.matches:
            return [self._node()]
        turn = self.turn
        if self.combines is None and turn.possible:
            return [self._node()]
        return [self._node(), Node("to bring it in", [Node(line) for line in self._told(turn)])]

    def __str__(self) -> str:
        return tree_text(self._nodes())

    def __format__(self, form: str) -> str:
        if form not in {"", "text", "md", "html"}:
            raise InvalidInput(f"an explanation prints as 'text', 'md' or 'html', not as {form!r}")
        if form == "html":
            return self._repr_html_()
        return tree_md(self._nodes()) if form == "md" else str(self)

    def _repr_html_(self) -> str:
        return tree_html(self._nodes())

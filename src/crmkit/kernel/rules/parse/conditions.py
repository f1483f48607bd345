"""Reading conditions, and what combines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import sequence_of, year_of
from crmkit.kernel.rules.nodes import Attr, Expr, Operator, Related, Rule
from crmkit.kernel.rules.parse.values import Values
from crmkit.kernel.rules.text import MATCHES

DEPTH_LIMIT = 100
COMPARISONS: dict[str, Operator] = {"==": "==", "=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
HOW = {words: how for how, words in MATCHES.items()}


class Conditions(Values):
    """Reads rules."""

    def rule(self) -> Rule:
        """A whole rule."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self.fail(f"at most {DEPTH_LIMIT} levels of brackets")
        rules = [self.odd()]
        while self.take("or"):
            rules.append(self.odd())
        self.depth -= 1
        return rules[0] if len(rules) == 1 else nodes.AnyOf(tuple(rules))

    def odd(self) -> Rule:
        """Conditions of which an odd number holds."""
        rules = [self.every()]
        while self.take("xor"):
            rules.append(self.every())
        return rules[0] if len(rules) == 1 else nodes.OddOf(tuple(rules))

    def every(self) -> Rule:
        """Conditions that are all needed."""
        rules = [self.one()]
        while self.take("and"):
            rules.append(self.one())
        return rules[0] if len(rules) == 1 else nodes.AllOf(tuple(rules))

    def one(self) -> Rule:
        """A condition, perhaps negated."""
        self.parts += 1
        if self.parts > nodes.SIZE_LIMIT:
            self.fail(f"at most {nodes.SIZE_LIMIT:,} parts: use in (…), or segments of their own,")
        negations = 0
        while self.take("not"):
            negations += 1
            if negations > DEPTH_LIMIT:
                self.fail(f"at most {DEPTH_LIMIT} levels of 'not'")
        rule = self.plain()
        for _ in range(negations):
            rule = nodes.Not(rule)
        return rule

    def plain(self) -> Rule:
        """A condition that is not negated."""
        for word, kind in (("all", nodes.AllOf), ("any", nodes.AnyOf), ("odd", nodes.OddOf)):
            if self.take(word, "of", "("):
                return self.combination(kind)
        if self.take("("):
            rule = self.rule()
            self.need(")")
            return rule
        if self.take("everyone"):
            return nodes.Always(value=True)
        if self.take("no", "one"):
            return nodes.Always(value=False)
        if self.take("in", "segment"):
            return nodes.InSegment(self.text())
        if self.take("any"):
            return nodes.Exists(self.rows(self.path()))
        return self.comparison()

    def combination(self, kind: type[nodes.AllOf | nodes.AnyOf | nodes.OddOf]) -> Rule:
        """What stands in the brackets of a combination."""
        rules: list[Rule] = []
        while not self.take(")"):
            if rules:
                self.need(",")
            rules.append(self.rule())
        return kind(tuple(rules))

    def comparison(self) -> Rule:
        """A comparison, or a sequence."""
        left = self.value()
        if isinstance(left, Related):
            return self.sequence(left)
        if self.token.text in COMPARISONS and self.kind == "sign":
            operator = COMPARISONS[self.token.text]
            self.position += 1
            right = self.value()
            if isinstance(right, Related):
                self.fail("a value, such as .count,")
            return nodes.compared(left, operator, right)
        if self.take("not"):
            return nodes.Not(self.ending(left))
        return self.ending(left)

    def ending(self, left: Expr) -> Rule:
        """What follows a value, if that is a word."""
        for words, how in HOW.items():
            first, *rest = words.split()
            if self.take(first):
                self.need(*rest)
                return nodes.Match(left, how[0], self.text(), fold=how[1])
        for word, read in self.endings().items():
            if self.take(word):
                return read(left)
        return self.fail("a comparison", (*(words.split()[0] for words in HOW), *self.endings()))

    def endings(self) -> dict[str, Callable[[Expr], Rule]]:
        """What may follow a value, by its first word."""
        return {
            "in": self.after_in,
            "is": self.after_is,
            "has": self.after_has,
            "held": self.after_held,
            "anniversary": self.after_anniversary,
        }

    def sequence(self, first: Related) -> Rule:
        """One thing after another one."""
        if not self.take("then"):
            self.fail("'.count()', another function of the rows, or 'then'", nodes.FUNCTIONS)
        then = self.rows(self.path())
        self.need("in")
        hours = self.fits("a number of hours", sequence_of, self.whole())
        self.need("hours")
        return nodes.Sequence(first, then, hours)

    def after_in(self, left: Expr) -> Rule:
        """What follows "in"."""
        if self.take("("):
            values: list[Any] = []
            while not self.take(")"):
                if values:
                    self.need(",")
                values.append(self.literal())
            return nodes.OneOf(left, tuple(dict.fromkeys(values)))
        return nodes.During(left, self.window())

    def after_is(self, left: Expr) -> Rule:
        """What follows "is"."""
        negated = self.take("not")
        if not (self.is_next("missing") or self.is_next("known")):
            self.fail("'missing' or 'known'", ("missing", "known"))
        missing = self.take("missing")
        if not missing:
            self.need("known")
        return nodes.Missing(left) if missing is not negated else nodes.Not(nodes.Missing(left))

    def after_has(self, left: Expr) -> Rule:
        """What follows "has"."""
        quantifier: Any = "any" if self.take("any") else "none" if self.take("none") else "all"
        if not self.take("("):
            return nodes.Has(left, quantifier, (self.text(),))
        texts: list[str] = []
        while not self.take(")"):
            if texts:
                self.need(",")
            texts.append(self.text())
        return nodes.Has(left, quantifier, tuple(texts))

    def after_held(self, left: Expr) -> Rule:
        """What follows "held"."""
        if not isinstance(left, Attr):
            self.fail("a field before 'held'")
        value = self.text() if self.kind == "text" else None
        self.need("for")
        return nodes.Held(left, value, self.lasting("last"))

    def after_anniversary(self, left: Expr) -> Rule:
        """What follows "anniversary"."""
        days = 0
        if self.take("in"):
            days = self.fits("a number of days", year_of, self.whole())
            self.need("days")
        return nodes.Anniversary(left, days)

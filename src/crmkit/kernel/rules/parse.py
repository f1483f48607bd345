"""Reading rules from text.

::

    rule       = all { "or" all }                       all = one { "and" one }
    one        = "not" one | "(" rule ")" | "everyone" | "no one" | "in segment" TEXT | "any" rows | comparison
               | ("all" | "any") "of" "(" [rule {"," rule}] ")" | rows "then" rows "in" NUMBER "hours"
    comparison = value ("=" | "!=" | "<" | "<=" | ">" | ">=") value | value "in" "(" values ")" | value "in" window
               | value "is" ("missing" | "known") | value ("contains" | "starts with" | …) TEXT
               | value "has" ["any" | "none"] (TEXT | "(" texts ")") | value "held" [TEXT] "for" measure
               | value "anniversary" ["in" NUMBER "days"]
    value      = path | path "." part ["()"] | rows "." function ["(" path ")"] | literal
               | "bucket" "(" NUMBER "," TEXT ")"
    rows       = path ["[" rule [(";" | ",") window] "]"]
    window     = ("last" | "next" | "before last") measure | ["since" moment] ["until" moment]
    measure    = NUMBER ("seconds" | "hours" | "days" | "weeks" | "months" | "years") { … }

>>> from crmkit.kernel.rules.parse import parse
>>> print(parse('orders[status = "paid", last 90 days].count >= 3 and not tags has "vip"'))
orders[status = "paid"; last 90 days].count() >= 3 and not tags has ("vip")
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.clock import utc
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import bucket_of, constant, names_of, sequence_of, year_of
from crmkit.kernel.rules.constants import window as window_of
from crmkit.kernel.rules.nodes import Aggregate, Attr, Const, Expr, Operator, Part, Related, Rule, Window
from crmkit.kernel.rules.text import MATCHES, WORDS
from crmkit.kernel.rules.tokens import UNITS, Token, Words, place
from crmkit.kernel.text import nearest, shown

T = TypeVar("T")

TEXT_LIMIT = 5_000_000
DEPTH_LIMIT = 100
COMPARISONS: dict[str, Operator] = {"==": "==", "=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
HOW = {words: how for how, words in MATCHES.items()}


def parse(text: str) -> Rule:
    """The rule that *text* says.

    Raises:
        DefinitionError: it says none; the message points at the place and suggests what may be meant.
    """
    if not isinstance(text, str):
        raise DefinitionError(f"a rule is read from text, not from {shown(text)}")
    if len(text) > TEXT_LIMIT:
        raise DefinitionError(f"a rule has at most {TEXT_LIMIT:,} characters, this text has {len(text):,}")
    reader = _Reader(text)
    rule = reader.rule()
    if reader.kind != "end":
        reader.fail("the end, or 'and' or 'or'")
    return rule


class _Reader:
    def __init__(self, text: str) -> None:
        self.source, self.position, self.depth, self.parts = text, 0, 0, 0
        self.words = Words(text)

    # ── Words ──

    @property
    def token(self) -> Token:
        return self.words.at(self.position)

    @property
    def kind(self) -> str:
        return self.token.kind

    def is_next(self, *words: str) -> bool:
        ahead = self.words.some(self.position, len(words))
        return [t.text for t in ahead] == list(words) and all(t.kind in {"name", "sign"} for t in ahead)

    def take(self, *words: str) -> bool:
        """Step over *words* if they come next."""
        if not self.is_next(*words):
            return False
        self.position += len(words)
        return True

    def need(self, *words: str) -> None:
        if not self.take(*words):
            self.fail(repr(" ".join(words)))

    def need_kind(self, kind: str, what: str) -> str:
        if self.kind != kind:
            self.fail(what)
        self.position += 1
        return self.words.at(self.position - 1).text

    def fail(self, wanted: str, among: tuple[str, ...] = ()) -> NoReturn:
        got = shown(self.token.text, limit=60) if self.token.text else "the end"
        near = nearest(self.token.text, among) if among else None
        hint = f"; did you mean {near!r}?" if near else ""
        raise DefinitionError(f"{place(self.source, self.token.at)}: {wanted} is needed, not {got}{hint}")

    # ── Rules ──

    def rule(self) -> Rule:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self.fail(f"at most {DEPTH_LIMIT} levels of brackets")
        rules = [self.every()]
        while self.take("or"):
            rules.append(self.every())
        self.depth -= 1
        return rules[0] if len(rules) == 1 else nodes.AnyOf(tuple(rules))

    def every(self) -> Rule:
        rules = [self.one()]
        while self.take("and"):
            rules.append(self.one())
        return rules[0] if len(rules) == 1 else nodes.AllOf(tuple(rules))

    def one(self) -> Rule:
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
        for word, kind in (("all", nodes.AllOf), ("any", nodes.AnyOf)):
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

    def combination(self, kind: type[nodes.AllOf | nodes.AnyOf]) -> Rule:
        rules: list[Rule] = []
        while not self.take(")"):
            if rules:
                self.need(",")
            rules.append(self.rule())
        return kind(tuple(rules))

    def comparison(self) -> Rule:
        left = self.value()
        if isinstance(left, Related):
            return self.sequence(left)
        if self.token.text in COMPARISONS and self.kind == "sign":
            operator = COMPARISONS[self.token.text]
            self.position += 1
            right = self.value()
            if isinstance(right, Related):
                self.fail("a value, such as .count,")
            return nodes.Compare(left, operator, right)
        for words, how in HOW.items():
            if self.take(*words.split()):
                return nodes.Match(left, how[0], self.text(), fold=how[1])
        for word, read in self.endings().items():
            if self.take(word):
                return read(left)
        return self.fail(
            "a comparison", ("contains", "has", "in", "is", "held", "anniversary", "starts", "ends", "icontains")
        )

    def endings(self) -> dict[str, Callable[[Expr], Rule]]:
        return {
            "in": self.after_in,
            "is": self.after_is,
            "has": self.after_has,
            "held": self.after_held,
            "anniversary": self.after_anniversary,
        }

    def sequence(self, first: Related) -> Rule:
        if not self.take("then"):
            self.fail("'.count()', another function of the rows, or 'then'", nodes.FUNCTIONS)
        then = self.rows(self.path())
        self.need("in")
        hours = self.fits("a number of hours", sequence_of, self.whole())
        self.need("hours")
        return nodes.Sequence(first, then, hours)

    def after_in(self, left: Expr) -> Rule:
        if self.take("("):
            values: list[Any] = []
            while not self.take(")"):
                if values:
                    self.need(",")
                values.append(self.literal())
            return nodes.OneOf(left, tuple(dict.fromkeys(values)))
        return nodes.During(left, self.window())

    def after_is(self, left: Expr) -> Rule:
        if self.take("missing"):
            return nodes.Missing(left)
        if self.take("known"):
            return nodes.Not(nodes.Missing(left))
        return self.fail("'missing' or 'known'", ("missing", "known"))

    def after_has(self, left: Expr) -> Rule:
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
        if not isinstance(left, Attr):
            self.fail("a field before 'held'")
        value = self.text() if self.kind == "text" else None
        self.need("for")
        return nodes.Held(left, value, self.lasting("last"))

    def after_anniversary(self, left: Expr) -> Rule:
        days = 0
        if self.take("in"):
            days = self.fits("a number of days", year_of, self.whole())
            self.need("days")
        return nodes.Anniversary(left, days)

    # ── Values ──

    def value(self) -> Expr | Related:
        if self.take("bucket", "("):
            size = self.whole()
            self.need(",")
            bucket = self.fits("a bucket", bucket_of, size, self.text())
            self.need(")")
            return bucket
        if self.kind != "name" or self.token.text in {"true", "false"}:
            return Const(self.literal())
        names = self.path()
        if self.is_next("["):
            related = self.rows(names)
            return self.aggregate(related, self.need_kind("name", "a function")) if self.take(".") else related
        return self.field(names)

    def field(self, names: tuple[str, ...]) -> Expr | Related:
        """A path whose last name may be a function of the rows or a part of a date."""
        *way, last = names
        if self.is_next("("):
            if last in nodes.PARTS and way:
                self.need("(")
                self.need(")")
                return Part(Attr(tuple(way)), last)
            return self.aggregate(Related(tuple(way)), last)
        if self.is_next("then"):
            return Related(names)
        if way and last == "count":
            return Aggregate("count", Related(tuple(way)))
        return Part(Attr(tuple(way)), last) if way and last in nodes.PARTS else Attr(names)

    def aggregate(self, related: Related, function: str) -> Expr:
        if function not in nodes.FUNCTIONS or not related.path:
            self.position -= 1
            self.fail("a function of the rows", nodes.FUNCTIONS)
        of = None
        if self.take("(") and not self.take(")"):
            of = Attr(self.path())
            self.need(")")
        if (of is None) is not (function == "count"):
            self.fail(f"{function} of a field, as in {function}(total)," if of is None else "count without a field")
        return Aggregate(function, related, of)

    def rows(self, names: tuple[str, ...]) -> Related:
        if not self.take("["):
            return Related(names)
        where = window = None
        while not self.take("]"):
            inside = where is not None or window is not None
            if inside and not (self.take(";") or self.take(",")):
                self.fail("']', or ';' and a window")
            if window is None and self.begins_window():
                window = self.window()
            elif where is None:
                where = self.rule()
            else:
                self.fail("']'")
        return Related(names, where, window)

    def begins_window(self) -> bool:
        return any(self.is_next(word) for word in ("last", "next", "before", "since", "until"))

    def window(self) -> Window:
        window, values = Window(), dict[str, Any]()
        for words, side in ((("last",), "last"), (("next",), "next"), (("before", "last"), "before")):
            if self.take(*words):
                window = self.lasting(side)
                break
        for end in ("since", "until"):
            if self.take(end):
                values[end] = self.moment(self.need_kind("moment", "a date or an instant"))
        if window == Window() and not values:
            self.fail("a window, as in 'last 90 days',", ("last", "next", "before", "since", "until"))
        return attrs.evolve(window, **values)

    def lasting(self, side: str) -> Window:
        measures = self.measure()
        return self.fits("a stretch of time", lambda: window_of(**measures, side=side))

    def measure(self) -> dict[str, int]:
        measures: dict[str, int] = {}
        while self.kind == "number" or not measures:
            number = self.whole()
            unit = self.need_kind("name", "seconds, hours, days, weeks, months or years")
            if unit.removesuffix("s") not in UNITS:
                self.position -= 1
                self.fail("seconds, hours, days, weeks, months or years", tuple(f"{u}s" for u in UNITS))
            name, factor = UNITS[unit.removesuffix("s")]
            measures[name] = measures.get(name, 0) + number * factor
        return measures

    def path(self) -> tuple[str, ...]:
        names = [self.name()]
        while self.is_next("."):
            self.position += 1
            names.append(self.name())
        return self.fits("a path of names", names_of, ".".join(names))

    def name(self) -> str:
        text = self.need_kind("name", "a name")
        if text in WORDS:
            self.position -= 1
            self.fail("a name (in back-ticks if it is this word)")
        return text.strip("`")

    def text(self) -> str:
        raw = self.need_kind("text", "a text in double quotes")
        return self.fits("a text", lambda: str(constant(json.loads(raw, strict=False))))

    def whole(self) -> int:
        text = self.need_kind("number", "a whole number")
        if not text.isdecimal() or len(text) > 9:
            self.position -= 1
            self.fail("a whole number, 0 or more")
        return int(text)

    def moment(self, text: str) -> date:
        def read() -> date:
            if "T" not in text:
                return date.fromisoformat(text)
            return utc(datetime.fromisoformat(text), what="an instant in a rule")

        return self.fits("a date or an instant", read)

    def literal(self) -> Any:
        if self.kind == "text":
            return self.text()
        if self.kind == "moment":
            return self.moment(self.need_kind("moment", "a date"))
        for word, value in (("true", True), ("false", False)):
            if self.take(word):
                return value
        number = self.need_kind("number", "a value (texts stand in double quotes)")
        if self.kind == "name" and re.fullmatch("[A-Z]{3}", self.token.text):
            return self.fits("an amount of money", Money, number, self.need_kind("name", "a currency"))
        if self.take("microseconds"):
            return self.fits("a duration", lambda: timedelta(microseconds=int(number)))
        return self.fits("a number", lambda: constant(Decimal(number) if "." in number else int(number)))

    def fits(self, what: str, read: Callable[..., T], *given: Any) -> T:
        """What *read* makes of the words that were just taken."""
        try:
            return read(*given)
        except (ValueError, ArithmeticError) as error:
            self.position -= 1
            self.fail(f"{what} ({shown(str(error), limit=200)})")

"""Reading what has a value: fields, aggregates, literals; and the rows and windows that belong to them."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from crmkit.kernel.clock import utc
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import PATH_LIMIT, bucket_of, constant, names_of
from crmkit.kernel.rules.constants import window as window_of
from crmkit.kernel.rules.nodes import Aggregate, Attr, Const, Expr, Part, Related, Rule, Window
from crmkit.kernel.rules.parse.reader import Reader, is_loud
from crmkit.kernel.rules.text import WORDS, is_custom
from crmkit.kernel.rules.tokens import UNITS


class Values(Reader):
    """Reads values."""

    @abstractmethod
    def rule(self) -> Rule:
        """A whole rule."""

    def value(self) -> Expr | Related:
        """A value, or the rows of a sequence."""
        if self.take("bucket", "("):
            size = self.whole()
            self.need(",")
            bucket = self.fits("a bucket", bucket_of, size, self.text())
            self.need(")")
            return bucket
        if self.kind != "name" or self.token.text in {"true", "false"}:
            return Const(self.literal())
        names = self.path()
        if self.words.at(self.position - 1).text.startswith("`") and not self.is_next("["):
            return Related(names) if self.is_next("then") else Attr(names)
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
            if last not in nodes.FUNCTIONS:
                self.position -= 1
                self.fail("a function of the rows, or a part of a date", (*nodes.FUNCTIONS, *nodes.PARTS))
            return self.aggregate(Related(tuple(way)), last)
        if self.is_next("then"):
            return Related(names)
        if is_custom(way):
            return Attr(names)
        if way and last == "count":
            return Aggregate("count", Related(tuple(way)))
        return Part(Attr(tuple(way)), last) if way and last in nodes.PARTS else Attr(names)

    def aggregate(self, related: Related, function: str) -> Expr:
        """A function of rows."""
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
        """Related rows with their conditions."""
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
        """Whether a window comes next."""
        return any(self.is_next(word) for word in ("last", "next", "before", "since", "until"))

    def window(self) -> Window:
        """A window."""
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
        """A window of some length."""
        measures = self.measure()
        return self.fits("a stretch of time", lambda: window_of(**measures, side=side))

    def measure(self) -> dict[str, int]:
        """A length of time, by its units."""
        measures: dict[str, int] = {}
        said: set[str] = set()
        while self.kind == "number" or not measures:
            number = self.whole()
            unit = self.need_kind("name", "seconds, hours, days, weeks, months or years").removesuffix("s")
            if unit not in UNITS or unit in said:
                self.position -= 1
                if unit in said:
                    self.fail("another unit of time, each of them once,")
                self.fail("seconds, hours, days, weeks, months or years", tuple(f"{u}s" for u in UNITS))
            said.add(unit)
            name, factor = UNITS[unit]
            measures[name] = measures.get(name, 0) + number * factor
        return measures

    def path(self) -> tuple[str, ...]:
        """Names with dots between them."""
        names = [self.name()]
        while self.is_next(".") and len(names) <= PATH_LIMIT:  # what is longer is refused for it
            self.position += 1
            names.append(self.name())
        return self.fits("a path of names", names_of, ".".join(names))

    def name(self) -> str:
        """One name."""
        text = self.need_kind("name", "a name")
        if text in WORDS:
            self.position -= 1
            self.fail("a name (in back-ticks if it is this word)")
        return text.strip("`")

    def text(self) -> str:
        """A text in double quotes."""
        raw = self.need_kind("text", "a text in double quotes")
        return self.fits("a text", lambda: str(constant(json.loads(raw, strict=False))))

    def whole(self) -> int:
        """A whole number."""
        text = self.need_kind("number", "a whole number")
        if not text.isdecimal() or len(text) > 9:
            self.position -= 1
            self.fail("a whole number, 0 or more")
        return int(text)

    def moment(self, text: str) -> date:
        """A date, or an instant."""

        def read() -> date:
            if "T" not in text:
                return date.fromisoformat(text)
            return utc(datetime.fromisoformat(text), what="an instant in a rule")

        return self.fits("a date or an instant", read)

    def literal(self) -> Any:
        """A value that stands there as it is."""
        if self.kind == "text":
            return self.text()
        if self.kind == "moment":
            return self.moment(self.need_kind("moment", "a date"))
        for word, value in (("true", True), ("false", False)):
            if self.take(word):
                return value
        number = self.need_kind("number", "a value (texts stand in double quotes)")
        if self.kind == "name" and re.fullmatch("[A-Z]{3}", self.token.text) and not is_loud(self.token.text):
            return self.fits("an amount of money", Money, number, self.need_kind("name", "a currency"))
        if self.take("microseconds"):
            return self.fits("a duration", lambda: timedelta(microseconds=int(number)))
        return self.fits("a number", lambda: constant(Decimal(number) if "." in number else int(number)))

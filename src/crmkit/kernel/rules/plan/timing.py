"""What depends on the moment: ages, days, anniversaries and windows, as comparisons with moments."""

from __future__ import annotations

from datetime import MAXYEAR, date, datetime, timedelta
from typing import Any

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Kind
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import Operator
from crmkit.kernel.rules.plan.fitting import name_of, returning, same_day
from crmkit.kernel.rules.planned import AsOf, Blank, Both, Column, In, Is, Literal, No, Operand, PartOf, Plan, Truth


@attrs.frozen
class Timing:
    """Compares with moments, seen from one of them."""

    as_of: AsOf

    def age(self, column: Column, operator: Operator, years: Any) -> Plan:
        """How many years have been completed since."""
        if type(years) is not int:
            raise DefinitionError(f"an age is a whole number of years, got {years!r}")
        if operator == "==":
            return Both((self.age(column, ">=", years), self.age(column, "<=", years)))
        if operator in {"<", "<="}:
            older = self.age(column, ">=", years + (operator == "<="))
            return Both((No(Blank(column)), No(older)))
        today = local_date(self.as_of.at, self.as_of.zone)
        # Born on 29 February, one comes of age on 1 March of other years: the day is compared, not computed.
        full = years + (operator == ">")
        if today.year - full < 1:
            return Truth(value=False)
        if today.year - full > MAXYEAR:
            return No(Blank(column))
        born_by = same_day(today, years=-full)
        if column.kind is Kind.INSTANT:
            return Is(column, "<", Literal(start_of_day(born_by + timedelta(days=1), self.as_of.zone)))
        return Is(column, "<=", Literal(born_by))

    def on_day(self, left: Operand, operator: Operator, day: date) -> Plan:
        """Compare an instant with a whole day."""
        begin = Literal(start_of_day(day, self.as_of.zone))
        end = Literal(start_of_day(shift(day, days=1), self.as_of.zone))
        if operator == "==":
            return Both((Is(left, ">=", begin), Is(left, "<", end)))
        if operator in {"<", "<="}:
            return Is(left, "<", begin if operator == "<" else end)
        return Is(left, ">=", begin if operator == ">=" else end)

    def window(self, column: Column, window: nodes.Window) -> list[Plan]:
        """What it takes to lie in *window*."""
        if window.side == "next":
            return self._ahead(column, window)
        begin, end = self.begin(window), self._moment(window.until)
        bounds: list[Plan] = []
        if window.side == "before":
            bounds.append(Is(column, "<", Literal(self.like(column, begin or self.as_of.at))))
            begin = self._moment(window.since)
        if begin is not None:
            bounds.append(Is(column, ">=", Literal(self.like(column, begin))))
        if window.side == "last" and not window.open_ended:
            bounds.append(Is(column, "<=", Literal(self.like(column, self.as_of.at))))
        if end is not None:
            bounds.append(Is(column, "<", Literal(self.like(column, end))))
        return bounds

    def _ahead(self, column: Column, window: nodes.Window) -> list[Plan]:
        at = self.as_of.at
        ends = [] if window.exact is None else [at + window.exact]
        if window.in_days:
            today = local_date(at, self.as_of.zone)
            last = shift(today, days=window.days or 0, months=window.months or 0)
            ends.append(start_of_day(last + timedelta(days=1), self.as_of.zone) - timedelta(microseconds=1))
        bounds: list[Plan] = [
            Is(column, ">=" if column.kind is Kind.DATE else ">", Literal(self.like(column, at))),
            Is(column, "<=", Literal(self.like(column, min(ends)))),
        ]
        if window.since is not None:
            bounds.append(Is(column, ">=", Literal(self.like(column, self._moment(window.since)))))
        if window.until is not None:
            bounds.append(Is(column, "<", Literal(self.like(column, self._moment(window.until)))))
        return bounds

    def during(self, column: Column, window: nodes.Window) -> Plan:
        """Whether a date or an instant lies in *window*."""
        if column.kind not in {Kind.DATE, Kind.INSTANT}:
            raise DefinitionError(
                f"{name_of(column)} is a {column.kind.value}; only dates and instants lie in a window"
            )
        return Both(tuple(self.window(column, window)))

    def anniversary(self, column: Column, days: int) -> Plan:
        """Whether a date returns within *days* days."""
        if column.kind not in {Kind.DATE, Kind.INSTANT}:
            raise DefinitionError(f"{name_of(column)} is a {column.kind.value}; only dates return every year")
        today = local_date(self.as_of.at, self.as_of.zone)
        return In(PartOf(column, "monthday", self.as_of.zone), returning(today, days))

    def begin(self, window: nodes.Window) -> datetime | None:
        """Where the stretch until now begins."""
        starts = []
        if window.exact is not None:
            starts.append(self.as_of.at - window.exact)
        if window.in_days:
            today = local_date(self.as_of.at, self.as_of.zone)
            first = shift(today, days=-(window.days or 0), months=-(window.months or 0))
            starts.append(start_of_day(first, self.as_of.zone))
        if window.since is not None:
            starts.append(self._moment(window.since))
        return max(starts, default=None)

    def _moment(self, value: Any) -> Any:
        return start_of_day(value, self.as_of.zone) if type(value) is date else value

    def like(self, column: Column, moment: datetime) -> Any:
        """The moment, as the column has it."""
        return local_date(moment, self.as_of.zone) if column.kind is Kind.DATE else moment

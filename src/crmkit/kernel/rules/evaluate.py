"""The memory engine: a plan becomes the source of a Python function, compiled once, as fast as one written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import md5
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from crmkit.kernel.entity import Kind, Record
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules.planned import (
    FROM_NOTHING,
    OUTERMOST,
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


class Neighbours(Protocol):
    """Whatever knows the rows that a relation leads to."""

    def __call__(self, relation: Relation, row: Any) -> Sequence[Any]:
        """The rows that *relation* leads to from *row*; none or one if the relation is single."""
        ...


def compile_plan(plan: Plan, neighbours: Neighbours) -> Callable[[Any], bool]:
    """A function from an entity to whether *plan* holds."""
    source = _Source(neighbours)
    return source.made(source.test(plan, "e"))


def compile_operand(operand: Operand, neighbours: Neighbours) -> Callable[[Any], Any]:
    """A function from an entity to the value of *operand*."""
    source = _Source(neighbours)
    return source.made(source.value(operand, "e"))


class _Source:
    def __init__(self, neighbours: Neighbours) -> None:
        self.names: dict[str, Any] = {"rows_of": neighbours, "part": part_of, "total": total, "fold": fold}
        self.names |= {"Fraction": Fraction, "follow": follow, "drawn": drawn, "followed": followed, "custom": custom}
        self.functions: list[str] = []
        self.temporaries = 0

    def made(self, body: str) -> Callable[[Any], Any]:
        text = "\n".join([*self.functions, f"def judge(e):\n    return {body}"])
        exec(compile(text, "<rule>", "exec"), self.names)  # noqa: S102 - our own source; values are bound, never written
        judge: Callable[[Any], Any] = self.names["judge"]
        return judge

    def bind(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def temporary(self) -> str:
        self.temporaries += 1
        return f"t{self.temporaries}"

    def function(self, body: str) -> str:
        name = f"f{len(self.functions)}"
        self.functions.append(f"def {name}(e):\n    return {body}")
        return name

    # ── Rules ──

    def test(self, plan: Plan, e: str) -> str:
        match plan:
            case Truth(value):
                return str(value)
            case Both(plans):
                return "(" + (" and ".join(self.test(p, e) for p in plans) or "True") + ")"
            case Either(plans):
                return "(" + (" or ".join(self.test(p, e) for p in plans) or "False") + ")"
            case Odd(plans):
                return f"(sum(({''.join(f'{self.test(p, e)}, ' for p in plans)})) % 2 == 1)"
            case No(inner):
                return f"(not {self.test(inner, e)})"
            case Is(left, operator, right):
                return self.compare(left, operator, right, e)
            case In(left, values):
                return f"({self.value(left, e)} in {self.bind(frozenset(values))})"
            case Like(column, how, text, folded):
                return self.like(column, how, text, e, folded=folded)
            case Blank(Total(function=function)) if function in FROM_NOTHING:
                return "False"
            case Blank(operand):
                return f"({self.value(operand, e)} is None)"
            case Tagged(column, every, values):
                t, wanted = self.temporary(), self.bind(frozenset(values))
                holds = f"{wanted} <= {t}" if every else f"not {wanted}.isdisjoint({t})"
                return f"(({t} := {self.value(column, e)}) is not None and {holds})"
            case Some(hops, where):
                return f"bool({self.rows(hops, where, e)})"
            case Then(first, then, lasting):
                rows = f"{self.rows(first.hops, first.where, e)}, {self.rows(then.hops, then.where, e)}"
                whens = f"{first.hops[0].target.when!r}, {then.hops[0].target.when!r}"
                return f"followed({rows}, {whens}, {self.bind(lasting)})"
        raise TypeError(plan)

    def compare(self, left: Operand, operator: str, right: Operand, e: str) -> str:
        t = self.temporary()
        value = self.value(left, e)
        if isinstance(right, Literal):
            constant = right.value
            if isinstance(constant, Money):
                same = f"{t}.currency == {self.bind(constant.currency)}"
                return f"(({t} := {value}) is not None and {same} and {t}.minor {operator} {constant.minor})"
            return f"(({t} := {value}) is not None and {t} {operator} {self.bind(constant)})"
        u = self.temporary()
        known = f"({t} := {value}) is not None and ({u} := {self.value(right, e)}) is not None"
        if isinstance(left, (Column, Total)) and left.kind is Kind.MONEY:
            return f"({known} and {t}.currency == {u}.currency and {t}.minor {operator} {u}.minor)"
        if is_mean(left) or is_mean(right):
            return f"({known} and Fraction({t}) {operator} Fraction({u}))"
        return f"({known} and {t} {operator} {u})"

    def like(self, column: Column, how: str, text: str, e: str, *, folded: bool) -> str:
        t, wanted = self.temporary(), self.bind(text)
        value = f"fold({t})" if folded else t
        test = {
            "contains": f"{wanted} in {value}",
            "starts_with": f"{value}.startswith({wanted})",
            "ends_with": f"{value}.endswith({wanted})",
            "equals": f"{value} == {wanted}",
        }[how]
        return f"(({t} := {self.value(column, e)}) is not None and {test})"

    # ── Values ──

    def value(self, operand: Operand, e: str) -> str:
        match operand:
            case Literal(value):
                return self.bind(value)
            case PartOf(column, part, zone):
                return f"part({self.value(column, e)}, {part!r}, {self.bind(zone)})"
            case Draw(size, salt):
                return f"drawn({self.bind(salt)}, {e}.id, {size})"
            case Total():
                rows = self.rows(operand.hops, operand.where, e)
                value = self.function(self.value(operand.column, "e")) if operand.column is not None else "None"
                when = self.bind(operand.hops[-1].target.when)
                if operand.like is None:
                    return f"total({operand.function!r}, {rows}, {value}, {self.bind(operand.currency)}, {when})"
                t = self.temporary()
                summed = f"total({operand.function!r}, {rows}, {value}, {t}.currency, {when})"
                return f"({summed} if ({t} := {self.value(operand.like, e)}) is not None else None)"
            case Column(hops=hops, attribute=attribute, inside=inside):
                base, guard = e, ""
                for hop in hops:
                    t = self.temporary()
                    guard += f"({t} := next(iter(rows_of({self.bind(hop)}, {base})), None)) is not None and "
                    base = t
                got = f"{base}.{attribute.name}"
                if inside:
                    default, read = self.bind(operand.default), self.bind(READERS.get(operand.kind))
                    got = f"custom({got}, {inside!r}, {default}, {read})"
                return f"({got} if {guard.removesuffix(' and ')} else None)" if guard else got
        raise TypeError(operand)

    def rows(self, hops: tuple[Relation, ...], where: Plan, e: str) -> str:
        """Source of an iterable over the related rows that satisfy *where*."""
        names = self.bind(hops)
        test = self.function(self.test(where, "e")) if where != Both(()) else "None"
        return f"follow(rows_of, {names}, {e}, {test})"


def is_mean(operand: Operand) -> bool:
    """Whether it is an exact fraction."""
    return isinstance(operand, Total) and operand.function == "avg"


def follow(
    neighbours: Neighbours, hops: tuple[Relation, ...], row: Any, test: Callable[[Any], bool] | None
) -> list[Any]:
    """The rows that *hops* lead to from *row* and that satisfy *test*, each once."""
    found: list[Any] = [row]
    for hop in hops:
        found = [r for f in found for r in neighbours(hop, f)]
    if len(hops) > 1:
        found = list({r.id: r for r in found}.values())
    return found if test is None else [r for r in found if test(r)]


def custom(extras: Mapping[str, Any], inside: tuple[str, ...], default: Any, read: Callable[[Any], Any] | None) -> Any:
    """A custom field as its class declares it: the stored value, or the default where nothing is stored."""
    owner, name = inside
    stored = extras.get(owner) or {}
    if name not in stored:
        return default
    value = stored[name]
    return value if value is None or read is None else read(value)


READERS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: date.fromisoformat,
    Kind.INSTANT: datetime.fromisoformat,
    Kind.DECIMAL: Decimal,
}


def part_of(value: date | datetime | None, part: str, zone: ZoneInfo) -> int | None:
    """The *part* of a date, or of an instant as a clock in *zone* shows it."""
    if value is None:
        return None
    local = value.astimezone(zone) if isinstance(value, datetime) else value
    if part == "monthday":
        return local.month * 100 + local.day
    number: int = local.isoweekday() if part == "weekday" else getattr(local, part)
    return number


def drawn(salt: str, identifier: str, size: int) -> int:
    """A number from 0 to *size* - 1 out of the first 32 bits of the MD5 of ``salt:identifier``."""
    digest = md5(f"{salt}:{identifier}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % size


def followed(first: Iterable[Any], then: Iterable[Any], when: str, then_when: str, lasting: timedelta) -> bool:
    """Whether a row of *then* comes after one of *first*, at most *lasting* later."""
    laters = [at for row in then if (at := getattr(row, then_when)) is not None]
    begins = [at for row in first if (at := getattr(row, when)) is not None]
    return any(begin < later and later - begin <= lasting for begin in begins for later in laters)


def total(
    function: str, rows: Iterable[Record], value: Callable[[Any], Any] | None, currency: str | None, when: str
) -> Any:
    """One value out of many rows; missing values don't count."""
    if value is None:
        return sum(1 for _ in rows)
    if function in OUTERMOST:
        return _outermost(function, rows, value, when)
    values = [v for row in rows if (v := value(row)) is not None]
    if currency is not None:
        values = [v for v in values if v.currency == currency]
    if function == "distinct":
        return len(set(values))
    if function == "sum":
        return _sum(values, currency)
    if not values:
        return None
    if function == "avg":
        exact = [Fraction(v.minor if isinstance(v, Money) else v) for v in values]
        mean = sum(exact, Fraction(0)) / len(exact)
        return mean if currency is None else _Mean(mean, currency)
    return min(values, key=_place) if function == "min" else max(values, key=_place)


def _place(value: Any) -> Any:
    """What values are compared by; amounts in several currencies have an order of some kind too."""
    return (value.currency, value.minor) if isinstance(value, Money) else value


class _Mean:
    """The exact mean of amounts in one currency, in minor units."""

    def __init__(self, minor: Fraction, currency: str) -> None:
        self.minor, self.currency = minor, currency


def _sum(values: list[Any], currency: str | None) -> Any:
    if currency is not None:
        return Money.from_minor(sum(v.minor for v in values), currency)
    return sum(values[1:], values[0]) if values else 0


def _outermost(function: str, rows: Iterable[Any], value: Callable[[Any], Any], when: str) -> Any:
    dated = [(getattr(row, when), row.id, row) for row in rows if getattr(row, when) is not None]
    if not dated:
        return None
    chosen = min(dated)[2] if function == "first" else max(dated)[2]
    return value(chosen)

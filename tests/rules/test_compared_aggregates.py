"""Aggregates compared with each other and with fields: every engine answers, and all of them the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from crmkit import CRM, Entity, F, FrozenClock, Money, attribute, entity
from crmkit.errors import DefinitionError
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.change import Change
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.plugins.storage.duckdb import DuckEngine
from tests.postgres import fresh_database

pytestmark = pytest.mark.slow  # a PostgreSQL server is among the engines

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@entity("purse", prefix="purse")
class Purse(Entity):
    """Something that has money, and coins in it."""

    name: str = attribute()
    limit: Money | None = attribute(default=None)
    many: int = attribute(default=2)
    weight: Decimal = attribute(default=Decimal("1.5"))


@entity("pocket", prefix="pocket", when="at")
class Pocket(Entity):
    """A part of a purse."""

    purse_id: str = attribute(references="purse")
    at: datetime = attribute()


@entity("coin", prefix="coin", when="at")
class Coin(Entity):
    """Something in a pocket."""

    pocket_id: str = attribute(references="pocket")
    at: datetime = attribute()
    worth: Money | None = attribute(default=None)
    size: int | None = attribute(default=None)
    weight: Decimal | None = attribute(default=None)


def CNY(amount: int) -> Money:  # noqa: N802 - as it is written
    return Money(amount, "CNY")


def EUR(amount: int) -> Money:  # noqa: N802 - as it is written
    return Money(amount, "EUR")


PURSES: dict[str, tuple[Money | None, list[Money], list[int | None]]] = {
    "euros": (EUR(5), [EUR(2), EUR(4), CNY(100)], [1, 2, 4]),
    "yuan": (CNY(5), [CNY(1), CNY(3), EUR(100)], [2, 2, 2]),
    "even": (CNY(4), [CNY(4), CNY(4)], [3, None]),
    "none": (None, [CNY(4), EUR(4)], [3, 1]),
    "empty": (CNY(0), [], []),
}
ASKED: list[tuple[Rule, set[str]]] = [
    (F.pockets.coins.sum("worth") > F.limit, {"euros", "even"}),
    (F.pockets.coins.sum("worth") == F.limit, {"empty"}),
    (F.limit > F.pockets.coins.sum("worth"), {"yuan"}),
    (F.pockets.coins.avg("worth") == F.limit, {"even"}),
    (F.pockets.coins.avg("worth") < F.limit, {"euros", "yuan"}),
    (F.pockets.coins.min("worth") < F.limit, {"euros", "yuan"}),
    (F.pockets.coins.max("worth") != F.limit, {"euros", "yuan", "none", "empty"}),
    (F.pockets.coins.first("worth") < F.limit, {"euros", "yuan"}),
    (F.pockets.coins.sum("worth") > F.pockets.coins.first("worth"), {"euros", "yuan", "even"}),
    (F.pockets.coins.last("worth") == EUR(4), {"none"}),
    (F.pockets.coins.avg("size") >= F.pockets.coins.count(), {"even", "none"}),
    (F.pockets.coins.avg("size") > F.many, {"euros", "even"}),
    (F.pockets.coins.avg("size") == F.pockets.coins.avg("size"), {"euros", "yuan", "even", "none"}),
    (F.pockets.coins.avg("weight") == F.weight, {"euros", "yuan"}),
    (F.weight < F.pockets.coins.avg("size"), {"euros", "yuan", "even", "none"}),
    (F.pockets.coins.avg("weight") < F.pockets.coins.avg("size"), {"euros", "yuan", "even", "none"}),
    (F.pockets.coins.first("size") == 1, {"euros"}),
    (F.pockets.coins.where(F.size >= 2).last("size") == F.pockets.coins.max("size"), {"euros", "yuan", "even", "none"}),
]


Asked = Callable[[Rule], set[str]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Asked]:
    """Asks a rule of all engines, insists that they agree, and gives the names."""
    folder = tmp_path_factory.mktemp("purses")
    with ExitStack() as open_ones:
        targets = ["memory://", "sqlite://", open_ones.enter_context(fresh_database(postgres_url))]
        crms = [open_ones.enter_context(opened(target)) for target in targets]
        names = [fill(crm) for crm in crms]
        export_parquet(crms[0], folder)
        duck = DuckEngine(crms[0].storage.registry, folder, zone=crms[0].settings.zone)
        open_ones.callback(duck.close)

        def ask(rule: Rule) -> set[str]:
            found = [{names[0][i] for i in duck.ids(Purse, rule, as_of=NOW)}]
            for crm in crms:
                with crm.read() as work:
                    found.append({purse.name for purse in work.find(Purse, rule)})
            assert all(one == found[0] for one in found), found
            return found[0]

        yield ask


def opened(target: str) -> CRM:
    clock, entities = FrozenClock(NOW), [Purse, Pocket, Coin]
    return CRM.open(target, migrate=True, currency="CNY", clock=clock, entities=entities)


def fill(crm: CRM) -> dict[str, str]:
    with crm.work() as work:
        purses = {name: work.new(Purse, name=name, limit=limit) for name, (limit, _, _) in PURSES.items()}
        work.save_new([Change(purse) for purse in purses.values()])
        for name, (_, worths, sizes) in PURSES.items():
            pockets = [work.new(Pocket, purse_id=purses[name].id, at=work.now) for _ in range(2)]
            work.save_new([Change(pocket) for pocket in pockets])
            for n, (worth, size) in enumerate(zip(worths, sizes, strict=True)):
                moment, weight, pocket = NOW - timedelta(hours=9 - n), Decimal(n) / 2 + 1, pockets[n % 2]
                coin = work.new(Coin, pocket_id=pocket.id, at=moment, worth=worth, size=size, weight=weight)
                work.save_new([Change(coin)])
    return {purse.id: name for name, purse in purses.items()}


@pytest.mark.parametrize(("rule", "wanted"), ASKED, ids=[str(rule) for rule, _ in ASKED])
def test_all_engines_say_the_same(asked: Asked, rule: Rule, wanted: set[str]) -> None:
    assert parse(str(rule)) == from_json(to_json(rule)) == rule
    assert asked(rule) == wanted
    assert asked(~rule) == PURSES.keys() - wanted


def test_over_a_single_relation_first(asked: Asked) -> None:
    """The rows of what a reference leads to, beside the row that is asked."""
    assert asked(F.pockets.where(F.purse.pockets.coins.sum("worth") > F.purse.limit).any()) == {"euros", "even"}
    assert asked(F.pockets.where(F.purse.pockets.coins.avg("size") > F.coins.count()).any()) == {
        "euros", "yuan", "even", "none"
    }  # fmt: skip
    assert asked(F.pockets.where(F.purse.pockets.coins.first("worth") == F.purse.limit).any()) == {"even"}


@pytest.mark.parametrize(
    "rule",
    [
        F.pockets.coins.sum("worth") > F.pockets.coins.avg("worth"),
        F.pockets.coins.min("worth") == F.pockets.coins.max("worth"),
    ],
)
def test_two_sums_of_any_currency_are_refused(asked: Asked, rule: Rule) -> None:
    with pytest.raises(DefinitionError, match="compare one of them with Money"):
        asked(rule)

"""Rules over custom fields mean what ``customer.extra(Loyalty).tier`` says, the default included, in every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import CRM, Extra, F
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.change import Change
from crmkit.kernel.rules import Rule, parse
from crmkit.plugins.storage.duckdb import DuckEngine
from crmkit.testing import FrozenClock


class Club(Extra, key="club"):
    tier: str = "silver"
    points: int = 10
    ratio: float = 0.5
    saved: Decimal = Decimal("2.50")
    active: bool = True
    joined: date = date(2024, 2, 29)
    seen_at: datetime = datetime(2026, 3, 1, 23, 59, 59, 5, tzinfo=UTC)
    note: str | None = "hello"
    guide: str | None = None


QUESTIONS: list[tuple[Rule, Any]] = [
    (F.extra.club.tier == "silver", lambda c: c.tier == "silver"),
    (F.extra.club.tier != "silver", lambda c: c.tier != "silver"),
    (F.extra.club.tier > "Zürich", lambda c: c.tier > "Zürich"),
    (F.extra.club.tier.in_(["silver", "gold"]), lambda c: c.tier in {"silver", "gold"}),
    (F.extra.club.points >= 10, lambda c: c.points >= 10),
    (F.extra.club.points < 10, lambda c: c.points < 10),
    (F.extra.club.ratio > 0.25, lambda c: c.ratio > 0.25),
    (F.extra.club.saved == Decimal("2.5"), lambda c: c.saved == Decimal("2.5")),
    (F.extra.club.saved < 10, lambda c: c.saved < 10),
    (F.extra.club.active == True, lambda c: c.active),  # noqa: E712 - that is how it is asked
    (F.extra.club.joined.month == 2, lambda c: c.joined.month == 2),
    (F.extra.club.joined >= date(2025, 1, 1), lambda c: c.joined >= date(2025, 1, 1)),
    (F.extra.club.seen_at > datetime(2026, 3, 1, tzinfo=UTC), lambda c: c.seen_at > datetime(2026, 3, 1, tzinfo=UTC)),
    (F.extra.club.seen_at.in_last(days=1), lambda c: c.seen_at > datetime(2026, 2, 28, 16, tzinfo=UTC)),
    (F.extra.club.seen_at.hour == 7, lambda c: c.seen_at.hour == 23),
    (F.extra.club.note.is_missing(), lambda c: c.note is None),
    (F.extra.club.note == "hello", lambda c: c.note == "hello"),
    (F.extra.club.guide.is_missing(), lambda c: c.guide is None),
]
CLUBS = [
    None,
    Club(tier="gold", points=3, ratio=0.1, saved=Decimal(100), active=False, guide="Li"),
    Club(joined=date(2025, 12, 31), seen_at=datetime(2026, 2, 28, 15, tzinfo=UTC), note=None),
    Club(tier="émeraude", saved=Decimal("-0.000001")),
    Club(tier="Zürich"),
]


def filled(crm: CRM) -> dict[str, Club]:
    given = [() if club is None else (club,) for club in CLUBS]
    for n, extras in enumerate(given):
        crm.customers.register(name=f"Guest {n}", extras=extras)
    with crm.work() as work:  # stored before the class had its other fields
        work.save_new([Change(work.new(Customer, name="Early", extras={"club": {"points": 4}}))])
    return {c.id: Club.load(c.extras.get("club")) for c in crm.customers.find()}


def test_the_default_counts_where_nothing_is_stored(target: str, clock: FrozenClock) -> None:
    with CRM.open(target, timezone="Asia/Shanghai", clock=clock, extras=[Club], migrate=True) as crm:
        clubs = filled(crm)
        for rule, meaning in QUESTIONS:
            wanted = {i for i, club in clubs.items() if meaning(club)}
            assert {c.id for c in crm.customers.find(rule)} == wanted, rule
            assert {c.id for c in crm.customers.find(~rule)} == clubs.keys() - wanted, rule


@pytest.mark.slow
def test_the_default_counts_in_parquet_files(tmp_path: Path, clock: FrozenClock) -> None:
    with CRM.open("memory://", timezone="Asia/Shanghai", clock=clock, extras=[Club]) as crm:
        clubs = filled(crm)
        export_parquet(crm, tmp_path)
        engine = DuckEngine(crm.storage.registry, tmp_path, zone=ZoneInfo("Asia/Shanghai"))
    for rule, meaning in QUESTIONS:
        wanted = {i for i, club in clubs.items() if meaning(club)}
        assert set(engine.ids(Customer, rule, as_of=clock.now())) == wanted, rule
        assert set(engine.ids(Customer, ~rule, as_of=clock.now())) == clubs.keys() - wanted, rule
    engine.close()


def test_a_custom_field_is_known_by_name() -> None:
    with CRM.open("memory://", extras=[Club]) as crm, pytest.raises(DefinitionError, match="did you mean 'tier'"):
        crm.customers.count(F.extra.club.teir == "gold")


def test_a_name_is_the_same_in_each_of_its_forms() -> None:
    class Guide(Extra, key="guide"):
        é: int = 0  # noqa: PLC2401 - the name is what is tested

    with CRM.open("memory://", extras=[Guide]) as crm:
        crm.customers.register(name="Li", extras=[Guide(é=3)])
        for written in ("extra.guide.\u00e9 = 3", "extra.guide.e\u0301 = 3", "extra.guide.`e\u0301` = 3"):
            assert parse(written) == (F.extra.guide["e\u0301"] == 3)
            assert crm.customers.count(parse(written)) == 1
    assert parse('name = "e\u0301"') == (F.name == "\u00e9")

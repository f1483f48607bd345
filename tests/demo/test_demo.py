"""The demo itself: the story, the year, one's own purchases."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM
from crmkit.demo.findings import Analyst
from crmkit.demo.guests import FIRST, LAST, TASTES, invent
from crmkit.demo.play import play
from crmkit.demo.restaurant import Restaurant, opened
from crmkit.demo.screen import Screen
from crmkit.demo.story import tell
from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.money import Money
from tests.cdnow import purchase_log


def test_the_story_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tell(tmp_path / "story.sqlite3", Screen())
    assert told.results.income == Money("10000", "CNY")
    assert told.results.cost == Money("6000", "CNY")
    assert told.messages == 2
    assert told.portrait.revenue == Money("10000", "CNY")
    assert told.portrait.satisfaction == 5
    printed = capsys.readouterr().out
    for words in ("cannot convert a lead", "exactly once", "manager@studio.example", "Congratulations, Xiao Wang"):
        assert words in printed


def test_guests_are_the_same_for_the_same_seed() -> None:
    guests = invent(300, seed=7)
    assert guests == invent(300, seed=7) != invent(300, seed=8)
    for guest in guests:
        assert FIRST <= guest.arrives == guest.visits[0]
        assert list(guest.visits) == sorted(set(guest.visits))
        assert guest.visits[-1] <= LAST
        assert set(guest.tastes) <= TASTES.keys()


def test_a_small_restaurant_for_a_month(tmp_path: Path) -> None:
    until = date(2025, 1, 31)
    with opened(tmp_path / "small.sqlite3") as (crm, clock):
        restaurant = Restaurant(crm, clock, guests=150)
        restaurant.open_for_business()
        for day in restaurant.days()[:31]:
            restaurant.live(day)
        visits = sum(len(restaurant.eating[day]) for day in restaurant.days()[:31])
        assert crm.pipeline.orders.count() == visits > 30
        assert crm.customers.count() == len(restaurant.known)
        assert crm.outbox.due() == []
        analyst = Analyst(crm, since=FIRST, until=until)
        growth = analyst.growth()
        assert sum(int(row[4]) for row in growth.rows) == visits
        tastes = analyst.tastes(list(TASTES))
        born = sum(int(cell) for row in tastes.rows for cell in row[1:])
        assert born == sum(len(c.tags) for c in crm.customers.find())
        assert sum(int(row[1]) for row in analyst.groups().rows) == crm.customers.count()
        funnel = analyst.banquets()
        assert int(funnel.rows[0][1]) == crm.pipeline.opportunities.count()
        assert crm.lifecycle.stage_of(next(iter(restaurant.known.values()))) == "customer"


def write_log(file: Path, rows: Sequence[str]) -> Path:
    file.write_text("\n".join(["customer,date,amount,product", *rows]))
    return file


def test_own_purchases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["ann,2026-01-05,10.00,tea", "ann,2026-02-05,20.00,<b>jam</b>", "bob,2026-02-06,5.50,tea", "bob,x,1,tea"]
    database, page = play(orders=write_log(tmp_path / "mine.csv", rows), currency="EUR", into=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "left out: row 5: 'x' is no date" in printed
    assert str(database) in re.sub(r"\s", "", printed)
    assert str(page) in re.sub(r"\s", "", printed)
    text = page.read_text()
    assert "35.50 EUR" in text
    assert "1 rows could not be read" in text
    assert "That cannot be told: at least 10 customers" in text
    assert "&lt;b&gt;jam" in text
    assert "<b>" not in text
    with CRM.open(database, currency="EUR") as crm:
        assert {c.name for c in crm.customers.find()} == {"ann", "bob"}
        found = crm.analytics.growth(since=date(2026, 1, 1), until=date(2026, 2, 28))
        assert (found.revenue, found.customers, found.orders) == (Money("35.50", "EUR"), 2, 3)


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    file = write_log(tmp_path / "mine.csv", ["ann,2026-01-05,10.00,tea"])
    for _ in range(2):
        database, _ = play(orders=file, into=tmp_path)
    with CRM.open(database, currency="USD") as crm:
        assert crm.customers.count() == 1


@pytest.mark.slow
def test_cdnow(tmp_path: Path) -> None:
    """The log of CDNOW, through the database: the numbers that were published for it."""
    database, page = play(orders=purchase_log(), into=tmp_path)
    text = page.read_text()
    assert "244,091.94 USD" in text
    with CRM.open(database, currency="USD") as crm:
        assert crm.customers.count() == 2357
        assert crm.pipeline.orders.count() == 6919
        fitted = crm.analytics.lifetime_value(until=date(1997, 9, 30)).buying
        assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)
        assert fitted.alpha == pytest.approx(4.414, abs=0.005)


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path) -> None:
    database, page = play(into=tmp_path)
    text = page.read_text()
    assert "The restaurant in 2025" in text
    assert "All that is known of Xiao Wang" in text
    with CRM.open(database, currency="CNY", timezone="Asia/Shanghai", tenant="restaurant") as crm:
        assert crm.tenants() == ["restaurant", "studio"]
        assert crm.customers.count() == 2000
        growth = crm.analytics.growth(since=FIRST, until=LAST)
        assert f"{growth.revenue}" in text
        assert growth.customers == 2000
        assert crm.agenda.dead() == []
        assert crm.outbox.dead() == []


def test_without_the_extra_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_rich(name: str, globals_: Mapping[str, Any] | None = None, *rest: Any, **more: Any) -> Any:
        if name.startswith("rich"):
            raise ImportError(name)
        return real(name, globals_, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_rich)
    with pytest.raises(CrmError, match=r"pip install 'crmkit\[demo\]'"):
        Screen()


def test_a_currency_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--currency is for"):
        play(currency="EUR", into=tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InvalidInput, match="choose another folder with --into"):
        play(into=tmp_path / "taken")

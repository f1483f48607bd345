"""Rules are tried out before they are stored: on whom, on which days, and how what is found can be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, F
from crmkit.errors import DefinitionError, InvalidInput, NotFound


@pytest.mark.parametrize("what", ["preview", "backtest", "overlap", "findings"])
def test_what_was_tried_out_prints_in_the_forms_that_it_has(crm: CRM, what: str) -> None:
    crm.customers.register(name="<b>Wang</b>", city="<i>Rome</i>")
    segments, rule = crm.customers.segments, F.city == "<i>Rome</i>"
    tried: dict[str, Callable[[], Any]] = {
        "preview": lambda: segments.preview(rule),
        "backtest": lambda: segments.backtest(rule, since=date(2026, 3, 1), until=date(2026, 3, 2)),
        "overlap": lambda: segments.compare(rule, F.city.is_missing()),
        "findings": lambda: segments.check(rule & (F.city == "Oslo")),
    }
    told = tried[what]()
    page = format(told, "html")
    assert page == told._repr_html_()
    assert page.startswith("<table>")
    assert "<b>" not in page
    assert "<i>" not in page
    assert "\n| --- | ---" in format(told, "md")
    assert f"{told}" == repr(told)
    with pytest.raises(InvalidInput, match="prints as 'md' or 'html', not as 'svg'"):
        format(told, "svg")


def test_whoever_was_erased_belongs_nowhere_wherever_it_is_asked(crm: CRM) -> None:
    wang, li = (crm.customers.register(name=name, city="Rome") for name in ("Wang", "Li"))
    segments, rule = crm.customers.segments, F.city != "Oslo"
    segments.define("elsewhere", rule=rule)
    segments.define("listed", members=[wang, li])
    for name in ("elsewhere", "listed"):
        segments.refresh(name)
    crm.customers.privacy.erase(li)
    assert [m.customer_id for m in segments.refresh("elsewhere").left] == [li.id]
    assert not segments.explain("elsewhere", li.id).matches
    assert not segments.explain("listed", li.id).matches
    assert segments.explain("elsewhere", wang).matches
    preview = segments.preview(rule, against="elsewhere")
    assert (preview.count, [c.id for c in preview.sample]) == (1, [wang.id])
    assert (preview.entering, preview.leaving) == ((), ())
    overlap = segments.compare(rule, "elsewhere")
    assert (overlap.only_first, overlap.both, overlap.only_second) == ((), (wang.id,), ())
    assert segments.compare(rule, F.city.is_missing()).only_second == ()
    backtest = segments.backtest(rule, since=date(2026, 3, 2), until=date(2026, 3, 2))
    assert backtest.days == ((date(2026, 3, 2), 1),)
    assert li.id in {c.id for c in crm.customers.find(rule)}  # the row is there, for what refers to it
    assert segments.explain(rule, li.id).matches


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": date(2026, 3, 2), "until": date(2026, 3, 1)}, "until=2026-03-01 comes before since=2026-03-02"),
        ({"since": datetime(2026, 3, 1, tzinfo=UTC), "until": date(2026, 3, 2)}, "since must be a date"),
        ({"since": date(2026, 3, 1), "until": "2026-03-02"}, "until must be a date"),
        ({"since": date(2026, 3, 1), "until": None}, "give both"),
        ({"since": date(2026, 3, 1), "until": date(2026, 3, 2), "step": 0}, "step= is every how many days"),
        ({"since": date(2026, 3, 1), "until": date(2026, 3, 2), "step": "1"}, "step= is every how many days"),
        ({"since": date(1990, 1, 1), "until": date(2026, 3, 2)}, "10,000 steps at the most"),
        ({"since": date.max, "until": date.max}, "leaves the years 1 to 9999"),
    ],
)
def test_the_days_of_a_backtest_are_days_in_order(crm: CRM, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        crm.customers.segments.backtest("everyone", **given)


def test_a_backtest_may_go_over_more_days_than_it_has_steps(crm: CRM) -> None:
    days = crm.customers.segments.backtest("everyone", since=date(1980, 1, 1), until=date(2026, 3, 2), step=2_000).days
    assert [day for day, _ in days] == [date(1980, 1, 1) + timedelta(days=2_000 * n) for n in range(len(days))]
    assert len(days) == 9


@pytest.mark.parametrize("nothing", [None, True, 3, F.city, F.orders])
def test_what_is_no_rule_is_not_taken_for_everybody(crm: CRM, nothing: Any) -> None:
    segments, day = crm.customers.segments, date(2026, 3, 2)
    crm.customers.register(name="Wang")
    for ask in (
        lambda: segments.preview(nothing),
        lambda: segments.backtest(nothing, since=day, until=day),
        lambda: segments.check(nothing),
    ):
        with pytest.raises(DefinitionError, match="rule"):
            ask()


def test_what_is_wrong_with_a_call_is_said_at_once(crm: CRM) -> None:
    segments = crm.customers.segments
    segments.define("all", rule="everyone")
    odd: Any
    for odd in (0, 10_001, "5", True):
        with pytest.raises(InvalidInput, match="members are read at once"):
            segments.each_member("all", at_once=odd)
    with pytest.raises(NotFound, match="did you mean 'all'"):
        segments.each_member("al")
    for odd in (-1, "5", 1.5, True):
        with pytest.raises(InvalidInput, match="keep= is how many memberships"):
            segments.refresh("all", keep=odd)

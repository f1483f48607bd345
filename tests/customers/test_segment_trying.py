"""Rules are tried out before they are stored: on whom, on which days, and how what is found can be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from crmkit import CRM, F
from crmkit.errors import InvalidInput


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

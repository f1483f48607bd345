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

"""What marketing is asked with words, days and lengths that mean nothing: refused, and nothing changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, InvalidInput
from crmkit.marketing.policy import Suppression


def test_a_suppression_has_one_of_the_known_reasons(quick: CRM) -> None:
    li = quick.customers.register(name="Xiao Li")
    unknown: Any = "bored"
    with pytest.raises(InvalidInput, match=r"suppression\.why: 'bored' is not one of unsubscribed, bounced"):
        quick.marketing.contact.suppress(li, why=unknown)
    with quick.read() as work:
        assert work.count(Suppression) == 0


@pytest.mark.parametrize("at", ["now", datetime(2026, 3, 2)])  # noqa: DTZ001 - that is what is refused
def test_a_decision_is_made_for_a_moment(quick: CRM, at: Any) -> None:
    li = quick.customers.register(name="Xiao Li")
    with pytest.raises(InvalidInput, match="at must be an aware datetime"):
        quick.marketing.contact.decide(li, channel="email", at=at)


WRONG: dict[str, Any] = {
    "days out of order": {"since": date(2026, 3, 2), "until": date(2026, 3, 1)},
    "an instant for a day": {"since": datetime(2026, 3, 2, tzinfo=UTC)},
    "no length": {"lookback": timedelta(0)},
    "a number for a length": {"lookback": 90},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_an_attribution_looks_at_days_in_order(quick: CRM, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"comes before|must be a date|a lookback is a timedelta above zero"):
        quick.marketing.attribution(**wrong)


def test_one_text_is_not_taken_for_its_letters(quick: CRM) -> None:
    alone: Any = "email"
    with pytest.raises(InvalidInput, match=r"opt_out= takes several, as in \['email'\], not 'email' alone"):
        quick.marketing.contact.define(opt_out=alone)
    with pytest.raises(InvalidInput, match=r"variables= takes several"):
        quick.marketing.templates.define("table", body="At {{ e }}", variables=alone)
    assert quick.marketing.contact.rules().opt_out == frozenset()
    assert quick.marketing.templates.count() == 0

"""Business time as the tests of two sales systems have it: Frappe CRM and Django-CRM."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from crmkit import BusinessCalendar

HOUR = timedelta(hours=1)
NINE_TO_FIVE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [("2024-01-12T10:00", "2024-01-16T12:00", 36_000), ("2024-01-01T10:00", "2024-01-01T12:00", 7_200)],
)
def test_elapsed_seconds_with_a_holiday(start: str, end: str, seconds: int) -> None:
    """Source: frappe/crm@8b7dfdde, test_crm_service_level_agreement.py (frappe-sla-elapsed-with-holiday)."""
    calendar = BusinessCalendar(timezone="UTC", hours=NINE_TO_FIVE, holidays={date(2024, 1, 15)})
    assert calendar.between(at(start), at(end)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("created", "paused", "due"),
    [
        ("2026-05-08T16:00", timedelta(0), "2026-05-11T12:00"),
        ("2026-05-11T09:00", HOUR, "2026-05-11T14:00"),
    ],
)
def test_waiting_for_the_customer_moves_the_end(created: str, paused: timedelta, due: str) -> None:
    """Source: MicroPyramid/Django-CRM@d3eb5f94, test_sla_pause.py (djangocrm-sla-pause)."""
    calendar = BusinessCalendar(timezone="UTC", hours=NINE_TO_FIVE)
    assert calendar.add(at(created), 4 * HOUR + paused) == at(due)
    assert calendar.add(at("2026-05-08T16:00"), 4 * HOUR) > at("2026-05-09T18:00")  # no breach on a Saturday

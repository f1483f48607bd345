"""Overdue requests as Django-CRM escalates them, on the desk.

Source: MicroPyramid/Django-CRM@d3eb5f94, backend/cases/tests/test_escalation.py (djangocrm-escalation).  Its cool-down
of an hour and its cap of three escalations a case are declined: here every level fires once by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar
from crmkit.customers.people import Customer
from crmkit.service.cases.case import Case
from crmkit.testing import FrozenClock

HOUR = timedelta(hours=1)


def overdue(crm: CRM, wang: Customer, clock: FrozenClock, *, hours: int, levels: list[dict[str, Any]]) -> Case:
    """A case of *hours* ago under targets of one and four hours; nobody has looked at it since."""
    crm.service.policies.define(
        "urgent",
        calendar=BusinessCalendar.always_open(),
        first_response=HOUR,
        resolution=4 * HOUR,
        escalations=levels,
    )
    case = crm.service.cases.open(wang, subject="Album", policy="urgent", owner="other")
    clock.advance(hours=hours)
    return case


NOTIFY = [
    {"clock": name, "at": timedelta(0), "notify": "boss@studio.example"} for name in ("first_response", "resolution")
]


def fired(crm: CRM, case: Case) -> list[str]:
    crm.run_due()
    return sorted(record.occasion for record in crm.service.escalations.of(case))


def test_without_levels_nothing_fires(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    assert fired(crm, overdue(crm, wang, clock, hours=5, levels=[])) == []


def test_both_targets_and_a_second_look_at_once(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    case = overdue(crm, wang, clock, hours=5, levels=NOTIFY)
    assert fired(crm, case) == ["first_response", "resolution"]
    assert crm.run_due().ran == 0
    assert fired(crm, case) == ["first_response", "resolution"]


def test_after_two_hours_only_the_answer_is_late(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    assert fired(crm, overdue(crm, wang, clock, hours=2, levels=NOTIFY)) == ["first_response"]


@pytest.mark.parametrize("end", ["answered", "closed"])
def test_what_was_answered_or_closed(crm: CRM, wang: Customer, clock: FrozenClock, end: str) -> None:
    case = overdue(crm, wang, clock, hours=0, levels=NOTIFY)
    if end == "answered":
        crm.service.cases.reply(case, "On its way")
    else:
        crm.service.cases.close(case)
    clock.advance(hours=5)
    assert fired(crm, case) == (["resolution"] if end == "answered" else [])


def test_a_retired_policy_escalates_no_new_case(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    case = overdue(crm, wang, clock, hours=0, levels=NOTIFY)
    crm.service.cases.close(case)
    crm.service.policies.retire(case.policy or "")
    fresh = crm.service.cases.open(wang, subject="Print", owner="other")
    clock.advance(hours=5)
    assert (fresh.policy, fired(crm, fresh)) == (None, [])


def test_reassigning(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    level = {"clock": "resolution", "at": timedelta(0), "set": {"owner": "lead"}}
    case = overdue(crm, wang, clock, hours=5, levels=[level])
    assert fired(crm, case) == ["resolution"]
    assert crm.service.cases.get(case.id).owner == "lead"

"""The same on PostgreSQL: levels are claimed once, and what is stored is what the engine says."""

from __future__ import annotations

from datetime import timedelta

from crmkit import CRM, BusinessCalendar, F
from crmkit.testing import FrozenClock

HOUR = timedelta(hours=1)


def test_a_day_in_the_life_of_a_case(postgres_database: str, hours: BusinessCalendar, clock: FrozenClock) -> None:
    with CRM.open(postgres_database, clock=clock, migrate=True) as crm:
        level = {"clock": "first_response", "notify": "boss@x.example", "if": F.priority == "high"}
        crm.service.policies.define(
            "p",
            calendar=hours,
            first_response=2 * HOUR,
            resolution=8 * HOUR,
            when=F.tags.has("vip"),
            escalations=[level],
        )
        wang = crm.customers.register(name="Wang")
        case = crm.service.cases.open(wang, subject="Album", priority="high", tags={"vip"}, message="Where?")
        other = crm.service.cases.open(wang, subject="Album again", tags={"vip"})
        clock.advance(hours=2)
        assert crm.run_due().ran == 2
        assert [e.case_id for e in crm.service.escalations.find()] == [case.id]
        assert crm.service.escalations.audit().clean
        crm.service.cases.merge(other.id, into=case.id)
        case = crm.service.cases.reply(case.id, "In the post", waiting_for="customer")
        assert case.resolution_due is None
        case = crm.service.cases.message(other.id, "Thank you")
        judged = crm.service.cases.clocks(case)
        assert (case.resolution_due, case.next_due) == (judged.due("resolution"), judged.next_due)
        assert [r.clock for r in judged.missed] == []
        plan = crm.service.policies.recalculate("p", preview=True)
        assert (plan.cases, plan.shifts) == (1, ())

"""The worked cases of Frappe, ERPNext and Zammad once more, as a host lives through them: by the verbs of the desk."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM
from crmkit.customers.people import Customer
from crmkit.service.cases.case import Case
from crmkit.testing import FrozenClock
from tests.service.worked import STATES, at, calendar, worked

SPOKEN = {"created", "state", "customer_message", "agent_message"}
MINUTE = timedelta(minutes=1)


def told_by_verbs() -> list[Any]:
    """Those in which nothing is set that no verb sets."""
    found = worked("sla", "sla_status")
    return [p for p in found if {e["type"] for e in p.values[0]["inputs"]["events"]} <= SPOKEN]


def targets(sla: dict[str, Any]) -> dict[str, Any]:
    if "first_response_seconds" in sla:
        return {
            "first_response": timedelta(seconds=sla["first_response_seconds"]),
            "resolution": timedelta(seconds=sla["resolution_seconds"]),
        }
    wanted = {
        "first_response": sla["first_response_min"],
        "update": sla["update_min"],
        "resolution": sla["solution_min"],
    }
    return {name: minutes * MINUTE for name, minutes in wanted.items() if minutes}


def lived(
    crm: CRM, clock: FrozenClock, customer: Customer, events: list[dict[str, Any]], *, policy: str | None
) -> Case:
    cases = crm.service.cases
    verbs: dict[str, Any] = {
        "waiting": cases.wait,
        "open": cases.resume,
        "resolved": cases.resolve,
        "closed": cases.close,
    }
    clock.set(at(events[0]["at"]))
    case = cases.open(customer, subject="As in the test of another system", policy=policy)
    for event in events[1:]:
        clock.set(at(event["at"]))
        match event["type"]:
            case "state":
                case = verbs[STATES[event["state"]]](case.id)
            case "customer_message":
                case = cases.message(case.id, "Hello?")
            case "agent_message":
                case = cases.reply(case.id, "Yes")
    return cases.get(case.id)


@pytest.mark.parametrize("case", told_by_verbs())
def test_a_case_is_lived_through(crm: CRM, wang: Customer, clock: FrozenClock, case: dict[str, Any]) -> None:
    inputs, expected = case["inputs"], case["expected"]
    system = case["id"].split("-")[1]
    crm.service.policies.define("p", calendar=calendar(inputs["calendar"]), like=system, **targets(inputs["sla"]))
    made = lived(crm, clock, wang, inputs["events"], policy="p")
    if "as_of" in inputs:
        clock.set(at(inputs["as_of"]))
    judged = crm.service.cases.clocks(made)
    for what, wanted in expected.items():
        due: datetime | None = wanted and at(wanted) if what.endswith(("_due", "_at")) else None
        match what:
            case "next_escalation_at":
                assert made.next_due == due
            case "resolution_due" | "solution_due":
                assert (made.resolution_due, judged.due("resolution")) == (due, due)
            case "first_response_due":
                assert judged.due("first_response") == due
                assert due is None or made.first_response_due == due
            case "update_due":
                assert judged.due("update") == due
            case "resolution_seconds":
                assert judged.cycles("resolution")[0].elapsed == timedelta(seconds=wanted)
            case "status":
                paused = any(r.state == "paused" for r in judged.readings)
                status = "Failed" if judged.missed else "Paused" if paused else "Fulfilled" if judged.finished else ""
                assert status == wanted
            case _:
                pytest.fail(f"the case expects {what}, which is not checked")


def test_there_are_enough_of_them() -> None:
    assert len(told_by_verbs()) >= 14


@pytest.mark.parametrize("case", worked("metrics"))
def test_metrics(crm: CRM, wang: Customer, clock: FrozenClock, case: dict[str, Any]) -> None:
    made = lived(crm, clock, wang, case["inputs"]["events"], policy=None)
    begin, end = made.opened_at, clock.now() + MINUTE
    (figures,) = crm.service.metrics.report(since=begin, until=end).groups
    assert figures.response.wall == timedelta(seconds=case["expected"]["avg_response_seconds"])
    assert figures.resolution.wall == timedelta(seconds=case["expected"]["resolution_seconds"])
    assert figures.waiting.wall == timedelta(seconds=case["expected"]["user_resolution_seconds"])

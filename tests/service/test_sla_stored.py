"""What is stored about time is always what the engine says: after any sequence of verbs, on both stores."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, F
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused, TransitionRefused
from crmkit.service.cases.case import Case
from crmkit.service.cases.keeping import ESCALATE, dues, planned
from crmkit.service.policies.policy import Policy
from crmkit.service.sla.records import CaseClock, shown_by
from crmkit.testing import FrozenClock

HOUR = timedelta(hours=1)
BOSS = "boss@x.example"
LEVELS = [
    {"clock": "first_response", "at": -HOUR / 2, "notify": BOSS},
    {"clock": "first_response", "at": timedelta(0), "notify": BOSS, "set": {"priority": "high"}},
    {"clock": "next_response", "at": "150%", "notify": BOSS, "wait": HOUR, "repeat": 2},
    {"clock": "resolution", "at": "50%", "notify": BOSS, "if": F.priority == "high"},
    {"when": "reopened", "times": 2, "notify": BOSS},
]


@pytest.mark.parametrize("seed", range(12))
def test_walks(crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock, seed: int) -> None:
    rng = random.Random(seed)
    by_priority = {"high": 4 * HOUR, "normal": 16 * HOUR}
    targets: dict[str, Any] = {"first_response": 2 * HOUR, "next_response": HOUR, "resolution": by_priority}
    crm.service.policies.define("p", calendar=hours, escalations=LEVELS, update=6 * HOUR, **targets)
    kinds = ["question", "complaint", "feedback"]
    cases = [crm.service.cases.open(wang, subject=str(n), kind=rng.choice(kinds), policy="p") for n in range(3)]
    for _ in range(25):
        clock.advance(minutes=rng.choice([0, 7, 45, 200, 1000]))
        if rng.random() < 0.1:
            until = crm.service.escalations.mute(until=clock.now() + rng.randint(1, 9) * HOUR, reason="moving").until
            assert until > clock.now()
        if rng.random() < 0.5:
            assert crm.run_due(rounds=50).ran < 1000
        case = crm.service.cases.get(rng.choice(cases).id)
        try:
            after = VERBS[rng.choice(list(VERBS))](crm, case, rng)
        except (TransitionRefused, Refused, InvalidInput):
            continue
        if after.id not in {c.id for c in cases}:
            cases.append(after)
        for one in cases:
            assert_kept(crm, one.id)
    clock.advance(days=60)
    assert crm.run_due(rounds=50).ran < 1000
    ledger = crm.service.escalations.find()
    assert len({(e.case_id, e.policy_id, e.occasion, e.cycle, e.level, e.round, e.step) for e in ledger}) == len(ledger)
    assert crm.outbox.count() == len(ledger)


VERBS: dict[str, Any] = {
    "message": lambda crm, case, _: crm.service.cases.message(case, "Hello?"),
    "reply": lambda crm, case, _: crm.service.cases.reply(case, "Yes"),
    "ask": lambda crm, case, _: crm.service.cases.reply(case, "Which?", waiting_for="customer"),
    "note": lambda crm, case, _: crm.service.cases.note(case, "Hm"),
    "resume": lambda crm, case, _: crm.service.cases.resume(case),
    "resolve": lambda crm, case, _: crm.service.cases.resolve(case),
    "close": lambda crm, case, _: crm.service.cases.close(case),
    "reopen": lambda crm, case, _: crm.service.cases.reopen(case),
    "assign": lambda crm, case, rng: crm.service.cases.assign(case, owner=rng.choice(["a", "b"])),
    "update": lambda crm, case, rng: crm.service.cases.update(case, priority=rng.choice(["normal", "high"])),
    "acknowledge": lambda crm, case, _: crm.service.escalations.acknowledge(case),
}


def assert_kept(crm: CRM, case_id: str) -> None:
    case = crm.service.cases.get(case_id)
    judged = crm.service.cases.clocks(case, as_of=case.updated_at)
    assert {name: getattr(case, name) for name in dues(judged)} == dues(judged)
    with crm.read() as work:
        rows = work.find(CaseClock, F.case_id == case.id)
        policy = work.get(Policy, str(case.policy_version_id))
    items = first_steps(crm, case)
    shown = {(r.name, r.cycle): r for r in rows}
    assert shown.keys() == {(r.clock, r.cycle) for r in judged.readings}
    for reading in judged.readings:
        row = shown[reading.clock, reading.cycle]
        facts = shown_by(reading)
        assert {name: getattr(row, name) for name in facts} == facts
    wanted = {} if case.ended else {p.key: p.due_at for p in planned(case, policy, policy.read(), judged)}
    assert {key: at for key, at in items.items() if wanted.get(key) != at} == {}
    fired = crm.agenda.find((F.subject == case.id) & (F.state == "done"))
    assert wanted.keys() <= items.keys() | {i.key for i in fired}


def first_steps(crm: CRM, case: Case) -> dict[str, Any]:
    due = crm.agenda.find((F.subject == case.id) & (F.state == "due") & (F.kind == ESCALATE))
    return {i.key: i.due_at for i in due if not i.payload.get("later") and i.payload["clock"] is not None}

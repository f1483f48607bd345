"""Cases that come due in many steps, and processes that sweep them."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from crmkit import CRM, BusinessCalendar, F, FrozenClock
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.work import Work
from crmkit.service.cases.case import Case
from crmkit.service.escalation.ledger import Escalation

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MINUTES = (30, 70, 100, 130, 500)
"""When somebody looks: before anything is due, and then always when several steps are."""
LEVELS: list[dict[str, Any]] = [
    {"clock": "first_response", "at": "50%", "notify": "agent@x.example"},
    {
        "clock": "first_response",
        "at": timedelta(0),
        "steps": [
            {"notify": "lead@x.example", "wait": timedelta(minutes=30)},
            {"notify": ["boss@x.example", "chief@x.example"], "wait": timedelta(minutes=30)},
        ],
        "repeat": 1,
        "set": {"priority": "urgent"},
    },
    {"clock": "resolution", "at": timedelta(minutes=-20), "notify": "boss@x.example"},
]

Fired = tuple[str, str, int, int, int, int, datetime]


def open_at(url: str, minutes: int) -> CRM:
    clock = FrozenClock(START + timedelta(minutes=minutes))
    return CRM.open(url, clock=clock, migrate=True, durable=False)


def seed(crm: CRM, count: int) -> None:
    """Some cases; every third one is answered within time, every fifth one resolved."""
    always = BusinessCalendar.always_open()
    targets: dict[str, Any] = {"first_response": timedelta(hours=1), "resolution": timedelta(hours=2)}
    crm.service.policies.define("gold", calendar=always, escalations=LEVELS, **targets)
    wang = crm.customers.register(name="Xiao Wang")
    for n in range(count):
        case = crm.service.cases.open(wang, subject=f"Case {n}", policy="gold")
        if n % 3 == 0:
            crm.service.cases.reply(case, "We look into it")
        elif n % 5 == 0:
            crm.service.cases.resolve(case)


def sweep(url: str, minutes: int) -> int:
    """Do what is due at a moment, a few items at a time, until nothing is left; how many it was."""
    done = 0
    due = (F.state == "due") & (F.due_at <= START + timedelta(minutes=minutes))
    with open_at(url, minutes) as crm:
        while crm.agenda.count(due):
            report = crm.run_due(batch=3)
            assert (report.failed, report.dead) == (0, 0), report.errors
            done += report.ran
    return done


def sweep_and_die(url: str, minutes: int, fatal: int) -> None:
    """Sweep, and be killed in the middle of the step of that number, when it has been written and not committed."""
    with open_at(url, minutes) as crm:
        handlers: dict[str, Any] = dict(crm._house.handlers)
        escalate, steps = handlers["service.escalate"], Counter[str]()

        def deadly(work: Work, item: AgendaItem) -> None:
            escalate(work, item)
            work.flush()
            steps["done"] += 1
            if steps["done"] == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

        object.__setattr__(crm._house, "handlers", {**handlers, "service.escalate": deadly})
        crm.run_due(batch=3)


def ledger(crm: CRM) -> Counter[Fired]:
    """What has fired: case, clock, cycle, level, round and step, and when."""
    with crm.read() as work:
        subjects = {case.id: case.subject for case in work.find(Case)}
        return Counter(
            (subjects[e.case_id], e.occasion, e.cycle, e.level, e.round, e.step, e.fired_at)
            for e in work.find(Escalation)
        )


def told(crm: CRM) -> Counter[tuple[str, str | None]]:
    """Who is told of what, and how often."""
    return Counter((message.to, message.subject) for message in crm.outbox.find())

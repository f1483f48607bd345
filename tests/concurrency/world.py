"""What several processes and threads do with the same data."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from crmkit import CRM, F
from crmkit.customers.people import Customer
from crmkit.errors import Conflict, Duplicate, StaleEntity
from crmkit.kernel.agenda import AgendaItem, DueReport
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.room import Room
from crmkit.kernel.work import Work
from crmkit.plugins.channels.memory import MemoryChannel
from crmkit.plugins.hookspecs import hookimpl


@entity("footprint", prefix="foot")
class Footprint(Entity):
    """What doing an agenda item leaves behind.  The key is not unique, so that a second run would be seen."""

    key: str = attribute(index=True)
    worker: str = attribute()


def leave_footprint(work: Work, item: AgendaItem) -> None:
    work.save(Change(work.new(Footprint, key=item.key, worker=str(work.actor))))


def add_tag(work: Work, item: AgendaItem) -> None:
    """Change what all items change."""
    customer = work.get(Customer, item.subject)
    work.save(customer.updated(tags=customer.tags | {item.key}))


def add_tags_crosswise(work: Work, item: AgendaItem) -> None:
    """Change two customers, in an order that differs from item to item."""
    for subject in item.payload["customers"]:
        customer = work.get(Customer, subject)
        work.save(customer.updated(tags=customer.tags | {item.key}))
        time.sleep(0.002)


class Plugin:
    """Brings the entity and the handlers into a CRM."""

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        handlers = {"steps.step": leave_footprint, "steps.tag": add_tag, "steps.cross": add_tags_crosswise}
        return [Room(name="steps", modules=(sys.modules[__name__],), handlers=handlers)]


def open_crm(url: str, **options: Any) -> CRM:
    """The CRM of one process."""
    channel = MemoryChannel()
    return CRM.open(url, plugins=[Plugin()], channels=[channel], migrate=True, durable=False, **options)


def schedule(crm: CRM, number: int, *, kind: str = "steps.step", subjects: tuple[str, ...] = ("nobody",)) -> None:
    """Put items into the agenda that are due now."""
    with crm.transaction() as tx, tx.work() as work:
        for n in range(number):
            order = subjects if n % 2 else subjects[::-1]
            work.schedule(
                kind,
                due_at=work.now,
                subject=subjects[n % len(subjects)],
                key=f"{kind} {n}",
                payload={"customers": list(order)},
            )


# ── What one process, or one thread, does ────────────────────────────────────────────────────────────────────────────
def run_due(url: str, worker: str, batch: int) -> DueReport:
    with open_crm(url) as crm:
        return all_due(crm.acting_as(worker), batch=batch)


def all_due(crm: CRM, *, batch: int) -> DueReport:
    """Work until nothing is due, also not what another one has just given back."""
    report = DueReport()
    while crm.agenda.count(F.state == "due"):
        report += crm.run_due(batch=batch)
    return report


def deliver(url: str, batch: int) -> list[str]:
    with open_crm(url) as crm:
        crm.deliver(batch=batch)
        channel: Any = crm.plugins.channels["memory"]
        return [message.id for message in channel.sent]


def add_tags(url: str, customer: str, worker: str, number: int) -> int:
    with open_crm(url) as crm:
        return add_tags_with(crm, customer, worker, number)


def add_tags_with(crm: CRM, customer: str, worker: str, number: int) -> int:
    """Read, decide, and write; from the beginning whenever somebody was faster.  How often that was."""
    again = 0
    for n in range(number):
        while True:
            current = crm.customers.get(customer)
            with contextlib.suppress(StaleEntity):
                crm.customers.update(current, tags=current.tags | {f"{worker} {n}"})
                break
            again += 1
    return again


def register(url: str, worker: str, number: int) -> int:
    with open_crm(url) as crm:
        for n in range(number):
            crm.customers.register(name=f"Guest {n}", email=f"{worker}.{n}@example.com", source=worker)
            crm.customers.count(F.source == worker)
        return crm.customers.count(F.source == worker)


def race_for(url: str, worker: str, number: int) -> int:
    """Try to be the first with each of some addresses; how often it was."""
    won = 0
    with open_crm(url) as crm:
        for n in range(number):
            with contextlib.suppress(Duplicate):
                crm.customers.register(name=worker, email=f"guest{n}@example.com")
                won += 1
    return won


def schedule_all(url: str, worker: str, number: int) -> None:
    """Schedule what others schedule too, in an order of its own."""
    with open_crm(url) as crm:
        order = range(number) if worker.endswith(("0", "2")) else reversed(range(number))
        for n in order:
            with crm.transaction() as tx, tx.work() as work:
                work.schedule("steps.step", due_at=work.now, subject="nobody", key=f"step {n}")
                work.post(channel="email", to="guest@example.com", body="Hello", key=f"hello {n}")


def refresh(url: str, times: int) -> int:
    """People move while the segment is refreshed; how many entered in this process."""
    entered = 0
    with open_crm(url) as crm:
        for n in range(times):
            with contextlib.suppress(Conflict):
                customer = crm.customers.find(limit=1, order_by="updated_at")[0]
                crm.customers.update(customer, city="Xi'an" if customer.city == "Chengdu" else "Chengdu")
            entered += len(crm.customers.segments.refresh("in Chengdu", everybody=n % 2 == 0).entered)
    return entered

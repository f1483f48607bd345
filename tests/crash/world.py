"""A small business whose processes are killed: what they do, and what must hold whenever they were."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa

from crmkit import CRM, F, Line, Money
from crmkit.customers.people import Customer
from crmkit.customers.segments.definition import Membership
from crmkit.errors import Conflict
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, EventRecord, event
from crmkit.kernel.outbox import Message
from crmkit.kernel.room import Room
from crmkit.kernel.stays import StageSpan
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.orders.line import OrderLine
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment
from crmkit.plugins.channels.port import NO_LIMITS, Limits
from crmkit.plugins.hookspecs import hookimpl


# ── What happens in it ───────────────────────────────────────────────────────────────────────────────────────────────
@entity("mark", prefix="mark")
class Mark(Entity):
    """What doing an agenda item leaves behind.  The key is not unique, so that a second run would be seen."""

    key: str = attribute(index=True, limit=500)
    customer_id: str = attribute(references="customer")


@event("crash.marked")
class Marked(Event):
    """An agenda item was done."""

    mark_id: str
    key: str


def leave_mark(work: Work, item: AgendaItem) -> None:
    """Do an item: an entity, its event, a change of somebody else's entity, and a message."""
    customer = work.get(Customer, item.subject)
    mark = work.new(Mark, key=item.key, customer_id=customer.id)
    work.save(Change(mark, (Marked(mark_id=mark.id, key=item.key),)))
    work.save(customer.updated(tags=customer.tags | {item.key.replace(" ", "-")}))
    work.post(channel="email", to="guest@example.com", body="Done", key=f"done {item.key}", about=customer.id)


class Plugin:
    """Brings the entity, the event and the handler into a CRM."""

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        return [Room(name="crash", modules=(sys.modules[__name__],), handlers={"crash.mark": leave_mark})]


@attrs.frozen
class RecordingChannel:
    """Writes down in a file what it sends: what others have seen, whatever becomes of this process."""

    path: str
    name: str = "recording"
    carries: frozenset[str] = frozenset({"*"})
    limits: Limits = NO_LIMITS

    def send(self, message: Message) -> str | None:
        append(self.path, f"{message.id} {message.key}")
        return message.id


@attrs.frozen
class LaterClock:
    """The time of the machine, some minutes later."""

    minutes: float = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=self.minutes)


def append(path: str, line: str) -> None:
    """Add a line to a file, in one piece."""
    with open(path, "ab", buffering=0) as file:  # noqa: PTH123 - unbuffered
        file.write(f"{line}\n".encode())


@attrs.frozen
class World:
    """Where it takes place.

    Attributes:
        url: the database.
        folder: where ``sent`` keeps what left the house, and ``done`` what the writers were told is done.
    """

    url: str
    folder: str

    def open(self, *, minutes: float = 0) -> CRM:
        """The CRM of one process."""
        return CRM.open(
            self.url,
            plugins=[Plugin()],
            channels=[RecordingChannel(self.sent)],
            clock=LaterClock(minutes),
            migrate=True,
        )

    @property
    def sent(self) -> str:
        return f"{self.folder}/sent"

    @property
    def points(self) -> str:
        return f"{self.folder}/points"

    @property
    def done(self) -> str:
        return f"{self.folder}/done"


def party(crm: CRM, name: str) -> None:
    """One transaction with something of everything: whole, or absent."""
    with crm.transaction() as tx:
        guests = [tx.customers.register(name=f"Guest {n}", source=name) for n in range(3)]
        tx.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com", source=name)
        tx.customers.update(guests[0], city="Chengdu")
        with tx.work() as work:
            work.schedule("crash.mark", due_at=work.now, subject=guests[0].id, key=name)
            work.post(channel="email", to="guest@example.com", body="Welcome", key=name, about=guests[0].id)


def sale(crm: CRM, name: str) -> None:
    """Verbs one after the other, each a transaction of its own that touches several rooms."""
    email = f"{name.replace(' ', '.')}@example.com"
    lead = crm.pipeline.leads.capture(name="Xiao Li", email=email, source=f"{name} lead")
    lead = crm.pipeline.leads.qualify(lead)
    customer, _, _ = crm.pipeline.leads.convert(lead, amount=Money("100", "EUR"))
    line = Line("Wedding album", quantity=2, unit_price=Money("50", "EUR"))
    order = crm.pipeline.orders.place(customer, lines=[line, line])
    crm.pipeline.payments.receive(order, Money("200", "EUR"), method="card")


def crowd(crm: CRM, name: str) -> None:
    """Many at once: on PostgreSQL by COPY."""
    crm.customers.register_many({"name": f"Guest {n}", "city": "Chengdu", "source": name} for n in range(120))


def moving(crm: CRM, name: str) -> None:
    """People move between two cities, and so in and out of a segment."""
    crm.customers.segments.define("in Chengdu", rule=F.city == "Chengdu")
    for customer in crm.customers.find(F.source.is_missing() | (F.source != name), limit=5, order_by="-updated_at"):
        crm.customers.update(customer, city="Xi'an" if customer.city == "Chengdu" else "Chengdu")
    crm.customers.segments.refresh("in Chengdu")


def due(crm: CRM, _: str) -> None:
    crm.run_due(batch=4)


def deliver(crm: CRM, _: str) -> None:
    crm.deliver(batch=4)


ACTIONS: dict[str, Callable[[CRM, str], None]] = {
    "party": party,
    "sale": sale,
    "crowd": crowd,
    "moving": moving,
    "due": due,
    "deliver": deliver,
}
WEIGHTS = {"party": 6, "sale": 3, "crowd": 1, "moving": 2, "due": 3, "deliver": 3}


def work_until_killed(world: World, number: int, minutes: float, done: Any) -> None:
    """What a process does until somebody kills it; it writes down what it was told is done, and counts it."""
    chance = random.Random(number)
    crm = world.open(minutes=minutes)
    for turn in range(1_000_000):
        (kind,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        name = f"{kind} {number} {turn}"
        with contextlib.suppress(Conflict):  # another process had changed the same customer
            ACTIONS[kind](crm, name)
            append(world.done, name)
        done.value = turn + 1


# ── What must hold ───────────────────────────────────────────────────────────────────────────────────────────────────
def check(world: World) -> Counter[str]:
    """Everything is whole or absent, and events match states; what there was, by kind."""
    crm = world.open()
    try:
        _check_database(crm)
        with crm.read() as work:
            facts = Facts(work)
        facts.check_customers()
        facts.check_stages()
        facts.check_groups()
        facts.check_told(_lines(world.done))
        facts.check_segments()
        facts.check_orders()
        facts.check_agenda()
        facts.check_messages(_lines(world.sent))
        return Counter({cls.__schema__.name: len(rows) for cls, rows in facts.rows.items()})
    finally:
        crm.close()


def finish(world: World) -> None:
    """Do what is still due and send what is still to be sent, when every lease has run out."""
    crm = world.open(minutes=24 * 60)
    try:
        crm.run_due()
        crm.deliver()
        with crm.read() as work:
            assert {i.state for i in work.find(AgendaItem)} <= {"done"}
            messages = work.find(Message)
            sent = {line.split()[0] for line in _lines(world.sent)}
            assert {m.state for m in messages} <= {"sent"}
            assert {m.id for m in messages} == sent
    finally:
        crm.close()
    check(world)


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def _check_database(crm: CRM) -> None:
    store: Any = crm.storage
    if not store.sqlite:
        return
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


class Facts:
    """Everything that the database has, read once."""

    def __init__(self, work: Work) -> None:
        classes = [Customer, Lead, Order, OrderLine, Payment, Membership, Mark, AgendaItem, Message]
        self.rows: dict[type[Any], list[Any]] = {cls: work.find(cls) for cls in [*classes, EventRecord, StageSpan]}
        self.events: dict[str, dict[str, list[EventRecord]]] = defaultdict(lambda: defaultdict(list))
        for record in self.rows[EventRecord]:
            self.events[record.name][record.subject].append(record)
        self.machines = work.house.machines
        self.entities = {row.id: row for rows in self.rows.values() for row in rows}

    def check_customers(self) -> None:
        for customer in self.rows[Customer]:
            assert len(self.events["customers.customer_registered"][customer.id]) == 1
            assert customer.version == 1 + len(self.events["customers.customer_updated"][customer.id])
        assert len(self.rows[Customer]) == len(self.events["customers.customer_registered"])

    def check_stages(self) -> None:
        """Every move left an event and a stay; the stays follow each other, and lead to where the entity is now."""
        stays: dict[tuple[str, str], list[StageSpan]] = defaultdict(list)
        for span in sorted(self.rows[StageSpan], key=lambda s: (s.created_at, s.id)):
            stays[span.subject, span.field].append(span)
        moved = [e.payload for records in self.events["moved"].values() for e in records]
        told = Counter((p["subject_id"], p["field"], p["source"], p["target"], p["entered_at"]) for p in moved)
        kept = Counter((s.subject, s.field, s.state, s.target, s.entered_at.isoformat()) for s in self.rows[StageSpan])
        assert told == kept
        for (subject, field), spans in stays.items():
            for one, other in itertools.pairwise(spans):
                assert (other.state, other.entered_at) == (one.target, one.created_at)
            now = self.entities.get(subject)
            if now is not None:
                assert getattr(now, field) == spans[-1].target
                assert getattr(now, f"{field}_since") == spans[-1].created_at
        for lead in self.rows[Lead]:
            assert lead.version == 1 + len(stays[lead.id, "stage"])
            assert len(self.events["pipeline.lead_captured"][lead.id]) == 1
            assert (lead.stage == "new") == (not stays[lead.id, "stage"])
            assert (lead.stage == "converted") == (lead.customer_id is not None)

    def check_groups(self) -> None:
        """What was written in one transaction is there as a whole."""
        guests = Counter(c.source for c in self.rows[Customer])
        leads = Counter(lead.source for lead in self.rows[Lead])
        items, messages = (Counter(row.key for row in self.rows[cls]) for cls in (AgendaItem, Message))
        names = {*guests, *leads, *items, *messages}
        for name in [n for n in names if n and n.startswith("party")]:
            assert (guests[name], leads[name], items[name], messages[name]) == (3, 1, 1, 1), name
        for name in [n for n in names if n and n.startswith("crowd")]:
            assert guests[name] == 120, name

    def check_told(self, done: list[str]) -> None:
        """What a writer was told is done is there: a commit is a promise."""
        sources = {row.source for cls in (Customer, Lead) for row in self.rows[cls]}
        for name in done:
            kind = name.split()[0]
            if kind in {"party", "crowd"}:
                assert name in sources, f"lost: {name}"
            elif kind == "sale":
                (lead,) = [lead for lead in self.rows[Lead] if lead.source == f"{name} lead"]
                assert lead.stage == "converted"
                assert [o.status for o in self.rows[Order] if o.customer_id == lead.customer_id] == ["paid"]

    def check_segments(self) -> None:
        stays = Counter((m.segment_id, m.customer_id) for m in self.rows[Membership])
        former = Counter((m.segment_id, m.customer_id) for m in self.rows[Membership] if m.state == "former")
        for name, expected in (("customers.segment_entered", stays), ("customers.segment_left", former)):
            told = [e for records in self.events[name].values() for e in records]
            assert Counter((e.subject, e.payload["customer_id"]) for e in told) == expected

    def check_orders(self) -> None:
        lines, payments = defaultdict(list), defaultdict(list)
        for line in self.rows[OrderLine]:
            lines[line.order_id].append(line.amount)
        for payment in self.rows[Payment]:
            payments[payment.order_id].append(payment.amount)
        for order in self.rows[Order]:
            assert sum(lines[order.id], Money("0", "EUR")) == order.total
            assert sum(payments[order.id], Money("0", "EUR")) == order.paid
            assert (order.status == "paid") == (order.paid == order.total)
            assert len(self.events["pipeline.order_placed"][order.id]) == 1
            assert len(self.events["pipeline.order_paid"][order.id]) == (order.status == "paid")

    def check_agenda(self) -> None:
        """An item is done exactly when its effects are there, each once."""
        marks = Counter(mark.key for mark in self.rows[Mark])
        events = Counter(e.payload["key"] for records in self.events["crash.marked"].values() for e in records)
        notes = Counter(m.key.removeprefix("done ") for m in self.rows[Message] if m.key.startswith("done "))
        for item in self.rows[AgendaItem]:
            if item.kind == "crash.mark":
                assert item.state in {"due", "done"}, item.last_error
                times = int(item.state == "done")
                assert (marks[item.key], events[item.key], notes[item.key]) == (times, times, times), item.key
                tagged = item.key.replace(" ", "-") in self.entities[item.subject].tags
                assert tagged == bool(times)
        assert set(marks) <= {item.key for item in self.rows[AgendaItem]}

    def check_messages(self, sent: list[str]) -> None:
        """Whatever left the house is known by its id; what is noted as sent has left it."""
        left = dict(line.split(" ", 1) for line in sent)
        known = {m.id: m.key for m in self.rows[Message]}
        assert left.items() <= known.items()
        assert {m.id for m in self.rows[Message] if m.state == "sent"} <= left.keys()
        assert {m.state for m in self.rows[Message]} <= {"due", "sending", "sent"}


# ── Dying at a certain point ─────────────────────────────────────────────────────────────────────────────────────────
def die_at(world: World, action: str, name: str, point: int, minutes: float) -> None:
    """Do *action* and be killed at the point with this number: before or after a statement, or before a commit.

    If it comes to its end, it tells how many points there were.
    """
    crm = world.open(minutes=minutes)
    store: Any = crm.storage
    passed = 0

    def here(*_: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(store.engine, moment, here)
    ACTIONS[action](crm, name)
    append(world.points, str(passed))


def seed(world: World, name: str, *, parties: int) -> None:
    """Give the world something to do."""
    crm = world.open()
    for n in range(parties):
        party(crm, f"party {name} {n}")
    moving(crm, "")
    crm.close()

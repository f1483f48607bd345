"""The same calls on plain dictionaries, SQLite and PostgreSQL: the same answers, the same refusals, the same rows.

Three CRMs go side by side through generated stories.  Their clocks stand alike and their ids come from the same seed,
so that whatever they answer is comparable as it is: entities with ids and versions, errors with their messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmkit import CRM, F, Line, Money
from crmkit.crm import Transaction
from crmkit.customers.people import Customer
from crmkit.customers.segments import Membership, Segment
from crmkit.errors import CrmError, Duplicate, InvalidInput, NotFound, Refused, StaleEntity
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.entity import Record
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ids import IdSource
from crmkit.kernel.outbox import Message
from crmkit.kernel.stays import StageSpan
from crmkit.lifecycle.stages import Standing
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.orders import Order, OrderLine
from crmkit.pipeline.payments import Payment
from crmkit.testing import FrozenClock
from crmkit.testing.suites.storage.bench import new_tenant

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NOBODY = "cus_00000000000000000000000000"
NO_LEAD = "lead_00000000000000000000000000"
KEPT: tuple[type[Record], ...] = (
    *(Customer, Lead, Order, OrderLine, Payment, Segment, Membership),
    *(Standing, EventRecord, StageSpan, AgendaItem, Message),
)
MOVES: dict[str, dict[str, Any]] = {
    "pursue": {},
    "nurture": {"until": date(2026, 3, 4)},
    "qualify": {},
    "disqualify": {"reason": "too young"},
    "recycle": {},
}
T = TypeVar("T")

# Words that databases like to treat in their own way: wildcards, case, accents, blanks, other planes, nothing at all.
WORDS = (
    "Anna",
    "anna",
    "Änne",
    "Zoë",
    "a%b_c",
    "back\\slash",
    "o'Neil",
    "straße",
    "STRASSE",
    "小王",
    "😀",
    " two  words ",
)
NAMES = st.sampled_from([*WORDS, "", "nul\x00nul"])
CITIES = st.none() | st.sampled_from(WORDS)
EMAILS = st.none() | st.sampled_from(["a@example.com", "A@Example.com", "b@example.com", "c@example.com", "no address"])
BIRTHDAYS = st.none() | st.sampled_from([date(1996, 2, 29), date(1969, 12, 31), date(2001, 3, 2)])
TAGS = st.frozensets(st.sampled_from(["couple", "vip", "a%b"]), max_size=2)
PRICES = st.sampled_from(["0.01", "10", "99.99", "123456.78"])
PICKS = st.integers(0, 7)

OF_CUSTOMERS = (
    None,
    F.city == "Anna",
    F.city != "anna",
    F.city.is_missing(),
    F.name.icontains("STRASSE"),
    F.name.contains("%"),
    F.name.starts_with("a"),
    F.name >= "Zoë",
    F.city < "小王",
    F.birthday.anniversary(days=3),
    F.tags.has("couple") & ~F.tags.has("a%b"),
    F.email.in_(["a@example.com", "c@example.com"]),
    F.orders.none(),
    F.orders.count() >= 1,
    F.orders.sum("total") > Money("100", "EUR"),
    F.orders.where(F.status == "paid").within(days=30).any(),
    F.orders.max("total") >= Money("99.99", "EUR"),
    F.orders.last("placed_at") < START + timedelta(days=5),
    F.orders.stopped(days=10),
    F.referrals.where(F.stage == "qualified").count() >= 1,
    F.referrals.all(F.stage != "disqualified"),
    F.referrals.distinct("stage") >= 2,
    ~(F.referrals.avg("amount") > Money("20", "EUR")),
    F.in_segment("first"),
    F.in_segment("nobody has defined this"),
    F.orders.sum("nonsense") > 1,
    F.nonsense == 1,
    F.created_at.in_last(days=2),
)
OF_LEADS = (
    None,
    F.stage.in_(["new", "qualified"]),
    F.amount >= Money("10", "EUR"),
    F.amount.is_missing() | (F.reason == "too young"),
    F.referrer.orders.count() >= 1,
    F.stage.held(days=1),
    F.city == "Anna",
)
ORDERS: tuple[str | tuple[str, ...], ...] = (
    *("name", "-name", "city", "-city", "-birthday", "email", "nonsense"),
    *((), ("city", "-created_at"), ("-updated_at", "name")),
)


class Undone(Exception):
    """Raised in a transaction that the host does not want after all."""


def outcome(verb: Callable[[CRM], Any], crm: CRM) -> Any:
    """What *verb* answers: its value, or the kind and the words of its refusal; anything else is a defect."""
    try:
        return verb(crm)
    except (CrmError, Undone) as refusal:
        return type(refusal), str(refusal)


def picked(items: Sequence[T], number: int) -> T:
    return items[number % len(items)]


def rows(crm: CRM, cls: type[Record]) -> list[Record]:
    with crm.read() as work:
        return work.find(cls)


def number_of(crm: CRM, cls: type[Record]) -> int:
    with crm.read() as work:
        return work.count(cls)


class SideBySide(RuleBasedStateMachine):
    """Three CRMs that are told the same."""

    def __init__(self, crms: Sequence[CRM], clocks: Sequence[FrozenClock]) -> None:
        super().__init__()
        self.clocks = clocks
        tenant = new_tenant()
        self.crms = [crm.for_tenant(tenant) for crm in crms]
        self.strangers = [crm.for_tenant(f"{tenant}, next door") for crm in crms]
        self.people: list[Customer] = []  # every state that was ever answered: most of them are stale
        self.leads: list[Lead] = []
        self.orders: list[Order] = []

    def ask(self, verb: Callable[[CRM], Any]) -> Any:
        """The answer that all give."""
        plain, *others = [outcome(verb, crm) for crm in self.crms]
        note(f"-> {plain!r}"[:300])
        assert others == [plain] * len(others)
        return plain

    def learn(self, answer: Any) -> Any:
        """Remember entities that later steps may refer to."""
        match answer:
            case Customer():
                self.people.append(answer)
            case Lead():
                self.leads.append(answer)
            case Order():
                self.orders.append(answer)
        return answer

    @initialize()
    def begin(self) -> None:
        for clock in self.clocks:
            clock.set(START)
        for number in range(3):
            self.learn(self.ask(lambda crm, n=number: crm.customers.register(name=WORDS[n], city=WORDS[n % 2])))  # type: ignore[misc]
        assert [person.version for person in self.people] == [1, 1, 1]
        referrer = self.people[0].id
        self.capture(which=0, price="10", name="Lead", email="lead@example.com")
        self.place(which=1, price="99.99", quantity=3)
        self.define(name="first", condition=F.referrals.count() >= 1, often=True)
        assert [(lead.stage, lead.referrer_id) for lead in self.leads] == [("new", referrer)]
        assert [order.customer_id for order in self.orders] == [self.people[1].id]

    # ── Customers ──

    @rule(name=NAMES, email=EMAILS, city=CITIES, birthday=BIRTHDAYS, tags=TAGS)
    def register(self, **fields: Any) -> None:
        email = fields["email"]
        taken = email is not None and "@" in email and self.crms[0].customers.find_by_email(email) is not None
        answer = self.learn(self.ask(lambda crm: crm.customers.register(**fields)))
        assert not (taken and isinstance(answer, Customer))

    @rule(emails=st.lists(EMAILS, min_size=1, max_size=3))
    def register_many(self, emails: list[str | None]) -> None:
        before = self.crms[0].customers.count()
        answer = self.ask(
            lambda crm: crm.customers.register_many([{"name": "Row", "email": email} for email in emails])
        )
        made = len(answer) if isinstance(answer, list) else 0
        assert self.crms[0].customers.count() == before + made

    @rule(which=PICKS, email=EMAILS, city=CITIES, tags=TAGS)
    def update(self, which: int, **fields: Any) -> None:
        person = picked(self.people, which).id
        self.learn(self.ask(lambda crm: crm.customers.update(person, **fields)))

    @rule(which=PICKS, city=CITIES)
    def update_what_was_read_long_ago(self, which: int, city: str | None) -> None:
        person = picked(self.people, which)
        now = self.crms[0].customers.get(person.id)
        answer = self.ask(lambda crm: crm.customers.update(person, city=city))
        if isinstance(answer, Customer):  # where nothing would change, nothing is refused
            assert answer == now or person.version == now.version == answer.version - 1
        else:
            assert answer[0] is StaleEntity
            assert person.version < now.version
        self.learn(answer)

    @rule(ref=st.sampled_from([NOBODY, NO_LEAD, "", "nonsense", "cus_nonsense", "cus_\x00"]))
    def get_what_is_not_there(self, ref: str) -> None:
        kind, _ = self.ask(lambda crm: crm.customers.get(ref))
        assert kind is (NotFound if ref == NOBODY else InvalidInput)
        self.ask(lambda crm: crm.pipeline.leads.get(ref))
        self.ask(lambda crm: crm.customers.timeline(ref))

    # ── Reading ──

    @rule(
        condition=st.sampled_from(OF_CUSTOMERS),
        order=st.sampled_from(ORDERS),
        limit=st.sampled_from([None, 0, 1, 3, -1]),
    )
    def find(self, condition: Any, order: Any, limit: int | None) -> None:
        self.ask(lambda crm: crm.customers.find(condition, order_by=order, limit=limit))
        counted = self.ask(lambda crm: crm.customers.count(condition))
        past = START - timedelta(hours=1)
        self.ask(lambda crm: crm.customers.count(condition, as_of=past))
        if isinstance(counted, int) and condition is not None:
            assert counted + self.ask(lambda crm: crm.customers.count(~condition)) == self.crms[0].customers.count()

    @rule(condition=st.sampled_from(OF_LEADS), order=st.sampled_from([(), "-amount", "stage_since", "-name", "reason"]))
    def find_leads(self, condition: Any, order: Any) -> None:
        self.ask(lambda crm: crm.pipeline.leads.find(condition, order_by=order))
        self.ask(lambda crm: crm.pipeline.leads.count(condition))

    @rule(order=st.sampled_from(ORDERS), size=st.integers(1, 3))
    def leaf_through(self, order: Any, size: int) -> None:
        seen: list[str] = []
        after: str | None = None
        while True:
            page = self.ask(lambda crm, after=after: crm.customers.page(size=size, after=after, order_by=order))  # type: ignore[misc]
            if isinstance(page, tuple):
                return
            seen += [person.id for person in page]
            after = page.next
            if after is None:
                break
        assert seen == [person.id for person in self.crms[0].customers.find(order_by=order)]

    @rule(after=st.sampled_from(["", "nonsense", "WyJhIl0", "bnVsbA"]))
    def open_at_a_page_that_never_was(self, after: str) -> None:
        kind, _ = self.ask(lambda crm: crm.customers.page(size=1, after=after, order_by="name"))
        assert kind is InvalidInput

    @rule(which=PICKS, limit=st.sampled_from([1, 5, 100]))
    def look_at_a_timeline(self, which: int, limit: int) -> None:
        person = picked(self.people, which).id
        moments = self.ask(lambda crm: crm.customers.timeline(person, limit=limit))
        assert 1 <= len(moments) <= limit

    # ── Leads and orders ──

    @rule(name=NAMES, email=EMAILS, which=PICKS, price=st.none() | PRICES, key=st.sampled_from([None, None, "k"]))
    def capture(self, which: int, price: str | None, **fields: Any) -> None:
        referrer = picked(self.people, which).id
        amount = None if price is None else Money(price, "EUR")
        self.learn(self.ask(lambda crm: crm.pipeline.leads.capture(referrer=referrer, amount=amount, **fields)))

    @precondition(lambda self: self.leads)
    @rule(which=PICKS, verb=st.sampled_from(sorted(MOVES)), old=st.booleans())
    def move(self, which: int, verb: str, *, old: bool) -> None:
        lead: Lead | str = picked(self.leads, which) if old else picked(self.leads, which).id
        self.learn(self.ask(lambda crm: getattr(crm.pipeline.leads, verb)(lead, **MOVES[verb])))

    @rule(which=PICKS, price=PRICES, quantity=st.sampled_from([0, 1, 3]))
    def place(self, which: int, price: str, quantity: int) -> None:
        person = picked(self.people, which).id

        def placed(crm: CRM) -> Order:
            lines = [Line("Album", quantity=quantity, unit_price=Money(price, "EUR"))]
            return crm.pipeline.orders.place(person, lines=lines, channel="shop")

        self.learn(self.ask(placed))

    @precondition(lambda self: self.orders)
    @rule(which=PICKS, price=PRICES, whole=st.booleans(), cancel=st.booleans())
    def pay_or_cancel(self, which: int, price: str, *, whole: bool, cancel: bool) -> None:
        order = picked(self.orders, which)
        money = order.total if whole else Money(price, "EUR")
        if cancel:
            self.ask(lambda crm: crm.pipeline.orders.cancel(order.id, reason="rain"))
        else:
            self.ask(lambda crm: crm.pipeline.payments.receive(order.id, money, method="card"))

    # ── Segments ──

    @rule(name=st.sampled_from(["first", "second"]), condition=st.sampled_from(OF_CUSTOMERS[1:]), often=st.booleans())
    def define(self, name: str, condition: Any, *, often: bool) -> None:
        every = timedelta(hours=6) if often else None
        self.ask(lambda crm: crm.customers.segments.define(name, rule=condition, every=every))

    @rule(name=st.sampled_from(["first", "second"]))
    def refresh(self, name: str) -> None:
        self.ask(lambda crm: crm.customers.segments.refresh(name))
        self.ask(lambda crm: crm.customers.segments.members(name))

    # ── Transactions ──

    @rule(which=PICKS, reason=st.sampled_from(["changed his mind", "duplicate", "unknown", "wrong"]))
    def fail_half_way(self, which: int, reason: str) -> None:
        person = picked(self.people, which).id
        before = [rows(self.crms[0], cls) for cls in KEPT]

        def half(tx: Transaction) -> None:
            made = tx.customers.register(name="Half way", email="half@example.com")
            tx.customers.update(person, note="half way")
            tx.pipeline.leads.qualify(tx.pipeline.leads.capture(name="Half", email="half@example.com", referrer=made))
            tx.pipeline.orders.place(made, lines=[Line("Album", unit_price=Money(1, "EUR"))])

        def fail(tx: Transaction) -> None:
            if reason == "duplicate":
                tx.customers.register(name="Again", email="half@example.com")
            if reason == "unknown":
                tx.customers.update(NOBODY, city="Anna")
            if reason == "wrong":
                tx.customers.update(person, nonsense=1)
            raise Undone

        def attempt(crm: CRM) -> None:
            with crm.transaction() as tx:
                half(tx)
                fail(tx)

        kind, _ = self.ask(attempt)
        expected = {"duplicate": Duplicate, "unknown": NotFound, "wrong": InvalidInput}
        assert kind is expected.get(reason, Undone)
        for crm in self.crms:
            assert [rows(crm, cls) for cls in KEPT] == before

    @rule(which=PICKS, email=EMAILS, then_fail=st.booleans())
    def catch_a_refusal(self, which: int, email: str | None, *, then_fail: bool) -> None:
        """Only the refused verb is undone; what was before and what comes after stays, if the transaction does."""
        person = picked(self.people, which)
        taken = self.people[0].id

        def attempt(crm: CRM) -> Any:
            with crm.transaction() as tx:
                told: list[Any] = [tx.customers.register(name="Before"), tx.customers.count()]
                tried: tuple[Callable[[], Any], ...] = (
                    lambda: tx.customers.register(name="May be refused", email=email),
                    lambda: tx.customers.register_many([{"name": "Fine"}, {"name": "Taken", "email": "x@x.de"}] * 2),
                    lambda: tx.customers.update(person, note="may be stale"),
                    lambda: tx.pipeline.leads.capture(name="Nobody's", referrer=NOBODY),
                    lambda: tx.customers.relate(taken, taken, kind="partner"),
                )
                for verb in tried:
                    try:
                        told.append(verb())
                    except (Refused, InvalidInput, NotFound, StaleEntity) as refusal:
                        told.append((type(refusal), str(refusal)))
                lead = tx.pipeline.leads.capture(name="After", referrer=person.id)
                told += [tx.pipeline.leads.disqualify(lead, reason="too young"), tx.customers.find(order_by="-name")]
                if then_fail:
                    raise Undone(repr(told[1]))
            return told

        before = self.crms[0].customers.count()
        told = self.ask(attempt)
        if not then_fail:
            assert told[3][0] is Duplicate
            assert told[5][0] is NotFound
            made = 1 + isinstance(told[2], Customer)
            assert self.crms[0].customers.count() == before + made
            self.people += [answer for answer in told if isinstance(answer, Customer)]

    # ── Time ──

    @rule(hours=st.sampled_from([1, 6, 30, 24 * 15]))
    def advance(self, hours: int) -> None:
        for clock in self.clocks:
            clock.advance(hours=hours)

    @rule(batch=st.sampled_from([1, 200]))
    def run_due(self, batch: int) -> None:
        report = self.ask(lambda crm: crm.run_due(batch=batch))
        assert (report.failed, report.dead, report.errors) == (0, 0, ())

    # ── Always ──

    @rule(which=PICKS)
    def be_a_stranger(self, which: int) -> None:
        person = picked(self.people, which).id
        for crm in self.strangers:
            assert crm.customers.find() == []
            assert [number_of(crm, cls) for cls in KEPT] == [0] * len(KEPT)
            for verb in (crm.customers.get, crm.customers.update, crm.customers.timeline):
                with pytest.raises(NotFound):
                    verb(person)

    @invariant()
    def they_have_as_much(self) -> None:
        plain, *others = [[number_of(crm, cls) for cls in (Customer, Lead, EventRecord)] for crm in self.crms]
        assert others == [plain] * len(others)

    def teardown(self) -> None:
        """In the end every row is the same."""
        for cls in KEPT:
            plain, *others = [rows(crm, cls) for crm in self.crms]
            assert others == [plain] * len(others)


@pytest.fixture
def side_by_side(postgres_database: str) -> Iterator[Callable[[], SideBySide]]:
    clocks = [FrozenClock(START) for _ in range(3)]
    targets = ("memory://", "sqlite://", postgres_database)
    crms = [
        CRM.open(target, clock=clock, ids=IdSource(seed=1), migrate=True)
        for target, clock in zip(targets, clocks, strict=True)
    ]
    yield lambda: SideBySide(crms, clocks)
    for crm in crms:
        crm.close()


@pytest.mark.slow
def test_three_stores_answer_alike(side_by_side: Callable[[], SideBySide]) -> None:
    run_state_machine_as_test(  # takes whatever makes a machine, though it says a class
        cast("type[SideBySide]", side_by_side),
        settings=settings(max_examples=12, stateful_step_count=20, suppress_health_check=list(HealthCheck)),
    )

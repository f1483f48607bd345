"""Bad input: a clear error, and nothing changed, for everything that people and programs hand over by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crmkit import CRM, CrmError, F, FrozenClock, InvalidInput, Line, Money, NotFound, StaleEntity, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.orders.order import Order

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
EUR = "EUR"


class World:
    """A CRM with one of each, and a count of all that is stored."""

    def __init__(self, crm: CRM) -> None:
        self.crm = crm
        self.wang: Customer = crm.customers.register(name="Wang", email="wang@example.com")
        self.deal: Opportunity = crm.pipeline.opportunities.open(
            name="Album", customer=self.wang, amount=Money("100", EUR)
        )
        line = Line("Album", quantity=1, unit_price=Money("100", EUR))
        self.order: Order = crm.pipeline.orders.place(self.wang, lines=[line])

    def stored(self) -> list[tuple[str, int]]:
        registry = self.crm.storage.registry
        with self.crm.read() as work:
            return [(name, work.count(schema.cls)) for name, schema in registry.schemas.items()]


@pytest.fixture(params=["memory://", "sqlite://"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with CRM.open(request.param, currency=EUR, clock=FrozenClock(NOW)) as crm:
        yield World(crm)


LONG = "x" * 10_000_000
FLOAT: Any = 0.1
Wrong = Callable[[World], object]
WRONG: list[tuple[str, type[CrmError], str, Wrong]] = [
    ("unknown id", NotFound, "there is no customer", lambda w: w.crm.customers.get("cus_" + "0" * 26)),
    ("id of another kind", InvalidInput, "expected a customer id", lambda w: w.crm.customers.get(w.deal.id)),
    ("no id at all", InvalidInput, "customer", lambda w: w.crm.customers.get("Wang")),
    ("empty name", InvalidInput, "name must not be empty", lambda w: w.crm.customers.register(name="  ")),
    ("no text", InvalidInput, "name must be text", lambda w: w.crm.customers.register(name=3)),  # type: ignore[arg-type]
    (
        "malformed e-mail",
        InvalidInput,
        "is no e-mail address",
        lambda w: w.crm.customers.register(name="x", email="x@"),
    ),
    ("malformed phone", InvalidInput, "phone", lambda w: w.crm.customers.register(name="x", phone="12")),
    ("national phone", InvalidInput, "phone", lambda w: w.crm.customers.register(name="x", phone="139 1234 5678")),
    ("ten megabytes", InvalidInput, "10,000,000 characters", lambda w: w.crm.customers.register(name=LONG)),
    ("control character", InvalidInput, "U+0007", lambda w: w.crm.customers.register(name="a\x07b")),
    ("NUL", InvalidInput, "U+0000", lambda w: w.crm.customers.register(name="a\0b")),
    ("bidirectional mark", InvalidInput, "U+202E", lambda w: w.crm.customers.register(name="a\u202eb")),
    ("half a character", InvalidInput, "U+D800", lambda w: w.crm.customers.register(name="a\ud800")),
    ("unknown field", InvalidInput, "has no field 'nmae'", lambda w: w.crm.customers.register(name="x", nmae="y")),
    (
        "a moment for a day",
        InvalidInput,
        "must be a date",
        lambda w: w.crm.customers.register(name="x", birthday=datetime(2000, 1, 1, tzinfo=UTC)),
    ),
    ("text for tags", InvalidInput, "set of texts", lambda w: w.crm.customers.register(name="x", tags="vip")),
    (
        "float money",
        InvalidInput,
        "",
        lambda w: w.crm.pipeline.payments.receive(w.order, Money(FLOAT, EUR), method="card"),
    ),
    (
        "NaN money",
        InvalidInput,
        "",
        lambda w: w.crm.pipeline.payments.receive(w.order, Money("NaN", EUR), method="card"),
    ),
    (
        "other currency",
        InvalidInput,
        "USD",
        lambda w: w.crm.pipeline.payments.receive(w.order, Money("1", "USD"), method="card"),
    ),
    (
        "too much",
        CrmError,
        "",
        lambda w: w.crm.pipeline.payments.receive(w.order, Money("100.01", EUR), method="card"),
    ),
    ("nothing", CrmError, "", lambda w: w.crm.pipeline.payments.receive(w.order, Money("0", EUR), method="card")),
    (
        "negative quantity",
        InvalidInput,
        "quantity",
        lambda w: w.crm.pipeline.orders.place(w.wang, lines=[Line("x", quantity=-1, unit_price=Money("1", EUR))]),
    ),
    ("no lines", InvalidInput, "line", lambda w: w.crm.pipeline.orders.place(w.wang, lines=[])),
    (
        "mixed currencies",
        InvalidInput,
        "",
        lambda w: w.crm.pipeline.orders.place(
            w.wang, lines=[Line("x", quantity=1, unit_price=Money("1", c)) for c in (EUR, "USD")]
        ),
    ),
    ("unknown stage", InvalidInput, "", lambda w: w.crm.pipeline.opportunities.advance(w.deal, to="propsal")),
    (
        "naive moment",
        InvalidInput,
        "aware",
        lambda w: w.crm.customers.find(F.created_at > datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
    ),
    ("NaN in a rule", InvalidInput, "NaN", lambda w: w.crm.customers.find(F.orders.count() > Decimal("NaN"))),
    (
        "days in the wrong order",
        InvalidInput,
        "",
        lambda w: w.crm.analytics.growth(since=date(2026, 12, 31), until=date(2026, 1, 1)),
    ),
    ("empty tenant", InvalidInput, "tenant", lambda w: w.crm.for_tenant(" ")),
    ("negative limit", InvalidInput, "limit", lambda w: w.crm.customers.find(limit=-1)),
    ("sort by nothing", InvalidInput, "cannot be sorted", lambda w: w.crm.customers.find(order_by="shoe_size")),
]


@pytest.mark.parametrize(("error", "says", "wrong"), [pytest.param(*w[1:], id=w[0]) for w in WRONG])
def test_it_is_refused_and_nothing_changes(world: World, error: type[CrmError], says: str, wrong: Wrong) -> None:
    before = world.stored()
    with pytest.raises(error) as refusal:
        wrong(world)
    assert says in str(refusal.value)
    assert world.stored() == before


def test_an_entity_of_another_tenant_does_not_exist(world: World) -> None:
    other = world.crm.for_tenant("other")
    for attempt in (
        lambda: other.customers.get(world.wang),
        lambda: other.customers.update(world.wang, city="Rome"),
        lambda: other.pipeline.opportunities.win(world.deal),
        lambda: other.pipeline.orders.place(world.wang, lines=[Line("x", quantity=1, unit_price=Money("1", EUR))]),
    ):
        with pytest.raises(NotFound, match="in this tenant"):
            attempt()
    assert other.customers.count() == 0


def test_a_stale_entity_changes_nothing(world: World) -> None:
    world.crm.customers.update(world.wang.id, city="Rome")
    before = world.stored()
    with pytest.raises(StaleEntity, match="get it again and decide again"):
        world.crm.customers.update(world.wang, city="Oslo")
    assert world.stored() == before
    assert world.crm.customers.get(world.wang.id).city == "Rome"


def test_an_illegal_move_says_what_is_allowed(world: World) -> None:
    lost = world.crm.pipeline.opportunities.lose(world.deal, reason="price")
    with pytest.raises(TransitionRefused, match="allowed now: reopen"):
        world.crm.pipeline.opportunities.win(lost)


def test_a_closed_handle_refuses_everything() -> None:
    crm = CRM.open()
    handle = crm.acting_as("xu")
    crm.close()
    for attempt in (crm.customers.count, handle.customers.count, crm.run_due, crm.deliver):
        with pytest.raises(CrmError, match="has been closed: open it again"):
            attempt()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timezone": "Asia/Shangai"}, "did you mean 'Asia/Shanghai'"),
        ({"currency": "EURO"}, "EURO"),
        ({"region": "China"}, "two capitals"),
        ({"tenant": ""}, "tenant"),
        ({"machines": {"leed": None}}, "nothing called 'leed' moves"),
        ({"machines": {"lead": 1}}, "'lead' is to be a Machine"),
        ({"answers": {"service.recipient": 5}}, "'service.recipient' is a function"),
        ({"access": 5}, "access= takes a function"),
        ({"clock": 5}, "clock= takes a clock"),
        ({"ids": 5}, "ids= takes a source of ids"),
        ({"entities": [int]}, "entities= takes classes declared as @entity(…), got <class 'int'>"),
        ({"events": [int]}, "events= takes classes"),
        ({"extras": [int]}, "extras= takes classes"),
        ({"channels": 5}, "channels= takes several"),
        ({"plugins": ["nope"]}, "plugin 'nope' implements no hook"),
        ({"target": ""}, "cannot open ''"),
        ({"target": 5}, "not at 5"),
        ({"target": "mysql://localhost/x"}, "SQLite or PostgreSQL, not in mysql"),
        ({"target": "/nowhere/at/all.db"}, "unable to open database file"),
        ({"target": __file__}, "file is not a database"),
        ({"target": "postgresql://nobody:secret@127.0.0.1:1/x"}, "nobody:***@127.0.0.1:1/x: connection failed"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_settings_are_checked_at_the_door(options: dict[str, object], says: str) -> None:
    with pytest.raises(CrmError) as refusal:
        CRM.open(**options)  # type: ignore[arg-type]
    assert says in str(refusal.value)

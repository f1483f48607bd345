"""SQL: the ids that a rule finds, against the fastest of some statements written by hand, through the same driver."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from benchmarks.measure import Comparison
from benchmarks.rules.world import NOW
from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import Rule
from crmkit.pipeline.orders import Order

LASTING = 0.1  # seconds that a measured run takes at least
MINE = "tenant = 'default'"
PAID = "status = 'paid' AND total_currency = 'CNY'"
RECENT = "placed_at >= {since} AND placed_at <= {now}"
OF_REGULARS = f"state = 'member' AND segment_id = (SELECT id FROM crm_segment WHERE {MINE} AND name = 'regulars')"


@attrs.frozen
class Shape:
    """A rule, and what people write for it."""

    name: str
    cls: type[Record]
    rule: Rule
    by_hand: tuple[str, ...]


SHAPES = (
    Shape(
        "one field",
        Customer,
        F.city == "Chengdu",
        (f"SELECT id FROM crm_customer WHERE {MINE} AND city = 'Chengdu'",),
    ),
    Shape(
        "one aggregate",
        Customer,
        F.orders.where(F.status == "paid").sum("total") > Money("5000", "CNY"),
        (
            f"""SELECT id FROM crm_customer WHERE {MINE} AND id IN (SELECT customer_id FROM crm_order
            WHERE {MINE} AND {PAID} GROUP BY customer_id HAVING sum(total) > 500000)""",
            f"""SELECT customer_id FROM crm_order WHERE {MINE} AND {PAID}
            GROUP BY customer_id HAVING sum(total) > 500000""",
        ),
    ),
    Shape(
        "two aggregates on two relations",
        Customer,
        (F.orders.count() >= 8) & (F.cases.count() == 0),
        (
            f"""SELECT id FROM crm_customer WHERE {MINE} AND id IN (SELECT customer_id FROM crm_order
            WHERE {MINE} GROUP BY customer_id HAVING count(*) >= 8)
            AND id NOT IN (SELECT customer_id FROM crm_case WHERE {MINE} AND customer_id IS NOT NULL)""",
            f"""SELECT customer_id FROM crm_order o WHERE {MINE} GROUP BY customer_id HAVING count(*) >= 8
            AND NOT EXISTS (SELECT 1 FROM crm_case c WHERE c.{MINE} AND c.customer_id = o.customer_id)""",
        ),
    ),
    Shape(
        "nested or",
        Customer,
        ((F.city == "Chengdu") & (F.source == "web")) | ((F.country.is_missing()) & ~(F.owner == "clerk 7")),
        (
            f"""SELECT id FROM crm_customer WHERE {MINE} AND ((city = 'Chengdu' AND source = 'web')
            OR (country IS NULL AND (owner IS NULL OR owner <> 'clerk 7')))""",
        ),
    ),
    Shape(
        "no orders in 90 days",
        Customer,
        F.orders.within(days=90).count() == 0,
        (
            f"""SELECT id FROM crm_customer WHERE {MINE} AND id NOT IN (
            SELECT customer_id FROM crm_order WHERE {MINE} AND {RECENT})""",
            f"""SELECT id FROM crm_customer c WHERE {MINE} AND NOT EXISTS (
            SELECT 1 FROM crm_order o WHERE o.{MINE} AND o.customer_id = c.id AND {RECENT})""",
            f"""SELECT id FROM crm_customer WHERE {MINE} EXCEPT
            SELECT customer_id FROM crm_order WHERE {MINE} AND {RECENT}""",
        ),
    ),
    Shape(
        "anniversary",
        Customer,
        F.birthday.anniversary(days=6),
        (
            f"SELECT id FROM crm_customer WHERE {MINE} AND {{in_march}}",
            f"SELECT id FROM crm_customer WHERE {MINE} AND {{monthday}} BETWEEN '0302' AND '0308'",
        ),
    ),
    Shape(
        "held for 30 days",
        Order,
        F.status.held("paid", days=30),
        (f"SELECT id FROM crm_order WHERE {MINE} AND status = 'paid' AND status_since <= {{month}}",),
    ),
    Shape(
        "segment",
        Customer,
        F.in_segment("regulars") & (F.city == "Chengdu"),
        (
            f"""SELECT id FROM crm_customer WHERE {MINE} AND city = 'Chengdu' AND id IN (
            SELECT customer_id FROM crm_membership WHERE {MINE} AND {OF_REGULARS})""",
            f"""SELECT c.id FROM crm_customer c JOIN (SELECT customer_id FROM crm_membership
            WHERE {MINE} AND {OF_REGULARS}) m ON m.customer_id = c.id WHERE c.{MINE} AND city = 'Chengdu'""",
        ),
    ),
)


def in_words_of(text: str, *, sqlite: bool) -> str:
    """The statement with moments and calendar as the database writes them."""

    def moment(at: datetime) -> str:
        written = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        return f"'{written}'" if sqlite else f"'{written}+00'"

    midnight = datetime(2026, 3, 1, 16, tzinfo=UTC)
    in_march = "extract(month FROM birthday) = 3 AND extract(day FROM birthday) BETWEEN 2 AND 8"
    return text.format(
        since=moment(midnight - timedelta(days=90)),
        month=moment(midnight - timedelta(days=30)),
        now=moment(NOW),
        monthday="strftime('%m%d', birthday)" if sqlite else "to_char(birthday, 'MMDD')",
        in_march="substr(birthday, 6) BETWEEN '03-02' AND '03-08'" if sqlite else in_march,
    )


def shapes(crm: CRM, *, sqlite: bool) -> Iterator[Comparison]:
    for shape in SHAPES:

        def ours(shape: Shape = shape) -> list[Any]:
            with crm.read() as work:
                return work.columns(shape.cls, ["id"], shape.rule)

        by_hand = [_asking(crm, in_words_of(text, sqlite=sqlite)) for text in shape.by_hand]
        for each in by_hand:
            assert sorted(each()) == sorted(ours()), shape.name
        fastest = min(by_hand, key=_median)
        times = max(1, int(LASTING / _median(fastest)))
        both = _repeated(ours, times), _repeated(fastest, times)
        yield Comparison(shape.name, *both, "SQL by hand", 1.1, rounds=9, count=times)


def _repeated(run: Callable[[], object], times: int) -> Callable[[], object]:
    """*run* so many times: one call alone, after memory was tidied up, would mostly tell how cold the caches are."""

    def again() -> None:
        for _ in range(times):
            run()

    return again


def _asking(crm: CRM, statement: str) -> Callable[[], list[Any]]:
    """What fetches the rows of *statement* from the driver itself."""

    def ask() -> list[Any]:
        with crm.read() as work:
            session: Any = work.session
            cursor = session.connection.connection.driver_connection.cursor()
            try:
                cursor.execute(statement)
                rows: list[Any] = cursor.fetchall()
            finally:
                cursor.close()
            return rows

    return ask


def _median(run: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)

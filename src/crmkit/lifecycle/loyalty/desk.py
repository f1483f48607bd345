"""``crm.lifecycle.loyalty``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Desk
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.lifecycle.loyalty.booking import book, movement, program_needed, program_of, put_back
from crmkit.lifecycle.loyalty.ledger import PointBucket, PointMovement, PointsSpent, draw
from crmkit.lifecycle.loyalty.program import LoyaltyProgram, LoyaltyProgramDefined
from crmkit.lifecycle.loyalty.statement import LoyaltyStatement, statement


class Loyalty(Desk):
    """What ``crm.lifecycle.loyalty`` offers."""

    def define(
        self,
        *,
        point_for: Money,
        valid_months: int | None = None,
        tiers: Mapping[str, int] | None = None,
        tier_months: int = 12,
        shortfall: Literal["owe", "forgive"] = "owe",
    ) -> LoyaltyProgram:
        """Begin a points programme, or change it: from now on every paid order earns points.

        Args:
            point_for: one point for each full amount of this that came in for an order and did not go back.
            valid_months: points can be spent until the end of the day so many calendar months later, 1 or more.
            tiers: by name, how many points must have been earned in *tier_months*.
            tier_months: calendar months, 1 or more.
            shortfall: whether points of a refunded order that have been spent already are owed (``owe``) or not
                (``forgive``).

        Raises:
            DefinitionError: an amount or a tier makes no sense.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"), tiers={"gold": 100})
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.lifecycle.loyalty.earn(wang, 120, reason="welcome")
            ...     _ = crm.lifecycle.loyalty.spend(wang, 50, reason="a calendar")
            ...     statement = crm.lifecycle.loyalty.of(wang)
            ...     statement.balance, statement.tier
            (70, 'gold')
        """
        with self.work() as work:
            values: dict[str, Any] = {
                "point_for": point_for,
                "valid_months": valid_months,
                "tiers": dict(tiers or {}),
                "tier_months": tier_months,
                "shortfall": shortfall,
            }
            known = program_of(work)
            program = work.new(LoyaltyProgram, **values) if known is None else known.evolve(**values)
            fact = LoyaltyProgramDefined(program_id=program.id, point_for=program.point_for)
            return work.save(Change(program, (fact,)))

    def of(self, customer: Customer | str) -> LoyaltyStatement:
        """How many points a customer has, and which tier.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"), valid_months=12, tiers={"gold": 100})
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     _ = crm.lifecycle.loyalty.earn(zhao, 120, reason="tenth dinner")
            ...     statement = crm.lifecycle.loyalty.of(zhao)
            ...     statement.balance, statement.tier, statement.next_expiry.isoformat()
            (120, 'gold', '2027-03-03T00:00:00+00:00')
        """
        with self.read() as work:
            return statement(work, work.get(Customer, _id(customer)).id)

    def movements(self, customer: Customer | str) -> list[PointMovement]:
        """Every movement of a customer's points, the earliest first; their sum is the balance.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     _ = crm.lifecycle.loyalty.earn(zhao, 20, reason="welcome")
            ...     _ = crm.lifecycle.loyalty.spend(zhao, 15, reason="a pot of tea")
            ...     [(line.kind, line.delta, line.reason) for line in crm.lifecycle.loyalty.movements(zhao)]
            [('earned', 20, 'welcome'), ('spent', -15, 'a pot of tea')]
        """
        with self.read() as work:
            who = work.get(Customer, _id(customer)).id
            return work.find(PointMovement, F.customer_id == who, order_by="created_at")

    def earn(
        self, customer: Customer | str, points: int, *, reason: str | None = None, about: str | None = None
    ) -> PointBucket:
        """Give points by hand; they count for the tier, and expire, like those of an order.

        Args:
            customer: who.
            points: a whole number from 1.
            reason: why.
            about: the id of what they are for.

        Raises:
            NotFound: there is no programme, or no such customer.
            InvalidInput: *points* is no whole number from 1.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"), valid_months=12)
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     bucket = crm.lifecycle.loyalty.earn(zhao, 20, reason="brought a friend")
            ...     bucket.remaining, bucket.expires_at.isoformat()
            (20, '2027-03-03T00:00:00+00:00')
        """
        with self.work() as work:
            who = work.get(Customer, _id(customer)).id
            return book(work, program_needed(work), who, points, about=about, reason=reason)

    def spend(
        self, customer: Customer | str, points: int, *, reason: str | None = None, about: str | None = None
    ) -> list[PointMovement]:
        """Take points for something; those that expire first go first.

        Args:
            customer: who.
            points: a whole number from 1.
            reason: for what.
            about: the id of what they are for; :meth:`give_back` asks for it.

        Returns:
            one movement for each bucket from which points were taken.

        Raises:
            InvalidInput: *points* is no whole number from 1, or there are not so many.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     _ = [crm.lifecycle.loyalty.earn(zhao, points) for points in (20, 30)]
            ...     [line.delta for line in crm.lifecycle.loyalty.spend(zhao, 25, reason="a pot of tea")]
            ...     crm.lifecycle.loyalty.spend(zhao, 26, reason="a duck")
            Traceback (most recent call last):
            crmkit.errors.InvalidInput: 26 points are more than the balance of 25
        """
        with self.work() as work:
            who = work.get(Customer, _id(customer)).id
            buckets = work.find(PointBucket, F.customer_id == who)
            movements = []
            for bucket, taken in draw(buckets, points, now=work.now):
                work.save(Change(bucket.evolve(remaining=bucket.remaining - taken)))
                movements.append(movement(work, bucket, "spent", -taken, about=about, reason=reason))
            work.add(movements)
            work.emit(PointsSpent(customer_id=who, points=points, about=about, reason=reason))
            return movements

    def redeem(
        self,
        customer: Customer | str,
        *,
        step: int,
        most: int | None = None,
        reason: str | None = None,
        about: str | None = None,
    ) -> int:
        """Take points for a reward that is given in whole steps: as many steps as the points suffice for.

        Source: Odoo's loyalty programmes (a reward of 3 points leaves 1 of 10).

        Args:
            customer: who.
            step: the points for one step, a whole number from 1.
            most: at most so many points, 0 and more; all of them unless given.
            reason: for what.
            about: the id of what they are for; :meth:`give_back` asks for it.

        Returns:
            how many points were taken; 0 when they do not suffice for one step.

        Raises:
            InvalidInput: *step* or *most* is no such number.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.lifecycle.loyalty.earn(wang, 10)
            ...     crm.lifecycle.loyalty.redeem(wang, step=3), crm.lifecycle.loyalty.of(wang).balance
            (9, 1)
        """
        for name, number, least in (("step", step, 1), ("most", most, 0)):
            if number is not None and (type(number) is not int or number < least):
                raise InvalidInput(f"{name} is a whole number of points from {least}, got {number!r}")
        with self.work() as work:
            balance = statement(work, work.get(Customer, _id(customer)).id).balance
            points = max(balance if most is None else min(balance, most), 0) // step * step
            if points:
                Loyalty(work).spend(customer, points, reason=reason, about=about)
            return points

    def give_back(self, *, about: str) -> int:
        """Return the points that were spent for something, into the buckets from which they came.

        What has expired in the meantime stays expired.

        Args:
            about: as it was given to :meth:`spend` or :meth:`redeem`.

        Returns:
            how many points went back; 0 when nothing was spent for it, or it went back before.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     _ = crm.lifecycle.loyalty.earn(zhao, 20)
            ...     _ = crm.lifecycle.loyalty.spend(zhao, 15, about="table 7")
            ...     [crm.lifecycle.loyalty.give_back(about="table 7") for _ in range(2)]
            ...     crm.lifecycle.loyalty.of(zhao).balance
            [15, 0]
            20
        """
        with self.work() as work:
            spent: dict[str, int] = {}
            for line in work.find(PointMovement, (F.about == about) & F.kind.in_(["spent", "returned"])):
                spent[line.bucket_id] = spent.get(line.bucket_id, 0) - line.delta
            return sum(put_back(work, work.get(PointBucket, b), n, about=about) for b, n in spent.items() if n > 0)


def _id(customer: Customer | str) -> str:
    return customer.id if isinstance(customer, Customer) else customer

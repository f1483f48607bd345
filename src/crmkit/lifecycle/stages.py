"""Stages: how far a customer has come, from somebody who may buy to somebody who comes back.

The forward rule (as in HubSpot's life cycle stages): a stage never goes backwards, stages may be skipped, and the only
way back is a declared reset with a reason.  A customer's row is never touched: the stage is on a row of its own.

>>> print(LIFECYCLE.target("lead", "advance to customer"))
customer
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, Move
from crmkit.kernel.rules import F
from crmkit.kernel.text import nearest, several
from crmkit.kernel.work import Work

LAPSED = "lapsed"


@entity("standing", prefix="sta")
class Standing(Entity):
    """Where one customer stands in the life cycle.

    Attributes:
        customer_id: whose stage it is; each customer has at most one standing.
        stage: a state of the machine ``standing``.
        stage_since: since when; the stays before are the stage history.
    """

    customer_id: str = attribute(references="customer", unique=True)
    stage: str = attribute(index=True)
    stage_since: datetime = attribute()

    def united(self, other: Standing, *, work: Work) -> Standing:
        """Where somebody stands who turned out to be two: as far as the further one; lapsed only if both are."""
        further = other.stage != LAPSED and way(work.machine("standing"), self.stage, other.stage) is not None
        if self.stage != LAPSED and not further:
            return self
        return self.evolve(stage=other.stage, stage_since=other.stage_since)


@event("lifecycle.stage_advanced")
class StageAdvanced(Event):
    """A customer has come further."""

    standing_id: str
    customer_id: str
    source: str
    stage: str


@event("lifecycle.stage_reset")
class StageReset(Event):
    """A customer was put back to an earlier stage, by a declared reset."""

    standing_id: str
    customer_id: str
    source: str
    stage: str
    reason: str


@event("lifecycle.customer_lapsed")
class CustomerLapsed(Event):
    """Somebody who used to buy has stopped."""

    standing_id: str
    customer_id: str
    source: str


@event("lifecycle.customer_won_back")
class CustomerWonBack(Event):
    """Somebody who had stopped buys again."""

    standing_id: str
    customer_id: str
    stage: str


def ladder(*stages: str, lapsing: Iterable[str] = (), wins_back: str | None = None) -> Machine:
    """A life cycle: from every stage to every later one, and back only by a reset with a reason.

    Args:
        stages: the stages in their order, at least two.
        lapsing: the stages from which somebody can lapse; without any there is no ``lapsed``.
        wins_back: the stage in which somebody is who comes back; the first of *lapsing* unless given.

    Raises:
        DefinitionError: a stage is named twice, or *lapsing* names an unknown one.
        InvalidInput: *lapsing* is one text; several are meant.

    Example:
        >>> readers = ladder("visitor", "reader", "subscriber", lapsing=["subscriber"])
        >>> readers.offers("reader")
        ('advance to subscriber', 'reset to visitor')
    """
    lapsing = several(lapsing, what="lapsing")
    falling = tuple(s for s in stages if s in lapsing)
    back = wins_back or next(iter(falling), None)
    unknown = sorted({*lapsing, *([back] if back else [])} - set(stages))
    if unknown or len(set(stages)) != len(stages) or len(stages) < 2 or LAPSED in stages:
        wrong = f"there is no {unknown[0]!r}" if unknown else f"at least two different stages, without {LAPSED!r}"
        raise DefinitionError(f"a ladder of {', '.join(stages) or 'nothing'}: {wrong}")
    return Machine("standing", initial=stages[0], table=tuple(_moves(stages, falling, back)))


def _moves(stages: tuple[str, ...], falling: tuple[str, ...], back: str | None) -> Iterator[Move]:
    for n, source in enumerate(stages):
        for target in stages[n + 1 :]:
            yield Move(f"advance to {target}", source, target)
        for target in stages[:n]:
            yield Move(f"reset to {target}", source, target, (), ("reason",))
    for source in falling:
        yield Move("lapse", source, LAPSED)
    if back is not None:
        yield Move("win back", LAPSED, back)
        for target in stages:
            yield Move(f"reset to {target}", LAPSED, target, (), ("reason",))


LIFECYCLE = ladder("prospect", "lead", "qualified", "opportunity", "customer", "loyal", lapsing=("customer", "loyal"))


def way(machine: Machine, source: str, target: str, *, reset: bool = False) -> Move | None:
    """The move from *source* to *target*; a reset is a move that needs a reason."""
    ways = (m for m in machine.moves if (m.source, m.target) == (source, target))
    return next((m for m in ways if ("reason" in m.needs) is reset), None)


def advanced(standing: Standing, machine: Machine, *, to: str, now: datetime) -> Change[Standing]:
    """Decide to come further; to be there already is no change.

    Raises:
        InvalidInput: there is no such stage.
        TransitionRefused: it would be a way back.
    """
    _known(machine, to)
    if standing.stage == to:
        return Change(standing)
    move = way(machine, standing.stage, to)
    if move is None:
        raise machine.refusal(
            standing.stage,
            f"advance to {to}",
            "a stage never goes backwards; the declared way back is crm.lifecycle.reset(customer, to=…, reason=…)",
        )
    change = machine.step(standing, move.trigger, now=now)
    return change.and_also(_happened(standing, change.after))


def put_back(standing: Standing, machine: Machine, *, to: str, reason: str, now: datetime) -> Change[Standing]:
    """Decide on a declared reset.

    Raises:
        InvalidInput: there is no such stage.
        TransitionRefused: the reason is missing, or the stage is no earlier one.
    """
    _known(machine, to)
    move = way(machine, standing.stage, to, reset=True)
    if move is None:
        raise machine.refusal(standing.stage, f"reset to {to}", "a reset leads to an earlier stage only")
    change = machine.step(standing, move.trigger, now=now, reason=reason.strip())
    return change.and_also(
        StageReset(
            standing_id=standing.id,
            customer_id=standing.customer_id,
            source=standing.stage,
            stage=to,
            reason=reason.strip(),
        )
    )


def _happened(before: Standing, after: Standing) -> Event:
    who = {"standing_id": after.id, "customer_id": after.customer_id}
    if after.stage == LAPSED:
        return CustomerLapsed(**who, source=before.stage)
    if before.stage == LAPSED:
        return CustomerWonBack(**who, stage=after.stage)
    return StageAdvanced(**who, source=before.stage, stage=after.stage)


def _known(machine: Machine, stage: str) -> None:
    if stage not in machine.states:
        near = nearest(str(stage), machine.states)
        hint = f"did you mean {near!r}?" if near else f"the stages are {', '.join(machine.states)}"
        raise InvalidInput(f"{stage!r} is no stage of the life cycle: {hint}")


# ── In a transaction ──


def standing_of(work: Work, customer: Customer | str) -> Standing:
    """Where a customer stands; who has never moved stands at the beginning since he is known (and nothing is stored).

    Raises:
        NotFound: there is no such customer.
    """
    who = customer.id if isinstance(customer, Customer) else customer
    known = work.first(Standing, F.customer_id == who)
    if known is not None:
        return known
    found = work.get(Customer, who)
    since = min(found.created_at, work.now)
    return work.new(Standing, customer_id=found.id, stage=work.machine("standing").initial, stage_since=since)


def reach(work: Work, customer_id: str, stage: str) -> Standing:
    """See to it that a customer has come at least to *stage*: what the rest of the CRM reports.

    Who has come further already stays there, and so does everybody when the host's life cycle has no such stage.
    """
    machine = work.machine("standing")
    standing = standing_of(work, customer_id)
    if way(machine, standing.stage, stage) is None:
        return standing
    return work.save(advanced(standing, machine, to=stage, now=work.now))

"""Who has to do with a deal: the people at the customer, and the sales people who share it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.checking import decimal
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.text import shown
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import FULL, Opportunity

SplitKind = Literal["revenue", "overlay"]


@entity(
    "contact_role",
    prefix="role",
    indexes=[Index(attributes=("opportunity_id", "customer_id", "role"), unique=True)],
)
class ContactRole(Entity):
    """A person at the customer, and the part that he or she plays in a deal.

    Attributes:
        role: decision maker, economic buyer, champion, influencer, user, blocker …
        primary: whether it is the one to talk to first; a deal has one of them at the most.
    """

    opportunity_id: str = attribute(references="opportunity", reverse="roles", index=True)
    customer_id: str = attribute(references="customer", reverse="deal_roles", index=True)
    role: str = attribute()
    primary: bool = attribute(default=False)


@entity(
    "deal_split",
    prefix="split",
    indexes=[Index(attributes=("opportunity_id", "kind", "person"), unique=True)],
)
class DealSplit(Entity):
    """The part of a deal that counts for one sales person.

    Attributes:
        kind: the revenue splits of a deal add up to 100 per cent; overlay splits (for those who helped) need not.
        percent: how much of the amount, above 0.
    """

    opportunity_id: str = attribute(references="opportunity", reverse="splits", index=True)
    person: str = attribute(index=True)
    kind: SplitKind = attribute(default="revenue")
    percent: Decimal = attribute()


@event("pipeline.contact_involved")
class ContactInvolved(Event):
    """A person plays a part in a deal."""

    opportunity_id: str
    customer_id: str
    role: str


@event("pipeline.deal_shared")
class DealShared(Event):
    """A deal counts for several sales people."""

    opportunity_id: str
    kind: str
    shares: Mapping[str, str]


def involved(work: Work, deal: Opportunity, *, customer_id: str, role: str, primary: bool) -> ContactRole:
    """Note the part that somebody plays; who was the primary contact before is it no longer."""
    if primary:
        for other in work.find(ContactRole, (F.opportunity_id == deal.id) & (F.primary == True)):  # noqa: E712 - a rule
            work.save(Change(other.evolve(primary=False)))
    part = work.new(ContactRole, opportunity_id=deal.id, customer_id=customer_id, role=role, primary=primary)
    noted = ContactInvolved(opportunity_id=deal.id, customer_id=customer_id, role=part.role)
    return work.save(Change(part, (noted,)))


def deal_of(work: Work, deal: str, customer: Customer) -> Opportunity:
    """A deal, for somebody who has to do with it: its customer, a colleague there, or whoever plays a part in it.

    Raises:
        InvalidInput: *customer* has nothing to do with it.
        NotFound: there is no such deal.
    """
    found = work.get(Opportunity, deal)
    own = found.customer_id == customer.id
    colleague = found.company_id is not None and found.company_id == customer.company_id
    part = (F.opportunity_id == found.id) & (F.customer_id == customer.id)
    if own or colleague or work.count(ContactRole, part):
        return found
    raise InvalidInput(
        f"deal {found.id} is one of {found.customer_id}, and {customer.id} has no part in it: "
        "give a deal of that customer, or note the part with opportunities.involve"
    )


def shared(
    work: Work, deal: Opportunity, shares: Mapping[str, Decimal | int | str], *, kind: SplitKind
) -> list[DealSplit]:
    """Replace the splits of one kind.

    Raises:
        InvalidInput: a share is not above 0, or revenue shares don't add up to 100.
    """
    if not isinstance(shares, Mapping):
        raise InvalidInput(f'shares are per cent by person, as in {{"Xu": 70, "Li": 30}}, got {shown(shares)}')
    percents = {person: decimal(share, what=f"the share of {person}") for person, share in shares.items()}
    bad = [person for person, share in percents.items() if share <= 0]
    if bad:
        raise InvalidInput(f"the share of {bad[0]} is above 0 per cent, got {percents[bad[0]]}")
    whole = sum(percents.values(), Decimal(0))
    if kind == "revenue" and percents and whole != FULL:
        raise InvalidInput(f"revenue shares add up to 100 per cent, these to {whole.normalize():f}: change one")
    old = work.find(DealSplit, (F.opportunity_id == deal.id) & (F.kind == kind))
    work.remove(DealSplit, [split.id for split in old])
    made = [
        Change(work.new(DealSplit, opportunity_id=deal.id, person=person, kind=kind, percent=share))
        for person, share in percents.items()
    ]
    saved = work.save_new(made) if made else []
    work.emit(DealShared(opportunity_id=deal.id, kind=kind, shares={p: str(s) for p, s in percents.items()}))
    return saved


def parts_of(amount: Money, splits: Mapping[str, Decimal]) -> dict[str, Money]:
    """*amount* in the shares of a revenue split; the parts add up to it.

    Example:
        >>> parts_of(Money("100", "EUR"), {"ann": Decimal("33.3"), "bob": Decimal("66.7")})
        {'ann': Money('33.30', 'EUR'), 'bob': Money('66.70', 'EUR')}
    """
    return dict(zip(splits, amount.allocate(list(splits.values())), strict=True))

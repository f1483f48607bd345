"""Merging: two customers turn out to be the same person.

One goes on, under his own id, and whatever refers to the other one refers to him from now on: orders, cases, consents,
points, in whichever room they are.  The other one is no customer any more; his id still leads to the one that goes on.
A merge is planned, applied, and can be taken back.

Who wins: what the one that goes on has, counts, and what he lacks, comes from the other.  The address is taken as one
block from the more complete of the two, tags are united, notes joined.  E-mail address and telephone number of the
other one are kept beside the primary ones.  Of two consents the stricter wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.customers.consents import Consent, ConsentRevoked
from crmkit.customers.contact_points.point import PRIMARY, ContactPoint
from crmkit.customers.identity.duplicates import contradictions
from crmkit.customers.identity.moving import Moves, counted
from crmkit.customers.people import FIELDS, Customer
from crmkit.errors import InvalidInput, NotFound, Refused, StaleEntity
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, dump, event
from crmkit.kernel.render import mask, printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.kernel.snapshot import taken
from crmkit.kernel.text import nearest

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Side = Literal["kept", "other"]
ADDRESS: Final = ("street", "postcode", "city", "region", "country")


@entity("customer_merge", prefix="cmg", when="created_at", indexes=[Index(attributes=("merged_id", "state"))])
class CustomerMerge(Entity):
    """What a merge did, so that it can be taken back.

    Attributes:
        kept_id: the customer that goes on; who that is changes when he is merged himself.
        merged_id: the one that went into him, who is no customer any more.
        state: ``applied``, ``undone``, or ``sealed`` after the customer was erased: then nothing is left to undo.
        merged: the other one as he was.
        fields: by field, what the one that goes on had and what he got.
        moved: what has moved, by kind and attribute.
        dropped: rows that both had, and of which one was enough.
        united: rows that both had, as the one that goes on had them before.
        made: contact points that were made of the other one's addresses.
    """

    kept_id: str = attribute(references="customer", reverse="merges")
    merged_id: str = attribute()
    state: Literal["applied", "undone", "sealed"] = attribute(default="applied")
    merged: Mapping[str, Any] = attribute(factory=dict, personal=True)
    fields: Mapping[str, Any] = attribute(factory=dict, personal=True)
    moved: tuple[Any, ...] = attribute(default=())
    dropped: tuple[Any, ...] = attribute(default=(), personal=True)
    united: tuple[Any, ...] = attribute(default=(), personal=True)
    made: tuple[str, ...] = attribute(default=())
    undone_at: datetime | None = attribute(default=None)


@event("customers.customers_merged")
class CustomersMerged(Event):
    """Two customers were the same person; the first one goes on."""

    customer_id: str
    merged_id: str
    merge_id: str


@event("customers.customers_unmerged")
class CustomersUnmerged(Event):
    """They were not, after all; seen from the one that went on."""

    customer_id: str
    restored_id: str
    merge_id: str


@event("customers.customer_restored")
class CustomerRestored(Event):
    """They were not, after all; seen from the one that is there again."""

    customer_id: str
    kept_id: str
    merge_id: str


@attrs.frozen(kw_only=True)
class CustomerMergePlan:
    """What a merge would do.

    Attributes:
        kept: the one that goes on, as he is now; if he or the other one changes, the plan is stale.
        other: the one that goes into him.
        after: the one that goes on, as he will be.
        sources: by field that both have differently, or only the other one has, whose value counts.
        moves: by kind in the plural, as in ``cases``, how many rows refer to the other one.
        doubts: what speaks against their being the same person.
    """

    kept: Customer
    other: Customer
    after: Customer
    sources: Mapping[str, Side | Literal["both"]]
    moves: Mapping[str, int]
    doubts: tuple[str, ...]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"merging {self.other.id} into {self.kept.id}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [[name, _shown(name, getattr(self.after, name)), side] for name, side in self.sources.items()]
        rows += [[kind, f"{number} follow", "other"] for kind, number in self.moves.items()]
        return ["what", "becomes", "from"], [*rows, *([doubt, "", "doubt"] for doubt in self.doubts)]


def _shown(name: str, value: Any) -> str:
    return mask(value) if Customer.__schema__[name].personal and value is not None else str(value)


# ── The decision ──


def united(kept: Customer, other: Customer, choose: Mapping[str, Side]) -> Customer:
    """The one that goes on with what the other one brings."""
    _check(choose)
    values: dict[str, Any] = {}
    complete = max((kept, other), key=lambda c: sum(getattr(c, n) is not None for n in ADDRESS))
    for name in FIELDS:
        first, second = getattr(kept, name), getattr(other, name)
        if name in choose:
            values[name] = second if choose[name] == "other" else first
        elif name in ADDRESS:
            values[name] = getattr(complete, name)
        elif name == "tags":
            values[name] = first | second
        elif name == "note":
            values[name] = "\n\n".join(dict.fromkeys(text for text in (first, second) if text)) or None
        elif name == "extras":
            values[name] = {**second, **first}
        else:
            values[name] = second if first is None else first
    return kept.evolve(**values)


def _check(choose: Mapping[str, Side]) -> None:
    for name, side in choose.items():
        if name not in FIELDS:
            near = nearest(name, FIELDS)
            hint = f", did you mean {near!r}?" if near else f"; it has {', '.join(FIELDS)}"
            raise InvalidInput(f"choose=: a customer has no field {name!r}{hint}")
        if side not in {"kept", "other"}:
            raise InvalidInput(f"choose[{name!r}] is 'kept' or 'other', not {side!r}")


def _source(name: str, kept: Customer, other: Customer, after: Customer) -> Side | Literal["both"] | None:
    first, second, now = getattr(kept, name), getattr(other, name), getattr(after, name)
    if first == second or not second:
        return None
    return "kept" if now == first else "other" if now == second else "both"


# ── Planning and applying ──


def planned(work: Work, kept: Customer, other: Customer, choose: Mapping[str, Side]) -> CustomerMergePlan:
    """What merging *other* into *kept* would do."""
    after = united(kept, other, choose)
    sides = {name: side for name in FIELDS if (side := _source(name, kept, other, after)) is not None}
    moves = counted(work, other.id)
    doubts = tuple(f"they have different {name}s" for name in contradictions(kept, other))
    return CustomerMergePlan(kept=kept, other=other, after=after, sources=sides, moves=moves, doubts=doubts)


def two(work: Work, kept: Customer | str, other: Customer | str) -> tuple[Customer, Customer]:
    """Both customers as they are now.

    Raises:
        InvalidInput: they are one already.
        Refused: one of them has been merged or erased before.
    """
    first, second = (c.id if isinstance(c, Customer) else c for c in (kept, other))
    if first == second:
        raise InvalidInput(f"customer {first} cannot be merged with himself: give two customers")
    found: dict[str, Customer] = {}
    for identifier, ref in sorted({first: kept, second: other}.items()):
        found[identifier] = _there(work, ref)
    for customer in found.values():
        if customer.erased_at is not None:
            raise Refused(f"customer {customer.id} was erased: nobody can tell any more who he was")
    return found[first], found[second]


def _there(work: Work, ref: Customer | str) -> Customer:
    try:
        return work.get(Customer, ref)
    except NotFound:
        identifier = ref.id if isinstance(ref, Customer) else ref
        goes_on = survivor_of(work, identifier)
        if goes_on is None:
            raise
        raise Refused(f"customer {identifier} was merged into {goes_on} already: use that one") from None


def survivor_of(work: Work, merged_id: str) -> str | None:
    """The customer in whom *merged_id* goes on."""
    merge = work.first(CustomerMerge, (F.merged_id == merged_id) & F.state.in_(["applied", "sealed"]))
    return None if merge is None else merge.kept_id


def apply(work: Work, plan: CustomerMergePlan) -> Customer:
    """Do what *plan* says.

    Raises:
        StaleEntity: one of the two has changed since it was made.
    """
    with work.holding():
        kept, other = two(work, plan.kept, plan.other)
    if (kept.version, other.version) != (plan.kept.version, plan.other.version):
        raise StaleEntity("one of the customers has changed since the merge was planned: plan it again")
    merge = work.new(CustomerMerge, kept_id=kept.id, merged_id=other.id, merged=taken(other))
    moves = Moves(work=work, source=other.id, target=kept.id).all()
    work.remove(Customer, [other.id])
    gained = {n: [dump(getattr(kept, n)), dump(getattr(plan.after, n))] for n in FIELDS if _differ(kept, plan.after, n)}
    told = CustomersMerged(customer_id=kept.id, merged_id=other.id, merge_id=merge.id)
    saved = work.save(Change(plan.after, (told,)))
    work.save(
        Change(
            merge.evolve(
                fields=gained,
                moved=tuple(moves.moved),
                dropped=tuple(moves.dropped),
                united=tuple(moves.united),
                made=tuple(_beside(work, saved, kept, other)),
            )
        )
    )
    for before, after in moves.pairs:
        if isinstance(after, Consent) and isinstance(before, Consent) and after.state != before.state:
            _revoked(work, after)
    return saved


def _differ(one: Customer, two: Customer, name: str) -> bool:
    return bool(getattr(one, name) != getattr(two, name))


def _beside(work: Work, saved: Customer, *before: Customer) -> list[str]:
    """Keep the addresses that are primary no longer."""
    made = []
    for kind in PRIMARY:
        for value in dict.fromkeys(getattr(customer, kind) for customer in before):
            known = (F.customer_id == saved.id) & (F.kind == kind) & (F.value == value)
            if value not in {None, getattr(saved, kind)} and not work.count(ContactPoint, known):
                point = work.new(ContactPoint, customer_id=saved.id, kind=kind, value=value)
                made.append(work.save(Change(point)).id)
    return made


def _revoked(work: Work, consent: Consent) -> None:
    about = {"customer_id": consent.customer_id, "channel": consent.channel, "purpose": consent.purpose}
    work.emit(ConsentRevoked(consent_id=consent.id, source=consent.source, **about))

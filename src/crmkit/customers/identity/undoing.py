"""Undoing: two customers that were merged are two again.

What has moved goes back, unless it has been given to somebody else meanwhile; what came later stays with the one that
went on.  Fields that have been changed since stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.customers.contact_points.point import ContactPoint
from crmkit.customers.identity.merge import CustomerMerge, CustomerRestored, CustomersUnmerged
from crmkit.customers.identity.moving import BATCH, changed, every, put
from crmkit.customers.people import Customer
from crmkit.errors import Duplicate, NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.ids import is_id
from crmkit.kernel.rules import F
from crmkit.kernel.snapshot import restored, value

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


def merge_of(work: Work, ref: CustomerMerge | Customer | str) -> CustomerMerge:
    """The merge that is meant: itself, or that of the customer who went into another one.

    Raises:
        NotFound: he was never merged.
        Refused: it has been undone, or cannot be any more.
    """
    if isinstance(ref, CustomerMerge) or is_id(ref, CustomerMerge.__schema__.prefix):
        found = work.get(CustomerMerge, ref)
    else:
        identifier = ref.id if isinstance(ref, Customer) else ref
        rule = F.merged_id == identifier
        merges = work.find(CustomerMerge, rule, order_by=("-created_at", "-id"), limit=1)
        if not merges:
            raise NotFound(f"customer {identifier} was never merged into another one: give the one that went into him")
        found = merges[0]
    if found.state != "applied":
        why = "was undone already" if found.state == "undone" else "cannot be undone: the customer was erased"
        raise Refused(f"the merge of {found.merged_id} {why}")
    return found


def undo(work: Work, merge: CustomerMerge) -> Customer:
    """Take *merge* back; the customer that is there again."""
    work.flush()
    with work.holding():
        kept = work.get(Customer, merge.kept_id)
    back = {n: value(Customer, n, was) for n, (was, got) in merge.fields.items() if _still(kept, n, got)}
    told = CustomersUnmerged(customer_id=kept.id, restored_id=merge.merged_id, merge_id=merge.id)
    mine = [p for p in every(work, ContactPoint, F.id.in_(list(merge.made))) if p.customer_id == kept.id]
    work.remove(ContactPoint, [p.id for p in mine])
    work.save(Change(kept.evolve(**back), (told,)))
    other = restored(Customer, merge.merged, updated_at=work.now)
    other = other.evolve(version=other.version + 1)
    work.session.insert([other])
    for kind, snapshot, version in merge.united:
        _as_before(work, kind, snapshot, version)
    for kind, snapshot in reversed(merge.dropped):
        _there_again(work, kind, snapshot)
    for move in merge.moved:
        _move_back(work, move, kept.id)
    work.save(Change(merge.evolve(state="undone", undone_at=work.now)))
    work.emit(CustomerRestored(customer_id=other.id, kept_id=kept.id, merge_id=merge.id))
    return other


def _still(customer: Customer, name: str, got: Any) -> bool:
    return bool(getattr(customer, name) == value(Customer, name, got))


def _as_before(work: Work, kind: str, snapshot: dict[str, Any], version: int) -> None:
    schema: Any = work.house.registry.schema(kind)
    now = work.session.get(schema.cls, snapshot["id"])
    if now is not None and now.version == version:
        work.put([restored(schema.cls, snapshot, version=version)])


def _there_again(work: Work, kind: str, snapshot: dict[str, Any]) -> None:
    schema: Any = work.house.registry.schema(kind)
    written = {"updated_at": work.now} if "updated_at" in schema else {}
    try:
        with work.savepoint():
            work.session.insert([restored(schema.cls, snapshot, **written)])
    except (Duplicate, NotFound):
        return  # there is one by now, or what it was about is gone


def _move_back(work: Work, move: dict[str, Any], kept_id: str) -> None:
    schema = work.house.registry.schema(move["kind"])
    ids = move["ids"]
    for begin in range(0, len(ids), BATCH):
        some = F.id.in_(ids[begin : begin + BATCH])
        rows = [r for r in every(work, schema.cls, some) if getattr(r, move["attribute"]) == (move["to"] or kept_id)]
        if rows:
            put(work, schema, [changed(row, move["attribute"], move["from"]) for row in rows])

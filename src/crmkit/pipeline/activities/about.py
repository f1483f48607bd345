"""What an activity is about, and whom it reminds."""

from __future__ import annotations

from typing import Any

from crmkit.kernel.entity import Record
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.assignment.salesperson import Salesperson


def links(work: Work, about: Record | str | None) -> dict[str, Any]:
    """The ids under which an activity about *about* (a lead, opportunity, customer, case …) is found.

    Raises:
        InvalidInput: it is no id of this CRM.
        NotFound: there is none.
    """
    if about is None:
        return {}
    identifier = about.id if isinstance(about, Record) else about
    schema = work.house.registry.schema_of_id(identifier)
    thing = work.get(schema.cls, identifier)
    found = {"about": thing.id, "customer_id": getattr(thing, "customer_id", None)}
    if schema.name in {"lead", "opportunity", "customer"}:
        found[f"{schema.name}_id"] = thing.id
    return found


def address(work: Work, owner: str | None) -> str | None:
    """The e-mail address of *owner*, if it is known."""
    if owner is None:
        return None
    known = work.first(Salesperson, F.name == owner)
    if known is not None and known.email:
        return known.email
    return owner if "@" in owner else None


def follow(work: Work, *, merged: str, kept: str) -> None:
    """What was about a customer who turned out to be another one is about that one."""
    found = work.find(Activity, F.about == merged)
    if found:
        work.put([activity.evolve(about=kept) for activity in found])


def go_back(work: Work, *, restored: str, kept: str) -> None:
    """What belongs to a customer who is there again is about him again."""
    found = work.find(Activity, (F.about == kept) & (F.customer_id == restored))
    if found:
        work.put([activity.evolve(about=restored) for activity in found])

"""The portrait of a customer: one section for each room that knows something, and the timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.customers.identity.merge import CustomerMerge
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.events import EventRecord
from crmkit.kernel.render import card_html, card_md
from crmkit.kernel.rules import F
from crmkit.kernel.text import nearest

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@attrs.frozen(kw_only=True)
class Portrait:
    """Everything that is known of a customer; the facts of all sections are attributes of it.

    Attributes:
        customer: who it is.
        sections: by room, what it knows.
    """

    customer: Customer
    sections: Mapping[str, Mapping[str, Any]]

    def __getattr__(self, fact: str) -> Any:
        if fact.startswith("_"):
            raise AttributeError(fact)
        for facts in self.sections.values():
            if fact in facts:
                return facts[fact]
        near = nearest(fact, [name for facts in self.sections.values() for name in facts])
        raise AttributeError(f"a portrait has no {fact!r}" + (f", did you mean {near!r}?" if near else ""))

    def __format__(self, form: str) -> str:
        if form != "md":
            if form:
                raise InvalidInput(f"a portrait prints as 'md', not as {form!r}")
            return repr(self)
        cards = [card_md(title, facts) for title, facts in self.sections.items() if facts]
        return "\n\n".join([f"# {self.customer.name}", *cards])

    def _repr_html_(self) -> str:
        cards = [card_html(title, facts) for title, facts in self.sections.items() if facts]
        return "".join([card_html(self.customer.name, {}), *cards])

    def __repr__(self) -> str:
        return f"<Portrait of {self.customer!r}: {', '.join(self.sections)}>"


@attrs.frozen(kw_only=True)
class Moment:
    """One thing that happened with a customer.

    Attributes:
        name: the event, as in ``pipeline.order_placed``.
        subject: the id of what it was about.
        facts: what the event says.
    """

    at: datetime
    name: str
    subject: str
    actor: str | None
    facts: Mapping[str, Any]


def portrait_of(work: Work, customer: Customer) -> Portrait:
    """Ask every room for its section."""
    sections = {room: dict(section(work, customer)) for room, section in work.house.sections.items()}
    return Portrait(customer=customer, sections=sections)


def person_section(_: Work, customer: Customer) -> Mapping[str, Any]:
    """What the customer's own row says."""
    shown = ("email", "phone", "birthday", "city", "occupation", "source", "owner")
    facts = {name: value for name in shown if (value := getattr(customer, name)) is not None}
    return {**facts, "tags": ", ".join(sorted(customer.tags))} if customer.tags else facts


def timeline_of(work: Work, customer_id: str, *, limit: int) -> list[Moment]:
    """The events that carry the customer's id, or that of one who went into him, the latest first."""
    merges = work.columns(CustomerMerge, ["merged_id"], (F.kept_id == customer_id) & (F.state != "undone"))
    theirs = F.customer_id.in_([customer_id, *(merged for (merged,) in merges)])
    stored = work.find(EventRecord, theirs, order_by=("-created_at", "-id"), limit=limit)
    return [Moment(at=e.created_at, name=e.name, subject=e.subject, actor=e.actor, facts=e.payload) for e in stored]

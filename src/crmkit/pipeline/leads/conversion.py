"""Conversion: from a lead to a customer, a company and an opportunity, as plan, apply and undo.

The plan says what would happen and why, and changes nothing; a host can show it first.  Applying it is one transaction.
Undoing it takes back what the conversion made, as long as nobody has built on it.

Who is reused: the customer with the lead's e-mail address; else the one customer with its telephone number *and* its
name (families and offices share telephones, so Frappe CRM never matches by the number alone); the company with the
lead's company name, whatever the case.  What an existing customer has is never overwritten, only gaps are filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, TypedDict

import attrs

from crmkit.customers.companies import Companies, Company
from crmkit.customers.consents import Consents, consent_of
from crmkit.customers.people import Customer, People
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.ids import is_id
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.leads.lead import Lead, LeadConverted
from crmkit.pipeline.opportunities import Opportunities, Opportunity
from crmkit.pipeline.scoring.model import noted

FILLED = ("phone", "city", "region", "country", "language", "role", "owner")


@entity("conversion", prefix="conv")
class Conversion(Entity):
    """What a conversion did, so that it can be undone.

    Attributes:
        made: which of customer, company and opportunity did not exist before.
        versions: how the three were left, by id.
        before: what an existing customer had in the fields that were filled, and what it got.
        activities: the activities that went from the lead to the opportunity, or to the customer.
        granted: the consents that the lead brought along, as channel and purpose.
    """

    lead_id: str = attribute(references="lead", reverse="conversions")
    customer_id: str | None = attribute(default=None, references="customer")
    company_id: str | None = attribute(default=None, references="company")
    opportunity_id: str | None = attribute(default=None, references="opportunity")
    state: Literal["applied", "undone"] = attribute(default="applied")
    made: frozenset[str] = attribute(default=frozenset())
    versions: Mapping[str, Any] = attribute(factory=dict)
    before: Mapping[str, Any] = attribute(factory=dict, personal=True)
    activities: tuple[str, ...] = attribute(default=())
    granted: tuple[Any, ...] = attribute(default=())


@attrs.frozen(kw_only=True)
class Choice:
    """What a conversion does about one thing, and why.

    Attributes:
        action: ``create`` it, ``reuse`` the one called *id*, or ``leave`` it out.
        fills: what it has after that and has not now.
    """

    action: Literal["create", "reuse", "leave"]
    because: str
    name: str = ""
    id: str | None = None
    fills: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class ConversionPlan:
    """What a conversion would do.

    Attributes:
        lead: as it was when the plan was made; if it has changed since, the plan is refused as stale.
        doubts: other customers and open leads that may be the same person, and why.
        activities: how many go along.
    """

    lead: Lead
    customer: Choice
    company: Choice
    opportunity: Choice
    doubts: tuple[tuple[str, str], ...]
    activities: int

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: table_md(["what", "how", "which", "why"], self._rows()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return table_html(["what", "how", "which", "why"], self._rows(), caption=f"conversion of {self.lead.title}")

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for what in ("customer", "company", "opportunity"):
            choice: Choice = getattr(self, what)
            yield what, choice.action, choice.name, choice.because
        yield "activities", "carry over", str(self.activities), ""
        yield from (("doubt", "look at", identifier, why) for identifier, why in self.doubts)


@attrs.frozen(kw_only=True)
class Converted:
    """What a conversion brought; it unpacks into customer, company and opportunity."""

    customer: Customer
    company: Company | None
    opportunity: Opportunity | None
    lead: Lead
    record: Conversion

    def __iter__(self) -> Iterator[Any]:
        return iter((self.customer, self.company, self.opportunity))


class Wishes(TypedDict, total=False):
    """What the caller of a conversion may decide; the rest follows from the lead.

    Attributes:
        customer: whom the lead becomes.
        company: an existing one, or the name of one; what the lead names unless given.
        opportunity: an existing one to go on with instead of a new one.
        without_opportunity: open none.
        name: of the new opportunity.
        amount: what the sale may bring; the lead's own estimate unless given.
        close_on: when it may be won.
        pipeline: which stages the opportunity goes through.
        owner: who has the opportunity; the lead's owner unless given.
    """

    customer: Customer | str | None
    company: Company | str | None
    opportunity: Opportunity | str | None
    without_opportunity: bool
    name: str | None
    amount: Money | None
    close_on: date | None
    pipeline: str | None
    owner: str | None


# ── Plan ──


def planned(work: Work, lead: Lead, wishes: Wishes) -> ConversionPlan:
    """What converting *lead* would do."""
    unknown = sorted(wishes.keys() - Wishes.__annotations__.keys())
    if unknown:
        raise InvalidInput(
            f"a conversion takes no {unknown[0]!r}; it takes {', '.join(sorted(Wishes.__annotations__))}"
        )
    if wishes.get("opportunity") is not None and wishes.get("without_opportunity"):
        raise InvalidInput("either name the opportunity or leave it out, not both")
    company = _company(work, lead, wishes)
    customer, doubts = _customer(work, lead, wishes)
    return ConversionPlan(
        lead=lead,
        customer=customer,
        company=company,
        opportunity=_opportunity(work, lead, wishes),
        doubts=(*doubts, *_other_leads(work, lead)),
        activities=work.count(Activity, F.about == lead.id),
    )


def _customer(work: Work, lead: Lead, wishes: Wishes) -> tuple[Choice, tuple[tuple[str, str], ...]]:
    chosen = wishes.get("customer")
    if chosen is not None:
        return _reuse(work.get(Customer, chosen), lead, "chosen by the caller"), ()
    people = People(work)
    if lead.email and (known := people.find_by_email(lead.email)):
        return _reuse(known, lead, "has the same e-mail address"), ()
    callers = people.find_by_phone(lead.phone)[:10] if lead.phone else []
    same = [c for c in callers if fold(c.name) == fold(lead.name)]
    if len(same) == 1:
        return _reuse(same[0], lead, "has the same telephone number and name"), ()
    doubts = tuple((c.id, "has the same telephone number") for c in callers)
    why = "no customer has its e-mail address, or its telephone number and name"
    return Choice(action="create", name=lead.name, because=why, fills=_fills(lead, None)), doubts


def _reuse(customer: Customer, lead: Lead, because: str) -> Choice:
    return Choice(action="reuse", id=customer.id, name=customer.name, because=because, fills=_fills(lead, customer))


def _fills(lead: Lead, known: Customer | None) -> dict[str, Any]:
    """What the customer gets from the lead: everything, or what an existing one lacks."""
    values = {n: v for n in FILLED if (v := getattr(lead, n)) is not None and getattr(known, n, None) is None}
    email_free = known is None or known.email is None
    if lead.email and email_free:
        values["email"] = lead.email
    if known is None:
        values |= {n: v for n in ("source", "note") if (v := getattr(lead, n)) is not None}
    tags = lead.tags | (known.tags if known else frozenset())
    if tags != (known.tags if known else frozenset()):
        values["tags"] = tags
    extras = {**lead.extras, **(known.extras if known else {})}
    if extras != (known.extras if known else {}):
        values["extras"] = extras
    return values


def _company(work: Work, lead: Lead, wishes: Wishes) -> Choice:
    wished = wishes.get("company")
    if isinstance(wished, Company) or is_id(wished, Company.__schema__.prefix):
        company = work.get(Company, wished)
        return Choice(action="reuse", id=company.id, name=company.name, because="chosen by the caller")
    name = wished or lead.company
    if not name:
        return Choice(action="leave", because="the lead names none")
    known = Companies(work).find_by_name(name)
    if known is not None:
        return Choice(action="reuse", id=known.id, name=known.name, because="has the same name")
    facts = {n: v for n in ("industry", "employees", "owner") if (v := getattr(lead, n)) is not None}
    return Choice(action="create", name=name, because="no company has this name", fills=facts)


def _opportunity(work: Work, lead: Lead, wishes: Wishes) -> Choice:
    if wishes.get("without_opportunity"):
        return Choice(action="leave", because="left out by the caller")
    chosen = wishes.get("opportunity")
    if chosen is not None:
        deal = work.get(Opportunity, chosen)
        return Choice(action="reuse", id=deal.id, name=deal.name, because="chosen by the caller")
    name = wishes.get("name") or (f"{lead.title}: {lead.interest}" if lead.interest else lead.title)
    facts = {
        "amount": wishes.get("amount") or lead.amount,
        "close_on": wishes.get("close_on"),
        "campaign": lead.campaign_id,
        "owner": wishes.get("owner") or lead.owner,
        "source": lead.source,
        "pipeline": wishes.get("pipeline"),
    }
    given = {n: v for n, v in facts.items() if v is not None}
    return Choice(action="create", name=name[:200], because="the lead is qualified", fills=given)


def _other_leads(work: Work, lead: Lead) -> tuple[tuple[str, str], ...]:
    return tuple((other.id, why) for other, why in same_person(work, lead) if other.open)


def same_person(work: Work, lead: Lead) -> list[tuple[Lead, str]]:
    """Other leads with the same e-mail address or telephone number, the oldest first, and what is the same."""
    found: dict[str, tuple[Lead, str]] = {}
    for field, word in (("email", "e-mail address"), ("phone", "telephone number")):
        value = getattr(lead, field)
        for other in work.find(Lead, F[field] == value, order_by="created_at") if value else []:
            if other.id != lead.id:
                found.setdefault(other.id, (other, f"has the same {word}"))
    return list(found.values())


# ── Apply ──


def applied(work: Work, plan: ConversionPlan) -> Converted:
    """Do what *plan* says, in the transaction of *work*."""
    lead = work.get(Lead, plan.lead)
    machine = work.machine("lead")
    machine.target(lead.stage, "convert", lead)
    company = _made_company(work, plan.company)
    before = work.get(Customer, plan.customer.id) if plan.customer.id else None
    customer = _made_customer(work, plan.customer, company)
    deal = _made_opportunity(work, plan, customer, company)
    granted = _grant(work, lead, customer)
    moved = _carry(work, lead, customer, deal)
    fact = LeadConverted(
        lead_id=lead.id,
        customer_id=customer.id,
        company_id=None if company is None else company.id,
        opportunity_id=None if deal is None else deal.id,
    )
    step = machine.step(lead, "convert", now=work.now, changes={"customer_id": customer.id})
    saved = work.save(step.and_also(fact))
    noted(work, lead, saved)
    customer = work.get(Customer, customer.id)
    company = None if company is None else work.get(Company, company.id)
    deal = None if deal is None else work.get(Opportunity, deal.id)
    record = work.new(
        Conversion,
        lead_id=lead.id,
        customer_id=customer.id,
        company_id=fact.company_id,
        opportunity_id=fact.opportunity_id,
        made=frozenset(n for n in ("customer", "company", "opportunity") if getattr(plan, n).action == "create"),
        versions={e.id: e.version for e in (customer, company, deal) if e is not None},
        before={} if before is None else _restorable(before, customer),
        activities=moved,
        granted=granted,
    )
    return Converted(customer=customer, company=company, opportunity=deal, lead=saved, record=work.save(Change(record)))


def _made_company(work: Work, choice: Choice) -> Company | None:
    if choice.action == "leave":
        return None
    if choice.id is not None:
        return work.get(Company, choice.id)
    return Companies(work).register(name=choice.name, **choice.fills)


def _made_customer(work: Work, choice: Choice, company: Company | None) -> Customer:
    values = dict(choice.fills)
    people = People(work)
    if choice.id is None:
        extras = values.pop("extras", None)
        made = people.register(name=choice.name, company=company, **values)
        return people.update(made.id, extras=extras) if extras else made
    known = work.get(Customer, choice.id)
    if company is not None and known.company_id is None:
        values["company_id"] = company.id
    return people.update(known.id, **values) if values else known


def _made_opportunity(
    work: Work, plan: ConversionPlan, customer: Customer, company: Company | None
) -> Opportunity | None:
    choice = plan.opportunity
    if choice.action == "leave":
        return None
    if choice.id is not None:
        return work.get(Opportunity, choice.id)
    deal = Opportunities(work).open(
        name=choice.name, customer=customer.id, company=company, lead=plan.lead.id, **choice.fills
    )
    if not plan.lead.extras:
        return deal
    return work.save(Change(deal.evolve(extras={**plan.lead.extras, **deal.extras})))


def _grant(work: Work, lead: Lead, customer: Customer) -> tuple[Any, ...]:
    """Take over what the lead agreed to, unless the customer said something later."""
    granted = []
    for channel, purposes in lead.consents.items():
        for purpose, source in purposes.items():
            known = consent_of(work, customer.id, channel=channel, purpose=purpose)
            if known is not None and (known.state == "granted" or known.decided_at >= lead.created_at):
                continue
            Consents(work).grant(customer.id, channel=channel, purpose=purpose, source=source)
            granted.append([channel, purpose])
    return tuple(granted)


def _carry(work: Work, lead: Lead, customer: Customer, deal: Opportunity | None) -> tuple[str, ...]:
    about = {"about": customer.id if deal is None else deal.id, "opportunity_id": None if deal is None else deal.id}
    found = work.find(Activity, F.about == lead.id, order_by="created_at")
    if found:
        work.put([a.evolve(customer_id=customer.id, **about) for a in found])
    return tuple(a.id for a in found)


def _restorable(before: Customer, after: Customer) -> dict[str, Any]:
    """What an existing customer had, and has now, where the conversion filled something in."""
    changed = [a.name for a in Customer.__schema__ if getattr(before, a.name) != getattr(after, a.name)]
    return {
        n: [as_json(getattr(before, n)), as_json(getattr(after, n))]
        for n in changed
        if n not in {"version", "updated_at"}
    }


def as_json(value: Any) -> Any:
    """*value* as the record of a conversion keeps it."""
    return sorted(value) if isinstance(value, frozenset) else value

"""Taking a conversion back, as long as nobody has built on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crmkit.customers.companies import Company
from crmkit.customers.consents import Consents
from crmkit.customers.people import Customer, People
from crmkit.customers.segments import Membership
from crmkit.errors import Refused
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.leads.conversion import Conversion, as_json
from crmkit.pipeline.leads.lead import Lead, LeadConversionUndone
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.pool.pool import watch
from crmkit.pipeline.scoring.model import noted


def undone(work: Work, lead: Lead) -> Lead:
    """The lead as it was before its last conversion; what that conversion made is gone again.

    Raises:
        TransitionRefused: the lead is not converted.
        Refused: somebody has worked with what the conversion made; the message lists it.
    """
    machine = work.machine("lead")
    machine.target(lead.stage, "unconvert", lead)
    record = work.first(Conversion, (F.lead_id == lead.id) & (F.state == "applied"), order_by=("-created_at", "-id"))
    if record is None or record.customer_id is None:
        raise Refused(f"lead {lead.id} was not converted by a conversion that can be undone")
    fact = LeadConversionUndone(lead_id=lead.id, customer_id=record.customer_id, opportunity_id=record.opportunity_id)
    _give_back(work, lead, record)
    step = machine.step(lead, "unconvert", now=work.now, changes={"customer_id": None})
    saved = work.save(step.and_also(fact))
    noted(work, lead, saved)
    watch(work, saved)
    kept = {f"{n}_id": None for n in record.made}
    after = work.save(Change(record.evolve(state="undone", **kept)))
    made = [e for e in _made(work, record) if e is not None]
    doomed, objections = _doomed(work, made, after, record)
    if objections:
        raise Refused(f"the conversion of lead {lead.id} cannot be undone any more: {'; '.join(objections)}")
    for thing in doomed:
        work.cancel(thing.id)
        work.remove(type(thing), [thing.id])
    return saved


def _give_back(work: Work, lead: Lead, record: Conversion) -> None:
    """Activities return to the lead, consents are revoked, and a customer who was there before gets its gaps back."""
    back = [work.get(Activity, i) for i in record.activities]
    if back:
        work.put([a.evolve(about=lead.id, opportunity_id=None, customer_id=None) for a in back])
    if "customer" in record.made or record.customer_id is None:
        return
    for channel, purpose in record.granted:
        Consents(work).revoke(record.customer_id, channel=channel, purpose=purpose, source="conversion undone")
    customer = work.get(Customer, record.customer_id)
    back_to = {n: had for n, (had, got) in record.before.items() if as_json(getattr(customer, n)) == got}
    if back_to:
        People(work).update(customer.id, **back_to)


def _made(work: Work, record: Conversion) -> Iterator[Entity | None]:
    """What the conversion made, in the order in which it can go."""
    classes = {"opportunity": Opportunity, "customer": Customer, "company": Company}
    for name, cls in classes.items():
        identifier = getattr(record, f"{name}_id")
        if name in record.made and identifier is not None:
            yield work.session.get(cls, identifier)


def _doomed(
    work: Work, made: Sequence[Entity], record: Conversion, before: Conversion
) -> tuple[list[Record], list[str]]:
    """What has to go, what hangs on it first; and what speaks against it."""
    doomed: dict[str, Record] = {}
    objections = [
        f"{thing.__schema__.name} {thing.id} has been changed since"
        for thing in made
        if before.versions.get(thing.id) != thing.version
    ]
    known = {thing.id for thing in made}
    for thing in made:
        for row in _hanging_on(work, thing):
            if row.id in known:
                continue
            if _came_with(row, record):
                doomed[row.id] = row
            else:
                objections.append(f"{row.__schema__.name} {row.id} hangs on {thing.__schema__.name} {thing.id}")
    return [*doomed.values(), *made], objections


def _hanging_on(work: Work, thing: Entity) -> Iterator[Record]:
    for schema, a in work.house.registry.pointing_to(thing.__schema__.name):
        yield from work.find(schema.cls, F[a.name] == thing.id, limit=20)


def _came_with(row: Record, record: Conversion) -> bool:
    """Whether *row* was made in the transaction of the conversion and has been left alone since.

    Ids grow in the order of creation, and the record of the conversion is the last that it makes.  That a segment has
    found the customer since then keeps nobody.
    """
    if isinstance(row, Membership):
        return True
    suffix, last = row.id.rpartition("_")[2], record.id.rpartition("_")[2]
    untouched = not isinstance(row, Entity) or row.updated_at == record.created_at
    return row.created_at == record.created_at and suffix < last and untouched

"""From what somebody fills in to a lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import email as clean_email
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity
from crmkit.kernel.extras import Extra
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead, LeadCaptured, called

OWN = frozenset(
    {"id", "version", "created_at", "updated_at", "stage", "stage_since", "reason", "customer_id", "merged_into"}
)
SCORES = frozenset({"points", "predicted", "scored_at", "owned_since"})
FIELDS = frozenset(a.name for a in Lead.__schema__) - OWN - SCORES


def captured(work: Work, fields: Mapping[str, Any]) -> Change[Lead]:
    """A new lead."""
    values = cleaned(work, fields)
    values["name"] = called(values.get("name"), company=values.get("company"), email=values.get("email"))
    owned = work.now if values.get("owner") else None
    lead = work.new(Lead, stage_since=work.now, stage=work.machine("lead").initial, owned_since=owned, **values)
    fact = LeadCaptured(lead_id=lead.id, source=lead.source, campaign_id=lead.campaign_id, owner=lead.owner)
    return Change(lead, (fact,))


def cleaned(work: Work, fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* with contact points in their normal form, and what the lead refers to as ids.

    Raises:
        InvalidInput: a field is unknown or malformed.
    """
    values = dict(fields)
    for given, kept in (("campaign", "campaign_id"), ("referrer", "referrer_id")):
        if given in values:
            values[kept] = _id(values.pop(given))
    unknown = sorted(values.keys() - FIELDS)
    if unknown:
        near = nearest(unknown[0], FIELDS)
        hint = f"did you mean {near!r}?" if near else f"it has {', '.join(sorted(FIELDS))}"
        raise InvalidInput(f"a lead has no field {unknown[0]!r} that can be set: {hint}")
    if values.get("email") is not None:
        values["email"] = clean_email(values["email"])
    if values.get("phone") is not None:
        values["phone"] = clean_phone(values["phone"], region=work.settings.region)
    if values.get("referrer_id") is not None:
        work.get(Customer, values["referrer_id"])
    if "consents" in values:
        values["consents"] = agreed(values["consents"], source=values.get("source"))
    if "extras" in values:
        values["extras"] = dumped(values["extras"])
    return values


def agreed(consents: Any, *, source: str | None) -> dict[str, dict[str, str]]:
    """Consents as the lead keeps them: by channel and purpose, where they were given.

    >>> agreed({"email": ["marketing"]}, source="web form")
    {'email': {'marketing': 'web form'}}
    """
    if consents is None:
        return {}
    if not isinstance(consents, Mapping):
        raise InvalidInput(f'consents are given by channel, as in {{"email": ["marketing"]}}, got {consents!r}')
    kept: dict[str, dict[str, str]] = {}
    for channel, purposes in consents.items():
        if isinstance(purposes, str) or not isinstance(purposes, Iterable):
            raise InvalidInput(f"consents for {channel!r} must be a list of purposes, got {purposes!r}")
        sources = purposes if isinstance(purposes, Mapping) else {}
        kept[channel] = {purpose: sources.get(purpose) or source or "lead" for purpose in purposes}
    return kept


def dumped(extras: Any) -> dict[str, Any]:
    """Custom fields as they are stored."""
    if isinstance(extras, Mapping):
        return dict(extras)
    return {type(extra).key: extra.dump() for extra in extras if _is_extra(extra)}


def _is_extra(extra: Any) -> bool:
    if not isinstance(extra, Extra):
        raise InvalidInput(f"custom fields are instances of an Extra class, got {extra!r}")
    return True


def _id(ref: Any) -> Any:
    return ref.id if isinstance(ref, Entity) else ref

"""Telling: who is meant by a level, when they may be told, and the message that they get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.escalation.levels import Step, is_address, split
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

DIGEST: Final = "service.digest"
RECIPIENT: Final = "service.recipient"


@entity(
    "escalation_notice",
    prefix="enote",
    indexes=[Index(attributes=("address",), where={"state": "waiting"})],
)
class EscalationNotice(Entity):
    """Something that one address is to be told in its next digest.

    Attributes:
        state: ``waiting``, ``sent``, or ``void`` when the case had been answered by the time of the digest.
    """

    address: str = attribute(personal=True, limit=500)
    case_id: str = attribute(references="case", reverse="escalation_notices")
    policy_id: str = attribute(references="policy", reverse="escalation_notices")
    occasion: str = attribute()
    state: Literal["waiting", "sent", "void"] = attribute(default="waiting")


@attrs.frozen(kw_only=True)
class Told:
    """Who was told.

    Attributes:
        recipients: the addresses.
        missing: roles for which nobody is known.
    """

    recipients: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def tell(work: Work, case: Case, policy: Policy, step: Step, *, key: str, occasion: str) -> Told:
    """Post the message of *step* to everybody it names, or keep it for their digests."""
    terms = policy.read()
    found, missing = addresses(work, case, step)
    for address in found:
        if terms.digest is None:
            _post(work, terms, address, key=key, subject=f"Escalation: {case.subject}", body=_text(case, occasion))
        else:
            _gather(work, case, policy, address, occasion)
    return Told(recipients=found, missing=missing)


def addresses(work: Work, case: Case, step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The addresses that *step* means, and the roles for which nobody is known."""
    found: dict[str, None] = {}
    missing: list[str] = []
    for name in step.notify:
        known = _known(work, case, name)
        if not known:
            missing.append(name)
        found.update(dict.fromkeys(known))
    return tuple(found), tuple(missing)


def _known(work: Work, case: Case, name: str, way: tuple[str, ...] = ()) -> Sequence[str]:
    """The addresses behind a name; a role may stand for another one, as when a team has no lead but its manager."""
    if is_address(name):
        return (name,)
    if name == "watchers":
        return sorted(filter(is_address, case.watchers))
    if name in way:
        circle = " → ".join([*way[way.index(name) :], name])
        raise InvalidInput(f"{RECIPIENT} leads in a circle, {circle}: let one of them answer with an address or None")
    answer: Any = work.house.answers[RECIPIENT](name, case)
    if answer is None:
        return ()
    several = [answer] if isinstance(answer, str) else list(answer) if isinstance(answer, Iterable) else [answer]
    wrong = [said for said in several if not isinstance(said, str) or not said.strip()]
    if wrong:
        raise InvalidInput(
            f"{RECIPIENT} answers with an address, another role, several of them, or None; for {name!r} it said "
            f"{wrong[0]!r}"
        )
    return [address for said in several for address in _known(work, case, said, (*way, name))]


def nobody_else(role: str, case: Case) -> str | None:
    """What is known of a role when the host says nothing: the owner of a case, if the name is an address."""
    return case.owner if role == "owner" and case.owner is not None and "@" in case.owner else None


def _post(
    work: Work, terms: Terms, address: str, *, key: str, subject: str, body: str, about: str | None = None
) -> None:
    channel, to = split(address)
    work.post(
        channel=channel,
        to=to,
        subject=subject,
        body=body,
        key=f"{key}/{address}",
        due_at=work.now if terms.quiet is None else terms.quiet.next_open(work.now),
        purpose="escalation",
        about=about,
    )


def _text(case: Case, occasion: str) -> str:
    lines = [
        case.subject,
        f"{case.kind.replace('_', ' ')}, priority {case.priority}, {case.status} since {case.status_since.isoformat()}",
        f"because of: {occasion.replace('_', ' ')}",
        f"owner: {case.owner or 'nobody'}",
        f"case: {case.id}",
    ]
    return "\n".join(lines)


# ── Digests ──


def _gather(work: Work, case: Case, policy: Policy, address: str, occasion: str) -> None:
    """Keep a notice for the next digest of *address*; the first one begins to wait for it."""
    notice = work.new(EscalationNotice, address=address, case_id=case.id, policy_id=policy.id, occasion=occasion)
    work.save(Change(notice))
    waits = (F.kind == DIGEST) & (F.subject == policy.name) & (F.state == "due")
    if any(item.payload["address"] == address for item in work.find(AgendaItem, waits)):
        return
    digest = policy.read().digest
    work.schedule(
        DIGEST,
        due_at=work.now if digest is None else work.now + digest,
        subject=policy.name,
        key=f"digest/{policy.name}/{notice.id}",
        payload={"address": address, "policy": policy.id},
    )


def send_digest(work: Work, item: AgendaItem) -> None:
    """Send what has gathered for one address as one message; what was answered meanwhile is left out."""
    address = item.payload["address"]
    policy = work.get(Policy, item.payload["policy"])
    waiting = work.find(EscalationNotice, (F.address == address) & (F.state == "waiting"), order_by="created_at")
    lines: dict[str, str] = {}
    for notice in waiting:
        case = work.get(Case, notice.case_id)
        void = case.ended and notice.occasion != "low_score"
        work.save(Change(notice.evolve(state="void" if void else "sent")))
        if not void:
            lines[notice.id] = f"{case.subject} ({case.priority}, {notice.occasion.replace('_', ' ')}, {case.id})"
    if lines:
        subject = f"Escalations: {len(lines)}"
        _post(work, policy.read(), address, key=item.key, subject=subject, body="\n".join(lines.values()))

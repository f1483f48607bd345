"""Telling: who is meant by a level, and the message that they get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from crmkit.service.cases.case import Case
from crmkit.service.escalation.levels import Step
from crmkit.service.policies.terms import Terms

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

EMAIL: Final = "email"


@attrs.frozen(kw_only=True)
class Told:
    """Who was told."""

    recipients: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    state: str = "told"
    digest_key: str | None = None


def tell(work: Work, case: Case, terms: Terms, step: Step, *, key: str, occasion: str) -> Told:
    """Post the message of *step* to everybody it names."""
    found, missing = addresses(work, case, step)
    if not found:
        return Told(missing=missing, state="nobody")
    due_at = work.now if terms.quiet is None else terms.quiet.next_open(work.now)
    for address in found:
        channel, to = split(address)
        work.post(
            channel=channel,
            to=to,
            subject=f"Escalation: {case.subject}",
            body=_text(case, occasion),
            key=f"{key}/{address}",
            due_at=due_at,
            purpose="escalation",
            about=case.id,
        )
    return Told(recipients=found, missing=missing)


def addresses(work: Work, case: Case, step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The addresses that *step* means, and the roles for which nobody is known."""
    found: dict[str, None] = {}
    missing: list[str] = []
    for name in step.notify:
        if "@" in name or ":" in name:
            found[name] = None
        else:
            missing.append(name)
    return tuple(found), tuple(missing)


def split(address: str) -> tuple[str, str]:
    """The channel and the address on it: ``sms:+8613912345678`` is for ``sms``, what names no channel is an e-mail.

    Example:
        >>> split("sms:+8613912345678"), split("boss@studio.example")
        (('sms', '+8613912345678'), ('email', 'boss@studio.example'))
    """
    channel, found, to = address.partition(":")
    return (channel, to) if found else (EMAIL, address)


def _text(case: Case, occasion: str) -> str:
    lines = [
        f"{case.subject}",
        f"{case.kind.replace('_', ' ')}, priority {case.priority}, {case.status} since {case.status_since.isoformat()}",
        f"because of: {occasion.replace('_', ' ')}",
        f"owner: {case.owner or 'nobody'}",
        f"case: {case.id}",
    ]
    return "\n".join(lines)

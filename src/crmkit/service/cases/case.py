"""Cases: what customers ask, complain about, send back or have repaired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.service.kinds import Kind

Priority = Literal["low", "normal", "high", "urgent"]
Severity = Literal["minor", "moderate", "major", "critical"]
ENDED: Final = frozenset({"resolved", "closed"})


@entity(
    "case",
    prefix="case",
    when="opened_at",
    indexes=[
        Index(attributes=("next_due",), where={"status": "open"}),
        Index(attributes=("customer_id", "opened_at")),
        Index(attributes=("owner", "status")),
        Index(attributes=("queue", "owner", "status", "priority", "opened_at")),
    ],
)
class Case(Entity):
    """Something that a customer wants from service.

    Attributes:
        kind: ``question``, ``complaint``, ``repair``, ``return``, ``exchange``, ``feedback``, ``market_research``, or
            one that the host has defined.
        stage: where it is in the machine of its kind.
        status: what the stage stands for.
        waiting_for: whom, while it is waiting.
        queue: where it waits, or waited, for somebody, if there are queues that hand out automatically.
        policy: the name of the policy; ``policy_version_id`` is the version that it keeps.
        policy_by: whether the policy was ``given`` by name or ``matched`` by its rule.
        first_response_due: when the first answer is, or was, due; missing while the clock stands.
        resolution_due: when the solution is, or was, due; missing while the clock stands.
        next_due: the earliest due time of all clocks that run.
        escalation_level: how many levels have been reached.
        acknowledged_at: since when somebody knows about the escalation and cares.
        resolutions: how often it has been resolved; ``reopened`` and ``reassigned`` count likewise.
        merged_into_id: the case that it went on in.
        follow_up_of_id: the closed case that the customer came back to.
    """

    customer_id: str = attribute(references="customer")
    kind: str = attribute(default="question", index=True)
    subject: str = attribute(personal=True, search=True)
    channel: str | None = attribute(default=None, index=True)
    priority: Priority = attribute(default="normal", index=True)
    severity: Severity | None = attribute(default=None)
    stage: str = attribute(index=True)
    stage_since: datetime = attribute()
    status: Literal["open", "waiting", "resolved", "closed"] = attribute(default="open", index=True)
    status_since: datetime = attribute()
    waiting_for: str | None = attribute(default=None)
    owner: str | None = attribute(default=None)
    queue: str | None = attribute(default=None)
    team: str | None = attribute(default=None, index=True)
    tags: frozenset[str] = attribute(default=frozenset())
    watchers: frozenset[str] = attribute(default=frozenset())
    policy: str | None = attribute(default=None)
    policy_version_id: str | None = attribute(default=None, references="policy", reverse="cases")
    policy_by: Literal["given", "matched"] | None = attribute(default=None)
    opened_at: datetime = attribute()
    last_word_at: datetime = attribute()
    first_response_due: datetime | None = attribute(default=None)
    first_responded_at: datetime | None = attribute(default=None)
    resolution_due: datetime | None = attribute(default=None)
    next_due: datetime | None = attribute(default=None)
    resolved_at: datetime | None = attribute(default=None)
    closed_at: datetime | None = attribute(default=None)
    solution: str | None = attribute(default=None, personal=True, multiline=True)
    escalation_level: int = attribute(default=0, at_least=0)
    acknowledged_at: datetime | None = attribute(default=None)
    acknowledged_by: str | None = attribute(default=None)
    resolutions: int = attribute(default=0, at_least=0)
    reopened: int = attribute(default=0, at_least=0)
    reassigned: int = attribute(default=0, at_least=0)
    merged_into_id: str | None = attribute(default=None, references="case", reverse="merged")
    parent_id: str | None = attribute(default=None, references="case", reverse="children")
    follow_up_of_id: str | None = attribute(default=None, references="case", reverse="follow_ups")
    split_from_id: str | None = attribute(default=None, references="case", reverse="splits")

    def check(self) -> None:
        """Nothing can be answered, resolved or closed before it was opened."""
        for name in ("first_responded_at", "resolved_at", "closed_at"):
            at = getattr(self, name)
            if at is not None and at < self.opened_at:
                raise InvalidInput(f"{name} ({at.isoformat()}) lies before opened_at ({self.opened_at.isoformat()})")

    @property
    def ended(self) -> bool:
        """Whether it is resolved or closed."""
        return self.status in ENDED

    @property
    def silent_since(self) -> datetime | None:
        """Since when nobody has said a word, in a case that is resolved or waits for the customer."""
        if self.status == "resolved" or (self.status == "waiting" and self.waiting_for == "customer"):
            return max(self.last_word_at, self.status_since)
        return None

    def moved(
        self, kind: Kind, trigger: str, *, now: datetime, changes: Mapping[str, Any] | None = None, **facts: Any
    ) -> Change[Case]:
        """The case after *trigger*, with its state and the times that follow from it.

        Raises:
            TransitionRefused: the stage does not allow it; it says what is allowed.
        """
        target = kind.machine.target(self.stage, trigger, self, **facts)
        status = kind.status(target)
        fields = {**self._after(status, now=now), **(changes or {})}
        change = kind.machine.step(self, trigger, now=now, changes=fields, status=status, **facts)
        return change.and_also(*self._told(change.after))

    def _after(self, status: str, *, now: datetime) -> dict[str, Any]:
        if status == self.status:
            return {}
        fields: dict[str, Any] = {"status": status, "status_since": now}
        if status != "waiting":
            fields["waiting_for"] = None
        if status in ENDED and not self.ended:
            fields |= {"resolved_at": now, "acknowledged_at": None, "acknowledged_by": None}
        if status == "resolved":
            fields["resolutions"] = self.resolutions + 1
        if status == "closed":
            fields["closed_at"] = now
        if status not in ENDED and self.ended:
            fields |= {"resolved_at": None, "closed_at": None, "reopened": self.reopened + 1}
        return fields

    def _told(self, after: Case) -> tuple[Event, ...]:
        if after.status == self.status:
            return ()
        about = {"case_id": self.id, "customer_id": self.customer_id}
        if after.status == "resolved":
            return (CaseResolved(**about, kind=self.kind, owner=self.owner, cycle=after.resolutions),)
        if after.status == "closed":
            return (CaseClosed(**about, kind=self.kind),)
        if self.ended:
            return (CaseReopened(**about, times=after.reopened),)
        return ()

    def reopenable(self, *, now: datetime, within: timedelta) -> bool:
        """Whether a customer's message brings it back: always when it is resolved, when closed only within a time."""
        return self.status == "resolved" or (self.closed_at is not None and now <= self.closed_at + within)


@event("service.case_opened")
class CaseOpened(Event):
    """A customer wants something from service."""

    case_id: str
    customer_id: str
    kind: str
    channel: str | None
    status: str
    priority: str
    at: datetime


@event("service.case_resolved")
class CaseResolved(Event):
    """A solution was found.

    Attributes:
        cycle: the how-manieth time this case has been resolved; a survey goes out once for each.
    """

    case_id: str
    customer_id: str
    kind: str
    owner: str | None
    cycle: int


@event("service.case_closed")
class CaseClosed(Event):
    """Nothing more is to be done."""

    case_id: str
    customer_id: str
    kind: str


@event("service.case_reopened")
class CaseReopened(Event):
    """The customer, or somebody else, was not content after all."""

    case_id: str
    customer_id: str
    times: int


@event("service.case_assigned")
class CaseAssigned(Event):
    """Somebody has to see to it; nobody when *owner* is missing."""

    case_id: str
    customer_id: str
    owner: str | None
    team: str | None
    before: str | None


@event("service.case_updated")
class CaseUpdated(Event):
    """Fields have changed; which ones, not to what: the trail keeps no personal data.

    Attributes:
        priority: the new priority if that has changed, since targets may depend on it.
    """

    case_id: str
    customer_id: str
    fields: tuple[str, ...]
    priority: str | None = None

    @classmethod
    def of(cls, after: Case, fields: Iterable[str]) -> Self:
        """What is told of a case of which some fields have changed."""
        names = tuple(sorted(fields))
        priority = after.priority if "priority" in names else None
        return cls(case_id=after.id, customer_id=after.customer_id, fields=names, priority=priority)


@event("service.policy_applied")
class PolicyApplied(Event):
    """A case has another policy, or another version of it, or none."""

    case_id: str
    customer_id: str
    policy_id: str | None
    name: str | None
    revision: int | None

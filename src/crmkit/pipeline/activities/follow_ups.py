"""Follow-ups: what is to be done after a deal was won, laid down once by the host and planned by itself each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.satisfying import satisfies
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.about import links
from crmkit.pipeline.activities.activity import Activity, ActivityScheduled, Doing
from crmkit.pipeline.activities.timing import foresee
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.stages.edition import kept, renewed

UID = "follow-up/"
FREE = ("note", "priority", "reminder")


@entity("follow_up", prefix="fup")
class FollowUp(Entity):
    """Something to be done after each deal that is won and satisfies a rule.

    Attributes:
        rule: which deals, as JSON; all of them if there is none.
        after: how long after the win it is due.
        owner: who does it; the owner of the deal if nobody is named.
        reminder: how long before that the owner is reminded.
    """

    name: str = attribute(unique=True)
    kind: Doing = attribute(default="task")
    subject: str = attribute(limit=500)
    note: str | None = attribute(default=None, multiline=True)
    rule: Mapping[str, Any] | None = attribute(default=None)
    after: timedelta = attribute(default=timedelta(0))
    owner: str | None = attribute(default=None)
    priority: int = attribute(default=0, at_least=0)
    reminder: timedelta | None = attribute(default=None)
    active: bool = attribute(default=True)

    def check(self) -> None:
        """It is due after the win, not before."""
        if self.after < timedelta(0):
            raise InvalidInput(f"a follow-up is due 0 or more after the win, got after={self.after!r}")

    def read(self) -> Rule | None:
        """The condition."""
        return None if self.rule is None else from_json(self.rule)


@event("pipeline.follow_up_defined")
class FollowUpDefined(Event):
    """Something is to be done after deals are won, or no longer."""

    follow_up_id: str
    name: str
    active: bool


class FollowUps(Collection[FollowUp]):
    """What ``crm.pipeline.activities.follow_ups`` offers."""

    cls = FollowUp

    def define(
        self,
        name: str,
        *,
        subject: str,
        kind: Doing = "task",
        rule: Rule | None = None,
        after: timedelta = timedelta(0),
        owner: str | None = None,
        **fields: Any,
    ) -> FollowUp:
        """Say what is to be done after each deal that is won; a name that is known gets the new words.

        Args:
            name: as people call it.
            subject: of the activity.
            kind: ``call``, ``meeting``, ``task``, ``note``, ``email`` or ``visit``.
            rule: which deals; all unless given.
            after: how long after the win it is due, 0 and more.
            owner: who does it; the owner of the deal unless given.
            fields: ``note``, ``priority`` and ``reminder`` (how long before it is due), as activities have them.

        Raises:
            DefinitionError: the rule does not fit deals.
            InvalidInput: a field is unknown or malformed.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     thanks = {"kind": "call", "subject": "Say thank you", "after": timedelta(days=3)}
            ...     _ = crm.pipeline.activities.follow_ups.define("thanks", **thanks)
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(name="Album", customer=wang, owner="xu")
            ...     _ = crm.pipeline.opportunities.win(deal)
            ...     crm.pipeline.activities.next(owner="xu").subject
            'Say thank you'
        """
        with self.work() as work:
            if rule is not None:
                work.plan(Opportunity, rule)
            spec = None if rule is None else to_json(rule)
            unknown = sorted(fields.keys() - set(FREE))
            if unknown:
                raise InvalidInput(f"a follow-up has no field {unknown[0]!r} that can be set; it has {', '.join(FREE)}")
            values = {"subject": subject, "kind": kind, "rule": spec, "after": after, "owner": owner, **fields}
            known = work.called(FollowUp, name)
            made = work.new(FollowUp, name=name, **values) if known is None else known.evolve(active=True, **values)
            return _told(work, made)

    def stop(self, name: str) -> None:
        """Plan it no longer; what is planned already stays.

        Raises:
            NotFound: there is none called so.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.activities.follow_ups.define("thanks", subject="Say thank you")
            ...     crm.pipeline.activities.follow_ups.stop("thanks")
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.pipeline.opportunities.win(crm.pipeline.opportunities.open(name="Album", customer=wang))
            ...     crm.pipeline.activities.count()
            0
        """
        with self.work() as work:
            _told(work, work.named(FollowUp, name).evolve(active=False))


def _told(work: Work, after: FollowUp) -> FollowUp:
    told = FollowUpDefined(follow_up_id=after.id, name=after.name, active=after.active)
    renewed(work)
    return work.save(Change(after, (told,)))


def plan_follow_ups(work: Work, deal: Opportunity) -> list[Activity]:
    """Plan what is to be done now that *deal* is won."""
    wanted = kept(work, FollowUp, _active)
    return [_planned(work, deal, found) for found in wanted if satisfies(work, deal, found.read())]


def drop_follow_ups(work: Work, deal: Opportunity) -> None:
    """Cancel what was planned for a win that is none any more."""
    mine = (F.opportunity_id == deal.id) & (F.status == "planned") & F.uid.starts_with(UID)
    machine = work.machine("activity")
    for activity in work.find(Activity, mine):
        work.save(machine.step(activity, "cancel", now=work.now))
        work.cancel(activity.id)


def _active(follow_ups: list[FollowUp]) -> list[FollowUp]:
    return sorted((found for found in follow_ups if found.active), key=lambda found: found.name)


def _planned(work: Work, deal: Opportunity, follow_up: FollowUp) -> Activity:
    activity = work.new(
        Activity,
        kind=follow_up.kind,
        subject=follow_up.subject,
        note=follow_up.note,
        owner=follow_up.owner or deal.owner,
        due_at=work.now + follow_up.after,
        priority=follow_up.priority,
        reminder=follow_up.reminder,
        uid=f"{UID}{follow_up.id}/{deal.id}/{deal.version}",
        status_since=work.now,
        **links(work, deal),
    )
    planned = ActivityScheduled(
        activity_id=activity.id,
        customer_id=activity.customer_id,
        kind=activity.kind,
        about=activity.about,
        due_at=activity.due_at,
    )
    return foresee(work, work.save(Change(activity, (planned,))))

"""``crm.service.policies``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmkit.errors import Conflict, DefinitionError, InvalidInput
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import clean_text
from crmkit.service.cases.case import Case
from crmkit.service.escalation.levels import read_levels
from crmkit.service.policies.policy import Policy, PolicyDefined, policy_of
from crmkit.service.policies.recalculating import BATCH, CHANCES, KEPT, Recalculation, candidates, recalculated
from crmkit.service.policies.terms import FORTNIGHT, Terms
from crmkit.service.sla.clocks import Clock
from crmkit.service.sla.hours import Hours
from crmkit.service.sla.presets import preset
from crmkit.service.sla.span import Span
from crmkit.service.surveys.definition import PRESETS, Survey

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Target = timedelta | Span | Mapping[str, Any]


class Policies(Collection[Policy]):
    """What ``crm.service.policies`` offers; a policy is named by its name, the id of a version, or the entity."""

    cls = Policy

    def define(
        self,
        name: str,
        *,
        calendar: BusinessCalendar | Mapping[datetime, BusinessCalendar] | None = None,
        first_response: Target | None = None,
        next_response: Target | None = None,
        update: Target | None = None,
        resolution: Target | None = None,
        time_to_own: Target | None = None,
        targets: Mapping[str, Target] | None = None,
        like: str = "crmkit",
        clocks: Iterable[Clock] = (),
        hold: Literal["business", "wall"] | None = None,
        escalations: Sequence[Mapping[str, Any]] = (),
        when: Rule | None = None,
        position: int | None = None,
        calendar_change: Literal["pinned", "cumulative", "latest"] = "pinned",
        late: Literal["always", "seen"] = "always",
        reopen_within: timedelta = FORTNIGHT,
        close_after: timedelta | None = None,
        quiet: BusinessCalendar | None = None,
        digest: timedelta | None = None,
    ) -> Policy:
        """Say what customers are promised; a name that is known gets a new version.

        Open cases keep the version that they have: see :meth:`recalculate`.

        Args:
            name: what cases call it.
            calendar: the business time, which no policy can do without; or several calendars, by the moment from which
                each is in force.
            first_response: how long until the first public answer: a ``timedelta`` of business time,
                ``{"days": 2}`` in business days, or one of these by priority, as in
                ``{"urgent": timedelta(hours=1), "else": timedelta(hours=8)}``; without ``"else"``, cases of a priority
                that is not named are not measured.
            next_response: how long until each further message of the customer is answered.
            update: how long between two public answers.
            resolution: how long until the case is resolved.
            time_to_own: how long until somebody is assigned.
            targets: targets of further clocks that *like* has.
            like: whose clocks are used: those of ``crmkit``, or of ``zammad``, ``zendesk``, ``glpi``, ``frappe``,
                ``erpnext``, ``osticket`` or ``chatwoot``.
            clocks: clocks of your own, beside those.
            hold: in which time pauses are counted; as *like* does unless given.
            escalations: the levels, each an object: ``clock`` and ``at`` (a signed ``timedelta``, ``{"days": -1}`` or
                ``"80%"``) or ``when`` (``reopened``, ``reassigned``, ``low_score``) with ``times``, or a
                ``score`` on the scale of a survey; ``notify`` and ``wait``, or ``steps`` of them, and ``repeat``;
                ``if``, a rule over the case; ``set``, an object of ``priority``, ``severity``, ``owner``, ``team`` and
                ``add_tags``.
            when: which cases it is for, as in ``F.priority == "urgent"`` or
                ``F.customer.memberships.where(...)``; without it, those that name it.
            position: where it is tried among all policies; one without *when* is for all that no other is for.
            calendar_change: what a new calendar does to clocks that run, see :class:`crmkit.service.sla.Hours`.
            late: whether a target that nobody saw overrun counts as missed.
            reopen_within: how long after closing a customer's message reopens the case; later it opens a follow-up.
            close_after: close what is resolved, or waits for the customer, after so long without a word.
            quiet: when people may be told; outside of it messages wait.
            digest: gather what one address is told for so long, and send it as one message.

        Raises:
            DefinitionError: something is wrong; the message says what.

        Example:
            >>> from crmkit import CRM, BusinessCalendar
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> with CRM.open() as crm:
            ...     _ = crm.service.policies.define("gold", calendar=office, first_response=timedelta(hours=1))
            ...     crm.service.policies.define("gold", calendar=office, first_response=timedelta(hours=2)).revision
            2
        """
        named = {
            "first_response": first_response,
            "next_response": next_response,
            "update": update,
            "resolution": resolution,
            "time_to_own": time_to_own,
        }
        wanted = {clock: target for clock, target in {**named, **(targets or {})}.items() if target is not None}
        change: Callable[[Clock], Clock] | None = None if hold is None else (lambda c: attrs.evolve(c, hold=hold))
        measured = (*preset(like, wanted, change=change), *clocks)
        terms = Terms(
            hours=Hours.of(calendar, change=calendar_change),
            clocks=measured,
            levels=read_levels(escalations, clocks=[c.name for c in measured]),
            late=late,
            reopen_within=reopen_within,
            close_after=close_after,
            quiet=quiet,
            digest=digest,
        )
        if position is not None and type(position) is not int:
            raise DefinitionError(f"position is a whole number, got {position!r}")
        with self.work() as work:
            return define(work, name, terms, rule=when, position=position)

    def reschedule(self, policy: Policy | str, *, calendar: BusinessCalendar, since: datetime) -> Policy:
        """Put another calendar in force from *since* on: a new version of the policy.

        Args:
            policy: which one.
            calendar: the new business time.
            since: from when; calendars that were to come later fall away.

        Raises:
            NotFound: there is no such policy.
            InvalidInput: *since* is naive.

        Example:
            >>> from datetime import UTC, date
            >>> from crmkit import CRM, BusinessCalendar
            >>> mondays = {"mon": [("09:00", "18:00")]}
            >>> office = BusinessCalendar(timezone="Asia/Shanghai", hours=mondays)
            >>> closed_once = BusinessCalendar(timezone="Asia/Shanghai", hours=mondays, holidays={date(2026, 5, 4)})
            >>> with CRM.open() as crm:
            ...     _ = crm.service.policies.define("standard", calendar=office, resolution=timedelta(hours=8))
            ...     since = datetime(2026, 5, 1, tzinfo=UTC)
            ...     changed = crm.service.policies.reschedule("standard", calendar=closed_once, since=since)
            ...     changed.revision, changed.read().hours.at(since) == closed_once
            (2, True)
        """
        at = utc(since, what="since")
        with self.work() as work:
            current = policy_of(work, policy)
            terms = current.read()
            changed = attrs.evolve(terms, hours=terms.hours.from_(at, calendar))
            return define(work, current.name, changed, rule=current.condition(), position=current.position)

    def recalculate(
        self,
        policy: Policy | str,
        *,
        rule: Rule | None = None,
        preview: bool = False,
        resume: bool = False,
        batch: int = BATCH,
        keep: int = KEPT,
    ) -> Recalculation:
        """Bring open cases under the current version of their policy, and read all their clocks anew.

        Cycles that are over stay as they were judged.  Levels that the new due times put into the past come due at
        once, unless they say what they said before and have fired; steps that were to follow still do.

        Cases are read and stored in batches, each in a transaction of its own that is whole or not there at all: after
        a crash the same call does the rest, and to do it twice changes nothing more.  A batch of which somebody changes
        a case at the same moment is judged again.

        Args:
            policy: which one; its current version is applied.
            rule: only the cases that satisfy it.
            preview: say what would change, and store nothing.
            resume: leave out cases that are under the current version already, as after a run that was interrupted.
            batch: cases in one transaction.
            keep: how many shifts the answer lists; it counts them all.

        Raises:
            NotFound: there is no such policy.
            InvalidInput: *batch* or *keep* is no such number.
            Conflict: others kept changing the cases of a batch; those before it are stored.

        Example:
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     wang, always = crm.customers.register(name="Wang"), BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define("gold", calendar=always, resolution=timedelta(hours=8))
            ...     _ = crm.service.cases.open(wang, subject="Where is my album?", policy="gold")
            ...     _ = crm.service.policies.define("gold", calendar=always, resolution=timedelta(hours=4))
            ...     plan = crm.service.policies.recalculate("gold", preview=True)
            ...     plan.cases, [s.due for s in plan.shifts]
            (1, ['resolution_due', 'next_due'])
        """
        if type(batch) is not int or batch < 1 or type(keep) is not int or keep < 0:
            raise InvalidInput(f"batch= is 1 or more and keep= 0 or more, got {batch!r} and {keep!r}")
        current = self.get(policy)
        if current.state != "current":
            current = self.get(current.name)
        done = Recalculation(policy=current, stored=not preview)
        wanted, last = candidates(current, rule, resume=resume), ""
        while True:
            some, end = self._recalculated(current, wanted, last, batch=batch, store=not preview)
            done = done.joined(some, keep=keep)
            if end is None:
                return done
            last = end

    def _recalculated(
        self, policy: Policy, wanted: Rule, last: str, *, batch: int, store: bool
    ) -> tuple[Recalculation, str | None]:
        """Do the batch behind the case *last*, again if somebody was faster; and the case at its end if it is full."""
        for chance in range(1, CHANCES + 1):
            try:
                with self.work() if store else self.read() as work, work.savepoint() if store else nullcontext():
                    cases = work.find(Case, wanted, limit=batch, after=(last,) if last else None)
                    found = recalculated(work, policy, cases, store=store)
                return found, cases[-1].id if len(cases) == batch else None
            except Conflict:
                if chance == CHANCES:
                    raise
        raise AssertionError

    def get(self, ref: Policy | str) -> Policy:
        """The current version of a policy by name, or a version by id.

        Raises:
            NotFound: there is none; the message names the nearest.

        Example:
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define("standard", calendar=always, resolution=timedelta(days=3))
            ...     crm.service.policies.get("standart")
            Traceback (most recent call last):
            crmkit.errors.NotFound: there is no policy 'standart', did you mean 'standard'?
        """
        with self.read() as work:
            return policy_of(work, ref)

    def versions(self, name: str) -> list[Policy]:
        """Every version of a policy, the oldest first.

        Args:
            name: that of the policy; nothing is found under an unknown one.

        Example:
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     for days in (5, 3):
            ...         _ = crm.service.policies.define(
            ...             "standard", calendar=BusinessCalendar.always_open(), resolution=timedelta(days=days)
            ...         )
            ...     [(v.revision, v.state) for v in crm.service.policies.versions("standard")]
            [(1, 'former'), (2, 'current')]
        """
        with self.read() as work:
            return work.find(Policy, F.name == clean_text(name, what="name"), order_by="revision")

    def retire(self, policy: Policy | str) -> Policy:
        """Give a policy to no further case; those that have it keep it.

        Raises:
            NotFound: there is no such policy.
            InvalidInput: this version is a former or a retired one.

        Example:
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define("spring", calendar=always, resolution=timedelta(days=1), position=1)
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     before = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = crm.service.policies.retire("spring")
            ...     after = crm.service.cases.open(wang, subject="And the frame?")
            ...     crm.service.cases.get(before.id).policy, after.policy
            ('spring', None)
        """
        with self.work() as work:
            current = policy_of(work, policy)
            if current.state != "current":
                raise InvalidInput(f"policy {current.name}, version {current.revision}, is {current.state} already")
            return work.save(Change(current.evolve(state="retired", replaced_at=work.now)))


def define(work: Work, name: str, terms: Terms, *, rule: Rule | None, position: int | None) -> Policy:
    """Store a version of the policy *name*, unless the current one says the same."""
    levels = [level.condition for level in terms.levels if level.condition is not None]
    for condition in [*levels, *([] if rule is None else [rule])]:
        work.plan(Case, condition)
    for number, level in enumerate(terms.levels, start=1):
        if level.score is not None:
            _on_a_scale(work, level.score, what=f"escalation {number}")
    spec, condition_spec = terms.to_json(), None if rule is None else to_json(rule)
    name = clean_text(name, what="name", required=True)
    known = work.find(Policy, F.name == name, order_by="-revision", limit=1)
    revision = 1
    if known:
        last = known[0]
        if last.state == "current":
            if (last.terms, last.rule, last.position) == (spec, condition_spec, position):
                return last
            work.save(Change(last.evolve(state="former", replaced_at=work.now)))
        revision = last.revision + 1
    policy = work.new(Policy, name=name, revision=revision, terms=spec, rule=condition_spec, position=position)
    defined = PolicyDefined(policy_id=policy.id, name=policy.name, revision=policy.revision)
    return work.save(Change(policy, (defined,)))


def _on_a_scale(work: Work, score: float, *, what: str) -> None:
    """Refuse a low score that no survey knows: every answer would be low, or none."""
    scales = {name: (preset["low"], preset["high"]) for name, preset in PRESETS.items()}
    scales |= {name: (low, high) for name, low, high in work.columns(Survey, ["name", "low", "high"])}
    if not any(low <= score <= high for low, high in scales.values()):
        known = ", ".join(f"{name} from {low} to {high}" for name, (low, high) in sorted(scales.items()))
        raise DefinitionError(f"{what}: score {score:g} is on the scale of no survey; there are {known}")

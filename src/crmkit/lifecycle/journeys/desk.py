"""``crm.lifecycle.journeys``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys.definition import Again, Journey, defined
from crmkit.lifecycle.journeys.runs import JourneyRun
from crmkit.lifecycle.journeys.steps import Branch, WaitFor, plain_steps, read_steps
from crmkit.lifecycle.journeys.walking import begin, event_happened, leave, plan, save_journey


class Journeys(Collection[Journey]):
    """What ``crm.lifecycle.journeys`` offers; a journey is named by its name, its id or the entity."""

    cls = Journey

    def define(
        self,
        name: str,
        *,
        on: str,
        steps: Sequence[Any],
        rule: Rule | None = None,
        leave_when: Rule | None = None,
        within_days: int | None = None,
        again: Again = "always",
    ) -> Journey:
        """Say what happens with every customer to whom *on* happens; a name that is known gets new steps.

        Those who are on their way go on by the steps with which they began.  Waits are counted from local midnight of
        the life event's day, or from the moment of the event.

        Args:
            name: as people call the journey.
            on: the name of a life event (``baby_born``), or of an event of the CRM that can begin one
                (``pipeline.order_paid``).
            steps: see :mod:`crmkit.lifecycle.journeys.steps`; rules may be written with ``F`` or as JSON.
            rule: who may enter.
            leave_when: who satisfies it leaves before the next step.
            within_days: who is known to have had the life event longer ago than so many days does not enter: a birth
                that is told years later sends no congratulations.
            again: whether somebody may enter anew: ``always`` (each time that it happens), ``per_subject`` (once for
                each thing that the event is about), ``after_end`` (only while in no run of the journey), ``never``.

        Raises:
            DefinitionError: a step, the rule or *on* is wrong; the message names it.

        Example:
            >>> from crmkit import CRM
            >>> from datetime import date
            >>> with CRM.open() as crm:
            ...     _ = crm.marketing.templates.define("family photos", subject="Congratulations", body="Half price.")
            ...     _ = crm.lifecycle.journeys.define(
            ...         "family",
            ...         on="baby_born",
            ...         steps=[{"wait": {"days": 30}}, {"send": "family photos", "channel": "email"}],
            ...     )
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.lifecycle.record(li, "baby_born", on=date(2027, 6, 1))
            ...     [run] = crm.lifecycle.journeys.runs("family")
            ...     run.due_at.isoformat()
            '2027-07-01T00:00:00+00:00'
        """
        with self.work() as work:
            written = plain_steps(steps)
            _check(work, name, on=on, steps=written, rules=(rule, leave_when))
            values = {
                "on": on,
                "rule": None if rule is None else to_json(rule),
                "leave_when": None if leave_when is None else to_json(leave_when),
                "within_days": within_days,
                "again": again,
            }
            known = work.called(Journey, name)
            if known is None:
                journey = work.new(Journey, name=name, status_since=work.now, editions=(written,), **values).hearing()
            elif known.status == "retired":
                raise DefinitionError(f"the journey {name!r} is retired: give the new one another name")
            else:
                same = known.editions[-1] == written
                editions = known.editions if same else (*known.editions, written)
                journey = known.evolve(editions=editions, **values).hearing()
                if journey == known:
                    return known
            return save_journey(work, defined(journey))

    def get(self, ref: Journey | str) -> Journey:
        """One journey by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wait, end = {"wait": {"days": 30}}, {"exit": "too early for photos"}
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=[wait, end])
            ...     crm.lifecycle.journeys.get("famly")
            Traceback (most recent call last):
            crmkit.errors.NotFound: there is no journey 'famly', did you mean 'family'?
        """
        with self.read() as work:
            return journey_of(work, ref)

    def start(self, journey: Journey | str, customer: Customer | str, *, about: str | None = None) -> JourneyRun:
        """Let a customer enter by hand, from now on; the rules about entering apply.

        Args:
            journey: which one.
            customer: who.
            about: the id of what it is about, such as an order; the customer's unless given.  With ``per_subject`` it
                decides whether he may enter again.

        Raises:
            NotFound: there is no such journey, or no such customer.
            InvalidInput: the journey is not active, or its rules don't let the customer in.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))) as crm:
            ...     steps = [{"wait": {"days": 30}}, {"exit": "spoken to"}]
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
            ...     li = crm.customers.register(name="Xiao Li")
            ...     run = crm.lifecycle.journeys.start("family", li)
            ...     run.status, run.due_at.isoformat()
            ('running', '2026-04-01T09:00:00+00:00')
        """
        with self.work() as work:
            wanted = journey_of(work, journey)
            who = work.get(Customer, customer)
            runs = begin(work, on=wanted.on, customer_id=who.id, about=about or who.id, at=work.now, only=wanted.id)
            if not runs:
                raise InvalidInput(
                    f"{who.id} cannot enter the journey {wanted.name!r}: it is {wanted.status}, its rule does not let "
                    f"the customer in, or again={wanted.again!r} does not"
                )
            return runs[0]

    def runs(self, journey: Journey | str | None = None, *, customer: Customer | str | None = None) -> list[JourneyRun]:
        """Who is or was on the way, the latest first; of one journey, of one customer, or both.

        Raises:
            NotFound: there is no such journey, or no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=[{"exit": "has photos already"}])
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.lifecycle.record(li, "baby_born")
            ...     _ = crm.run_due()
            ...     [(run.status, run.reason) for run in crm.lifecycle.journeys.runs("family", customer=li)]
            [('left', 'has photos already')]
        """
        with self.read() as work:
            rule = F.id != ""
            if journey is not None:
                rule &= F.journey_id == journey_of(work, journey).id
            if customer is not None:
                rule &= F.customer_id == work.get(Customer, customer).id
            return work.find(JourneyRun, rule, order_by="-created_at")

    def pause(self, journey: Journey | str) -> Journey:
        """Stop for a while: nobody enters, and whose step falls due is held where he is.

        Raises:
            NotFound: there is no such journey.
            TransitionRefused: it is not active.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     steps = [{"wait": {"days": 30}}, {"exit": "spoken to"}]
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.lifecycle.record(li, "baby_born")
            ...     _ = crm.lifecycle.journeys.pause("family")
            ...     _ = clock.advance(days=40)
            ...     _ = crm.run_due()
            ...     [run.status for run in crm.lifecycle.journeys.runs("family")]
            ['held']
        """
        with self.work() as work:
            return self._move(work, journey, "pause")

    def resume(self, journey: Journey | str) -> Journey:
        """Go on: the steps that were held are due at once.

        Raises:
            NotFound: there is no such journey.
            TransitionRefused: it is not paused.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     steps = [{"wait": {"days": 30}}, {"exit": "spoken to"}]
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.lifecycle.record(li, "baby_born")
            ...     _ = crm.lifecycle.journeys.pause("family")
            ...     _ = clock.advance(days=40)
            ...     _ = crm.run_due(), crm.lifecycle.journeys.resume("family"), crm.run_due()
            ...     [run.status for run in crm.lifecycle.journeys.runs("family")]
            ['left']
        """
        with self.work() as work:
            resumed = self._move(work, journey, "resume")
            for run in work.find(JourneyRun, (F.journey_id == resumed.id) & (F.status == "held")):
                changes = {"moves": run.moves + 1}
                released = work.machine("journey_run").step(run, "release", now=work.now, changes=changes)
                plan(work, work.save(released), due_at=work.now)
            return resumed

    def retire(self, journey: Journey | str) -> Journey:
        """End it for good: whoever is on the way leaves, and no other journey gets its name.

        Raises:
            NotFound: there is no such journey.
            TransitionRefused: it is retired already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     steps = [{"wait": {"days": 30}}, {"exit": "spoken to"}]
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
            ...     li = crm.customers.register(name="Xiao Li")
            ...     run = crm.lifecycle.journeys.start("family", li)
            ...     crm.lifecycle.journeys.retire("family").status
            ...     [(run.status, run.reason) for run in crm.lifecycle.journeys.runs(customer=li)]
            'retired'
            [('left', 'the journey was retired')]
        """
        with self.work() as work:
            retired = self._move(work, journey, "retire")
            for run in work.find(JourneyRun, (F.journey_id == retired.id) & F.status.in_(["running", "held"])):
                leave(work, run, retired, reason="the journey was retired")
            return retired

    @staticmethod
    def _move(work: Work, journey: Journey | str, trigger: str) -> Journey:
        return save_journey(work, work.machine("journey").step(journey_of(work, journey), trigger, now=work.now))

    def stop(self, run: JourneyRun | str, *, reason: str) -> JourneyRun:
        """Take one customer out of a journey.

        Args:
            run: the customer's way through it, as :meth:`start` and :meth:`runs` give it.
            reason: why.

        Raises:
            NotFound: there is no such run.
            TransitionRefused: the run has ended already, or the reason is missing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     steps = [{"wait": {"days": 30}}, {"exit": "spoken to"}]
            ...     _ = crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
            ...     li = crm.customers.register(name="Xiao Li")
            ...     run = crm.lifecycle.journeys.start("family", li)
            ...     ended = crm.lifecycle.journeys.stop(run, reason="moved away")
            ...     ended.status, ended.reason, crm.agenda.due()
            ('left', 'moved away', [])
        """
        with self.work() as work:
            current = work.get(JourneyRun, run)
            return leave(work, current, work.get(Journey, current.journey_id), reason=reason)


def journey_of(work: Work, ref: Journey | str) -> Journey:
    """The journey that is meant."""
    return work.named(Journey, ref)


def _check(work: Work, name: str, *, on: str, steps: Any, rules: Sequence[Rule | None]) -> None:
    _check_event(work, on, where=f"journey {name!r}, on")
    for rule in rules:
        work.plan(Customer, rule)
    for node in read_steps(steps, journey=name).values():
        where = f"journey {name!r}, step {node.label}"
        if isinstance(node.step, Branch):
            try:
                work.plan(Customer, from_json(node.step.rule))
            except DefinitionError as error:
                raise DefinitionError(f"{where}: {error}") from None
        if isinstance(node.step, WaitFor):
            _check_event(work, node.step.wait_for, where=where)


def _check_event(work: Work, name: str, *, where: str) -> None:
    """A word without a dot is a life event of the host's; any other must be an event that begins journeys."""
    if not name:
        raise DefinitionError(f"{where}: name a life event such as 'baby_born', or an event; got {name!r}")
    if "." not in name:
        return
    beginning = [cls.event_name for cls, reactions in work.house.reactions.items() if event_happened in reactions]
    if name not in beginning:
        near = nearest(name, beginning)
        hint = f"did you mean {near!r}?" if near else f"these do: {', '.join(sorted(beginning))}"
        raise DefinitionError(f"{where}: no journey can begin on {name!r}; {hint}")

"""Retention: by which rules customers become loyal, lapse, or come to any other stage by themselves.

crmkit does not know when a customer is loyal: for a baker it is the tenth visit, for a wedding studio the second order.
The host says it, as a rule over customers; until then nobody becomes ``loyal`` and nobody lapses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.lifecycle.stages import Standing, advanced, standing_of, way

SWEEP = "lifecycle.sweep"


@entity("stage_rule", prefix="strule")
class StageRule(Entity):
    """Who comes to a stage by itself.

    Attributes:
        stage: the stage to come to.
        rule: a rule over customers, as JSON.
        swept_at: when all customers were last judged by it.
    """

    stage: str = attribute(unique=True)
    rule: Mapping[str, Any] = attribute()
    swept_at: datetime | None = attribute(default=None)


@event("lifecycle.stage_rule_defined")
class StageRuleDefined(Event):
    """A stage has a new rule."""

    stage_rule_id: str
    stage: str
    rule: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class SweepReport:
    """Who came to which stage in one sweep: the ids of the customers, by stage."""

    moved: Mapping[str, tuple[str, ...]]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(["stage", "customers"], self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(["stage", "customers"], self._rows())

    def _rows(self) -> list[tuple[str, int]]:
        return [(stage, len(customers)) for stage, customers in self.moved.items()]


class StageRules(Collection[StageRule]):
    """What ``crm.lifecycle.rules`` offers."""

    cls = StageRule

    def define(self, stage: str, *, rule: Rule) -> StageRule:
        """Say who comes to *stage* by itself; a stage that has a rule gets the new one.

        A customer is judged when an order of his is paid, and all are judged in the first minutes of each day (in the
        zone of the CRM), as soon as ``crm.run_due()`` is called.  The life cycle's own rules stay: nobody goes
        backwards, and only customers lapse.

        Args:
            stage: a stage of the life cycle other than the first.
            rule: over customers, as in ``F.orders.where(F.status == "paid").count() >= 2`` for ``loyal``, or
                ``F.orders.within(months=12).none()`` for ``lapsed``.

        Raises:
            InvalidInput: there is no such stage, or nobody could come to it.
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.rules.define("loyal", rule=F.tags.has("regular"))
            ...     wang = crm.customers.register(name="Xiao Wang", tags={"regular"})
            ...     report = crm.lifecycle.sweep()
            ...     crm.lifecycle.stage_of(wang)
            'loyal'
        """
        with self.work() as work:
            machine = work.machine("standing")
            if not _sources(machine, stage):
                near = nearest(stage, machine.states)
                hint = f"did you mean {near!r}?" if near and near != stage else f"stages: {', '.join(machine.states)}"
                raise InvalidInput(f"nobody can come to the stage {stage!r} by a rule: {hint}")
            work.plan(Customer, rule)
            spec = to_json(rule)
            known = work.first(StageRule, F.stage == stage)
            if known is not None and known.rule == spec:
                return known
            made = work.new(StageRule, stage=stage, rule=spec) if known is None else known.evolve(rule=spec)
            work.memo.pop(RULES, None)
            saved = work.save(Change(made, (StageRuleDefined(stage_rule_id=made.id, stage=stage, rule=spec),)))
            _plan_sweep(work)
            return saved

    def get(self, ref: StageRule | str) -> StageRule:
        """One rule by its stage, id or entity.

        Raises:
            NotFound: there is none.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.rules.define("lapsed", rule=F.orders.within(months=12).none())
            ...     rule = crm.lifecycle.rules.get("lapsed")
            ...     never = rule.swept_at
            ...     _ = crm.lifecycle.sweep()
            ...     never, crm.lifecycle.rules.get(rule).swept_at is None
            (None, False)
        """
        with self.read() as work:
            return _rule_of(work, ref)

    def delete(self, ref: StageRule | str) -> None:
        """Forget a rule, by its stage, id or entity; who came to the stage by it stays there.

        Raises:
            NotFound: there is none.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", tags={"regular"})
            ...     _ = crm.lifecycle.rules.define("loyal", rule=F.tags.has("regular"))
            ...     _ = crm.lifecycle.sweep()
            ...     crm.lifecycle.rules.delete("loyal")
            ...     crm.lifecycle.rules.count(), crm.lifecycle.stage_of(wang)
            (0, 'loyal')
        """
        with self.work() as work:
            work.remove(StageRule, [_rule_of(work, ref).id])
            work.memo.pop(RULES, None)


RULES = "lifecycle.stage_rules"


def _rule_of(work: Work, ref: StageRule | str) -> StageRule:
    return work.named(StageRule, ref, by="stage", otherwise="define it with crm.lifecycle.rules.define(…)")


def _sources(machine: Machine, stage: str) -> list[str]:
    return [source for source in machine.states if way(machine, source, stage) is not None]


def _rules(work: Work) -> list[StageRule]:
    """The rules in the order of the stages, looked up once in a transaction."""
    if RULES not in work.memo:
        states = work.machine("standing").states
        known = [rule for rule in work.find(StageRule) if rule.stage in states]
        work.memo[RULES] = sorted(known, key=lambda rule: states.index(rule.stage))
    rules: list[StageRule] = work.memo[RULES]
    return rules


def judge(work: Work, customer_id: str) -> Standing:
    """Judge one customer by all rules: what happens when an order of his is paid."""
    machine, standing = work.machine("standing"), standing_of(work, customer_id)
    for rule in _rules(work):
        fits = way(machine, standing.stage, rule.stage) is not None
        if fits and work.count(Customer, (F.id == customer_id) & from_json(rule.rule)) == 1:
            standing = work.save(advanced(standing, machine, to=rule.stage, now=work.now))
    return standing


def sweep(work: Work) -> SweepReport:
    """Judge all customers by all rules.

    The store finds those who satisfy a rule and stand where a way leads to its stage; nobody else is touched.
    """
    moved: dict[str, tuple[str, ...]] = {}
    for rule in _rules(work):
        moved[rule.stage] = tuple(_swept(work, rule))
        work.save(Change(work.get(StageRule, rule.id).evolve(swept_at=work.now)))
    work.memo.pop(RULES, None)
    return SweepReport(moved=moved)


def _swept(work: Work, rule: StageRule) -> list[str]:
    machine = work.machine("standing")
    sources = _sources(machine, rule.stage)
    there = F.standings.where(F.stage.in_(sources)).any()
    if machine.initial in sources:
        there |= F.standings.none()
    found = [customer for (customer,) in work.columns(Customer, ["id"], there & from_json(rule.rule))]
    for customer in found:
        work.save(advanced(standing_of(work, customer), machine, to=rule.stage, now=work.now))
    return found


def _plan_sweep(work: Work) -> None:
    """The next sweep: at the beginning of tomorrow, once however often it is planned."""
    zone = work.settings.zone
    tomorrow = local_date(work.now, zone) + timedelta(days=1)
    due_at = start_of_day(tomorrow, zone)
    work.schedule(SWEEP, due_at=due_at, subject=SWEEP, key=f"{SWEEP}:{tomorrow.isoformat()}")


def sweep_due(work: Work, _: AgendaItem) -> None:
    """What the agenda calls each day; without rules the chain ends."""
    if _rules(work):
        sweep(work)
        _plan_sweep(work)

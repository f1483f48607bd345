"""``crm.pipeline.scoring``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import several
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.scoring.bayes import Judgement
from crmkit.pipeline.scoring.model import (
    LeadModel,
    by_hand,
    facts_read,
    foretold,
    judge_of,
    judged,
    model_of,
    relearned,
    set_by_hand,
    table_of,
)
from crmkit.pipeline.scoring.points import OPEN, Earned, PointRule, defined, earned

LEARN = "pipeline.learn_scoring"
CHUNK = 500


@attrs.frozen(kw_only=True)
class Score:
    """What a lead is worth to be pursued, and why.

    Attributes:
        points: the sum of what the rules gave; *earned* says which.
        probability: the one that counts: set by hand, or the learned one.
        by_hand: whether somebody has set it.
        judgement: the learned probability, factor by factor; missing while nothing was learned.
    """

    lead: Lead
    points: float
    earned: tuple[Earned, ...]
    probability: float | None
    by_hand: bool
    judgement: Judgement | None

    def __format__(self, form: str) -> str:
        if form != "md":
            return repr(self)
        parts = [table_md(["rule", "points", "times"], self._rows())]
        return "\n\n".join(parts if self.judgement is None else [*parts, format(self.judgement, "md")])

    def _repr_html_(self) -> str:
        points = table_html(["rule", "points", "times"], self._rows(), caption=f"{self.points:g} points")
        return points if self.judgement is None else points + self.judgement._repr_html_()

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for e in self.earned:
            yield e.rule, f"{e.points:.2f}", str(e.times)


class Scoring(Collection[PointRule]):
    """What ``crm.pipeline.scoring`` offers: two scores, points by rules and a learned probability."""

    cls = PointRule

    # ── Points ──

    def define(
        self,
        name: str,
        *,
        rule: Rule,
        points: float,
        each: str | None = None,
        half_life: timedelta | None = None,
        since: str = "created_at",
        at_most: float | None = None,
    ) -> PointRule:
        """Give points for something; a name that is known gets the new rule.

        Args:
            name: as people call it.
            rule: over leads, or over the rows of *each*.
            points: how many; below 0 they are taken away.
            each: a relation of leads, such as ``activities``, whose rows earn points one by one.
            half_life: the time after which a half of the points is left.
            since: the instant on the lead from which they fade; rows fade from when they happened.
            at_most: what the rows earn together at most.

        Raises:
            DefinitionError: the rule does not fit; it names the field and the nearest one.
            InvalidInput: there is no such relation, or a limit makes no sense.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.scoring.define("large", rule=F.employees >= 100, points=20)
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", employees=250)
            ...     crm.pipeline.scoring.score(lead).points
            20.0
        """
        with self.work() as work:
            limits = {"half_life": half_life, "since": since, "at_most": at_most}
            return work.save(defined(work, name, rule=rule, each=each, points=points, **limits))

    def forget(self, name: str) -> None:
        """Give no points for it any more.

        Raises:
            NotFound: there is no such rule.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.scoring.define("large", rule=F.employees >= 100, points=20)
            ...     lead = crm.pipeline.scoring.score(crm.pipeline.leads.capture(name="Xiao Wang", employees=250))
            ...     crm.pipeline.scoring.forget("large")
            ...     lead.points, crm.pipeline.scoring.score(lead).points
            (20.0, 0.0)
        """
        with self.work() as work:
            work.remove(PointRule, [work.named(PointRule, name).id])

    # ── What was learned ──

    def learn(
        self,
        *,
        method: str | None = None,
        fields: Iterable[str] | None = None,
        since: date | None = None,
        every: timedelta | None = None,
    ) -> LeadModel:
        """Learn from all leads that have ended, and judge the open ones by it.

        From then on each lead that ends is counted at once; what other open leads are worth changes at the next
        learning, or when they change themselves.

        Args:
            method: ``careful`` (smoothing, minimum evidence, back-off to everybody) or ``odoo``; as before unless
                given.
            fields: what to look at beside the stage: attributes of leads, ``has_email``, ``has_phone``.
            since: leave out leads captured before this day.
            every: learn anew by itself, as part of ``run_due``.

        Raises:
            InvalidInput: a field or the method is unknown.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     leads, sources = crm.pipeline.leads, ("friend", "advert")
            ...     for _ in range(6):
            ...         friend, advert = (leads.capture(email="wang@example.com", source=source) for source in sources)
            ...         _ = leads.convert(leads.qualify(friend)), leads.disqualify(advert, reason="no answer")
            ...     model = crm.pipeline.scoring.learn(fields=["source"])
            ...     model.learned_from, [leads.capture(name="Xiao Li", source=source).probability for source in sources]
            (12, [87.5, 12.5])
        """
        with self.work() as work:
            looked_at = None if fields is None else several(fields, what="fields")
            wished = {"method": method, "fields": looked_at, "since": since, "every": every}
            values = {n: v for n, v in wished.items() if v is not None}
            known = model_of(work)
            model = work.new(LeadModel, **values) if known is None else known.evolve(**values)
            return _learned(work, model)

    def explain(self, lead: Lead | str) -> Score:
        """What a lead is worth now, and why; nothing is stored.

        Returns:
            the points with the rules that gave them, and the probability with its factors; ``format(score, "md")``
            shows both.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.scoring.define("large", rule=F.employees >= 100, points=20)
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", employees=250)
            ...     why = crm.pipeline.scoring.explain(lead)
            ...     [(earned.rule, earned.points) for earned in why.earned], crm.pipeline.leads.get(lead.id).points
            ([('large', 20.0)], None)
        """
        with self.read() as work:
            return _scored(work, work.get(Lead, lead))

    def score(self, lead: Lead | str) -> Lead:
        """Store what a lead is worth now; a probability that was set by hand stays.

        Raises:
            StaleEntity: somebody else has changed the lead since it was read.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.scoring.define("large", rule=F.employees >= 100, points=20)
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", employees=250)
            ...     _ = crm.pipeline.scoring.score(lead)
            ...     [lead.name for lead in crm.pipeline.leads.find(F.points >= 20)]
            ['Xiao Wang']
        """
        with self.work() as work:
            current = work.get(Lead, lead)
            return _stored(work, current, _scored(work, current))

    def rescore(self, rule: Rule | None = None) -> int:
        """Store what all open leads (that satisfy *rule*) are worth now; how many have changed.

        Raises:
            DefinitionError: the rule does not fit leads.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.scoring.define("large", rule=F.employees >= 100, points=20)
            ...     _ = crm.pipeline.leads.capture_many([{"name": "Xiao Wang", "employees": 250}, {"name": "Xiao Li"}])
            ...     crm.pipeline.scoring.rescore(), crm.pipeline.scoring.rescore()
            (2, 0)
        """
        with self.work() as work:
            return rescored(work, OPEN if rule is None else OPEN & rule)

    def set(self, lead: Lead | str, *, probability: float | None) -> Lead:
        """Say by hand how likely a lead is won, in percent; with None the learned probability counts again.

        Raises:
            InvalidInput: the probability is no number from 0 to 100.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     lead = crm.pipeline.scoring.set(lead, probability=90)
            ...     why = crm.pipeline.scoring.explain(lead)
            ...     why.probability, why.by_hand, crm.pipeline.scoring.set(lead, probability=None).probability
            (90.0, True, None)
        """
        if probability is not None and (type(probability) not in {int, float} or not 0 <= probability <= 100):
            raise InvalidInput(f"a probability is given in percent, 0 to 100, got {probability!r}")
        with self.work() as work:
            current = work.get(Lead, lead)
            wanted = current.predicted if probability is None else float(probability)
            return work.save(current.updated(probability=wanted))


def _scored(work: Work, lead: Lead) -> Score:
    rules = work.find(PointRule, order_by="name")
    given = earned(work, rules, among=F.id == lead.id).get(lead.id, [])
    model = model_of(work)
    judgement = None if model is None or not lead.open else judged(table_of(work, model), model, lead)
    hand = by_hand(lead)
    learned = None if judgement is None else judgement.probability
    return Score(
        lead=lead,
        points=round(sum(e.points for e in given), 2),
        earned=tuple(given),
        probability=lead.probability if hand else learned,
        by_hand=hand,
        judgement=judgement,
    )


def _stored(work: Work, lead: Lead, score: Score) -> Lead:
    changes: dict[str, Any] = {"points": score.points}
    if score.judgement is not None:
        changes |= foretold(lead, score.judgement.probability)
    if all(getattr(lead, n) == v for n, v in changes.items()):
        return lead
    return work.save(Change(lead.evolve(scored_at=work.now, **changes)))


def rescored(work: Work, among: Rule) -> int:
    """Store what leads are worth now: a few queries, however many there are; how many have changed."""
    changes = _changes(work, among)
    ids = list(changes)
    for begin in range(0, len(ids), CHUNK):
        found = work.find(Lead, F.id.in_(ids[begin : begin + CHUNK]))
        work.put([lead.evolve(scored_at=work.now, **changes[lead.id]) for lead in found])
    return len(ids)


def _changes(work: Work, among: Rule) -> dict[str, dict[str, Any]]:
    """By lead whose scores are others now, the fields that change; nothing else of the leads is read."""
    rules = work.find(PointRule, order_by="name")
    given = earned(work, rules, among=among)
    model = model_of(work)
    judge = None if model is None else judge_of(table_of(work, model), model)
    read = () if model is None else facts_read(model)
    changes: dict[str, dict[str, Any]] = {}
    names = ("id", "points", "predicted", "probability", *read)
    for identifier, points, predicted, probability, *facts in work.columns(Lead, names, among):
        different: dict[str, Any] = {}
        if rules and (now := round(sum(e.points for e in given.get(identifier, [])), 2)) != points:
            different["points"] = now
        if judge is not None:
            likely = judge(facts)
            if likely != predicted:
                different["predicted"] = likely
            if likely != probability and not set_by_hand(probability, predicted):
                different["probability"] = likely
        if different:
            changes[identifier] = different
    return changes


def _learned(work: Work, model: LeadModel) -> LeadModel:
    saved = work.save(relearned(work, model))
    rescored(work, OPEN)
    work.cancel(saved.id, kind=LEARN)
    if saved.every is not None:
        due = work.now + saved.every
        work.schedule(LEARN, due_at=due, subject=saved.id, key=f"learn {saved.id} {due.isoformat()}")
    return saved


def learn_again(work: Work, _: AgendaItem) -> None:
    """The time to learn anew has come."""
    model = model_of(work)
    if model is not None and model.every is not None:
        _learned(work, model)

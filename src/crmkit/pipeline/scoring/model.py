"""The learned model of one CRM: what it looks at, what it has counted, and what has ended since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import start_of_day
from crmkit.kernel.entity import Entity, Kind, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.stays import StageSpan
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.scoring.bayes import METHODS, Features, Judgement, Outcome, Table

NAME = "leads"
COUNTED = ("converted", "disqualified")
STAGES = ("new", "working", "qualified", "converted")
FIELDS = ("source", "campaign_id", "country", "region", "language", "industry", "has_email", "has_phone", "tags")
NEVER = {"id", "stage", "reason", "key", "customer_id", "merged_into"}  # they tell how it ended, or nothing
PRESENCE = {"has_email": "email", "has_phone": "phone"}
Feature = Callable[[Any], tuple[str, ...]]


@entity("lead_model", prefix="lmod", plural="lead_models")
class LeadModel(Entity):
    """What was learned from the leads that have ended.

    Attributes:
        fields: what the model looks at beside the stage.
        since: leads captured before this day play no part.
        every: how often it is learned anew by itself.
        cells: the counts of the last learning.
        learned_from: how many leads that were.
    """

    name: str = attribute(unique=True, default=NAME)
    method: str = attribute(default="careful")
    fields: tuple[str, ...] = attribute(default=FIELDS)
    stages: tuple[str, ...] = attribute(default=STAGES)
    since: date | None = attribute(default=None)
    every: timedelta | None = attribute(default=None)
    cells: tuple[Any, ...] = attribute(default=())
    learned_from: int = attribute(default=0, at_least=0)
    counted_to: str | None = attribute(default=None)

    def check(self) -> None:
        """The method and the fields are known, and it is not learned anew more often than hourly."""
        if self.method not in METHODS:
            raise InvalidInput(f"scoring has no method {self.method!r}; it has {', '.join(METHODS)}")
        for field in self.fields:
            _checked(field)
        if len(self.stages) < 2:
            raise InvalidInput("a model needs the stages in order, the won one last")
        if self.every is not None and self.every < timedelta(hours=1):
            raise InvalidInput(f"a model is learned anew every hour at most, got every={self.every!r}")


@entity("lead_outcome", prefix="lout", append_only=True)
class LeadOutcome(Record):
    """A lead has ended, or is open again (*sign* −1): what the model counts between two times of learning.

    Rows are only added, so that closing leads never waits for the model or conflicts with it.
    """

    lead_id: str = attribute(references="lead", reverse="outcomes")
    won: bool = attribute()
    sign: int = attribute()
    team: str | None = attribute(default=None)
    stage: str | None = attribute(default=None)
    features: Mapping[str, Any] = attribute(factory=dict)

    def read(self) -> Outcome:
        """As the table counts it."""
        features = {f: tuple(values) for f, values in self.features.items()}
        return Outcome(won=self.won, team=self.team, stage=self.stage, features=features)


@event("pipeline.lead_model_learned")
class LeadModelLearned(Event):
    """The model was learned anew."""

    lead_model_id: str
    learned_from: int


def _checked(field: str) -> None:
    choices = [a.name for a in Lead.__schema__ if a.kind in {Kind.TEXT, Kind.TAGS} and not a.personal and not a.unique]
    known = {*choices, *PRESENCE} - NEVER
    if field not in known:
        near = nearest(field, known)
        hint = f"did you mean {near!r}?" if near else f"it may look at {', '.join(sorted(known))}"
        raise InvalidInput(f"scoring cannot look at {field!r}: {hint}")


def features(lead: Lead, fields: Sequence[str]) -> Features:
    """What a model that looks at *fields* sees of a lead; what is not known is left out.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> lead = Lead(id="lead_1", created_at=now, stage_since=now, name="Xu", source="tv", tags={"b", "a"})
    >>> features(lead, ["source", "country", "has_email", "tags"])
    {'source': ('tv',), 'has_email': ('no',), 'tags': ('a', 'b')}
    """
    return {f: values for f in fields if (values := feature(f, getattr(lead, PRESENCE.get(f, f))))}


def feature(field: str, value: Any) -> tuple[str, ...]:
    """The values of one field."""
    if field in PRESENCE:
        return ("yes",) if value else ("no",)
    if isinstance(value, frozenset):
        return tuple(sorted(value))
    return () if value is None else (value,)


def model_of(work: Work) -> LeadModel | None:
    """The model, if one was made."""
    return work.first(LeadModel, F.name == NAME)


def table_of(work: Work, model: LeadModel) -> Table:
    """What the model has counted up to now."""
    table = Table.from_json(model.cells, stages=model.stages, method=METHODS[model.method])
    later = (F.id > model.counted_to) if model.counted_to is not None else ~F.id.is_missing()
    for outcome in work.find(LeadOutcome, later, order_by="id"):
        table.count(outcome.read(), sign=1 if outcome.sign > 0 else -1)
    return table


def judged(table: Table, model: LeadModel, lead: Lead) -> Judgement:
    """The learned probability of an open lead."""
    return table.judge(features(lead, model.fields), team=lead.team, stage=lead.stage)


def likely(table: Table, model: LeadModel, lead: Lead) -> float:
    """The learned probability of an open lead, without the explanation."""
    return table.probability(features(lead, model.fields), team=lead.team, stage=lead.stage)


def facts_read(model: LeadModel) -> tuple[str, ...]:
    """The attributes of leads that :func:`judge_of` wants to see."""
    return ("team", "stage", *(PRESENCE.get(f, f) for f in model.fields))


def judge_of(table: Table, model: LeadModel) -> Callable[[Sequence[Any]], float]:
    """What gives the learned probability of open leads by their :func:`facts_read`, each kind of lead once."""
    known: dict[tuple[Any, ...], float] = {}
    present = [place for place, field in enumerate(model.fields, start=2) if field in PRESENCE]

    def judge(facts: Sequence[Any]) -> float:
        alike = list(facts)
        for place in present:
            alike[place] = bool(alike[place])
        key = tuple(alike)
        found = known.get(key)
        if found is None:
            team, stage, *values = key
            seen = {f: v for f, value in zip(model.fields, values, strict=True) if (v := feature(f, value))}
            found = known[key] = table.probability(seen, team=team, stage=stage)
        return found

    return judge


def by_hand(lead: Lead) -> bool:
    """Whether somebody has set the probability.

    Definition: Odoo's ``is_automated_probability``: it is automated when it equals the learned one at two decimals.
    """
    return set_by_hand(lead.probability, lead.predicted)


def set_by_hand(probability: float | None, predicted: float | None) -> bool:
    """The same, from the two numbers."""
    if probability is None:
        return False
    return predicted is None or round(probability, 2) != round(predicted, 2)


def foretold(lead: Lead, probability: float) -> dict[str, Any]:
    """The fields of a lead that change with what was learned; a probability set by hand stays."""
    kept = {} if by_hand(lead) else {"probability": probability}
    return {"predicted": probability, **kept}


def refresher(work: Work) -> Callable[[Lead], Lead]:
    """What gives a lead that is new or has changed the probability that goes with what it is now."""
    model = model_of(work)
    if model is None:
        return _as_it_is
    table = table_of(work, model)

    def refresh(lead: Lead) -> Lead:
        return lead.evolve(**foretold(lead, likely(table, model, lead))) if lead.open else lead

    return refresh


def _as_it_is(lead: Lead) -> Lead:
    return lead


def relearned(work: Work, model: LeadModel) -> Change[LeadModel]:
    """The model with the counts of all leads that have ended."""
    ended = F.stage.in_(COUNTED)
    if model.since is not None:
        ended &= F.created_at >= start_of_day(model.since, work.settings.zone)
    lost_in = _last_open_stages(work)
    names = ["id", "stage", "team", *dict.fromkeys(PRESENCE.get(f, f) for f in model.fields)]
    outcomes = []
    for row in work.columns(Lead, names, ended):
        values = dict(zip(names, row, strict=True))
        seen = {f: found for f in model.fields if (found := feature(f, values[PRESENCE.get(f, f)]))}
        won = values["stage"] == "converted"
        outcomes.append(Outcome(won=won, team=values["team"], stage=lost_in.get(values["id"]), features=seen))
    table = Table.learned(outcomes, stages=model.stages, method=METHODS[model.method])
    last = work.find(LeadOutcome, order_by="-id", limit=1)
    after = model.evolve(
        cells=tuple(table.to_json()), learned_from=len(outcomes), counted_to=last[0].id if last else None
    )
    return Change(after, (LeadModelLearned(lead_model_id=model.id, learned_from=after.learned_from),))


def _last_open_stages(work: Work) -> dict[str, str]:
    """By lead that was given up, the stage in which that happened."""
    rule = (F.machine == "lead") & (F.target == "disqualified") & (F.state != "merged")
    rows = work.columns(StageSpan, ["subject", "state", "created_at"], rule)
    return {subject: state for subject, state, _ in sorted(rows, key=lambda row: row[2])}


def noted(work: Work, before: Lead, after: Lead) -> None:
    """Let the model know that a lead has ended, or is open again."""
    ends = after.stage in COUNTED
    if (before.stage in COUNTED) == ends or (model := model_of(work)) is None:
        return
    ended = after if ends else before
    stage = before.stage if ends and before.stage != "merged" else _lost_in(work, ended)
    outcome = work.new(
        LeadOutcome,
        lead_id=after.id,
        won=ended.stage == "converted",
        sign=1 if ends else -1,
        team=ended.team,
        stage=stage,
        features={f: list(values) for f, values in features(ended, model.fields).items()},
    )
    work.add([outcome])


def _lost_in(work: Work, lead: Lead) -> str | None:
    rule = (F.subject == lead.id) & (F.machine == "lead") & (F.target == lead.stage) & (F.state != "merged")
    last = work.first(StageSpan, rule, order_by=("-created_at", "-id"))
    return None if last is None else last.state

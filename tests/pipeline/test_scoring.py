"""Scoring: points that fade, and a probability learned from leads that have ended."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F
from crmkit.errors import DefinitionError, InvalidInput, NotFound
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.scoring import CAREFUL, ODOO, Method, Outcome, Table
from crmkit.testing import FrozenClock

DAY = timedelta(days=1)

# ── Odoo's numbers: odoo/odoo addons/crm/tests/test_crm_pls.py, sales.json odoo-pls-02, -04, -05, -07 ──

STAGES = ("S1", "S2", "S3", "SW")
# (team, country, state, source, stage at creation, outcome), by number; the states of e-mail and phone are unset.
LEADS: list[tuple[str | None, str, str, str, str, str]] = [
    ("1", "C1", "T1", "U1", "S1", "lost"),
    ("1", "C2", "T2", "U2", "S2", "lost"),
    ("1", "C3", "T3", "U3", "S3", "won"),
    ("1", "C1", "T2", "U3", "S2", "open"),
    ("1", "C2", "T2", "U2", "S1", "open"),
    ("2", "C1", "T2", "U2", "S3", "lost"),
    ("2", "C1", "T2", "U3", "S2", "lost"),
    ("2", "C1", "T3", "U3", "S1", "won"),
    ("2", "C1", "T2", "U3", "S2", "open"),
    ("2", "C2", "T1", "U2", "S2", "open"),
    ("3", "C2", "T2", "U2", "S3", "won"),
    ("3", "C1", "T2", "U1", "S1", "lost"),
    ("3", "C2", "T3", "U3", "S1", "lost"),
    ("3", "C1", "T2", "U3", "S2", "open"),
]


def seen(number: int, *, email: str = "False", country: str | None = None) -> dict[str, tuple[str, ...]]:
    _, its_country, state, source, _, _ = LEADS[number]
    values = {"country": country or its_country, "state": state, "email_state": email, "phone_state": "False"}
    return {field: (value,) for field, value in {**values, "source": source}.items()}


def ended(number: int, *, won: bool, team: str | None, email: str = "False") -> Outcome:
    return Outcome(won=won, team=team, stage=LEADS[number][4], features=seen(number, email=email))


def odoo_table(*, third_team: str | None = "3", email: Any = lambda _: "False") -> Table:
    outcomes = [
        ended(n, won=outcome == "won", team=third_team if team == "3" else team, email=email(n))
        for n, (team, *_, outcome) in enumerate(LEADS)
        if outcome != "open"
    ]
    return Table.learned(outcomes, stages=STAGES, method=ODOO)


def odoo_score(table: Table, number: int, *, stage: str | None = None, **changed: Any) -> float:
    team = LEADS[number][0]
    return table.judge(seen(number, **changed), team=team, stage=stage or LEADS[number][4]).probability


@pytest.mark.parametrize(("lead", "expected"), [(3, 33.49), (8, 7.74), (13, 35.09)])
def test_odoo_probabilities(lead: int, expected: float) -> None:
    """Case odoo-pls-02-probabilities."""
    assert odoo_score(odoo_table(), lead) == expected


def as_in_odoo(crm: CRM, *, third_team: str | None = "3", first_stage: tuple[int, ...] = ()) -> list[Lead]:
    """The leads of the case, moved by the verbs: S1, S2, S3 and SW are new, working, qualified and converted."""
    desk, leads = crm.pipeline.leads, []
    for n, (team, country, state, source, stage, outcome) in enumerate(LEADS):
        its_team = third_team if team == "3" else team
        place: dict[str, Any] = {"country": country, "region": state, "source": source, "team": its_team}
        lead = desk.capture(name=f"lead {n}", email=f"lead{n}@test.example", **place)
        if outcome == "won":
            lead = desk.convert(desk.qualify(lead)).lead
        elif n not in first_stage and stage != "S1":
            lead = desk.pursue(lead) if stage == "S2" else desk.qualify(lead)
        if outcome == "lost":
            lead = desk.disqualify(lead, reason="lost")
        leads.append(lead)
    return leads


FIELDS = ("country", "region", "source")  # what is unset for all of them makes no difference


def predicted(crm: CRM, lead: Lead) -> float | None:
    return crm.pipeline.leads.get(lead.id).predicted


def test_odoo_probabilities_by_the_verbs(anywhere: CRM) -> None:
    """Case odoo-pls-02-probabilities."""
    leads = as_in_odoo(anywhere)
    anywhere.pipeline.scoring.learn(method="odoo", fields=FIELDS)
    assert [predicted(anywhere, leads[n]) for n in (3, 8, 13)] == [33.49, 7.74, 35.09]


def test_odoo_live_increments_by_the_verbs(anywhere: CRM) -> None:
    """Cases odoo-pls-04-live-increments and -05: closing counts, others wait, a changed field counts at once."""
    leads = as_in_odoo(anywhere, third_team=None, first_stage=(3, 8))
    desk, scoring = anywhere.pipeline.leads, anywhere.pipeline.scoring
    scoring.learn(method="odoo", fields=FIELDS)
    before = {n: predicted(anywhere, leads[n]) for n in (3, 8)}
    desk.recycle(desk.disqualify(leads[4].id, reason="lost"))  # counted, and taken back again
    desk.convert(desk.qualify(leads[9].id))
    assert {n: predicted(anywhere, leads[n]) for n in (3, 8)} == before
    scoring.rescore()
    assert [predicted(anywhere, leads[n]) for n in (3, 8)] == [20.87, 2.43]
    changed = desk.update(leads[8].id, country="C2")
    assert changed.predicted == pytest.approx(34.38, abs=0.01)
    by_hand = scoring.set(leads[3].id, probability=40)
    moved = desk.update(by_hand, country="C3")
    assert moved.probability == 40
    assert moved.predicted != by_hand.predicted


def test_odoo_stage_only_by_the_verbs(anywhere: CRM) -> None:
    """Case odoo-pls-07-choice-of-fields."""
    leads = as_in_odoo(anywhere, third_team=None, first_stage=(3, 8))
    anywhere.pipeline.leads.convert(anywhere.pipeline.leads.qualify(leads[9]))
    anywhere.pipeline.scoring.learn(method="odoo", fields=())
    assert [predicted(anywhere, leads[n]) for n in (3, 8)] == [34.38, 50.0]


def test_odoo_factors_of_lead_3() -> None:
    judgement = odoo_table().judge(seen(3), team="1", stage="S2")
    prior, *others = judgement.factors
    assert (prior.won, prior.lost) == pytest.approx((0.34375, 0.65625))
    expected = {
        ("stage", "S2"): (1.1 / 1.1, 1.1 / 2.1),
        ("country", "C1"): (0.1 / 1.3, 1.1 / 2.3),
        ("state", "T2"): (0.1 / 1.3, 1.1 / 2.3),
        ("email_state", "False"): (1.1 / 1.1, 2.1 / 2.1),
        ("phone_state", "False"): (1.1 / 1.1, 2.1 / 2.1),
        ("source", "U3"): (1.1 / 1.3, 0.1 / 2.3),
    }
    assert {(f.field, f.value) for f in others} == expected.keys()
    for factor in others:
        assert (factor.won, factor.lost) == pytest.approx(expected[factor.field, factor.value])
    assert [f.field for f in judgement.helping] == ["source", "stage"]
    assert [f.value for f in judgement.hurting] == ["C1", "T2"]


def rows(table: Table, team: str) -> dict[str, tuple[float, float]]:
    named = {"S1": "stage", "SW": "stage", "C2": "country", "False": "email_state"}
    return {
        value: table.cells[team, field, value] for value, field in named.items() if (team, field, value) in table.cells
    }


def test_odoo_live_increments() -> None:
    """Case odoo-pls-04-live-increments."""
    table = odoo_table(third_team=None)
    lead_4_lost, lead_4_won = (ended(4, won=won, team="1") for won in (False, True))
    table.count(lead_4_lost, sign=1)
    table.count(ended(9, won=True, team="2"), sign=1)
    assert rows(table, "1") == {"S1": (1.1, 3.1), "SW": (1.1, 0.1), "C2": (0.1, 2.1), "False": (1.1, 3.1)}
    assert rows(table, "2") == {"S1": (2.1, 2.1), "SW": (2.1, 0.1), "C2": (1.1, 0.1), "False": (2.1, 2.1)}
    table.count(lead_4_lost, sign=-1)
    assert rows(table, "1") == {"S1": (1.1, 2.1), "SW": (1.1, 0.1), "C2": (0.1, 1.1), "False": (1.1, 2.1)}
    table.count(lead_4_won, sign=1)
    assert rows(table, "1") == {"S1": (2.1, 2.1), "SW": (2.1, 0.1), "C2": (1.1, 1.1), "False": (2.1, 2.1)}
    table.count(lead_4_won, sign=-1)
    assert rows(table, "1") == {"S1": (1.1, 2.1), "SW": (1.1, 0.1), "C2": (0.1, 1.1), "False": (1.1, 2.1)}


def test_odoo_field_changes() -> None:
    """Case odoo-pls-05-field-changes-and-manual-probability."""
    table = odoo_table(third_team=None)
    table.count(ended(9, won=True, team="2"), sign=1)
    assert odoo_score(table, 3, stage="S1") == 20.87
    assert odoo_score(table, 8, stage="S1") == 2.43
    assert odoo_score(table, 8, stage="S1", country="C2") == pytest.approx(34.38, abs=0.01)


@pytest.mark.parametrize("parity", [0, 1])
def test_odoo_choice_of_fields(parity: int) -> None:
    """Case odoo-pls-07-choice-of-fields; its leads with tags are not part of it, so its tag numbers are left out."""

    def email(number: int) -> str:
        return "correct" if number % 2 == parity else "incorrect"

    table = odoo_table(third_team=None, email=email)
    table.count(ended(9, won=True, team="2", email=email(9)), sign=1)
    assert odoo_score(table, 3, stage="S1", email=email(3)) == 4.21
    assert odoo_score(table, 8, stage="S1", email=email(8)) == 0.23
    assert table.judge({}, team="1", stage="S1").probability == 34.38
    assert table.judge({}, team="2", stage="S1").probability == 50.0


def test_one_win_in_odoo_is_nearly_certain_and_here_it_is_not() -> None:
    """Odoo PR 104365: 91.67 % after a single win."""
    once = [Outcome(won=True, team=None, stage=None, features={"source": ("friend",)})]
    by_odoo = Table.learned(once, stages=STAGES, method=ODOO).judge({}, team=None, stage="S1")
    assert by_odoo.probability == 91.67
    careful = Table.learned(once, stages=STAGES, method=CAREFUL).judge({"source": ("friend",)}, team=None, stage="S1")
    assert careful.probability == pytest.approx(66.67)  # one win and one loss are assumed beforehand
    assert careful.factors[-1].left_out == "seen 1 times, too few"


def test_odoo_tags_count_from_fifty_observations_on() -> None:
    def table(times: int) -> Table:
        some = [Outcome(won=n % 2 == 0, team=None, stage="S1", features={"tags": ("vip",)}) for n in range(times)]
        return Table.learned(some, stages=STAGES, method=ODOO)

    few = table(49).judge({"tags": ("vip",)}, team=None, stage="S1").factors[-1]
    many = table(50).judge({"tags": ("vip",)}, team=None, stage="S1").factors[-1]
    assert few.left_out is not None
    assert many.left_out is None


# ── The careful method ──


def outcomes(won: int, lost: int, *, team: str | None = None, **features: str) -> list[Outcome]:
    seen_as = {field: (value,) for field, value in features.items()}
    return [Outcome(won=n < won, team=team, stage="S1", features=seen_as) for n in range(won + lost)]


def test_a_small_team_is_judged_by_everybody() -> None:
    history = outcomes(40, 10, team="big", source="friend") + outcomes(5, 45, team="big", source="ad")
    history += outcomes(0, 2, team="small", source="friend")
    table = Table.learned(history, stages=STAGES)
    judgement = table.judge({"source": ("friend",)}, team="small", stage="S1")
    assert {f.judged_by for f in judgement.factors} == {"everybody"}
    assert judgement.probability > 50


def test_a_value_that_a_team_hardly_knows_is_judged_by_everybody_alone() -> None:
    history = outcomes(30, 30, team="a", source="ad") + outcomes(1, 0, team="a", source="friend")
    history += outcomes(5, 30, team="b", source="friend")
    judgement = Table.learned(history, stages=STAGES).judge({"source": ("friend",)}, team="a", stage="S1")
    prior, stage, source = judgement.factors
    assert (prior.judged_by, stage.judged_by, source.judged_by) == ("a", "a", "everybody")
    assert source.lift < 1


def test_what_nobody_has_seen_is_left_out_and_said() -> None:
    judgement = Table.learned(outcomes(10, 10, source="ad"), stages=STAGES).judge(
        {"source": ("moon",)}, team=None, stage="S1"
    )
    assert judgement.factors[-1].left_out == "never seen"
    assert judgement.probability == 50.0
    assert "never seen" in format(judgement, "md")
    assert "<table" in judgement._repr_html_()


def test_smoothing_is_needed() -> None:
    with pytest.raises(InvalidInput, match="smoothing"):
        Method(name="bold", smoothing=0)


def rounded(table: Table) -> dict[tuple[str, str, str], tuple[float, float]]:
    """The rows that somebody is counted in."""
    cells = {cell: (round(won, 1), round(lost, 1)) for cell, (won, lost) in table.cells.items()}
    return {cell: counts for cell, counts in cells.items() if counts != (table.method.added,) * 2}


FEATURES = st.fixed_dictionaries({"source": st.sampled_from([("a",), ("b",), ("c",), ()]), "tags": st.just(("x",))})
OUTCOMES = st.builds(
    Outcome,
    won=st.booleans(),
    team=st.sampled_from([None, "t", "u"]),
    stage=st.sampled_from(["S1", "S2", "S3"]),
    features=FEATURES,
)


@pytest.mark.parametrize("method", [CAREFUL, ODOO])
@given(history=st.lists(OUTCOMES, max_size=40), more=st.lists(OUTCOMES, max_size=10), team=st.sampled_from([None, "t"]))
def test_live_counts_equal_learning_anew_and_can_be_taken_back(
    method: Method, history: list[Outcome], more: list[Outcome], team: str | None
) -> None:
    live = Table.learned(history, stages=STAGES, method=method)
    for outcome in more:
        live.count(outcome, sign=1)
    anew = Table.learned(history + more, stages=STAGES, method=method)
    assert rounded(live) == rounded(anew)
    wanted = {"source": ("a",), "tags": ("x", "y")}
    judged = live.judge(wanted, team=team, stage="S2")
    assert judged.probability == pytest.approx(anew.judge(wanted, team=team, stage="S2").probability, abs=0.011)
    assert 0.01 <= judged.probability <= 99.99
    for outcome in more:
        live.count(outcome, sign=-1)
    before = Table.learned(history, stages=STAGES, method=method)
    assert rounded(live) == rounded(before)
    assert Table.from_json(anew.to_json(), stages=STAGES, method=method).cells == anew.cells


# ── On stored leads ──


def history(crm: CRM, *, won: int, lost: int, **fields: Any) -> None:
    for n in range(won + lost):
        lead = crm.pipeline.leads.capture(name=f"Lead {n}", phone="139 1234 5678", **fields)
        lead = crm.pipeline.leads.qualify(lead)
        if n < won:
            crm.pipeline.leads.convert(lead, without_opportunity=True)
        else:
            crm.pipeline.leads.disqualify(lead, reason="no")


def test_learning_judges_open_leads_and_explains(anywhere: CRM) -> None:
    history(anywhere, won=6, lost=2, source="friend", tags={"couple"})
    history(anywhere, won=1, lost=7, source="advert")
    friend = anywhere.pipeline.leads.capture(name="F", source="friend", tags={"couple"})
    advert = anywhere.pipeline.leads.capture(name="A", source="advert")
    assert friend.probability is None
    model = anywhere.pipeline.scoring.learn(fields=["source", "tags"])
    assert model.learned_from == 16
    by_friend, by_advert = (anywhere.pipeline.leads.get(lead.id) for lead in (friend, advert))
    assert by_friend.probability is not None
    assert by_advert.probability is not None
    assert by_friend.probability > 60
    assert by_advert.probability < 40
    score = anywhere.pipeline.scoring.explain(by_friend)
    assert score.judgement is not None
    assert score.probability == by_friend.probability == by_friend.predicted
    counted = {(f.field, f.value): (f.wins, f.losses) for f in score.judgement.factors}
    expected = {("source", "friend"): (6, 2), ("tags", "couple"): (6, 2), ("stage", "new"): (7, 9)}
    assert counted.items() >= expected.items()


def test_a_new_or_changed_lead_is_judged_at_once_and_a_closed_one_is_counted(anywhere: CRM) -> None:
    history(anywhere, won=6, lost=2, source="friend")
    history(anywhere, won=2, lost=6, source="advert")
    anywhere.pipeline.scoring.learn(fields=["source"])
    lead = anywhere.pipeline.leads.capture(name="New", source="friend")
    other = anywhere.pipeline.leads.capture(name="Other", source="friend")
    assert (
        lead.probability == other.probability == 70.0
    )  # seven of ten friends, three of ten lost ones, and an even prior
    changed = anywhere.pipeline.leads.update(lead, source="advert")
    assert changed.probability == 30.0
    gone = anywhere.pipeline.leads.disqualify(anywhere.pipeline.leads.update(changed, source="friend"), reason="no")
    assert anywhere.pipeline.leads.get(other.id).probability == other.probability  # others wait for the next learning
    after = anywhere.pipeline.scoring.explain(other)
    assert after.judgement is not None
    assert {f.value: f.losses for f in after.judgement.factors}["friend"] == 3
    anywhere.pipeline.leads.recycle(gone)
    again = anywhere.pipeline.scoring.explain(other)
    assert again.probability == other.probability


def test_counting_live_is_the_same_as_learning_anew(crm: CRM) -> None:
    history(crm, won=3, lost=3, source="friend")
    crm.pipeline.scoring.learn(fields=["source", "has_phone"])
    history(crm, won=2, lost=4, source="advert")
    lead = crm.pipeline.leads.qualify(crm.pipeline.leads.capture(name="X", email="x@y.example", source="friend"))
    crm.pipeline.leads.undo(crm.pipeline.leads.convert(lead, without_opportunity=True))
    live = crm.pipeline.scoring.explain(lead.id)
    crm.pipeline.scoring.learn()
    assert crm.pipeline.scoring.explain(lead.id).judgement == live.judgement


def test_a_probability_set_by_hand_stays(anywhere: CRM) -> None:
    history(anywhere, won=6, lost=2, source="friend")
    anywhere.pipeline.scoring.learn(fields=["source"])
    lead = anywhere.pipeline.leads.capture(name="New", source="friend")
    lead = anywhere.pipeline.scoring.set(lead, probability=40)
    lead = anywhere.pipeline.leads.update(lead, source="advert")
    assert (lead.probability, lead.predicted == lead.probability) == (40.0, False)
    assert anywhere.pipeline.scoring.explain(lead).by_hand
    lead = anywhere.pipeline.scoring.set(lead, probability=None)
    assert lead.probability == lead.predicted
    for wrong in (101, -1, "high", True, float("nan")):
        with pytest.raises(InvalidInput, match="0 to 100"):
            anywhere.pipeline.scoring.set(lead, probability=wrong)  # type: ignore[arg-type]


def test_it_learns_anew_by_itself(anywhere: CRM, clock: FrozenClock) -> None:
    history(anywhere, won=6, lost=2, source="friend")
    anywhere.pipeline.scoring.learn(fields=["source"], every=DAY)
    lead = anywhere.pipeline.leads.capture(name="New", source="friend")
    history(anywhere, won=0, lost=20, source="friend")
    assert anywhere.pipeline.leads.get(lead.id).probability == lead.probability
    clock.advance(days=3)
    assert anywhere.run_due().ran == 1
    judged = anywhere.pipeline.leads.get(lead.id).probability
    assert judged is not None
    assert lead.probability is not None
    assert judged < lead.probability


def test_old_leads_can_be_left_out(crm: CRM, clock: FrozenClock) -> None:
    history(crm, won=6, lost=0, source="friend")
    clock.advance(days=10)
    history(crm, won=0, lost=6, source="friend")
    assert crm.pipeline.scoring.learn(since=date(2026, 3, 12)).learned_from == 6


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fields": ["sauce"]}, "did you mean 'source'"),
        ({"fields": ["email"]}, "cannot look at"),
        ({"fields": ["customer_id"]}, "cannot look at"),  # only those who were won have one
        ({"fields": ["merged_into"]}, "cannot look at"),
        ({"method": "magic"}, "careful, odoo"),
        ({"every": timedelta(minutes=1)}, "every hour"),
    ],
)
def test_bad_models_are_refused(crm: CRM, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.scoring.learn(**wrong)


# ── Points ──


def test_points_fade_and_are_explained(anywhere: CRM, clock: FrozenClock) -> None:
    scoring = anywhere.pipeline.scoring
    scoring.define("large", rule=F.employees >= 100, points=20)
    scoring.define("fresh", rule=F.source == "web", points=8, half_life=10 * DAY)
    scoring.define(
        "talks", rule=F.kind.in_(["call", "visit"]), each="activities", points=5, half_life=5 * DAY, at_most=12
    )
    scoring.define("spam", rule=F.tags.has("spam"), points=-50)
    lead = anywhere.pipeline.leads.capture(name="Xiao Wang", employees=250, source="web")
    anywhere.pipeline.leads.capture(name="Other", tags={"spam"})
    for _ in range(2):
        anywhere.pipeline.activities.log("call", subject="x", about=lead)
    assert scoring.explain(lead).points == 38.0
    clock.advance(days=10)
    for _ in range(2):
        anywhere.pipeline.activities.log("visit", subject="x", about=lead)
    score = scoring.explain(lead)
    assert {e.rule: (e.points, e.times) for e in score.earned} == {
        "large": (20.0, 1),
        "fresh": (4.0, 1),
        "talks": (12.0, 4),
    }
    assert "talks" in format(score, "md")
    assert "36 points" in score._repr_html_()
    assert scoring.score(lead).points == 36.0


def test_rescoring_stores_what_has_changed_only(anywhere: CRM) -> None:
    scoring = anywhere.pipeline.scoring
    scoring.define("large", rule=F.employees >= 100, points=20)
    large = anywhere.pipeline.leads.capture(name="A", employees=100)
    anywhere.pipeline.leads.capture(name="B", employees=99)
    assert scoring.rescore() == 2
    assert scoring.rescore() == 0
    anywhere.pipeline.leads.update(large.id, employees=1)
    assert scoring.rescore() == 1
    assert anywhere.pipeline.leads.count(F.points == 0.0) == 2


def test_bad_point_rules_are_refused(crm: CRM) -> None:
    scoring = crm.pipeline.scoring
    with pytest.raises(DefinitionError, match="employees"):
        scoring.define("x", rule=F.emploees > 1, points=1)
    with pytest.raises(DefinitionError, match="employees"):
        scoring.define("x", rule=F.employees > 1, each="activities", points=1)
    with pytest.raises(InvalidInput, match="activities"):
        scoring.define("x", rule=F.kind == "call", each="activity", points=1)
    with pytest.raises(InvalidInput, match="same sign"):
        scoring.define("x", rule=F.kind == "call", each="activities", points=1, at_most=-3)
    with pytest.raises(InvalidInput, match="half-life"):
        scoring.define("x", rule=F.source == "a", points=1, half_life=-DAY)
    with pytest.raises(InvalidInput, match="instant of a lead"):
        scoring.define("x", rule=F.source == "a", points=1, half_life=DAY, since="name")
    with pytest.raises(NotFound):
        scoring.forget("x")
    assert scoring.count() == 0


def test_a_rule_is_changed_and_forgotten(crm: CRM) -> None:
    scoring = crm.pipeline.scoring
    scoring.define("web", rule=F.source == "web", points=1)
    scoring.define("web", rule=F.source == "web", points=2)
    lead: Lead = crm.pipeline.leads.capture(name="x", source="web")
    assert scoring.explain(lead).points == 2
    scoring.forget("web")
    assert scoring.explain(lead).points == 0


KINDS: tuple[Literal["call", "visit"], ...] = ("call", "visit")


def test_points_of_activities_count_from_when_they_happened(crm: CRM, clock: FrozenClock) -> None:
    crm.pipeline.scoring.define("talks", rule=F.status == "done", each="activities", points=8, half_life=DAY)
    lead = crm.pipeline.leads.capture(name="x")
    for kind, days in zip(KINDS, (1, 3), strict=True):
        crm.pipeline.activities.log(kind, subject="x", about=lead, at=at(clock, days))
    assert crm.pipeline.scoring.explain(lead).points == 5.0


def at(clock: FrozenClock, days: int) -> datetime:
    return clock.now() - days * DAY

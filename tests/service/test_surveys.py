"""Surveys and solutions: what customers say, and which answers they were satisfied with."""

from __future__ import annotations

from typing import Any

import pytest

from crmkit import CRM, F, InvalidInput, NotFound, Refused, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.kernel.intervals import share_between
from crmkit.service.cases.case import Case


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li", email="li@example.com")


def solved(crm: CRM, customer: Customer, subject: str = "Two pictures are over-retouched") -> Case:
    case = crm.service.cases.open(customer, kind="complaint", subject=subject)
    case = crm.service.cases.assign(case, owner="agent:xu")
    return crm.service.cases.resolve(case, solution="Re-edited both pictures")


def test_a_resolution_is_answered_once(crm: CRM, li: Customer) -> None:
    case = solved(crm, li)
    crm.service.surveys.answer(case, score=2, comment="Too late")
    with pytest.raises(Refused, match="answered for this already"):
        crm.service.surveys.answer(case, score=5)
    case = crm.service.cases.resolve(crm.service.cases.reopen(case.id, reason="still red"), solution="Again")
    assert crm.service.surveys.answer(case, score=4).cycle == 2
    assert crm.customers.profile(li).satisfaction == 4


@pytest.mark.parametrize("score", [0, 6, 4.5, "5", None])
def test_a_score_lies_on_the_scale(crm: CRM, li: Customer, score: object) -> None:
    case = solved(crm, li)
    with pytest.raises(InvalidInput, match="goes from 1 to 5"):
        crm.service.surveys.answer(case, score=score)  # type: ignore[arg-type]
    assert crm.customers.profile(li).sections["service"].get("satisfaction") is None


def test_the_formula_stands_in_the_survey(crm: CRM, li: Customer) -> None:
    surveys = crm.service.surveys
    for score in (10, 9, 8, 7, 6, 0):
        guest = crm.customers.register(name=f"Guest {score}")
        surveys.answer(guest, score=score, survey="recommendation")
    nps = surveys.results("recommendation").groups[0]
    assert nps.score == pytest.approx(0)
    for score in (5, 5, 4, 1):
        surveys.answer(solved(crm, li), score=score)
    csat = surveys.results("satisfaction", by="owner").groups
    assert [(g.group, g.answers, g.score) for g in csat] == [("agent:xu", 4, 0.75)]
    assert csat[0].interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert "| agent:xu | 4 | 0.75 |" in format(surveys.results("satisfaction", by="owner"), "md")
    with pytest.raises(InvalidInput, match="0 to 10 only"):
        surveys.define("short nps", question="?", low=1, high=5, formula="nps")
    with pytest.raises(Refused, match="has answers on its scale"):
        surveys.define("satisfaction", high=7)
    with pytest.raises(NotFound, match="did you mean 'recommendation'"):
        surveys.results("recomendation")


@pytest.mark.parametrize(
    ("alert", "says"),
    [
        ({"alert_at": 99, "alert_to": "manager@studio.example"}, "on its scale, from 1 to 5, not 99"),
        ({"alert_at": 2, "alert_to": "not an address"}, "alert_to 'not an address' is no e-mail address"),
    ],
)
def test_an_alert_has_a_score_of_the_scale_and_an_address(crm: CRM, alert: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        crm.service.surveys.define("satisfaction", **alert)


def test_low_answers_are_told_at_once(crm: CRM, li: Customer) -> None:
    crm.service.surveys.define("satisfaction", alert_at=2, alert_to="manager@studio.example")
    crm.service.surveys.answer(solved(crm, li), score=3)
    crm.service.surveys.answer(solved(crm, li), score=2)
    assert [(m.to, m.subject) for m in crm.outbox.due()] == [
        ("manager@studio.example", "satisfaction: 2 of 5 about “Two pictures are over-retouched”")
    ]


def test_few_answers_say_little() -> None:
    narrow, wide = share_between(80, 100), share_between(4, 5)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    assert 0 <= wide[0] < 0.8 < wide[1] <= 1


def test_only_published_solutions_are_offered(crm: CRM) -> None:
    solutions = crm.service.solutions
    draft = solutions.draft(title="Pictures look too smooth", body="Ask for a re-edit of single pictures.")
    assert solutions.suggest("my pictures are over-retouched") == []
    published = solutions.publish(draft)
    assert [s.solution.id for s in solutions.suggest("my PICTURES are over-retouched")] == [draft.id]
    revised = solutions.revise(published, body="Two pictures are re-edited for free.")
    assert (revised.stage, revised.edition) == ("draft", 2)
    assert solutions.suggest("pictures") == []
    with pytest.raises(TransitionRefused, match="it needs a reason"):
        solutions.withdraw(revised, reason="")


def test_the_answers_that_satisfied_most_come_first(crm: CRM, li: Customer) -> None:
    solutions = crm.service.solutions
    good, bad = (
        solutions.publish(solutions.draft(title="Album delivery time", body=body))
        for body in ("One week.", "Who knows.")
    )
    for solution, score in ((good, 5), (bad, 1)):
        case = solved(crm, li, subject="Album delivery time")
        solutions.used(solution, case=case)
        solutions.used(solution, case=case)
        crm.service.surveys.answer(case, score=score)
    offers = solutions.suggest("delivery time of the album")
    assert [(o.solution.id, o.uses, o.satisfaction) for o in offers] == [(good.id, 1, 5), (bad.id, 1, 1)]
    assert solutions.find(F.uses.count() == 1, order_by="id") == [good, bad]


def test_a_solution_is_drafted_from_a_solved_case(crm: CRM, li: Customer) -> None:
    case = solved(crm, li)
    drafted = crm.service.solutions.draft_from(case)
    assert (drafted.title, drafted.body) == ("Two pictures are over-retouched", "Re-edited both pictures")
    fresh = crm.service.cases.open(li, kind="question", subject="When?")
    with pytest.raises(Refused, match="has no solution yet"):
        crm.service.solutions.draft_from(fresh)


def test_scripts_without_spaces_are_found(crm: CRM) -> None:
    solutions = crm.service.solutions
    album = solutions.publish(solutions.draft(title="婚纱照什么时候可以取", body="三周以后。", language="zh"))
    solutions.publish(solutions.draft(title="如何退款", body="联系客服。", language="zh"))
    assert [s.solution.id for s in solutions.suggest("我的婚纱照在哪里")] == [album.id]
    assert solutions.suggest("我的婚纱照在哪里", language="en") == []


def test_a_solution_is_found_by_its_present_words(crm: CRM) -> None:
    solutions = crm.service.solutions
    album = solutions.publish(solutions.draft(title="Album delivery", body="Two weeks.", keywords=frozenset({"POST"})))
    assert [s.solution.id for s in solutions.suggest("Post?")] == [album.id]
    revised = solutions.publish(solutions.revise(album, body="Three weeks.", keywords=frozenset()))
    assert solutions.suggest("post two") == []
    assert [s.solution for s in solutions.suggest("three")] == [revised]
    assert solutions.suggest("") == []
    assert solutions.find(F.words.where(F.word == "three").any()) == [revised]


def test_what_the_customer_wrote_first_counts(crm: CRM, li: Customer) -> None:
    solutions = crm.service.solutions
    album = solutions.publish(solutions.draft(title="Album delivery", body="Two weeks."))
    case = crm.service.cases.open(li, subject="A question", message="Where is my album?")
    assert [s.solution.id for s in solutions.suggest(case)] == [album.id]


def test_the_answers_that_helped_most_readers_come_first(crm: CRM, li: Customer) -> None:
    solutions = crm.service.solutions
    old, liked, disliked = (
        solutions.publish(solutions.draft(title="Album delivery time", body=body)) for body in ("A", "B", "C")
    )
    for helpful in (True, True, False):
        solutions.rate(liked, helpful=helpful)
    solutions.rate(disliked, helpful=True, customer=li)
    case = crm.service.cases.open(li, subject="When?")
    changed = solutions.rate(disliked, helpful=False, case=case)
    assert (changed.helpful, changed.unhelpful) == (0, 1)
    offers = solutions.suggest("album delivery time")
    assert [(o.solution.id, o.helpful, o.unhelpful) for o in offers] == [
        (liked.id, 2, 1),
        (old.id, 0, 0),
        (disliked.id, 0, 1),
    ]
    with pytest.raises(Refused, match="only published ones"):
        solutions.rate(solutions.draft(title="New", body="New"), helpful=True)


def test_a_ready_made_survey_that_nobody_has_used_is_named_as_one(crm: CRM) -> None:
    for look in (crm.service.surveys.results, crm.service.surveys.reach, crm.service.surveys.stop_asking):
        with pytest.raises(NotFound, match="it comes ready-made"):
            look("satisfaction")

"""Solutions: found in any script by one formula, ranked by what became of them, and offered before a case is opened."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, F, InvalidInput, NotFound, Refused, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.service.solutions import Solution, Solutions
from crmkit.service.solutions.searching import fits
from crmkit.service.solutions.words import words
from crmkit.service.surveys.links import SECRET
from crmkit.testing import FrozenClock


@pytest.fixture
def solutions(crm: CRM) -> Solutions:
    return crm.service.solutions


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li", language="zh")


def published(solutions: Solutions, title: str, body: str = "Two weeks.", **fields: Any) -> Solution:
    return solutions.publish(solutions.draft(title=title, body=body, **fields))


# ── Words ──


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's über-cool: ÜBER", ["it", "s", "über", "cool", "über"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("u\u0308ber über", ["über", "über"]),
        ("相册Album寄出", ["相册", "album", "寄出"]),
        ("相", ["相"]),
        ("สวัสดีครับ", ["สว", "วั", "ัส", "สด", "ดี", "ีค", "คร", "รั", "ับ"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("アルバム", ["アル", "ルバ", "バム"]),
        ("𠀀𠀁𠀂", ["𠀀𠀁", "𠀁𠀂"]),
        ("__a-b__ ?!", ["a", "b"]),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


# ── The formula ──


def test_the_fit_is_bm25(solutions: Solutions) -> None:
    """Of 4, 5 and 5 words (those of the title count three times), in which "album" stands 4, 1 and 0 times."""
    album = published(solutions, "album", "album")
    parcel = published(solutions, "parcel", "with album")
    published(solutions, "refund", "within days")
    found = {f.solution.id: f.fit for f in solutions.search("Album")}
    average = (4 + 5 + 5) / 3
    assert found[album.id] == 1  # 4 * 2.2 / (4 + 1.2 * (0.25 + 0.75 * 4 / average)) is more
    assert found[parcel.id] == pytest.approx(2.2 / (1 + 1.2 * (0.25 + 0.75 * 5 / average)))
    assert found.keys() == {album.id, parcel.id}


VOCABULARY = ["album", "picture", "refund", "parcel", "smile", "the", "of", "相册", "寄出"]
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)


def naive(corpus: dict[str, str], asked: str) -> dict[str, float]:
    """BM25 by reading everything."""
    tokens = {k: words(text) for k, text in corpus.items()}
    average = sum(map(len, tokens.values())) / len(tokens)
    scores: dict[str, float] = {}
    whole = 0.0
    for word in sorted(set(words(asked))):
        having = [k for k, found in tokens.items() if word in found]
        worth = log(1 + (len(tokens) - len(having) + 0.5) / (len(having) + 0.5))
        whole += worth
        for k in having:
            times, length = tokens[k].count(word), len(tokens[k])
            scores[k] = scores.get(k, 0) + worth * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / average))
    return {k: min(1.0, score / whole) for k, score in scores.items()}


@pytest.mark.slow
@settings(max_examples=25)
@given(bodies=st.lists(TEXTS, min_size=1, max_size=25), asked=TEXTS, best=st.integers(1, 5), step=st.integers(1, 10))
def test_what_is_left_out_would_not_have_come_first(bodies: list[str], asked: str, best: int, step: int) -> None:
    """Whatever is read at a time, the best are those that reading everything finds, in both stores alike."""
    answers = []
    for url in ("memory://", "sqlite://"):
        with CRM.open(url) as crm, pytest.MonkeyPatch.context() as patch:
            patch.setattr("crmkit.service.solutions.searching.AT_ONCE", step)
            for body in bodies:
                published(crm.service.solutions, "·", body)
            corpus = {s.id: s.body for s in crm.service.solutions.find(order_by="id")}
            with crm.read() as work:
                found = fits(work, asked, language=None, limit=best)
            expected = naive(corpus, asked)
            assert list(found.values()) == pytest.approx(sorted(expected.values(), reverse=True)[:best])
            assert all(found[k] == pytest.approx(expected[k]) for k in found)
            answers.append(list(found.values()))
    assert answers[0] == answers[1]


def test_rare_words_weigh_more_and_the_title_counts_three_times(solutions: Solutions) -> None:
    for n in range(10):
        published(solutions, f"Question {n}", "The picture is on the way.")
    wanted = published(solutions, "Embossing", "On request.")
    beside = published(solutions, "Cover", "Embossing on request.")
    assert [f.solution.id for f in solutions.search("the picture with embossing")][:2] == [wanted.id, beside.id]


# ── Editions, languages, drafts ──


def test_editions_are_kept_and_can_be_taken_up_again(solutions: Solutions) -> None:
    first = published(solutions, "Delivery", "Two weeks.", keywords=frozenset({"post"}))
    second = solutions.publish(solutions.revise(first, body="Three weeks.", keywords=frozenset()))
    solutions.publish(solutions.revise(solutions.revise(second, body="Who knows."), body="Four weeks."))
    assert [(e.edition, e.body) for e in solutions.editions(first.id)] == [
        (4, "Four weeks."),
        (2, "Three weeks."),
        (1, "Two weeks."),
    ]
    again = solutions.restore(first.id, edition=1)
    assert (again.stage, again.edition, again.body, again.keywords) == ("draft", 5, "Two weeks.", frozenset({"post"}))
    with pytest.raises(NotFound, match=r"edition 3 of solution .* was never published"):
        solutions.restore(first.id, edition=3)


def test_of_one_solution_in_two_languages_one_is_offered(crm: CRM, solutions: Solutions, li: Customer) -> None:
    english = published(solutions, "Album delivery time 相册", "Two weeks.")
    chinese = solutions.translate(english, language="zh", title="相册什么时候寄出", body="两周之内。")
    assert [s.solution.id for s in solutions.suggest("相册")] == [english.id]  # nobody is offered a draft
    solutions.publish(chinese)
    case = crm.service.cases.open(li, subject="Album delivery")
    assert [s.solution.id for s in solutions.suggest(case)] == [chinese.id]
    assert [s.solution.id for s in solutions.suggest("album delivery")] == [english.id]
    assert [s.solution.id for s in solutions.suggest("相册", language="zh")] == [chinese.id]
    for again in (english, chinese):
        with pytest.raises(Refused, match="there in 'zh' already"):
            solutions.translate(again, language="zh", title="?", body="?")


def test_only_what_is_published_is_found(solutions: Solutions) -> None:
    draft = solutions.draft(title="Delivery", body="Two weeks.")
    assert solutions.search("delivery") == []
    shown = solutions.publish(solutions.submit(draft))
    assert [f.solution for f in solutions.search("delivery")] == [shown]
    revised = solutions.revise(shown, title="Shipping")
    assert solutions.search("delivery shipping") == []
    shown = solutions.publish(revised)
    assert (solutions.search("delivery"), [f.solution for f in solutions.search("shipping")]) == ([], [shown])
    withdrawn = solutions.withdraw(shown, reason="wrong")
    assert solutions.search("shipping") == []
    with pytest.raises(TransitionRefused):
        solutions.publish(withdrawn)


@pytest.mark.parametrize("text", ["", "?!", "nothing of this is known", "x" * 100_000, "the " * 50_000])
def test_any_text_may_be_looked_for(solutions: Solutions, text: str) -> None:
    published(solutions, "Delivery")
    assert solutions.suggest(text) == []


# ── What became of them ──


def answered(crm: CRM, customer: Customer, solution: Solution, score: int, survey: str = "satisfaction") -> None:
    case = crm.service.cases.open(customer, subject="Delivery")
    crm.service.solutions.used(solution, case=case)
    case = crm.service.cases.resolve(crm.service.cases.get(case.id), solution="Two weeks")
    crm.service.surveys.answer(case, score=score, survey=survey)


def test_one_voice_does_not_beat_many(crm: CRM, solutions: Solutions, li: Customer) -> None:
    many, one, none, bad = (published(solutions, "Delivery time", body) for body in ("A", "B", "C", "D"))
    for score in (5, 5, 5, 5, 5, 5, 4):
        answered(crm, li, many, score)
    answered(crm, li, one, 5)
    answered(crm, li, bad, 1)
    offers = solutions.suggest("delivery time")
    assert [o.solution.id for o in offers] == [many.id, one.id, none.id, bad.id]
    assert [o.satisfaction for o in offers] == [pytest.approx(34 / 7), 5, None, 1]


def test_scores_of_different_scales_are_comparable(crm: CRM, solutions: Solutions, li: Customer) -> None:
    good, bad = published(solutions, "Delivery time", "A"), published(solutions, "Delivery time", "B")
    answered(crm, li, good, 5)
    answered(crm, li, bad, 5, survey="recommendation")  # five of ten
    offers = solutions.suggest("delivery time")
    assert [(o.solution.id, o.satisfaction) for o in offers] == [(good.id, 5), (bad.id, 3)]


def test_answers_that_were_given_before_count(crm: CRM, solutions: Solutions, li: Customer) -> None:
    case = crm.service.cases.resolve(crm.service.cases.open(li, subject="Delivery"), solution="Two weeks")
    crm.service.surveys.answer(case, score=4)
    drafted = solutions.publish(solutions.draft_from(case))
    assert [(o.uses, o.satisfaction) for o in solutions.suggest("delivery")] == [(1, 4)]
    solutions.used(drafted, case=case)
    assert [(o.uses, o.satisfaction) for o in solutions.suggest("delivery")] == [(1, 4)]


def test_a_link_of_a_survey_counts_for_the_solution(clock: FrozenClock) -> None:
    with CRM.open("sqlite://", clock=clock, answers={SECRET: lambda: "sixteen bytes at least"}) as crm:
        crm.service.surveys.ask_after_resolution("satisfaction", link="https://x.example/{token}")
        li = crm.customers.register(name="Li", email="li@x.example")
        crm.customers.consents.grant(li, channel="email", purpose="research", source="form")
        album = published(crm.service.solutions, "Delivery time")
        case = crm.service.cases.open(li, subject="Delivery")
        crm.service.solutions.used(album, case=case)
        crm.service.cases.resolve(case, solution="Two weeks")
        crm.run_due()
        crm.service.surveys.answer_link(crm.outbox.due()[0].body.rpartition("/")[2], score=2)
        assert crm.service.solutions.suggest("delivery")[0].satisfaction == 2


# ── Self-help ──


def test_self_help_is_counted(crm: CRM, solutions: Solutions, li: Customer, clock: FrozenClock) -> None:
    album = published(solutions, "相册什么时候寄出", "两周之内。", language="zh")
    offered = solutions.offer("我的相册在哪里？", customer=li, channel="web")
    assert [s.solution.id for s in offered.suggestions] == [album.id]
    helped = solutions.helped(offered.enquiry, solution=album)
    assert (helped.outcome, helped.solution_id) == ("helped", album.id)
    assert solutions.suggest("相册")[0].helpful == 1
    solutions.offer("How do I get my money back?", channel="chat")
    clock.advance(days=40)
    enquiry = solutions.offer("Refund?", customer=li, channel="web").enquiry
    case = crm.service.cases.open(li, subject="Refund")
    with crm.read() as work:
        ended = work.get(type(enquiry), enquiry.id)
    assert (ended.outcome, ended.case_id) == ("case", case.id)
    months = solutions.deflection(by="month").groups
    assert [(d.group, d.enquiries, d.helped, d.cases, d.silent) for d in months] == [
        ("2026-03", 2, 1, 0, 1),
        ("2026-04", 1, 0, 1, 0),
    ]
    assert (months[0].rate, months[0].at_most) == (0.5, 1.0)
    assert months[0].interval[0] < 0.5 < months[0].interval[1]
    assert {d.group: d.enquiries for d in solutions.deflection(by="channel").groups} == {"chat": 1, "web": 2}
    assert solutions.deflection(since=clock.now()).groups[0].enquiries == 1
    assert "| 2026-03 | 2 | 1 | 0 | 1 | 50% |" in format(solutions.deflection(by="month"), "md")
    assert solutions.deflection(until=case.opened_at.replace(year=2020)).groups == ()


def test_a_case_within_a_day_takes_the_deflection_back(
    crm: CRM, solutions: Solutions, li: Customer, clock: FrozenClock
) -> None:
    album = published(solutions, "Delivery")
    enquiry = solutions.helped(solutions.offer("Delivery?", customer=li).enquiry, solution=album)
    clock.advance(hours=23)
    case = crm.service.cases.open(li, subject="It did not come")
    assert solutions.deflection().groups[0].cases == 1
    with pytest.raises(Refused, match=f"ended in case {case.id}"):
        solutions.helped(enquiry.id, solution=album)
    stranger = solutions.offer("Delivery?").enquiry
    other = crm.service.cases.open(li, subject="Another one")
    assert solutions.not_helped(stranger, case=other).outcome == "case"
    solutions.helped(solutions.offer("Delivery?", customer=li).enquiry, solution=album)
    clock.advance(hours=25)
    crm.service.cases.open(li, subject="Something else")
    assert solutions.deflection().groups[0].helped == 1


def test_to_say_again_that_it_helped_changes_nothing(solutions: Solutions) -> None:
    """Somebody who is not known presses the button twice."""
    album = published(solutions, "Delivery")
    enquiry = solutions.offer("Delivery?").enquiry
    for _ in range(2):
        assert solutions.helped(enquiry.id, solution=album).outcome == "helped"
    assert solutions.suggest("delivery")[0].helpful == 1


def test_what_is_no_field_of_a_text_is_refused(solutions: Solutions) -> None:
    album = published(solutions, "Delivery")
    with pytest.raises(InvalidInput, match="'stage' cannot be given here; author, keywords, language can"):
        solutions.draft(title="Delivery", body="?", stage="published")
    with pytest.raises(InvalidInput, match="'colour' cannot be given here; author, keywords can"):
        solutions.translate(album, language="de", title="Lieferung", body="?", colour="red")
    assert solutions.count() == 1


def test_limits_are_whole_numbers_from_zero(solutions: Solutions) -> None:
    for title in ("Delivery by courier", "Delivery by post"):
        published(solutions, title)
    assert len(solutions.search("delivery", limit=1)) == len(solutions.suggest("delivery", limit=1)) == 1
    assert (solutions.search("delivery", limit=0), solutions.suggest("delivery", limit=0)) == ([], [])
    assert solutions.offer("Delivery?", limit=0).suggestions == ()
    finders: list[Any] = [solutions.search, solutions.suggest, solutions.offer]
    for limit in (-1, 1.5, True, "1"):
        for find in finders:
            with pytest.raises(InvalidInput, match="0 or more"):
                find("delivery", limit=limit)


def test_enquiries_are_checked(crm: CRM, solutions: Solutions) -> None:
    draft = solutions.draft(title="Delivery", body="?")
    enquiry = solutions.offer("Delivery?").enquiry
    with pytest.raises(Refused, match="only published ones"):
        solutions.helped(enquiry, solution=draft)
    with pytest.raises(InvalidInput, match="not by 'owner'"):
        solutions.deflection(by="owner")  # type: ignore[arg-type]
    with crm.read() as work:
        assert work.count(type(enquiry), F.outcome == "open") == 1

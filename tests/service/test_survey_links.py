"""Surveys that are sent: after a resolution or in rounds, only to those who agreed, by links that work once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, F, InvalidInput, Money, Refused
from crmkit.customers.people import Customer
from crmkit.kernel.events import EventRecord
from crmkit.service.cases.case import Case
from crmkit.service.surveys import SurveyAnswer
from crmkit.service.surveys.invitations import Invitation
from crmkit.service.surveys.links import SECRET, sign
from crmkit.testing import FrozenClock

PAGE = "https://studio.example/survey/{token}"
KEY = "a secret of more than sixteen bytes"


class Keys:
    """The host's secrets, which it may replace."""

    def __init__(self) -> None:
        self.known: list[str | bytes] = [KEY]

    def __call__(self) -> list[str | bytes]:
        return self.known


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock, keys: Keys) -> Iterator[CRM]:
    with CRM.open(request.param, timezone="Asia/Shanghai", clock=clock, answers={SECRET: keys}) as opened:
        yield opened


@pytest.fixture
def li(crm: CRM) -> Customer:
    return agreeing(crm, "li")


def agreeing(crm: CRM, name: str) -> Customer:
    customer = crm.customers.register(name=name, email=f"{name}@example.com", phone="+8613912345678")
    crm.customers.consents.grant(customer, channel="email", purpose="research", source="form")
    return customer


def solved(crm: CRM, customer: Customer, **fields: object) -> Case:
    case = crm.service.cases.open(customer, subject="Too smooth", owner="xu", **fields)  # type: ignore[arg-type]
    return crm.service.cases.resolve(case, solution="Re-edited")


def posted(crm: CRM) -> list[tuple[str, str]]:
    return [(m.to, m.body.rpartition("/")[2]) for m in crm.outbox.due()]


def test_nothing_is_sent_unless_it_was_planned(crm: CRM, li: Customer) -> None:
    crm.service.surveys.define("satisfaction")
    solved(crm, li)
    assert crm.run_due().ran == 0
    assert posted(crm) == []


def test_a_resolution_is_asked_about_once_and_answered_once(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    surveys = crm.service.surveys
    surveys.ask_after_resolution("satisfaction", link=PAGE, delay=timedelta(hours=2))
    case = solved(crm, li)
    clock.advance(hours=1)
    assert crm.run_due().ran == 0
    clock.advance(hours=1)
    assert crm.run_due().ran == 1
    ((to, token),) = posted(crm)
    assert to == "li@example.com"
    assert surveys.read_link(token).name == "satisfaction"
    with pytest.raises(InvalidInput, match="goes from 1 to 5"):
        surveys.answer_link(token, score=9)
    answer = surveys.answer_link(token, score=4, comment="Fine")
    assert (answer.case_id, answer.customer_id, answer.owner, answer.cycle) == (case.id, li.id, "xu", 1)
    for again in (lambda: surveys.answer_link(token, score=1), lambda: surveys.read_link(token)):
        with pytest.raises(Refused, match="has been used"):
            again()
    with pytest.raises(Refused, match="answered for this already"):
        surveys.answer(case, score=1)
    assert surveys.results().groups[0].answers == 1
    reach = surveys.reach("satisfaction")
    assert (reach.sent, reach.answered, reach.rate) == (1, 1, 1.0)


def test_only_a_hash_of_the_link_is_kept(crm: CRM, li: Customer) -> None:
    crm.service.surveys.ask_after_resolution("satisfaction", link=PAGE)
    solved(crm, li)
    crm.run_due()
    ((_, token),) = posted(crm)
    with crm.read() as work:
        (invitation,) = work.find(Invitation)
    assert token.rpartition(".")[2] not in repr(invitation)
    assert len(str(invitation.token_hash)) == 64


@pytest.mark.parametrize("spoil", ["", "inv_1", "{0}x", "{1}.", "{1}", "婚纱.照", "other", "foreign"])
def test_forged_links_are_refused_and_nothing_is_lost(crm: CRM, li: Customer, spoil: str) -> None:
    surveys = crm.service.surveys
    surveys.ask_after_resolution("satisfaction", link=PAGE)
    solved(crm, li)
    crm.run_due()
    ((_, token),) = posted(crm)
    identifier = token.partition(".")[0]
    forged = {"other": sign(b"another secret of the forger", identifier)}.get(spoil, spoil.format(token, identifier))
    if spoil == "foreign":
        forged = sign(KEY.encode(), "inv_01kjp0y9m00000000000000000")
        with pytest.raises(Refused, match="belongs to no invitation"):
            surveys.answer_link(forged, score=1)
    else:
        with pytest.raises(InvalidInput, match="incomplete or forged"):
            surveys.answer_link(forged, score=1)
    assert surveys.answer_link(token, score=5).score == 5


@pytest.mark.parametrize("token", [5, None, b"inv_1.seal"])
def test_what_is_no_text_is_no_link(crm: CRM, token: Any) -> None:
    for use in (crm.service.surveys.read_link, lambda none: crm.service.surveys.answer_link(none, score=1)):
        with pytest.raises(InvalidInput, match="is not one that was sent"):
            use(token)


def test_links_expire_and_reminders_come_before(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    surveys = crm.service.surveys
    surveys.ask_after_resolution(
        "satisfaction", link=PAGE, expires_after=timedelta(days=7), remind_after=timedelta(days=3), reminders=5
    )
    solved(crm, li)
    for _ in range(10):
        crm.run_due()
        clock.advance(days=1)
    tokens = posted(crm)
    assert len(tokens) == 3  # the first, and reminders after three and six days
    assert len(set(tokens)) == 1
    with pytest.raises(Refused, match=r"was to be answered before 2026-03-09T01:00:00\+00:00"):
        surveys.answer_link(tokens[0][1], score=5)
    assert surveys.reach("satisfaction").reminders == 2
    assert surveys.results("satisfaction").groups[0].answers == 0


def test_who_has_answered_is_not_reminded(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    crm.service.surveys.ask_after_resolution("satisfaction", link=PAGE, remind_after=timedelta(days=3))
    solved(crm, li)
    crm.run_due()
    crm.service.surveys.answer_link(posted(crm)[0][1], score=5)
    clock.advance(days=4)
    assert crm.run_due().ran == 0
    assert len(posted(crm)) == 1


def test_only_those_who_agreed_are_asked_by_the_way_they_agreed_to(crm: CRM, li: Customer) -> None:
    crm.service.surveys.ask_after_resolution("satisfaction", link=PAGE, channels=["email", "sms"])
    silent = crm.customers.register(name="Wu", email="wu@example.com")
    phoned = crm.customers.register(name="An", email="an@example.com", phone="+8613912345679")
    crm.customers.consents.grant(phoned, channel="sms", purpose="research", source="form")
    crm.customers.consents.revoke(li, channel="email", purpose="research", source="letter")
    for customer in (silent, phoned, li):
        solved(crm, customer)
    crm.run_due()
    assert [(m.channel, m.to) for m in crm.outbox.due()] == [("sms", "+8613912345679")]


def test_nobody_is_asked_too_often(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    crm.service.surveys.ask_after_resolution("satisfaction", link=PAGE, rest=timedelta(days=10))
    for days in (0, 5, 5):
        clock.advance(days=days)
        solved(crm, li)
        crm.run_due()
    assert len(posted(crm)) == 2


def test_a_case_that_has_gone_on_is_not_asked_about(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    crm.service.surveys.ask_after_resolution(
        "satisfaction", link=PAGE, delay=timedelta(hours=1), rule=F.kind == "complaint", rest=timedelta(0)
    )
    solved(crm, li)
    reopened = solved(crm, li, kind="complaint")
    crm.service.cases.reopen(reopened, reason="still red")
    clock.advance(hours=1)
    crm.run_due()
    assert posted(crm) == []
    crm.service.cases.resolve(reopened.id, solution="Again")
    clock.advance(hours=1)
    crm.run_due()
    assert crm.service.surveys.answer_link(posted(crm)[0][1], score=3).cycle == 2


def test_rounds(crm: CRM, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmkit.service.surveys.sending.BATCH", 2)
    surveys = crm.service.surveys
    for name in ("ann", "bob", "cid", "dan"):
        agreeing(crm, name)
    surveys.ask_regularly("recommendation", every=timedelta(days=90), link=PAGE, rule=F.name != "cid")
    asked = {"ann@example.com", "bob@example.com", "dan@example.com"}
    while crm.run_due().ran:
        pass
    assert {to for to, _ in posted(crm)} == asked
    clock.advance(days=89)
    assert crm.run_due().ran == 0
    clock.advance(days=1)
    while crm.run_due().ran:
        pass
    assert len(posted(crm)) == 6
    assert surveys.answer_link(posted(crm)[-1][1], score=9).case_id is None
    surveys.stop_asking("recommendation")
    clock.advance(days=90)
    assert crm.run_due().ran == 0


def test_an_anonymous_answer_cannot_be_traced(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    surveys = crm.service.surveys
    surveys.define("satisfaction", anonymous=True)
    surveys.ask_after_resolution("satisfaction", link=PAGE)
    case = solved(crm, li)
    crm.run_due()
    ((_, token),) = posted(crm)
    with pytest.raises(Refused, match="answered by link only"):
        surveys.answer(case, score=5)
    clock.advance(hours=5)
    answer = surveys.answer_link(token, score=1, comment="Rude")
    day = datetime(2026, 3, 1, 16, tzinfo=UTC)
    with crm.read() as work:
        (stored,) = work.find(SurveyAnswer)
        assert work.count(EventRecord, F.subject == answer.id) == 0
    assert (stored.customer_id, stored.case_id, stored.owner) == (None, None, "xu")
    assert {stored.created_at, stored.updated_at, stored.answered_at} == {day}
    assert stored.id[4:13] < case.id[5:14]
    assert li.id not in repr(stored)
    with pytest.raises(Refused, match="has been used"):
        surveys.answer_link(token, score=5)
    with pytest.raises(Refused, match="sent or answered as anonymous"):
        surveys.define("satisfaction")
    with pytest.raises(InvalidInput, match="would tell whose"):
        surveys.define("effort", anonymous=True, alert_at=2, alert_to="boss@studio.example")


def test_secrets_can_be_replaced(crm: CRM, li: Customer, keys: Keys) -> None:
    surveys = crm.service.surveys
    surveys.ask_after_resolution("satisfaction", link=PAGE)
    solved(crm, li)
    crm.run_due()
    ((_, token),) = posted(crm)
    keys.known = [b"the secret that comes after"]
    with pytest.raises(InvalidInput, match="incomplete or forged"):
        surveys.answer_link(token, score=4)
    keys.known = [b"the secret that comes after", KEY]
    assert surveys.answer_link(token, score=4).score == 4


@pytest.mark.usefixtures("keys")
def test_a_channel_of_the_hosts_own_asks_those_it_reaches(crm: CRM, li: Customer) -> None:
    crm.service.surveys.ask_after_resolution("satisfaction", link=PAGE, channels=["WeChat", "email"])
    wang = agreeing(crm, "wang")
    for customer, account in ((li, "xiaoli88"), (wang, None)):
        crm.customers.consents.grant(customer, channel="wechat", purpose="research", source="form")
        if account is not None:
            crm.customers.contact_points.add(customer, kind="wechat", value=account)
        solved(crm, customer)
    crm.run_due()
    assert [(m.channel, m.to) for m in crm.outbox.due()] == [("wechat", "xiaoli88"), ("email", "wang@example.com")]


def test_plans_are_checked(crm: CRM, keys: Keys) -> None:
    ask = crm.service.surveys.ask_after_resolution
    with pytest.raises(InvalidInput, match="where the token belongs"):
        ask("satisfaction", link="https://studio.example/")
    with pytest.raises(InvalidInput, match="channels= has 'e-mails': did you mean 'email'"):
        ask("satisfaction", link=PAGE, channels=["sms", "e-mails"])
    with pytest.raises(InvalidInput, match="channels= has none"):
        ask("satisfaction", link=PAGE, channels=[])
    with pytest.raises(InvalidInput, match="channels= takes several"):
        ask("satisfaction", link=PAGE, channels="email")
    with pytest.raises(InvalidInput, match="not sent with 'active'=; there is channels, rest"):
        ask("satisfaction", link=PAGE, active=False)
    with pytest.raises(InvalidInput, match="not sent with 'colour'"):
        ask("satisfaction", link=PAGE, colour="red")
    with pytest.raises(InvalidInput, match="expires_after= is more than 0"):
        ask("satisfaction", link=PAGE, expires_after=timedelta(0))
    keys.known = ["short"]
    with pytest.raises(InvalidInput, match="16 bytes or more"):
        ask("satisfaction", link=PAGE)
    keys.known = []
    with pytest.raises(InvalidInput, match="open the CRM with answers="):
        ask("satisfaction", link=PAGE)
    assert crm.service.surveys.count() == 0


# ── Questionnaires, and results by product and period ──

VISIT = {
    "speed": {"question": "How fast were we?", "low": 1, "high": 3},
    "again": {"question": "Would you come back?", "choices": ["yes", "no"]},
    "wish": {"question": "What should we do better?"},
}


def test_a_questionnaire_has_further_questions(crm: CRM, li: Customer) -> None:
    surveys = crm.service.surveys
    surveys.define("visit", question="How was it?", low=1, high=5, formula="mean", questions=VISIT)
    for answers, problem in (
        ({"sped": 1}, "did you mean 'speed'"),
        ({"speed": 4}, "from 1 to 3, got 4"),
        ({"speed": True}, "from 1 to 3, got True"),
        ({"again": "maybe"}, "one of 'yes', 'no', got 'maybe'"),
        ({"wish": 3}, "a text of up to"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            surveys.answer(li, survey="visit", score=5, answers=answers)
    surveys.answer(li, survey="visit", score=5, answers={"speed": 2, "again": "yes", "wish": "Tea"})
    surveys.answer(agreeing(crm, "wu"), survey="visit", score=3, answers={"again": "yes"})
    assert surveys.choices("visit", "speed") == {1: 0, 2: 1, 3: 0}
    assert surveys.choices("visit", "again") == {"yes": 2, "no": 0}
    with pytest.raises(InvalidInput, match="no question 'wish' with a scale"):
        surveys.choices("visit", "wish")


@pytest.mark.parametrize(
    "spec",
    [
        {"question": ""},
        {"question": "?", "low": 3, "high": 1},
        {"question": "?", "low": 1},
        {"question": "?", "choices": ["one"]},
        {"question": "?", "choices": ["one", "one"]},
        {"questions": "?"},
        "?",
    ],
)
def test_questions_are_checked(crm: CRM, spec: object) -> None:
    with pytest.raises(InvalidInput, match="question 'q'"):
        crm.service.surveys.define("visit", question="?", low=1, high=5, formula="mean", questions={"q": spec})


def test_results_by_product_and_period(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    surveys = crm.service.surveys
    album = crm.pipeline.products.add(name="Album", price=Money("10", "EUR"))
    for score, lines in ((5, [album]), (2, [album, album]), (1, [])):
        case = crm.service.cases.open(li, subject="Pages fall out", kind="complaint")
        for product in lines:
            crm.service.cases.add_line(case, "Album", product=product)
        surveys.answer(crm.service.cases.resolve(case, solution="Bound anew"), score=score)
    clock.set(datetime(2026, 3, 31, 17, tzinfo=UTC))  # the first of April in Shanghai
    surveys.answer(solved(crm, li), score=5)
    found = surveys.results(by="product").groups
    assert {(g.group, g.answers, g.score) for g in found} == {("Album", 2, 0.5), ("nothing", 2, 0.5)}
    assert [(g.group, g.answers) for g in surveys.results(by="month").groups] == [("2026-03", 3), ("2026-04", 1)]
    assert [(g.group, g.answers) for g in surveys.results(by="quarter").groups] == [("2026-Q1", 3), ("2026-Q2", 1)]
    with pytest.raises(InvalidInput, match="grouped by owner, kind, product"):
        surveys.results(by="colour")  # type: ignore[arg-type]

"""From a template and a customer to a message, or to the reason why there is none."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from crmkit import CRM, F, InvalidInput, Line, Money, NotFound, TransitionRefused
from crmkit.errors import DefinitionError, Duplicate
from crmkit.kernel.clock import FrozenClock


@pytest.fixture
def li(crm: CRM) -> Any:
    crm.marketing.templates.define("hello", subject="Hello {{ customer.name }}", body="Dear {{ customer.name }}")
    return agreed(crm, "Li")


@pytest.fixture
def wang(quick: CRM) -> Any:
    quick.marketing.templates.define("hello", body="Dear {{ customer.name }}")
    return quick.customers.register(name="Wang")


def agreed(crm: CRM, name: str, **fields: Any) -> Any:
    customer = crm.customers.register(name=name, email=f"{name.lower()}@example.com", **fields)
    crm.customers.consents.grant(customer, channel="email", purpose="marketing", source="form")
    return customer


def sent_to(crm: CRM) -> list[str]:
    return [receipt.to for receipt in crm.deliver() if receipt.sent]


@pytest.mark.usefixtures("li")
def test_a_channel_of_the_hosts_own_reaches_its_contact_points(crm: CRM) -> None:
    zhao = agreed(crm, "Zhao")
    crm.customers.consents.grant(zhao, channel="wechat", purpose="marketing", source="form")
    kept = [crm.marketing.sends.send(zhao, "hello", channel="wechat", key="first")]
    crm.customers.contact_points.add(zhao, kind="WeChat", value="zhao_88")
    kept.append(crm.marketing.sends.send(zhao, "hello", channel="wechat", key="second"))
    assert [(send.status, send.reason) for send in kept] == [("skipped", "no address for wechat"), ("posted", None)]
    assert [(m.channel, m.to) for m in crm.outbox.due()] == [("wechat", "zhao_88")]


def test_a_message_leaves_once_for_each_key(crm: CRM, li: Any) -> None:
    once = crm.marketing.sends.send(li, "hello", channel="email", key="k")
    assert crm.marketing.sends.send(li, "hello", channel="email", key="k") == once
    assert (once.status, once.reason) == ("posted", None)
    assert sent_to(crm) == ["li@example.com"]
    assert sent_to(crm) == []


def test_the_key_of_another_message_is_refused(crm: CRM, li: Any) -> None:
    crm.marketing.templates.define("bye", body="Good bye")
    sends, wang = crm.marketing.sends, agreed(crm, "Wang")
    first = sends.send(li, "hello", channel="email", key="k")
    for who, template, channel, other in (
        (wang, "hello", "email", li.id),
        (li, "bye", "email", first.template_id),
        (li, "hello", "sms", "channel email"),
    ):
        with pytest.raises(Duplicate, match=f"key 'k' is that of {first.id}, with .*{other}: give each message a key"):
            sends.send(who, template, channel=channel, key="k")
    assert sends.find() == [first]
    crm.marketing.templates.define("hello", body="Written anew")
    assert sends.send(li, "hello", channel="EMAIL", key="k") == first


def test_reasons_why_there_is_no_message(crm: CRM, li: Any) -> None:
    stranger = crm.customers.register(name="Stranger")
    crm.marketing.templates.define("city", body="{{ customer.city }}")
    reasons = [
        crm.marketing.sends.send(who, template, channel=channel, key=f"{n}").reason
        for n, (who, template, channel) in enumerate(
            [(stranger, "hello", "email"), (li, "hello", "sms"), (li, "hello", "pigeon"), (li, "city", "email")]
        )
    ]
    assert reasons[0] == "no address for email; no consent to marketing by email"
    assert reasons[1] == "no address for sms; no consent to marketing by sms"
    assert reasons[2] == "no address for pigeon; no consent to marketing by pigeon"
    assert "a value that is printed is missing" in str(reasons[3])
    assert sent_to(crm) == []
    assert [m.facts["reason"] for m in crm.customers.timeline(stranger) if "skipped" in m.name] == [reasons[0]]


@pytest.mark.usefixtures("li")
def test_service_needs_no_consent(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", email="wang@example.com")
    assert crm.marketing.sends.send(wang, "hello", channel="email", key="k", purpose="service").status == "posted"


def test_quiet_hours_put_off_and_a_revocation_takes_back(crm: CRM, li: Any, clock: FrozenClock) -> None:
    wang = agreed(crm, "Wang")
    crm.marketing.contact.define(quiet={"start": "22:00", "end": "08:00"})
    clock.set(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))  # 23:00 in Shanghai
    for who in (li, wang):
        send = crm.marketing.sends.send(who, "hello", channel="email", key=who.id)
        assert (send.status, send.send_at) == ("posted", datetime(2026, 3, 3, 0, 0, tzinfo=UTC))
        assert send.reason == "quiet hours 22:00–08:00"
    assert sent_to(crm) == []
    crm.customers.consents.revoke(wang, channel="email", purpose="marketing", source="telephone")
    clock.advance(hours=9)
    assert sent_to(crm) == ["li@example.com"]
    [taken_back] = crm.marketing.sends.find(F.customer_id == wang.id)
    assert (taken_back.status, taken_back.reason) == (
        "skipped",
        "consent to marketing by email was revoked before it was sent",
    )


def test_a_capped_message_is_skipped(crm: CRM, li: Any, clock: FrozenClock) -> None:
    crm.marketing.contact.define(caps=[{"most": 1, "days": 1}])
    keys = iter(range(10))

    def send(**more: Any) -> str:
        return crm.marketing.sends.send(li, "hello", channel="email", key=str(next(keys)), **more).status

    assert [send(), send(), send(purpose="service"), send(purpose="transaction")] == [
        "posted",
        "skipped",
        "posted",
        "posted",
    ]
    clock.set(datetime(2026, 3, 2, 16, 0, tzinfo=UTC))  # the next day in Shanghai
    assert send() == "posted"


def test_a_capped_step_of_a_journey_is_skipped_and_the_customer_goes_on(crm: CRM, li: Any) -> None:
    # freqcap-braze-05: the message is not sent, the journey advances to the next step.
    crm.marketing.contact.define(caps=[{"most": 1, "days": 1}])
    send = {"send": "hello", "channel": "email"}
    crm.lifecycle.journeys.define("x", on="moved", steps=[send, send, {"exit": "the end"}])
    crm.lifecycle.record(li, "moved", on=date(2026, 3, 1))
    crm.run_due()
    assert [s.status for s in crm.marketing.sends.find(order_by="created_at")] == ["posted", "skipped"]
    assert crm.lifecycle.journeys.runs("x")[0].reason == "the end"


def test_a_journey_message_leaves_once_and_only_with_consent(crm: CRM, li: Any, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"wait": {"days": 1}}, {"send": "hello", "channel": "email"}])
    wang = crm.customers.register(name="Wang", email="wang@example.com")
    for who in (li, wang):
        crm.lifecycle.record(who, "moved")
    clock.advance(days=1)
    assert crm.run_due().ran == 2
    assert crm.run_due().ran == 0
    assert sent_to(crm) == ["li@example.com"]
    [skipped] = crm.marketing.sends.find(F.status == "skipped")
    assert (skipped.customer_id, skipped.reason) == (wang.id, "no consent to marketing by email")


# ── Mailings ──


@pytest.mark.usefixtures("li")
def test_a_mailing_to_a_segment_reports_each_row(crm: CRM) -> None:
    agreed(crm, "Wang", city="Chengdu")
    crm.customers.register(name="Zhao", city="Chengdu", email="zhao@example.com")
    crm.customers.register(name="Qian", city="Chengdu")
    crm.customers.segments.define("Chengdu", rule=F.city == "Chengdu")
    crm.customers.segments.refresh("Chengdu")
    mailing = crm.marketing.sends.send_to("Chengdu", "hello", channel="email", occasion="spring")
    assert (mailing.posted, mailing.skipped) == (1, 2)
    assert mailing.reasons() == {
        "no consent to marketing by email": 1,
        "no address for email; no consent to marketing by email": 1,
    }
    assert sent_to(crm) == ["wang@example.com"]
    assert "| posted |  | 1 |" in format(mailing, "md")


@pytest.mark.usefixtures("li")
def test_the_same_occasion_again_reaches_only_those_who_did_not_get_it(crm: CRM) -> None:
    zhao = crm.customers.register(name="Zhao", email="zhao@example.com")
    everybody = F.name != ""
    crm.marketing.sends.send_to(everybody, "hello", channel="email", occasion="spring")
    crm.customers.consents.grant(zhao, channel="email", purpose="marketing", source="form")
    again = crm.marketing.sends.send_to(everybody, "hello", channel="email", occasion="spring")
    assert again.posted == 2
    assert sorted(sent_to(crm)) == ["li@example.com", "zhao@example.com"]


@pytest.mark.usefixtures("li")
def test_one_bad_row_stops_nobody(crm: CRM) -> None:
    agreed(crm, "Wang", city="Chengdu")
    crm.marketing.templates.define("city", body="{{ customer.city }}")
    mailing = crm.marketing.sends.send_to(F.name != "", "city", channel="email", occasion="x")
    assert {s.status for s in mailing.sends} == {"posted", "skipped"}
    assert sent_to(crm) == ["wang@example.com"]


@pytest.mark.usefixtures("wang")
@pytest.mark.parametrize("occasion", ["", " ", "x" * 151])
def test_occasions_need_a_name(quick: CRM, occasion: str) -> None:
    with pytest.raises(InvalidInput, match="occasion"):
        quick.marketing.sends.send_to(F.name != "", "hello", channel="email", occasion=occasion)
    with pytest.raises(NotFound, match="template"):
        quick.marketing.sends.send_to(F.name != "", "helo", channel="email", occasion="x")


# ── Rules and suppressions ──


@pytest.mark.parametrize(
    "wrong",
    [
        {"caps": [{"most": 0}]},
        {"caps": [{"most": "3"}]},
        {"caps": [{"most": 3, "dayz": 1}]},
        {"caps": [{"most": 3, "basis": "weekly"}]},
        {"quiet": {"start": "22"}},
        {"quiet": {"start": "09:00", "end": "09:00"}},
        {"window": {"weekdays": ["monday"]}},
    ],
)
def test_contact_rules_that_make_no_sense(quick: CRM, wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        quick.marketing.contact.define(**wrong)
    assert quick.marketing.contact.rules().caps == ()


def test_rules_are_kept_as_they_were_said(crm: CRM) -> None:
    said = crm.marketing.contact.define(
        caps=[{"most": 3, "days": 7, "basis": "rolling", "channel": "sms"}],
        quiet={"start": "22:00", "end": "08:00"},
        window={"weekdays": ["mon", "fri"]},
        opt_out=["news"],
    )
    assert crm.marketing.contact.rules() == said


def test_suppression_and_release(crm: CRM, li: Any) -> None:
    crm.marketing.contact.suppress(li, why="manual", note="asked on the telephone")
    crm.marketing.contact.suppress(li, why="manual")
    assert crm.marketing.contact.count() == 1
    assert crm.marketing.contact.decide(li, channel="email").verdict == "deny"
    crm.marketing.contact.release(li, reason="asked again")
    assert crm.marketing.contact.decide(li, channel="email").verdict == "allow"
    with pytest.raises(NotFound):
        crm.marketing.contact.release(li, reason="once more")


@pytest.mark.parametrize(
    ("kind", "purpose", "verdict"),
    [
        ("unsubscribed", "marketing", "deny"),
        ("unsubscribed", "service", "allow"),
        ("complained", "marketing", "deny"),
        ("bounced", "service", "deny"),
        ("clicked", "marketing", "allow"),
    ],
)
def test_responses_stop_what_they_should(crm: CRM, li: Any, kind: Any, purpose: str, verdict: str) -> None:
    send = crm.marketing.sends.send(li, "hello", channel="email", key="k")
    response = crm.marketing.responses.record(send=send, kind=kind)
    assert (response.customer_id, response.channel) == (li.id, "email")
    assert crm.marketing.contact.decide(li, channel="email", purpose=purpose).verdict == verdict


def test_responses_that_make_no_sense(crm: CRM, li: Any) -> None:
    send = crm.marketing.sends.send(li, "hello", channel="email", key="k")
    wang = crm.customers.register(name="Wang")
    with pytest.raises(InvalidInput, match="whose response"):
        crm.marketing.responses.record(kind="clicked")
    with pytest.raises(InvalidInput, match="went to"):
        crm.marketing.responses.record(wang, send=send, kind="clicked")
    with pytest.raises(InvalidInput, match="which channel"):
        crm.marketing.responses.record(wang, kind="bounced")
    with pytest.raises(InvalidInput, match="kind"):
        crm.marketing.responses.record(wang, kind="danced")  # type: ignore[arg-type]
    assert crm.marketing.responses.count() == 0


# ── Offers ──


def test_an_offer_is_taken_until_its_last_day(crm: CRM, li: Any, clock: FrozenClock) -> None:
    taken = crm.marketing.offers.make(li, name="half price", percent=50, code="HALF", valid_until=date(2026, 3, 3))
    late = crm.marketing.offers.make(li, name="gift", amount=Money("10", "CNY"), valid_until=date(2026, 3, 3))
    clock.set(datetime(2026, 3, 3, 15, 59, tzinfo=UTC))
    crm.run_due()
    order = crm.pipeline.orders.place(li, lines=[Line("Album", quantity=1, unit_price=Money("100", "CNY"))])
    assert crm.marketing.offers.take(crm.marketing.offers.by_code("HALF"), order=order).order_id == order.id
    clock.advance(minutes=1)
    with pytest.raises(InvalidInput, match="ended on 2026-03-03"):
        crm.marketing.offers.take(late)
    assert crm.run_due().ran == 2
    assert [o.status for o in crm.marketing.offers.find(order_by="created_at")] == ["taken", "expired"]
    with pytest.raises(TransitionRefused):
        crm.marketing.offers.decline(taken.id, reason="changed her mind")


@pytest.mark.parametrize(
    ("terms", "price", "expected"),
    [
        ({"percent": 50}, "199.99", "100.00"),
        ({"amount": Money("10", "CNY")}, "5", "5"),
        ({}, "5", "0"),
        ({"percent": Decimal("33.333333")}, "100", "33.33"),
        ({"percent": 100}, "0.01", "0.01"),
    ],
)
def test_discounts(quick: CRM, wang: Any, terms: dict[str, Any], price: str, expected: str) -> None:
    offer = quick.marketing.offers.make(wang, name="x", **terms)
    assert offer.discount(Money(price, "CNY")) == Money(expected, "CNY")


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": 0},
        {"percent": 101},
        {"percent": 0.5},
        {"amount": Money("0", "CNY")},
        {"percent": 5, "amount": Money("5", "CNY")},
        {"valid_until": date(2026, 3, 1)},
    ],
)
def test_offers_that_make_no_sense(quick: CRM, wang: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        quick.marketing.offers.make(wang, name="x", **wrong)
    assert quick.marketing.offers.count() == 0


def test_an_offer_is_for_one_customer(crm: CRM, li: Any) -> None:
    offer = crm.marketing.offers.make(li, name="x")
    wang = crm.customers.register(name="Wang")
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", quantity=1, unit_price=Money("1", "CNY"))])
    with pytest.raises(InvalidInput, match="not to the order's customer"):
        crm.marketing.offers.take(offer, order=order)
    assert crm.marketing.offers.decline(offer, reason="no").reason == "no"


# ── Attribution of orders ──


def test_orders_are_shared_among_campaigns_without_losing_a_cent(crm: CRM, li: Any, clock: FrozenClock) -> None:
    wang = agreed(crm, "Wang")
    for name in ("tv", "fair", "letter"):
        crm.marketing.campaigns.plan(name=name)
    for name in ("tv", "fair", "letter"):
        crm.marketing.responses.record(li, kind="visited", campaign=name, channel="web")
        clock.advance(days=1)
    crm.marketing.responses.record(li, kind="opened", campaign="tv")  # to open a letter is no touch
    for who in (li, wang):
        order = crm.pipeline.orders.place(who, lines=[Line("Album", quantity=1, unit_price=Money("100", "CNY"))])
        crm.pipeline.payments.receive(order, Money("100", "CNY"))
    for model in ("first", "last", "last_non_direct", "linear", "position", "time_decay", "shapley", "markov"):
        report = crm.marketing.attribution(model=model)
        assert sum(report.conversions.values()) == 1
        assert sum(report.revenue.values(), Money.zero("CNY")) == Money("100", "CNY")
        assert (report.untouched, report.untouched_revenue) == (1, Money("100", "CNY"))
    linear = crm.marketing.attribution()
    assert linear.conversions == {"tv": Fraction(1, 3), "fair": Fraction(1, 3), "letter": Fraction(1, 3)}
    assert "(no touch)" in format(linear, "md")
    short = crm.marketing.attribution(lookback=timedelta(days=1))
    assert set(short.conversions) == {"letter"}
    assert crm.marketing.attribution(since=date(2026, 4, 1)).untouched == 0
    with pytest.raises(InvalidInput):
        crm.marketing.attribution(lookback=timedelta(0))


def test_a_lead_that_a_campaign_brought_is_a_touch(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="tv")
    lead = crm.pipeline.leads.qualify(crm.pipeline.leads.capture(name="Li", email="li@example.com", campaign=spot))
    customer = crm.pipeline.leads.convert(lead).customer
    order = crm.pipeline.orders.place(customer, lines=[Line("A", quantity=1, unit_price=Money("100", "CNY"))])
    crm.pipeline.payments.receive(order, Money("100", "CNY"))
    assert crm.marketing.attribution(model="markov").conversions == {"tv": 1}
    assert crm.marketing.campaigns.results(spot).conversions == 1
    assert crm.lifecycle.stage_of(customer) == "customer"

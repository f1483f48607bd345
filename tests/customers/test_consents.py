"""Consents: the last word of a customer, however the channel and the purpose are written."""

from __future__ import annotations

import pytest

from crmkit import CRM, F, InvalidInput
from crmkit.customers.people import Customer


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li", email="li@example.com")


def test_a_revocation_holds_whatever_the_case(crm: CRM, li: Customer) -> None:
    crm.customers.consents.grant(li, channel="email", purpose="marketing", source="form")
    crm.customers.consents.revoke(li, channel="Email ", purpose="MARKETING", source="by telephone")
    assert not crm.customers.consents.allows(li, channel="email", purpose="marketing")
    [word] = crm.customers.consents.find()
    assert (word.channel, word.purpose, word.state) == ("email", "marketing", "revoked")


def test_the_same_word_twice_changes_nothing(crm: CRM, li: Customer) -> None:
    first = crm.customers.consents.grant(li, channel=" sms", purpose="Newsletter", source="form")
    assert crm.customers.consents.grant(li, channel="SMS", purpose="newsletter", source="by telephone") == first
    assert crm.customers.consents.allows(li, channel="Sms", purpose="NEWSLETTER")
    assert crm.customers.consents.allows(li, channel="email", purpose="Service")


@pytest.mark.parametrize("said", [{"channel": " "}, {"purpose": ""}, {"source": ""}])
def test_a_consent_to_nothing_is_refused(crm: CRM, li: Customer, said: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(said))):
        crm.customers.consents.grant(li, **{"channel": "email", "purpose": "marketing", "source": "form", **said})
    assert crm.customers.consents.count() == 0


def test_marketing_reads_the_words_as_they_were_meant(crm: CRM, li: Customer) -> None:
    crm.marketing.templates.define("hello", subject="Hello", body="Dear {{ customer.name }}")
    crm.customers.consents.grant(li, channel="Email", purpose="Newsletter", source="form")
    sent = crm.marketing.sends.send(li, "hello", channel="EMAIL", purpose="Newsletter", key="1")
    assert (sent.status, sent.channel, sent.purpose) == ("posted", "email", "newsletter")

    crm.customers.consents.revoke(li, channel="email", purpose="newsletter", source="by telephone")
    assert crm.outbox.due() == []
    assert crm.marketing.sends.get(sent.id).status == "skipped"

    crm.marketing.contact.define(opt_out=["Greetings"])
    assert crm.marketing.contact.decide(li, channel="email", purpose="greetings")
    crm.marketing.contact.suppress(li, channel="Email", why="complained")
    assert not crm.marketing.contact.decide(li, channel="email", purpose="greetings")
    crm.marketing.contact.release(li, channel="EMAIL", reason="a mistake")
    assert crm.marketing.contact.decide(li, channel="email", purpose="greetings")


def test_a_cap_counts_its_channel_however_it_is_written(crm: CRM, li: Customer) -> None:
    crm.marketing.templates.define("hello", subject="Hello", body="…")
    crm.marketing.contact.define(caps=[{"most": 1, "channel": "Email"}], opt_out=["marketing"])
    for key, status in (("1", "posted"), ("2", "skipped")):
        assert crm.marketing.sends.send(li, "hello", channel="email", key=key).status == status


def test_whoever_unsubscribes_on_a_channel_is_left_alone_there(crm: CRM, li: Customer) -> None:
    crm.customers.consents.grant(li, channel="email", purpose="marketing", source="form")
    crm.marketing.responses.record(li, kind="unsubscribed", channel="EMAIL")
    assert crm.customers.consents.find(F.state == "granted") == []

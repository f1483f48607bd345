"""Templates: rather no message than a wrong one."""

from datetime import date
from typing import Any

import pytest

from crmkit import CRM, InvalidInput, NotFound
from crmkit.errors import DefinitionError


def test_what_a_customer_would_get(crm: CRM) -> None:
    crm.marketing.templates.define(
        "hello",
        subject="Hello  {{ customer.name }}",
        body="{% for t in customer.tags %}{{ t }} {% endfor %}{{ customer.city or 'there' }} {{ code }} {{ today }}",
        html="<b>{{ customer.name }}</b>",
        variables=["code"],
    )
    li = crm.customers.register(name="<Li & Co>", tags={"b", "a"})
    got = crm.marketing.templates.preview("hello", li, values={"code": "X1"})
    assert got.subject == "Hello <Li & Co>"
    assert got.body == "a b there X1 2026-03-02"
    assert got.html == "<b>&lt;Li &amp; Co&gt;</b>"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{{ customer.name", "body, line 1"),
        ("Hello\n{% if %}", "body, line 2"),
        ("{{ customr.name }}", "there is no 'customr', did you mean 'customer'"),
        ("{{ customer.nmae }}", "did you mean 'name'"),
        ("{{ customer.id }}", "sees no customer.id"),
        ("{% if customer.version %}{% endif %}", "sees no customer.version"),
        ("{% include 'x' %}{{ secret }}", "secret"),
    ],
)
def test_texts_that_are_no_template(quick: CRM, body: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        quick.marketing.templates.define("x", body=body)
    assert quick.marketing.templates.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        "{{ customer.city }}",  # missing
        "{{ code }}",  # not given
        "{{ customer['nothing'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ customer.tags.append('x') }}",
        "{{ 'x' * 10000000 }}",
        "{{ 9 ** 999999 }}",
        "{{ (1).__class__ }}",
        "{{ customer.name.format(x=1).__init__.__globals__ }}",
        "{{ 1 / 0 }}",
        "{% include 'x' %}",
    ],
)
def test_texts_that_fail_for_a_customer(quick: CRM, body: str) -> None:
    quick.marketing.templates.define("x", body=body, variables=["code"])
    li = quick.customers.register(name="Li")
    with pytest.raises(InvalidInput, match="template 'x', body"):
        quick.marketing.templates.preview("x", li)


def test_custom_fields_are_seen(crm: CRM) -> None:
    from crmkit.kernel.extras import Extra

    class Loyalty(Extra, key="loyalty"):
        tier: str = "silver"

    crm.marketing.templates.define("x", body="{{ customer.extra.loyalty.tier }}")
    li = crm.customers.register(name="Li", extras=[Loyalty(tier="gold")])
    assert crm.marketing.templates.preview("x", li).body == "gold"


def test_a_new_text_is_a_new_edition(crm: CRM) -> None:
    one = crm.marketing.templates.define("x", body="one")
    assert crm.marketing.templates.define("x", body="one") == one
    two = crm.marketing.templates.define("x", body="two")
    assert (two.id, two.edition) == (one.id, 2)
    with pytest.raises(NotFound, match="there is no template 'y'"):
        crm.marketing.templates.get("y")


def test_dates_print_and_html_is_escaped_only_there(crm: CRM) -> None:
    values: dict[str, Any] = {"day": date(2026, 5, 1)}
    crm.marketing.templates.define("x", body="{{ day }} {{ customer.name }}", variables=["day"])
    li = crm.customers.register(name="A & B")
    assert crm.marketing.templates.preview("x", li, values=values).body == "2026-05-01 A & B"

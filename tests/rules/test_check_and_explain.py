"""Mistakes that are found before a rule is used, and why a rule holds of somebody or does not."""

from __future__ import annotations

import pytest

from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.check import check, check_order
from crmkit.kernel.rules.nodes import Always

CITY, SCORE = F.city, F.orders.count()


def messages(rule: Rule) -> str:
    return "; ".join(f"{f.about}: {f.message}" for f in check(rule, Customer.__schema__))


@pytest.mark.parametrize(
    "rule",
    [
        (CITY == "Rome") & (CITY == "Oslo"),
        (CITY == "Rome") & (CITY != "Rome"),
        CITY.is_missing() & (CITY == "Rome"),
        SCORE < 0,
        (SCORE > 3) & (SCORE < 4),
        CITY.in_([]),
        (F.birthday.month == 3) & (F.birthday.month == 4),
        (F.orders.sum("total") > Money(5, "CNY")) & (F.orders.sum("total") < Money(3, "CNY")),
        F.tags.has("a") & ~F.tags.has("a"),
    ],
    ids=str,
)
def test_a_contradiction_is_found(rule: Rule) -> None:
    assert "it holds of nobody" in messages(rule)
    assert "it holds of everybody" in messages(~rule)


@pytest.mark.parametrize("rule", [SCORE >= 0, (CITY == "Rome") | (CITY != "Rome"), (SCORE < 3) | (SCORE > 1)], ids=str)
def test_a_tautology_is_found(rule: Rule) -> None:
    assert "it holds of everybody" in messages(rule)


def test_a_branch_that_decides_nothing_is_found() -> None:
    assert "orders[].count() > 1: it decides nothing" in messages((SCORE > 3) & (SCORE > 1))
    assert 'city = "Rome": it decides nothing' in messages((CITY == "Rome") | CITY.in_(["Rome", "Oslo"]))


@pytest.mark.parametrize("rule", [CITY == "Rome", (SCORE > 1) & (SCORE < 4), (CITY < "a") | (CITY > "b")], ids=str)
def test_a_sound_rule_is_left_alone(rule: Rule) -> None:
    assert not check(rule, Customer.__schema__).findings


def test_costs_are_said() -> None:
    schema = Customer.__schema__
    assert check(CITY == "Rome", schema).cost == "indexed"
    assert check(F.country == "IT", schema).cost == "field"
    assert check(SCORE > 1, schema).cost == "related"
    assert check(F.orders.where(F.lines.any()).any(), schema).cost == "nested"
    assert "no index helps" in messages(F.country == "IT")


def ordered(**rules: Rule) -> list[tuple[str, str]]:
    return [(f.about, f.message) for f in check_order(rules)]


def test_an_entry_that_is_never_reached_is_found() -> None:
    found = ordered(big=SCORE > 1, bigger=SCORE > 5, rest=Always(value=True))
    assert ("bigger", "it is never reached: the entries before it take everyone") in found
    assert not any(about == "the list" for about, _ in found)


def test_overlaps_are_found() -> None:
    assert ("b", "it overlaps with a, which win") in ordered(a=SCORE.between(1, 5), b=SCORE.between(5, 9))
    assert not any("overlaps" in message for _, message in ordered(a=SCORE < 5, b=SCORE >= 5))


def test_a_gap_between_the_entries_is_found() -> None:
    """Scores of recency, frequency and money: lists of segments in use leave out combinations (R0 F3 M0 in one)."""
    recency, frequency, money = (F.orders.where(F.channel == n).count() for n in ("r", "f", "m"))
    low, high = 1, 2
    some = {
        "champions": (recency >= high) & (frequency >= high) & (money >= high),
        "new": (recency >= high) & (frequency <= low),
        "asleep": (recency <= low) & (frequency <= low),
        "at risk": (recency <= low) & (frequency >= high) & (money >= high),
        "promising": (recency >= high) & (frequency >= high) & (money <= low),
    }
    gap = {"lost bargain hunters": (recency <= low) & (frequency >= high) & (money <= low)}
    assert any("not everyone is caught" in message for _, message in ordered(**some))
    assert not any("not everyone is caught" in message for _, message in ordered(**some, **gap))


# ── Why ──


@pytest.mark.parametrize(
    ("text", "matches", "change"),
    [
        ('city = "Chengdu"', True, ('city = "Chengdu" should not hold, it is "Chengdu"',)),
        ('city = "Rome"', False, ('city = "Rome" should hold, it is "Chengdu"',)),
        ("birthday.age >= 18", False, ("birthday.age() >= 18 should hold, it is missing",)),
        ("orders[].count() >= 3", False, ("orders[].count() >= 3 should hold, it is 0",)),
        ("any orders[]", False, ("any orders[] should hold, it is 0",)),
        ('tags has "vip"', True, ('tags has ("vip") should not hold, it is "couple", "vip"',)),
        ('city = "Chengdu" and orders[].count() >= 3', False, ("orders[].count() >= 3 should hold, it is 0",)),
        (
            '(name = "x" and orders[].count() >= 3) or city = "Rome"',
            False,
            ('city = "Rome" should hold, it is "Chengdu"',),
        ),
        ('not (city = "Chengdu" or name = "x")', False, ('city = "Chengdu" should not hold, it is "Chengdu"',)),
        ('not city = "Chengdu"', False, ('not city = "Chengdu" should hold, it is "Chengdu"',)),
    ],
)
def test_the_smallest_change_is_named(crm: CRM, text: str, change: tuple[str, ...], *, matches: bool) -> None:
    li = crm.customers.register(name="Li", city="Chengdu", tags={"vip", "couple"})
    explained = crm.customers.segments.explain(parse(text), li)
    assert explained.matches is matches
    assert explained.matches == (crm.customers.count(parse(text)) == 1)
    assert explained.change == change


def test_an_explanation_can_be_read(crm: CRM) -> None:
    li = crm.customers.register(name="<b>Li</b>", city="Chengdu")
    explained = crm.customers.segments.explain((CITY == "<i>") & (SCORE >= 1), li)
    assert "✗ all of" in str(explained)
    assert '✗ city = "<i>" — it is "Chengdu"' in str(explained)
    assert format(explained, "md")
    assert "<i>" not in explained._repr_html_()
    assert "&lt;i&gt;" in explained._repr_html_()

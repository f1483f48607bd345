"""What a segment may be defined by: rules that can be read again, and that do not look at the segment itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmkit import CRM, F
from crmkit.customers.segments.members import wanted_among
from crmkit.errors import DefinitionError, NotFound, Refused
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.nodes import AnyOf, walk
from crmkit.testing import FrozenClock


@pytest.mark.slow
def test_a_rule_that_could_not_be_read_again_is_refused_and_disturbs_no_other_segment(
    crm: CRM, clock: FrozenClock
) -> None:
    segments = crm.customers.segments
    wang = crm.customers.register(name="Wang", city="Rome")
    for name in ("big", "other"):
        segments.define(name, rule=F.city == "Rome", every=timedelta(hours=1))
        segments.refresh(name)
    with pytest.raises(DefinitionError, match="more than 400,000 parts"):
        segments.define("big", rule=F.city.in_(f"c{n}" for n in range(200_000)))
    assert segments.get("big").rule_version == 1
    crm.customers.update(wang, city="Oslo")
    clock.advance(hours=2)
    assert len(segments.judge(wang)) == 2
    crm.run_due()
    segments.delete("other")


@pytest.mark.slow
def test_the_longest_rule_that_is_accepted_can_be_refreshed(crm: CRM) -> None:
    segments = crm.customers.segments
    wang = crm.customers.register(name="Wang", city="c1")
    cities = [F.city == f"c{n}" for n in range(5_000)]
    short = segments.define("wide", rule=AnyOf(tuple(cities[:2])))
    added = sum(isinstance(node, Rule) for node in walk(wanted_among(short, ()))) - 2
    with pytest.raises(DefinitionError, match="more than 5,000 parts"):
        segments.define("wide", rule=AnyOf(tuple(cities[added - 1 :])))
    segments.define("wide", rule=AnyOf(tuple(cities[added:])))
    assert segments.judge(wang) == []
    assert segments.refresh("wide").entered_count == 0


@pytest.mark.parametrize("written", ["E\u0301", " \u00c9 "])
def test_a_segment_does_not_refer_to_itself_however_its_name_is_written(crm: CRM, written: str) -> None:
    segments = crm.customers.segments
    segments.define("\u00c9", rule=F.city == "Rome")
    for own in (
        F.in_segment("\u00c9"),
        F.memberships.where(F.segment.name == "E\u0301").any(),
        parse('in segment "E\u0301"'),
    ):
        with pytest.raises(DefinitionError, match="refer to itself: \u00c9 → \u00c9"):
            segments.define(written, rule=own)
    assert segments.define(written, rule=F.city == "Oslo").name == "\u00c9"
    with pytest.raises(NotFound, match="there is no segment ' \u00c9 '"):  # a rule compares letter by letter
        segments.define("\u00c9", rule=F.memberships.where(F.segment.name == " \u00c9 ").any())


LOOKING_AT: tuple[tuple[str, Rule], ...] = (
    ("by name", F.in_segment("n")),
    ("by memberships", F.memberships.where((F.state == "member") & (F.segment.name == "n")).any()),
    ("by one of its names", F.memberships.where(F.segment.name.in_(["n"])).none()),
    ("by either name", F.memberships.where((F.segment.name == "n") | (F.segment.name == "n2")).any()),
    ("by the segment behind", F.memberships.segment.where(F.name == "n").any()),
    ("from elsewhere", F.company.customers.memberships.segment.where(F.name == "n").count() >= 1),
)


@pytest.mark.parametrize("rule", [rule for _, rule in LOOKING_AT], ids=[name for name, _ in LOOKING_AT])
def test_whatever_way_leads_to_a_segment_it_is_followed(crm: CRM, rule: Rule) -> None:
    segments = crm.customers.segments
    with pytest.raises(NotFound, match="there is no segment 'n'"):
        segments.define("m", rule=rule)
    for name in ("n", "n2"):
        segments.define(name, rule=F.city == "Rome")
    segments.define("m", rule=rule)
    with pytest.raises(DefinitionError, match="n → m → n"):
        segments.define("n", rule=F.in_segment("m"))
    with pytest.raises(Refused, match="is used by m"):
        segments.delete("n")


ANY_SEGMENT: tuple[Rule, ...] = (
    F.memberships.any(),
    F.memberships.where(F.state == "member").none(),
    F.memberships.where(~(F.segment.name == "n") & (F.state == "member")).none(),
    F.memberships.where((F.segment.name == "n") | (F.state == "member")).none(),
    F.memberships.where((F.segment.name == "n") ^ (F.state == "member")).none(),
    F.memberships.where(F.segment.name != "n").any(),
    F.memberships.segment.where(F.name.contains("n")).none(),
    F.memberships.segment.where(F.name == "n").any() & (F.memberships.segment.count() > 1),
    F.memberships.customer.where(F.city == "Rome").any(),
    F.memberships.where((F.segment.name == "n") & F.customer.memberships.any()).any(),
)


@pytest.mark.parametrize("rule", ANY_SEGMENT, ids=map(str, ANY_SEGMENT))
def test_a_rule_that_may_look_at_any_segment_is_refused(crm: CRM, rule: Rule) -> None:
    crm.customers.segments.define("n", rule=F.city == "Rome")
    with pytest.raises(DefinitionError, match="looks at memberships of any segment"):
        crm.customers.segments.define("m", rule=rule)

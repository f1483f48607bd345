"""What a segment may be defined by: rules that can be read again, and that do not look at the segment itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmkit import CRM, F
from crmkit.errors import DefinitionError, NotFound, Refused
from crmkit.kernel.rules import Rule, parse
from crmkit.testing import FrozenClock


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

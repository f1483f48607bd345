"""What keeps segments true: time, other segments, those who see little, lists, and customers who are no more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from crmkit import CRM, Extra, F, Rule
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, NotFound, Refused
from crmkit.kernel.entity import Record
from crmkit.testing import FrozenClock

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Pet(Extra, key="pet"):
    born: date | None = None
    seen_at: datetime | None = None


def days_of_due_work(crm: CRM, clock: FrozenClock, days: int) -> None:
    for _ in range(days * 24):
        clock.advance(hours=1)
        crm.run_due()


def names(crm: CRM, segment: str) -> set[str]:
    return {c.name for c in crm.customers.segments.members(segment)}


DATED: list[Rule] = [
    F.birthday.in_last(hours=30),
    F.birthday.in_next(hours=30),
    F.birthday.before_last(hours=30),
    F.extra.pet.born.in_last(days=2),
    F.extra.pet.seen_at.in_last(hours=30),
    F.extra.pet.seen_at.in_next(days=2),
    F.company.customers.where(F.extra.pet.born.in_last(days=1)).any(),
]


@pytest.mark.parametrize("target", ["memory://", "sqlite://"])
@pytest.mark.parametrize("rule", DATED, ids=str)
def test_hours_over_days_and_custom_fields_come_through_the_agenda(rule: Rule, target: str) -> None:
    clock = FrozenClock(NOW)
    with CRM.open(target, timezone="Asia/Shanghai", clock=clock, extras=[Pet]) as crm:
        studio = crm.customers.companies.register(name="Studio")
        for n in range(-3, 4):
            pet = Pet(born=date(2026, 3, 2) + timedelta(days=n), seen_at=NOW + timedelta(days=n))
            born = date(2026, 3, 2) + timedelta(days=n)
            crm.customers.register(name=f"Guest {n}", birthday=born, extras=[pet], company=studio)
        crm.customers.segments.define("watched", rule=rule)
        crm.customers.segments.refresh("watched")
        for _ in range(8 * 12):
            clock.advance(hours=2)
            crm.run_due()
            due = crm.customers.segments.get("watched").next_change_at
            if due is None or due > clock.now():  # a change waits for a minute
                assert names(crm, "watched") == {c.name for c in crm.customers.find(rule)}
        days_of_due_work(crm, clock, 1)
        assert names(crm, "watched") == {c.name for c in crm.customers.find(rule)}


def test_a_segment_follows_the_one_that_its_rule_refers_to(crm: CRM, clock: FrozenClock) -> None:
    segments = crm.customers.segments
    segments.define("new", rule=F.created_at.in_last(days=7))
    segments.define("Romans of old", rule=~F.in_segment("new") & (F.city == "Rome"))
    segments.refresh("Romans of old")
    crm.customers.register(name="Marcus", city="Rome")
    segments.refresh("new")
    assert names(crm, "new") == {"Marcus"}
    days_of_due_work(crm, clock, 9)
    assert (names(crm, "new"), names(crm, "Romans of old")) == (set(), {"Marcus"})


def test_who_sees_little_refreshes_for_everybody(clock: FrozenClock) -> None:
    def own(actor: str, cls: type[Record]) -> Rule | None:
        return F.owner == actor if cls is Customer else None

    with CRM.open(clock=clock, access=own) as crm:
        for owner in ("anna", "bob"):
            crm.customers.register(name=f"Of {owner}", city="Rome", owner=owner)
        crm.customers.segments.define("Romans", rule=F.city == "Rome")
        anna = crm.acting_as("anna").customers.segments
        change = anna.refresh("Romans")
        assert (change.entered_count, len(change.entered)) == (2, 1)  # the other one is not told
        anna.refresh("Romans", everybody=True)
        assert names(crm, "Romans") == {"Of anna", "Of bob"}
        assert {c.name for c in anna.members("Romans")} == {"Of anna"}


def test_a_list_takes_the_place_of_the_earlier_one(crm: CRM) -> None:
    people = [crm.customers.register(name=n) for n in "abc"]
    segments = crm.customers.segments
    segments.define("table 4", members=people[:2])
    segments.refresh("table 4")
    segments.define("table 4", members=people[1:])
    segments.refresh("table 4")
    assert names(crm, "table 4") == {"b", "c"}
    segments.define("table 4", rule=F.name == "a")
    segments.refresh("table 4")
    assert names(crm, "table 4") == {"a"}


def test_a_preview_leaves_those_alone_who_are_in_or_out_by_hand(crm: CRM) -> None:
    inside, outside, both = (
        crm.customers.register(name=n, city=c) for n, c in (("in", "Oslo"), ("out", "Rome"), ("b", "Rome"))
    )
    segments = crm.customers.segments
    segments.define("Romans", rule=F.city == "Rome")
    segments.include("Romans", inside)
    segments.exclude("Romans", outside)
    segments.refresh("Romans")
    preview = segments.preview(F.city == "Rome", against="Romans")
    assert (preview.count, preview.entering, preview.leaving) == (2, (), ())
    assert segments.preview(F.name == "out", against="Romans").leaving == (both.id,)


def test_whose_data_was_erased_belongs_nowhere(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang")
    for name, how in {"everybody": {"rule": "everyone"}, "list": {"members": [wang]}}.items():
        crm.customers.segments.define(name, **how)  # type: ignore[arg-type]
        crm.customers.segments.refresh(name)
    crm.customers.privacy.erase(wang)
    for name in ("everybody", "list"):
        crm.customers.segments.refresh(name)
        assert crm.customers.segments.size(name) == 0


def test_a_conversion_is_undone_although_a_segment_has_found_the_customer(crm: CRM) -> None:
    lead = crm.pipeline.leads.capture(name="Li", email="li@example.com")
    crm.pipeline.leads.convert(crm.pipeline.leads.qualify(lead))
    crm.customers.segments.define("everybody", rule="everyone")
    crm.customers.segments.refresh("everybody")
    crm.pipeline.leads.undo(lead.id)
    assert crm.customers.count() == crm.customers.segments.size("everybody") == 0


def test_memberships_are_references_like_others(crm: CRM) -> None:
    segments = crm.customers.segments
    stays = F.memberships.where((F.segment.name == "Romans") & (F.state == "member"))
    with pytest.raises(NotFound, match="no segment 'Romans'"):
        segments.define("others", rule=stays.none())
    with pytest.raises(DefinitionError, match="Romans → Romans"):
        segments.define("Romans", rule=stays.none())
    with pytest.raises(DefinitionError, match=r"which one F\.segment\.name is"):
        segments.define("loyal", rule=F.memberships.count() >= 3)
    segments.define("Romans", rule=F.city == "Rome")
    segments.define("were Romans", rule=F.memberships.where((F.segment.name == "Romans") & (F.state == "former")).any())
    marcus = crm.customers.register(name="Marcus", city="Rome")
    segments.refresh("were Romans")
    crm.customers.update(marcus, city="Ostia")
    assert segments.refresh("were Romans").entered_count == 1  # the Romans were refreshed before
    with pytest.raises(Refused, match="were Romans"):
        segments.delete("Romans")

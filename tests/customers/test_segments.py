"""Segments: members by rule and by hand, and that looking at what changed finds the same as looking at everybody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, F, Line, Money
from crmkit.errors import DefinitionError, InvalidInput, NotFound, Refused
from crmkit.kernel.rules import Rule
from crmkit.testing import FrozenClock


def test_a_customer_enters_and_leaves_exactly_once(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", city="Chengdu")
    segments = crm.customers.segments
    segments.define("locals", rule=F.city == "Chengdu")
    assert [m.customer_id for m in segments.refresh("locals").entered] == [wang.id]
    again = segments.refresh("locals")
    assert not again.entered
    assert not again.left
    crm.customers.update(wang, city="Xi'an")
    assert [m.customer_id for m in segments.refresh("locals").left] == [wang.id]
    stays = segments.history("locals", customer=wang)
    assert [(s.state, s.left_at is not None) for s in stays] == [("former", True)]
    said = [m.name for m in crm.customers.timeline(wang) if "segment" in m.name]
    assert said == ["customers.segment_left", "customers.segment_entered"]


def test_what_is_decided_by_hand_survives_refreshes(crm: CRM) -> None:
    inside = crm.customers.register(name="In", city="Chengdu")
    outside = crm.customers.register(name="Out", city="Xi'an")
    segments = crm.customers.segments
    segments.define("locals", rule='city = "Chengdu"')
    segments.include("locals", outside, reason="moves next month")
    segments.exclude("locals", inside)
    for _ in range(2):
        segments.refresh("locals")
        assert segments.members("locals") == [outside]
    assert segments.explain("locals", outside).matches
    segments.leave_to_rule("locals", inside)
    segments.leave_to_rule("locals", outside)
    segments.refresh("locals")
    assert segments.members("locals") == [inside]


def test_a_static_segment_is_a_list(crm: CRM) -> None:
    guests = [crm.customers.register(name=f"Guest {n}") for n in range(3)]
    crm.customers.segments.define("table 4", members=guests[:2])
    crm.customers.segments.refresh("table 4")
    assert crm.customers.segments.size("table 4") == 2
    with pytest.raises(InvalidInput, match="either by rule= or by members="):
        crm.customers.segments.define("nobody")


def test_an_edited_rule_says_who_would_enter_and_leave(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", city="Chengdu")
    li = crm.customers.register(name="Li", city="Xi'an")
    segments = crm.customers.segments
    segments.define("locals", rule=F.city == "Chengdu")
    segments.refresh("locals")
    preview = segments.preview(F.city == "Xi'an", against="locals")
    assert (preview.entering, preview.leaving) == ((li.id,), (wang.id,))
    assert segments.define("locals", rule=F.city == "Xi'an").rule_version == 2
    assert [m.rule_version for m in segments.refresh("locals").entered] == [2]


def test_segments_refer_to_segments_but_not_in_a_circle(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", city="Chengdu", tags={"vip"})
    segments = crm.customers.segments
    segments.define("locals", rule=F.city == "Chengdu")
    segments.define("local vips", rule=F.in_segment("locals") & F.tags.has("vip"))
    assert [m.customer_id for m in segments.refresh("local vips").entered] == [wang.id]
    with pytest.raises(DefinitionError, match="locals → local vips → locals"):
        segments.define("locals", rule=F.in_segment("local vips"))
    with pytest.raises(NotFound, match="did you mean 'locals'"):
        segments.define("x", rule=~F.in_segment("localz"))
    with pytest.raises(Refused, match="is used by local vips"):
        segments.delete("locals")
    segments.delete("local vips")
    segments.delete("locals")
    assert segments.count() == 0


def test_a_rule_that_does_not_fit_is_refused_before_anything_is_stored(crm: CRM) -> None:
    with pytest.raises(DefinitionError, match="did you mean 'city'"):
        crm.customers.segments.define("x", rule=F.citty == "Chengdu")
    with pytest.raises(DefinitionError, match="cannot be compared"):
        crm.customers.segments.define("x", rule=F.birthday > "yesterday")
    assert crm.customers.segments.count() == 0


def test_the_explanation_shows_values_and_the_smallest_change(crm: CRM) -> None:
    li = crm.customers.register(name="Li", city="Chengdu")
    rule = (F.city == "Chengdu") & ((F.orders.count() >= 3) | (F.tags.has("vip") & (F.leads.count() > 0)))
    why = crm.customers.segments.explain(rule, li)
    assert not why.matches
    assert str(why).splitlines()[1] == '├── ✓ city = "Chengdu" — it is "Chengdu"'
    assert why.change == ("orders[].count() >= 3 should hold, it is 0",)


def test_the_agenda_refreshes_a_segment_in_time(crm: CRM, clock: FrozenClock) -> None:
    segments = crm.customers.segments
    segments.define("locals", rule=F.city == "Chengdu", every=timedelta(minutes=30))
    crm.customers.register(name="Wang", city="Chengdu")
    assert crm.run_due().ran == 0
    clock.advance(minutes=31)
    assert crm.run_due().ran == 1
    assert segments.size("locals") == 1
    clock.advance(minutes=31)
    assert crm.run_due().ran == 1
    segments.delete("locals")
    clock.advance(hours=2)
    assert crm.run_due().ran == 0


def test_a_backtest_counts_who_would_have_been_a_member(crm: CRM, clock: FrozenClock) -> None:
    rule = F.created_at.in_last(days=2)
    for _ in range(3):
        crm.customers.register(name="Guest")
        clock.advance(days=1)
    test = crm.customers.segments.backtest(rule, since=date(2026, 3, 1), until=date(2026, 3, 5))
    assert [n for _, n in test.days] == [0, 1, 2, 3, 2]


def test_two_groups_are_compared(crm: CRM) -> None:
    a = crm.customers.register(name="a", city="Rome")
    b = crm.customers.register(name="b", city="Rome", tags={"vip"})
    c = crm.customers.register(name="c", tags={"vip"})
    overlap = crm.customers.segments.compare(F.city == "Rome", F.tags.has("vip"))
    assert (overlap.only_first, overlap.both, overlap.only_second) == ((a.id,), (b.id,), (c.id,))


RULES: tuple[Rule, ...] = (
    F.city == "Chengdu",
    F.leads.within(days=3).count() >= 1,
    F.leads.within(hours=30).count() == 1,
    F.leads.where(F.stage.held("qualified", days=2)).any(),
    F.leads.stopped(days=2),
    F.birthday.anniversary(days=3),
    F.birthday.age >= 30,
    F.created_at.in_last(days=4) & ~F.tags.has("vip"),
    F.company.industry == "photo",
    F.company.customers.where(F.tags.has("vip")).none() & ~F.company.is_missing(),
)
STEP = st.sampled_from(
    ["register", "city", "tag", "lead", "qualify", "company", "industry", "by hand", "hour", "day", "days", "refresh"]
)


@pytest.mark.slow
@settings(max_examples=60)
@given(rule=st.sampled_from(RULES), steps=st.lists(st.tuples(STEP, st.integers(0, 3)), max_size=14))
def test_looking_at_what_changed_finds_the_same_as_looking_at_everybody(
    rule: Rule, steps: list[tuple[str, int]]
) -> None:
    clock = FrozenClock(datetime(2026, 2, 26, 15, 30, tzinfo=UTC))
    with CRM.open("memory://", timezone="Asia/Shanghai", clock=clock) as crm:
        studio = crm.customers.companies.register(name="Studio")
        people = [crm.customers.register(name="First", birthday=date(1996, 2, 29))]
        leads = []
        kept = {True: set[str](), False: set[str]()}
        crm.customers.segments.define("watched", rule=rule)
        crm.customers.segments.refresh("watched")
        for step, n in steps:
            who = people[n % len(people)].id
            match step:
                case "register":
                    people.append(crm.customers.register(name="Next", birthday=date(1996, 3, 1 + n)))
                case "city":
                    crm.customers.update(who, city="Chengdu" if n % 2 else "Rome")
                case "tag":
                    crm.customers.update(who, tags={"vip"} if n % 2 else set())
                case "lead":
                    with crm.work() as work:
                        leads.append(_lead_of(work, who))
                case "qualify" if leads:
                    lead = crm.pipeline.leads.get(leads[n % len(leads)])
                    if lead.stage == "new":
                        crm.pipeline.leads.qualify(lead)
                case "company":
                    crm.customers.update(who, company=studio.id if n % 2 else None)
                case "by hand":
                    _by_hand(crm, kept, who, n)
                case "industry":
                    crm.customers.companies.update(studio.id, industry="photo" if n % 2 else "food")
                case "hour" | "day" | "days":
                    clock.advance(hours={"hour": 7 * n, "day": 24, "days": 48 * n}[step], minutes=n)
                case "refresh":
                    crm.customers.segments.refresh("watched")
        crm.customers.segments.refresh("watched")
        found = {c.id for c in crm.customers.segments.members("watched")}
        assert found == {c.id for c in crm.customers.find(rule)} - kept[False] | kept[True]
        everybody = crm.customers.segments.refresh("watched", everybody=True)
        assert not [*everybody.entered, *everybody.left]


def _by_hand(crm: CRM, kept: dict[bool, set[str]], who: str, n: int) -> None:
    """Put somebody in or out, or leave him to the rule."""
    for others in kept.values():
        others.discard(who)
    if n < 2:
        kept[n == 0].add(who)
    segments = crm.customers.segments
    (segments.include, segments.exclude, segments.leave_to_rule, segments.leave_to_rule)[n]("watched", who)


MOVING: tuple[Rule, ...] = (
    F.leads.within(days=3).any(),
    F.leads.within(hours=30).none(),
    F.leads.within(months=1).count() == 1,
    F.leads.before(days=2).any(),
    F.leads.where(F.stage.held("new", days=2)).any(),
    F.leads.where(F.stage.held(hours=50)).any(),
    F.birthday.anniversary(days=3),
    F.birthday.age >= 30,
    F.birthday.in_next(days=4),
    F.created_at.before_last(seconds=100_000),
)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    rule=st.sampled_from(MOVING),
    days=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    hops=st.lists(st.integers(1, 120), min_size=1, max_size=8),
)
def test_what_time_alone_changes_comes_through_the_agenda(rule: Rule, days: list[int], hops: list[int]) -> None:
    clock = FrozenClock(datetime(2026, 1, 29, 15, 30, tzinfo=UTC))
    with CRM.open("memory://", timezone="Asia/Shanghai", clock=clock) as crm:
        for n, day in enumerate(days):
            born = date(1996, 1, 29) if n else date(2026, 2, 1)
            customer = crm.customers.register(name="Guest", birthday=born + timedelta(days=day))
            with crm.work() as work:
                _lead_of(work, customer.id)
            clock.advance(hours=n)
        crm.customers.segments.define("watched", rule=rule)
        crm.customers.segments.refresh("watched")
        for hours in hops:
            clock.advance(hours=hours)
            crm.run_due()
            found = {c.id for c in crm.customers.segments.members("watched")}
            assert found == {c.id for c in crm.customers.find(rule)}


def test_an_explanation_names_the_rows_that_decided(crm: CRM, clock: FrozenClock) -> None:
    wang = crm.customers.register(name="Wang")
    orders = [
        crm.pipeline.orders.place(
            wang,
            lines=[Line("Album", unit_price=Money(price, "CNY"))],
            placed_at=clock.now() - timedelta(days=days),
        )
        for price, days in (("100", 1), ("50", 2), ("900", 200))
    ]
    lately = F.orders.within(days=90)
    why = crm.customers.segments.explain((lately.sum("total") > Money("500", "CNY")) & F.orders.any(), wang)
    summed, existing = why.parts
    assert sorted(summed.rows) == sorted(f"{o.id} · {o.placed_at.isoformat()} · {o.total}" for o in orders[:2])
    assert len(existing.rows) == 3
    for text in (str(why), format(why, "md"), format(why, "html")):
        assert "to bring it in" in text
        assert orders[0].id in text.replace("\\", "")
    before = crm.customers.segments.explain(~lately.any(), wang, as_of=clock.now() + timedelta(days=100))
    assert before.matches


def test_what_was_tried_out_can_be_read(crm: CRM) -> None:
    crm.customers.register(name="Wang", city="Rome")
    crm.customers.register(name="Li", city="Xi'an")
    segments = crm.customers.segments
    segments.define("all", rule="everyone")
    segments.refresh("all")
    preview = segments.preview('city = "Rome"', against="all")
    assert format(preview, "md").startswith('city = "Rome" — 1 customers, 0 enter, 1 leave')
    assert "1 leave" in preview._repr_html_()
    overlap = segments.compare("all", F.city == "Rome")
    assert "| both | 1 |" in format(overlap, "md")
    assert "<td>only the first</td><td>1</td>" in overlap._repr_html_()


def test_nothing_is_planned_where_time_moves_nobody(crm: CRM, clock: FrozenClock) -> None:
    segments = crm.customers.segments
    segments.define("locals", rule=F.city == "Chengdu")
    assert segments.refresh("locals").segment.next_change_at is None
    segments.define("new", rule=F.created_at.in_last(days=7))
    assert segments.refresh("new").segment.next_change_at is None
    crm.customers.register(name="Wang")
    refreshed = segments.refresh("new").segment
    assert refreshed.next_change_at == datetime(2026, 3, 9, 16, tzinfo=UTC)  # midnight in Shanghai
    segments.define("late", rule=F.in_segment("new") | (F.city == "Rome"))
    assert segments.refresh("late").segment.next_change_at == refreshed.next_change_at
    clock.advance(days=8)
    assert crm.run_due().ran == 2
    assert [segments.size(name) for name in ("new", "late")] == [0, 0]


def test_members_come_one_after_the_other(crm: CRM) -> None:
    people = [crm.customers.register(name=f"Guest {n}", city="Chengdu" if n % 3 else None) for n in range(31)]
    crm.customers.segments.define("locals", rule=F.city == "Chengdu")
    crm.customers.segments.refresh("locals")
    wanted = sorted(p.id for p in people if p.city)
    for at_once in (1, 7, 20, 1_000):
        assert [c.id for c in crm.customers.segments.each_member("locals", at_once=at_once)] == wanted


def _lead_of(work: object, customer_id: str) -> str:
    from crmkit.kernel.change import Change
    from crmkit.kernel.work import Work
    from crmkit.pipeline.leads import Lead, LeadCaptured

    assert isinstance(work, Work)
    lead = work.new(Lead, name="Lead", email="lead@example.com", stage_since=work.now, customer_id=customer_id)
    captured = LeadCaptured(lead_id=lead.id, source=None, owner=None, campaign_id=None)
    return work.save(Change(lead, (captured,))).id

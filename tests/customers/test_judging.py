"""One customer is judged at once, by hand or by a room of the host that reacts to events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, F
from crmkit.customers.segments import SegmentEntered, Segments
from crmkit.errors import InvalidInput
from crmkit.kernel.events import Event
from crmkit.kernel.room import Room
from crmkit.kernel.work import Work
from crmkit.plugins.hookspecs import hookimpl
from crmkit.testing import FrozenClock


class FollowingAtOnce:
    """What a host writes so that segments follow each change."""

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        return [Room(name="following", reactions={Event: (_judge,)})]


def _judge(work: Work, happened: Event) -> None:
    if happened.customer is not None:
        Segments(work).judge(happened.customer)


def test_one_customer_enters_and_leaves_in_all_segments_at_once(crm: CRM) -> None:
    segments = crm.customers.segments
    segments.define("couples here", rule=F.tags.has("couple"))
    segments.define("locals", rule=F.city == "Chengdu")
    segments.define("couples", rule=F.tags.has("couple"))
    segments.define("couples here", rule=F.in_segment("locals") & F.in_segment("couples"))
    wang = crm.customers.register(name="Wang", city="Chengdu", tags={"couple"})
    li = crm.customers.register(name="Li", city="Chengdu")
    names = {s.id: s.name for s in segments.find()}
    entered = [names[m.segment_id] for m in segments.judge(wang)]
    assert (set(entered), entered[-1]) == ({"locals", "couples", "couples here"}, "couples here")
    assert segments.judge(wang) == []
    assert segments.members("locals") == [wang]  # nobody has looked at the other one
    assert [m.customer_id for m in segments.refresh("locals").entered] == [li.id]
    crm.customers.update(wang, city="Lhasa")
    assert {names[m.segment_id] for m in segments.judge(wang.id)} == {"locals", "couples here"}
    said = [e.name for e in crm.customers.timeline(wang) if e.name.startswith("customers.segment")]
    assert (said.count("customers.segment_entered"), said.count("customers.segment_left")) == (3, 2)


def test_what_is_decided_by_hand_counts_for_one_customer_too(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang")
    crm.customers.segments.define("list", members=[wang])
    assert [m.customer_id for m in crm.customers.segments.judge(wang)] == [wang.id]
    crm.customers.segments.exclude("list", wang)
    assert [m.state for m in crm.customers.segments.judge(wang)] == ["former"]


def test_time_moves_whoever_was_judged_at_once(crm: CRM, clock: FrozenClock) -> None:
    segments = crm.customers.segments
    segments.define("new", rule=F.created_at.in_last(days=7))
    segments.refresh("new")
    assert segments.get("new").next_change_at is None
    wang = crm.customers.register(name="Wang")
    segments.judge(wang)
    assert segments.size("new") == 1
    for _ in range(9):
        clock.advance(days=1)
        crm.run_due()
    assert segments.size("new") == 0


def test_a_room_of_the_host_lets_segments_follow_each_change(clock: FrozenClock) -> None:
    with CRM.open(clock=clock, plugins=[FollowingAtOnce()]) as crm:
        crm.customers.segments.define("in talks", rule=F.opportunities.where(~F.stage.in_(["won", "lost"])).any())
        wang = crm.customers.register(name="Wang")
        assert crm.customers.segments.size("in talks") == 0
        deal = crm.pipeline.opportunities.open(name="Album", customer=wang)
        assert crm.customers.segments.size("in talks") == 1
        crm.pipeline.opportunities.lose(deal, reason="price")
        assert crm.customers.segments.size("in talks") == 0


def test_reactions_come_for_a_class_of_events_and_for_those_above_it(clock: FrozenClock) -> None:
    heard: list[str] = []

    class Listening:
        @hookimpl
        def crmkit_rooms(self) -> Iterator[Room]:
            yield Room(name="a", reactions={SegmentEntered: (lambda _, e: heard.append(f"a {e.event_name}"),)})
            yield Room(name="b", reactions={Event: (lambda _, e: heard.append(f"b {e.event_name}"),)})

    with CRM.open(clock=clock, plugins=[Listening()]) as crm:
        wang = crm.customers.register(name="Wang")
        crm.customers.segments.define("list", members=[wang])
        heard.clear()
        crm.customers.segments.refresh("list")
    assert heard == ["a customers.segment_entered", "b customers.segment_entered"]


@pytest.mark.parametrize(("keep", "told"), [(None, 5), (3, 3), (0, 0)])
def test_the_result_tells_as_many_as_are_wanted_and_counts_all(crm: CRM, keep: int | None, told: int) -> None:
    for n in range(5):
        crm.customers.register(name=f"Guest {n}")
    crm.customers.segments.define("all", rule="everyone")
    done = crm.customers.segments.refresh("all", keep=keep)
    assert (len(done.entered), done.entered_count, done.left_count) == (told, 5, 0)
    with pytest.raises(InvalidInput, match="keep="):
        crm.customers.segments.refresh("all", keep=-1)


RULES = [F.city == "Chengdu", F.opportunities.within(days=3).any(), F.tags.has("vip") & ~(F.city == "Rome")]


@pytest.mark.slow
@settings(max_examples=40)
@given(rule=st.sampled_from(RULES), steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=10))
def test_judging_everybody_one_by_one_is_the_same_as_a_refresh(rule: object, steps: list[tuple[int, int]]) -> None:
    clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
    with CRM.open("memory://", clock=clock) as crm:
        people = [crm.customers.register(name=f"Guest {n}").id for n in range(3)]
        crm.customers.segments.define("watched", rule=rule)  # type: ignore[arg-type]
        for step, n in steps:
            if step == 0:
                crm.customers.update(people[n], city=("Rome", "Chengdu")[n % 2])
            elif step == 1:
                crm.customers.update(people[n], tags={"vip"} if n else set())
            elif step == 2:
                crm.pipeline.opportunities.open(name="Album", customer=people[n])
            else:
                clock.advance(hours=30)
            for each in people:
                crm.customers.segments.judge(each)
        done = crm.customers.segments.refresh("watched", everybody=True)
        assert (done.entered, done.left) == ((), ())

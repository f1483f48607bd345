"""The SLA engine by itself: the order in one instant, recurrences, presets, holds, and laws that always hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import BusinessCalendar
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.service.sla import PRESETS, Clock, Happening, Hours, Judgement, Reading, Span, judge, preset

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ALWAYS = Hours.of(BusinessCalendar.always_open())
WEEK = {day: [("09:00", "12:00"), ("13:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
OFFICE = Hours.of(BusinessCalendar(timezone="UTC", hours=WEEK))
TARGETS: dict[str, Any] = {
    "first_response": HOUR,
    "next_response": HOUR,
    "update": 4 * HOUR,
    "resolution": 8 * HOUR,
    "time_to_own": HOUR / 2,
    "waiting": 40 * HOUR,
}


def story(*told: tuple[float, str] | tuple[float, str, str]) -> list[Happening]:
    """What happened, by hours after the start."""
    return [Happening(START + t[0] * HOUR, t[1], t[2] if len(t) == 3 else None) for t in told]


def seen(
    clocks: tuple[Clock, ...], known: list[Happening], *, after: float | None = None, hours: Hours = ALWAYS, **o: Any
) -> Judgement:
    at = max(h.at for h in known) if after is None else START + after * HOUR
    return judge(clocks, hours, known, as_of=at, **o)


def clock(judged: Judgement, name: str) -> Reading:
    reading = judged.clock(name)
    assert reading is not None
    return reading


# ── One instant ──


def test_a_case_that_is_answered_while_it_is_opened_was_answered_in_no_time() -> None:
    reading = clock(seen(preset("crmkit", TARGETS), story((0, "opened", "open"), (0, "reply"))), "first_response")
    assert (reading.state, reading.elapsed, reading.breached) == ("stopped", timedelta(0), False)


def test_a_reply_ends_one_update_and_begins_the_next() -> None:
    judged = seen(preset("crmkit", TARGETS), story((0, "opened", "open"), (3, "reply"), (7, "reply")))
    assert [(r.state, r.elapsed) for r in judged.cycles("update")] == [
        ("stopped", 3 * HOUR),
        ("stopped", 4 * HOUR),
        ("running", timedelta(0)),
    ]


def test_of_one_instant_stops_come_before_pauses_before_starts() -> None:
    both = Clock(name="x", target=HOUR, starts=["go"], stops=["halt"], pauses=["hold"], resumes=["on"], recurs="again")
    judged = seen((both,), story((0, "go"), (1, "go"), (1, "hold"), (1, "halt")), after=5)
    assert [(r.state, r.elapsed) for r in judged.cycles("x")] == [("stopped", HOUR), ("paused", timedelta(0))]


@pytest.mark.parametrize(("last", "state"), [("open", "running"), ("waiting", "paused")])
def test_of_several_states_in_one_instant_the_last_counts(last: str, state: str) -> None:
    known = story((0, "opened", "open"), (1, "wait", "waiting"), (1, "resume", "open"), (1, "again", last))
    assert clock(seen(preset("crmkit", TARGETS), known, after=2), "resolution").state == state


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_listed_does_not_matter(rng: random.Random) -> None:
    names = ["opened", "reply", "customer_message", "note", "assigned", "call"]
    known = [Happening(START + rng.randrange(5) * HOUR, rng.choice(names)) for _ in range(8)]
    shuffled = rng.sample(known, len(known))
    clocks = preset("crmkit", TARGETS)
    assert judge(clocks, OFFICE, known, as_of=START + 9 * HOUR) == judge(
        clocks, OFFICE, shuffled, as_of=START + 9 * HOUR
    )


# ── Recurrence ──


def test_once_again_and_each() -> None:
    known = story((0, "ask"), (1, "ask"), (2, "answer"), (3, "ask"))
    found = {}
    for recurs in ("once", "again", "each"):
        one = Clock(name="x", target=HOUR, starts=["ask"], stops=["answer"], recurs=recurs)
        found[recurs] = [(r.state, r.elapsed) for r in seen((one,), known, after=4).cycles("x")]
    assert found == {
        "once": [("stopped", 2 * HOUR)],
        "again": [("stopped", 2 * HOUR), ("running", HOUR)],
        "each": [("stopped", 2 * HOUR), ("stopped", HOUR), ("running", HOUR)],
    }


def test_further_messages_do_not_move_the_next_response() -> None:
    known = story((0, "opened", "open"), (0, "customer_message"), (1, "reply"), (2, "customer_message"))
    known += story((2.5, "customer_message"))
    judged = seen(preset("crmkit", TARGETS), known)
    assert [r.due for r in judged.cycles("next_response")] == [START + 3 * HOUR]


def test_a_note_and_an_unanswered_call_move_nothing() -> None:
    told = story((0, "opened", "open"))
    more = [*told, *story((0.5, "note"), (0.6, "missed_call"))]
    clocks = preset("crmkit", TARGETS)
    assert seen(clocks, more, after=1) == seen(clocks, told, after=1)


def test_reopening_goes_on_where_it_stopped_and_the_gap_is_held() -> None:
    known = story((0, "opened", "open"), (3, "resolve", "resolved"), (20, "close", "closed"), (30, "reopen", "open"))
    reading = clock(seen(preset("crmkit", TARGETS), known, after=31), "resolution")
    assert (reading.cycle, reading.elapsed, reading.held) == (1, 4 * HOUR, 27 * HOUR)
    assert reading.due == START + 35 * HOUR
    assert [t.what for t in reading.turns] == ["started", "stopped", "continued"]


# ── The presets of other systems ──


def test_osticket_begins_anew_when_a_ticket_is_reopened_and_never_pauses() -> None:
    known = story((0, "opened", "open"), (5, "wait", "waiting"), (20, "close", "closed"), (30, "reopen", "open"))
    judged = seen(preset("osticket", {"resolution": 24 * HOUR}), known)
    assert [(r.state, r.elapsed) for r in judged.cycles("resolution")] == [
        ("stopped", 20 * HOUR),
        ("running", timedelta(0)),
    ]
    assert judged.next_due == START + 54 * HOUR


def test_erpnext_counts_holds_by_the_wall_clock_where_frappe_counts_business_time() -> None:
    known = story((0, "opened", "open"), (7, "wait", "waiting"), (24, "resume", "open"))  # 16:00 to 9:00
    targets = {"first_response": HOUR, "resolution": 9 * HOUR}
    frappe = clock(seen(preset("frappe", targets), known, hours=OFFICE), "resolution")
    erpnext = clock(seen(preset("erpnext", targets), known, hours=OFFICE), "resolution")
    assert (frappe.held, frappe.due) == (HOUR, START + 27 * HOUR)
    assert (erpnext.held, erpnext.due) == (17 * HOUR, START + 26 * HOUR + 17 * HOUR)


def test_frappe_takes_the_first_pause_for_a_response() -> None:
    judged = seen(preset("frappe", {"first_response": HOUR}), story((0, "opened", "open"), (0.5, "wait", "waiting")))
    assert judged.finished
    assert not judged.missed


def test_glpi_never_pauses_the_time_to_own() -> None:
    known = story((0, "opened", "open"), (1, "wait", "waiting"), (9, "resume", "open"), (10, "assigned"))
    judged = seen(preset("glpi", {"time_to_own": 4 * HOUR, "resolution": 4 * HOUR}), known)
    assert [(r.clock, r.elapsed) for r in judged.missed] == [("time_to_own", 10 * HOUR)]


def test_zendesk_measures_each_exchange_and_the_waiting_of_the_requester() -> None:
    targets = {"first_response": HOUR, "next_response": HOUR, "requester_wait": 8 * HOUR, "pausable_update": 8 * HOUR}
    known = story(
        (0, "opened", "open"),
        (1, "reply"),
        (1, "wait", "waiting"),
        (5, "customer_message"),
        (5, "resume", "open"),
        (6.5, "reply"),
        (7, "resolve", "resolved"),
        (9, "reopen", "open"),
    )
    judged = seen(preset("zendesk", targets), known, after=10)
    assert [(r.elapsed, r.breached) for r in judged.cycles("next_response")] == [(1.5 * HOUR, True)]
    assert [(r.elapsed, r.state) for r in judged.cycles("requester_wait")] == [(3 * HOUR, "stopped"), (HOUR, "running")]
    assert [r.elapsed for r in judged.cycles("pausable_update")] == [1.5 * HOUR, 0.5 * HOUR]


def test_zammad_between_agent_updates() -> None:
    known = story((0, "opened", "open"), (2, "reply"), (3, "customer_message"), (5, "contact"), (6, "close", "closed"))
    judged = seen(preset("zammad", {"update_between": 2.5 * HOUR}), known, after=9)
    assert [(r.elapsed, r.breached, r.state) for r in judged.cycles("update_between")] == [
        (2 * HOUR, False, "stopped"),
        (3 * HOUR, True, "stopped"),
        (HOUR, False, "paused"),
    ]


def test_every_preset_can_be_used_and_written_down() -> None:
    for name, shape in PRESETS.items():
        for made in preset(name, dict.fromkeys(shape, HOUR)):
            assert Clock.from_json(made.to_json()) == made


# ── Lateness ──


def test_exactly_on_time_is_on_time() -> None:
    for minutes, late in ((60, False), (61, True)):
        known = story((0, "opened", "open"), (minutes / 60, "reply"))
        assert clock(seen(preset("crmkit", TARGETS), known), "first_response").breached == late


def test_what_was_used_up_at_closing_and_stopped_in_the_night_is_late() -> None:
    """Seven hours from nine are used up at five: an answer at eight in the evening took no more time, but came late."""
    (first,) = preset("crmkit", {"first_response": 7 * HOUR})
    reading = clock(seen((first,), story((0, "opened", "open"), (11, "reply")), hours=OFFICE), "first_response")
    assert (reading.elapsed, reading.due, reading.breached) == (7 * HOUR, START + 8 * HOUR, True)


def test_a_pause_after_the_end_does_not_heal_a_miss() -> None:
    known = story((0, "opened", "open"), (9, "wait", "waiting"), (20, "resume", "open"), (21, "resolve", "resolved"))
    for after in (9, 15, 20.5, 21, 40):
        reading = clock(seen(preset("crmkit", TARGETS), known, after=after), "resolution")
        assert (reading.due, reading.breached) == (START + 8 * HOUR, True)


def test_late_sweeps_do_not_punish_if_told_so() -> None:
    known = story((0, "opened", "open"), (2, "reply"))
    first = preset("crmkit", {"first_response": HOUR})
    assert not seen(first, known, late="seen").missed
    assert seen(first, [*known, *story((1.5, "sweep"))], late="seen").missed
    assert not seen(first, [*known, *story((1, "sweep"))], late="seen").missed
    assert seen(first, known).missed


# ── Calendars that change ──


def test_a_new_calendar_is_pinned_cumulative_or_latest() -> None:
    later = BusinessCalendar.always_open()
    found = {}
    for change in ("pinned", "cumulative", "latest"):
        versions = {START: OFFICE.versions[0][1], START + 8 * HOUR: later}
        (one,) = preset("crmkit", {"resolution": 100 * HOUR})
        known = story((0, "opened", "open"))
        reading = clock(seen((one,), known, after=12, hours=Hours.of(versions, change=change)), "resolution")
        found[change] = reading.elapsed
    assert found == {"pinned": 7 * HOUR, "cumulative": 11 * HOUR, "latest": 12 * HOUR}


@given(st.integers(0, 400), st.integers(0, 400), st.integers(-40, 40))
def test_adding_what_lies_between_leads_there(first: int, length: int, hours: int) -> None:
    versions = {START: OFFICE.versions[0][1], START + 50 * HOUR: BusinessCalendar.always_open()}
    both = Hours.of(versions, change="cumulative")
    start = START + first * HOUR / 4
    end = start + length * HOUR / 4
    amount = both.between(start, end)
    assert both.add(start, amount) <= end
    assert both.between(start, both.add(start, amount)) == amount
    if hours >= 0:
        assert both.between(start, both.add(start, hours * HOUR)) == hours * HOUR
    else:
        assert both.between(both.add(start, hours * HOUR), start) == -hours * HOUR


# ── Laws ──

NAMES = [("reply", None), ("customer_message", None), ("note", None), ("assigned", None), ("call", None)]
MOVES = [("wait", "waiting"), ("resume", "open"), ("resolve", "resolved"), ("close", "closed"), ("reopen", "open")]
EVENTS = st.lists(st.tuples(st.integers(1, 300), st.sampled_from(NAMES + MOVES)), max_size=14)


@st.composite
def stories(draw: st.DrawFn) -> list[Happening]:
    known = [Happening(START, "opened", "open")]
    return known + [Happening(START + quarter * HOUR / 4, *what) for quarter, what in draw(EVENTS)]


@given(stories(), st.sampled_from([ALWAYS, OFFICE]), st.integers(0, 400))
def test_what_a_reading_says_fits_together(known: list[Happening], hours: Hours, quarter: int) -> None:
    as_of = START + quarter * HOUR / 4
    judged = judge(preset("crmkit", TARGETS), hours, known, as_of=as_of)
    for reading in judged.readings:
        end = reading.stopped_at or as_of
        assert reading.started_at <= end <= as_of
        assert reading.elapsed >= timedelta(0)
        assert reading.held >= timedelta(0)
        assert reading.elapsed + reading.held == hours.between(reading.started_at, end)
        assert reading.due >= reading.started_at
        assert reading.breached == (end > reading.due)
        if reading.elapsed < reading.target.time:
            assert not reading.breached
        if reading.elapsed > reading.target.time:
            assert reading.breached
        assert reading.turns[0].what == "started"
        assert reading.why
    assert judged.finished == all(not r.open for r in judged.readings)
    running = [r.due for r in judged.readings if r.state == "running"]
    assert judged.next_due == min(running, default=None)


@given(stories(), st.integers(0, 400), st.integers(0, 400))
def test_the_past_does_not_change(known: list[Happening], first: int, second: int) -> None:
    """What is seen from a moment depends on what happened up to it and on nothing that comes later."""
    early = START + min(first, second) * HOUR / 4
    clocks = preset("crmkit", TARGETS)
    whole = judge(clocks, OFFICE, known, as_of=early)
    assert whole == judge(clocks, OFFICE, [h for h in known if h.at <= early], as_of=early)
    late = judge(clocks, OFFICE, known, as_of=START + max(first, second) * HOUR / 4)
    assert {(r.clock, r.cycle) for r in whole.missed} <= {(r.clock, r.cycle) for r in late.missed}


@given(stories(), st.integers(1, 100), st.integers(1, 100))
def test_a_pause_never_shortens(known: list[Happening], start: int, length: int) -> None:
    plain = [h for h in known if h.state in {None, "open"}]
    held = [Happening(START + start * HOUR / 7, "wait", "waiting")]
    held += [Happening(START + (start + length) * HOUR / 7, "resume", "open")]
    (one,) = preset("crmkit", {"resolution": 8 * HOUR})
    as_of = START + 100 * HOUR
    without = clock(judge([one], OFFICE, plain, as_of=as_of), "resolution")
    with_it = clock(judge([one], OFFICE, [*plain, *held], as_of=as_of), "resolution")
    assert with_it.due >= without.due
    assert with_it.elapsed <= without.elapsed


@given(stories(), st.sampled_from([-20, -4, 0, 4, 20]), st.sampled_from([0.0, 50.0, 100.0, 150.0]))
def test_levels_are_ordered_like_their_distance_from_the_target(
    known: list[Happening], quarters: int, percent: float
) -> None:
    judged = judge(preset("crmkit", TARGETS), OFFICE, known, as_of=START + 90 * HOUR)
    for reading in judged.readings:
        moment = reading.stretch.reaches(Span(time=quarters * HOUR / 4))
        assert (moment <= reading.due) if quarters <= 0 else (moment >= reading.due)
        share = reading.stretch.share(percent)
        assert (share <= reading.due) if percent <= 100 else (share >= reading.due)
        assert reading.stretch.share(100.0) == reading.due == reading.stretch.reaches(Span())


@pytest.mark.slow
def test_a_case_with_ten_thousand_messages() -> None:
    known = story((0, "opened", "open"))
    for number in range(5_000):
        known += story((number / 10, "customer_message"), (number / 10 + 0.05, "reply"))
    judged = seen(preset("crmkit", TARGETS), known, hours=OFFICE)
    assert len(judged.cycles("next_response")) == 4_999
    assert judged.finished is False


# ── Bad input ──


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": timedelta(0)}, "more than nothing"),
        ({"target": "2h"}, "timedelta"),
        ({"target": {"weeks": 2}}, "timedelta"),
        ({"starts": []}, "starts"),
        ({"starts": "opened"}, r"write \['opened'\]"),
        ({"stops": ["enters:"]}, "enters:waiting"),
        ({"stops": ["becomes:closed"]}, "enters:waiting"),
        ({"stops": [5]}, "text"),
        ({"pauses": ["enters:waiting"]}, "nothing resumes it"),
        ({"recurs": "never"}, "once, again, each"),
        ({"hold": "coffee"}, "business, wall"),
        ({"name": "first response"}, "first_response"),
    ],
)
def test_a_wrong_clock_is_refused(changes: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"name": "x", "target": HOUR, "starts": ["opened"], "stops": ["reply"]}
    with pytest.raises(DefinitionError, match=says):
        Clock(**{**good, **changes})


def test_wrong_clocks_together_are_refused() -> None:
    one = Clock(name="x", target=HOUR, starts=["opened"], stops=["reply"])
    with pytest.raises(DefinitionError, match="two clocks"):
        judge([one, one], ALWAYS, [], as_of=START)
    with pytest.raises(DefinitionError, match="never comes"):
        judge([attrs.evolve(one, after="y")], ALWAYS, [], as_of=START)
    with pytest.raises(DefinitionError, match="did you mean 'target'"):
        Clock.from_json({"name": "x", "tarjet": {}, "starts": ["a"], "stops": ["b"]})
    with pytest.raises(DefinitionError, match="wrongly formed"):
        Clock.from_json({"name": "x"})
    with pytest.raises(InvalidInput, match="aware"):
        judge([one], ALWAYS, [], as_of=datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="aware"):
        Happening(datetime(2026, 3, 2), "opened")  # noqa: DTZ001


def test_nothing_happened() -> None:
    judged = judge(preset("crmkit", TARGETS), ALWAYS, [], as_of=START)
    assert (judged.readings, judged.state, judged.next_due, judged.finished) == ((), None, None, True)

"""May I contact this person?  The pure decision."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionError
from crmkit.marketing.contact import Cap, Contact, ContactRules, Decision, Hours, Sent, decide

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # in Shanghai
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cases(category: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["category"] == category]


def contact(**changes: Any) -> Contact:
    usual: dict[str, Any] = {
        "addresses": frozenset({"email", "sms", "push"}),
        "consents": {(c, "marketing"): "granted" for c in ("email", "sms", "push")},
        "zone": SHANGHAI,
    }
    return Contact(**{**usual, **changes})


def ask(who: Contact, rules: ContactRules | None = None, **changes: Any) -> Decision:
    usual: dict[str, Any] = {"channel": "email", "purpose": "marketing", "at": NOON}
    return decide(who, **{**usual, **changes}, rules=rules or ContactRules())


def test_who_agreed_and_can_be_reached_is_contacted() -> None:
    assert ask(contact()) == Decision(verdict="allow")
    assert bool(ask(contact())) is True


def test_all_reasons_are_given() -> None:
    nobody = Contact(addresses=frozenset(), suppressed={"*": "manual", "email": "complained"})
    assert ask(nobody).reasons == (
        "no address for email",
        "everything is suppressed: manual",
        "email is suppressed: complained",
        "no consent to marketing by email",
    )


@pytest.mark.parametrize("case", cases("consent/state"))
def test_consent_states(case: dict[str, Any]) -> None:
    state = {"GRANTED": "granted", "DENIED": "revoked", "REVOKED": "revoked"}[case["inputs"]["status"]]
    who = contact(consents={("email", "marketing"): state})
    assert bool(ask(who, at=datetime.fromisoformat(case["inputs"]["at"]).replace(tzinfo=UTC))) is case["expected"]


@pytest.mark.parametrize("case", cases("consent/groups"))
def test_opt_in_and_opt_out(case: dict[str, Any]) -> None:
    rules = ContactRules(opt_out=frozenset({"marketing"} if case["inputs"]["group_type"] == "opt-out" else ()))
    actions = {"Subscribe": "granted", "Unsubscribe": "revoked"}
    last = case["inputs"]["last_action"]
    who = contact(consents={} if last is None else {("email", "marketing"): actions[last]})
    assert bool(ask(who, rules)) is case["expected"]["may_message"]


def test_whoever_left_an_opt_out_purpose_is_left_alone() -> None:
    rules = ContactRules(opt_out=frozenset({"marketing"}))
    assert ask(contact(consents={("email", "marketing"): "revoked"}), rules).verdict == "deny"


@pytest.mark.parametrize(
    ("why", "purpose", "verdict"),
    [
        ("unsubscribed", "service", "allow"),
        ("manual", "transaction", "allow"),
        ("bounced", "service", "deny"),
        ("unsubscribed", "marketing", "deny"),
    ],
)
def test_suppression_and_what_needs_no_consent(why: str, purpose: str, verdict: str) -> None:
    assert ask(contact(suppressed={"email": why}), purpose=purpose).verdict == verdict
    assert ask(contact(suppressed={"email": why}), channel="sms", purpose=purpose).verdict == "allow"


def test_what_needs_no_consent_is_neither_capped_nor_put_off() -> None:
    rules = ContactRules(caps=(Cap(most=1),), quiet=Hours(start=time(0), end=time(23)))
    who = contact(history=(Sent(at=NOON, channel="email"),), consents={})
    assert ask(who, rules, purpose="service").verdict == "allow"


# ── Caps ──


@pytest.mark.parametrize("case", [c for c in cases("consent/freqcap") if "sent_local" in c.values[0]["inputs"]])
def test_calendar_days_are_those_of_the_person(case: dict[str, Any]) -> None:
    sent = datetime.fromisoformat(case["inputs"]["sent_local"]).replace(tzinfo=SHANGHAI)
    candidate = datetime.fromisoformat(case["inputs"]["candidate_local"]).replace(tzinfo=SHANGHAI)
    who = contact(history=(Sent(at=sent.astimezone(UTC), channel="sms"),))
    calendar = ContactRules(caps=(Cap(most=1, basis="calendar"),))
    rolling = ContactRules(caps=(Cap(most=1, basis="rolling"),))
    assert bool(ask(who, calendar, at=candidate.astimezone(UTC))) is case["expected"]["allowed"]
    capped = ask(who, rolling, at=candidate.astimezone(UTC))
    assert (capped.verdict, capped.until, capped.capped) == ("defer", sent + timedelta(days=1), True)


@pytest.mark.parametrize("case", [c for c in cases("consent/freqcap") if "caps" in c.values[0]["inputs"]])
def test_one_campaign_counts_on_each_of_its_channels(case: dict[str, Any]) -> None:
    channels = case["inputs"]["campaign_channels"]
    caps = {name: Cap(most=int(limit.split("/")[0]), channel=name) for name, limit in case["inputs"]["caps"].items()}
    history = tuple(Sent(at=NOON, channel=name, occasion="spring") for name in channels)
    assert {f"{n}_left_today": cap.left(history, NOON, SHANGHAI) for n, cap in caps.items()} == case["expected"]
    assert Cap(most=2).left(history, NOON, SHANGHAI) == 1  # and once where any channel counts


def test_several_caps_hold_together() -> None:
    rules = ContactRules(caps=(Cap(most=2, days=1), Cap(most=3, days=7)))
    week = tuple(Sent(at=NOON - timedelta(days=d), channel="email") for d in (1, 2, 3))
    capped = ask(contact(history=week), rules)
    assert capped.until == datetime(2026, 3, 5, 16, 0, tzinfo=UTC)  # the oldest leaves seven days at midnight
    assert capped.reasons == ("capped: at most 3 in 7 calendar days",)


@given(
    st.lists(st.integers(-300, 100), max_size=12),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from(["calendar", "rolling"]),
)
def test_a_cap_is_free_at_the_first_moment_and_not_before(hours: list[int], most: int, days: int, basis: Any) -> None:
    cap = Cap(most=most, days=days, basis=basis)
    history = tuple(Sent(at=NOON + timedelta(hours=h), channel="email") for h in hours)
    free = cap.free_at(history, NOON, BERLIN)

    def used(at: datetime) -> int:
        return sum(cap.leaves(s.at, BERLIN) > at for s in history)

    assert free >= NOON
    assert used(free) < most
    if free > NOON:
        assert used(free - timedelta(seconds=1)) >= most


@pytest.mark.parametrize(("most", "days"), [(0, 1), (1, 0), (-1, 1)])
def test_caps_that_are_none(most: int, days: int) -> None:
    with pytest.raises(DefinitionError):
        Cap(most=most, days=days)


# ── Quiet hours and windows ──


@pytest.mark.parametrize("case", cases("journeys/send-window"))
def test_send_windows(case: dict[str, Any]) -> None:
    given_ = case["inputs"]
    zone = ZoneInfo(given_["contact_timezone"])

    def clock(text: str | None) -> time | None:
        return None if text is None else time.fromisoformat(text)

    days = frozenset(DAYS[d] for d in given_["allowed_weekdays_0_is_sunday"])
    window = Hours(start=clock(given_["allowed_start"]), end=clock(given_["allowed_end"]), weekdays=days)
    at = datetime.fromisoformat(given_["scheduled_utc"]).replace(tzinfo=UTC)
    answer = ask(contact(zone=zone), ContactRules(window=window), at=at)
    local = (answer.until or at).astimezone(zone).replace(tzinfo=None)
    assert local == datetime.fromisoformat(case["expected"]["local"])


@pytest.mark.parametrize("case", cases("journeys/quiet-hours"))
def test_without_any_zone_there_are_no_quiet_hours(case: dict[str, Any]) -> None:
    quiet = Hours(
        start=time.fromisoformat(case["inputs"]["quiet_start"]), end=time.fromisoformat(case["inputs"]["quiet_end"])
    )
    night = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert case["expected"] == {"pinpoint": "send"}
    assert ask(contact(zone=None), ContactRules(quiet=quiet), at=night).verdict == "allow"
    assert ask(contact(zone=ZoneInfo("UTC")), ContactRules(quiet=quiet), at=night).verdict == "defer"


NIGHT = Hours(start=time(22), end=time(6))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-02T05:30", "2026-03-02T06:00"),
        ("2026-03-02T06:00", None),
        ("2026-03-02T21:59", None),
        ("2026-03-02T22:00", "2026-03-03T06:00"),
        ("2026-03-28T23:00", "2026-03-29T06:00"),  # the night in which clocks go forward
        ("2026-10-25T02:30", "2026-10-25T06:00"),  # the night in which they go back
    ],
)
def test_quiet_hours_over_midnight_in_berlin(local: str, expected: str | None) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=BERLIN).astimezone(UTC)
    answer = ask(contact(zone=BERLIN), ContactRules(quiet=NIGHT), at=at)
    got = None if answer.until is None else answer.until.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M")
    assert got == expected


def test_a_cap_that_ends_in_quiet_hours_waits_for_the_morning() -> None:
    rules = ContactRules(caps=(Cap(most=1),), quiet=NIGHT, window=Hours(start=time(9), end=time(18)))
    answer = ask(contact(history=(Sent(at=NOON, channel="email"),)), rules)
    assert answer.until == datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    assert len(answer.reasons) == 3


def test_a_window_that_is_quiet_altogether_is_never() -> None:
    rules = ContactRules(quiet=Hours(start=time(8), end=time(20)), window=Hours(start=time(9), end=time(18)))
    assert ask(contact(), rules).verdict == "deny"


times = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@given(
    st.integers(0, 3 * 366 * 86_400).map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    times,
    times,
    st.frozensets(st.sampled_from(DAYS)),
    st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_the_answer_is_the_first_minute_inside(
    at: datetime, start: time, end: time, weekdays: frozenset[str], zone: ZoneInfo
) -> None:
    if start == end:
        return
    hours = Hours(start=start, end=end, weekdays=weekdays)

    def inside(moment: datetime) -> bool:
        local = moment.astimezone(zone)
        on = DAYS[(local.weekday() + 1) % 7]
        before = DAYS[local.weekday()]
        wall = local.time().replace(tzinfo=None)
        if start < end:
            return start <= wall < end and (not weekdays or on in weekdays)
        late = wall >= start and (not weekdays or on in weekdays)
        return late or (wall < end and (not weekdays or before in weekdays))

    def steady(moment: datetime) -> bool:
        """Whether clocks don't change within a day of it; a wall clock says little about the others."""
        offsets = {(moment + timedelta(hours=h)).astimezone(zone).utcoffset() for h in (-26, 0, 26)}
        return len(offsets) == 1

    first = hours.first_inside(at, zone)
    assert first >= at
    if steady(first):
        assert inside(first)
        if first > at and steady(at):
            assert not inside(first - timedelta(minutes=1))
    if steady(at):
        held = hours.holding(at, zone)
        assert (held is not None) is inside(at)
        if held is not None and steady(held):
            assert inside(held - timedelta(minutes=1))


@pytest.mark.parametrize("wrong", [{"weekdays": frozenset({"monday"})}, {"start": time(9), "end": time(9)}])
def test_hours_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        Hours(**wrong)

"""Worked cases from the test suites of other systems, each under the options that its system follows."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.calendar import BusinessCalendar

CASES = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
AT_CLOSING = {"close": "closing", "next_open": "next_opening"}
DAY_RULES = {"biz": {"day_time": "snap"}, "count": {"day_origin": "any"}, "working_hours": {"day_origin": "worked"}}


def options(case: dict[str, Any]) -> dict[str, str]:
    """Translate the conventions of a case; a case without any is met by the defaults."""
    found: dict[str, str] = {}
    for name, value in case.get("conventions", {}).items():
        match name:
            case "deadline_at_close":
                found["at_closing"] = AT_CLOSING[value]
            case "reversed_diff":
                found["end_before_start"] = value
            case "dst":
                found["dst"] = value
            case "day_rule":
                found |= DAY_RULES[value.replace(":", " ").split()[0]]
            case _:
                raise AssertionError(name)
    if "end_of_working_day" in case["inputs"]:
        found["day_time"] = "closing" if case["inputs"]["end_of_working_day"] else "keep"
    return found


def calendar(spec: dict[str, Any], **chosen: str) -> BusinessCalendar:
    form = {"timezone": spec["tz"]} | {name: value for name, value in spec.items() if name != "tz"}
    return BusinessCalendar.from_spec(form | {"options": chosen})


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def answer(case: dict[str, Any], chosen: dict[str, str]) -> Any:
    given = case["inputs"]
    if "calendar" not in given:
        return BusinessCalendar.always_open(given["tz"]).at(date.fromisoformat(given["date"]), given["time"])
    spec = given["calendar"]
    if given["op"] == "working_days_delta":
        extra = set(given["extra_working_days"])
        spec = spec | {"holidays": sorted({*spec["holidays"], *given["extra_holidays"]} - extra)}
    ours = calendar(spec, **chosen)
    match given["op"]:
        case "add" | "subtract":
            duration = timedelta(seconds=given["seconds"]) if "seconds" in given else timedelta(**given["amount"])
            return getattr(ours, given["op"])(when(given["start"]), duration)
        case "diff":
            return ours.between(when(given["start"]), when(given["end"])).total_seconds()
        case "is_open" | "on_break" | "on_holiday" | "next_close":
            return getattr(ours, given["op"])(when(given["at"]))
        case "next_open_or_self":
            return ours.next_open(when(given["at"]))
        case "prev_open_or_self":
            return ours.previous_open(when(given["at"]))
        case "periods":
            return walk(ours, given, forward=given["direction"] == "forward")
        case "intersect_periods":
            return walk(ours & calendar(given["other"]), given, forward=True)
        case "add_business_days":
            return ours.add_days(when(given["start"]), given["days"])
        case "subtract_business_days":
            return ours.add_days(when(given["start"]), -given["days"])
        case "add_business_dates":
            return ours.add_days(date.fromisoformat(given["date"]), given["days"])
        case "count_business_days_inclusive":
            start, end = date.fromisoformat(given["from"]), date.fromisoformat(given["to"])
            assert ours.count_days(end, start, include_start=True) == -case["expected"]["days"]
            return ours.count_days(start, end, include_start=True)
        case "working_days_delta":
            start, end = date.fromisoformat(given["from"]), date.fromisoformat(given["to"])
            return ours.count_days(start, end, include_start=given["include_start"])
    raise AssertionError(given["op"])


def walk(ours: BusinessCalendar, given: dict[str, Any], *, forward: bool) -> list[tuple[datetime, datetime]]:
    origin = when(given["origin"])
    far = origin + timedelta(days=4000) * (1 if forward else -1)
    return list(islice(ours.periods(origin, far), given["count"]))


def expected(value: dict[str, Any]) -> Any:
    ((name, found),) = ((name, found) for name, found in value.items() if name != "convention")
    match name:
        case "result" | "utc":
            return when(found)
        case "date":
            return date.fromisoformat(found)
        case "periods":
            return [(when(start), when(end)) for start, end in found]
        case _:
            return found


def accepted(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=case["id"]) for case in CASES if (case["kind"] == "validation") == (kind == "refused")
    ]


@pytest.mark.parametrize("case", accepted("answered"))
def test_case(case: dict[str, Any]) -> None:
    assert answer(case, options(case)) == expected(case["expected"])
    other = case.get("alternative_expected")
    if other:
        mode = "closing" if options(case)["at_closing"] == "next_opening" else "next_opening"
        assert answer(case, options(case) | {"at_closing": mode}) == expected(other)


@pytest.mark.parametrize("case", accepted("refused"))
def test_refused(case: dict[str, Any]) -> None:
    given = case["inputs"]
    if given["op"] == "validate":
        with pytest.raises(DefinitionError, match="never open"):
            calendar(given["calendar"])
    elif given["amount"]:
        with pytest.raises(InvalidInput, match="negative"):
            answer(case, {})
    else:
        with pytest.raises(InvalidInput, match="a duration must be a timedelta"):
            calendar(given["calendar"]).add(when(given["start"]), None)  # type: ignore[arg-type]


def test_every_kind_of_case_is_there() -> None:
    assert len(CASES) == 105
    assert all(case["source"] for case in CASES)

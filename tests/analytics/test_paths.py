"""Paths from step to step.  Source of the cases: PostHog, the tests of its funnels (MIT)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crmkit import CRM
from crmkit.analytics import path
from crmkit.errors import InvalidInput
from crmkit.testing import FrozenClock

DAY = datetime(2021, 5, 2, tzinfo=UTC)
UP, VIEW, INSIGHT = "user signed up", "$pageview", "insight viewed"
OTHER = "blaah blaa"


def in_order(people: dict[str, list[str]]) -> dict[str, list[tuple[str, datetime]]]:
    return {who: [(name, DAY + timedelta(hours=n)) for n, name in enumerate(names)] for who, names in people.items()}


def test_strict_steps_follow_each_other_at_once() -> None:
    found = path(
        in_order(
            {
                "p1": [UP],
                "p2": [VIEW, UP],
                "p3": [UP, VIEW, OTHER, INSIGHT],
                "p4": [INSIGHT, OTHER, VIEW, UP],
                "p5": [VIEW, UP, OTHER, VIEW, INSIGHT],
                "p6": [OTHER, UP, OTHER, VIEW],
                "p7": [OTHER, UP, VIEW, INSIGHT, OTHER],
                "p8": [INSIGHT, VIEW],
            }
        ),
        steps=[UP, VIEW, INSIGHT],
        order="strict",
    )
    assert [sorted(s.people) for s in found.steps] == [
        ["p1", "p2", "p3", "p4", "p5", "p6", "p7"],
        ["p3", "p7"],
        ["p7"],
    ]
    assert found.steps[2].conversion == 0.5


@pytest.mark.parametrize("order", ["strict", "ordered"])
def test_average_time_between_steps(order: str) -> None:
    hour = timedelta(hours=1)
    found = path(
        {
            "p1": [(UP, DAY)],
            "p2": [(UP, DAY), (VIEW, DAY + hour)],
            "p3": [(UP, DAY), (VIEW, DAY + 2 * hour), (INSIGHT, DAY + 4 * hour)],
        },
        steps=[UP, VIEW, INSIGHT],
        order=order,  # type: ignore[arg-type]
    )
    assert [s.count for s in found.steps] == [3, 2, 1]
    assert [s.time for s in found.steps] == [None, timedelta(seconds=5400), timedelta(seconds=7200)]


def test_unordered_steps() -> None:
    crying = "crying"
    found = path(
        in_order(
            {
                "p1": [UP],
                "p2": [VIEW, crying],
                "p3": [UP, VIEW, OTHER, INSIGHT],
                "p4": [INSIGHT, crying, UP],
                "p5": [VIEW, UP, crying, INSIGHT],
                "p6": [OTHER, INSIGHT],
                "p7": [VIEW, OTHER],
                "p8": [INSIGHT, VIEW],
            }
        ),
        steps=[UP, VIEW, INSIGHT, crying],
        order="unordered",
    )
    assert [s.count for s in found.steps] == [8, 5, 3, 1]


def test_ordered_lets_anything_happen_in_between() -> None:
    found = path(in_order({"p": [VIEW, UP, OTHER, VIEW]}), steps=[UP, VIEW])
    assert [s.count for s in found.steps] == [1, 1]


def test_the_window_begins_with_the_first_step_and_includes_its_end() -> None:
    steps = {"p": [(UP, DAY), (VIEW, DAY + timedelta(days=7))]}
    assert path(steps, steps=[UP, VIEW], within=timedelta(days=7)).steps[1].count == 1
    assert path(steps, steps=[UP, VIEW], within=timedelta(days=7) - timedelta(seconds=1)).steps[1].count == 0


def test_a_later_start_may_get_further() -> None:
    again = {"p": [(UP, DAY), (UP, DAY + timedelta(days=9)), (VIEW, DAY + timedelta(days=10))]}
    assert path(again, steps=[UP, VIEW], within=timedelta(days=2)).steps[1].count == 1


def test_over_the_trail(crm: CRM, clock: FrozenClock) -> None:
    ann, _ = crm.customers.register(name="Ann"), crm.customers.register(name="Bob")
    clock.advance(days=2)
    crm.pipeline.opportunities.open(name="Album", customer=ann)
    found = crm.analytics.path(["customers.customer_registered", "pipeline.opportunity_opened"])
    assert [s.count for s in found.steps] == [2, 1]
    assert found.steps[1].people == {ann.id}
    assert found.steps[1].time == timedelta(days=2)
    with pytest.raises(InvalidInput, match=r"did you mean 'pipeline\.opportunity_won'"):
        crm.analytics.path(["pipeline.opportunity_win"])


def test_no_steps_and_other_orders_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one step"):
        path({}, steps=[])
    with pytest.raises(InvalidInput, match="'random'"):
        path({}, steps=[UP], order="random")  # type: ignore[arg-type]

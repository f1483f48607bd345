"""State machines as others test them.

Source: vendure-ecommerce/vendure@1633446f, packages/core/src/common/finite-state-machine (vendure-fsm-transitions and
vendure-fsm-validate).  Vendure accepts a state that nothing leads to and prints a warning; here it is refused like
every other mistake in a table, since nothing could ever be in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from crmkit import DefinitionError, Machine, TransitionRefused, on

DOORS = {"DoorsClosed": ["Moving", "DoorsOpen"], "DoorsOpen": ["DoorsClosed"], "Moving": ["DoorsClosed"]}


def machine(table: Mapping[str, Sequence[str]], initial: str) -> Machine:
    moves = [on(f"to {target}", source, target) for source, targets in table.items() for target in targets]
    return Machine("peer", initial=initial, table=moves)


@pytest.mark.parametrize(
    ("start", "moves", "expected"),
    [
        pytest.param(
            "DoorsClosed",
            ["Moving", "DoorsClosed", "DoorsOpen", "DoorsClosed"],
            ["Moving", "DoorsClosed", "DoorsOpen", "DoorsClosed"],
            id="vendure-fsm-transitions 1",
        ),
        pytest.param(
            "DoorsOpen",
            ["DoorsClosed", "Moving", "DoorsOpen", "DoorsClosed"],
            ["DoorsClosed", "Moving", "refused", "DoorsClosed"],
            id="vendure-fsm-transitions 2: moving doors stay shut",
        ),
    ],
)
def test_allowed_and_refused_moves(start: str, moves: Sequence[str], expected: Sequence[str]) -> None:
    doors = machine(DOORS, "DoorsClosed")
    assert sorted(doors.offers("DoorsClosed")) == ["to DoorsOpen", "to Moving"]
    state, went = start, []
    for wanted in moves:
        try:
            state = doors.target(state, f"to {wanted}")
            went.append(state)
        except TransitionRefused:
            went.append("refused")
    assert went == expected


@pytest.mark.parametrize(
    ("table", "initial", "wrong"),
    [
        pytest.param({"Start": ["End"], "End": ["Start"]}, "Start", None, id="vendure-fsm-validate 1"),
        pytest.param({"Start": ["End"], "End": ["Bad"]}, "Start", "'Bad' is a dead end", id="vendure-fsm-validate 3"),
        pytest.param({"Start": ["End"], "End": ["Start"]}, "Created", "Created", id="vendure-fsm-validate 4"),
        pytest.param(
            {"Start": ["End"], "End": ["Start"], "Lost": ["End"]},
            "Start",
            "'Lost' cannot be reached",
            id="vendure-fsm-validate 2: a warning there",
        ),
    ],
)
def test_a_table_is_checked_before_it_is_used(
    table: Mapping[str, Sequence[str]], initial: str, wrong: str | None
) -> None:
    if wrong is None:
        assert machine(table, initial).states == ("Start", "End")
        return
    with pytest.raises(DefinitionError, match=wrong):
        machine(table, initial)

"""Legal walks through a state machine."""

from __future__ import annotations

from hypothesis import strategies as st

from crmkit.kernel.machine import Machine, Move


@st.composite
def walks(draw: st.DrawFn, machine: Machine, *, max_moves: int = 12, start: str | None = None) -> tuple[Move, ...]:
    """Moves that follow each other from *start* (the initial state unless given); guards are not asked.

    Args:
        draw: given by Hypothesis.
        machine: the machine to walk through.
        max_moves: the most moves; a walk ends earlier where nothing leads on.
        start: the state to begin in.

    Example:
        >>> from hypothesis import given, settings
        >>> from crmkit.pipeline.leads import LEAD
        >>> @given(walks(LEAD, max_moves=6))
        ... @settings(max_examples=20, deadline=None)
        ... def test_a_walk_begins_at_the_beginning(walk: tuple[Move, ...]) -> None:
        ...     assert walk == () or walk[0].source == "new"
        >>> test_a_walk_begins_at_the_beginning()
    """
    state = machine.initial if start is None else start
    walk: list[Move] = []
    for _ in range(draw(st.integers(min_value=0, max_value=max_moves))):
        onward = [move for move in machine.moves if move.source == state]
        if not onward:
            break
        walk.append(draw(st.sampled_from(onward)))
        state = walk[-1].target
    return tuple(walk)

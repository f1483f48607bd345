"""An explanation never fails, says what the engine says, and names the smallest change that there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from crmkit import F
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import AsOf, Rule
from crmkit.kernel.rules.check.names import place_of
from crmkit.kernel.rules.explain import Explainer
from crmkit.kernel.rules.explain import turning as turns
from crmkit.kernel.rules.explain.turning import base, holds, turning
from crmkit.kernel.rules.nodes import AllOf, AnyOf, Not, OddOf
from crmkit.testing.strategies import rules
from tests.rules.small_worlds import KINDS, REGISTRY, SEGMENTS, World, small_worlds
from tests.rules.test_check_sound import MOMENTS

MANY = settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
PLACE = place_of(Customer.__schema__)


@pytest.mark.slow
@pytest.mark.parametrize("cls", KINDS)
def test_an_explanation_says_what_the_engine_says(cls: type[Record]) -> None:
    asked = st.lists(rules(cls, REGISTRY, segments=SEGMENTS), min_size=1, max_size=6)

    @MANY
    @given(small_worlds(cls), asked, MOMENTS)
    def agrees(world: World, asked: list[Rule], as_of: AsOf) -> None:
        explainer = Explainer(schema=cls.__schema__, registry=REGISTRY, as_of=as_of, neighbours=world.neighbours)
        for rule in asked:
            note(str(rule))
            for record, answer in zip(world.of(cls), world.answers(rule, cls, as_of), strict=True):
                told = explainer.explain(rule, record)
                assert told.matches is answer
                assert all(format(told, form) for form in ("", "text", "md", "html"))
                assert told._repr_html_()
                assert told.change or not told.turn.leaves

    agrees()


# ── The smallest change ──

LETTERS = [F.tags.has(letter) for letter in "abcdefgh"]


@st.composite
def puzzles(draw: st.DrawFn) -> tuple[Rule, dict[Rule, bool]]:
    """A rule over conditions that have nothing to do with each other, and what is true of them."""
    rule = draw(
        st.recursive(
            st.sampled_from(LETTERS),
            lambda inner: st.one_of(
                inner.map(lambda r: ~r),
                st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
                st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
                st.tuples(inner, inner).map(lambda pair: pair[0] ^ pair[1]),
            ),
            max_leaves=12,
        )
    )
    leaves = list(dict.fromkeys(leaf for leaf in LETTERS if leaf in set(conditions(rule))))
    return rule, {leaf: draw(st.booleans()) for leaf in leaves}


def conditions(rule: Rule) -> Iterator[Rule]:
    match rule:
        case AllOf(parts) | AnyOf(parts) | OddOf(parts):
            for part in parts:
                yield from conditions(part)
        case Not(inner):
            yield from conditions(inner)
        case _:
            yield base(rule)[0]


def flipped(now: Mapping[Rule, bool], leaves: tuple[Rule, ...]) -> dict[Rule, bool]:
    return {leaf: not value if leaf in leaves else value for leaf, value in now.items()}


def fewest(rule: Rule, now: Mapping[Rule, bool], *, wanted: bool) -> int | None:
    """How many conditions have to change, found by trying all of them."""
    for size in range(len(now) + 1):
        if any(holds(rule, flipped(now, some)) is wanted for some in itertools.combinations(now, size)):
            return size
    return None


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(puzzle=puzzles(), wanted=st.booleans())
def test_the_named_conditions_suffice_and_no_smaller_set_does(
    puzzle: tuple[Rule, dict[Rule, bool]], *, wanted: bool
) -> None:
    rule, now = puzzle
    turn = turning(rule, now, PLACE, wanted=wanted)
    size = fewest(rule, now, wanted=wanted)
    assert turn.smallest
    assert turn.possible is (size is not None)
    if size is not None:
        assert holds(rule, flipped(now, turn.leaves)) is wanted
        assert len(turn.leaves) == size


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(puzzle=puzzles(), wanted=st.booleans())
def test_what_is_found_without_a_search_suffices(puzzle: tuple[Rule, dict[Rule, bool]], *, wanted: bool) -> None:
    rule, now = puzzle
    turn = turns._greedily(rule, now, PLACE, wanted=wanted)
    assert turn.leaves == () or holds(rule, flipped(now, turn.leaves)) is wanted
    assert holds(rule, now) is wanted or not turn.smallest

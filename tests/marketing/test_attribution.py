"""Attribution: known numbers, and credit that is conserved."""

import json
from datetime import timedelta
from fractions import Fraction
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import InvalidInput
from crmkit.marketing.attribution import MARKOV, MODELS, Path, credits_of, markov, time_decay

CASES = {
    case["id"]: case
    for case in json.loads(File(__file__).with_name("cases.json").read_text(encoding="utf-8"))
    if case["category"] == "attribution"
}


@pytest.mark.parametrize(
    ("case", "model"),
    [("attr-linear", "linear"), ("attr-position_based_40_20_40", "position"), ("attr-shapley", "shapley")],
)
def test_the_models_of_mta(case: str, model: str) -> None:
    rows = CASES[case]["inputs"]["journeys"]
    paths = [Path(touches=tuple(r["path"]), conversions=r["conversions"], nulls=r["nulls"]) for r in rows]
    got = credits_of(paths, model=model)
    assert {name: float(credit) for name, credit in got.items()} == pytest.approx(CASES[case]["expected"])
    assert sum(got.values()) == 10


def test_a_touch_that_came_twice_gets_twice_as_much() -> None:
    case = CASES["attr-linear-repeat"]
    path = Path(touches=tuple(case["inputs"]["path"]), conversions=case["inputs"]["conversions"])
    assert credits_of([path], model="linear") == case["expected"]


def test_time_decay_with_a_half_life() -> None:
    case = CASES["attr-halflife"]
    ages = tuple(timedelta(days=d) for d in case["inputs"]["days_before"])
    path = Path(touches=tuple("ABCDE"), ages=ages)
    half_life = timedelta(days=case["inputs"]["half_life_days"])
    got = [float(credit * case["inputs"]["revenue"]) for credit in time_decay(path, half_life=half_life).values()]
    assert got == pytest.approx(case["expected"], abs=case["tol"])


def test_the_classic_example_of_the_markov_chain_is_exact() -> None:
    # Anderl, Becker, von Wangenheim and Schumann (2016), in the form of the R package ChannelAttribution.
    paths = [
        Path(touches=("C1", "C2", "C3"), conversions=1),
        Path(touches=("C1",), conversions=0, nulls=1),
        Path(touches=("C2", "C3"), conversions=0, nulls=1),
    ]
    assert markov(paths) == {"C1": Fraction(1, 5), "C2": Fraction(2, 5), "C3": Fraction(2, 5)}


def test_a_touch_that_leads_back_to_itself_changes_nothing() -> None:
    once = [Path(touches=("a", "b"), conversions=2, nulls=1), Path(touches=("b",), conversions=1, nulls=3)]
    again = [Path(touches=("a", "a", "b", "b"), conversions=2, nulls=1), Path(touches=("b",), conversions=1, nulls=3)]
    assert markov(once) == markov(again) == {"a": Fraction(9, 10), "b": Fraction(21, 10)}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("first", {"direct": 1}),
        ("last", {"direct": 1}),
        ("last_non_direct", {"email": 1}),
        ("position", {"direct": Fraction(4, 5), "email": Fraction(1, 5)}),
        ("shapley", {"direct": Fraction(1, 2), "email": Fraction(1, 2)}),
    ],
)
def test_single_paths(model: str, expected: dict[str, Any]) -> None:
    assert credits_of([Path(touches=("direct", "email", "direct"))], model=model) == expected


def test_only_direct_is_direct() -> None:
    assert credits_of([Path(touches=("direct",))], model="last_non_direct") == {"direct": 1}


paths = st.builds(
    lambda touches, conversions, nulls, ages: Path(
        touches=tuple(touches),
        ages=tuple(timedelta(hours=h) for h in ages[: len(touches)]),
        conversions=conversions,
        nulls=nulls,
    ),
    st.lists(st.sampled_from(["direct", "search", "email", "tv"]), min_size=1, max_size=6),
    st.integers(0, 5),
    st.integers(0, 5),
    st.lists(st.integers(0, 20_000), min_size=6, max_size=6),
)


@given(st.lists(paths, max_size=6), st.sampled_from([*MODELS, MARKOV]))
def test_credit_is_conserved(several: list[Path], model: str) -> None:
    credit = credits_of(several, model=model)
    assert sum(credit.values()) == sum(path.conversions for path in several)
    assert all(value >= 0 for value in credit.values())
    assert set(credit) <= {touch for path in several for touch in path.touches}


@given(paths)
def test_younger_touches_never_get_less(path: Path) -> None:
    credit = time_decay(Path(touches=tuple(map(str, range(len(path.touches)))), ages=path.ages))
    by_age = sorted(range(len(path.ages)), key=lambda n: path.ages[n])
    values = [credit[str(n)] for n in by_age]
    assert values == sorted(values, reverse=True)


def test_unknown_models_and_paths_without_touches() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'linear'"):
        credits_of([Path(touches=("a",))], model="liner")
    with pytest.raises(InvalidInput):
        Path(touches=())
    with pytest.raises(InvalidInput):
        Path(touches=("a",), ages=(timedelta(1), timedelta(2)))
    with pytest.raises(InvalidInput):
        time_decay(Path(touches=("a",)))

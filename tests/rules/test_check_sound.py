"""What a check calls impossible, certain, idle or never reached is so in every generated world."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from crmkit.errors import DefinitionError
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import AsOf, Rule
from crmkit.kernel.rules.check import check, check_order
from crmkit.kernel.rules.check.names import place_of
from crmkit.kernel.rules.check.reasoning import Reasoning, leaves_of
from crmkit.kernel.rules.nodes import (
    NEGATED,
    Aggregate,
    AllOf,
    AnyOf,
    Compare,
    Const,
    During,
    Exists,
    Match,
    Missing,
    Not,
    OddOf,
    OneOf,
    Related,
)
from crmkit.kernel.rules.text import MATCHES, text_of
from crmkit.testing.strategies import instants, rules
from tests.rules.small_worlds import KINDS, REGISTRY, SEGMENTS, World, small_worlds

ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia"]).map(ZoneInfo)
MANY = settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
MOMENTS = st.builds(AsOf, at=instants(), zone=ZONES, past=st.booleans())


def without(rule: Rule, branch: str) -> Iterator[Rule]:
    """*rule* without the branch that reads *branch*, wherever it stands among others."""
    match rule:
        case AllOf(parts) | AnyOf(parts) | OddOf(parts) if len(parts) > 1:
            for n, part in enumerate(parts):
                if text_of(part) == branch:
                    yield type(rule)((*parts[:n], *parts[n + 1 :]))
                for changed in without(part, branch):
                    yield type(rule)((*parts[:n], changed, *parts[n + 1 :]))
        case Not(inner):
            yield from (Not(changed) for changed in without(inner, branch))


def alike(leaf: Rule) -> Iterator[Rule]:
    """Conditions that look at the same thing."""
    match leaf:
        case Compare(left, _, right):
            yield from (Compare(left, operator, right) for operator in NEGATED)
            yield Missing(left)
            if isinstance(left, Aggregate):
                yield from of_rows(left.related)
                yield from (Compare(attrs.evolve(left, function=f), ">", right) for f in ("min", "max", "avg", "sum"))
        case OneOf(expr, values):
            yield from (Compare(expr, "==", Const(value)) for value in values)
            yield Missing(expr)
        case Match(expr, _, text, folded):
            ways = [how for how, also in MATCHES if also is folded]
            yield from (Match(expr, how, some, folded) for how in ways for some in (text, text[:1], text[-1:]))
            yield Compare(expr, "==", Const(text))
        case During(expr, window):
            yield from (During(expr, attrs.evolve(window, side=side)) for side in ("last", "before", "next"))
            yield from (During(expr, attrs.evolve(window, side=side, days=31)) for side in ("last", "before", "next"))
            yield Missing(expr)
        case Exists(related):
            yield from of_rows(related)


def of_rows(related: Related) -> Iterator[Rule]:
    """Questions for the same related rows, and for more of them."""
    for rows in (related, attrs.evolve(related, where=None), attrs.evolve(related, window=None)):
        yield Exists(rows)
        yield from (Compare(Aggregate("count", rows), ">=", Const(number)) for number in (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("cls", KINDS)
def test_what_is_called_impossible_certain_or_idle_is_so(cls: type[Record]) -> None:
    asked = st.lists(rules(cls, REGISTRY, segments=SEGMENTS, max_leaves=6), min_size=1, max_size=6)

    @MANY
    @given(small_worlds(cls), asked, MOMENTS)
    def holds(world: World, asked: list[Rule], as_of: AsOf) -> None:
        for rule in asked:
            note(str(rule))
            answers = world.answers(rule, cls, as_of)
            for finding in check(rule, cls.__schema__):
                note(str(finding))
                if finding.about != text_of(rule):
                    if finding.message == "it decides nothing: without it the rule means the same":
                        assert any(world.answers(r, cls, as_of) == answers for r in without(rule, finding.about))
                elif finding.message.startswith("it holds of nobody"):
                    assert not any(answers)
                elif finding.message.startswith("it holds of everybody") and not as_of.past:
                    assert all(answers)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("cls", KINDS)
def test_everything_that_happens_can_be_thought(cls: type[Record]) -> None:
    """The truth values that the conditions of a rule have together are never called a contradiction."""
    asked = st.lists(rules(cls, REGISTRY, segments=SEGMENTS, max_leaves=3), min_size=2, max_size=6)

    @MANY
    @given(small_worlds(cls), asked, MOMENTS)
    def holds(world: World, asked: list[Rule], as_of: AsOf) -> None:
        own = [leaf for rule in asked for leaf in leaves_of(rule)]
        everything: dict[Rule, list[bool]] = {}
        for leaf in (*own, *itertools.chain.from_iterable(map(alike, own))):
            with suppress(DefinitionError):
                everything[leaf] = world.answers(leaf, cls, as_of)
        leaves = list(everything)[:40]
        reasoning = Reasoning(leaves, place_of(cls.__schema__))
        for record, *answers in zip(world.of(cls), *(everything[leaf] for leaf in leaves), strict=True):
            if as_of.past and record.created_at > as_of.at:
                continue  # nothing holds of what was not there yet
            happens = reasoning.diagram.all(
                reasoning.node(leaf) if answer else reasoning.diagram.no(reasoning.node(leaf))
                for leaf, answer in zip(leaves, answers, strict=True)
            )
            note("; ".join(f"{leaf} {answer}" for leaf, answer in zip(leaves, answers, strict=True)))
            assert not reasoning.never(happens)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("cls", KINDS)
def test_an_entry_that_is_never_reached_is_never_the_first(cls: type[Record]) -> None:
    asked = st.lists(rules(cls, REGISTRY, segments=SEGMENTS, max_leaves=3), min_size=2, max_size=5)

    @MANY
    @given(small_worlds(cls), asked, MOMENTS)
    def holds(world: World, asked: list[Rule], as_of: AsOf) -> None:
        entries = {str(n): rule for n, rule in enumerate(asked)}
        columns = [world.answers(rule, cls, as_of) for rule in asked]
        firsts = {next((str(n) for n, holds in enumerate(row) if holds), None) for row in zip(*columns, strict=True)}
        for finding in check_order(entries, cls.__schema__):
            if finding.severity == "error":
                note(f"{finding} {entries[finding.about]}")
                assert finding.about not in firsts

    holds()

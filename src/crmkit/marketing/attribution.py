"""Attribution: which touches brought a conversion, in exact fractions that sum to one for each.

The models: the first or the last touch, the last that was not direct, all alike (linear), 40/20/40 by position, time
decay with a half-life of seven days (as Google Ads had it), Shapley values, and the removal effect in a Markov chain
(Anderl et al., 2016), solved exactly rather than by observed paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.text import nearest

Credit: TypeAlias = dict[str, Fraction]
DIRECT = "direct"
HALF_LIFE = timedelta(days=7)
_PRECISE = Context(prec=40)


@attrs.frozen(kw_only=True)
class Path:
    """The touches that some people had, in order, and how many of them converted.

    Attributes:
        touches: names of campaigns or channels; one that came twice stands there twice.
        ages: for each touch, how long before the conversion it was; only time decay asks for it.
        conversions: how many converted after this path.
        nulls: how many did not; only the Markov model asks for it.
    """

    touches: tuple[str, ...]
    ages: tuple[timedelta, ...] = ()
    conversions: int = 1
    nulls: int = 0

    def __attrs_post_init__(self) -> None:
        if not self.touches:
            raise InvalidInput("a path has at least one touch; leave out conversions without any")
        if self.ages and len(self.ages) != len(self.touches):
            raise InvalidInput(f"{len(self.touches)} touches need as many ages, got {len(self.ages)}")
        if self.conversions < 0 or self.nulls < 0:
            raise InvalidInput("conversions and nulls are 0 or more")


def first(path: Path) -> Credit:
    """All to the first touch.

    Example:
        >>> first(Path(touches=("fair", "search", "email")))
        {'fair': Fraction(1, 1)}
    """
    return {path.touches[0]: Fraction(1)}


def last(path: Path) -> Credit:
    """All to the last touch.

    Example:
        >>> last(Path(touches=("fair", "search", "direct")))
        {'direct': Fraction(1, 1)}
    """
    return {path.touches[-1]: Fraction(1)}


def last_non_direct(path: Path) -> Credit:
    """All to the last touch that is not ``direct``; to ``direct`` if there was nothing else.

    Example:
        >>> last_non_direct(Path(touches=("fair", "search", "direct")))
        {'search': Fraction(1, 1)}
    """
    others = [touch for touch in path.touches if touch != DIRECT]
    return {(others or path.touches)[-1]: Fraction(1)}


def linear(path: Path) -> Credit:
    """The same to each touch; one that came twice gets twice as much.

    Example:
        >>> {name: str(share) for name, share in linear(Path(touches=("fair", "email", "email"))).items()}
        {'fair': '1/3', 'email': '2/3'}
    """
    return _weighted(path.touches, [Fraction(1)] * len(path.touches))


def position(path: Path) -> Credit:
    """40 % to the first, 40 % to the last, the rest to those between; of two touches, one half each.

    Example:
        >>> {name: str(share) for name, share in position(Path(touches=("fair", "search", "email"))).items()}
        {'fair': '2/5', 'search': '1/5', 'email': '2/5'}
    """
    between = len(path.touches) - 2
    if between <= 0:
        return linear(path)
    middle = Fraction(1, 5) / between
    return _weighted(path.touches, [Fraction(2, 5), *[middle] * between, Fraction(2, 5)])


def time_decay(path: Path, *, half_life: timedelta = HALF_LIFE) -> Credit:
    """Half as much for each *half_life* that a touch was earlier.

    Raises:
        InvalidInput: the path has no ages, or *half_life* is not above zero.

    Example:
        >>> week = timedelta(days=7)
        >>> shares = time_decay(Path(touches=("fair", "email"), ages=(week, timedelta(0))))
        >>> {name: str(share) for name, share in shares.items()}
        {'fair': '1/3', 'email': '2/3'}
    """
    if not path.ages or half_life <= timedelta(0):
        raise InvalidInput("time decay needs the age of each touch, and a half-life above zero")
    youngest = min(path.ages)
    weights = [Fraction(_halved((age - youngest) / half_life)) for age in path.ages]
    return _weighted(path.touches, weights)


def _halved(times: float) -> Decimal:
    return _PRECISE.power(Decimal(2), Decimal(repr(-times)))


def shapley(path: Path) -> Credit:
    """The same to each different name: the Shapley value when all of them were needed for the conversion.

    Example:
        >>> {name: str(share) for name, share in shapley(Path(touches=("fair", "email", "email"))).items()}
        {'fair': '1/2', 'email': '1/2'}
    """
    names = tuple(dict.fromkeys(path.touches))
    return _weighted(names, [Fraction(1)] * len(names))


def _weighted(touches: Sequence[str], weights: Sequence[Fraction]) -> Credit:
    total = sum(weights)
    credit: Credit = {}
    for touch, weight in zip(touches, weights, strict=True):
        credit[touch] = credit.get(touch, Fraction(0)) + weight / total
    return credit


MODELS: Mapping[str, Callable[[Path], Credit]] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position": position,
    "time_decay": time_decay,
    "shapley": shapley,
}
MARKOV = "markov"


def model_named(name: str) -> str:
    """*name*, if there is such a model.

    Raises:
        InvalidInput: there is none; the message names the nearest.
    """
    known = [*MODELS, MARKOV]
    if name not in known:
        near = nearest(str(name), known)
        raise InvalidInput(f"there is no model {name!r}: " + (f"did you mean {near!r}?" if near else ", ".join(known)))
    return name


def credits_of(paths: Iterable[Path], *, model: str = "linear") -> Credit:
    """How many conversions each touch has brought; the credits sum to the number of conversions.

    Args:
        paths: who was touched by what, and how many converted.
        model: ``first``, ``last``, ``last_non_direct``, ``linear``, ``position``, ``time_decay``, ``shapley`` or
            ``markov``.

    Raises:
        InvalidInput: there is no such model.

    Example:
        >>> paths = [Path(touches=("search", "email"), conversions=3), Path(touches=("search",), conversions=1)]
        >>> {name: str(credit) for name, credit in credits_of(paths).items()}
        {'search': '5/2', 'email': '3/2'}
    """
    paths = list(paths)
    if model_named(model) == MARKOV:
        return markov(paths)
    credit: Credit = {}
    for path in paths:
        for touch, share in MODELS[model](path).items():
            credit[touch] = credit.get(touch, Fraction(0)) + share * path.conversions
    return credit


# ── The Markov chain ──

_START, _WON, _LOST = object(), object(), object()
Chain: TypeAlias = dict[object, dict[object, Fraction]]


def markov(paths: Iterable[Path]) -> Credit:
    """The conversions, shared in proportion to how many would be lost without each touch.

    The chain's states are the touches; whoever would go on to a touch that is removed is lost.  Probabilities are
    solved as fractions, so the credits sum to the conversions exactly.

    Example:
        >>> paths = [Path(touches=("fair", "email"), conversions=1), Path(touches=("fair",), conversions=0, nulls=1)]
        >>> {name: str(share) for name, share in markov(paths).items()}
        {'fair': '1/2', 'email': '1/2'}
    """
    paths = list(paths)
    chain = _chain(paths)
    total = sum(path.conversions for path in paths)
    names = list(dict.fromkeys(touch for path in paths for touch in path.touches))
    chance = _chance(chain, without=None)
    effects = {name: 1 - _chance(chain, without=name) / chance for name in names} if chance else {}
    whole = sum(effects.values())
    return {name: total * effects[name] / whole for name in effects} if whole else {}


def _chain(paths: Iterable[Path]) -> Chain:
    counts: dict[object, dict[object, int]] = {}

    def note(source: object, target: object, times: int) -> None:
        if times:
            targets = counts.setdefault(source, {})
            targets[target] = targets.get(target, 0) + times

    for path in paths:
        states: list[object] = [_START, *path.touches]
        for source, target in pairwise(states):
            note(source, target, path.conversions + path.nulls)
        note(states[-1], _WON, path.conversions)
        note(states[-1], _LOST, path.nulls)
    return {
        source: {target: Fraction(n, sum(targets.values())) for target, n in targets.items()}
        for source, targets in counts.items()
    }


def _chance(chain: Chain, *, without: str | None) -> Fraction:
    """How likely the chain ends in a conversion: x = Px + b, solved by elimination."""
    states = [state for state in chain if state != without]
    rows: dict[object, dict[object, Fraction]] = {}
    right: dict[object, Fraction] = {}
    for state in states:
        row = {target: -p for target, p in chain[state].items() if target in chain and target != without}
        row[state] = row.get(state, Fraction(0)) + 1
        rows[state], right[state] = row, chain[state].get(_WON, Fraction(0))
    for state in reversed(states):
        if state is _START:
            continue
        _eliminate(state, rows, right)
    if _START not in rows:
        return Fraction(0)
    return right[_START] / rows[_START][_START]


def _eliminate(state: object, rows: dict[object, dict[object, Fraction]], right: dict[object, Fraction]) -> None:
    row, value = rows.pop(state), right.pop(state)
    own = row.pop(state)
    for other, line in rows.items():
        factor = line.pop(state, None)
        if factor:
            for target, p in row.items():
                line[target] = line.get(target, Fraction(0)) - factor * p / own
            right[other] -= factor * value / own


@attrs.frozen(kw_only=True)
class Touch:
    """One touch of one customer."""

    name: str
    at: datetime


def path_before(touches: Iterable[Touch], *, conversion: datetime, lookback: timedelta) -> Path | None:
    """The path that led to one conversion: the touches of *lookback* before it, in order; none if there was none."""
    mine = sorted((t for t in touches if conversion - lookback <= t.at <= conversion), key=lambda t: t.at)
    if not mine:
        return None
    return Path(touches=tuple(t.name for t in mine), ages=tuple(conversion - t.at for t in mine))

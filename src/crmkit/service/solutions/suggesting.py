"""Suggesting: of the solutions that fit about as well, those that satisfied most come first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.kernel.rules import F
from crmkit.service.solutions.merit import merit_of, merits
from crmkit.service.solutions.searching import fits
from crmkit.service.solutions.solution import Solution

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

CLOSER: Final = 10  # so many times as many as are wanted are looked at more closely
BANDS: Final = 5  # what fits at least four fifths as well as the best, fits as well


@attrs.frozen(kw_only=True)
class Suggestion:
    """A published solution that may fit.

    Attributes:
        fit: how well its words fit, from 0 to 1; rare words weigh more (BM25).
        uses: how many cases it has solved.
        satisfaction: the mean score of the customers whose cases it solved, on a scale from 1 to 5; none without
            answers.
        helpful, unhelpful: how many readers said so.
    """

    solution: Solution
    fit: float
    uses: int
    satisfaction: float | None
    helpful: int
    unhelpful: int


def suggestions(work: Work, text: str, *, language: str | None, own: str | None, limit: int) -> list[Suggestion]:
    """Published solutions that fit *text*, only in *language*, or else rather in the customer's *own*."""
    found = fits(work, text, language=language, limit=limit, closer=CLOSER)
    known = {s.id: s for s in work.find(Solution, F.id.in_(list(found)))}
    wanted = language or own
    chosen: dict[str, Solution] = {}
    fit: dict[str, float] = {}
    for identifier, share in found.items():
        one = known[identifier]
        group = one.original_id or one.id
        if group not in chosen or (one.language == wanted != chosen[group].language):
            chosen[group] = one
        fit[group] = max(fit.get(group, 0.0), share)
    if wanted is not None and language is None:
        chosen |= _in_language(work, wanted, [g for g, one in chosen.items() if one.language != wanted])
    offers = judged(work, {one.id: fit[group] for group, one in chosen.items()}, chosen.values())
    return offers[:limit]


def _in_language(work: Work, language: str, groups: list[str]) -> dict[str, Solution]:
    """Published versions of some solutions in *language*, by their originals."""
    rule = (F.stage == "published") & (F.language == language) & (F.original_id.in_(groups) | F.id.in_(groups))
    return {one.original_id or one.id: one for one in work.find(Solution, rule)}


def judged(work: Work, fit: Mapping[str, float], solutions: Iterable[Solution]) -> list[Suggestion]:
    """Solutions with what became of them so far, the best first."""
    several = list(solutions)
    known = merits(work, fit)
    best = max(fit.values(), default=1.0)
    ranked = []
    for solution in several:
        merit = merit_of(work, known, solution)
        band = min(BANDS - 1, int(BANDS * fit[solution.id] / best))
        offer = Suggestion(
            solution=solution,
            fit=fit[solution.id],
            uses=merit.uses,
            satisfaction=merit.satisfaction,
            helpful=merit.helpful,
            unhelpful=merit.unhelpful,
        )
        ranked.append(((band, *merit.standing, offer.fit, solution.id), offer))
    return [offer for _, offer in sorted(ranked, key=lambda pair: pair[0], reverse=True)]

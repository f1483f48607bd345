"""Searching: which solutions have the asked words, the best first, by the same formula in every store.

BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with k1 = 1.2 and b = 0.75, and the inverse
document frequency of Lucene, ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.  Only the rarest words are
read in full: as soon as the others could not bring anybody new among the best, they are looked up for the best only
(MaxScore, Turtle and Flood, Information Processing and Management 31, 1995).  What comes out is the same as if all had
been read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from math import log
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.rules import F, Rule
from crmkit.service.solutions.solution import Solution
from crmkit.service.solutions.words import SolutionWord, words

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

K1: Final = 1.2
B: Final = 0.75
MOST_WORDS: Final = 64  # the rarest of what was asked that any solution has
AT_ONCE: Final = 500  # rows that are read at a time


@attrs.frozen(kw_only=True)
class Found:
    """A published solution that has some of the asked words.

    Attributes:
        fit: BM25 as a share of what a text of average length has that contains every asked word once; 1 at the most.
    """

    solution: Solution
    fit: float


@attrs.frozen(kw_only=True)
class Term:
    """An asked word: how many solutions have it, and what it is worth."""

    word: str
    solutions: int
    worth: float


def fits(work: Work, text: str, *, language: str | None, limit: int, closer: int = 1) -> dict[str, float]:
    """By the id of the published solution, how well it fits *text*: of the best *limit* times *closer*.

    Raises:
        InvalidInput: the limit is no whole number, 0 or more.
    """
    if type(limit) is not int or limit < 0:
        raise InvalidInput(f"a limit is a whole number, 0 or more; got {limit!r}")
    if not limit:
        return {}
    best = limit * closer
    asked = _asked(work, text)
    scores: dict[str, float] = {}
    rule: Rule | None = None if language is None else F.solution.language == language
    rest = asked.terms
    left = sum(t.worth for t in rest) * (K1 + 1)
    while rest:
        bar = _bar(scores, best)
        if bar is not None and left < bar:
            hopeful = F.solution_id.in_([identifier for identifier, score in scores.items() if score + left >= bar])
            _add(work, asked, rest, hopeful if rule is None else hopeful & rule, scores)
            break
        some = _next(rest)
        _add(work, asked, some, rule, scores)
        left -= sum(t.worth for t in some) * (K1 + 1)
        rest = rest[len(some) :]
    top = nlargest(best, scores.items(), key=lambda item: (item[1], item[0]))
    return {identifier: min(1.0, score / asked.whole) for identifier, score in top}


@attrs.frozen(kw_only=True)
class Asked:
    """What was asked.

    Attributes:
        terms: the words that any solution has, the rarest first.
        whole: what all asked words are worth, those that none has among them.
        average: how many words a solution has.
    """

    terms: list[Term]
    whole: float
    average: float


def _asked(work: Work, text: str) -> Asked:
    wanted = sorted(set(words(text)))
    everything = work.tally(Solution, F.stage == "published", sums=("length",))
    if not wanted or not everything or not everything[0].sums["length"]:
        return Asked(terms=[], whole=0.0, average=0.0)
    number, length = everything[0].count, everything[0].sums["length"]
    having = {g.key[0]: g.count for g in work.tally(SolutionWord, F.word.in_(wanted), by=("word",))}
    known = [Term(word=word, solutions=n, worth=_worth(n, number)) for word, n in having.items()]
    terms = sorted(known, key=lambda t: (t.solutions, t.word))[:MOST_WORDS]
    strange = (len(wanted) - len(having)) * _worth(0, number)
    return Asked(terms=terms, whole=sum(t.worth for t in terms) + strange, average=length / number)


def _worth(solutions: int, number: int) -> float:
    return log(1 + (number - solutions + 0.5) / (solutions + 0.5))


def _bar(scores: Mapping[str, float], best: int) -> float | None:
    """What has to be beaten to be among the *best*; nothing while there are fewer."""
    return nlargest(best, scores.values())[-1] if len(scores) >= best else None


def _next(rest: Sequence[Term]) -> list[Term]:
    """The rarest words, as many as are read at a time."""
    some: list[Term] = []
    for term in rest:
        if some and sum(t.solutions for t in some) + term.solutions > AT_ONCE:
            break
        some.append(term)
    return some


def _add(work: Work, asked: Asked, terms: Sequence[Term], rule: Rule | None, scores: dict[str, float]) -> None:
    """Add what *terms* are worth; word by word, so that sums come out alike whatever the order of the rows."""
    having: dict[str, list[tuple[str, int, int]]] = {t.word: [] for t in terms}
    which: Rule = F.word.in_([t.word for t in terms])
    which = which if rule is None else which & rule
    for identifier, word, times, length in work.columns(
        SolutionWord, ["solution_id", "word", "times", "length"], which
    ):
        having[word].append((identifier, times, length))
    for term in terms:
        for identifier, times, length in having[term.word]:
            weight = times * (K1 + 1) / (times + K1 * (1 - B + B * length / asked.average))
            scores[identifier] = scores.get(identifier, 0.0) + term.worth * weight

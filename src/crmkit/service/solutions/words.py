"""The words by which published solutions are found: the store keeps an index of them, one row a word and solution.

Words are folded as the rules compare texts.  Of scripts that leave no space between words (Chinese, Japanese, Thai,
Lao, Burmese, Khmer …) each pair of neighbouring characters is a word, as in Lucene's CJK analyzer.  Stems are unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final
from unicodedata import category

from crmkit.kernel.entity import Index, Record, attribute, entity
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold

if TYPE_CHECKING:
    from crmkit.kernel.work import Work
    from crmkit.service.solutions.solution import Solution

UNSPACED: Final = re.compile(
    "["
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
    "]+"
)
LONGEST: Final = 100
TITLE_WEIGHT: Final = 3  # a word of the title or a keyword counts so many times


@entity(
    "solution_word",
    prefix="word",
    append_only=True,
    indexes=[Index(attributes=("word", "solution_id", "times", "length"))],
)
class SolutionWord(Record):
    """A word of a published solution.

    Attributes:
        times: how often it stands there; in the title and among the keywords it counts three times.
        length: how many words the solution has, counted likewise.
    """

    solution_id: str = attribute(references="solution", reverse="words")
    word: str = attribute()
    times: int = attribute()
    length: int = attribute()


def words(text: str) -> list[str]:
    """The folded words of a text in order; of scripts without spaces, each pair of neighbouring characters.

    >>> words("Where is my album?"), words("我的相册")
    (['where', 'is', 'my', 'album'], ['我的', '的相', '相册'])
    """
    found: list[str] = []
    for word in _runs(fold(text)):
        rest = 0
        for run in UNSPACED.finditer(word):
            found += _part(word[rest : run.start()])
            letters = run[0]
            found += [letters[n : n + 2] for n in range(max(1, len(letters) - 1))]
            rest = run.end()
        found += _part(word[rest:])
    return found


def _runs(text: str) -> list[str]:
    """What lies between spaces and punctuation; accents and vowel signs belong to their letters."""
    return "".join(c if c.isalnum() or category(c)[0] == "M" else " " for c in text).split()


def _part(word: str) -> list[str]:
    return [word[:LONGEST]] if word else []


def counted(solution: Solution) -> Counter[str]:
    """How often each word stands in a solution."""
    counts = Counter(words(solution.body))
    for word in words(" ".join([solution.title, *sorted(solution.keywords)])):
        counts[word] += TITLE_WEIGHT
    return counts


def index(work: Work, solution: Solution) -> None:
    """Keep the words by which *solution* is found, as long as it is published."""
    known = [identifier for (identifier,) in work.columns(SolutionWord, ["id"], F.solution_id == solution.id)]
    work.remove(SolutionWord, known)
    counts = counted(solution) if solution.stage == "published" else {}
    if counts:
        about = {"solution_id": solution.id, "length": solution.length}
        work.add([work.new(SolutionWord, word=word, times=times, **about) for word, times in sorted(counts.items())])

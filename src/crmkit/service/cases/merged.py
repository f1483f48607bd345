"""Where a merged case went on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crmkit.service.cases.case import Case

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


def destination(start: str, merged_into: Callable[[str], str | None]) -> str | None:
    """The end of the chain of merges that begins at *start*: itself if it was never merged, nothing in a circle.

    Example:
        >>> destination("A", {"A": "B", "B": "C"}.get), destination("A", {"A": "B", "B": "A"}.get)
        ('C', None)
    """
    seen = {start}
    here = start
    while (there := merged_into(here)) is not None:
        if there in seen:
            return None
        seen.add(there)
        here = there
    return here


def survivor(work: Work, case: Case) -> Case:
    """The case in which *case* goes on; itself if its merges lead in a circle, so that nothing is ever lost."""
    if case.merged_into_id is None:
        return case
    end = destination(case.id, lambda here: work.get(Case, here).merged_into_id)
    return case if end in {None, case.id} else work.get(Case, str(end))

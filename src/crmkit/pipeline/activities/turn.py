"""Whose turn it is: leads, deals and customers in the order of somebody's next activity for them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from crmkit.errors import InvalidInput
from crmkit.kernel.collection import Page
from crmkit.kernel.entity import Entity
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity

E = TypeVar("E", bound=Entity)
BATCH = 500


def by_turn(work: Work, cls: type[E], *, owner: str, rule: Rule | None, size: int, after: str | None) -> Page[E]:
    """One page, sorted by the earliest planned activity of *owner*, none last; the newest first where that is equal.

    Definition: Odoo's ``my_activity_date_deadline`` order, in which none is last in both directions.
    """
    if size < 1:
        raise InvalidInput(f"a page has 1 entity or more, not {size}")
    turns = _turns(work, cls, owner)
    begun, last = _opened(after)
    found: list[E] = []
    for thing in _in_order(work, cls, turns, rule, begun=begun, last=last):
        found.append(thing)
        if len(found) > size:
            break
    more, items = len(found) > size, found[:size]
    cursor = _cursor(turns.get(items[-1].id), items[-1].id) if more else None
    return Page(items=tuple(items), next=cursor, total=work.count(cls, rule))


def _turns(work: Work, cls: type[E], owner: str) -> dict[str, datetime]:
    """By id, when the next activity of *owner* is due."""
    planned = (F.status == "planned") & (F.owner == owner) & F.about.starts_with(f"{cls.__schema__.prefix}_")
    turns: dict[str, datetime] = {}
    for about, due_at in work.columns(Activity, ["about", "due_at"], planned & ~F.due_at.is_missing()):
        turns[about] = min(due_at, turns.get(about, due_at))
    return turns


def _in_order(
    work: Work, cls: type[E], turns: dict[str, datetime], rule: Rule | None, *, begun: datetime | None, last: str | None
) -> Iterator[E]:
    with_turn = sorted(sorted(turns, reverse=True), key=lambda identifier: turns[identifier])
    if last is not None:
        with_turn = [i for i in with_turn if begun is not None and _later(turns[i], i, begun, last)]
    for begin in range(0, len(with_turn), BATCH):
        part = with_turn[begin : begin + BATCH]
        among = F.id.in_(part) if rule is None else F.id.in_(part) & rule
        known = {thing.id: thing for thing in work.find(cls, among)}
        yield from (known[i] for i in part if i in known)
    at = (last,) if last is not None and begun is None else None
    while True:
        batch = work.find(cls, rule, order_by="-id", limit=BATCH, after=at)
        yield from (thing for thing in batch if thing.id not in turns)
        if len(batch) < BATCH:
            return
        at = (batch[-1].id,)


def _later(due: datetime, identifier: str, begun: datetime, last: str) -> bool:
    return due > begun or (due == begun and identifier < last)


def _cursor(due: datetime | None, identifier: str) -> str:
    text = json.dumps([None if due is None else due.isoformat(), identifier])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(after: str | None) -> tuple[datetime | None, str | None]:
    if after is None:
        return None, None
    try:
        due, identifier = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        return None if due is None else datetime.fromisoformat(due), str(identifier)
    except (ValueError, TypeError):
        raise InvalidInput(f"{after[:40]!r} is not the `next` of a page with this order") from None

"""Histories of deals to try forecasts on: a generated one, and one made of real purchases.

The generated one: three years of a team whose business has seasons.  Deals come at random, most of them in spring and
before Christmas; they pass three stages, in each for some weeks, or are lost; those who sell hope for a day that is
too early, and write down a later one when it has passed.

The real one: the purchases of CDNOW (see ``tests/cdnow.py``).  Every purchase opens a deal, the customer's next
purchase: its amount is that of the purchase before, its stage says how many there were, and it is won on the day when
the customer really bought again, with what was really paid; after 270 days without a purchase it is lost.  When it is
expected, and how likely each stage is, was learned from the deals that were decided in 1997; when the day has passed,
the same wait is hoped for again.  Amounts, days, and who never came back are real; deals and their stages are how a
shop would have looked at them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import attrs

from crmkit import Money
from crmkit.kernel.entity import Record
from crmkit.kernel.ids import IdSource
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from tests.cdnow import purchase_log

DAY = timedelta(days=1)
BEGIN = datetime(2023, 1, 1, 12, tzinfo=UTC)
SEASON = (0.6, 0.7, 1.1, 1.4, 1.3, 1.0, 0.7, 0.6, 1.0, 1.2, 1.5, 0.9)
STAGES = (("qualification", 10, 25, 0.55), ("proposal", 50, 20, 0.6), ("negotiation", 75, 12, 0.75))
GONE = 270


@attrs.frozen
class Step:
    """What a deal was from a moment on."""

    at: datetime
    stage: str
    probability: int
    amount: Money
    close_on: date | None


def records(deals: Iterator[list[Step]], customer_id: str) -> tuple[list[Record], list[Record]]:
    """Deals and their states, as they would have been written down."""
    ids, opened, states = IdSource(seed=4), [], []
    for steps in deals:
        first, last = steps[0], steps[-1]
        since, before = first.at, first.stage
        closed = last.stage in {"won", "lost"}
        identifier = ids.new("opp", first.at)
        for step in steps:
            since, before = (since, before) if step.stage == before else (step.at, step.stage)
            ended = step.stage in {"won", "lost"}
            facts: dict[str, Any] = {
                "pipeline": "standard",
                "stage": step.stage,
                "stage_since": since,
                "amount": step.amount,
                "probability": Decimal({"won": 100, "lost": 0}.get(step.stage, step.probability)),
                "category": {"won": "closed", "lost": "omitted"}.get(step.stage, "pipeline"),
                "close_on": step.close_on,
                "closed_at": step.at if ended else None,
            }
            state = ids.new("dst", step.at)
            states.append(DealState(id=state, created_at=step.at, opportunity_id=identifier, **facts))
        opened.append(
            Opportunity(
                id=identifier,
                created_at=first.at,
                version=1,
                name="Album",
                customer_id=customer_id,
                expected=last.amount.percent(facts["probability"]),
                last_open_stage=steps[-2].stage if closed else None,
                **facts,
            )
        )
    return list(opened), list(states)


# ── Generated ──


def generated(*, years: int = 3, a_day: float = 1.2, seed: int = 8) -> Iterator[list[Step]]:
    """Deals of some years; nothing is known of what comes after."""
    chances = random.Random(seed)
    end = BEGIN + timedelta(days=365 * years)
    now = BEGIN
    while now < end:
        expected = a_day * SEASON[now.month - 1]
        for _ in range(sum(chances.random() < expected / 6 for _ in range(6))):
            yield [step for step in _life(chances, now) if step.at < end]
        now += DAY


def _life(chances: random.Random, at: datetime) -> list[Step]:
    amount = Money.from_minor(round(chances.lognormvariate(13, 0.6)), "EUR")
    hoped = (at + timedelta(days=chances.randint(25, 60))).date()
    steps: list[Step] = []
    for stage, probability, days, share in STAGES:
        steps.append(Step(at, stage, probability, amount, hoped))
        leaves = at + timedelta(days=chances.lognormvariate(0, 0.5) * days)
        while (later := datetime(hoped.year, hoped.month, hoped.day, 12, tzinfo=UTC) + DAY) < leaves:
            hoped = (later + timedelta(days=chances.randint(15, 30))).date()
            steps.append(Step(later, stage, probability, amount, hoped))
        at = leaves
        if chances.random() > share:
            return [*steps, Step(at, "lost", 0, amount, hoped)]
    return [*steps, Step(at, "won", 100, amount, hoped)]


# ── Real ──

LEARNED_BY = datetime(1998, 1, 1, tzinfo=UTC)
LOG_ENDS = datetime(1998, 7, 1, tzinfo=UTC)


def real() -> Iterator[list[Step]]:
    """The next purchases of CDNOW's customers, up to the end of June 1998."""
    bought: dict[str, dict[date, int]] = defaultdict(dict)
    for line in purchase_log().read_text("ascii").splitlines():
        customer, _, day, _, spent = line.split()
        on = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()
        bought[customer][on] = bought[customer].get(on, 0) + round(Decimal(spent) * 100)
    waits: dict[str, list[int]] = defaultdict(list)
    ends: dict[str, list[bool]] = defaultdict(list)
    for days in bought.values():
        for stage, opened, closed, _ in _pairs(days):
            if closed is not None and (closed - opened).days <= GONE and _noon(closed) < LEARNED_BY:
                waits[stage].append((closed - opened).days)
                ends[stage].append(True)
            elif _noon(opened) + GONE * DAY < LEARNED_BY:
                ends[stage].append(False)
    wait = {stage: round(median(found)) for stage, found in waits.items()}
    likely = {stage: round(100 * sum(found) / len(found)) for stage, found in ends.items()}
    for days in bought.values():
        for stage, opened, closed, paid in _pairs(days):
            yield _next_purchase(stage, opened, closed, days[opened], paid, wait=wait[stage], likely=likely[stage])


def _pairs(days: dict[date, int]) -> Iterator[tuple[str, date, date | None, int]]:
    """For each purchase: the stage, its day, the day of the next one if there is one, and what was paid then."""
    inner = sorted(days)
    for number, day in enumerate(inner):
        stage = STAGES[min(number, 2)][0]
        later = inner[number + 1] if number + 1 < len(inner) else None
        yield stage, day, later, days[later] if later is not None else 0


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _next_purchase(
    stage: str, opened: date, closed: date | None, before: int, paid: int, *, wait: int, likely: int
) -> list[Step]:
    amount, at = Money.from_minor(before, "USD"), _noon(opened)
    gone = at + GONE * DAY
    decided = gone if closed is None or _noon(closed) > gone else _noon(closed)
    hoped = opened + wait * DAY
    steps = [Step(at, stage, likely, amount, hoped)]
    while (later := _noon(hoped + DAY)) < min(decided, LOG_ENDS):
        hoped += (wait + 1) * DAY
        steps.append(Step(later, stage, likely, amount, hoped))
    if decided >= LOG_ENDS:
        return steps
    end = ("lost", amount) if decided == gone else ("won", Money.from_minor(paid, "USD"))
    return [*steps, Step(decided, end[0], likely, end[1], hoped)]

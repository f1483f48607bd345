"""Gathering: what the deals of a period are worth, for whom, and in which category; now or on a past day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Group
from crmkit.kernel.rates import RateTable
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.forecast.columns import Share
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from crmkit.pipeline.opportunities.history import all_as_they_were
from crmkit.pipeline.opportunities.people import DealSplit, parts_of
from crmkit.pipeline.stages.definition import LOST, WON

CHUNK = 500


@attrs.frozen(kw_only=True)
class Exchange:
    """How amounts come into one currency: unchanged, or by dated rates; never silently.

    Open deals are converted with the rates of the day of the forecast, won ones with those of the day they were won.
    """

    currency: str
    rates: RateTable | None

    def convert(self, money: Money, *, on: date) -> Money:
        """*money* in the currency.

        Raises:
            InvalidInput: it has another currency, and there are no rates.
        """
        if money.currency == self.currency:
            return money
        if self.rates is None:
            raise InvalidInput(f"there are deals in {money.currency} beside {self.currency}: give rates=RateTable(…)")
        return self.rates.convert(money, to=self.currency, on=on)


@attrs.frozen(kw_only=True)
class Book:
    """The deals of a period.

    Attributes:
        shares: what they are worth, by person and category.
        undated: open deals without a closing day.
        late: open deals whose closing day lies before the day of the forecast.
    """

    shares: tuple[Share, ...]
    undated: int
    late: int


def book_now(work: Work, *, since: date, until: date, pipeline: str | None, exchange: Exchange) -> Book:
    """The deals of the period as they are; counted and added up by the store.

    The store adds up all deals; those that people share are then taken out of these sums again, one by one, and
    counted for each of them.
    """
    today, zone = local_date(work.now, work.settings.zone), work.settings.zone
    still_open, won = _of(pipeline, F.stage.not_in([WON, LOST])), _of(pipeline, F.stage == WON)
    dated = still_open & (F.close_on >= since) & (F.close_on < until)
    won &= (F.closed_at >= start_of_day(since, zone)) & (F.closed_at < start_of_day(until, zone))
    shared = _shared(work, dated | won)
    found = work.tally(Opportunity, dated, by=("owner", "category"), sums=("amount", "expected"))
    shares = [
        *_sums(_without(found, [deal for deal, _ in shared if deal.is_open]), today, exchange),
        *_won(work, won, [deal for deal, _ in shared if not deal.is_open], exchange),
    ]
    for deal, splits in shared:
        shares += _split(_as_share(deal, exchange, today=today, zone_of=work), splits)
    return Book(
        shares=tuple(shares),
        undated=work.count(Opportunity, still_open & F.close_on.is_missing()),
        late=work.count(Opportunity, dated & (F.close_on < today)) if since < today else 0,
    )


def _of(pipeline: str | None, rule: Rule) -> Rule:
    return rule if pipeline is None else rule & (F.pipeline == pipeline)


@attrs.frozen
class SharedDeal:
    """What a forecast needs to know of a deal that several people share; the names are those of a deal."""

    id: str
    owner: str | None
    category: str
    stage: str
    amount: Money | None
    expected: Money | None
    probability: Decimal
    close_on: date | None
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Neither won nor lost."""
        return self.stage not in {WON, LOST}


def _shared(work: Work, rule: Rule) -> list[tuple[SharedDeal, Mapping[str, Decimal]]]:
    """The deals that several people share, and how."""
    if not work.count(DealSplit, F.kind == "revenue"):
        return []
    names = [a.name for a in attrs.fields(SharedDeal)]
    deals = work.columns(Opportunity, names, rule & F.splits.where(F.kind == "revenue").any())
    splits: dict[str, dict[str, Decimal]] = {}
    for first in range(0, len(deals), CHUNK):
        splits |= _splits(work, F.opportunity_id.in_([deal[0] for deal in deals[first : first + CHUNK]]))
    return [(SharedDeal(*deal), splits[deal[0]]) for deal in deals]


def _without(groups: Iterable[Group], deals: Iterable[SharedDeal]) -> list[Group]:
    """*groups* by owner and category, without *deals*."""
    left = {group.key: group for group in groups}
    for deal in deals:
        group = left[deal.owner, deal.category]
        sums = {
            name: {
                code: total - money if money is not None and money.currency == code else total
                for code, total in sums.items()
            }
            for name, sums in group.sums.items()
            for money in [getattr(deal, name)]
        }
        left[deal.owner, deal.category] = attrs.evolve(group, count=group.count - 1, sums=sums)
    return [group for group in left.values() if group.count]


def _sums(groups: Iterable[Group], day: date, exchange: Exchange) -> Iterator[Share]:
    for group in groups:
        person, category = group.key
        yield Share(
            person=person,
            category=category,
            amount=_converted(group.sums["amount"], day, exchange),
            weighted=_converted(group.sums["expected"], day, exchange),
            deals=group.count,
        )


def _converted(sums: Mapping[str, Money], day: date, exchange: Exchange) -> Money:
    return Money.total((exchange.convert(m, on=day) for m in sums.values()), currency=exchange.currency)


def _won(work: Work, rule: Rule, shared: Sequence[SharedDeal], exchange: Exchange) -> Iterator[Share]:
    """The won deals; in other currencies each at the rate of its day."""
    groups = work.tally(Opportunity, rule, by=("owner", "category"), sums=("amount",))
    none = Money.zero(exchange.currency)
    if all(group.sums["amount"].keys() <= {exchange.currency} for group in groups):
        for group in _without(groups, shared):
            amount = group.money("amount", exchange.currency)
            yield Share(person=group.key[0], category=group.key[1], amount=amount, weighted=none, deals=group.count)
        return
    names, left_out = ["id", "owner", "category", "amount", "closed_at"], {deal.id for deal in shared}
    for identifier, person, category, amount, closed_at in work.columns(Opportunity, names, rule):
        if identifier not in left_out:
            day = local_date(closed_at, work.settings.zone)
            worth = none if amount is None else exchange.convert(amount, on=day)
            yield Share(person=person, category=category, amount=worth, weighted=none)


def book_then(work: Work, *, since: date, until: date, pipeline: str | None, exchange: Exchange, at: datetime) -> Book:
    """The deals of the period as they were at a past moment, from their states; splits are those of today."""
    today, splits = local_date(at, work.settings.zone), _splits(work)
    shares: list[Share] = []
    undated = late = 0
    for state in all_as_they_were(work, at=at):
        if state.stage == LOST or (pipeline is not None and state.pipeline != pipeline):
            continue
        day = closing_day(state, work)
        if day is None:
            undated += 1
        elif since <= day < until:
            late += state.stage != WON and day < today
            share = _as_share(state, exchange, today=today, zone_of=work)
            shares += _split(share, splits.get(state.opportunity_id, {}))
    return Book(shares=tuple(shares), undated=undated, late=late)


def closing_day(deal: SharedDeal | DealState, work: Work) -> date | None:
    """The day on which a deal was won, or should be decided."""
    if deal.stage == WON and deal.closed_at is not None:
        return local_date(deal.closed_at, work.settings.zone)
    return deal.close_on


def _as_share(deal: SharedDeal | DealState, exchange: Exchange, *, today: date, zone_of: Work) -> Share:
    none = Money.zero(exchange.currency)
    won = deal.stage == WON
    day = (closing_day(deal, zone_of) or today) if won else today
    amount = none if deal.amount is None else exchange.convert(deal.amount, on=day)
    return Share(
        person=deal.owner,
        category=deal.category,
        amount=amount,
        weighted=none if won else amount.percent(deal.probability),
    )


def _splits(work: Work, rule: Rule | None = None) -> dict[str, dict[str, Decimal]]:
    """The revenue splits of deals that have some."""
    found: dict[str, dict[str, Decimal]] = {}
    names, wanted = ["opportunity_id", "person", "percent"], F.kind == "revenue"
    wanted = wanted if rule is None else wanted & rule
    for deal_id, person, percent in sorted(work.columns(DealSplit, names, wanted)):
        found.setdefault(deal_id, {})[person] = percent
    return found


def _split(share: Share, splits: Mapping[str, Decimal]) -> Iterator[Share]:
    if not splits:
        yield share
        return
    amounts = parts_of(share.amount, splits)
    weighted = parts_of(share.weighted, splits) if share.weighted else dict.fromkeys(splits, share.weighted)
    for number, person in enumerate(splits):
        yield Share(
            person=person,
            category=share.category,
            amount=amounts[person],
            weighted=weighted[person],
            deals=int(number == 0),
        )

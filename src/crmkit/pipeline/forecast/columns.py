"""The numbers of a forecast, and how they add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md

COUNTED = ("closed", "commit", "best_case", "pipeline")


@attrs.frozen(kw_only=True)
class Columns:
    """What deals of a period come to, by forecast category, each deal in one column only.

    The cumulative columns are those of Salesforce: what is closed is part of each forecast, and of the open pipeline it
    is not (50 closed, 150 commit, 100 best case and 200 pipeline give 50, 200, 300 and 450).

    Attributes:
        closed: won deals.
        commit: open deals that are as good as sure.
        best_case: open deals that may well come.
        pipeline: the other open deals.
        weighted: all open deals, each times its probability.
        deals: how many.
    """

    closed: Money
    commit: Money
    best_case: Money
    pipeline: Money
    weighted: Money
    deals: int = 0

    @classmethod
    def zero(cls, currency: str) -> Columns:
        """Nothing."""
        none = Money.zero(currency)
        return cls(closed=none, commit=none, best_case=none, pipeline=none, weighted=none)

    @property
    def closed_only(self) -> Money:
        """What is won."""
        return self.closed

    @property
    def commit_forecast(self) -> Money:
        """What is won, and commit."""
        return self.closed + self.commit

    @property
    def best_case_forecast(self) -> Money:
        """What is won, commit and best case."""
        return self.commit_forecast + self.best_case

    @property
    def open_pipeline(self) -> Money:
        """Everything that is still open; what is won is not part of it."""
        return self.commit + self.best_case + self.pipeline

    @property
    def expected(self) -> Money:
        """What is won, and the open deals times their probabilities."""
        return self.closed + self.weighted

    def __add__(self, other: Columns) -> Columns:
        return Columns(
            closed=self.closed + other.closed,
            commit=self.commit + other.commit,
            best_case=self.best_case + other.best_case,
            pipeline=self.pipeline + other.pipeline,
            weighted=self.weighted + other.weighted,
            deals=self.deals + other.deals,
        )

    def said(self, amounts: Mapping[str, Money]) -> Columns:
        """With *amounts* in place of what some categories come to."""
        values = {name: amounts.get(name, getattr(self, name)) for name in COUNTED}
        return Columns(weighted=self.weighted, deals=self.deals, **values)


@attrs.frozen(kw_only=True)
class Share:
    """What some deals of one category are worth for one person."""

    person: str | None
    category: str
    amount: Money
    weighted: Money
    deals: int = 1


@attrs.frozen(kw_only=True)
class ForecastRow:
    """One person of a forecast.

    Attributes:
        person: the owner of deals; missing for deals that nobody owns.
        manager: to whom the person reports.
        depth: how many managers there are above.
        own: the person's own deals.
        team: these, and those of all who report to the person, as the deals say.
        adjusted: the same, as managers see it after their adjustments; the deals stay as they are.
    """

    person: str | None
    manager: str | None
    depth: int
    own: Columns
    team: Columns
    adjusted: Columns


@attrs.frozen(kw_only=True)
class Forecast:
    """What a period will bring.

    Attributes:
        since: the first day of the period.
        until: the day after the last one.
        as_of: the day from which it was seen.
        total: all deals, without adjustments.
        adjusted: all deals, with the adjustments of managers.
        rows: the people, managers before those who report to them.
        undated: how many open deals have no closing day, and are therefore in no period.
        late: how many open deals of the period should have been closed before *as_of*.
    """

    since: date
    until: date
    as_of: date
    currency: str
    total: Columns
    adjusted: Columns
    rows: tuple[ForecastRow, ...]
    undated: int
    late: int

    def row(self, person: str | None) -> ForecastRow:
        """The row of one person.

        Raises:
            InvalidInput: the person has none.
        """
        for row in self.rows:
            if row.person == person:
                return row
        raise InvalidInput(
            f"the forecast has no row of {person!r}; it has {', '.join(str(r.person) for r in self.rows)}"
        )

    def _rows(self) -> Iterator[list[object]]:
        for row in self.rows:
            yield [f"{'· ' * row.depth}{row.person or 'nobody'}", *_cells(row.adjusted)]
        yield ["total", *_cells(self.adjusted)]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"{self.since} to {self.until}, seen on {self.as_of}")


HEADERS = ("person", "closed", "commit forecast", "best case forecast", "open pipeline", "weighted", "deals")


def _cells(columns: Columns) -> tuple[object, ...]:
    return (
        columns.closed,
        columns.commit_forecast,
        columns.best_case_forecast,
        columns.open_pipeline,
        columns.weighted,
        columns.deals,
    )


def by_person(shares: Iterable[Share], *, currency: str) -> dict[str | None, Columns]:
    """The columns of each person; omitted deals are left out.

    Raises:
        InvalidInput: a share has another currency.
    """
    none = Money.zero(currency)
    sums: dict[str | None, dict[str, int]] = {}
    for share in shares:
        if share.category not in COUNTED:
            continue
        if not share.amount.currency == share.weighted.currency == currency:
            _ = none + share.amount + share.weighted  # refuses to mix currencies, and says which
        mine = sums.setdefault(share.person, dict.fromkeys((*COUNTED, "weighted", "deals"), 0))
        mine[share.category] += share.amount.minor
        mine["weighted"] += share.weighted.minor
        mine["deals"] += share.deals
    return {person: _columns(mine, currency) for person, mine in sums.items()}


def _columns(sums: Mapping[str, int], currency: str) -> Columns:
    money = {name: Money.from_minor(sums[name], currency) for name in (*COUNTED, "weighted")}
    return Columns(**money, deals=sums["deals"])


def rolled_up(
    own: Mapping[str | None, Columns],
    managers: Mapping[str, str | None],
    adjustments: Mapping[tuple[str, str], Money],
    *,
    currency: str,
) -> tuple[ForecastRow, ...]:
    """The rows of everybody: own deals, the team's, and the team's after adjustments.

    An adjustment of a person takes the place of what the person's team comes to in that category, on the way up.

    Args:
        own: the columns of each person's deals.
        managers: to whom each one reports; who is in nobody's team stands at the top.
        adjustments: by person and category, what the manager counts on instead.
        currency: of all amounts.

    Raises:
        InvalidInput: somebody reports, over others, to himself.
    """
    known = {*own, *managers} - {None}
    below: dict[str | None, list[str]] = {}
    for person in sorted(name for name in known if name is not None):
        boss = managers.get(person)
        below.setdefault(boss if boss in known else None, []).append(person)
    rows: list[ForecastRow] = []

    def visit(person: str, depth: int) -> tuple[Columns, Columns]:
        place = len(rows)
        mine = own.get(person) or Columns.zero(currency)
        rows.append(
            ForecastRow(person=person, manager=managers.get(person), depth=depth, own=mine, team=mine, adjusted=mine)
        )
        team = seen = mine
        for report in below.get(person, ()):
            plain, adjusted = visit(report, depth + 1)
            team, seen = team + plain, seen + adjusted
        said = {c: money for c in COUNTED if (money := adjustments.get((person, c))) is not None}
        seen = seen.said(said)
        rows[place] = attrs.evolve(rows[place], team=team, adjusted=seen)
        return team, seen

    for top in below.get(None, ()):
        visit(top, 0)
    lost = sorted(name for name in known if name is not None and name not in {row.person for row in rows})
    if lost:
        raise InvalidInput(f"{lost[0]!r} reports, over others, to himself: change a manager")
    if None in own:
        nobody = own[None]
        rows.append(ForecastRow(person=None, manager=None, depth=0, own=nobody, team=nobody, adjusted=nobody))
    return tuple(rows)

"""How far somebody has come, and the board on which all can see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Literal

import attrs

from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.pipeline.quotas.quota import Quota

AT_RISK = Decimal("0.8")


@attrs.frozen(kw_only=True)
class Achievement:
    """How far somebody has come.

    Attributes:
        achieved: in money or counted.
        percent: of the target, two decimals; above 100 when it is exceeded.
        elapsed: the share of the period that is over, 0 to 1.
    """

    quota: Quota
    achieved: Money | int
    percent: Decimal
    elapsed: Decimal

    @property
    def missing(self) -> Money | int:
        """What is still to be achieved; nothing when the target is reached."""
        if isinstance(self.achieved, Money) and isinstance(self.quota.target, Money):
            return max(self.quota.target - self.achieved, Money.zero(self.achieved.currency))
        assert isinstance(self.achieved, int)  # noqa: S101 - both are of the measure's kind
        assert isinstance(self.quota.target, int)  # noqa: S101
        return max(self.quota.target - self.achieved, 0)

    @property
    def pace(self) -> Literal["on track", "at risk", "behind"]:
        """How the percentage compares with the share of the period that is over."""
        share = self.percent / 100
        if share >= self.elapsed:
            return "on track"
        return "at risk" if share >= AT_RISK * self.elapsed else "behind"


@attrs.frozen(kw_only=True)
class Scoreboard:
    """The achievements of a period."""

    day: date
    achievements: tuple[Achievement, ...]

    def __iter__(self) -> Iterator[Achievement]:
        return iter(self.achievements)

    def __len__(self) -> int:
        return len(self.achievements)

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=self.day.isoformat())

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for a in self.achievements:
            period = f"{a.quota.starts_on} – {a.quota.ends_on}"
            yield a.quota.whose, period, a.quota.measure, str(a.quota.target), str(a.achieved), f"{a.percent} %", a.pace


HEADERS = ("who", "period", "measure", "target", "achieved", "percent", "pace")

"""Self-help: solutions are offered before a case is opened, and it is counted how often that was enough.

Deflection rate: the share of enquiries after which the customer said that he was helped and opened no case within a
day.  Those who went away without a word are counted apart: some were helped, some gave up, and nobody knows how many.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.intervals import share_between
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.service.cases.case import CaseOpened
from crmkit.service.surveys.results import period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.kernel.rules import Rule
    from crmkit.kernel.work import Work

WITHIN: Final = timedelta(days=1)
PERIODS: Final = ("week", "month", "quarter", "year")
By = Literal["week", "month", "quarter", "year", "channel", "language"]


@entity(
    "enquiry",
    prefix="enq",
    plural="enquiries",
    when="asked_at",
    indexes=[Index(attributes=("customer_id", "asked_at"))],
)
class Enquiry(Entity):
    """A customer looked for help before opening a case.

    Attributes:
        text: what was asked.
        offered: how many solutions were shown.
        outcome: ``open`` until something is known; ``helped``; or ``case`` when a case was opened all the same.
        solution_id: what helped.
        case_id: the case that was opened all the same.
    """

    customer_id: str | None = attribute(default=None, references="customer")
    text: str = attribute(personal=True, multiline=True)
    language: str | None = attribute(default=None)
    channel: str | None = attribute(default=None)
    offered: int = attribute(default=0, at_least=0)
    outcome: Literal["open", "helped", "case"] = attribute(default="open")
    solution_id: str | None = attribute(default=None, references="solution", reverse="enquiries")
    case_id: str | None = attribute(default=None, references="case", reverse="enquiries")
    asked_at: datetime = attribute()
    day: date = attribute(index=True)

    def ended(self, outcome: str, *, case_id: str | None = None, solution_id: str | None = None) -> Change[Enquiry]:
        """What became of it; a case that is opened later counts more than a kind word before."""
        after = self.evolve(outcome=outcome, case_id=case_id, solution_id=solution_id or self.solution_id)
        told = EnquiryEnded(enquiry_id=self.id, customer_id=self.customer_id, outcome=outcome)
        return Change(after, (told,))


@event("service.enquiry_made")
class EnquiryMade(Event):
    """Somebody looked for help by himself."""

    enquiry_id: str
    customer_id: str | None
    offered: int


@event("service.enquiry_ended")
class EnquiryEnded(Event):
    """He was helped, or needed a case after all."""

    enquiry_id: str
    customer_id: str | None
    outcome: str


@attrs.frozen(kw_only=True)
class Deflection:
    """How often self-help was enough.

    Attributes:
        group: a month, a channel …, or everything.
        enquiries: how often help was looked for.
        helped: how often the customer said that he was helped, and opened no case.
        cases: how often a case was opened all the same.
        silent: the rest, of whom nobody knows.
        interval: where the true rate lies, at 95 % (Wilson).
    """

    group: str
    enquiries: int
    helped: int
    cases: int
    interval: tuple[float, float]

    @property
    def silent(self) -> int:
        """Of whom nobody knows."""
        return self.enquiries - self.helped - self.cases

    @property
    def rate(self) -> float:
        """The deflection rate: the share of those who said that they were helped."""
        return self.helped / self.enquiries

    @property
    def at_most(self) -> float:
        """The rate if everybody who went away without a word was helped."""
        return 1 - self.cases / self.enquiries


@attrs.frozen(kw_only=True)
class Deflections:
    """Deflection by group."""

    groups: tuple[Deflection, ...]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption="How often self-help was enough")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = ["when", "enquiries", "helped", "cases", "silent", "rate", "95 %"]
        return head, [
            [
                d.group,
                *(str(n) for n in (d.enquiries, d.helped, d.cases, d.silent)),
                f"{d.rate:.0%}",
                f"{d.interval[0]:.0%} – {d.interval[1]:.0%}",
            ]
            for d in self.groups
        ]


def deflections(work: Work, *, by: By | None, since: datetime | None, until: datetime | None) -> Deflections:
    """Count enquiries in the store."""
    if by is not None and by not in {*PERIODS, "channel", "language"}:
        raise InvalidInput(f"enquiries are grouped by {', '.join(PERIODS)}, channel or language, not by {by!r}")
    field = "day" if by in PERIODS else by
    keys = ("outcome",) if field is None else (field, "outcome")
    counts: dict[str, dict[str, int]] = {}
    for group in work.tally(Enquiry, _between(since, until), by=keys):
        name = "everything" if by is None else _label(by, group.key[0])
        outcomes = counts.setdefault(name, {})
        outcomes[group.key[-1]] = outcomes.get(group.key[-1], 0) + group.count
    return Deflections(groups=tuple(_deflection(name, outcomes) for name, outcomes in counts.items()))


def _deflection(group: str, outcomes: Mapping[str, int]) -> Deflection:
    number, helped = sum(outcomes.values()), outcomes.get("helped", 0)
    cases = outcomes.get("case", 0)
    return Deflection(group=group, enquiries=number, helped=helped, cases=cases, interval=share_between(helped, number))


def _label(by: str, value: Any) -> str:
    return period(value, by) if isinstance(value, date) else value or "unknown"


def _between(since: datetime | None, until: datetime | None) -> Rule | None:
    rules: list[Rule] = []
    if since is not None:
        rules.append(F.asked_at >= since)
    if until is not None:
        rules.append(F.asked_at < until)
    return None if not rules else rules[0] if len(rules) == 1 else rules[0] & rules[1]


def after_opening(work: Work, happened: CaseOpened) -> None:
    """A customer who opens a case within a day of looking for help needed it after all."""
    lately = (F.customer_id == happened.customer_id) & (F.asked_at > work.now - WITHIN)
    last = work.first(Enquiry, lately, order_by=("-asked_at", "-id"))
    if last is None or last.outcome == "case":
        return
    with work.holding():
        last = work.get(Enquiry, last.id)  # another case of his may be opened at the same moment
    if last.outcome != "case":
        work.save(last.ended("case", case_id=happened.case_id))

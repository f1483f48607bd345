"""Terms: everything that a policy says, as a value that can be compared, stored and tried out without a store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Literal, Self

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.text import shown
from crmkit.service.escalation.levels import Level, read_levels
from crmkit.service.sla.clocks import Clock
from crmkit.service.sla.hours import Hours

MICROSECOND = timedelta(microseconds=1)
FORTNIGHT: Final = timedelta(days=14)
LATENESS: Final = ("always", "seen")


def _duration(value: Any, *, what: str) -> timedelta:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise DefinitionError(f"{what} is a timedelta of more than nothing, got {shown(value)}")
    return value


@attrs.frozen(kw_only=True)
class Terms:
    """What a policy says.

    Attributes:
        hours: the business time.
        clocks: what is measured.
        levels: the escalation.
        late: see :func:`crmkit.service.sla.judge`.
        reopen_within: how long after it was closed a case is reopened when the customer writes; later, a follow-up
            is opened.  A case that is resolved and not closed is always reopened.
        close_after: how long a case that is resolved, or waits for the customer, may lie still before it is closed.
        quiet: when people may be told; outside of it messages wait for its next opening.
        digest: gather what one address is told for so long, and send it as one message.

    Raises:
        DefinitionError: two clocks have one name, or a value is not of its form.

    Example:
        >>> from crmkit import CRM
        >>> from crmkit.service.sla import preset
        >>> always = Hours.of(BusinessCalendar.always_open())
        >>> idea = Terms(hours=always, clocks=preset("crmkit", {"resolution": timedelta(hours=4)}))
        >>> with CRM.open() as crm:
        ...     wang = crm.customers.register(name="Xiao Wang")
        ...     case = crm.service.cases.open(wang, subject="Where is our album?")
        ...     judged = crm.service.cases.clocks(case, policy=idea)  # how it would be, were this the policy
        ...     str(judged.due("resolution") - case.opened_at)
        '4:00:00'
    """

    hours: Hours
    clocks: tuple[Clock, ...] = ()
    levels: tuple[Level, ...] = ()
    late: Literal["always", "seen"] = "always"
    reopen_within: timedelta = FORTNIGHT
    close_after: timedelta | None = None
    quiet: BusinessCalendar | None = None
    digest: timedelta | None = None

    def __attrs_post_init__(self) -> None:
        names = [c.name for c in self.clocks]
        if len(set(names)) != len(names):
            raise DefinitionError(f"two clocks are called {next(n for n in names if names.count(n) > 1)!r}; rename one")
        if self.late not in LATENESS:
            raise DefinitionError(f"late is one of {', '.join(LATENESS)}, got {shown(self.late)}")
        within: Any = self.reopen_within
        if not isinstance(within, timedelta) or within < timedelta(0):
            raise DefinitionError(f"reopen_within is a timedelta, 0 or more, got {shown(self.reopen_within)}")
        for what in ("close_after", "digest"):
            if getattr(self, what) is not None:
                _duration(getattr(self, what), what=what)
        if self.quiet is not None and not isinstance(self.quiet, BusinessCalendar):
            raise DefinitionError(
                f"quiet is a BusinessCalendar that is open when people may be told, got {self.quiet!r}"
            )

    def clock(self, name: str) -> Clock | None:
        """The clock *name*, if it is measured."""
        return next((c for c in self.clocks if c.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "hours": self.hours.to_json(),
            "clocks": [c.to_json() for c in self.clocks],
            "levels": [level.to_json() for level in self.levels],
            "late": self.late,
            "reopen_within": self.reopen_within // MICROSECOND,
            "close_after": None if self.close_after is None else self.close_after // MICROSECOND,
            "quiet": None if self.quiet is None else self.quiet.to_spec(),
            "digest": None if self.digest is None else self.digest // MICROSECOND,
        }

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote; equal specifications give one object, with its calendars compiled once."""
        terms: Self = _read(json.dumps(spec, sort_keys=True))  # type: ignore[assignment]
        return terms


@lru_cache(maxsize=256)
def _read(text: str) -> Terms:
    spec = json.loads(text)
    clocks = tuple(Clock.from_json(c) for c in spec["clocks"])
    return Terms(
        hours=Hours.from_json(spec["hours"]),
        clocks=clocks,
        levels=read_levels(spec["levels"], clocks=[c.name for c in clocks]),
        late=spec["late"],
        reopen_within=timedelta(microseconds=spec["reopen_within"]),
        close_after=_micros(spec["close_after"]),
        quiet=None if spec["quiet"] is None else BusinessCalendar.from_spec(spec["quiet"]),
        digest=_micros(spec["digest"]),
    )


def _micros(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(microseconds=value)

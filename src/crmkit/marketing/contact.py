"""May I contact this person?  One decision, made in one place, as a pure function of its arguments.

The order of the checks: an address, suppressions, consent; these deny.  Then frequency caps, quiet hours and send
windows; these put off until a moment.  All reasons are given, not only the first.

Purposes that need no consent (``service``, ``transaction``) are not capped and know no quiet hours: whether a message
may wait is a property of its purpose, not of the message.

Quiet hours and windows are times of day in the person's zone.  They may run over midnight, they are exact when clocks
change, the beginning belongs to them and the end does not.  Without any zone they don't apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import attrs

from crmkit.customers.consents import FREE_PURPOSES
from crmkit.errors import DefinitionError
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.lifecycle.timing import WEEKDAYS, wall_time

Basis = Literal["calendar", "rolling"]
DAY = timedelta(days=1)
EVERYWHERE = "*"


@attrs.frozen(kw_only=True)
class Cap:
    """At most so many messages in so many days.

    Attributes:
        most: how many.
        days: the length of the window.
        basis: ``calendar``: today and the days before, in the person's zone; ``rolling``: 24 hours for each day.
        channel: only messages on this channel count; on any, each occasion counts once, on however many channels.

    Example:
        >>> from datetime import UTC
        >>> cap, noon = Cap(most=2, days=7), datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        >>> history = tuple(Sent(at=noon + n * DAY, channel="email") for n in range(2))
        >>> cap.free_at(history, noon + 2 * DAY, ZoneInfo("Asia/Shanghai")).isoformat()  # the 9th begins there
        '2026-03-08T16:00:00+00:00'
    """

    most: int
    days: int = 1
    basis: Basis = "calendar"
    channel: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.most < 1 or self.days < 1:
            raise DefinitionError(f"a cap is at least 1 message in at least 1 day, got {self.most} in {self.days}")

    def counts(self, sent: Sent) -> bool:
        """Whether a message counts for this cap."""
        return self.channel is None or sent.channel == self.channel

    def leaves(self, sent: datetime, zone: ZoneInfo) -> datetime:
        """When a message of that time is out of the window."""
        if self.basis == "rolling":
            return sent + self.days * DAY
        return start_of_day(local_date(sent, zone) + self.days * DAY, zone)

    def free_at(self, history: tuple[Sent, ...], at: datetime, zone: ZoneInfo) -> datetime:
        """The first moment, *at* or later, at which one more message is within the cap."""
        occasions: dict[object, datetime] = {}
        for n, sent in enumerate(sorted((s for s in history if self.counts(s)), key=lambda s: s.at)):
            occasions[n if self.channel is not None or sent.occasion is None else sent.occasion] = sent.at
        ends = sorted(end for moment in occasions.values() if (end := self.leaves(moment, zone)) > at)
        return at if len(ends) < self.most else ends[len(ends) - self.most]

    def left(self, history: tuple[Sent, ...], at: datetime, zone: ZoneInfo) -> int:
        """How many more messages are within the cap at *at*."""
        used = 0
        extended = history
        while used < self.most and self.free_at(extended, at, zone) <= at:
            used += 1
            extended = (*extended, Sent(at=at, channel=self.channel or "any", occasion=f"further {used}"))
        return used

    def __str__(self) -> str:
        where = f" by {self.channel}" if self.channel else ""
        return f"at most {self.most} in {self.days} {self.basis} day{'s' if self.days > 1 else ''}{where}"


@attrs.frozen(kw_only=True)
class Hours:
    """A part of the day on some days of the week; after midnight it goes on when *end* is not later than *start*.

    Attributes:
        start: the first minute; midnight unless given.
        end: the first minute that no longer belongs to it; the next midnight unless given.
        weekdays: the days on which it starts, ``mon`` to ``sun``; every day unless given.

    Example:
        >>> night = Hours(start=time(22), end=time(8))
        >>> late = datetime(2026, 3, 2, 23, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
        >>> night.holding(late, ZoneInfo("Asia/Shanghai")).isoformat()  # 8 o'clock there
        '2026-03-03T00:00:00+00:00'
    """

    start: time | None = None
    end: time | None = None
    weekdays: frozenset[str] = frozenset()

    def __attrs_post_init__(self) -> None:
        unknown = sorted(self.weekdays - set(WEEKDAYS))
        if unknown:
            raise DefinitionError(f"{unknown[0]!r} is no day of the week; they are {', '.join(WEEKDAYS)}")
        if self.start is not None and self.start == self.end:
            raise DefinitionError(f"hours from {self.start} to {self.end} are none, or all: leave them out")

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Beginning and end of what starts on *day*."""
        if self.weekdays and WEEKDAYS[day.weekday()] not in self.weekdays:
            return None
        begin = start_of_day(day, zone) if self.start is None else wall_time(datetime.combine(day, self.start), zone)
        if self.end is None:
            return begin, start_of_day(day + DAY, zone)
        over = self.end <= (self.start or time.min)
        return begin, wall_time(datetime.combine(day + DAY if over else day, self.end), zone)

    def around(self, at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """The stretches from the day before *at* on, for nine days."""
        first = local_date(at, zone) - DAY
        for ahead in range(10):
            stretch = self.on(first + ahead * DAY, zone)
            if stretch is not None and stretch[0] < stretch[1]:
                yield stretch

    def holding(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """The end of the stretch that *at* is in."""
        return next((end for begin, end in self.around(at, zone) if begin <= at < end), None)

    def first_inside(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first moment, *at* or later, that is in one of the stretches."""
        return next(max(at, begin) for begin, end in self.around(at, zone) if end > at)

    def __str__(self) -> str:
        days = ", ".join(d for d in WEEKDAYS if d in self.weekdays)
        hours = f"{self.start or time.min:%H:%M}–{self.end or time.min:%H:%M}" if self.start or self.end else ""
        return " ".join(part for part in (days, hours) if part)


@attrs.frozen(kw_only=True)
class ContactRules:
    """When and how often a house writes to people.

    Attributes:
        caps: all of them hold.
        quiet: nothing is sent in these hours.
        window: messages are sent in these hours only.
        opt_out: purposes for which nobody is asked before; who has revoked is left alone all the same.
    """

    caps: tuple[Cap, ...] = ()
    quiet: Hours | None = None
    window: Hours | None = None
    opt_out: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class Sent:
    """A message that counts for the caps.

    Attributes:
        occasion: what it was sent for: on several channels for one occasion it counts once where any channel counts.
    """

    at: datetime
    channel: str
    occasion: str | None = None


@attrs.frozen(kw_only=True)
class Contact:
    """What is known of one person when it is decided whether to write.

    Attributes:
        addresses: the channels on which the person can be reached.
        consents: by channel and purpose, ``granted`` or ``revoked``; who was never asked is not in it.
        suppressed: by channel (``*`` for all), why nothing is sent there: ``unsubscribed``, ``bounced`` …
        history: the messages that count.
        zone: where the person lives.
    """

    addresses: frozenset[str]
    consents: Mapping[tuple[str, str], str] = attrs.field(factory=dict)
    suppressed: Mapping[str, str] = attrs.field(factory=dict)
    history: tuple[Sent, ...] = ()
    zone: ZoneInfo | None = None


@attrs.frozen(kw_only=True)
class Decision:
    """The answer.

    Attributes:
        verdict: ``allow``, ``defer`` or ``deny``.
        until: when it may be sent, for ``defer``.
        reasons: all of them.
        capped: whether a frequency cap is among the reasons.
    """

    verdict: Literal["allow", "defer", "deny"]
    until: datetime | None = None
    reasons: tuple[str, ...] = ()
    capped: bool = False

    def __bool__(self) -> bool:
        return self.verdict == "allow"

    def __str__(self) -> str:
        when = f" until {self.until.isoformat()}" if self.until else ""
        return f"{self.verdict}{when}" + (f": {'; '.join(self.reasons)}" if self.reasons else "")


DEAD_ADDRESS = frozenset({"bounced"})
ROUNDS = 50


def decide(contact: Contact, *, channel: str, purpose: str, at: datetime, rules: ContactRules) -> Decision:
    """Whether a person may be contacted.

    Args:
        contact: what is known of the person.
        channel: how: ``email``, ``sms`` …
        purpose: why: ``marketing``, ``service`` …
        at: when the message would leave.
        rules: those of the house.

    Example:
        >>> from datetime import UTC
        >>> li = Contact(
        ...     addresses=frozenset({"sms"}),
        ...     consents={("sms", "marketing"): "granted"},
        ...     zone=ZoneInfo("Asia/Shanghai"),
        ... )
        >>> night = ContactRules(quiet=Hours(start=time(22), end=time(8)))
        >>> late = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
        >>> str(decide(li, channel="sms", purpose="marketing", at=late, rules=night))
        'defer until 2026-03-03T00:00:00+00:00: quiet hours 22:00–08:00'
    """
    denied = tuple(_denials(contact, channel, purpose, rules))
    if denied:
        return Decision(verdict="deny", reasons=denied)
    if purpose in FREE_PURPOSES:
        return Decision(verdict="allow")
    return _deferral(contact, channel, at, rules)


def _denials(contact: Contact, channel: str, purpose: str, rules: ContactRules) -> Iterator[str]:
    if channel not in contact.addresses:
        yield f"no address for {channel}"
    for where in (EVERYWHERE, channel):
        why = contact.suppressed.get(where)
        if why is not None and (purpose not in FREE_PURPOSES or why in DEAD_ADDRESS):
            yield f"{'everything' if where == EVERYWHERE else channel} is suppressed: {why}"
    consent = contact.consents.get((channel, purpose))
    if purpose not in FREE_PURPOSES and consent != "granted" and (consent == "revoked" or purpose not in rules.opt_out):
        yield f"consent to {purpose} by {channel} was revoked" if consent else f"no consent to {purpose} by {channel}"


def _deferral(contact: Contact, channel: str, at: datetime, rules: ContactRules) -> Decision:
    """Move on from obstacle to obstacle until none is left."""
    zone = contact.zone
    reasons: dict[str, None] = {}
    moment, capped = at, False
    for _ in range(ROUNDS):
        before = moment
        for cap in rules.caps:
            if cap.channel in {None, channel}:
                free = cap.free_at(contact.history, moment, zone or ZoneInfo("UTC"))
                if free > moment:
                    reasons[f"capped: {cap}"] = None
                    moment, capped = free, True
        if zone is not None:
            moment = _in_hours(moment, zone, rules, reasons)
        if moment == before:
            break
    else:
        return Decision(verdict="deny", reasons=(*reasons, "quiet hours and window leave no time"), capped=capped)
    if moment == at:
        return Decision(verdict="allow")
    return Decision(verdict="defer", until=moment, reasons=tuple(reasons), capped=capped)


def _in_hours(moment: datetime, zone: ZoneInfo, rules: ContactRules, reasons: dict[str, None]) -> datetime:
    if rules.quiet is not None and (end := rules.quiet.holding(moment, zone)) is not None:
        reasons[f"quiet hours {rules.quiet}"] = None
        moment = end
    if rules.window is not None and (begin := rules.window.first_inside(moment, zone)) > moment:
        reasons[f"send window {rules.window}"] = None
        moment = begin
    return moment

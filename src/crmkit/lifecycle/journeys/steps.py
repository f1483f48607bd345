"""Steps: what a journey is written in, as JSON that is checked at the edge.

::

    {"wait": {"days": 30}}                                  so many calendar days later
    {"wait": {"weekdays": ["tue", "thu"], "at": "09:00"}}   the next time that it is Tuesday or Thursday, 9 o'clock
    {"wait": {"until": "2026-12-24"}}                       a day
    {"send": "template", "channel": "email"}                a message, for the purpose "marketing" unless told otherwise
    {"if": rule, "then": [steps], "else": [steps]}          a branch by a rule over the customer
    {"wait_for": "pipeline.order_paid", "up_to": {"days": 7}, "then": [steps], "else": [steps]}
    {"exit": "reason"}                                      the end, before the last step
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import attrs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from crmkit.errors import CrmError, DefinitionError
from crmkit.kernel.clock import shift, start_of_day
from crmkit.kernel.rules import Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import nearest
from crmkit.lifecycle.timing import next_local, wall_time

STEP_LIMIT = 500
Whole: TypeAlias = Annotated[int, Field(ge=0, le=5000, strict=True)]
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Pause(_Part):
    """A length of time: months, weeks and days of the calendar, hours and minutes of the clock."""

    months: Whole = 0
    weeks: Whole = 0
    days: Whole = 0
    hours: Whole = 0
    minutes: Whole = 0

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant that is so much later.

        Calendar units keep the wall clock of *zone*, whatever the daylight saving time does in between.
        """
        wall = instant.astimezone(zone).replace(tzinfo=None)
        days = wall_time(shift(wall, months=self.months, weeks=self.weeks, days=self.days), zone)
        calendar = days if self.months or self.weeks or self.days else instant
        return calendar + timedelta(hours=self.hours, minutes=self.minutes)

    def lasts(self) -> bool:
        """Whether it is any length at all."""
        return any((self.months, self.weeks, self.days, self.hours, self.minutes))


class Wait(Pause):
    """What a wait step waits for: first the length or the day, then the weekday and the time of day.

    Attributes:
        until: a calendar day; one that is over is not waited for.
        weekdays: on these days only.
        at: the next time that clocks show this, now included.
    """

    until: date | None = None
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    at: time | None = None

    @field_validator("at")
    @classmethod
    def _plain(cls, at: time | None) -> time | None:
        if at is not None and (at.tzinfo or at.second or at.microsecond):
            raise ValueError("give hours and minutes without a zone, as in 09:00")
        return at

    @model_validator(mode="after")
    def _means_something(self) -> Wait:
        if self.until is not None and self.lasts():
            raise ValueError("wait until a day or for a length, not both")
        if not (self.until or self.weekdays or self.at is not None or self.lasts()):
            raise ValueError("say how long, as in {'days': 30}, or until when, as in {'at': '09:00'}")
        return self

    def end(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant at which a wait ends that begins at *instant*.

        Example:
            >>> wait = Wait(days=1, weekdays=("tue", "thu"), at=time(9))
            >>> monday = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
            >>> wait.end(monday, ZoneInfo("Asia/Shanghai")).isoformat()  # Thursday, 9 o'clock in Shanghai
            '2026-03-05T01:00:00+00:00'
        """
        at = self.after(instant, zone)
        if self.until is not None:
            at = max(instant, start_of_day(self.until, zone))
        if self.at is None and not self.weekdays:
            return at
        return next_local(at, zone, at=self.at, weekdays=self.weekdays)


class WaitStep(_Part):
    """Wait."""

    wait: Wait


class Send(_Part):
    """Send a message made from a template."""

    send: Word
    channel: Word
    purpose: Word = "marketing"


class Branch(_Part):
    """Go one of two ways."""

    rule: Mapping[str, Any] = Field(alias="if")
    then: Sequence[Any] = ()
    otherwise: Sequence[Any] = Field(default=(), alias="else")


class WaitFor(_Part):
    """Wait until something happens with the customer, but not for ever."""

    wait_for: Word
    up_to: Pause
    then: Sequence[Any] = ()
    otherwise: Sequence[Any] = Field(default=(), alias="else")

    @field_validator("up_to")
    @classmethod
    def _lasts(cls, up_to: Pause) -> Pause:
        if not up_to.lasts():
            raise ValueError("say how long at the most, as in {'days': 7}")
        return up_to


class Exit(_Part):
    """Leave the journey."""

    exit: Word


Step: TypeAlias = WaitStep | Send | Branch | WaitFor | Exit
VERBS: Mapping[str, type[Step]] = {"wait": WaitStep, "send": Send, "if": Branch, "wait_for": WaitFor, "exit": Exit}


@attrs.frozen(kw_only=True)
class Node:
    """One step in its place.

    Attributes:
        label: ``2``, or ``2.then.1`` inside a branch.
        next: the label of what follows; nothing after the last step.
        otherwise: the label of what follows when the branch goes the other way.
    """

    label: str
    step: Step
    next: str | None
    otherwise: str | None = None


Program: TypeAlias = Mapping[str, Node]


def read_steps(specs: Any, *, journey: str) -> Program:
    """The steps of a journey, checked and laid out.

    Raises:
        DefinitionError: a step is wrong; the message names the step and the field.
    """
    nodes = list(_lay(specs, where=f"journey {journey!r}", prefix="", after=None))
    if not nodes:
        raise DefinitionError(f"journey {journey!r}: give it at least one step")
    if len(nodes) > STEP_LIMIT:
        raise DefinitionError(f"journey {journey!r}: {len(nodes)} steps are more than {STEP_LIMIT}; make two of it")
    return {node.label: node for node in nodes}


def _lay(specs: Any, *, where: str, prefix: str, after: str | None) -> Iterator[Node]:
    if not isinstance(specs, Sequence) or isinstance(specs, (str, bytes)):
        raise DefinitionError(f"{where}: steps are a list, got {str(specs)[:60]!r}")
    if prefix.count(".") > 20:
        raise DefinitionError(f"{where}: branches are nested deeper than ten levels; make two journeys of it")
    for number, spec in enumerate(specs, start=1):
        label = f"{prefix}{number}"
        follows = f"{prefix}{number + 1}" if number < len(specs) else after
        step = _read_step(spec, at=f"{where}, step {label}")
        if isinstance(step, (Branch, WaitFor)):
            yes, no = f"{label}.then.", f"{label}.else."
            yield Node(
                label=label,
                step=step,
                next=f"{yes}1" if step.then else follows,
                otherwise=f"{no}1" if step.otherwise else follows,
            )
            yield from _lay(step.then, where=where, prefix=yes, after=follows)
            yield from _lay(step.otherwise, where=where, prefix=no, after=follows)
        else:
            yield Node(label=label, step=step, next=None if isinstance(step, Exit) else follows)


def _read_step(spec: Any, *, at: str) -> Step:
    if not isinstance(spec, Mapping):
        raise DefinitionError(f"{at}: a step is an object such as {{'wait': {{'days': 30}}}}, got {str(spec)[:60]!r}")
    verbs = [verb for verb in VERBS if verb in spec]
    if len(verbs) != 1:
        near = next((n for key in spec if (n := nearest(str(key), VERBS))), None)
        hint = f", did you mean {near!r}?" if near and not verbs else ""
        raise DefinitionError(
            f"{at}: it needs exactly one of {', '.join(VERBS)}; it has {sorted(map(str, spec))}{hint}"
        )
    try:
        step = VERBS[verbs[0]].model_validate(_json(spec))
    except ValidationError as error:
        raise DefinitionError(f"{at}: {_first(error)}") from None
    if isinstance(step, Branch):
        try:
            from_json(step.rule)
        except CrmError as error:
            raise DefinitionError(f"{at}: {error}") from None
    return step


def _first(error: ValidationError) -> str:
    wrong = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in wrong["loc"])
    message = wrong["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def plain_steps(specs: Any) -> Any:
    """*specs* as JSON keeps them: rules, dates and times that Python code has used are written out."""
    return _json(specs)


def _json(value: Any) -> Any:
    if isinstance(value, Rule):
        return to_json(value)
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json(v) for v in value]
    return value.isoformat() if isinstance(value, (date, time)) else value


def walk(program: Program, label: str | None, *, since: datetime, zone: ZoneInfo) -> tuple[str | None, datetime]:
    """The next step that is no wait, and when it is due.

    Waits are counted from the moment at which the step before was due, not from when a late worker came to it.

    Args:
        program: the steps.
        label: where to begin; nothing when the journey has come to its end.
        since: when the step before was due.
        zone: the zone of calendar days.
    """
    while label is not None and isinstance(step := program[label].step, WaitStep):
        since, label = step.wait.end(since, zone), program[label].next
    return label, since

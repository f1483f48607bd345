"""Levels: when somebody is told, who, under which condition, and what else is done; as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.addresses import email
from crmkit.kernel.checking import converters
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import clean_text, nearest, several, shown
from crmkit.service.cases.case import Case
from crmkit.service.sla.hours import Hours
from crmkit.service.sla.readings import Reading
from crmkit.service.sla.span import Span

EMAIL: Final = "email"
MOST_ROUNDS: Final = 100
OCCASIONS: Final = ("reopened", "reassigned", "low_score")
CHANGEABLE: Final = {name: name for name in ("priority", "severity", "owner", "team")} | {"add_tags": "tags"}
CHECKS: Final = converters(Case.__schema__)
FIELDS: Final = ("clock", "at", "when", "times", "score", "notify", "wait", "steps", "repeat", "if", "set")


@attrs.frozen(kw_only=True)
class Step:
    """One step of a level.

    Attributes:
        notify: who is told: addresses (``"boss@studio.example"``, ``"sms:+8613912345678"``) and roles (``"owner"``,
            ``"team_lead"``, ``"manager"`` …), which the host answers for when it comes to it.
        wait: how long to wait, in business time, for somebody to acknowledge before the next step.
    """

    notify: tuple[str, ...]
    wait: Span = attrs.field(factory=Span)


@attrs.frozen(kw_only=True)
class Level:
    """One level of escalation.

    Attributes:
        clock: the clock that it looks at.
        at: business time before (negative) or after the target, or a share of the target in percent.
        when: instead of a clock, what else makes it fire: ``reopened`` or ``reassigned`` so many *times*, or a survey
            with a ``low_score`` of *score* or less.
        steps: who is told, one step after the other until somebody acknowledges.
        repeat: how often the steps begin again after the last one.
        condition: a rule over the case that must hold when the level fires.
        changes: what is changed in the case: ``priority``, ``severity``, ``owner``, ``team``, ``add_tags``.
    """

    clock: str | None = None
    at: Span | float = attrs.field(factory=Span)
    when: Literal["reopened", "reassigned", "low_score"] | None = None
    times: int = 1
    score: float | None = None
    steps: tuple[Step, ...] = ()
    repeat: int = 0
    condition: Rule | None = None
    changes: Mapping[str, Any] = attrs.field(factory=dict)

    def moment(self, reading: Reading) -> datetime:
        """When the level is reached by a clock that shows *reading*."""
        if isinstance(self.at, Span):
            return reading.stretch.reaches(self.at)
        return reading.stretch.share(self.at)

    def to_json(self) -> dict[str, Any]:
        """The JSON form, which :func:`read_level` reads."""
        spec: dict[str, Any] = {"steps": [{"notify": list(s.notify), "wait": s.wait.to_json()} for s in self.steps]}
        if self.when is None:
            at = self.at.to_json() if isinstance(self.at, Span) else f"{self.at:g}%"
            spec |= {"clock": self.clock, "at": at}
        else:
            spec |= {"when": self.when, "times": self.times, "score": self.score}
        if self.repeat:
            spec["repeat"] = self.repeat
        if self.condition is not None:
            spec["if"] = to_json(self.condition)
        if self.changes:
            spec["set"] = dict(self.changes)
        return spec


@attrs.frozen
class Turn:
    """One step of one round, and when it comes if nobody acknowledges."""

    round: int
    step: int
    at: datetime


def turns(level: Level, start: datetime, hours: Hours) -> Iterator[Turn]:
    """Every step of *level* that begins at *start*, as far as it is repeated.

    Definitions: steps with delays and repeats are those of PagerDuty, GoAlert and Grafana OnCall.

    Example:
        >>> from datetime import UTC
        >>> from crmkit import BusinessCalendar
        >>> level = read_level(
        ...     {
        ...         "clock": "resolution",
        ...         "at": timedelta(0),
        ...         "steps": [{"notify": "a@x.example", "wait": timedelta(minutes=30)}, {"notify": "b@x.example"}],
        ...     }
        ... )
        >>> always = Hours.of(BusinessCalendar.always_open())
        >>> [(t.step, t.at.minute) for t in turns(level, datetime(2026, 3, 2, 10, tzinfo=UTC), always)]
        [(0, 0), (1, 30)]
    """
    now: Turn | None = Turn(0, 0, start)
    while now is not None:
        yield now
        now = following(level, now, hours)


def following(level: Level, done: Turn, hours: Hours) -> Turn | None:
    """The step that comes after *done*; none after the last step of the last round."""
    at = level.steps[done.step].wait.after(done.at, hours)
    if done.step + 1 < len(level.steps):
        return Turn(done.round, done.step + 1, at)
    if done.round < level.repeat:
        return Turn(done.round + 1, 0, at)
    return None


def read_levels(specs: Sequence[Mapping[str, Any]], *, clocks: Sequence[str]) -> tuple[Level, ...]:
    """The levels of a policy.

    Raises:
        DefinitionError: a level is wrong; the message begins with its number, counted from 1.
    """
    levels = []
    for number, spec in enumerate(specs, start=1):
        try:
            level = read_level(spec)
        except DefinitionError as wrong:
            raise DefinitionError(f"escalation {number}: {wrong}") from None
        if level.clock is not None and level.clock not in clocks:
            near = nearest(str(level.clock), clocks)
            hint = f"did you mean {near!r}?" if near else f"the policy has {', '.join(clocks) or 'none'}"
            raise DefinitionError(f"escalation {number}: the policy has no clock {level.clock!r}: {hint}")
        levels.append(level)
    return tuple(levels)


def read_level(spec: Mapping[str, Any]) -> Level:
    """A level from its JSON form, in which spans may also be ``timedelta`` and the condition a rule.

    Raises:
        DefinitionError: something is unknown, missing or wrong.
    """
    if not isinstance(spec, Mapping):
        raise DefinitionError(
            f'a level is an object such as {{"clock": "resolution", "notify": "…"}}, got {shown(spec)}'
        )
    unknown = [name for name in spec if name not in FIELDS]
    if unknown:
        near = nearest(str(unknown[0]), FIELDS)
        raise DefinitionError(f"a level has no {unknown[0]!r}" + (f", did you mean {near!r}?" if near else ""))
    steps, changes = _steps(spec), _changes(spec.get("set"))
    if not any(step.notify for step in steps) and not changes:
        raise DefinitionError('a level needs somebody to "notify", or something to "set"')
    repeat = spec.get("repeat", 0)
    if type(repeat) is not int or not 0 <= repeat <= MOST_ROUNDS:
        raise DefinitionError(f"repeat is a whole number from 0 to {MOST_ROUNDS}, got {shown(repeat)}")
    if repeat and not steps[-1].wait.positive:
        raise DefinitionError("a level that is repeated needs a wait after its last step")
    return Level(steps=steps, repeat=repeat, condition=_condition(spec.get("if")), changes=changes, **_occasion(spec))


def _occasion(spec: Mapping[str, Any]) -> dict[str, Any]:
    clock, when = spec.get("clock"), spec.get("when")
    if (clock is None) == (when is None):
        raise DefinitionError(f'a level looks at a "clock", or has a "when" out of {", ".join(OCCASIONS)}')
    if clock is not None:
        return {"clock": clock, "at": _at(spec.get("at", timedelta(0)))}
    if when not in OCCASIONS:
        raise DefinitionError(f"when is one of {', '.join(OCCASIONS)}, got {shown(when)}")
    times, score = spec.get("times", 1), spec.get("score")
    if type(times) is not int or times < 1:
        raise DefinitionError(f"times is a whole number, 1 or more, got {shown(times)}")
    if (score is None) == (when == "low_score") or not (score is None or type(score) in {int, float}):
        raise DefinitionError('a level with when="low_score" needs the highest score that counts as low')
    return {"when": when, "times": times, "score": score}


def _at(value: Any) -> Span | float:
    if not isinstance(value, str):
        return Span.read(value, what="at")
    try:
        percent = float(value.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not value.endswith("%") or not 0 <= percent <= 1000:
        raise DefinitionError(
            f'at is a timedelta, {{"days": -1}} or a share of the target as in "80%"; got {shown(value)}'
        )
    return percent


def _steps(spec: Mapping[str, Any]) -> tuple[Step, ...]:
    if "steps" not in spec:
        return (_step(spec),)
    if "notify" in spec or "wait" in spec:
        raise DefinitionError('write "notify" and "wait" into the steps')
    steps = spec["steps"]
    if not isinstance(steps, list | tuple) or not steps:
        raise DefinitionError('steps is a list of {"notify": …, "wait": …}')
    made = tuple(_step(step) for step in steps)
    unreachable = next((n for n, step in enumerate(made[:-1], start=1) if not step.wait.positive), None)
    if unreachable is not None:
        raise DefinitionError(f"step {unreachable} needs a wait before the next one")
    return made


def _step(spec: Any) -> Step:
    if not isinstance(spec, Mapping):
        raise DefinitionError(f'a step is an object {{"notify": …, "wait": …}}, got {shown(spec)}')
    notify = spec.get("notify", ())
    names = (notify,) if isinstance(notify, str) else _checked(several, notify, what="notify")
    whom = tuple(_checked(_whom, name) for name in names)
    return Step(notify=whom, wait=Span.read(spec.get("wait", timedelta(0)), what="wait"))


def _whom(name: object) -> str:
    """An address or a role, as it is kept."""
    text = clean_text(name, what='notify, an address or a role such as "owner",', limit=500, required=True)
    if is_address(text):
        channel, to = split(text)
        clean_text(channel, what=f"the channel of {text!r}", required=True)
        email(to, what="notify") if channel == EMAIL else clean_text(to, what=f"the address in {text!r}", required=True)
    return text


def is_address(name: str) -> bool:
    """Whether *name* is an address rather than a role."""
    return "@" in name or ":" in name


def split(address: str) -> tuple[str, str]:
    """The channel and the address on it: ``sms:+8613912345678`` is for ``sms``, what names no channel is an e-mail.

    Example:
        >>> split("sms:+8613912345678"), split("boss@studio.example")
        (('sms', '+8613912345678'), ('email', 'boss@studio.example'))
    """
    channel, found, to = address.partition(":")
    return (channel, to) if found else (EMAIL, address)


def _condition(value: Any) -> Rule | None:
    return value if value is None or isinstance(value, Rule) else from_json(value)


def _changes(value: Any) -> Mapping[str, Any]:
    changes = {} if value is None else value
    if not isinstance(changes, Mapping):
        raise DefinitionError(f'set is an object such as {{"priority": "high"}}, got {shown(value)}')
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown:
        raise DefinitionError(f"a level can set {', '.join(CHANGEABLE)}, not {unknown[0]!r}")
    checked = {name: _checked(CHECKS[CHANGEABLE[name]], value) for name, value in changes.items()}
    return checked | ({"add_tags": sorted(checked["add_tags"])} if "add_tags" in checked else {})


def _checked(check: Callable[..., Any], value: Any, **about: str) -> Any:
    try:
        return check(value, **about)
    except InvalidInput as wrong:
        raise DefinitionError(str(wrong)) from None

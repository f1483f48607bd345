"""Clocks: what is measured in a case, as data.  What starts, pauses and stops each one is keyed to case events.

A trigger is the name of an event (``"opened"``, ``"reply"``), or says that the case comes into one of some states
(``"enters:waiting"``, ``"enters:resolved|closed"``) or leaves all of them (``"leaves:waiting"``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.text import nearest, shown
from crmkit.service.sla.span import Span

EFFECTS: Final = ("stops", "pauses", "resumes", "continues", "restarts", "starts")
RECURRENCES: Final = ("once", "again", "each")
HOLDS: Final = ("business", "wall")
EVENTS: Final = (
    "opened",
    "customer_message",
    "reply",
    "note",
    "call",
    "assigned",
    "unassigned",
    "updated",
    "escalated",
    "merged",
)
ENDED: Final = "resolved|closed"
PRIORITIES: Final = ("low", "normal", "high", "urgent")
ELSE: Final = "else"


@attrs.frozen
class Trigger:
    """What a clock reacts to.

    Attributes:
        way: ``"event"``, ``"enters"`` or ``"leaves"``.
        names: the event, or the states.
    """

    way: Literal["event", "enters", "leaves"]
    names: frozenset[str]

    @classmethod
    def read(cls, text: Any) -> Self:
        """Make one of its text.

        Raises:
            DefinitionError: it is not one.

        Example:
            >>> sorted(Trigger.read("enters:resolved|closed").names)
            ['closed', 'resolved']
        """
        if not isinstance(text, str) or not text.strip():
            raise DefinitionError(f'a trigger is a text such as "reply" or "enters:waiting", got {shown(text)}')
        way, found, states = text.partition(":")
        if not found:
            return cls("event", frozenset({text}))
        names = frozenset(states.split("|"))
        if way not in {"enters", "leaves"} or "" in names:
            raise DefinitionError(f'a trigger on states reads "enters:waiting" or "leaves:waiting", got {shown(text)}')
        return cls(way, names)  # type: ignore[arg-type]


def _triggers(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise DefinitionError(f"triggers are a list of texts, got the text {value!r}; write [{value!r}]")
    texts = tuple(value)
    for text in texts:
        Trigger.read(text)
    return texts


def _span(value: Any) -> Span | None:
    return None if value is None else Span.read(value, what="the target of a clock")


def _spans(value: Any) -> Mapping[str, Span]:
    if not isinstance(value, Mapping):
        raise DefinitionError(f"targets are spans by priority, got {shown(value)}")
    return MappingProxyType(
        {priority: Span.read(span, what=f"the target of {priority}") for priority, span in value.items()}
    )


def split_targets(value: Any, *, what: str) -> dict[str, Any]:
    """The target of a clock as a host writes it, as arguments of :class:`Clock`.

    Args:
        value: one span for all, or spans by priority; ``"else"`` is for the priorities that are not named.
        what: whose target it is, for the message.

    Raises:
        DefinitionError: a priority is unknown, or nothing is named.

    Example:
        >>> from datetime import timedelta
        >>> sorted(split_targets({"urgent": timedelta(hours=1), "else": timedelta(hours=8)}, what="resolution"))
        ['target', 'targets']
    """
    if not isinstance(value, Mapping) or value.keys() & {"days", "microseconds"}:
        return {"target": value}
    for priority in value:
        if priority not in {*PRIORITIES, ELSE}:
            near = nearest(str(priority), [*PRIORITIES, ELSE])
            hint = f"did you mean {near!r}?" if near else f"use {', '.join(PRIORITIES)} or {ELSE!r}"
            raise DefinitionError(f"the targets of {what}: there is no priority {shown(priority)}: {hint}")
    if not value:
        raise DefinitionError(f'the targets of {what} are empty: name a priority, or "else"')
    return {"target": value.get(ELSE), "targets": {p: span for p, span in value.items() if p != ELSE}}


@attrs.frozen(kw_only=True)
class Clock:
    """One thing that is measured.

    Attributes:
        name: as in ``first_response``.
        target: how long it may take, in business time; missing when only some priorities have a target.
        targets: how long it may take for cases of certain priorities, in place of *target*.  A case whose priority has
            no target is not measured.  A cycle that is over was measured by the priority of its end, one that runs is
            measured by the present one.
        starts: begin a cycle.
        stops: what was to be done has been done.
        pauses: the clock stands from now on, also for cycles that begin meanwhile.
        resumes: the clock goes on.
        continues: the last cycle, which had been stopped, goes on with the time that it had used (a reopened case).
        restarts: begin a new cycle from nothing even while one runs, which then counts for nothing.
        recurs: there is one cycle for ever (``"once"``), one after the other (``"again"``), or each start makes its
            own, running beside the others (``"each"``); Salesforce calls them none, sequential and independent.
        after: the name of a clock that must have been stopped before this one starts.
        hold: whether a pause is counted in ``"business"`` time (GLPI, Frappe) or in ``"wall"`` time (ERPNext).

    Raises:
        DefinitionError: a part is wrong, or nothing starts or stops the clock.

    Example:
        >>> from datetime import timedelta
        >>> Clock(name="first_response", target=timedelta(hours=2), starts=["opened"], stops=["reply"]).recurs
        'once'
    """

    name: str
    target: Span | None = attrs.field(converter=_span)
    starts: tuple[str, ...] = attrs.field(converter=_triggers)
    stops: tuple[str, ...] = attrs.field(converter=_triggers)
    pauses: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    resumes: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    continues: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    restarts: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    recurs: Literal["once", "again", "each"] = "once"
    after: str | None = None
    hold: Literal["business", "wall"] = "business"
    targets: Mapping[str, Span] = attrs.field(factory=dict, converter=_spans)
    heard: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    effects: tuple[tuple[str, tuple[Trigger, ...]], ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not str(self.name).isidentifier():
            raise DefinitionError(f"a clock has a name such as 'first_response', got {shown(self.name)}")
        wanted = [*self.targets.values(), *([] if self.target is None else [self.target])]
        if not wanted:
            raise DefinitionError(f"the clock {self.name} needs a target")
        for span in wanted:
            if not span.positive:
                raise DefinitionError(f"the target of {self.name} must be more than nothing, got {span}")
        if not (self.starts and self.stops):
            raise DefinitionError(f"say what starts and what stops the clock {self.name}")
        for value, known, what in ((self.recurs, RECURRENCES, "recurs"), (self.hold, HOLDS, "hold")):
            if value not in known:
                raise DefinitionError(f"{what} of {self.name} is one of {', '.join(known)}, got {shown(value)}")
        if self.pauses and not self.resumes:
            raise DefinitionError(f"the clock {self.name} pauses and nothing resumes it")
        effects = tuple((e, tuple(Trigger.read(t) for t in getattr(self, e))) for e in EFFECTS)
        object.__setattr__(self, "effects", effects)
        told = (t.names for _, triggers in effects for t in triggers if t.way == "event")
        object.__setattr__(self, "heard", frozenset().union(*told))

    def target_for(self, priority: str | None) -> Span | None:
        """How long it may take for cases of a priority; nothing if they are not measured."""
        return self.targets.get(priority, self.target) if priority is not None else self.target

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        lists = {effect: list(getattr(self, effect)) for effect in EFFECTS if getattr(self, effect)}
        rest = {"recurs": self.recurs, "after": self.after, "hold": self.hold}
        spans: dict[str, Any] = {"target": None if self.target is None else self.target.to_json()}
        if self.targets:
            spans["targets"] = {priority: span.to_json() for priority, span in self.targets.items()}
        return {"name": self.name, **spans, **lists, **rest}

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            DefinitionError: a part is unknown, missing or wrong.
        """
        known = {f.name for f in attrs.fields(cls) if f.init}
        unknown = sorted(spec.keys() - known)
        if unknown:
            near = nearest(unknown[0], known)
            raise DefinitionError(f"a clock has no {unknown[0]!r}" + (f", did you mean {near!r}?" if near else ""))
        try:
            return cls(**spec)
        except TypeError as wrong:
            raise DefinitionError(f"the clock is wrongly formed: {wrong}") from None

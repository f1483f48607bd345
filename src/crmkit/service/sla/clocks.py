"""Clocks: what is measured in a case, as data.  What starts, pauses and stops each one is keyed to case events.

A trigger is the name of an event (``"opened"``, ``"reply"``), or says that the case comes into one of some states
(``"enters:waiting"``, ``"enters:resolved|closed"``) or leaves all of them (``"leaves:waiting"``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def _span(value: Any) -> Span:
    return Span.read(value, what="the target of a clock")


@attrs.frozen(kw_only=True)
class Clock:
    """One thing that is measured.

    Attributes:
        name: as in ``first_response``.
        target: how long it may take, in business time.
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
    target: Span = attrs.field(converter=_span)
    starts: tuple[str, ...] = attrs.field(converter=_triggers)
    stops: tuple[str, ...] = attrs.field(converter=_triggers)
    pauses: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    resumes: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    continues: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    restarts: tuple[str, ...] = attrs.field(default=(), converter=_triggers)
    recurs: Literal["once", "again", "each"] = "once"
    after: str | None = None
    hold: Literal["business", "wall"] = "business"
    effects: tuple[tuple[str, tuple[Trigger, ...]], ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not str(self.name).isidentifier():
            raise DefinitionError(f"a clock has a name such as 'first_response', got {shown(self.name)}")
        if not self.target.positive:
            raise DefinitionError(f"the target of {self.name} must be more than nothing, got {self.target}")
        if not (self.starts and self.stops):
            raise DefinitionError(f"say what starts and what stops the clock {self.name}")
        for value, known, what in ((self.recurs, RECURRENCES, "recurs"), (self.hold, HOLDS, "hold")):
            if value not in known:
                raise DefinitionError(f"{what} of {self.name} is one of {', '.join(known)}, got {shown(value)}")
        if self.pauses and not self.resumes:
            raise DefinitionError(f"the clock {self.name} pauses and nothing resumes it")
        effects = tuple((e, tuple(Trigger.read(t) for t in getattr(self, e))) for e in EFFECTS)
        object.__setattr__(self, "effects", effects)

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        lists = {effect: list(getattr(self, effect)) for effect in EFFECTS if getattr(self, effect)}
        rest = {"recurs": self.recurs, "after": self.after, "hold": self.hold}
        return {"name": self.name, "target": self.target.to_json(), **lists, **rest}

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

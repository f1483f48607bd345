"""Asking: when a survey is sent, to whom, by which ways, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event

PURPOSE: Final = "research"
ASK: Final = "service.ask"
ASK_WINNER: Final = "service.ask_after_winning"
ROUND: Final = "service.ask_round"
REMIND: Final = "service.remind"
NOTHING: Final = timedelta(0)


@entity("asking", prefix="ask")
class Asking(Entity):
    """How one survey is sent.

    Attributes:
        occasion: after each ``resolution`` of a case, after each ``win`` of a deal, or every ``period``.
        rule: which cases (after a resolution), deals (after a win) or customers (every period), as JSON; all of them if
            there is none.
        delay: how long after the resolution or the win.
        every: the period.
        rest: nobody is asked, by any survey, sooner than so long after he was asked last.
        channels: ``email``, ``sms`` …: the first that reaches a customer and to which he has agreed for research.
        link: the address of the host's page, with ``{token}`` in it.
        text: the message, with ``{question}``, ``{name}`` and ``{link}`` in it.
        expires_after: how long a link can be used.
        remind_after: send it again after so long, ``reminders`` times at the most.
        active: whether it is sent at all.
    """

    survey_id: str = attribute(references="survey", reverse="askings", unique=True)
    occasion: Literal["resolution", "win", "period"] = attribute(index=True)
    rule: Mapping[str, Any] | None = attribute(default=None)
    delay: timedelta = attribute(default=NOTHING)
    every: timedelta | None = attribute(default=None)
    rest: timedelta = attribute(default=timedelta(days=30))
    channels: tuple[str, ...] = attribute(default=("email",))
    link: str = attribute(default="{token}", limit=1000)
    text: str = attribute(default="{question}\n\n{link}", multiline=True, limit=10_000)
    expires_after: timedelta = attribute(default=timedelta(days=14))
    remind_after: timedelta | None = attribute(default=None)
    reminders: int = attribute(default=1, at_least=1)
    active: bool = attribute(default=True)

    def check(self) -> None:
        """A link has a place for its token; times go forward; every channel has an address."""
        if "{token}" not in self.link:
            raise InvalidInput(f"link={self.link!r} needs {{token}} where the token belongs")
        if "{link}" not in self.text:
            raise InvalidInput("text= needs {link} where the link belongs")
        if not self.channels:
            raise InvalidInput("channels= has none: name at least one, as in ['email']")
        for name in ("delay", "rest"):
            if getattr(self, name) < NOTHING:
                raise InvalidInput(f"{name}= is 0 or more, got {getattr(self, name)}")
        for name in ("every", "expires_after", "remind_after"):
            if (value := getattr(self, name)) is not None and value <= NOTHING:
                raise InvalidInput(f"{name}= is more than 0, got {value}")
        if (self.every is None) is (self.occasion == "period"):
            raise InvalidInput("a survey is sent every= period, or after a resolution or a win")


@event("service.asking_planned")
class AskingPlanned(Event):
    """A survey is sent from now on, or otherwise than before, or no longer."""

    asking_id: str
    survey_id: str
    active: bool

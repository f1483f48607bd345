"""Everything that can go wrong, in one tree.

::

    CrmError
    ├── InvalidInput (ValueError)      a value is not acceptable; nothing was changed
    ├── NotFound (LookupError)         no such thing in this tenant
    ├── Refused                        a rule of the domain says no, and says why
    │   ├── TransitionRefused          a state machine does not allow the move
    │   ├── ConsentMissing             the customer has not agreed to be contacted like this
    │   ├── Duplicate                  a unique value is taken
    │   └── AccessDenied               the acting user may not see or change this
    ├── Conflict                       somebody else was faster; read again and decide again
    │   └── StaleEntity                the entity has changed since it was read
    ├── DeliveryFailed                 a channel could not send
    ├── PluginError                    a plugin is missing, broken or wrongly written
    └── DefinitionError (ValueError)   a rule, machine, entity or template is wrongly defined

Every message says what was wrong, with the value, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class CrmError(Exception):
    """The root of every exception that crmkit raises on purpose."""


class InvalidInput(CrmError, ValueError):
    """A value is not acceptable.  Nothing was changed."""


class NotFound(CrmError, LookupError):
    """Nothing in this tenant has that id or name."""


class Refused(CrmError):
    """A rule of the domain says no; the message says why."""


class TransitionRefused(Refused):
    """A state machine does not allow the move.

    Attributes:
        machine: the name of the machine.
        state: the state that the subject is in.
        trigger: what was asked for.
        reasons: why it was refused, one sentence each.
        offers: the triggers that the state does have.
    """

    def __init__(
        self,
        machine: str,
        *,
        state: str,
        trigger: str,
        reasons: Sequence[str],
        offers: Sequence[str],
    ) -> None:
        self.machine, self.state, self.trigger = machine, state, trigger
        self.reasons, self.offers = tuple(reasons), tuple(offers)
        allowed = f"allowed now: {', '.join(offers)}" if offers else "nothing is allowed any more: the state is final"
        article = "an" if machine[:1] in set("aeiou") else "a"
        super().__init__(f"cannot {trigger} {article} {machine} that is {state}: {'; '.join(reasons)} ({allowed})")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_refusal, (self.machine, self.state, self.trigger, self.reasons, self.offers)


def _rebuild_refusal(
    machine: str, state: str, trigger: str, reasons: Sequence[str], offers: Sequence[str]
) -> TransitionRefused:
    return TransitionRefused(machine, state=state, trigger=trigger, reasons=reasons, offers=offers)


class ConsentMissing(Refused):
    """The customer has not agreed to be contacted by this channel for this purpose."""


class Duplicate(Refused):
    """A unique value is taken already."""


class AccessDenied(Refused):
    """The acting user may not see or change this."""


class Conflict(CrmError):
    """Somebody else was faster.  Read again and decide again."""


class StaleEntity(Conflict):
    """The entity has changed since it was read.  Read it again and repeat the decision."""


class DeliveryFailed(CrmError):
    """A channel could not send.

    Args:
        message: what happened.
        permanent: whether trying again is pointless (an unknown address, a refused body).
        retry_after: seconds to wait before the next try, when the other side said so.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent, self.retry_after = permanent, retry_after


class PluginError(CrmError):
    """A plugin is missing, broken or wrongly written."""


class DefinitionError(CrmError, ValueError):
    """A rule, machine, entity, template or calendar is wrongly defined."""

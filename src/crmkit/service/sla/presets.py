"""Presets: the clocks of crmkit, and those of other systems for whoever comes from there.

The states are those of crmkit: ``open``, ``waiting``, ``resolved``, ``closed``.  ``contact`` and ``first_response`` are
events that an import of Zammad's data may have beside ``reply`` and ``call``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.text import nearest
from crmkit.service.sla.clocks import ENDED, Clock, split_targets

HELD: Final = {"pauses": ["enters:waiting"], "resumes": ["leaves:waiting"]}
ANSWERS: Final = ["reply", "call"]
Targets = Mapping[str, Any]
Shape = Mapping[str, Mapping[str, Any]]

FIRST = {"starts": ["opened"], "stops": [*ANSWERS, f"enters:{ENDED}"]}
SOLVED = {"starts": ["opened"], "stops": [f"enters:{ENDED}"], "continues": [f"leaves:{ENDED}"], **HELD}

CRMKIT: Shape = {
    "first_response": FIRST,
    "next_response": {
        "starts": ["customer_message"],
        "stops": [*ANSWERS, f"enters:{ENDED}"],
        "recurs": "again",
        "after": "first_response",
    },
    "update": {
        "starts": ["opened", *ANSWERS, f"leaves:{ENDED}"],
        "stops": [*ANSWERS, f"enters:{ENDED}"],
        "recurs": "again",
    },
    "resolution": SOLVED,
    "time_to_own": {"starts": ["opened"], "stops": ["assigned", f"enters:{ENDED}"]},
    "waiting": {"starts": ["enters:waiting"], "stops": ["leaves:waiting"], "recurs": "again"},
}

ZAMMAD_PAUSES: Final = {"pauses": ["enters:waiting|closed"], "resumes": ["leaves:waiting|closed"]}
ZAMMAD: Shape = {
    "first_response": {
        "starts": ["opened"],
        "stops": ["first_response", *ANSWERS, f"enters:{ENDED}"],
        **ZAMMAD_PAUSES,
    },
    "update": {
        "starts": ["customer_message"],
        "stops": ["contact", *ANSWERS],
        "recurs": "again",
        **ZAMMAD_PAUSES,
    },
    "update_between": {
        "starts": ["opened", "contact", *ANSWERS],
        "stops": ["contact", *ANSWERS],
        "recurs": "again",
        **ZAMMAD_PAUSES,
    },
    "resolution": {
        "starts": ["opened"],
        "stops": [f"enters:{ENDED}"],
        "continues": [f"leaves:{ENDED}"],
        **ZAMMAD_PAUSES,
    },
}

ZENDESK: Shape = {
    "first_response": {"starts": ["opened"], "stops": ["reply"]},
    "next_response": {
        "starts": ["customer_message"],
        "stops": ["reply", f"enters:{ENDED}"],
        "recurs": "again",
        "after": "first_response",
    },
    "update": {"starts": ["reply"], "stops": ["reply", f"enters:{ENDED}"], "recurs": "again"},
    "pausable_update": {"starts": ["reply"], "stops": ["reply", f"enters:{ENDED}"], "recurs": "again", **HELD},
    "requester_wait": {**SOLVED, "continues": [], "recurs": "again", "starts": ["opened", f"leaves:{ENDED}"]},
    "resolution": {**SOLVED, "continues": [], "recurs": "again", "starts": ["opened", f"leaves:{ENDED}"]},
}

GLPI: Shape = {
    "time_to_own": {"starts": ["opened"], "stops": ["assigned", "reply", f"enters:{ENDED}"]},
    "resolution": SOLVED,
}

FRAPPE: Shape = {
    "first_response": {"starts": ["opened"], "stops": ["reply", f"enters:waiting|{ENDED}"]},
    "resolution": SOLVED,
}

ERPNEXT: Shape = {
    "first_response": {"starts": ["opened"], "stops": ["reply", f"enters:waiting|{ENDED}"]},
    "resolution": {**SOLVED, "hold": "wall"},
}

OSTICKET: Shape = {
    "resolution": {"starts": ["opened"], "stops": ["enters:closed"], "restarts": ["leaves:closed"]},
}

CHATWOOT: Shape = {
    "first_response": {"starts": ["opened"], "stops": ["reply"]},
    "next_response": {
        "starts": ["customer_message"],
        "stops": ["reply", "enters:resolved"],
        "recurs": "each",
        "after": "first_response",
    },
    "resolution": {"starts": ["opened"], "stops": ["enters:resolved"]},
}

PRESETS: Final[Mapping[str, Shape]] = {
    "crmkit": CRMKIT,
    "zammad": ZAMMAD,
    "zendesk": ZENDESK,
    "glpi": GLPI,
    "frappe": FRAPPE,
    "erpnext": ERPNEXT,
    "osticket": OSTICKET,
    "chatwoot": CHATWOOT,
}


def preset(name: str, targets: Targets, *, change: Callable[[Clock], Clock] | None = None) -> tuple[Clock, ...]:
    """The clocks of a system, those for which there is a target.

    Args:
        name: ``crmkit``, ``zammad``, ``zendesk``, ``glpi``, ``frappe``, ``erpnext``, ``osticket`` or ``chatwoot``.
        targets: by the name of the clock, its target: a ``timedelta`` or a :class:`Span`, or such by priority, as in
            ``{"urgent": timedelta(hours=1), "else": timedelta(hours=8)}``.
        change: what to do with each clock, as in ``lambda clock: attrs.evolve(clock, hold="wall")``.

    Raises:
        DefinitionError: there is no such preset, or it has no such clock.

    Definitions: read from the code and documentation of the systems named.

    Example:
        >>> from datetime import timedelta
        >>> preset("osticket", {"resolution": timedelta(hours=24)})[0].restarts
        ('leaves:closed',)
    """
    shape = PRESETS.get(name)
    if shape is None:
        near = nearest(name, PRESETS)
        raise DefinitionError(f"there is no preset {name!r}" + (f", did you mean {near!r}?" if near else ""))
    unknown = [clock for clock in targets if clock not in shape]
    if unknown:
        raise DefinitionError(f"the preset {name} has no clock {unknown[0]!r}; it has {', '.join(shape)}")
    missing = [s["after"] for clock in targets if "after" in (s := shape[clock]) and s["after"] not in targets]
    if missing:
        wanted = next(clock for clock in targets if shape[clock].get("after") == missing[0])
        raise DefinitionError(f"{wanted} is measured after {missing[0]}: give that a target too")
    clocks = tuple(
        Clock(name=clock, **split_targets(target, what=clock), **shape[clock]) for clock, target in targets.items()
    )
    return clocks if change is None else tuple(map(change, clocks))


def without_hold(clock: Clock) -> Clock:
    """The same clock, never paused."""
    return attrs.evolve(clock, pauses=(), resumes=())

"""Service levels: clocks, business time and the engine that reads them; usable without a store.

::

    span.py      amounts of business time
    hours.py     the calendars of a policy, with all their versions
    clocks.py    what starts, pauses and stops a clock, as data
    presets.py   the clocks of crmkit and of other systems
    engine.py    judge: from what happened to every clock's state
    readings.py  what a clock shows, and why
"""

from crmkit.service.sla.clocks import Clock
from crmkit.service.sla.engine import Happening, judge
from crmkit.service.sla.hours import Hours
from crmkit.service.sla.presets import PRESETS, preset
from crmkit.service.sla.readings import Judgement, Reading
from crmkit.service.sla.span import Span

__all__ = ["PRESETS", "Clock", "Happening", "Hours", "Judgement", "Reading", "Span", "judge", "preset"]

"""Business calendars: opening hours, holidays and business days, and how much working time passes between two moments.

::

    business.py    BusinessCalendar: what can be asked
    definition.py  what a calendar says: fields and options
    week.py        times, intervals and dates as a host writes them
    schedule.py    the same as numbers, by local day
    edges.py       compiled: sorted edges on the time line, prefix sums, bisection
    days.py        business days
    overlap.py     what two calendars have in common
    spec.py        a calendar as JSON
    prints.py      a calendar as people read it
    sources.py     holidays from the holidays library and from iCalendar files
"""

from __future__ import annotations

from crmkit.kernel.calendar.business import BusinessCalendar, Period
from crmkit.kernel.calendar.sources import holidays_from_ical

__all__ = ["BusinessCalendar", "Period", "holidays_from_ical"]

"""``crm.service.cases``."""

from __future__ import annotations

from crmkit.service.cases.checking import Checking
from crmkit.service.cases.handling import Handling
from crmkit.service.cases.joining import Joining
from crmkit.service.cases.talking import Talking
from crmkit.service.cases.timing import Timing


class Cases(Handling, Talking, Joining, Checking, Timing):
    """What ``crm.service.cases`` offers."""

"""``crm.service.cases``."""

from __future__ import annotations

from crmkit.service.cases.handling import Handling
from crmkit.service.cases.talking import Talking


class Cases(Handling, Talking):
    """What ``crm.service.cases`` offers."""

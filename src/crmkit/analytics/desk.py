"""``crm.analytics``."""

from __future__ import annotations

from crmkit.analytics.buyers import Buyers
from crmkit.analytics.deals import Deals
from crmkit.analytics.revenue import Revenue


class Analytics(Deals, Revenue, Buyers):
    """What ``crm.analytics`` offers: facts for decisions.

    Every answer prints: ``format(answer, "md")``, a table in a notebook, and what has a shape draws it, too
    (``answer.svg()``).
    Days are calendar days in the zone of the CRM, and both ends of a span are included.
    """

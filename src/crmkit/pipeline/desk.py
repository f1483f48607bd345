"""``crm.pipeline``."""

from __future__ import annotations

from crmkit.kernel.collection import Desk
from crmkit.pipeline.leads import Leads


class Pipeline(Desk):
    """What ``crm.pipeline`` offers."""

    @property
    def leads(self) -> Leads:
        """People who might become customers."""
        return Leads(self._scope)

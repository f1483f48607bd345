"""``crm.pipeline.opportunities``."""

from __future__ import annotations

from crmkit.pipeline.opportunities.ageing import Ageing
from crmkit.pipeline.opportunities.alerts import Alerts
from crmkit.pipeline.opportunities.approvals import Approvals
from crmkit.pipeline.opportunities.merge import Merging
from crmkit.pipeline.opportunities.moving import Moving
from crmkit.pipeline.opportunities.opening import Opening
from crmkit.pipeline.opportunities.parts import Parts


class Opportunities(Opening, Moving, Parts, Merging, Ageing):
    """What ``crm.pipeline.opportunities`` offers."""

    @property
    def approvals(self) -> Approvals:
        """What a second person must allow."""
        return Approvals(self._scope)

    @property
    def alerts(self) -> Alerts:
        """What managers want to be told of."""
        return Alerts(self._scope)

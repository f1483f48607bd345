"""``crm.marketing``."""

from __future__ import annotations

from crmkit.kernel.collection import Desk
from crmkit.marketing.campaigns import Campaigns
from crmkit.marketing.templates import Templates


class Marketing(Desk):
    """What ``crm.marketing`` offers."""

    @property
    def campaigns(self) -> Campaigns:
        """Market activities, what they cost and what they bring."""
        return Campaigns(self._scope)

    @property
    def templates(self) -> Templates:
        """Texts that are made for each customer."""
        return Templates(self._scope)

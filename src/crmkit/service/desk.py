"""``crm.service``."""

from __future__ import annotations

from crmkit.kernel.collection import Desk
from crmkit.service.cases.desk import Cases
from crmkit.service.escalation.desk import Escalations
from crmkit.service.kinds import Kinds
from crmkit.service.metrics import Metrics
from crmkit.service.policies.desk import Policies
from crmkit.service.routing.agents import Agents
from crmkit.service.routing.desk import Routing
from crmkit.service.solutions import Solutions
from crmkit.service.surveys import Surveys


class Service(Desk):
    """What ``crm.service`` offers."""

    @property
    def cases(self) -> Cases:
        """What customers want from service."""
        return Cases(self._scope)

    @property
    def escalations(self) -> Escalations:
        """Who was told, and when to keep quiet."""
        return Escalations(self._scope)

    @property
    def kinds(self) -> Kinds:
        """Kinds of cases that the host adds."""
        return Kinds(self._scope)

    @property
    def policies(self) -> Policies:
        """What customers are promised."""
        return Policies(self._scope)

    @property
    def solutions(self) -> Solutions:
        """Answers that have helped."""
        return Solutions(self._scope)

    @property
    def surveys(self) -> Surveys:
        """How satisfied customers are."""
        return Surveys(self._scope)

    @property
    def agents(self) -> Agents:
        """Who sees to cases."""
        return Agents(self._scope)

    @property
    def routing(self) -> Routing:
        """Queues, and who gets what waits in them."""
        return Routing(self._scope)

    @property
    def metrics(self) -> Metrics:
        """How fast customers are helped, and what is left to do."""
        return Metrics(self._scope)

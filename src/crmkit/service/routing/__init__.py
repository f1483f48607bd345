"""Routing: who gets a case, and why."""

from crmkit.service.routing.choosing import Choice, Demand, Hand, choose
from crmkit.service.routing.desk import Agents, Routing

__all__ = ["Agents", "Choice", "Demand", "Hand", "Routing", "choose"]

"""Routing: who gets a case, and why.

::

    choosing.py   the choice itself, a pure function of what is known of everybody
    records.py    agents, queues and hand-overs
    deciding.py   which queue a case belongs to, and who gets it
    desk.py       crm.service.agents and crm.service.routing
"""

from crmkit.service.routing.choosing import Choice, Demand, Hand, choose

__all__ = ["Choice", "Demand", "Hand", "choose"]

"""Routing: who gets a case, and why.

::

    choosing.py   the choice itself, a pure function of what is known of everybody
    records.py    agents, queues, turns, exclusions and hand-overs
    deciding.py   which queue a case belongs to, and who gets it
    filling.py    what waits is handed out as soon as somebody has room again
    excluding.py  who does not get what
    agents.py     crm.service.agents
    desk.py       crm.service.routing
"""

from crmkit.service.routing.choosing import Choice, Demand, Hand, choose

__all__ = ["Choice", "Demand", "Hand", "choose"]

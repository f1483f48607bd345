"""Metrics: how fast customers are answered and helped, how old the backlog is, who has how much to do.

::

    times.py      how long one case took, measured when it ends
    figures.py    what a report shows
    adding.py     the figures, from counts and sums of the store
    spreading.py  percentiles, picked by the store
    desk.py       crm.service.metrics
"""

from crmkit.service.metrics.desk import Metrics

__all__ = ["Metrics"]

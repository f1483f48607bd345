"""Quotas: what somebody, a team or everybody should sell in a period, and how far they have come.

Achievement is what was achieved as a percentage of the target, at two decimals and without a limit (Wukong CRM); the
pace compares it with the share of the period that is over: at it or above is ``on track``, at four fifths of it
``at risk``, below ``behind`` (Django-CRM, whose percentages are cut at 100; here they are not).

::

    quota.py         what a quota is
    achievement.py   how far somebody has come, and the board
    results.py       what some people have achieved in a period
    desk.py          crm.pipeline.quotas
"""

from crmkit.pipeline.quotas.achievement import Achievement, Scoreboard
from crmkit.pipeline.quotas.desk import Quotas
from crmkit.pipeline.quotas.quota import Quota, QuotaSet

__all__ = ["Achievement", "Quota", "QuotaSet", "Quotas", "Scoreboard"]

"""What a customer will still buy: the BG/NBD model of repeat buying and the Gamma-Gamma model of what is spent.

::

    history.py    what the models look at
    buying.py     the BG/NBD model: how often, and whether at all
    spending.py   the Gamma-Gamma model: for how much
    value.py      both together: what each customer will bring
    series.py     the functions that they need
"""

from crmkit.analytics.lifetime.buying import BuyingModel
from crmkit.analytics.lifetime.history import History, histories
from crmkit.analytics.lifetime.spending import SpendingModel
from crmkit.analytics.lifetime.value import LifetimeValue, Prospect, lifetime_value

__all__ = ["BuyingModel", "History", "LifetimeValue", "Prospect", "SpendingModel", "histories", "lifetime_value"]

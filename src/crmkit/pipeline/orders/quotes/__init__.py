"""Quotes: what was offered to a customer, until when, and what came of it.

::

    quote.py   what a quote is, what can happen to it, and how it moves
    desk.py    crm.pipeline.quotes
"""

from crmkit.pipeline.orders.quotes.desk import Quotes
from crmkit.pipeline.orders.quotes.quote import QUOTE, Quote, QuoteAccepted, QuoteClosed, QuoteLine

__all__ = ["QUOTE", "Quote", "QuoteAccepted", "QuoteClosed", "QuoteLine", "Quotes"]

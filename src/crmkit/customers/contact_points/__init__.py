"""Contact points: the addresses and numbers at which a customer is reached, beside the primary ones.

``Customer.email`` and ``Customer.phone`` are the primary ones, and the only place that says so.  Here are the others,
and what is known of any of them: that it was verified, and what it is for.

::

    point.py   what a contact point is
    reach.py   where a message reaches a customer, channel by channel
    desk.py    crm.customers.contact_points
"""

"""Assignment: who gets which lead, and why.

::

    salesperson.py   who sells, in which team, and how much he can take
    entry.py         ordered rules, and whose turn it is
    deciding.py      who gets one lead, or many
    hands.py         a lead comes into other hands
    desk.py          crm.pipeline.assignment
"""

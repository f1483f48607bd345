"""Identity: who is who: customers that turn out to be the same person, and what becomes of their data.

::

    merge.py       two customers are one: what the one that goes on will have, and what is remembered to undo it
    moving.py      whatever refers to a customer follows, whichever room it belongs to
    undoing.py     a merge is taken back
    duplicates.py  who might be the same person, and why
    holdings.py    everything that is about one customer, whichever room it belongs to
    privacy.py     a customer's own data: handed out, and erased
"""

"""Policies: what customers are promised.

::

    terms.py     what a policy says, as a value
    policy.py    its versions
    matching.py  which policy a case gets
    desk.py      crm.service.policies
"""

"""Policies: what customers are promised.

::

    terms.py          what a policy says, as a value
    policy.py         its versions
    matching.py       which policy a case gets
    recalculating.py  open cases under a new version, after a look at what would change
    carrying.py       levels that have fired under a former version
    desk.py           crm.service.policies
"""

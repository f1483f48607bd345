"""One rule language with one meaning: segmentation, assignment, escalation, triggers and access are all rules.

``fields`` builds rules (``F``), ``nodes`` are their tree, ``plan`` binds them to an entity and a moment, ``evaluate``
judges objects in memory, ``explain`` says why, ``text`` and ``specs`` write them down.
"""

from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.plan import AsOf, plan

__all__ = ["AsOf", "F", "Rule", "plan"]

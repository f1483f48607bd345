"""One rule language with one meaning: segmentation, assignment, escalation, triggers and access are all rules.

``fields`` builds rules (``F``), ``nodes`` are their tree, ``plan`` binds them to an entity and a moment, ``evaluate``
judges objects in memory, ``explain`` says why, ``check`` what is wrong with a rule; ``text``, read by ``parse``, and
``specs`` write them down, and ``querybuilder`` reads what browsers write.
"""

from crmkit.kernel.rules.fields import F, none_of, one_of
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.parse import parse
from crmkit.kernel.rules.plan import plan
from crmkit.kernel.rules.planned import AsOf

__all__ = ["AsOf", "F", "Rule", "none_of", "one_of", "parse", "plan"]

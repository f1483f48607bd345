"""Why a rule holds of an entity, or does not: the tree of the rule with what held and the values that decided.

``explaining`` looks at an entity, ``explanation`` is what it finds, ``turning`` says what would have to be otherwise,
and ``values`` how values are shown.
"""

from crmkit.kernel.rules.explain.explaining import Explainer
from crmkit.kernel.rules.explain.explanation import Explanation
from crmkit.kernel.rules.explain.turning import Turn

__all__ = ["Explainer", "Explanation", "Turn"]

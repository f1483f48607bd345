"""Rules as JSON: how they are stored, and how a rule builder in a browser writes them.

The models below are the form, and :func:`json_schema` publishes it; ``crmkit-rule/1`` is its version.

>>> from crmkit.kernel.rules import F
>>> from crmkit.kernel.rules.specs import from_json, to_json
>>> rule = F.city == "Chengdu"
>>> to_json(rule)
{'left': {'field': 'city'}, 'op': '==', 'right': {'value': 'Chengdu'}}
>>> from_json(to_json(rule)) == rule
True
"""

from crmkit.kernel.rules.specs.reading import from_json, json_schema
from crmkit.kernel.rules.specs.writing import to_json

__all__ = ["from_json", "json_schema", "to_json"]

"""Rules that browsers write: the JSON of react-querybuilder.

Its fields are texts, and so are most of its values; what they stand for is read from the entity's declaration.

Source: https://react-querybuilder.js.org/docs (``RuleGroupType`` and ``RuleGroupTypeIC``, its default operators).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import CrmError, DefinitionError
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import constant
from crmkit.kernel.rules.nodes import Attr, Const, Expr, Operator, Rule
from crmkit.kernel.rules.plan import kind_of_operand, operand_of
from crmkit.kernel.rules.planned import AsOf
from crmkit.kernel.rules.specs import DEPTH_LIMIT
from crmkit.kernel.text import nearest

COMPARISONS: Mapping[str, Operator] = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
MATCHES = {
    "contains": "contains",
    "beginswith": "starts_with",
    "endswith": "ends_with",
    "contain": "contains",
    "beginwith": "starts_with",
    "endwith": "ends_with",  # after "does not"
}
OPERATORS = (*COMPARISONS, "contains", "beginsWith", "endsWith", "null", "notNull", "in", "notIn", "between")


@attrs.frozen(kw_only=True)
class QueryBuilder:
    """Reads the JSON of react-querybuilder for one kind of entity.

    Args:
        schema: the entity that the rule is about.
        registry: what the CRM knows.
        as_of: any moment; it is needed to resolve the fields.
        currency: the currency of amounts, which the browser writes as plain numbers.
    """

    schema: Schema
    registry: Registry
    as_of: AsOf
    currency: str

    def read(self, spec: Any) -> Rule:
        """The rule that *spec* describes.

        Raises:
            DefinitionError: an unknown operator, combinator or field, or a value of the wrong kind.
        """
        return self._group(spec, "query", 0)

    def _group(self, spec: Any, at: str, depth: int) -> Rule:
        if depth > DEPTH_LIMIT:
            raise DefinitionError(f"the query is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if not isinstance(spec, Mapping) or not isinstance(spec.get("rules"), list):
            raise DefinitionError(f"{at}: a group with a list of rules is needed, got {str(spec)[:60]!r}")
        items = spec["rules"]
        if "combinator" in spec:
            rules = [self._item(item, f"{at}.rules[{n}]", depth) for n, item in enumerate(items)]
            rule = _combined(spec["combinator"], rules, at)
        else:
            rule = self._independent(items, at, depth)
        return ~rule if spec.get("not") else rule

    def _independent(self, items: list[Any], at: str, depth: int) -> Rule:
        """Rules with the combinators between them; ``and`` binds more strongly than ``or``."""
        alternatives: list[list[Rule]] = [[]]
        for n, item in enumerate(items):
            if n % 2 == 0:
                alternatives[-1].append(self._item(item, f"{at}.rules[{n}]", depth))
            elif str(item).lower() == "or":
                alternatives.append([])
            elif str(item).lower() != "and":
                raise DefinitionError(f"{at}.rules[{n}]: 'and' or 'or' is needed, got {str(item)[:60]!r}")
        return nodes.AnyOf(tuple(nodes.AllOf(tuple(rules)) for rules in alternatives))

    def _item(self, item: Any, at: str, depth: int) -> Rule:
        if isinstance(item, Mapping) and "rules" in item:
            return self._group(item, at, depth + 1)
        if not isinstance(item, Mapping) or not isinstance(item.get("field"), str):
            raise DefinitionError(f"{at}: a rule with a field is needed, got {str(item)[:60]!r}")
        try:
            return self._rule(item)
        except CrmError as error:
            raise DefinitionError(f"{at}: {error}") from None

    def _rule(self, item: Mapping[str, Any]) -> Rule:
        left = Attr(tuple(item["field"].split(".")))
        kind = kind_of_operand(operand_of(left, self.schema, self.registry, self.as_of))
        operator, value = str(item.get("operator")), item.get("value")
        negative = operator.startswith(("not", "doesNot"))
        plain = operator.removeprefix("doesNot").removeprefix("not").lower()
        if plain == "null":
            return nodes.Not(nodes.Missing(left)) if negative else nodes.Missing(left)
        if item.get("valueSource") == "field":
            return nodes.Compare(left, self._operator(operator), Attr(tuple(str(value).split("."))))
        rule = self._positive(left, kind, operator, plain, value)
        return nodes.Not(rule) if negative else rule

    def _positive(self, left: Attr, kind: Kind, operator: str, plain: str, value: Any) -> Rule:
        if plain in MATCHES:
            return nodes.Match(left, MATCHES[plain], str(constant(str(value))))
        if plain == "in":
            values = tuple(dict.fromkeys(self._value(v, kind) for v in _listed(value)))
            return nodes.Has(left, "any", values) if kind is Kind.TAGS else nodes.OneOf(left, values)
        if plain == "between":
            ends = _listed(value)
            if len(ends) != 2:
                raise DefinitionError(f"between needs two values, got {value!r}")
            low, high = (Const(self._value(v, kind)) for v in ends)
            return nodes.AllOf((nodes.Compare(left, ">=", low), nodes.Compare(left, "<=", high)))
        right: Expr = Const(self._value(value, kind))
        return nodes.Compare(left, self._operator(operator), right)

    def _operator(self, operator: str) -> Operator:
        if operator not in COMPARISONS:
            near = nearest(operator, OPERATORS)
            raise DefinitionError(f"no operator {operator!r}" + (f", did you mean {near!r}?" if near else ""))
        return COMPARISONS[operator]

    def _value(self, value: Any, kind: Kind) -> Any:
        try:
            match kind:
                case Kind.INTEGER | Kind.NUMBER | Kind.DECIMAL:
                    number = Decimal(str(value).strip())
                    return constant(int(number) if number == number.to_integral_value() else number)
                case Kind.MONEY:
                    return Money(str(value).strip(), self.currency)
                case Kind.BOOLEAN:
                    return {"true": True, "false": False}[str(value).strip().lower()]
                case Kind.DATE:
                    return date.fromisoformat(str(value).strip())
                case Kind.INSTANT:
                    text = str(value).strip()
                    return constant(datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text))
        except (ValueError, KeyError, ArithmeticError):
            raise DefinitionError(f"{value!r} is not a {kind.value}") from None
        return constant(str(value))


def _combined(combinator: Any, rules: list[Rule], at: str) -> Rule:
    match str(combinator).lower():
        case "and":
            return nodes.AllOf(tuple(rules))
        case "or":
            return nodes.AnyOf(tuple(rules))
        case "xor":
            return _odd(rules)
    raise DefinitionError(f"{at}.combinator: 'and', 'or' or 'xor' is needed, got {combinator!r}")


def _odd(rules: list[Rule]) -> Rule:
    """An odd number of *rules* holds; halves are combined, so that its size grows with the square of their number."""
    if len(rules) < 2:
        return rules[0] if rules else nodes.Always(value=False)
    return _odd(rules[: len(rules) // 2]) ^ _odd(rules[len(rules) // 2 :])


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise DefinitionError(f"a list, or values with commas between them, is needed, got {value!r}")

"""Rules that browsers write: the JSON of react-querybuilder.

Its fields are texts, and so are most of its values; what they stand for is read from the entity's declaration.

Source: https://react-querybuilder.js.org/docs (``RuleGroupType`` and ``RuleGroupTypeIC``, its default operators).
"""

from __future__ import annotations

import re
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
from crmkit.kernel.rules.constants import constant, names_of, normal
from crmkit.kernel.rules.nodes import Attr, Const, Expr, Operator, Rule
from crmkit.kernel.rules.parse import TEXT_LIMIT
from crmkit.kernel.rules.plan import kind_of_operand, operand_of, plan
from crmkit.kernel.rules.planned import AsOf
from crmkit.kernel.rules.specs.reading import DEPTH_LIMIT, SIZE_LIMIT
from crmkit.kernel.text import nearest, shown

COMPARISONS: Mapping[str, Operator] = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
MATCHES = {
    "contains": "contains",
    "beginswith": "starts_with",
    "endswith": "ends_with",
    "contain": "contains",
    "beginwith": "starts_with",
    "endwith": "ends_with",  # after "does not"
}
MODES: Mapping[str, Operator] = {"atleast": ">=", "atmost": "<=", "exactly": "=="}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
COMMA = re.compile(r"(?<!\\),")
OPERATORS = (*COMPARISONS, "contains", "beginsWith", "endsWith", "null", "notNull", "in", "notIn", "between")


@attrs.frozen(kw_only=True)
class QueryBuilder:
    """Reads the JSON of react-querybuilder for one kind of entity.

    Args:
        schema: the entity that the rule is about.
        registry: what the CRM knows.
        as_of: any moment, which is needed to resolve the fields, and the zone of instants that come without one, as
            the inputs of browsers (``datetime-local``) write them.
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
        rule = self.group(spec, "query")
        nodes.measure(rule, hop=0)
        return rule

    def group(self, spec: Any, at: str, depth: int = 0) -> Rule:
        """A group of rules, which stands *at* a place in the query."""
        if depth > DEPTH_LIMIT:
            raise DefinitionError(f"the query is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if not isinstance(spec, Mapping) or not isinstance(spec.get("rules"), list):
            raise DefinitionError(f"{at}: a group with a list of rules is needed, got {shown(spec)}")
        items = spec["rules"]
        if len(items) > 2 * nodes.SIZE_LIMIT:
            raise DefinitionError(f"{at} has more than {nodes.SIZE_LIMIT:,} rules: use in, or segments of their own")
        if "combinator" in spec:
            heard = [(item, f"{at}.rules[{n}]") for n, item in enumerate(items) if not _muted(item)]
            rule = _combined(spec["combinator"], [self._item(*each, depth) for each in heard], at)
        else:
            rule = self._independent(items, at, depth)
        return ~rule if _said(spec, "not", at) else rule

    def _independent(self, items: list[Any], at: str, depth: int) -> Rule:
        """Rules with the combinators between them; ``and`` binds more strongly than ``or``."""
        if items and len(items) % 2 == 0:
            raise DefinitionError(f"{at}: a combinator stands between two rules, got {shown(items[-1])} at the end")
        alternatives: list[list[Rule]] = [[]]
        for n, item in enumerate(items):
            if n % 2 == 0:
                if not _muted(item):
                    alternatives[-1].append(self._item(item, f"{at}.rules[{n}]", depth))
            elif str(item).lower() == "or":
                alternatives.append([])
            elif str(item).lower() != "and":
                raise DefinitionError(f"{at}.rules[{n}]: 'and' or 'or' is needed, got {shown(item)}")
        said = [nodes.AllOf(tuple(rules)) for rules in alternatives if rules]
        return nodes.AnyOf(tuple(said)) if said else nodes.AllOf(())

    def _item(self, item: Any, at: str, depth: int) -> Rule:
        if isinstance(item, Mapping) and "rules" in item:
            return self.group(item, at, depth + 1)
        if not isinstance(item, Mapping) or not isinstance(item.get("field"), str):
            raise DefinitionError(f"{at}: a rule with a field is needed, got {shown(item)}")
        try:
            if isinstance(match := item.get("match"), Mapping) and match.get("mode"):
                return self._matching(item["field"], match, item.get("value"), at, depth)
            rule = self._rule(item)
            plan(rule, self.schema, self.registry, self.as_of)  # what cannot be asked is refused with its place
            return rule  # noqa: TRY300 - the end of what is tried
        except CrmError as error:
            said = str(error)
            raise DefinitionError(said if said.startswith(at) else f"{at}: {said}") from None

    def _matching(self, field: str, match: Mapping[str, Any], value: Any, at: str, depth: int) -> Rule:
        """How many of the related rows satisfy a query of their own."""
        relations, here = self.registry.relations, self.schema
        for name in names_of(field):
            if name not in relations[here.name]:
                near = nearest(name, relations[here.name])
                hint = f", did you mean {near!r}?" if near else ""
                raise DefinitionError(f"{field!r} leads to no related rows, and 'match' asks for some{hint}")
            here = relations[here.name][name].target
        rule = attrs.evolve(self, schema=here).group(value, f"{at}.value", depth + 1)
        rows = nodes.Related(names_of(field), rule)
        mode, many = str(match["mode"]).lower(), match.get("threshold")
        match mode:
            case "some":
                return nodes.Exists(rows)
            case "none":
                return nodes.Not(nodes.Exists(rows))
            case "all":
                return nodes.Not(nodes.Exists(attrs.evolve(rows, where=~rule)))
            case "atleast" | "atmost" | "exactly" if type(many) is int and many >= 0:
                return nodes.Compare(nodes.Aggregate("count", rows), MODES[mode], Const(many))
            case "atleast" | "atmost" | "exactly":
                raise DefinitionError(f"match.threshold is a whole number of rows, 0 or more, not {shown(many)}")
        raise DefinitionError(f"match.mode: 'all', 'some', 'none', 'atLeast', 'atMost' or 'exactly', not {shown(mode)}")

    def _rule(self, item: Mapping[str, Any]) -> Rule:
        left = Attr(names_of(item["field"]))
        kind = kind_of_operand(operand_of(left, self.schema, self.registry, self.as_of))
        operator, value = str(item.get("operator")), item.get("value")
        folded = operator.lower()
        negative = folded.startswith(("not", "doesnot"))
        plain = folded.removeprefix("doesnot").removeprefix("not")
        if plain == "null":
            return nodes.Not(nodes.Missing(left)) if negative else nodes.Missing(left)
        match item.get("valueSource", "value"):
            case "value":
                rule = self._positive(left, kind, operator, plain, value)
            case "field":
                rule = self._with_fields(left, operator, plain, value)
            case other:
                raise DefinitionError(f"valueSource is 'value' or 'field', not {shown(other)}")
        return nodes.Not(rule) if negative else rule

    def _with_fields(self, left: Attr, operator: str, plain: str, value: Any) -> Rule:
        if plain == "in":
            return nodes.AnyOf(tuple(nodes.Compare(left, "==", Attr(names_of(name))) for name in _listed(value)))
        if plain == "between":
            low, high = (Attr(names_of(name)) for name in _pair(value))
            return nodes.AllOf((nodes.Compare(left, ">=", low), nodes.Compare(left, "<=", high)))
        if plain in MATCHES:
            raise DefinitionError(f"{operator} compares with a text, not with another field")
        return nodes.Compare(left, self._operator(operator), Attr(names_of(value)))

    def _positive(self, left: Attr, kind: Kind, operator: str, plain: str, value: Any) -> Rule:
        if kind is Kind.TAGS:
            return self._tagged(left, operator, plain, value)
        if plain in MATCHES:
            return nodes.Match(left, MATCHES[plain], _text(value))
        if plain == "in":
            return nodes.OneOf(left, tuple(dict.fromkeys(self._value(v, kind) for v in _listed(value))))
        if plain == "between":
            low, high = (Const(self._value(v, kind)) for v in _pair(value))
            return nodes.AllOf((nodes.Compare(left, ">=", low), nodes.Compare(left, "<=", high)))
        right: Expr = Const(self._value(value, kind))
        return nodes.Compare(left, self._operator(operator), right)

    def _tagged(self, left: Attr, operator: str, plain: str, value: Any) -> Rule:
        if plain == "in":
            return nodes.Has(left, "any", tuple(dict.fromkeys(map(_text, _listed(value)))))
        if MATCHES.get(plain) == "contains":
            return nodes.Has(left, "all", (_text(value),))
        raise DefinitionError(
            f"{'.'.join(left.path)} is a set of texts: ask for them with contains or in, not with {shown(operator)}"
        )

    def _operator(self, operator: str) -> Operator:
        if operator not in COMPARISONS:
            near = nearest(operator, OPERATORS)
            raise DefinitionError(f"no operator {shown(operator)}" + (f", did you mean {near!r}?" if near else ""))
        return COMPARISONS[operator]

    def _value(self, value: Any, kind: Kind) -> Any:
        try:
            match kind:
                case Kind.INTEGER | Kind.NUMBER | Kind.DECIMAL:
                    number = constant(Decimal(NUMBER.fullmatch(str(value).strip())[0]))  # type: ignore[index]
                    return int(number) if number == number.to_integral_value() else number
                case Kind.MONEY:
                    return Money(str(value).strip(), self.currency)
                case Kind.BOOLEAN:
                    return {"true": True, "false": False}[str(value).strip().lower()]
                case Kind.DATE:
                    return date.fromisoformat(str(value).strip())
                case Kind.INSTANT:
                    text = str(value).strip()
                    return constant(self._instant(text) if len(text) > 10 else date.fromisoformat(text))
        except CrmError:
            raise
        except (ValueError, KeyError, TypeError, ArithmeticError):
            raise DefinitionError(f"{shown(value)} is not a {kind.value}") from None
        return _text(value)

    def _instant(self, text: str) -> datetime:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=self.as_of.zone) if at.tzinfo is None else at


def _combined(combinator: Any, rules: list[Rule], at: str) -> Rule:
    match str(combinator).lower():
        case "and":
            return nodes.AllOf(tuple(rules))
        case "or":
            return nodes.AnyOf(tuple(rules))
        case "xor":
            return nodes.OddOf(tuple(rules))
    raise DefinitionError(f"{at}.combinator: 'and', 'or' or 'xor' is needed, got {shown(combinator)}")


def _text(value: Any) -> str:
    """A text; browsers write one that has digits alone as a number."""
    return normal(str(value) if type(value) is int else value)


def _listed(value: Any) -> list[Any]:
    """The values of a list, or of a text with commas; behind a backslash, a comma is one within a value."""
    if isinstance(value, (str, list, tuple)) and len(value) > (TEXT_LIMIT if isinstance(value, str) else SIZE_LIMIT):
        raise DefinitionError(f"a list of {len(value):,} is too long: keep it in a static segment")
    if isinstance(value, str):
        return [part.replace("\\,", ",").strip() for part in COMMA.split(value) if part.strip()]
    if isinstance(value, (list, tuple)):
        return [each.strip() if isinstance(each, str) else each for each in value]
    raise DefinitionError(f"a list, or values with commas between them, is needed, got {shown(value)}")


def _pair(value: Any) -> list[Any]:
    ends = _listed(value)
    if len(ends) != 2:
        raise DefinitionError(f"between needs two values, got {shown(value)}")
    return ends


def _muted(item: Any) -> bool:
    """Whether the rule stands there for later: it is left out, as react-querybuilder's own exports do."""
    return isinstance(item, Mapping) and _said(item, "muted", "query")


def _said(item: Mapping[str, Any], name: str, at: str) -> bool:
    said = item.get(name)
    if said is not None and not isinstance(said, bool):
        raise DefinitionError(f"{at}: {name!r} is true or false, not {shown(said)}")
    return bool(said)

"""What the names in a rule stand for."""

from __future__ import annotations

from datetime import datetime

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.clock import utc
from crmkit.kernel.entity import Attribute, Kind, Schema
from crmkit.kernel.registry import Registry, Relation
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.planned import Column
from crmkit.kernel.text import nearest


@attrs.frozen
class Naming:
    """Looks names up in one registry."""

    registry: Registry

    def column(self, expr: nodes.Expr, schema: Schema, *, key: bool = False) -> Column:
        """The attribute that *expr* names."""
        if not isinstance(expr, nodes.Attr):
            raise DefinitionError(f"a field is needed here, not {expr!r}")
        hops: list[Relation] = []
        here, path = schema, expr.path
        for position, name in enumerate(path):
            if name == "extra" and "extras" in here:
                return self._extra(tuple(hops), here, path[position + 1 :])
            last = position == len(path) - 1
            if last and name in here:
                return Column(hops=tuple(hops), attribute=here[name], kind=here[name].kind)
            if name in here:
                raise _further(here, here[name], path[position + 1])
            relation = self.relation(here, name)
            if relation.many:
                raise DefinitionError(
                    f"{here.name}.{name} leads to many {relation.target.plural}: use count(), sum(), any(), where() …"
                )
            if last and key:
                return Column(hops=tuple(hops), attribute=here[relation.key], kind=Kind.TEXT)
            hops.append(relation)
            here = relation.target
        raise DefinitionError(f"{'.'.join(path)} is a {here.name}, not a value; name one of its fields")

    def _extra(self, hops: tuple[Relation, ...], schema: Schema, path: tuple[str, ...]) -> Column:
        kind = self.registry.extra_kind(path)
        if kind in {Kind.DURATION, Kind.MONEY}:
            raise DefinitionError(f"extra.{'.'.join(path)} is a {kind.value}; rules ask for it on entities only")
        default = self.registry.extras[path[0]].model_fields[path[1]].get_default(call_default_factory=True)
        if kind in {Kind.TAGS, Kind.JSON} and default is not None:
            default = ""  # it is only asked whether there is a value
        if isinstance(default, datetime):
            default = utc(default, what=f"the default of extra.{'.'.join(path)}")
        return Column(hops=hops, attribute=schema["extras"], kind=kind, inside=path, default=default)

    def relation(self, schema: Schema, name: str) -> Relation:
        """The relation that is called *name*."""
        relations = self.registry.relations[schema.name]
        if name in relations:
            return relations[name]
        near = nearest(name, [*schema.by_name, *relations])
        hint = f", did you mean {near!r}?" if near else f"; it has {', '.join(sorted([*schema.by_name, *relations]))}"
        raise DefinitionError(f"a {schema.name} has no {name!r}{hint}")


def _further(schema: Schema, a: Attribute, name: str) -> DefinitionError:
    """There is nothing behind a value, beside the parts of a date."""
    parts = nodes.PARTS if a.kind in {Kind.DATE, Kind.INSTANT} else ()
    near = nearest(name, parts)
    hint = f", did you mean {near!r}?" if near else ""
    if near == name:
        hint = f" as a field: its part is F.{a.name}.{name} in Python, and {a.name}.{name}() in text"
    return DefinitionError(f"{a.name} of a {schema.name} is a {a.kind.value}; it has no {name!r}{hint}")

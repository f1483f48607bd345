"""What the names in a rule stand for, as far as the declarations of all entities tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.entity import Attribute, Record, Schema
from crmkit.kernel.rules import nodes
from crmkit.kernel.text import nearest


def declared() -> tuple[Schema, ...]:
    """The schemas of every class that has been declared."""
    found: dict[int, Schema] = {}
    waiting: list[type[Record]] = [Record]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        schema = vars(cls).get("__schema__")
        if isinstance(schema, Schema) and schema.cls is cls:
            found[id(schema)] = schema
    return tuple(found.values())


@attrs.frozen
class Place:
    """What a rule is about: one of *candidates*; what they don't agree on is unknown."""

    candidates: tuple[Schema, ...]
    known: tuple[Schema, ...] = attrs.field(repr=False)

    def onward(self, name: str, *, forward: bool | None = None) -> Place:
        """Where the relation *name* leads to."""
        found = {id(s): s for here in self.candidates for s in self._targets(here, name, forward=forward)}
        return Place(tuple(found.values()), self.known)

    def _targets(self, here: Schema, name: str, *, forward: bool | None) -> Iterator[Schema]:
        if forward is not False:
            to = {a.references for a in here if a.references is not None and a.name.removesuffix("_id") == name}
            yield from (s for s in self.known if s.name in to)
        if forward is not True:
            for other in self.known:
                if any(a.references == here.name and _reverse(a, other) == name for a in other):
                    yield other
            if name == "stays" and any(f"{a.name}_since" in here for a in here):
                yield from (s for s in self.known if s.name == "stage_span")

    def attribute(self, path: Sequence[str]) -> Attribute | None:
        """The attribute at the end of *path*; none where it is not known for sure."""
        *way, last = path
        place = self
        for name in way:
            place = place.onward(name, forward=True)
        found = {_meaning(here[last]) if last in here else None: here.by_name.get(last) for here in place.candidates}
        return next(iter(found.values())) if len(found) == 1 else None

    def key(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """*path*, or if a relation stands at its end the attribute that holds the id."""
        *way, last = path
        place = self
        for name in way:
            place = place.onward(name, forward=True)
        keys = {
            a.name
            for here in place.candidates
            for a in here
            if last not in here and a.references is not None and a.name.removesuffix("_id") == last
        }
        return (*way, min(keys)) if len(keys) == 1 else path

    def many(self, path: Sequence[str]) -> Place:
        """Where several relations in a row lead to."""
        place = self
        for name in path:
            place = place.onward(name)
        return place

    @property
    def when(self) -> nodes.Attr:
        """What tells when the row happened."""
        names = {here.when for here in self.candidates}
        return nodes.Attr((names.pop() if len(names) == 1 else "when it happened",))

    def fields(self) -> set[str]:
        """The name of every field that is known here."""
        return {a.name for here in self.candidates for a in here}

    def relations(self) -> set[str]:
        """The name of every relation that is known to lead away from here."""
        found: set[str] = set()
        for here in self.candidates:
            found |= {a.name.removesuffix("_id") for a in here if a.references is not None}
            found |= {
                reverse for s in self.known for a in s if a.references == here.name and (reverse := _reverse(a, s))
            }
            if any(f"{a.name}_since" in here for a in here):
                found.add("stays")
        return found


def _reverse(a: Attribute, schema: Schema) -> str:
    return schema.plural if a.reverse is None else a.reverse


def _meaning(a: Attribute) -> Attribute:
    """What is the same of two attributes that rules cannot tell from each other."""
    return attrs.evolve(a, limit=0, multiline=False, index=False, unique=False, personal=False, search=False)


def place_of(schema: Schema) -> Place:
    """What a rule over entities of *schema* is about."""
    others = tuple(s for s in declared() if s.name != schema.name)
    return Place((schema,), (schema, *others))


def place_of_all(rules: Sequence[nodes.Rule]) -> Place:
    """What *rules* can be about, by the names in them.

    Raises:
        DefinitionError: there is no entity that has all of the names.
    """
    known = declared()
    each = [{s.name for s in known if fits(rule, Place((s,), known))} for rule in rules]
    fitting = tuple(s for s in known if all(s.name in names for names in each))
    if fitting:
        return Place(fitting, known)
    for rule in rules:
        check_names(rule, Place(known, known))
    if all(each):
        raise DefinitionError("the entries are about different kinds of entities: no single one has all of the names")
    return Place((), known)  # of a room that has not been loaded


def fits(rule: nodes.Rule, place: Place) -> bool:
    """Whether every name in *rule* is known."""
    return next(_unknown(rule, place, strictly=True), None) is None


def check_names(rule: nodes.Rule, place: Place) -> None:
    """Refuse names that nothing has.

    Raises:
        DefinitionError: it names the field and the nearest one.
    """
    for name, here in _unknown(rule, place):
        near = nearest(name, here.fields() | here.relations())
        whose = f"a {here.candidates[0].name} has no" if len(here.candidates) == 1 else "no entity has a field"
        raise DefinitionError(f"{whose} {name!r}" + (f", did you mean {near!r}?" if near else ""))


def _unknown(node: object, place: Place, *, strictly: bool = False) -> Iterator[tuple[str, Place]]:
    """Names that nothing has, and where; beyond a relation whose room has not been loaded, nothing is known."""
    match node:
        case nodes.Attr(path):
            yield from _unknown_in(path, place, strictly=strictly)
        case nodes.Aggregate(_, related, of):
            yield from _unknown(related, place, strictly=strictly)
            if of is not None:
                yield from _unknown(of, place.many(related.path), strictly=strictly)
        case nodes.Related(path, where):
            here = place
            for name in path:
                there = here.onward(name)
                if _is_mistaken(name, here, there, strictly=strictly):
                    yield name, here
                here = there
            if where is not None:
                yield from _unknown(where, here, strictly=strictly)
        case _:
            for child in nodes.children(node):
                yield from _unknown(child, place, strictly=strictly)


def _unknown_in(path: tuple[str, ...], place: Place, *, strictly: bool) -> Iterator[tuple[str, Place]]:
    here = place
    for position, name in enumerate(path):
        if not here.candidates or (name == "extra" and any("extras" in s for s in here.candidates)):
            return
        there = here.onward(name, forward=True)
        if position < len(path) - 1:
            if _is_mistaken(name, here, there, strictly=strictly):
                yield name, here
        elif not there.candidates and name not in here.fields() | here.relations():
            yield name, here
        here = there


def _is_mistaken(name: str, here: Place, there: Place, *, strictly: bool) -> bool:
    """Whether there is no such relation; if not *strictly*, another one is called almost so, or it is a field."""
    if there.candidates or not here.candidates:
        return False
    return strictly or name in here.fields() or nearest(name, here.relations()) is not None

"""Small worlds: entities of several kinds that refer to each other, as a store would take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from crmkit.kernel.entity import Record
from crmkit.kernel.refusals import unique_keys
from crmkit.testing.strategies.entities import entities


@st.composite
def worlds(
    draw: st.DrawFn,
    sizes: Mapping[type[Record], int],
    *,
    fixed: Mapping[type[Record], Mapping[str, Any]] | None = None,
) -> list[Record]:
    """Entities that refer to each other, in an order in which a store takes them.

    Args:
        draw: given by Hypothesis.
        sizes: the classes and how many of each there are at the most, and one at least; a class stands behind those
            that it refers to.
        fixed: for a class, the fields that are not left to chance, as in :func:`entities`.
    """
    world: list[Record] = []
    known: dict[str, list[str]] = {}
    taken: set[tuple[Any, ...]] = set()
    for cls, most in sizes.items():
        schema = cls.__schema__
        for _ in range(draw(st.integers(min_value=min(1, most), max_value=most))):
            references: dict[str, Any] = {}
            for a in schema:
                if a.references is not None:
                    there = known.get(a.references, [])
                    references[a.name] = (
                        draw(st.sampled_from(there if a.required else [*there, None])) if there else None
                    )
            if any(value is None and schema[name].required for name, value in references.items()):
                break
            made = draw(entities(cls, **{**references, **((fixed or {}).get(cls, {}))}))
            keys = {(schema.name, names, values) for names, values in unique_keys(made, schema)}
            if taken.isdisjoint(keys):
                taken |= keys
                known.setdefault(schema.name, []).append(made.id)
                world.append(made)
    return world

"""Ranking in SQL: a window function numbers the rows of each group, and only the wanted places are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crmkit.kernel.ranking import Placed, Ranking, in_order

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.session import SqlSession


def ranked(session: SqlSession, ranking: Ranking[Any]) -> list[Placed]:
    """The values at the places of *ranking*."""
    t = session.store.tables[ranking.cls.__schema__]
    keys = [t.c[name] for name in ranking.by]
    value = t.c[ranking.of]
    place = sa.func.row_number().over(partition_by=keys or None, order_by=value)
    where = (session.compiler.of_tenant(t), session.compiler.test(ranking.plan, t), value.is_not(None))
    numbered = sa.select(*keys, place.label("place_"), value.label("value_")).where(*where).subquery()
    wanted = sa.select(numbered).where(numbered.c.place_.in_(sorted(set(ranking.places))))
    rows = session.connection.execute(wanted)
    return in_order((tuple(row[: len(keys)]), int(row[-2]), row[-1]) for row in rows)

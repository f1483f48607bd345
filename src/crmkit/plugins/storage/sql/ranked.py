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
    count = sa.func.count().over(partition_by=keys or None)
    numbered = sa.select(*keys, count.label("count_"), place.label("place_"), value.label("value_")).where(*where)
    found = numbered.subquery()
    pairs = sorted({(count, place) for count, places in ranking.places.items() for place in places})
    wanted = sa.select(found).where(sa.tuple_(found.c.count_, found.c.place_).in_(pairs))
    rows = session.connection.execute(wanted) if pairs else ()
    return in_order((tuple(row[: len(keys)]), int(row[-2]), row[-1]) for row in rows)

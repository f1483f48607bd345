"""Column types: what SQLite and PostgreSQL keep differently, made the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from crmkit.kernel.checking import DECIMAL_PLACES, unscaled
from crmkit.kernel.clock import utc
from crmkit.kernel.entity import Kind

SCALE = 10**DECIMAL_PLACES


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: ``timestamptz`` on PostgreSQL, ``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC on SQLite; always aware."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes."""
        if value is None:
            return None
        moment = utc(value, what="a datetime for the database")
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Scaled(TypeDecorator[Decimal]):
    """A decimal with six places, kept as an integer, so that sums are exact in every engine."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        """As millionths."""
        del dialect
        return None if value is None else int(Decimal(value) * SCALE)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """From millionths."""
        del dialect
        return None if value is None else unscaled(int(value))


class Micros(TypeDecorator[timedelta]):
    """A duration in microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        """As microseconds."""
        del dialect
        return None if value is None else value // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:
        """From microseconds."""
        del dialect
        return None if value is None else timedelta(microseconds=value)


TEXT: TypeEngine[Any] = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
JSON: TypeEngine[Any] = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: TEXT,
    Kind.INTEGER: sa.BigInteger(),
    Kind.NUMBER: sa.Double(),
    Kind.DECIMAL: Scaled(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.DATE: sa.Date(),
    Kind.INSTANT: UtcDateTime(),
    Kind.DURATION: Micros(),
    Kind.MONEY: sa.BigInteger(),
    Kind.TAGS: JSON,
    Kind.JSON: JSON,
}

"""Statements that need nothing of SQLAlchemy, said to the driver itself: half of what a small change costs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]
Parameters = Row | dict[str, Any]


class Driver:
    """Runs what the mappers have written, in the driver's own values.

    Whoever watches the statements of an engine (``echo``, the log, listeners such as a tracer's) goes on seeing all of
    them: then they take the way through SQLAlchemy, and so they do on a connection of the host.

    Args:
        connection: in a transaction that has begun.
        owned: whether the store has made it.
    """

    def __init__(self, connection: Connection, *, owned: bool) -> None:
        self.connection = connection
        self._direct: Any = None
        if owned and not _watched(connection):
            self._direct = connection.connection

    def run(self, statement: str) -> None:
        """Say *statement*, which neither takes nor gives anything."""
        if self._direct is None:
            self.connection.exec_driver_sql(statement)
        else:
            self._executed(statement, [()]).close()

    def rows(self, statement: str, parameters: Parameters) -> list[Row]:
        """What *statement* finds."""
        result: Any = None
        if self._direct is None:
            result = self.connection.exec_driver_sql(statement, parameters)
        cursor: Any = self._executed(statement, [parameters]) if result is None else result.cursor
        found: list[Row] = cursor.fetchall()
        (result or cursor).close()
        return found

    def write(self, statement: str, rows: Sequence[Row]) -> int:
        """How many rows *statement* has written, once for each of *rows*."""
        if self._direct is None:
            given: Any = rows if len(rows) > 1 else rows[0]
            return int(self.connection.exec_driver_sql(statement, given).rowcount)
        cursor = self._executed(statement, rows)
        written = int(cursor.rowcount)
        cursor.close()
        return written

    def _executed(self, statement: str, rows: Sequence[Parameters]) -> Any:
        """A cursor that has executed *statement*, once for each of *rows*."""
        cursor = self._direct.cursor()
        try:
            if len(rows) > 1:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement, rows[0])
        except Exception as error:
            cursor.close()
            raise self._known(error, statement) from error
        return cursor

    def _known(self, error: Exception, statement: str) -> BaseException:
        """The driver's error as SQLAlchemy calls it; a connection that is lost does not go back to the pool."""
        dialect: Any = self.connection.dialect
        if dialect.is_disconnect(error, self._direct, None):
            self.connection.invalidate(error)
        return DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, dialect=dialect)


def _watched(connection: Connection) -> bool:
    listeners = connection.engine.dispatch
    heard = listeners.before_cursor_execute or listeners.after_cursor_execute
    return bool(heard) or bool(connection.engine.echo) or LOG.isEnabledFor(logging.INFO)


LOG = logging.getLogger("sqlalchemy.engine.Engine")
